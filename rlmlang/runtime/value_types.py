"""The types of values that come without one: inputs of a function whose parameters have no types, and arguments."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rlmlang.language.types import (
    NEVER,
    STR,
    DictType,
    ListType,
    OpenTupleType,
    OptionalType,
    SetType,
    TupleType,
    Type,
    join,
    primitive_of,
)
from rlmlang.runtime.values import Mismatch, ObjectData, RecordValue, SetValue, Value


def declarable_type(value: Value) -> Type:
    """Return the narrowest type that a program can declare for a value: `str` for the elements of empty containers.

    Raises Mismatch for data whose elements have no common type; values of a program have one.
    """
    return declarable(type_of(value))


def type_of(value: Value) -> Type:
    """Return the narrowest type of a value; `Never` is that of the elements of empty containers.

    Raises Mismatch for data whose elements have no common type, and for objects and named tuples, which are records;
    values of a program have one.
    """
    if isinstance(value, list):
        return ListType(_common(map(type_of, _differing(value))))
    if isinstance(value, SetValue):
        return SetType(_common(map(type_of, _differing(value))))
    if isinstance(value, dict):
        if isinstance(value, ObjectData):
            raise Mismatch(f"it has objects of the class {value.class_name}")
        key, item = (_common(map(type_of, _differing(parts))) for parts in (value.keys(), value.values()))
        return DictType(key, item)
    if isinstance(value, tuple):
        if type(value) is not tuple:
            raise Mismatch(f"it has objects of the class {type(value).__name__}")
        return TupleType(tuple(map(type_of, value)))
    return value.type if isinstance(value, RecordValue) else primitive_of(value)


def _differing(values: Collection[Value]) -> Collection[Value]:
    """Return values with all the types of the given ones: fewer, where they are texts or numbers."""
    values = list(values.unordered()) if isinstance(values, SetValue) else values  # it may mix what has no order
    kinds = {type(value): value for value in values}
    return kinds.values() if kinds.keys() <= _PLAIN else values


_PLAIN = {str, int, float, bool, type(None)}


def _common(types: Iterable[Type]) -> Type:
    common: Type = NEVER
    for type_ in types:
        joined = join(common, type_)
        if joined is None:
            raise Mismatch(f"it mixes {common} and {type_}")
        common = joined
    return common


def declarable(type_: Type) -> Type:
    """Return the type with `str` for the elements of empty containers, which could have any type.

    That of the empty tuple cannot be written: it is declared as a tuple of any length.
    """
    match type_:
        case ListType():
            return ListType(declarable(type_.item))
        case SetType():
            return SetType(declarable(type_.item))
        case DictType():
            return DictType(declarable(type_.key), declarable(type_.value))
        case TupleType(items=()):
            return OpenTupleType(STR)
        case TupleType():
            return TupleType(tuple(map(declarable, type_.items)))
        case OpenTupleType():
            return OpenTupleType(declarable(type_.item))
        case OptionalType():
            return OptionalType(declarable(type_.item))
    return STR if type_ == NEVER else type_
