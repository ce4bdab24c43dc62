"""Which containers may be the same by their types: a list of dicts is never the dict that is put in (decision 144).

The shape of a container is what its type says of the containers in it: `list[dict[str, int]]` is a list of dicts of
plain values. Types of one value differ from place to place only in how wide they are, and no list of texts is also a
list of lists, but for one that is empty: `[]` has the type `list[Never]`, whose shape is like that of every list.
"""

from __future__ import annotations

from typing import NamedTuple

from rlmlang.language.check.ownership.sharing import bits
from rlmlang.language.types import (
    DictType,
    ListType,
    LiteralType,
    Never,
    OpenTupleType,
    Primitive,
    RecordType,
    SetType,
    TupleType,
    Type,
    without_none,
)

ANY_SHAPE = -1
"""The mask of all shapes."""


class ShapesOf(NamedTuple):
    """Masks of the shapes in a type: of a value of the type itself, and of what is in it."""

    top: int
    inner: int


class ContainerShapes:
    """Numbers the shapes of a program, which are places of bits in masks. Shapes are only ever added."""

    def __init__(self) -> None:
        self._alike: list[int] = []
        """For each shape the mask of those that a container which has it may have as well."""
        self._open = 0
        """The shapes that are like others, since they end with `any`."""
        self._numbers: dict[tuple[str, ...], int] = {}
        self._found: dict[Type, ShapesOf] = {}

    def of(self, type_: Type) -> ShapesOf:
        """Return the shapes of the containers that a value of a type is and holds."""
        found = self._found.get(type_)
        if found is None:
            found = self._found[type_] = self._of(type_)
        return found

    def alike(self, mask: int) -> int:
        """Return the shapes that a container with one of these shapes may have as well."""
        if mask == ANY_SHAPE:
            return ANY_SHAPE
        found = 0
        for bit in bits(mask):
            found |= self._alike[bit]
        return found

    def agree(self, mask: int, others: int) -> bool:
        """Return whether a container that was of one of these shapes may have one of the others as its type now.

        An empty list may be held under two types, of which neither is that of all that holds it.
        """
        known = mask & ~self._open
        return mask == ANY_SHAPE or not known or bool(known & self.alike(others))

    def _of(self, type_: Type) -> ShapesOf:
        inner = without_none(type_)
        match inner:
            case Primitive() | LiteralType() | Never():
                return ShapesOf(0, 0)
            case SetType():
                return ShapesOf(self._number(inner), 0)
            case ListType(item=item) | DictType(value=item):
                top, below = self.of(item)
                return ShapesOf(self._number(inner), top | below)
            case OpenTupleType():
                parts = [self.of(inner.item)]
            case TupleType():
                parts = [self.of(item) for item in inner.items]
            case RecordType():
                parts = [self.of(item) for _, item in inner.fields]
            case _:
                return ShapesOf(ANY_SHAPE, ANY_SHAPE)
        found = 0
        for top, below in parts:
            found |= top | below
        return ShapesOf(0, found)

    def _number(self, type_: Type) -> int:
        """Return the mask of the shape of a container."""
        shape = _shape(type_)
        number = self._numbers.get(shape)
        if number is None:
            number = self._numbers[shape] = len(self._alike)
            self._alike.append(0)
            self._open |= (shape[-1] == "any") << number
            for other, place in self._numbers.items():
                if _may_be_same(shape, other):
                    self._alike[number] |= 1 << place
                    self._alike[place] |= 1 << number
        return 1 << number


def _shape(type_: Type) -> tuple[str, ...]:
    """Return the shape from outside to inside: `list`, `dict` or `set`, and at the end `value`,
    `parts` (a tuple or record) or `any`.
    """
    steps: list[str] = []
    while True:
        match without_none(type_):
            case ListType(item=item):
                steps.append("list")
                type_ = item
            case DictType(value=value):
                steps.append("dict")
                type_ = value
            case SetType():
                return (*steps, "set")
            case Primitive() | LiteralType():
                return (*steps, "value")
            case TupleType() | OpenTupleType() | RecordType():
                return (*steps, "parts")
            case _:
                return (*steps, "any")


def _may_be_same(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    for one, other in zip(a, b):
        if "any" in (one, other):
            return True
        if one != other:
            return False
    return True
