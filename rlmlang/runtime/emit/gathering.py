"""Emit loops that gather a list, twice where that is faster: as a list comprehension of Python's, and turn by turn.

Where all that a turn charges is known, or charged by what it calls, the turns are charged before the first one if the
steps that are left allow it, and run as one list comprehension. If that fails in any way, the meter is set back, which
is all that has changed, and the turns are run one by one, so that the failure and the steps until then are exact.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from attrs import frozen

from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import METER, Emitter, Fast, NotFast, meter
from rlmlang.runtime.emit.facts import Emitted
from rlmlang.runtime.emit.failures import NATURAL


@frozen(eq=False)
class GatheredTurn:
    """A turn as an expression: what it binds, tests and gives."""

    target: ast.expr
    tests: list[ast.expr]
    element: ast.expr
    of_element: int
    """The steps among those of a turn that only turns whose tests hold take."""


def gathered(e: Emitter, iterable: ast.expr, turn: Callable[[], GatheredTurn], turns: Callable[[str], None]) -> Emitted:
    """Emit the list that a loop over the elements of a container gathers.

    `turn` emits a turn as an expression, `turns` the whole loop, which appends to a variable.
    """
    fast = Fast()
    made: GatheredTurn | None = None
    if e.fast is None:
        e.fast = fast
        try:
            with e.within([]):
                made = turn()
        except NotFast:
            pass
        finally:
            e.fast = None
    if made is None:
        return gathered_slowly(e, turns)
    result = e.unit.fresh("t")
    e.add(python.assign(result, python.const(None)))
    _at_once(e, result, iterable, made, fast.steps)
    one_by_one: list[ast.stmt] = []
    with e.within(one_by_one):
        e.add(python.assign(result, ast.List([], python.LOAD)))
        turns(result)
    e.add(python.when(ast.Compare(python.load(result), [ast.Is()], [python.const(None)]), one_by_one))
    return Emitted(python.load(result))


def gathered_slowly(e: Emitter, turns: Callable[[str], None]) -> Emitted:
    """Emit the list that a loop gathers turn by turn."""
    result = e.temporary(ast.List([], python.LOAD))
    turns(result.id)
    return Emitted(result)


def _at_once(e: Emitter, result: str, iterable: ast.expr, turn: GatheredTurn, steps: int) -> None:
    before, after, largest, patterns = (e.unit.fresh("s") for _ in range(4))

    def count(value: ast.expr) -> ast.expr:
        return python.call("len", python.again(value))

    e.add(python.assign(before, meter("steps")))
    total = python.binary(python.load(before), "+", python.binary(python.const(steps), "*", count(iterable)))
    e.add(python.assign(after, total))
    body: list[ast.stmt] = []
    made = ast.ListComp(turn.element, [ast.comprehension(turn.target, python.again(iterable), turn.tests, 0)])
    with e.nested(), e.within(body):
        e.add(_set("steps", python.load(after)))
        e.add(python.assign(result, made))
        if turn.of_element:
            left_out = python.binary(count(iterable), "-", count(python.load(result)))
            not_taken = python.binary(python.const(turn.of_element), "*", left_out)
            e.add(_set("steps", python.binary(meter("steps"), "-", not_taken)))
    back: list[ast.stmt] = [
        _set("steps", python.load(before)),
        _set("largest", python.load(largest)),
        _set("patterns", python.load(patterns)),
    ]
    failures = python.load(e.unit.give("h", NATURAL, "failures"))
    attempt: list[ast.stmt] = [
        python.assign(largest, meter("largest")),
        python.assign(patterns, meter("patterns")),
        ast.Try(body, [ast.ExceptHandler(failures, None, back)], [], []),
    ]
    e.add(python.when(python.compare(python.load(after), "<=", meter("max_steps")), attempt))


def _set(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Attribute(python.load(METER), name, python.STORE)], value)
