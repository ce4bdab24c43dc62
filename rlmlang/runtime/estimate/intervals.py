"""Values of which only bounds are known before a run, and arithmetic on bounds."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from attrs import define, frozen

from rlmlang.language.builtins import Bounds
from rlmlang.language.types import (
    STR,
    DictType,
    ListType,
    OpenTupleType,
    RecordType,
    SetType,
    TupleType,
    Type,
    base_of,
    without_none,
)
from rlmlang.runtime.values import RecordValue, Value

_COMPARED = 16
"""The most parts of two containers that are joined one by one, and not as unknown."""


@define(eq=False)
class UnknownValue:
    """A value that is unknown before the run, with bounds on its length or on its value as an int.

    It is never changed. It is not a frozen class, since very many are made, and those of a frozen one take longer.
    """

    low: float = -inf
    high: float = inf
    unbound: bool = False
    """Whether it is that of a variable that may have no value at all."""


@frozen(eq=False)
class Mixed:
    """A list, tuple, dict or record whose length and keys are known, and of which some parts are unknown."""

    container: Value


_LARGE = 2**63
"""Beyond this, the bounds of a known int are as those of an unknown one, since no float may be as large."""

UNKNOWN = UnknownValue()
PERHAPS_UNBOUND = UnknownValue(unbound=True)

_UNKNOWN = frozenset({UnknownValue, Mixed})


def build(parts: list[Value], make: Callable[[list[Value]], Value]) -> Value:
    """Make a container of parts, a Mixed one if a part is unknown."""
    container = make(parts)
    return container if all_known(*parts) else Mixed(container)


def all_known(*values: Value) -> bool:
    """Return whether values are known in all their parts."""
    for value in values:  # a loop, since this is called for every operation
        if value.__class__ in _UNKNOWN:
            break
    else:
        return True
    return False


def plain(value: Value) -> Value:
    """Return a container without the mark that parts of it are unknown."""
    return value.container if isinstance(value, Mixed) else value


def truth(value: Value) -> bool | None:
    """Return whether a value counts as true; None if that is not known."""
    if isinstance(value, UnknownValue):
        return True if value.low > 0 else False if value.low == value.high == 0 else None
    return bool(plain(value))


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
    container = plain(value)
    return list(container.values if isinstance(container, RecordValue) else container)


def bounds_of(value: Value) -> Bounds:
    """Return the bounds on the length of a value, or on an int itself."""
    if isinstance(value, UnknownValue):
        return value.low, value.high
    container = plain(value)
    if isinstance(container, int):
        if -_LARGE <= container <= _LARGE:
            return container, container
        return (_LARGE, inf) if container > 0 else (-inf, -_LARGE)
    if isinstance(container, (str, list, dict, tuple, set, range)):
        return len(container), len(container)
    return -inf, inf


def least_of(type_: Type) -> float:
    """Return the lower bound that values have by their type: 0 for what has a length."""
    type_ = without_none(base_of(type_))
    sized = (ListType, SetType, DictType, TupleType, OpenTupleType)
    return 0 if base_of(type_) == STR or isinstance(type_, sized) else -inf


def unknown_of(type_: Type) -> Value:
    """Return an unknown answer of a type; the parts of tuples and records are unknown one by one."""
    if isinstance(type_, TupleType):
        return build([unknown_of(item) for item in type_.items], tuple)
    if isinstance(type_, RecordType):
        parts = [unknown_of(item) for _, item in type_.fields]
        return build(parts, lambda parts: RecordValue(type_, tuple(parts)))
    return UnknownValue(least_of(type_))


def either(a: Value, b: Value, depth: int = 2) -> Value:
    """Return what is known of a value that is one of two: equal values stay known, of others the bounds."""
    if a is b or (_is_scalar(a) and type(a) is type(b) and a == b):
        return a
    left, right = plain(a), plain(b)
    if depth and type(left) is type(right):
        match left:
            case tuple() if len(left) == len(right) <= _COMPARED:
                return build([either(x, y, depth - 1) for x, y in zip(left, right)], tuple)
            case list() if len(left) == len(right) <= _COMPARED:
                return build([either(x, y, depth - 1) for x, y in zip(left, right)], list)
            case RecordValue(type=type_) if type_ == right.type:
                fields = [either(x, y, depth - 1) for x, y in zip(left.values, right.values)]
                return build(fields, lambda parts: RecordValue(type_, tuple(parts)))
            case dict() if type(left) is dict and len(left) <= _COMPARED and _same_keys(left, right):
                parts = [either(x, y, depth - 1) for x, y in zip(left.values(), right.values())]
                return build(parts, lambda parts: dict(zip(left, parts)))
    (low_a, high_a), (low_b, high_b) = bounds_of(a), bounds_of(b)
    unbound = getattr(a, "unbound", False) or getattr(b, "unbound", False)
    return UnknownValue(min(low_a, low_b), max(high_a, high_b), unbound)


def copy_of(value: Value) -> Value:
    """Return a container of the same parts that nothing else holds."""
    return Mixed(copy_of(value.container)) if isinstance(value, Mixed) else value.copy()


def frozen_copy(value: Value) -> Value:
    """Return a known value that later changes of the containers in it do not reach."""
    match value:
        case list():
            return [*map(frozen_copy, value)]
        case tuple():
            return tuple(map(frozen_copy, value))
        case dict():
            copy = value.copy()  # of the same class
            copy.update((key, frozen_copy(item)) for key, item in value.items() if not _is_scalar(item))
            return copy
        case set():
            return value.copy()
        case RecordValue():
            return RecordValue(value.type, tuple(map(frozen_copy, value.values)))
    return value


def _is_scalar(value: Value) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _same_keys(a: dict[Value, Value], b: dict[Value, Value]) -> bool:
    return len(a) == len(b) and all(type(x) is type(y) and x == y and _is_scalar(x) for x, y in zip(a, b))
