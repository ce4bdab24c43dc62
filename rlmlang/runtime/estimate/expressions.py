"""Follow literals, names, operators and parts of values before a run."""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.types import BOOL, RecordType, TupleType
from rlmlang.runtime.estimate.follower import Env, Follower
from rlmlang.runtime.estimate.intervals import Mixed, UnknownValue, all_known, bounds_of, build, elements_of
from rlmlang.runtime.operators import COMPARISONS, OPERATORS, cut, fill, index_into
from rlmlang.runtime.values import Value


def constant(follower: Follower, node: nodes.Constant, env: Env) -> Value:
    return node.value


def name(follower: Follower, node: nodes.Name, env: Env) -> Value:
    return env.find(node.id)


def fstring(follower: Follower, node: nodes.FString, env: Env) -> Value:
    values = [follower.value(part.value, env) for part in node.parts if isinstance(part, nodes.Hole)]
    if not all_known(*values):
        return follower.unknown(node, sum(len(part) for part in node.parts if isinstance(part, str)))
    return follower.pure(node, lambda meter: fill(meter, node, values))


def of_list(follower: Follower, node: nodes.ListExpr, env: Env) -> Value:
    return build([follower.value(item, env) for item in node.items], list)


def of_tuple(follower: Follower, node: nodes.TupleExpr, env: Env) -> Value:
    return build([follower.value(item, env) for item in node.items], tuple)


def of_dict(follower: Follower, node: nodes.DictExpr, env: Env) -> Value:
    pairs = [(follower.value(key, env), follower.value(value, env)) for key, value in node.items]
    return follower.dict_of(node, pairs)


def unary(follower: Follower, node: nodes.Unary, env: Env) -> Value:
    value = follower.value(node.operand, env)
    if not all_known(value):
        return follower.unknown(node)
    if node.op == "not":
        return not value
    return -value if node.op == "-" else value


def binary(follower: Follower, node: nodes.Binary, env: Env) -> Value:
    a, b = follower.value(node.left, env), follower.value(node.right, env)
    if all_known(a, b):
        return follower.pure(node, OPERATORS[node.op], a, b)
    type_ = follower.tables.types[node.node_id]
    if isinstance(type_, TupleType) and not isinstance(a, UnknownValue) and not isinstance(b, UnknownValue):
        return build([*elements_of(a), *elements_of(b)], tuple)
    (low_a, high_a), (low_b, high_b) = bounds_of(a), bounds_of(b)
    if node.op == "+":
        return UnknownValue(type_, low_a + low_b, high_a + high_b)
    if node.op == "-":
        return UnknownValue(type_, low_a - high_b, high_a - low_b)
    return UnknownValue(type_)


def logic(follower: Follower, node: nodes.Logic, env: Env) -> Value:
    left = follower.value(node.left, env)
    if all_known(left):
        return left if bool(left) is (node.op == "or") else follower.value(node.right, env)
    return either(follower, node, left, follower.try_value(node.right, env))


def conditional(follower: Follower, node: nodes.Conditional, env: Env) -> Value:
    test = follower.value(node.test, env)
    if all_known(test):
        return follower.value(node.then if test else node.other, env)
    return either(follower, node, follower.try_value(node.then, env), follower.try_value(node.other, env))


def either(follower: Follower, node: nodes.Expr, a: Value, b: Value) -> Value:
    (low_a, high_a), (low_b, high_b) = bounds_of(a), bounds_of(b)
    return follower.unknown(node, min(low_a, low_b), max(high_a, high_b))


def compare(follower: Follower, node: nodes.Compare, env: Env) -> Value:
    left = follower.value(node.first, env)
    result: Value = True
    before = follower.conditions
    for op, operand in node.rest:
        right = follower.value(operand, env)
        holds = follower.pure(node, COMPARISONS[op], left, right) if all_known(left, right) else UnknownValue(BOOL)
        if not all_known(holds):
            follower.conditions, result = before + 1, holds  # the rest is looked at only if it holds
        elif not holds:
            result = holds
            break
        left = right
    follower.conditions = before
    return result


def is_none(follower: Follower, node: nodes.IsNone, env: Env) -> Value:
    value = follower.value(node.value, env)
    if isinstance(value, UnknownValue):
        return UnknownValue(BOOL)
    return (value is None) is not node.negated


def attribute(follower: Follower, node: nodes.Attribute, env: Env) -> Value:
    value = follower.value(node.value, env)
    type_ = follower.tables.types[node.value.node_id]
    assert isinstance(type_, RecordType)
    if isinstance(value, UnknownValue):
        return follower.unknown(node)
    return elements_of(value)[[name for name, _ in type_.fields].index(node.name)]


def index(follower: Follower, node: nodes.Index, env: Env) -> Value:
    value, index = follower.value(node.value, env), follower.value(node.index, env)
    if isinstance(value, UnknownValue) or not all_known(index):
        return follower.unknown(node)
    if isinstance(value, Mixed):
        return follower.pure(node, index_into, value.remake(value.parts), index)
    return follower.pure(node, index_into, value, index)


def of_slice(follower: Follower, node: nodes.Slice, env: Env) -> Value:
    value = follower.value(node.value, env)
    bounds = [None if b is None else follower.value(b, env) for b in (node.start, node.stop, node.step)]
    if all_known(*bounds) and not isinstance(value, UnknownValue):
        part = follower.pure(node, cut, value.remake(value.parts) if isinstance(value, Mixed) else value, *bounds)
        if isinstance(value, Mixed) and isinstance(part, (list, tuple)):
            return build(list(part), type(part))
        return part
    _, high = bounds_of(value)
    stop = bounds[1]
    if isinstance(stop, int) and stop >= 0 and bounds[2] is None:
        high = min(high, stop)
    return follower.unknown(node, 0, high)
