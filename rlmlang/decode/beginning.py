"""Where a text begins that is written under a constraint: after the program that the constraint gives."""

from __future__ import annotations

from attrs import evolve

from rlmlang.decode.blocks import WrittenBlock
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.interning import number_of
from rlmlang.decode.lines import Ending, Point
from rlmlang.decode.partial import Environment
from rlmlang.errors import UsageError
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.parse import parse
from rlmlang.language.source import Source


def beginning(constraint: Constraint) -> Ending:
    """Return the end of the line before the first one that is written under a constraint.

    Raises ProgramError if the program so far does not check, and UsageError E607 if nothing can follow it.
    """
    written = number_of((constraint, repr(constraint.expected)))  # records are equal if their names are
    base = Environment.new(calls=constraint.calls)
    expected = None if constraint.unit == "call" else constraint.expected
    if not constraint.program.strip():
        base = evolve(base, expected=expected, inputs=constraint.unit == "program")
        return Ending(Point(base, unit=constraint.unit, written=written))
    statements = parse(Source(constraint.program + ("    pass\n" if constraint.within else ""))).statements
    block = WrittenBlock(statements=statements[:-1] if constraint.within else statements)
    found = base.at_end_of(block)
    if found is None:
        check(Source(constraint.program + ("    pass\n" if constraint.within else "None\n")))  # raises the diagnostics
        raise UsageError.of("E607", "the end of the program of a constraint is never reached")
    base = evolve(found, expected=expected, inputs=False)
    block = WrittenBlock()
    if constraint.within:
        function = statements[-1]
        if not isinstance(function, nodes.Function):
            raise UsageError.of("E607", "the program of a constraint for a body does not end with a function")
        block = block.opened(evolve(function, body=()), base.checker().default_of(function, expected))
        block = evolve(block, statements=function.body[:-1])
    return Ending(Point(base, block, constraint.unit, block.level, len(block.statements), written))
