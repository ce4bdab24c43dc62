"""Follow literals, names, operators and parts of values before a run."""

from __future__ import annotations

from collections.abc import Callable

from rlmlang.language import nodes
from rlmlang.language.builtins import ModuleConstant
from rlmlang.language.types import DefaultDictType, DictType, RecordType, SetType, Type
from rlmlang.runtime.estimate.changes import ChangedPlace, changed_names, part_of
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.follower import Follower
from rlmlang.runtime.estimate.intervals import (
    UNKNOWN,
    Mixed,
    UnknownValue,
    all_known,
    bounds_of,
    build,
    either,
    elements_of,
    plain,
    truth,
)
from rlmlang.runtime.exceptions import unbound
from rlmlang.runtime.operators import COMPARISONS, OPERATORS, cut, fill
from rlmlang.runtime.values import Value, set_of


def constant(follower: Follower, node: nodes.Constant, env: Env) -> Value:
    return node.value


def name(follower: Follower, node: nodes.Name, env: Env) -> Value:
    holder = env.holder(node.id)
    if holder is None:
        constant = follower.tables.references.get(node.node_id)
        if isinstance(constant, ModuleConstant):
            return constant.value
        if follower.sure:
            raise unbound(node.id).at(node.span)
        return follower.unknown()
    value = holder.variables[node.id]
    if isinstance(value, UnknownValue) and value.unbound:
        return follower.unknown(value.low, value.high)
    return value


def fstring(follower: Follower, node: nodes.FString, env: Env) -> Value:
    values = [follower.value(part.value, env) for part in node.parts if isinstance(part, nodes.Hole)]
    if not all_known(*values):
        return follower.unknown(sum(len(part) for part in node.parts if isinstance(part, str)))
    return follower.pure(node, lambda meter: fill(meter, node, values))


def of_list(follower: Follower, node: nodes.ListExpr, env: Env) -> Value:
    return display(follower, node, node.items, env, list)


def of_tuple(follower: Follower, node: nodes.TupleExpr, env: Env) -> Value:
    return display(follower, node, node.items, env, tuple)


def of_set(follower: Follower, node: nodes.SetExpr, env: Env) -> Value:
    constants = all(isinstance(item, nodes.Constant) for item in node.items)
    items = display(follower, node, node.items, env, lambda parts: set_of(parts, constants))
    if all_known(items):
        return items
    low, high = bounds_of(items)
    return follower.unknown(min(low, 1), high)


def display(
    follower: Follower, node: nodes.Expr, items: tuple[nodes.Expr, ...], env: Env, make: Callable[[list[Value]], Value]
) -> Value:
    """Return a container of elements, with those of `*containers` among them."""
    parts: list[Value] = []
    low = high = 0.0
    unknown = False
    for item in items:
        if not isinstance(item, nodes.Starred):
            parts.append(follower.value(item, env))
            low, high = low + 1, high + 1
            continue
        container = follower.value(item.value, env)
        more = bounds_of(container)
        low, high = low + max(more[0], 0), high + more[1]
        if isinstance(container, UnknownValue):
            unknown = True
        else:
            parts += elements_of(container)
    if unknown:
        return follower.unknown(low, high)
    return build(parts, make) if all_known(*parts) or make in (list, tuple) else UnknownValue(low, high)


def of_dict(follower: Follower, node: nodes.DictExpr, env: Env) -> Value:
    pairs = [(follower.value(key, env), follower.value(value, env)) for key, value in node.items]
    return follower.dict_of(node, pairs)


def unary(follower: Follower, node: nodes.Unary, env: Env) -> Value:
    value = follower.value(node.operand, env)
    if node.op == "not":
        holds = truth(value)
        return UNKNOWN if holds is None else not holds
    if not all_known(value):
        return UNKNOWN
    return -value if node.op == "-" else ~value if node.op == "~" else value


def binary(follower: Follower, node: nodes.Binary, env: Env) -> Value:
    a, b = follower.value(node.left, env), follower.value(node.right, env)
    if all_known(a, b):
        return follower.pure(node, OPERATORS[node.op], a, b)
    return bounded(follower, node, a, b, follower.tables.types[node.right.node_id])


