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
    """A value that only the run will tell: its type, and bounds on its length or int value."""

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
    """A container of known shape, some of whose parts are unknown."""

    parts: list[Value]
    remake: Callable[[list[Value]], Value]


_LATE = (UnknownValue, Mixed)


def build(parts: list[Value], remake: Callable[[list[Value]], Value]) -> Value:
    return Mixed(parts, remake) if any(isinstance(p, _LATE) for p in parts) else remake(parts)


def all_known(*values: Value) -> bool:
    return not any(isinstance(value, _LATE) for value in values)


def capped(value: float, limit: int | None) -> int | None:
    if value == inf:
        return limit
    return int(value) if limit is None else min(int(value), limit)


def product(a: float, b: float) -> float:
    return 0 if a == 0 or b == 0 else a * b


def elements_of(value: Value) -> list[Value]:
    """The elements of a container of known shape."""
    if isinstance(value, Mixed):
        return list(value.parts) if not isinstance(shape := value.remake(value.parts), dict) else list(shape)
    if isinstance(value, RecordValue):
        return list(value.values)
    return list(value)


def bounds_of(value: Value) -> Bounds:
    """Bounds on the length of a value, or on an int itself."""
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
    type_ = without_none(type_)
    match type_:
        case ListType():
            return type_.item
        case TupleType(items=items) if items:
            return items[0]
    return STR
