"""The rules for records: their fields, with defaults, and what the program says about them."""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.check import imports
from rlmlang.language.check.annotations import TYPE_NAMES, resolve
from rlmlang.language.check.inference import Inference
from rlmlang.language.parse.layout import show_hidden
from rlmlang.language.types import RecordType, Type

_FACTORIES: dict[str, type[nodes.ListExpr | nodes.DictExpr | nodes.SetExpr]] = {
    "list": nodes.ListExpr,
    "dict": nodes.DictExpr,
    "set": nodes.SetExpr,
}
"""What may make the default of a field anew for each record."""


def record(check: Inference, node: nodes.Record) -> None:
    """Check a `class`, and bind its name."""
    imports.decorators(check, node, "dataclasses")
    fields: dict[str, Type] = {}
    defaults: dict[str, nodes.Expr] = {}
    for each in node.fields:
        name, type_ = each.name.id, resolve(each.type, check.names)
        if name in fields:
            check.problems.error("E201", f"duplicate field `{name}`", each.name.span)
        if name.startswith("_"):
            check.problems.error("E204", "the name of a field cannot start with `_`", each.name.span)
        fields[name] = type_
        if each.default is not None:
            default = _default(check, each.default)
            if default is not None:
                check.expect(default, type_, "the default")
                defaults[name] = default
        elif defaults:
            message = "a field without a default follows a field with a default"
            check.problems.error("E208", message, each.name.span, "move it up")
    made = RecordType(node.name.id, tuple(fields.items()), descriptions(node), defaults)
    check.problems.bounded(made, node.name.span)
    if node.name.id in TYPE_NAMES:
        message = f"`{node.name.id}` is a built-in type"
        check.problems.error("E229", message, node.name.span, "choose another name")
    elif check.names.bind(node.name, made):
        check.names.records[node.name.id] = made


def _default(check: Inference, node: nodes.Expr) -> nodes.Expr | None:
    """Return what the default of a field is in each record that leaves it out; None if it is none.

    Python refuses lists, dicts and sets, which all records would share, and takes `field(default_factory=list)`.
    """
    match node:
        case nodes.Apply(args=(), keywords=(nodes.Keyword(name=name, value=value),)) if imports.is_field(
            check, node.callee
        ):
            if name == "default" and _is_fixed(check, value):
                return value
            if name == "default_factory" and isinstance(value, nodes.Name) and value.id in _FACTORIES:
                return _FACTORIES[value.id]((), span=node.span, node_id=node.node_id)
        case _ if _is_fixed(check, node):
            return node
    hint = "a list, dict or set of its own has each record by `field(default_factory=list)` of dataclasses"
    check.problems.error("E224", "the default of a field must be a constant", node.span, hint)
    return None


def _is_fixed(check: Inference, node: nodes.Expr) -> bool:
    """Return whether an expression is a constant that cannot be changed."""
    if isinstance(node, nodes.TupleExpr):
        return all(_is_fixed(check, item) for item in node.items)
    return check.is_constant(node) and not isinstance(node, (nodes.ListExpr, nodes.DictExpr, nodes.SetExpr))


def descriptions(node: nodes.Record) -> dict[str, str]:
    """Return what a program says about the fields of a record, and by an empty name about the record."""
    found = {"": _description(node), **{each.name.id: _description(each) for each in node.fields}}
    return {name: text for name, text in found.items() if text}


def _description(node: nodes.Record | nodes.Field) -> str:
    """Return the comment behind a part of a record and the string below it, on one line."""
    text = "" if node.docstring is None else str(node.docstring.value)
    return show_hidden(" ".join(f"{node.comment} {text}".split()))
