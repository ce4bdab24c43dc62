"""Compile literals, names, operators, parts of values, and CALL to closures."""

from __future__ import annotations

from functools import partial
from itertools import chain

from rlmlang.errors import RlmError, RunError
from rlmlang.language import nodes
from rlmlang.language.builtins import ModuleConstant
from rlmlang.language.source import Span
from rlmlang.language.types import RecordType
from rlmlang.runtime.aliases import levels
from rlmlang.runtime.arithmetic import inverted, negated
from rlmlang.runtime.call_site import CallSite
from rlmlang.runtime.closures import (
    Code,
    Compiler,
    after,
    branching,
    container_code,
    dict_of,
    part_of,
    strict,
    when_known,
)
from rlmlang.runtime.frames import Frame, read
from rlmlang.runtime.lookups import membership
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.operators import COMPARISONS, OPERATORS, cut, fill
from rlmlang.runtime.pending import (
    UNRESOLVED,
    Pending,
    Unsure,
    as_container,
    build_list,
    build_tuple,
    copied,
    resolved,
    truth,
    wrap,
)
from rlmlang.runtime.scheduler import PlacedError
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.values import Value, set_of


def constant(compiler: Compiler, node: nodes.Constant) -> Code:
    value = node.value
    return lambda frame: value


def name(compiler: Compiler, node: nodes.Name) -> Code:
    constant = compiler.tables.references.get(node.node_id)
    if isinstance(constant, ModuleConstant):
        return lambda frame: constant.value
    name, span = node.id, node.span
    depth = compiler.depth_of(name)
    if depth:
        return lambda frame: read(frame, name, span, depth)

    def local(frame: Frame) -> Value:
        value = frame.variables.get(name, Unsure)
        if value is Unsure or value.__class__ is Unsure:
            return read(frame, name, span, 0)
        return value

    return local


def fstring(compiler: Compiler, node: nodes.FString) -> Code:
    holes = [part.value for part in node.parts if isinstance(part, nodes.Hole)]
    return strict(compiler, node, holes, lambda meter, *values: fill(meter, node, values))


def items(compiler: Compiler, node: nodes.ListExpr | nodes.TupleExpr | nodes.SetExpr) -> Code:
    """Compile the elements of a display to code that returns a list of them, pending while a starred one is."""
    codes = compiler.codes([item.value if isinstance(item, nodes.Starred) else item for item in node.items])
    starred = [isinstance(item, nodes.Starred) for item in node.items]
    if not any(starred):
        return lambda frame: [code(frame) for code in codes]
    site, span = node.span.end, node.span

    def joined(frame: Frame, parts: list[Value]) -> list[Value]:
        opened = [list(as_container(part)) if star else [part] for star, part in zip(starred, parts)]
        try:
            frame.evaluation.meter.items(sum(map(len, opened)))
        except RlmError as error:
            raise PlacedError(error.at(span), Place(frame, site)) from None
        return list(chain.from_iterable(opened))

    sizes = [compiler.changeable(item.value) if isinstance(item, nodes.Starred) else 0 for item in node.items]

    def run(frame: Frame) -> Value:
        parts = [as_container(code(frame)) if star else code(frame) for star, code in zip(starred, codes)]
        waiting = [part for star, part in zip(starred, parts) if star and part.__class__ is Pending]
        if not waiting:
            return joined(frame, parts)
        meter = frame.evaluation.meter
        kept = [copied(part, size, meter) if size else part for size, part in zip(sizes, parts)]
        return frame.evaluation.defer(
            [part for star, part in zip(starred, kept) if star],
            Place(frame, site),
            lambda: build_list(joined(frame, kept)),
            whole=False,
        )

    return run


def of_list(compiler: Compiler, node: nodes.ListExpr) -> Code:
    parts = items(compiler, node)

    def run(frame: Frame) -> Value:
        found = parts(frame)
        return found if found.__class__ is Pending else build_list(found)

    return run


