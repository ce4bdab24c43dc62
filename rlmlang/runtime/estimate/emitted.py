"""Run in its emitted form what is all known before a run, and would take long to follow."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rlmlang.errors import BudgetError, RunError
from rlmlang.language import nodes
from rlmlang.language.check.checked import CheckedFunction, OuterVariable, Tables
from rlmlang.language.types import FunctionType
from rlmlang.runtime.emit.enclosing_scopes import NEAREST
from rlmlang.runtime.emit.failures import NATURAL, coded
from rlmlang.runtime.emit.functions import Loop
from rlmlang.runtime.emit.programs import Emission, EmittedProgram
from rlmlang.runtime.estimate.changes import changed_names
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.follower import Follower
from rlmlang.runtime.estimate.intervals import all_known, frozen_copy
from rlmlang.runtime.pending import UNBOUND
from rlmlang.runtime.values import RecordValue, Value


def run_function(follower: Follower, function: CheckedFunction, args: list[Value], outer: Env | None) -> list[Value]:
    """Return the value of an application in a list, which is empty if it cannot be run."""
    if function.makes_calls or function.prints or any(isinstance(type_, FunctionType) for type_ in function.params):
        return []
    values = _known([*args, *_values(outer, sorted(function.reads))])
    emission = None if values is None else follower.emitted.function(function)
    depth = follower.depth + function.is_recursive
    return [] if values is None or emission is None else _run(follower, emission, values, depth)


def run_loop(follower: Follower, node: nodes.For | nodes.While, env: Env) -> bool:
    """Run a loop and give its variables their values. Returns whether it could be run."""
    made = follower.fact(_emitted_loop, node, follower.tables, follower.emitted)
    if made is None:
        return False
    emission, loop = made
    values = _known(_values(env, loop.reads))
    if values is None:
        return False
    changed = follower.fact(changed_names, node, follower.tables)
    copies = {
        name: _changeable(follower, env, value) for (_, name), value in zip(loop.reads, values) if name in changed
    }
    results = _run(
        follower, emission, [copies.get(name, value) for (_, name), value in zip(loop.reads, values)], follower.depth
    )
    if not results:
        return False
    for name, value in (copies | dict(zip(loop.assigned.values(), results[0]))).items():
        if value is UNBOUND:
            env.variables.pop(name, None)
        else:
            env.bind(name, value)
    return True


def _changeable(follower: Follower, env: Env, value: Value) -> Value:
    """Return a value of which code may change all parts in place."""
    if not isinstance(value, (list, tuple, dict, set, RecordValue)):
        return value
    if isinstance(value, (list, dict, set)) and _is_flat(value):
        return env.changeable(value)
    follower.meter.charge(len(value.values if isinstance(value, RecordValue) else value) // 4)
    return frozen_copy(value)


def _is_flat(container: Collection[Value]) -> bool:
    """Return whether the elements of a container have no parts; all are of the type of the first, or None."""
    first = next(iter(container.values() if isinstance(container, dict) else container), 0)
    return isinstance(first, (str, int, float))


def _emitted_loop(
    node: nodes.For | nodes.While, tables: Tables, program: EmittedProgram
) -> tuple[Emission, Loop] | None:
    return program.loop(tables, node)


def _run(follower: Follower, emission: Emission, values: list[Value], depth: int) -> list[Value]:
    """Return the result of emitted code in a list, which is empty if it may fail in the run or takes too long.

    Raises RunError if it fails in any case.
    """
    meter = follower.emitted_meter
    before, meter.largest = meter.steps, 0
    try:
        result = emission(meter, depth, *values)
    except NATURAL as error:
        found = coded(error)
        if isinstance(found, RunError) and follower.sure and not follower.failures:
            raise found from None
        assert isinstance(found, (RunError, BudgetError))
        return []
    except RecursionError:
        return []
    follower.add_least(meter.steps - before, meter.largest)
    return [result]


def _known(values: list[Value]) -> list[Value] | None:
    return values if all_known(*values) and not any(map(callable, values)) else None


def _values(env: Env | None, reads: Iterable[OuterVariable]) -> list[Value]:
    """Return what is known of the variables that code reads, UNBOUND for one that has no value."""
    values: list[Value] = []
    for binder, name in reads:
        holder = env.holder(name) if binder == NEAREST and env is not None else None
        if binder != NEAREST and env is not None:
            holder = env.of(binder)
        values.append(UNBOUND if holder is None else holder.variables.get(name, UNBOUND))
    return values
