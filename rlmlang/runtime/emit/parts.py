"""Emit parts of values: fields, elements and slices, and constants of modules."""

from __future__ import annotations

import ast
from functools import partial

from rlmlang.language import nodes
from rlmlang.language.builtins import ModuleConstant
from rlmlang.language.source import Span
from rlmlang.language.types import RecordType
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import Emitter, emits
from rlmlang.runtime.emit.facts import Emitted, of_constant
from rlmlang.runtime.emit.metering import charge_items, charge_text
from rlmlang.runtime.emit.unit import PURE, Redo
from rlmlang.runtime.operators import cut, index_into


@emits(nodes.Attribute)
def attribute(e: Emitter, node: nodes.Attribute) -> Emitted:
    reference = e.tables.references.get(node.node_id)
    if isinstance(reference, ModuleConstant):
        return of_constant(reference.value, e.unit.constant(reference.value))
    return field(e, node, e.expr(node.value))


def field(e: Emitter, node: nodes.Attribute, whole: Emitted) -> Emitted:
    """Emit a field of a record."""
    type_ = e.type_of(node.value)
    if not isinstance(type_, RecordType):
        return whole  # it fails, since it is in an empty container
    position = [name for name, _ in type_.fields].index(node.name)
    return Emitted(ast.Subscript(python.attribute(whole.code, "values"), python.const(position), python.LOAD))


@emits(nodes.Index)
def index(e: Emitter, node: nodes.Index) -> Emitted:
    value, at = e.operands([node.value, node.index])
    return item(e, value, at, e.kind(node.value), node.span)


def item(e: Emitter, value: Emitted, at: Emitted, kind: str, span: Span) -> Emitted:
    """Emit an element of a container of some kind."""
    if kind not in ("list", "tuple", "str", "dict") or (kind == "dict" and e.unit.has_defaults):
        return Emitted(e.helper(index_into, value.code, at.code, span=span))
    whole, place = replayable(e, value, at)
    code = ast.Subscript(whole, place, python.LOAD)
    python.located(code, e.line(span, Redo(index_into, (whole, place))))
    return Emitted(code, chars=1 if kind == "str" else None)


@emits(nodes.Slice)
def of_slice(e: Emitter, node: nodes.Slice) -> Emitted:
    given = [bound for bound in (node.start, node.stop, node.step) if bound is not None]
    value, *codes = replayable(e, *e.operands([node.value, *given]))
    bounds = [None if bound is None else codes.pop(0) for bound in (node.start, node.stop, node.step)]
    operands = [python.const(None) if bound is None else bound for bound in bounds]
    kind = e.kind(node.value)
    if kind not in ("str", "list", "tuple") or e.fast is not None:
        return Emitted(e.helper(cut, value, *operands, span=node.span))
    line = e.line(node.span, Redo(cut, (value, *operands)))
    part = e.temporary(ast.Subscript(value, ast.Slice(*bounds), python.LOAD), line)
    charged = charge_text if kind == "str" else charge_items
    charged(e, python.call("len", python.load(part.id)), node.span)
    return Emitted(part)


_REPLAYED = (
    ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.NamedExpr,
    ast.Subscript, ast.Attribute, ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context,
)  # fmt: skip


def replayable(e: Emitter, *operands: Emitted) -> list[ast.expr]:
    """Return code of operands that can be evaluated again, with the same value, after the operation has failed."""
    return [each.code for each in e.in_order([partial(_replayable, e, each) for each in operands])]


def _replayable(e: Emitter, operand: Emitted) -> Emitted:
    return operand if all(map(_is_replayed, ast.walk(operand.code))) else e.simple(operand)


def _is_replayed(part: ast.AST) -> bool:
    if isinstance(part, ast.Call):
        return isinstance(part.func, ast.Name) and part.func.id in PURE
    return isinstance(part, _REPLAYED)
