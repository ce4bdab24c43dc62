"""Python annotations as types of the language: `list[str]`, `Literal["yes", "no"]`, `int | None`, a dataclass."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from rlmlang.errors import UsageError
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DictType,
    ListType,
    OpenTupleType,
    RecordType,
    SetType,
    TupleType,
    Type,
    hashable,
    literal,
    optional,
)

_PLAIN: dict[object, Type] = {str: STR, int: INT, float: FLOAT, bool: BOOL, NoneType: NONE, None: NONE}


def type_text(annotation: Any) -> str:
    """Return the text of a type, which is given as text or as a Python type. Raises UsageError E607."""
    return annotation if isinstance(annotation, str) else str(type_of_annotation(annotation))


def type_of_annotation(annotation: Any) -> Type:
    """Return the type that a Python type is, a record for a class of fields. Raises UsageError E607."""
    return _type(annotation, ())


def holds_records(annotation: Any) -> bool:
    """Return whether a class of fields is a part of an annotation."""
    return field_names(annotation) is not None or any(map(holds_records, get_args(annotation)))


def field_names(kind: Any) -> Iterable[str] | None:
    """Return the names of the fields of a dataclass, an attrs or pydantic class, a named tuple or a `TypedDict`."""
    if not isinstance(kind, type):
        return None
    if isinstance(declared := getattr(kind, "model_fields", None), dict):
        return declared
    if isinstance(attributes := getattr(kind, "__attrs_attrs__", None), tuple):
        return [each.name for each in attributes]
    if is_dataclass(kind):
        return [each.name for each in fields(kind)]
    if is_typeddict(kind):
        return list(kind.__annotations__)
    return getattr(kind, "_fields", None) if issubclass(kind, tuple) else None


def _record(kind: type, names: Iterable[str], around: tuple[type, ...]) -> RecordType:
    """Return the record that a class of fields is, within others. Raises UsageError E607."""
    if kind in around:
        raise UsageError.of("E607", f"{kind!r} is a part of itself, which no record is")
    try:
        types = get_type_hints(kind)
    except Exception as error:
        raise UsageError.of("E607", f"the annotations of {kind!r} cannot be read: {error}") from error
    if missing := [name for name in names if name not in types]:
        raise UsageError.of("E607", f"the field `{missing[0]}` of {kind!r} has no type")
    return RecordType(kind.__name__, tuple((name, _type(types[name], (*around, kind))) for name in names))


def _type(annotation: Any, around: tuple[type, ...]) -> Type:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is None and isinstance(annotation, Hashable) and annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is Literal and all(type(value) in (str, int, bool) for value in args):
        return literal(args)
    if origin is list and args:
        return ListType(_type(args[0], around))
    if origin in (set, dict) and args and hashable(key := _type(args[0], around)):
        return SetType(key) if origin is set else DictType(key, _type(args[1], around))
    if origin is tuple and len(args) == 2 and args[1] is ...:
        return OpenTupleType(_type(args[0], around))
    if origin is tuple and args:
        return TupleType(tuple(_type(each, around) for each in args))
    if origin in (Union, UnionType) and len(args) == 2 and NoneType in args:
        return optional(_type(args[0] if args[1] is NoneType else args[1], around))
    if (names := field_names(annotation)) is not None:
        return _record(annotation, names, around)
    raise UsageError.of(
        "E607",
        f"{annotation!r} is not a type of the language",
        hint="types are str, int, float, bool, list[…], set[…], dict[…, …], tuple[…], Literal[…], … | None, and "
        "dataclasses and the like with fields of these types",
    )
