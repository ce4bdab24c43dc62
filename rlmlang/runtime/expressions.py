"""Compile literals, names, operators, parts of values, and CALL to closures."""

from __future__ import annotations

from rlmlang.errors import RlmError, RunError
from rlmlang.language import nodes
from rlmlang.language.types import RecordType
from rlmlang.runtime.call_site import CallSite
from rlmlang.runtime.closures import (
    Code,
    Compiler,
    Frame,
    FrameNames,
    branching,
    container_code,
    dict_of,
    part_of,
    strict,
    when_known,
)
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.operators import COMPARISONS, OPERATORS, cut, fill, index_into
from rlmlang.runtime.pending import UNRESOLVED, Partial, Place, as_container, build_list, build_tuple, resolved, wrap
from rlmlang.runtime.scheduler import PlacedError
from rlmlang.runtime.values import Value


def constant(compiler: Compiler, node: nodes.Constant) -> Code:
    value = node.value
    return lambda frame: value


def name(compiler: Compiler, node: nodes.Name) -> Code:
    name = node.id
    depth = 0
    scope: FrameNames | None = compiler.scope
    while scope is not None and name not in scope.names:
        scope, depth = scope.outer, depth + 1
    if depth == 0:
        return lambda frame: frame.variables[name]
    if depth == 1:
        return lambda frame: frame.scope.variables[name]  # type: ignore[union-attr]

    def find(frame: Frame) -> Value:
        for _ in range(depth):
            frame = frame.scope  # type: ignore[assignment]
        return frame.variables[name]

    return find


def fstring(compiler: Compiler, node: nodes.FString) -> Code:
    holes = [part.value for part in node.parts if isinstance(part, nodes.Hole)]
    return strict(node, compiler.codes(holes), lambda meter, *values: fill(meter, node, values))


def of_list(compiler: Compiler, node: nodes.ListExpr) -> Code:
    items = compiler.codes(node.items)
    return lambda frame: build_list([item(frame) for item in items])


def of_tuple(compiler: Compiler, node: nodes.TupleExpr) -> Code:
    items = compiler.codes(node.items)
    return lambda frame: build_tuple([item(frame) for item in items])


def of_dict(compiler: Compiler, node: nodes.DictExpr) -> Code:
    keys = compiler.codes([key for key, _ in node.items])
    values = compiler.codes([value for _, value in node.items])
    span = node.span
    return lambda frame: dict_of([(key(frame), value(frame)) for key, value in zip(keys, values)], frame, span)


# Operators


def unary(compiler: Compiler, node: nodes.Unary) -> Code:
    operand = compiler.code(node.operand)
    if node.op == "not":
        return strict(node, [operand], lambda meter, value: not value)
    if node.op == "+":
        return operand
    return strict(node, [operand], lambda meter, value: -value)


def binary(compiler: Compiler, node: nodes.Binary) -> Code:
    return strict(node, [compiler.code(node.left), compiler.code(node.right)], OPERATORS[node.op])


def logic(compiler: Compiler, node: nodes.Logic) -> Code:
    left, right = compiler.code(node.left), compiler.code(node.right)
    stop = node.op == "or"  # the truth of the left side that decides the result

    def decide(frame: Frame, value: Value) -> Value:
        return value if bool(value) is stop else right(frame)

    return branching(node, left, decide)


def conditional(compiler: Compiler, node: nodes.Conditional) -> Code:
    test, then, other = compiler.code(node.test), compiler.code(node.then), compiler.code(node.other)
    return branching(node, test, lambda frame, value: then(frame) if value else other(frame))


def compare(compiler: Compiler, node: nodes.Compare) -> Code:
    if len(node.rest) == 1:
        op, second = node.rest[0]
        return strict(node, [compiler.code(node.first), compiler.code(second)], COMPARISONS[op])
    # In a chain each operand is evaluated once, and only as long as the chain holds.
    operands = compiler.codes([node.first, *(operand for _, operand in node.rest)])
    finish = [when_known(node, COMPARISONS[op]) for op, _ in node.rest]

    def link(frame: Frame, i: int, left: Value) -> Value:
        right = operands[i + 1](frame)
        holds = finish[i](frame, [left, right])
        if i + 1 == len(finish):
            return holds
        return branching(node, lambda _: holds, lambda frame, it: it and link(frame, i + 1, right))(frame)

    return lambda frame: link(frame, 0, operands[0](frame))


def is_none(compiler: Compiler, node: nodes.IsNone) -> Code:
    negated = node.negated
    return strict(node, [compiler.code(node.value)], lambda meter, value: (value is None) is not negated)


# Parts


def attribute(compiler: Compiler, node: nodes.Attribute) -> Code:
    type_ = compiler.tables.types[node.value.node_id]
    assert isinstance(type_, RecordType)
    position = [name for name, _ in type_.fields].index(node.name)
    return part_of(node, compiler.code(node.value), lambda value: value.values[position])


def index(compiler: Compiler, node: nodes.Index) -> Code:
    value, index = compiler.code(node.value), compiler.code(node.index)
    finish = when_known(node, index_into)

    def run(frame: Frame) -> Value:
        whole, at = resolved(value(frame)), resolved(index(frame))
        if whole.__class__ is Partial and at.__class__ not in UNRESOLVED:
            part = _known_part(whole, at)
            if part is not None:
                return part[0]
        return finish(frame, [whole, at])

    return run


def of_slice(compiler: Compiler, node: nodes.Slice) -> Code:
    bounds = [
        (lambda frame: None) if bound is None else compiler.code(bound) for bound in (node.start, node.stop, node.step)
    ]

    def work(meter: Meter, value: Value, start: Value, stop: Value, step: Value) -> Value:
        return wrap(cut(meter, value, start, stop, step), 1)

    return strict(node, [container_code(compiler, node.value), *bounds], work)


def call(compiler: Compiler, node: nodes.Call) -> Code:
    sample = compiler.code(nodes.Constant(0, span=node.span))
    values: list[Code] = compiler.codes(node.args)
    names: list[str | None] = [None] * (len(node.args) - 1)
    for keyword in node.keywords:
        if keyword.name == "sample":
            sample = compiler.code(keyword.value)
        else:
            values.append(compiler.code(keyword.value))
            names.append(keyword.name)
    within = compiler.scope.within or compiler.binding
    site = CallSite.of(node.span, compiler.tables.types[node.node_id], tuple(names), within)
    start, span = node.span.start, node.span

    def ask(frame: Frame, given: list[Value]) -> Value:
        place = Place(frame, start)
        try:
            if given[0] < 0:
                raise RunError.of("E308", f"sample is {given[0]}; it counts from 0")
            frame.evaluation.meter.walk(*given)
            return frame.evaluation.call(site, tuple(given[1:]), given[0], place)  # decision 29
        except RlmError as error:
            raise PlacedError(error.at(span), place) from None

    operands = [sample, *values]

    def run(frame: Frame) -> Value:
        given = [resolved(operand(frame)) for operand in operands]
        for value in given:
            if value.__class__ in UNRESOLVED:
                return frame.evaluation.defer(
                    given, Place(frame, start), lambda: ask(frame, [resolved(v) for v in given])
                )
        return ask(frame, given)

    return run


def _known_part(whole: Partial, at: Value) -> tuple[Value] | None:
    """Return the part at an index or key, resolved or not, in a tuple; None if there is no such part."""
    if isinstance(at, str):
        items = as_container(whole)
        return (items[at],) if at in items else None
    return (whole.parts[at],) if -len(whole.parts) <= at < len(whole.parts) else None
