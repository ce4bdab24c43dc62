"""Follow comprehensions, applications and CALL before a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rlmlang.errors import BudgetError
from rlmlang.language import nodes
from rlmlang.language.builtins import SpecialForm
from rlmlang.language.builtins.common import shortest_length
from rlmlang.language.check.checked import CheckedFunction, FunctionTarget, NativeTarget, ParameterTarget, RecordTarget
from rlmlang.language.types import BOOL, INT, STR, FunctionType, ListType, RecordType, TupleType, Type
from rlmlang.runtime.estimate.follower import Env, Follower, FunctionEstimate
from rlmlang.runtime.estimate.intervals import (
    UnknownValue,
    all_known,
    bounds_of,
    build,
    element_type,
    elements_of,
    product,
)
from rlmlang.runtime.steps import APPLICATION
from rlmlang.runtime.values import RecordValue, Value


def comprehension(follower: Follower, node: nodes.Comprehension, env: Env) -> Value:
    out: list[Value] = []
    low, high = clauses(
        follower, node, follower.turn_steps(node), 0, env, lambda inner: out.append(element(follower, node, inner))
    )
    if low == high == len(out):
        return follower.dict_of(node, out) if node.key is not None else build(out, list)
    if node.key is not None:
        return follower.unknown(node, min(low, 1), high)
    return follower.unknown(node, low, high)


def element(follower: Follower, node: nodes.Comprehension, env: Env) -> Value:
    if node.key is None:
        return follower.value(node.element, env)
    return follower.value(node.key, env), follower.value(node.element, env)


def clauses(
    follower: Follower,
    node: nodes.Comprehension,
    steps: list[int],
    level: int,
    env: Env,
    emit: Callable[[Env], object],
) -> tuple[float, float]:
    """Follow the clauses from a given one on. Returns the bounds on the number of elements.

    `steps` are those of a turn of each `for` from there on.
    """
    if level == len(node.clauses):
        emit(env)
        return 1, 1
    clause = node.clauses[level]
    if isinstance(clause, nodes.IfClause):
        test = follower.value(clause.test, env)
        if all_known(test):
            return clauses(follower, node, steps, level + 1, env, emit) if test else (0, 0)
        with follower.maybe():
            _, high = clauses(follower, node, steps, level + 1, env, emit)
        return 0, high
    turn, later = steps[0], steps[1:]
    items = follower.value(clause.iterable, env)
    item_type = element_type(follower.tables.types[clause.iterable.node_id])
    if isinstance(items, UnknownValue):
        if items.high == 0:
            return 0, 0
        with follower.maybe(items.high, items.low >= 1):
            follower.charge(turn)
            inner = Env({}, env)
            follower.assign(clause.target, UnknownValue(item_type), inner)
            low, high = clauses(follower, node, later, level + 1, inner, emit)
        # one element was emitted, whatever the count: with both bounds 1 it would be taken for the whole list
        return low * max(items.low, 0), max(product(high, items.high), 1.5 if items.high == 1 else 0)
    lows, highs = 0.0, 0.0
    for item in elements_of(items):
        follower.charge(turn)
        inner = Env({}, env)
        follower.assign(clause.target, item, inner)
        low, high = clauses(follower, node, later, level + 1, inner, emit)
        lows, highs = lows + low, highs + high
    return lows, highs


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
            return enter(follower, target.function, args)
        case ParameterTarget():
            function: FunctionEstimate = env.find(target.name)
            return function([follower.value(arg, env) for arg in target.args])


def enter(follower: Follower, function: CheckedFunction, args: list[Value]) -> Value:
    """Follow an application of a function. Returns its value."""
    node = function.node
    follower.charge(follower.function_steps(node))
    args = [*args, *(follower.value(p.default, follower.root) for p in node.params[len(args) :] if p.default)]
    outer = None if function.in_library else follower.root
    env = Env(dict(zip((param.name.id for param in node.params), args)), outer)
    tables, follower.tables = follower.tables, function.tables  # not restored after an error, which ends the estimate
    for local in node.body:
        follower.bind(local, env)
    value = follower.value(node.value, env)
    follower.tables = tables
    return value


def function_argument(follower: Follower, node: nodes.Expr, env: Env) -> FunctionEstimate:
    """Return what follows the applications of an argument that is a function."""
    if isinstance(node, nodes.Lambda):
        names, tables, steps = [param.id for param in node.params], follower.tables, follower.function_steps(node)

        def apply(args: list[Value]) -> Value:
            follower.charge(steps)
            outer, follower.tables = follower.tables, tables
            value = follower.value(node.body, Env(dict(zip(names, args)), env))
            follower.tables = outer
            return value

        return apply
    assert isinstance(node, nodes.Name)
    reference = follower.tables.references.get(node.node_id)
    match reference:
        case CheckedFunction():
            return lambda args: enter(follower, reference, args)
        case RecordType():

            def make(args: list[Value]) -> Value:
                follower.charge(APPLICATION)
                return build(args, lambda parts: RecordValue(reference, tuple(parts)))

            return make
        case NativeTarget():
            result, code = reference.signature.result, reference.builtin.code

            def apply_native(args: list[Value]) -> Value:
                follower.charge(APPLICATION)
                if not all_known(*args):
                    return UnknownValue(result)
                return follower.guarded(lambda: code(follower.meter, *args), result)

            return apply_native
    function: FunctionEstimate = env.find(node.id)
    return function


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
            return fold(follower, node, target, env)
        case SpecialForm.ANY | SpecialForm.ALL if (generator := target.generator) is not None:
            return quantifier(follower, generator, builtin.form is SpecialForm.ANY, env)
    values: list[Value] = [None] * len(args)
    for place, sources in target.operands:
        if sources is None:
            values[place] = follower.value(args[place], env)
        else:
            function = function_argument(follower, args[place], env)
            given = [values[source] for source in sources.places]
            types = [follower.tables.types[args[source].node_id] for source in sources.places]
            values[place] = (
                results_of(function, given) if sources.themselves else mapped(follower, function, given, types)
            )
    count = len(target.args)
    if all_known(*values):
        keywords = dict(zip((keyword for keyword, _ in target.keywords), values[count:]))
        return follower.pure(node, lambda meter: builtin.code(meter, *values[:count], **keywords))
    if builtin.bounds is None:
        return follower.unknown(node)
    low, high = builtin.bounds([bounds_of(value) for value in values])
    return int(low) if follower.tables.types[node.node_id] == INT and low == high else follower.unknown(node, low, high)


def results_of(function: FunctionEstimate, *items: Iterable[Value]) -> Value:
    """Return the results of a function for the elements at the same place."""
    return build([function([*each]) for each in zip(*items)], list)


def mapped(follower: Follower, function: FunctionEstimate, containers: list[Value], types: list[Type]) -> Value:
    """Return the results of a function for the elements at the same place in containers of these types."""
    if not any(isinstance(container, UnknownValue) for container in containers):
        return results_of(function, *map(elements_of, containers))
    low, high = shortest_length([bounds_of(container) for container in containers])
    with follower.maybe(high, low >= 1):
        result = function([UnknownValue(element_type(type_)) for type_ in types])
    type_ = result.type if isinstance(result, UnknownValue) else STR
    return UnknownValue(ListType(type_), low, high)


def fold(follower: Follower, node: nodes.Apply, target: NativeTarget, env: Env) -> Value:
    step, elements, start = target.in_order
    function = function_argument(follower, step, env)
    items, state = follower.value(elements, env), follower.value(start, env)
    if isinstance(items, UnknownValue):
        with follower.maybe(items.high, items.low >= 1):
            function([follower.unknown(node), UnknownValue(element_type(items.type))])
        return follower.unknown(node)
    known = elements_of(items)
    follower.charge(len(known))
    for item in known:
        state = function([state, item])
    return state


def quantifier(follower: Follower, generator: nodes.Comprehension, stop: bool, env: Env) -> Value:
    """Follow `any` or `all` of a generator, which stop at the first element whose truth is `stop`."""
    before = follower.conditions
    decided = unknown = False

    def emit(inner: Env) -> None:
        nonlocal decided, unknown
        value = follower.value(generator.element, inner)
        if all_known(value) and bool(value) is not stop:
            return
        decided = decided or (all_known(value) and follower.conditions == before)
        if not unknown:
            unknown = True
            follower.conditions += 1  # the elements after it may not be evaluated

    low, high = clauses(follower, generator, follower.turn_steps(generator), 0, env, emit)
    follower.conditions = before
    if decided:
        return stop
    return UnknownValue(BOOL) if unknown or low != high else not stop


def call(follower: Follower, node: nodes.Call, env: Env) -> Value:
    args = [follower.value(arg, env) for arg in node.args]
    names: list[str | None] = [None] * (len(args) - 1)
    sample: Value = 0
    for keyword in node.keywords:
        value = follower.value(keyword.value, env)
        if keyword.name == "sample":
            sample = value
        else:
            args.append(value)
            names.append(keyword.name)
    type_ = follower.tables.types[node.node_id]
    if follower.limits.max_depth < 1:
        if follower.sure:
            raise BudgetError.of("E502", "a CALL, and max_depth is 0", node.span, hint="raise max_depth")
        return answer(follower, type_)
    if all_known(*args, sample):
        follower.pure(node, lambda meter: meter.walk(*args))
    follower.tally.count(node.span, type_, tuple(names), tuple(args), sample, follower.factor, follower.sure)
    return answer(follower, type_)


def answer(follower: Follower, type_: Type) -> Value:
    """Return an unknown answer of a type; the parts of tuples and records are unknown one by one."""
    if isinstance(type_, TupleType):
        return build([answer(follower, item) for item in type_.items], tuple)
    if isinstance(type_, RecordType):
        parts = [answer(follower, item) for _, item in type_.fields]
        return build(parts, lambda parts: RecordValue(type_, tuple(parts)))
    return UnknownValue(type_)
