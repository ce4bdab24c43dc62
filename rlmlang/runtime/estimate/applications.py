"""Follow applications of functions, records and built-ins, and CALL, before a run."""

from __future__ import annotations

from collections.abc import Iterable

from rlmlang.errors import BudgetError
from rlmlang.language import nodes
from rlmlang.language.builtins import SpecialForm
from rlmlang.language.builtins.common import shortest_length
from rlmlang.language.check.checked import FunctionTarget, NativeTarget, ParameterTarget, RecordTarget
from rlmlang.language.types import INT, FunctionType, RecordType, TupleType, Type, TypeVar
from rlmlang.runtime.estimate.changes import Place, changed_length
from rlmlang.runtime.estimate.comprehensions import quantifier
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.follower import Follower, FunctionEstimate
from rlmlang.runtime.estimate.functions import enter, function_argument
from rlmlang.runtime.estimate.intervals import (
    UNKNOWN,
    Mixed,
    UnknownValue,
    all_known,
    bounds_of,
    build,
    either,
    elements_of,
    frozen_copy,
    least_of,
    plain,
)
from rlmlang.runtime.values import RecordValue, Value


def apply(follower: Follower, node: nodes.Apply, env: Env) -> Value:
    target = follower.tables.targets[node.node_id]
    match target:
        case NativeTarget():
            return native(follower, node, target, env)
        case RecordTarget():
            type_ = target.type
            parts = [follower.value(arg, env) for arg in target.args]
            return build(parts, lambda parts: RecordValue(type_, tuple(parts)))
        case FunctionTarget():
            args = [
                function_argument(follower, arg, env) if isinstance(type_, FunctionType) else follower.value(arg, env)
                for arg, type_ in zip(target.args, target.function.params)
            ]
            return enter(follower, target.function, args, env)
        case ParameterTarget():
            holder = env.holder(target.name)
            assert holder is not None
            function: FunctionEstimate = holder.variables[target.name]
            return function([follower.value(arg, env) for arg in target.args])


def native(follower: Follower, node: nodes.Apply, target: NativeTarget, env: Env) -> Value:
    builtin = target.builtin
    args = [*target.args, *(value for _, value in target.keywords)]
    match builtin.form:
        case SpecialForm.PROGRAM:
            for each in args:
                follower.value(each, env)
            follower.open = True
            return follower.unknown(node)
        case SpecialForm.FOLD:
            return fold(follower, target, env)
        case SpecialForm.ANY | SpecialForm.ALL if (generator := target.generator) is not None:
            return quantifier(follower, generator, builtin.form is SpecialForm.ANY, env)
    place = Place(follower, args[0], env) if builtin.changes else None
    values: list[Value] = [None] * len(args)
    for position, sources in target.operands:
        if position == 0 and place is not None:
            values[0] = place.value()
        elif sources is None:
            values[position] = follower.value(args[position], env)
        else:
            function = function_argument(follower, args[position], env)
            given = [values[source] for source in sources.places]
            values[position] = results_of(function, given) if sources.themselves else mapped(follower, function, given)
    if place is None:
        return run(follower, node, target, values)
    results: list[Value] = []
    place.change(lambda value: changed(follower, node, target, [value, *values[1:]], env, results))
    return results[0]


def run(follower: Follower, node: nodes.Apply, target: NativeTarget, values: list[Value]) -> Value:
    """Return what is known of the result of the code of a built-in."""
    builtin, count = target.builtin, len(target.args)
    moves = builtin.moves is not None and all(map(moved, values, target.parameter_types))
    if moves or all_known(*values):
        values = [*map(plain, values)]
        keywords = dict(zip((keyword for keyword, _ in target.keywords), values[count:]))
        return marked(
            follower.pure(node, lambda meter: builtin.code(meter, *values[:count], **keywords)), builtin.moves
        )
    if builtin.bounds is None:
        return follower.unknown(node)
    low, high = builtin.bounds([bounds_of(value) for value in values])
    return int(low) if follower.tables.types[node.node_id] == INT and low == high else follower.unknown(node, low, high)


