"""What statements and displays apply: deletions, slices that are assigned, starred targets, `{**a}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.changing_methods import SHIFT, no_key
from rlmlang.language.builtins.common import ELEMENTS, ONE, quoted_number
from rlmlang.language.builtins.table import of_syntax
from rlmlang.language.hidden_names import (
    DELETE,
    DELETE_SLICE,
    MERGED,
    MOST_TARGETS,
    OF_NOTHING,
    SET_SLICE,
    WHOLE,
    exactly,
    unpacking,
)
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import Value

_BOUNDS = "start: int | None, stop: int | None, step: int | None"


@of_syntax("list", DELETE, "delete(self: list[T], index: int) -> None", cost=SHIFT, moves=0, changes=True)
def _delete(meter: Meter, self: list[Value], index: int) -> None:
    if not -len(self) <= index < len(self):
        raise RunError.of("E301", f"index {quoted_number(index)} is out of range for {len(self):,} elements")
    meter.charge(1 + (len(self) - index % len(self)) // 64)
    del self[index]


@of_syntax("dict", DELETE, "delete(self: dict[H, T], key: H) -> None", cost=ONE, moves=0, changes=True)
def _delete_key(meter: Meter, self: dict[Value, Value], key: Value) -> None:
    meter.key(key)
    if key not in self:
        raise no_key(key)
    del self[key]


@of_syntax("list", DELETE_SLICE, f"delete(self: list[T], {_BOUNDS}) -> None", cost=ELEMENTS, moves=0, changes=True)
def _delete_slice(meter: Meter, self: list[Value], start: int | None, stop: int | None, step: int | None) -> None:
    meter.charge(1 + len(self) // 64 + _count(self, start, stop, step))
    del self[start:stop:step]


@of_syntax(
    "list", SET_SLICE, f"assign(self: list[T], values: Iterable[T], {_BOUNDS}) -> None", cost=ELEMENTS, changes=True
)
def _set_slice(
    meter: Meter, self: list[Value], values: Any, start: int | None, stop: int | None, step: int | None
) -> None:
    count = _count(self, start, stop, step)
    meter.charge(1 + len(self) // 64 + len(values))
    if step not in (None, 1):
        if len(values) != count:
            raise RunError.of("E304", f"{len(values):,} elements are assigned to a slice of {count:,} with a step")
    else:
        meter.grow(max(0, len(self) + len(values) - count))
    self[start:stop:step] = values


@of_syntax("", MERGED, "merged(*dicts: dict[H, T]) -> dict[H, T]", cost=ELEMENTS)
def _merged(meter: Meter, *dicts: dict[Value, Value]) -> dict[Value, Value]:
    meter.items(2 * sum(map(len, dicts)))
    made: dict[Value, Value] = {}
    for each in dicts:
        meter.put_all(each, len(made))
        made.update(each)
    return made


@of_syntax("", WHOLE, "whole(x: float) -> int", cost=ONE)
def _whole(meter: Meter, x: float) -> int:
    if not isinstance(x, int):
        raise RunError.of("E306", f"the result is {x}; expected int", hint="return something else where there is none")
    return x


@of_syntax("", OF_NOTHING, "of_nothing(x: T) -> T", cost=ONE)
def _of_nothing(meter: Meter, x: Value) -> Value:
    raise AssertionError("there is no element that it could be applied to")


def _count(xs: list[Value], start: int | None, stop: int | None, step: int | None) -> int:
    """Return the number of elements of a slice. Raises RunError E308."""
    if step == 0:
        raise RunError.of("E308", "the step of a slice cannot be 0")
    return len(range(*slice(start, stop, step).indices(len(xs))))


def _unpacked(before: int, after: int) -> Callable[[Meter, Any], tuple[Any, ...]]:
    def code(meter: Meter, xs: Any) -> tuple[Any, ...]:
        count = len(xs)
        if count < before + after:
            raise RunError.of("E304", f"there are fewer than {before + after} elements to unpack: {count}")
        meter.items(2 * count)
        values = list(xs)
        end = count - after
        return (*values[:before], values[before:end], *values[end:])

    return code


def _exactly(wanted: int) -> Callable[[Meter, Any], tuple[Any, ...]]:
    def code(meter: Meter, xs: Any) -> tuple[Any, ...]:
        if len(xs) != wanted:
            raise RunError.of("E304", f"{wanted} arguments are needed; `*` gives {len(xs):,}")
        meter.items(2 * wanted)
        return tuple(xs)

    return code


for _wanted in range(1, MOST_TARGETS):
    _result = ", ".join(["T"] * _wanted)
    of_syntax("", exactly(_wanted), f"exactly(xs: Iterable[T]) -> tuple[{_result}]", cost=ELEMENTS)(_exactly(_wanted))

for _before in range(MOST_TARGETS):
    for _after in range(MOST_TARGETS - _before):
        _result = ", ".join([*["T"] * _before, "list[T]", *["T"] * _after])
        _name = unpacking(_before, _after)
        assert _name is not None
        of_syntax("", _name, f"unpacked(xs: Iterable[T]) -> tuple[{_result}]", cost=ELEMENTS)(
            _unpacked(_before, _after)
        )
