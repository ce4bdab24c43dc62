"""The type checker: from a syntax tree to a `Checked` program, before anything runs.

Types are inferred from the values that variables hold, along the flow of the program, and declared at the borders:
inputs, fields and CALLs, and where the program says them. Every error of a program is reported in one pass; an
expression that failed has the type `UNKNOWN`, which fits everywhere, so that one mistake is reported once.

`checker` holds the state, and `programs` says what is the value of a program. `statements`, `bindings`, `changes` and
`loops` are the rules for statements, `functions` those for functions; `flow` joins what is known where paths meet.
`expressions` and `applications` are those for expressions; `annotations`, `operators` and `overloads` are what those
rules look up.
"""

from __future__ import annotations

from collections.abc import Mapping

from rlmlang.language.check.checked import Checked
from rlmlang.language.check.checker import Checker
from rlmlang.language.check.library import library_function, library_names
from rlmlang.language.depth import deep_recursion
from rlmlang.language.parse import parse_partial
from rlmlang.language.source import Source
from rlmlang.language.types import Type

__all__ = ["check", "library_function", "library_names"]


@deep_recursion
def check(source: Source, expected: Type | None = None, inputs: Mapping[str, Type] | None = None) -> Checked:
    """Parse and check a program, whose value must be of the `expected` type if there is one.

    `inputs` are the types of the values that it will be given; parameters of a function program without a type take
    them, and without `inputs` are of the type UNKNOWN. Raises ProgramError with every diagnostic found.
    """
    parsed = parse_partial(source)
    checker = Checker(library_function, parsed.damaged, expected)
    checked = checker.program(parsed.module, inputs, complete=not parsed.diagnostics)
    checker.problems.raise_any(parsed.diagnostics)
    return checked
