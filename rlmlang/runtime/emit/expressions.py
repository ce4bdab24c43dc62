"""Emit literals, names, displays, decisions, and parts of values."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import partial

from rlmlang.language import nodes
from rlmlang.language.builtins import ModuleConstant
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import Emitter, emits, meter
from rlmlang.runtime.emit.facts import SMALL, Emitted, of_constant
from rlmlang.runtime.emit.helpers import set_from
from rlmlang.runtime.emit.metering import charge_display, charge_items, charge_sum, charge_text
from rlmlang.runtime.operators import fill


@emits(nodes.Constant)
def constant(e: Emitter, node: nodes.Constant) -> Emitted:
    return of_constant(node.value, e.unit.constant(node.value))


@emits(nodes.Name)
def name(e: Emitter, node: nodes.Name) -> Emitted:
    reference = e.tables.references.get(node.node_id)
    if isinstance(reference, ModuleConstant):
        return of_constant(reference.value, e.unit.constant(reference.value))
    return e.read(e.variable(node.id), node.span)


@emits(nodes.ListExpr)
def of_list(e: Emitter, node: nodes.ListExpr) -> Emitted:
    return _charged_elements(e, node, ast.List(elements(e, node.items), python.LOAD))


@emits(nodes.TupleExpr)
def of_tuple(e: Emitter, node: nodes.TupleExpr) -> Emitted:
    return _charged_elements(e, node, ast.Tuple(elements(e, node.items), python.LOAD))


@emits(nodes.SetExpr)
def of_set(e: Emitter, node: nodes.SetExpr) -> Emitted:
    items = _charged_elements(e, node, ast.List(elements(e, node.items), python.LOAD))
    made = e.temporary(items.code)
    charge_items(e, python.call("len", python.load(made.id)), node.span)
    constants = all(isinstance(item, nodes.Constant) for item in node.items)
    return Emitted(e.helper(set_from, python.load(made.id), python.const(constants), span=node.span))


def elements(e: Emitter, items: Sequence[nodes.Expr]) -> list[ast.expr]:
    """Emit the elements of a display, or arguments, some of which may be starred."""
    values = e.operands([item.value if isinstance(item, nodes.Starred) else item for item in items])
    return [
        ast.Starred(value.code, python.LOAD) if isinstance(item, nodes.Starred) else value.code
        for item, value in zip(items, values)
    ]


def _charged_elements(e: Emitter, node: nodes.ListExpr | nodes.TupleExpr | nodes.SetExpr, made: ast.expr) -> Emitted:
    """Charge for a display with starred elements, whose number is known once it is made."""
    if not any(isinstance(item, nodes.Starred) for item in node.items):
        return Emitted(made)
    result = e.temporary(made)
    charge_items(e, python.call("len", python.load(result.id)), node.span)
    return Emitted(result)


@emits(nodes.DictExpr)
def of_dict(e: Emitter, node: nodes.DictExpr) -> Emitted:
    values = [value.code for value in e.operands([part for item in node.items for part in item])]
    made = e.temporary(ast.Dict([*values[::2]], values[1::2]))
    charge_display(e, len(node.items), node.span)
    return Emitted(made)


@emits(nodes.FString)
def fstring(e: Emitter, node: nodes.FString) -> Emitted:
    exprs = [part.value for part in node.parts if isinstance(part, nodes.Hole)]
    holes = e.operands(exprs)
    if e.fast is None and all(map(_is_plain, node.parts)) and all(e.kind(expr) in ("str", "int") for expr in exprs):
        holes = e.in_order([partial(e.simple, hole) for hole in holes])
        return _interpolated(e, node, [(hole, e.kind(expr) == "str") for hole, expr in zip(holes, exprs)])
    values = ast.Tuple([hole.code for hole in holes], python.LOAD)
    parts = python.load(e.unit.give("c", node, "the parts of an f-string"))
    return Emitted(e.helper(fill, parts, values, span=node.span))


def _is_plain(part: str | nodes.Hole) -> bool:
    return isinstance(part, str) or not (part.spec or part.conversion)


def _interpolated(e: Emitter, node: nodes.FString, holes: list[tuple[Emitted, bool]]) -> Emitted:
    """Emit an f-string of texts and ints as Python's own. What an int costs is known unless it is large."""
    numbers = [hole for hole, is_text in holes if not is_text]
    result = e.unit.fresh("t")
    given = iter(holes)
    parts: list[ast.expr] = [
        ast.FormattedValue(e.unit.constant(part) if isinstance(part, str) else python.again(next(given)[0].code), -1)
        for part in node.parts
    ]

    def reference() -> ast.expr:
        values = ast.Tuple([python.again(hole.code) for hole, _ in holes], python.LOAD)
        return e.helper(fill, python.load(e.unit.give("c", node, "the parts of an f-string")), values, span=node.span)

    small: list[ast.stmt] = []
    with e.within(small):
        if numbers:
            charge_sum(e, python.const(2 * len(numbers)), reference())
        e.add(python.assign(result, ast.JoinedStr(parts)))
        charge_text(e, python.call("len", python.load(result)), node.span)
    if not numbers:
        e.block += small
        return Emitted(python.load(result))
    tests = [python.compare(meter("largest"), ">", python.const(0))]
    for hole in numbers:
        if hole.bits is None or hole.bits > 64:
            limits = [python.const(-SMALL), python.again(hole.code), python.const(SMALL)]
            tests.append(ast.Compare(limits[0], [ast.Lt(), ast.Lt()], limits[1:]))
    e.add(python.when(python.both(*tests), small, [python.assign(result, reference())]))
    return Emitted(python.load(result))


# Decisions


@emits(nodes.Logic)
def logic(e: Emitter, node: nodes.Logic) -> Emitted:
    if (decided := e.decided(node.left)) is not None:
        if decided is (node.op == "or"):
            return e.expr(node.left)
        e.effects(node.left)
        return e.expr(node.right)
    left = e.expr(node.left)
    block, right = e.apart(node.right)
    if not block:
        op = python.AND if node.op == "and" else python.OR
        return Emitted(ast.BoolOp(op, [left.code, right.code]))
    result = e.temporary(left.code)
    block.append(python.assign(result.id, right.code))
    test = result if node.op == "and" else python.negated(result)
    e.add(python.when(test, block))
    return Emitted(python.load(result.id))


@emits(nodes.Conditional)
def conditional(e: Emitter, node: nodes.Conditional) -> Emitted:
    if (decided := e.decided(node.test)) is not None:
        e.effects(node.test)
        return e.expr(node.then if decided else node.other)
    test = e.expr(node.test)
    return e.choice(test.code, e.apart(node.then), e.apart(node.other))


@emits(nodes.IsNone)
def is_none(e: Emitter, node: nodes.IsNone) -> Emitted:
    if (decided := e.decided(node)) is not None:
        e.effects(node.value)
        return Emitted(python.const(decided))
    op = ast.IsNot() if node.negated else ast.Is()
    return Emitted(ast.Compare(e.no_literal(e.expr(node.value).code), [op], [python.const(None)]))
