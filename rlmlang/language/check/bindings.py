"""The rules for assignments: what the targets hold from there on."""

from __future__ import annotations

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.check import changes
from rlmlang.language.check.annotations import resolve
from rlmlang.language.check.constants import constants
from rlmlang.language.check.expressions import operation
from rlmlang.language.check.functions import is_open, merged
from rlmlang.language.check.inference import Inference
from rlmlang.language.check.iteration import unpack
from rlmlang.language.check.mismatches import mismatch
from rlmlang.language.check.scope import Variable
from rlmlang.language.types import DictType, ListType, SetType, Type, fits


def assigned(check: Inference, node: nodes.Assign) -> None:
    type_ = check.infer(node.value)
    for target in node.targets:
        assign(check, target, type_, node.value)


def assign(
    check: Inference,
    target: nodes.Target,
    type_: Type,
    value: nodes.Expr | None = None,
) -> None:
    """Bind a target to a value of a type; `value` is the expression that gives it, if there is one."""
    match target:
        case nodes.Name():
            values = None if value is None else constants(value, check.names.scope)
            origin = None if value is None else changes.origin_of(value)
            check.names.bind(target, Variable(type_, target.span, values, origin=origin))
            check.tables.types[target.node_id] = type_
        case nodes.Index():
            changes.set_item(check, target, type_, value)
        case nodes.TupleTarget(items=items):
            span = target.span if value is None else value.span
            values_of: tuple[nodes.Expr | None, ...] = (None,) * len(items)
            if isinstance(value, nodes.TupleExpr) and len(value.items) == len(items):
                values_of = value.items
            known = [None if each is None else constants(each, check.names.scope) for each in values_of]
            for item, part, values in zip(items, unpack(check.problems, type_, len(items), span), known):
                if isinstance(item, nodes.Name):
                    check.names.bind(item, Variable(part, item.span, values))
                    check.tables.types[item.node_id] = part
                else:
                    assign(check, item, part)


def assign_element(check: Inference, node: nodes.For, type_: Type) -> None:
    """Bind the target of a `for` to an element of what it goes over."""
    iterable, target = node.iterable, node.target
    match iterable, target:
        case nodes.Apply(callee=nodes.Name(id="enumerate"), args=(over, *_)), nodes.TupleTarget(items=(_, part)):
            pass
        case nodes.Apply(callee=nodes.Attribute(value=over, name="items"), args=()), nodes.TupleTarget(items=(_, part)):
            pass
        case nodes.Apply(callee=nodes.Attribute(value=over, name="values"), args=()), part:
            pass
        case _:
            over, part = iterable, target
    assign(check, target, type_)
    origin = changes.origin_of(nodes.Index(over, over, span=over.span))
    entry = check.names.scope.entries.get(part.id) if isinstance(part, nodes.Name) else None
    if isinstance(entry, Variable) and isinstance(part, nodes.Name):
        check.names.scope.set(part.id, evolve(entry, origin=origin))


def annotated(check: Inference, node: nodes.AnnotatedAssign) -> None:
    type_ = resolve(node.type, check.names, open_parts=True)
    if node.value is None:
        return
    what = f"`{node.name.id}`"
    if is_open(type_):
        found = check.infer(node.value)
        if not fits(found, type_):
            mismatch(check.problems, node.value, found, type_, what, "E210")
        type_ = merged(type_, found)
    else:
        check.expect(node.value, type_, what)
    assign(check, node.name, type_, node.value)


def augmented(check: Inference, node: nodes.AugmentedAssign) -> None:
    target = node.target
    before = check.body.scope.entries.get(target.id) if isinstance(target, nodes.Name) else None
    left, right = check.infer(target), check.infer(node.value)
    type_ = changes.extended(node, left, right)
    if type_ is None:
        type_ = operation(check, nodes.Binary(node.op, target, node.value, span=node.span), left, right)
    assign(check, target, type_)
    if isinstance(target, nodes.Name) and isinstance(left, (ListType, SetType, DictType)):
        changes.changed_by_assignment(check, target, before)
    check.tables.types[target.node_id] = left  # of the operand, which whoever evaluates it needs