def of_tuple(compiler: Compiler, node: nodes.TupleExpr) -> Code:
    parts, site = items(compiler, node), node.span.end

    def run(frame: Frame) -> Value:
        found = parts(frame)
        if found.__class__ is Pending:
            return frame.evaluation.defer(
                [found], Place(frame, site), lambda: build_tuple(as_container(found)), whole=False
            )
        return build_tuple(found)

    return run


def of_set(compiler: Compiler, node: nodes.SetExpr) -> Code:
    parts, span = items(compiler, node), node.span
    constants = all(isinstance(item, nodes.Constant) for item in node.items)

    def run(frame: Frame) -> Value:
        return set_when_known(frame, parts(frame), span, constants)

    return run


def set_when_known(frame: Frame, parts: Value, span: Span, constants: bool = False) -> Value:
    """Make a set of elements, once all of them are known."""
    place = Place(frame, span.end)

    def make(parts: list[Value]) -> Value:
        try:
            frame.evaluation.meter.items(len(parts))
            frame.evaluation.meter.put_all(parts)
        except RlmError as error:
            raise PlacedError(error.at(span), place) from None
        return set_of(parts, constants)

    known = resolved(parts)
    if known.__class__ is list:
        known = build_list([resolved(part) for part in known])
    if known.__class__ in UNRESOLVED:
        return frame.evaluation.defer([known], place, lambda: make(resolved(known)))
    return make(known)


def of_dict(compiler: Compiler, node: nodes.DictExpr) -> Code:
    keys = compiler.codes([key for key, _ in node.items])
    values = compiler.codes([value for _, value in node.items])
    span = node.span
    return lambda frame: dict_of([(key(frame), value(frame)) for key, value in zip(keys, values)], frame, span)


# Operators


def unary(compiler: Compiler, node: nodes.Unary) -> Code:
    if node.op == "not":
        return strict(compiler, node, [node.operand], lambda meter, value: not value, partial(container_code, compiler))
    if node.op == "+":
        return compiler.code(node.operand)
    work = inverted if node.op == "~" else negated
    return strict(compiler, node, [node.operand], work)


def binary(compiler: Compiler, node: nodes.Binary) -> Code:
    return strict(compiler, node, [node.left, node.right], OPERATORS[node.op])


def logic(compiler: Compiler, node: nodes.Logic) -> Code:
    decided = compiler.tables.decided.get(node.left.node_id)
    stop = node.op == "or"  # the truth of the left side that decides the result
    if decided is not None:
        left = compiler.code(node.left)
        return left if decided is stop else after(left, compiler.code(node.right))
    right = compiler.code(node.right)

    def decide(frame: Frame, value: Value) -> Value:
        return value if truth(value) is stop else right(frame)

    return branching(compiler, node.left, [node.right], decide)


def conditional(compiler: Compiler, node: nodes.Conditional) -> Code:
    decided = compiler.tables.decided.get(node.test.node_id)
    if decided is not None:
        return after(compiler.code(node.test), compiler.code(node.then if decided else node.other))
    then, other, site = compiler.code(node.then), compiler.code(node.other), node.test.span.end

    def decide(frame: Frame, value: Value) -> Value:
        # `then` stands before the test in the text, but is evaluated after it.
        return then(frame.inside(site)) if truth(value) else other(frame)

    return branching(compiler, node.test, [node.then, node.other], decide)


def compare(compiler: Compiler, node: nodes.Compare) -> Code:
    if (code := membership(compiler, node)) is not None:
        return code
    if len(node.rest) == 1:
        op, second = node.rest[0]
        return strict(compiler, node, [node.first, second], COMPARISONS[op])
    # In a chain each operand is evaluated once, and only as long as the chain holds.
    parts = [node.first, *(operand for _, operand in node.rest)]
    operands = compiler.codes(parts)
    finish = [when_known(compiler, node, parts[i : i + 2], COMPARISONS[op]) for i, (op, _) in enumerate(node.rest)]
    later = [compiler.later(*parts[i + 2 :]) for i in range(len(finish))]
    sizes = [compiler.changeable(part) for part in parts]

    def link(frame: Frame, i: int, left: Value) -> Value:
        right = operands[i + 1](frame)
        holds = resolved(finish[i](frame, [left, right]))
        if i + 1 == len(finish):
            return holds
        if holds.__class__ is Pending:
            known = copied(right, sizes[i + 1], frame.evaluation.meter)
            return later[i].defer(
                frame,
                [holds],
                parts[i + 1].span.end,
                lambda then: link(then, i + 1, known) if resolved(holds) else False,
            )
        return holds and link(frame, i + 1, right)

    return lambda frame: link(frame, 0, operands[0](frame))