def bounded(follower: Follower, node: nodes.Binary | nodes.AugmentedAssign, a: Value, b: Value, type_: Type) -> Value:
    """Return what is known of the value of an operator, of whose operands not all is known, the right one of a type."""
    op, left, right = node.op, plain(a), plain(b)
    if op == "+" and isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        whole = follower.moved(node, OPERATORS[op], left, right)
        return whole if isinstance(whole, UnknownValue) else Mixed(whole)
    follower.may_fail()
    (low_a, high_a), (low_b, high_b) = bounds_of(a), bounds_of(b)
    if isinstance(type_, (SetType, DictType)):
        return UnknownValue(0, high_a if op in ("&", "-") else high_a + high_b)
    if op == "+":
        return UnknownValue(low_a + low_b, high_a + high_b)
    if op == "-":
        return UnknownValue(low_a - high_b, high_a - low_b)
    return UNKNOWN


def logic(follower: Follower, node: nodes.Logic, env: Env) -> Value:
    left = follower.value(node.left, env)
    holds = truth(left)
    if holds is not None:
        return left if holds is (node.op == "or") else follower.value(node.right, env)
    return either(left, perhaps(follower, node.right, env))


def conditional(follower: Follower, node: nodes.Conditional, env: Env) -> Value:
    holds = truth(follower.value(node.test, env))
    if holds is not None:
        return follower.value(node.then if holds else node.other, env)
    return either(perhaps(follower, node.then, env), perhaps(follower, node.other, env))


def perhaps(follower: Follower, node: nodes.Expr, env: Env) -> Value:
    """Follow a part that may not be evaluated at all, so that its failure does not count."""
    names = follower.fact(changed_names, node, follower.tables)
    before = [(holder, name, holder.variables[name]) for name in names if (holder := env.holder(name)) is not None]
    for holder, name, value in before:
        holder.bind(name, UnknownValue(*bounds_of(value)))
    with follower.maybe():
        result = follower.value(node, env)
    for holder, name, value in before:
        holder.bind(name, either(UnknownValue(*bounds_of(value)), holder.variables[name]))
    return result


def compare(follower: Follower, node: nodes.Compare, env: Env) -> Value:
    left = follower.value(node.first, env)
    result: Value = True
    unknown = 0
    for op, operand in node.rest:
        right = follower.value(operand, env) if not unknown else perhaps(follower, operand, env)
        holds = follower.pure(node, COMPARISONS[op], left, right) if all_known(left, right) else UNKNOWN
        if not all_known(holds):
            if not unknown:
                unknown = 1
                follower.conditions += 1  # the rest is looked at only if it holds
            result = holds
        elif not holds:
            result = holds
            break
        left = right
    follower.conditions -= unknown
    return result


def is_none(follower: Follower, node: nodes.IsNone, env: Env) -> Value:
    if (known := decided(follower, node, node.value, env)) is not None:
        return known
    value = follower.value(node.value, env)
    return UNKNOWN if isinstance(value, UnknownValue) else (plain(value) is None) is not node.negated


def decided(follower: Follower, node: nodes.Expr, operand: nodes.Expr, env: Env) -> bool | None:
    """Return the value of a test if types decide it, whatever that of its operand is."""
    known = follower.tables.decided.get(node.node_id)
    if known is not None:
        follower.value(operand, env)
    return known


def attribute(follower: Follower, node: nodes.Attribute, env: Env) -> Value:
    constant = follower.tables.references.get(node.node_id)
    if isinstance(constant, ModuleConstant):
        return constant.value
    value = follower.value(node.value, env)
    type_ = follower.tables.types[node.value.node_id]
    assert isinstance(type_, RecordType)
    return part_of(follower, node, value, [name for name, _ in type_.fields].index(node.name))


def index(follower: Follower, node: nodes.Index, env: Env) -> Value:
    if isinstance(follower.tables.types.get(node.value.node_id), DefaultDictType):  # it keeps the default
        place = ChangedPlace(follower, node, env)
        value = place.value()
        place.change(lambda _: value)
        return value
    return part_of(follower, node, follower.value(node.value, env), follower.value(node.index, env))


def of_slice(follower: Follower, node: nodes.Slice, env: Env) -> Value:
    value = follower.value(node.value, env)
    bounds = [None if b is None else follower.value(b, env) for b in (node.start, node.stop, node.step)]
    if all_known(*bounds) and not isinstance(value, UnknownValue):
        part = follower.pure(node, cut, plain(value), *bounds)
        if isinstance(value, Mixed) and isinstance(part, (list, tuple)):
            return build(list(part), type(part))
        return part
    _, high = bounds_of(value)
    stop = bounds[1]
    if isinstance(stop, int) and stop >= 0 and bounds[2] is None:
        high = min(high, stop)
    return follower.unknown(0, high)
