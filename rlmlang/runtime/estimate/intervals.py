"""Values of which only bounds are known before a run, and arithmetic on bounds."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from attrs import field, frozen

from rlmlang.language.builtins import Bounds
from rlmlang.language.types import STR, DictType, ListType, LiteralType, TupleType, Type, without_none
from rlmlang.runtime.values import RecordValue, Value


@frozen(eq=False)
class UnknownValue:
    """A value that is unknown before the run: its type, and bounds on its length or on its value as an int."""

    type: Type
    low: float = field()
    high: float = inf

    @low.default
    def _(self) -> float:
        type_ = without_none(self.type)
        type_ = type_.base if isinstance(type_, LiteralType) else type_
        return 0 if type_ == STR or isinstance(type_, (ListType, DictType, TupleType)) else -inf


@frozen(eq=False)
class Mixed:
    """A container whose length and keys are known, and some of whose parts are unknown."""

    parts: list[Value]
    remake: Callable[[list[Value]], Value]


_UNKNOWN = (UnknownValue, Mixed)


def build(parts: list[Value], remake: Callable[[list[Value]], Value]) -> Value:
    """Make a container of parts, a Mixed one if a part is unknown."""
    return Mixed(parts, remake) if any(isinstance(p, _UNKNOWN) for p in parts) else remake(parts)


def all_known(*values: Value) -> bool:
    """Return whether values are known in all their parts."""
    return not any(isinstance(value, _UNKNOWN) for value in values)


def capped(value: float, limit: int | None) -> int | None:
    """Return an upper bound as an integer, at most the limit; None if there is neither."""
    if value == inf:
        return limit
    return int(value) if limit is None else min(int(value), limit)


def product(a: float, b: float) -> float:
    """Return the product of two bounds, of which one may be infinite and the other 0."""
    return 0 if a == 0 or b == 0 else a * b


def elements_of(value: Value) -> list[Value]:
    """Return the elements, fields or keys of a container that is not unknown itself."""
    if isinstance(value, Mixed):
        container = value.remake(value.parts)
        return list(container) if isinstance(container, dict) else list(value.parts)
    if isinstance(value, RecordValue):
        return list(value.values)
    return list(value)


def bounds_of(value: Value) -> Bounds:
    """Return the bounds on the length of a value, or on an int itself."""
    if isinstance(value, UnknownValue):
        return value.low, value.high
    if isinstance(value, Mixed):
        return len(value.parts), len(value.parts)
    if isinstance(value, int):
        return value, value
    if isinstance(value, (str, list, dict, tuple)):
        return len(value), len(value)
    return -inf, inf


def element_type(type_: Type) -> Type:
    """Return the type of the elements of an unknown value of this type, of the first for a tuple."""
    type_ = without_none(type_)
    match type_:
        case ListType():
            return type_.item
        case TupleType(items=items) if items:
            return items[0]
    return STR
