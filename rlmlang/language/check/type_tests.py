"""What the static types say of `isinstance`."""

from __future__ import annotations

from collections.abc import Container

from rlmlang.language import nodes
from rlmlang.language.check.checked import NativeTarget, Tables
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    DictType,
    ListType,
    Never,
    OpenTupleType,
    OptionalType,
    RecordType,
    SetType,
    TupleType,
    Type,
    Unknown,
    base_of,
    without_none,
)

TESTED = ("str", "int", "float", "bool", "list", "dict", "set", "frozenset", "tuple")
"""The types that `isinstance` may test, besides records."""


def tested_names(node: nodes.Expr) -> list[nodes.Name] | None:
    """Return the names in the second argument of `isinstance`; None if it is something else."""
    items = node.items if isinstance(node, nodes.TupleExpr) else (node,)
    names = [item for item in items if isinstance(item, nodes.Name)]
    return names if len(names) == len(items) else None


def is_instance(type_: Type, names: Container[str]) -> bool | None:
    """Return whether values of a type are of one of the types with these names; None if only some may be."""
    match base_of(type_):
        case Unknown() | Never():
            return None
        case OptionalType(item=item):
            return None if is_instance(item, names) is not False else False
        case ListType():
            return "list" in names
        case DictType():
            return "dict" in names
        case SetType():
            return "set" in names or "frozenset" in names
        case TupleType() | OpenTupleType():
            return "tuple" in names
        case RecordType(name=name):
            return name in names
        case base if base == BOOL:
            return "bool" in names or "int" in names
        case base if base == FLOAT:  # whose values may be ints
            return ("float" in names) if ("float" in names) == ("int" in names) else None
        case base if base == NONE:
            return False
        case base:
            return str(base) in names


def instances(type_: Type, names: Container[str]) -> Type:
    """Return the type of the values of a type that are of one of the types with these names."""
    if isinstance(type_, OptionalType):
        return instances(type_.item, names)
    return INT if type_ == FLOAT and "int" in names and "float" not in names else type_


def tested_number(tables: Tables, target: NativeTarget) -> type | None:
    """Return the class that an `isinstance` tests a float for, which may be an int; None if it tests something else."""
    value, types = target.args
    if without_none(tables.types[value.node_id]) != FLOAT:
        return None
    return int if any(name.id == "int" for name in tested_names(types) or ()) else float
