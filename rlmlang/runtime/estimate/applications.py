"""Follow applications of functions, records and built-ins, and CALL, before a run."""

from __future__ import annotations

from collections.abc import Iterable

from rlmlang.errors import BudgetError
from rlmlang.language import nodes
from rlmlang.language.builtins import SpecialForm
from rlmlang.language.builtins.common import shortest_length
from rlmlang.language.check.checked import FunctionTarget, NativeTarget, ParameterTarget, RecordTarget, Sources
from rlmlang.language.check.type_tests import tested_number
from rlmlang.language.types import INT, FunctionType, Type, TypeVar
from rlmlang.runtime.estimate.changes import ChangedPlace, changed_length, unsure_changes
from rlmlang.runtime.estimate.comprehensions import first_element, quantifier
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.expressions import decided
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
    plain,
    unknown_of,
)
from rlmlang.runtime.values import RecordValue, Value

COUNTED = 4
"""Steps that it takes to count a call."""


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
            return enter(follower, target.function, args, env, node.span)
        case ParameterTarget():
            holder = env.holder(target.name)
            assert holder is not None
            function: FunctionEstimate = holder.variables[target.name]
            return function([follower.value(arg, env) for arg in target.args])


def native(follower: Follower, node: nodes.Apply, target: NativeTarget, env: Env) -> Value:
    builtin = target.builtin
    args = [*target.args, *(value for _, value in target.keywords)]
    match builtin.form:
        case SpecialForm.ISINSTANCE:
            if (known := decided(follower, node, args[0], env)) is not None:
                return known
            value = follower.value(args[0], env)
            if isinstance(value, UnknownValue):
                return UNKNOWN
            number = tested_number(follower.tables, target)
            return plain(value) is not None if number is None else plain(value).__class__ is number
        case SpecialForm.PROGRAM:
            for each in args:
                follower.value(each, env)
            follower.open = True
            return follower.unknown()
        case SpecialForm.FOLD:
            return fold(follower, target, env)
        case SpecialForm.ANY | SpecialForm.ALL if (generator := target.generator) is not None:
            return quantifier(follower, generator, builtin.form is SpecialForm.ANY, env)
        case SpecialForm.NEXT if (generator := target.generator) is not None:
            return first_element(follower, generator, args[1:], env)
    if any(isinstance(arg, nodes.Starred) for arg in args):
        return spread(follower, node, target, env)
    place = ChangedPlace(follower, args[0], env, node) if builtin.changes else None
    values: list[Value] = [None] * len(args)
    for position, sources in follower.fact(_operands, target):
        if position == 0 and place is not None:
            values[0] = place.value()
        elif sources is None:
            values[position] = follower.value(args[position], env)
        else:
            function = function_argument(follower, args[position], env)
            given = [values[source] for source in sources.places]
            if sources.themselves or not any(isinstance(container, UnknownValue) for container in given):
                containers = [given] if sources.themselves else [*map(elements_of, given)]
                values[position] = results_of(function, *containers)
                continue
            with unsure_changes(follower, args[position], env):
                values[position] = results_for_unknown(follower, function, given)
    if place is None:
        result = run(follower, node, target, values)
        return None if builtin.form is SpecialForm.PRINT else result
    results: list[Value] = []
    place.change(lambda value: changed(follower, node, target, [value, *values[1:]], env, results))
    return results[0]


def run(follower: Follower, node: nodes.Apply, target: NativeTarget, values: list[Value]) -> Value:
    """Return what is known of the result of the code of a built-in."""
    builtin, count = target.builtin, len(target.args)
    known = all_known(*values)
    if known or moves(follower, target, values):
        types = follower.fact(_parameter_types, target)
        values = [value if isinstance(type_, TypeVar) else plain(value) for value, type_ in zip(values, types)]
        keywords = dict(zip((keyword for keyword, _ in target.keywords), values[count:]))
        do = follower.pure if known else follower.moved
        return marked(do(node, lambda meter: builtin.code(meter, *values[:count], **keywords)), builtin.moves)
    if builtin.bounds is None:
        return follower.unknown()
    low, high = builtin.bounds([bounds_of(value) for value in values])
    return int(low) if follower.tables.types[node.node_id] == INT and low == high else follower.unknown(low, high)


def spread(follower: Follower, node: nodes.Apply, target: NativeTarget, env: Env) -> Value:
    """Follow an application with `*xs` among its arguments."""
    values: list[Value] = []
    for arg in target.args:
        value = follower.value(arg.value if isinstance(arg, nodes.Starred) else arg, env)
        if not isinstance(arg, nodes.Starred):
            values.append(value)
        else:
            values += [value] if isinstance(value, UnknownValue) else elements_of(value)
    keywords = {keyword: follower.value(value, env) for keyword, value in target.keywords}
    result: Value = follower.unknown()
    if all_known(*values, *keywords.values()):
        result = follower.pure(node, lambda meter: target.builtin.code(meter, *values, **keywords))
    return None if target.builtin.form is SpecialForm.PRINT else result


def moves(follower: Follower, target: NativeTarget, values: list[Value]) -> bool:
    """Return whether code only moves what is unknown of its arguments, without looking at it: keys are looked at."""
    if target.builtin.moves is None:
        return False
    for value, type_ in zip(values, follower.fact(_parameter_types, target)):
        if isinstance(type_, TypeVar) and (type_.hashed or type_.ordered):
            if not all_known(value):
                return False
        elif isinstance(value, UnknownValue) and not isinstance(type_, TypeVar):
            return False
    return True


def _operands(target: NativeTarget) -> list[tuple[int, Sources | None]]:
    return target.operands


def _parameter_types(target: NativeTarget) -> list[Type]:
    return target.parameter_types


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
    if isinstance(container, UnknownValue) or not (all_known(*values) or moves(follower, target, values)):
        results.append(follower.unknown())
        return UnknownValue(*changed_length(target, [bounds_of(value) for value in values]))
    container = env.changeable(container)
    results.append(run(follower, node, target, [container, *values[1:]]))
    return container if all_known(*values[1:]) or isinstance(container, Mixed) else Mixed(container)


def results_of(function: FunctionEstimate, *items: Iterable[Value]) -> Value:
    """Return the results of a function for the elements at the same place; its only result if it takes none."""
    return build([function([*each]) for each in zip(*items)] if items else [function([])], list)


def results_for_unknown(follower: Follower, function: FunctionEstimate, containers: list[Value]) -> Value:
    """Return the results of a function for the elements at the same place in containers, of which not all are known."""
    low, high = shortest_length([bounds_of(container) for container in containers])
    with follower.maybe(high, low >= 1):
        function([UNKNOWN] * len(containers))
    return UnknownValue(low, high)


def fold(follower: Follower, target: NativeTarget, env: Env) -> Value:
    step, elements, start = target.in_order
    function = function_argument(follower, step, env)
    items, state = follower.value(elements, env), follower.value(start, env)
    if isinstance(items, UnknownValue):
        with follower.maybe(items.high, items.low >= 1), unsure_changes(follower, step, env):
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
        return unknown_of(type_)
    if all_known(*args, options["sample"]):
        follower.pure(node, lambda meter: meter.walk(*args))
        args = [*map(frozen_copy, args)]
    follower.sites.add(node.span)
    times, sure = follower.factor, follower.sure
    follower.meter.charge(COUNTED)
    follower.tally.count(node.span, type_, tuple(names), tuple(args), options["sample"], times, sure)
    if "default" in options:
        return either(unknown_of(type_), options["default"])
    follower.may_fail()
    return unknown_of(type_)
