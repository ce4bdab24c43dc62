"""Python annotations as types of the language: `list[str]`, `Literal["yes", "no"]`, `int | None`."""

from __future__ import annotations

from collections.abc import Hashable
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

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
    return annotation if isinstance(annotation, str) else str(_type(annotation))


def _type(annotation: Any) -> Type:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is None and isinstance(annotation, Hashable) and annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is Literal and all(type(value) in (str, int, bool) for value in args):
        return literal(args)
    if origin is list and args:
        return ListType(_type(args[0]))
    if origin in (set, dict) and args and hashable(key := _type(args[0])):
        return SetType(key) if origin is set else DictType(key, _type(args[1]))
    if origin is tuple and len(args) == 2 and args[1] is ...:
        return OpenTupleType(_type(args[0]))
    if origin is tuple and args:
        return TupleType(tuple(map(_type, args)))
    if origin in (Union, UnionType) and len(args) == 2 and NoneType in args:
        return optional(_type(args[0] if args[1] is NoneType else args[1]))
    raise UsageError.of(
        "E607",
        f"{annotation!r} is not a type of the language",
        hint="types are str, int, float, bool, list[…], set[…], dict[…, …], tuple[…], Literal[…] and … | None",
    )