def is_none(compiler: Compiler, node: nodes.IsNone) -> Code:
    negated = node.negated
    return strict(
        compiler,
        node,
        [node.value],
        lambda meter, value: (value is None) is not negated,
        partial(container_code, compiler),
    )


# Parts


def attribute(compiler: Compiler, node: nodes.Attribute) -> Code:
    constant = compiler.tables.references.get(node.node_id)
    if isinstance(constant, ModuleConstant):
        return lambda frame: constant.value
    type_ = compiler.tables.types[node.value.node_id]
    if not isinstance(type_, RecordType):
        return compiler.code(node.value)  # it fails, since it is in an empty container
    position = [name for name, _ in type_.fields].index(node.name)
    return part_of(compiler, node, node.value, lambda value: value.values[position])


def of_slice(compiler: Compiler, node: nodes.Slice) -> Code:
    none = nodes.Constant(None, span=node.span)
    bounds = [none if bound is None else bound for bound in (node.start, node.stop, node.step)]

    def work(meter: Meter, value: Value, start: Value, stop: Value, step: Value) -> Value:
        return wrap(cut(meter, value, start, stop, step), 1)

    return strict(compiler, node, [node.value, *bounds], work, partial(container_code, compiler))


# CALL


def call(compiler: Compiler, node: nodes.Call) -> Code:
    given: list[nodes.Expr] = [nodes.Constant(0, span=node.span), *node.args]
    names: list[str | None] = [None] * (len(node.args) - 1)
    default: nodes.Expr | None = None
    for keyword in node.keywords:
        if keyword.name == "sample":
            given[0] = keyword.value
        elif keyword.name == "default":
            default = keyword.value
        else:
            given.append(keyword.value)
            names.append(keyword.name)
    within = compiler.scope.within or compiler.binding
    type_ = compiler.tables.answers[node.node_id]
    site = CallSite.of(node.span, type_, tuple(names), within)
    end, span = node.span.end, node.span
    shared = levels(type_) if compiler.changes else 0
    sizes = [compiler.changeable(each) for each in given]
    copies = [(place, size) for place, size in enumerate(sizes) if size]
    operands = compiler.codes(given)
    otherwise = None if default is None else compiler.code(default)

    def ask(frame: Frame, given: list[Value], fallback: Value) -> Value:
        place = Place(frame, end)
        try:
            if given[0] < 0:
                raise RunError.of("E308", f"sample is {given[0]}; it counts from 0")
            frame.evaluation.meter.walk(*given)
            default = None if otherwise is None else (fallback,)
            answer = frame.evaluation.call(site, tuple(given[1:]), given[0], place, default)  # decision 29
        except RlmError as error:
            raise PlacedError(error.at(span), place) from None
        return copied(answer, shared, frame.evaluation.meter)  # equal calls share an answer

    def run(frame: Frame) -> Value:
        given = [resolved(operand(frame)) for operand in operands]
        fallback = None if otherwise is None else otherwise(frame)
        for place, size in copies:  # whoever makes the call keeps its arguments
            given[place] = copied(given[place], size, frame.evaluation.meter)
        for value in given:
            if value.__class__ in UNRESOLVED:
                return frame.evaluation.defer(
                    given, Place(frame, end), lambda: ask(frame, [resolved(v) for v in given], fallback)
                )
        return ask(frame, given, fallback)

    return run
