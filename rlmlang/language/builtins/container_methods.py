"""The methods of `list`, `dict` and `tuple`: those of Python that change nothing."""

from __future__ import annotations

import sys
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import ELEMENTS, ONE, SIZE, same_length
from rlmlang.language.builtins.table import method
from rlmlang.runtime.meter import Meter


@method(
    "list",
    "count(self: list[T], x: T) -> int",
    doc="how many elements equal `x`",
    examples=["[1, 2, 1].count(1) == 2"],
    cost=SIZE,
)
def _list_count(meter: Meter, self: list[Any], x: Any) -> int:
    meter.walk(self, x)
    return self.count(x)


@method(
    "list",
    "index(self: list[T], x: T, start: int = 0) -> int",
    "index(self: list[T], x: T, start: int, stop: int) -> int",
    doc="where the first element that equals `x` is, from `start` to before `stop`; an error if there is none",
    examples=['["a", "b"].index("b") == 1', "[1, 2, 1].index(1, 1) == 2"],
    cost=SIZE,
)
def _list_index(meter: Meter, self: list[Any], x: Any, start: int = 0, stop: int = sys.maxsize) -> int:
    meter.walk(self, x)
    try:
        return self.index(x, start, stop)
    except ValueError:
        raise RunError.of("E304", "no element equals the value", hint="test `x in xs` first") from None


@method(
    "list",
    "copy(self: list[T]) -> list[T]",
    doc="the same elements, as a list",
    examples=["[1, 2].copy() == [1, 2]"],
    cost=ELEMENTS,
    moves=1,
    bounds=same_length,
)
def _list_copy(meter: Meter, self: list[Any]) -> list[Any]:
    meter.items(len(self))
    return self.copy()


# Tuples: what `count` and `index` do is the same for them.

method(
    "tuple",
    "count(self: Iterable[T], x: T) -> int",
    doc="how many elements equal `x`",
    examples=["(1, 2, 1).count(1) == 2"],
    cost=SIZE,
)(_list_count)

method(
    "tuple",
    "index(self: Iterable[T], x: T, start: int = 0) -> int",
    "index(self: Iterable[T], x: T, start: int, stop: int) -> int",
    doc="where the first element that equals `x` is, from `start` to before `stop`; an error if there is none",
    examples=['("a", "b").index("b") == 1', "(1, 2, 1).index(1, 1) == 2"],
    cost=SIZE,
)(_list_index)


@method(
    "dict",
    "copy(self: dict[str, T]) -> dict[str, T]",
    doc="the same keys and values, as a dict",
    examples=['{"a": 1}.copy() == {"a": 1}'],
    cost=ELEMENTS,
    bounds=same_length,
)
def _dict_copy(meter: Meter, self: dict[str, Any]) -> dict[str, Any]:
    meter.items(2 * len(self))
    return self.copy()


@method(
    "dict",
    "get(self: dict[str, T], key: str) -> T | None",
    "get(self: dict[str, T], key: str, default: T) -> T",
    doc="the value of a key; None or `default` if there is no such key",
    examples=['{"a": 1}.get("a") == 1', '{"a": 1}.get("b") is None', '{"a": 1}.get("b", 0) == 0'],
    cost=ONE,
)
def _get(meter: Meter, self: dict[str, Any], key: str, default: Any = None) -> Any:
    meter.charge(1 + len(key) // 16)
    return self.get(key, default)


@method(
    "dict",
    "keys(self: dict[str, T]) -> list[str]",
    doc="the keys, as a list",
    examples=['{"a": 1, "b": 2}.keys() == ["a", "b"]'],
    cost=ELEMENTS,
    bounds=same_length,
)
def _keys(meter: Meter, self: dict[str, Any]) -> list[str]:
    meter.items(len(self))
    return list(self)


@method(
    "dict",
    "values(self: dict[str, T]) -> list[T]",
    doc="the values, as a list",
    examples=['{"a": 1, "b": 2}.values() == [1, 2]'],
    cost=ELEMENTS,
    bounds=same_length,
)
def _values(meter: Meter, self: dict[str, Any]) -> list[Any]:
    meter.items(len(self))
    return list(self.values())


@method(
    "dict",
    "items(self: dict[str, T]) -> list[tuple[str, T]]",
    doc="the pairs of key and value, as a list",
    examples=['{"a": 1}.items() == [("a", 1)]'],
    cost=ELEMENTS,
    bounds=same_length,
)
def _items(meter: Meter, self: dict[str, Any]) -> list[tuple[str, Any]]:
    meter.items(2 * len(self))
    return list(self.items())
