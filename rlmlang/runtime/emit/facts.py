"""What is known of emitted expressions before they are evaluated, so that cheaper code can be chosen."""

from __future__ import annotations

import ast

from attrs import frozen

from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DequeType,
    DictType,
    ListType,
    OpenTupleType,
    RecordType,
    SetType,
    TupleType,
    Type,
    base_of,
)

SAFE_BITS = 255
"""Integers that are known to have at most so many bits are within the limit, and cost nothing."""

SMALL = 2**60
"""Integers in this range are below every limit, which is seen by one cheap comparison."""

STEP_BITS, SUM_BITS = 128, 200
"""What is added to a variable at a time, and what its value comes to, if no program has the time to get beyond."""

INDEX_BITS = 64
"""The bits of whatever counts turns or elements: no program gets to larger ones."""

FREE_CHARS = 15
"""Texts that are known to be no longer are compared without a charge."""


@frozen
class Emitted:
    """The code of an expression, and what is known of its value."""

    code: ast.expr
    bits: int | None = None
    """Of an int: its absolute value is below `2 ** bits`."""
    chars: int | None = None
    """Of a text: it has no more characters."""

    @property
    def is_short(self) -> bool:
        return self.chars is not None and self.chars <= FREE_CHARS


def either(a: Emitted, b: Emitted) -> Emitted:
    """Return what is known of a value that is one of two, with the code of the first."""
    bits = None if a.bits is None or b.bits is None else max(a.bits, b.bits)
    chars = None if a.chars is None or b.chars is None else max(a.chars, b.chars)
    return Emitted(a.code, bits, chars)


def of_constant(value: object, code: ast.expr) -> Emitted:
    """Return the code of a constant with what is known of it."""
    if type(value) is int:
        return Emitted(code, bits=value.bit_length())
    if isinstance(value, str):
        return Emitted(code, chars=len(value))
    return Emitted(code)


def kind_of(type_: Type | None) -> str:
    """Return the class of the values of a type, `int` or `record` for example; nothing if it is not known."""
    type_ = None if type_ is None else base_of(type_)
    if type_ in _PRIMITIVES:
        return _PRIMITIVES[type_]
    return _CLASSES.get(type(type_), "")


_PRIMITIVES: dict[Type | None, str] = {INT: "int", FLOAT: "float", BOOL: "bool", NONE: "None", STR: "str"}
_CLASSES: dict[type, str] = {
    ListType: "list",
    DequeType: "list",
    DictType: "dict",
    SetType: "set",
    TupleType: "tuple",
    OpenTupleType: "tuple",
    RecordType: "record",
}