def moved(value: Value, type_: Type) -> bool:
    """Return whether code that moves elements without looking at them can be given an argument for a parameter."""
    return all_known(value) or isinstance(value, Mixed) or isinstance(type_, TypeVar)


def marked(value: Value, levels: int | None) -> Value:
    """Return a result whose containers, so many levels of them, are marked as having unknown parts if they have any."""
    if not levels or not isinstance(value, (list, tuple)):
        return value
    return build([marked(part, levels - 1) for part in value], type(value))


def changed(
    follower: Follower, node: nodes.Apply, target: NativeTarget, values: list[Value], env: Env, results: list[Value]
) -> Value:
    """Return what is known of a container after a method has changed it, and add the method's result to a list."""
    container = values[0]
    moves = target.builtin.moves is not None and all(map(moved, values, target.parameter_types))
    if isinstance(container, UnknownValue) or not (moves or all_known(*values)):
        results.append(follower.unknown(node))
        sizes = [bounds_of(value) for value in values]
        return UnknownValue(*changed_length(target.builtin.name, sizes[0], sizes[1] if len(sizes) > 1 else (0, 0)))
    container = env.changeable(container)
    results.append(run(follower, node, target, [container, *values[1:]]))
    return container if all_known(*values[1:]) or isinstance(container, Mixed) else Mixed(container)


def results_of(function: FunctionEstimate, *items: Iterable[Value]) -> Value:
    """Return the results of a function for the elements at the same place."""
    return build([function([*each]) for each in zip(*items)], list)


def mapped(follower: Follower, function: FunctionEstimate, containers: list[Value]) -> Value:
    """Return the results of a function for the elements at the same place in containers."""
    if not any(isinstance(container, UnknownValue) for container in containers):
        return results_of(function, *map(elements_of, containers))
    low, high = shortest_length([bounds_of(container) for container in containers])
    with follower.maybe(high, low >= 1):
        function([UNKNOWN] * len(containers))
    return UnknownValue(low, high)


def fold(follower: Follower, target: NativeTarget, env: Env) -> Value:
    step, elements, start = target.in_order
    function = function_argument(follower, step, env)
    items, state = follower.value(elements, env), follower.value(start, env)
    if isinstance(items, UnknownValue):
        with follower.maybe(items.high, items.low >= 1):
            function([UNKNOWN, UNKNOWN])
        return UNKNOWN
    known = elements_of(items)
    follower.charge(len(known))
    for item in known:
        state = function([state, item])
    return state


def call(follower: Follower, node: nodes.Call, env: Env) -> Value:
    args = [follower.value(arg, env) for arg in node.args]
    names: list[str | None] = [None] * (len(args) - 1)
    options: dict[str, Value] = {"sample": 0}
    for keyword in node.keywords:
        value = follower.value(keyword.value, env)
        if keyword.name in ("sample", "default"):
            options[keyword.name] = value
        else:
            args.append(value)
            names.append(keyword.name)
    type_ = follower.tables.types[node.node_id]
    if follower.limits.max_depth < 1:
        if follower.sure:
            raise BudgetError.of("E502", "a CALL, and max_depth is 0", node.span, hint="raise max_depth")
        return answer(type_)
    if all_known(*args, options["sample"]):
        follower.pure(node, lambda meter: meter.walk(*args))
        args = [*map(frozen_copy, args)]
    follower.sites.add(node.span)
    times, sure = follower.factor, follower.sure
    follower.tally.count(node.span, type_, tuple(names), tuple(args), options["sample"], times, sure)
    if "default" in options:
        return either(answer(type_), options["default"])
    follower.may_fail()
    return answer(type_)


def answer(type_: Type) -> Value:
    """Return an unknown answer of a type; the parts of tuples and records are unknown one by one."""
    if isinstance(type_, TupleType):
        return build([answer(item) for item in type_.items], tuple)
    if isinstance(type_, RecordType):
        parts = [answer(item) for _, item in type_.fields]
        return build(parts, lambda parts: RecordValue(type_, tuple(parts)))
    return UnknownValue(least_of(type_))
