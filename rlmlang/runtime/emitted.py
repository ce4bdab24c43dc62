"""Run emitted code in the place of closures, where no value that it reads is pending.

Emitted code is made when it is first about to run. Where it cannot be made, or a value is pending, closures run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from types import TracebackType
from typing import Any, Union

from rlmlang.language import nodes
from rlmlang.language.check.checked import CheckedFunction, OuterVariable
from rlmlang.language.types import FunctionType
from rlmlang.runtime.closures import Code, Compiler, FrameNames, FunctionCode
from rlmlang.runtime.effects import effects_of, makes_calls
from rlmlang.runtime.emit.enclosing_scopes import NEAREST
from rlmlang.runtime.emit.failures import NATURAL, coded
from rlmlang.runtime.emit.programs import Emission, EmittedProgram
from rlmlang.runtime.emit.unit import SITES
from rlmlang.runtime.frames import Frame
from rlmlang.runtime.outcomes import Run
from rlmlang.runtime.pending import UNBOUND, UNRESOLVED, Unsure, resolved
from rlmlang.runtime.scheduler import PlacedError
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.values import Value

Reads = list[tuple[int, str]]
"""Variables, each by the number of frames out, and its name."""

_WAITING = UNRESOLVED | {Unsure}


def whole_program(program: EmittedProgram, names: Sequence[str]) -> Code | None:
    """Return the code of a whole program, given the names of its inputs."""
    emission = program.whole()
    if emission is None:
        return None

    def run(frame: Frame) -> Value:
        values = [frame.variables[name] for name in names]
        return _run(emission, frame, values, Place(frame, 0))

    return run


def with_emitted_function(
    program: EmittedProgram, checked: CheckedFunction, scope: FrameNames | None, closures: FunctionCode
) -> FunctionCode:
    """Return the code of a function that is run in its emitted form where it can be."""
    if checked.makes_calls or checked.prints or any(isinstance(param, FunctionType) for param in checked.params):
        return closures
    depth = int(checked.is_recursive)

    @cache
    def form() -> tuple[Emission, Reads] | None:
        emission = program.function(checked)
        return None if emission is None else (emission, _places(scope, sorted(checked.reads)))

    def run(around: Frame | None, args: list[Value], caller: Frame, site: int, turn: int) -> Value:
        made = form()
        if made is not None:
            emission, reads = made
            values = _plain(args)
            outer = None if values is None else _values(around, reads)
            if values is not None and outer is not None:
                place = Place(caller, site, turn)
                return _run(emission, caller, [*values, *outer], place, caller.depth + depth)
        return closures(around, args, caller, site, turn)

    return run


def with_emitted_expression(program: EmittedProgram, compiler: Compiler, node: nodes.Expr, closures: Code) -> Code:
    """Return the code of an expression that is run in its emitted form where it can be."""
    if makes_calls(compiler.tables, [node]):
        return closures
    scope, tables, site = compiler.scope, compiler.tables, node.span.end

    @cache
    def form() -> tuple[Emission, Reads] | None:
        made = program.expression(tables, node)
        return None if made is None else (made[0], _places(scope, made[1]))

    def run(frame: Frame) -> Value:
        made = form()
        values = None if made is None else _values(frame, made[1])
        if made is None or values is None:
            return closures(frame)
        return _run(made[0], frame, values, Place(frame, site), frame.depth)

    return run


def with_emitted_loop(
    program: EmittedProgram, compiler: Compiler, node: Union[nodes.For, nodes.While], closures: Run
) -> Run:
    """Return the code of a loop that is run in its emitted form where it can be."""
    if makes_calls(compiler.tables, [node]) or effects_of(compiler.tables, [node]).exits:
        return closures
    scope, tables, site = compiler.scope, compiler.tables, node.span.start

    @cache
    def form() -> tuple[Emission, Reads, dict[str, str]] | None:
        made = program.loop(tables, node)
        return None if made is None else (made[0], _places(scope, made[1].reads), made[1].assigned)

    def run(frame: Frame) -> Any:
        made = form() if frame.ordered is None else None
        values = None if made is None else _values(frame, made[1])
        if made is None or values is None:
            return closures(frame)
        emission, _, assigned = made
        try:
            results = emission(frame.evaluation.meter, frame.depth, *values)
        except NATURAL as error:
            found = _locals(error.__traceback__)
            _assign(frame, assigned.values(), [found.get(id_, UNBOUND) for id_ in assigned])
            raise PlacedError(coded(error), Place(frame, site)) from None
        _assign(frame, assigned.values(), results)
        return None

    return run


def _run(emission: Emission, frame: Frame, values: list[Value], place: Place, depth: int = 0) -> Value:
    try:
        return emission(frame.evaluation.meter, depth, *values)
    except NATURAL as error:
        raise PlacedError(coded(error), place) from None


def _locals(trace: TracebackType | None) -> dict[str, Value]:
    """Return the variables of the outermost emitted function that an exception has left."""
    while trace is not None and SITES not in trace.tb_frame.f_globals:
        trace = trace.tb_next
    return {} if trace is None else trace.tb_frame.f_locals


def _assign(frame: Frame, names: Any, values: Sequence[Value]) -> None:
    for name, value in zip(names, values):
        if value is UNBOUND:
            frame.variables.pop(name, None)
        else:
            frame.variables[name] = value


def _places(scope: FrameNames | None, variables: Sequence[OuterVariable]) -> Reads:
    """Return where variables are, seen from a scope."""
    return [(_depth(scope, binder, name), name) for binder, name in variables]


def _depth(scope: FrameNames | None, binder: int, name: str) -> int:
    depth = 0
    while scope is not None:
        if name in scope.names and binder in (NEAREST, scope.function):
            return depth
        scope, depth = scope.outer, depth + 1
    raise AssertionError(name)


def _plain(values: list[Value]) -> list[Value] | None:
    """Return values that are known, or None if one of them is not."""
    for value in values:
        if value.__class__ in UNRESOLVED:
            known = [resolved(value) for value in values]
            return None if any(value.__class__ in UNRESOLVED for value in known) else known
    return values


def _values(frame: Frame | None, reads: Reads) -> list[Value] | None:
    """Return the values of variables, UNBOUND for one without, or None if one of them is not known."""
    values = []
    for depth, name in reads:
        holder = frame
        for _ in range(depth):
            assert holder is not None
            holder = holder.scope
        assert holder is not None
        value = holder.variables.get(name, UNBOUND)
        if value.__class__ in _WAITING:
            value = resolved(value.pending if value.__class__ is Unsure else value)
            if value.__class__ in _WAITING:
                return None
        values.append(value)
    return values
