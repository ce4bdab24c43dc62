"""Parts of statements that are not finished, and of what the checker knows where one is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from attrs import evolve

from rlmlang.decode.placeholders import FREE_INT, HOLE
from rlmlang.language import nodes
from rlmlang.language.check.body import BodyCheck
from rlmlang.language.check.scope import Scope, Variable
from rlmlang.language.parse.tree import is_docstring
from rlmlang.language.types import (
    DictType,
    FunctionType,
    ListType,
    LiteralType,
    OptionalType,
    Primitive,
    RecordType,
    SetType,
    TupleType,
)


def is_free(node: nodes.Expr | None) -> bool:
    """Return whether an expression is an integer that may be any other one, or that with a sign."""
    if isinstance(node, nodes.Unary):
        return is_free(node.operand)
    return isinstance(node, nodes.Constant) and node.value == FREE_INT


def is_plain(entry: object) -> bool:
    """Return whether an entry is a variable whose value cannot be changed."""
    return isinstance(entry, Variable) and isinstance(entry.type, (Primitive, LiteralType))


def with_field(record: nodes.Record, line: nodes.Statement) -> nodes.Statement:
    """Return a record with the field that a line is, or what is refused if it neither is one nor describes one."""
    match line:
        case nodes.ExprStatement() if is_docstring(line):
            return record
        case nodes.AnnotatedAssign():
            field_ = nodes.Field(line.name, line.type, line.value, span=line.span)
            return evolve(record, fields=(*record.fields, field_))
    return nodes.Return(None, span=line.span)


def is_hole(node: nodes.Expr) -> TypeGuard[nodes.Name]:
    """Return whether an expression is still to be written."""
    return isinstance(node, nodes.Name) and node.id.startswith(HOLE)


def copied(body: BodyCheck) -> BodyCheck:
    """Return a copy of what is known of a body, which a checker may change."""
    return evolve(
        body, loops=[evolve(each) for each in body.loops], entry_states=dict(body.entry_states),
        growing={place: list(names) for place, names in body.growing.items()}, definitions=dict(body.definitions),
    )  # fmt: skip


def chain_of(scope: Scope) -> Iterator[Scope]:
    at: Scope | None = scope
    while at is not None:
        yield at
        at = at.parent


def texts_in(todo: list[object]) -> set[str]:
    """Return the texts that are written in types."""
    found: set[str] = set()
    while todo:
        match todo.pop():
            case LiteralType(values=values):
                found.update(value for value in values if isinstance(value, str))
            case ListType(item=item) | OptionalType(item=item) | SetType(item=item):
                todo.append(item)
            case DictType(key=key, value=item):
                todo += [key, item]
            case TupleType(items=items):
                todo += items
            case RecordType(fields=fields):
                todo += [type_ for _, type_ in fields]
            case FunctionType(params=params, result=result):
                todo += [*params, result]
    return found
