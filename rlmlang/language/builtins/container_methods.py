"""The methods of `list`, `dict`, `set` and `tuple` that change nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import ELEMENTS, ONE, SIZE, same_length
from rlmlang.language.builtins.table import method, static_method
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import SetValue


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
    "copy(self: dict[H, T]) -> dict[H, T]",
    doc="the same keys and values, as a dict",
    examples=['{"a": 1}.copy() == {"a": 1}'],
    cost=ELEMENTS,
    bounds=same_length,
)
def _dict_copy(meter: Meter, self: dict[Any, Any]) -> dict[Any, Any]:
    meter.items(2 * len(self))
    return self.copy()


@method(
    "dict",
    "get(self: dict[H, T], key: H) -> T | None",
    "get(self: dict[H, T], key: H, default: T) -> T",
    doc="the value of a key; None or `default` if there is no such key",
    examples=['{"a": 1}.get("a") == 1', '{"a": 1}.get("b") is None', '{"a": 1}.get("b", 0) == 0'],
    cost=ONE,
)
def _get(meter: Meter, self: dict[Any, Any], key: Any, default: Any = None) -> Any:
    meter.key(key)
    return self.get(key, default)


@method(
    "dict",
    "keys(self: dict[H, T]) -> list[H]",
    doc="the keys, as a list",
    examples=['{"a": 1, "b": 2}.keys() == ["a", "b"]'],
    cost=ELEMENTS,
    bounds=same_length,
)
def _keys(meter: Meter, self: dict[Any, Any]) -> list[Any]:
    meter.items(len(self))
    return list(self)


@method(
    "dict",
    "values(self: dict[H, T]) -> list[T]",
    doc="the values, as a list",
    examples=['{"a": 1, "b": 2}.values() == [1, 2]'],
    cost=ELEMENTS,
    bounds=same_length,
)
def _values(meter: Meter, self: dict[Any, Any]) -> list[Any]:
    meter.items(len(self))
    return list(self.values())


@method(
    "dict",
    "items(self: dict[H, T]) -> list[tuple[H, T]]",
    doc="the pairs of key and value, as a list",
    examples=['{"a": 1}.items() == [("a", 1)]'],
    cost=ELEMENTS,
    bounds=same_length,
)
def _items(meter: Meter, self: dict[Any, Any]) -> list[tuple[Any, Any]]:
    meter.items(2 * len(self))
    return list(self.items())


# Sets ----------------------------------------------------------------------------


def _together(meter: Meter, self: SetValue, others: Sequence[Any]) -> None:
    """Charge for a set that is made of several collections."""
    meter.items(len(self) + sum(map(len, others)))


@method(
    "set",
    "copy(self: set[H]) -> set[H]",
    doc="the same elements, as a set",
    examples=["{1, 2}.copy() == {1, 2}"],
    cost=ELEMENTS,
    bounds=same_length,
)
def _set_copy(meter: Meter, self: SetValue) -> SetValue:
    meter.items(len(self))
    return self.copy()


@method(
    "set",
    "union(self: set[H], *others: Iterable[H]) -> set[H]",
    doc="the elements of all",
    examples=["{1}.union([2], {3}) == {1, 2, 3}"],
    cost=ELEMENTS,
)
def _union(meter: Meter, self: SetValue, *others: Any) -> SetValue:
    _together(meter, self, others)
    made = self.copy()
    for other in others:
        meter.put_all(other, len(made))
        made.update(other)
    return made


@method(
    "set",
    "intersection(self: set[H], *others: Iterable[H]) -> set[H]",
    doc="the elements that all have",
    examples=["{1, 2, 3}.intersection([3, 2], {2, 9}) == {2}"],
    cost=ELEMENTS,
)
def _intersection(meter: Meter, self: SetValue, *others: Any) -> SetValue:
    _together(meter, self, others)
    made = self.copy() if not others else self
    for other in others:
        made = made & other if isinstance(other, SetValue) else SetValue(x for x in other if x in made)
    return made


@method(
    "set",
    "difference(self: set[H], *others: Iterable[H]) -> set[H]",
    doc="the elements that none of the others has",
    examples=["{1, 2, 3}.difference([3], {2}) == {1}"],
    cost=ELEMENTS,
)
def _difference(meter: Meter, self: SetValue, *others: Any) -> SetValue:
    _together(meter, self, others)
    if not others or not isinstance(others[0], (SetValue, dict)):
        made = self.copy()
        made.difference_update(*others)
        return made
    made = self - others[0]
    made.difference_update(*others[1:])
    return made


@method(
    "set",
    "symmetric_difference(self: set[H], other: Iterable[H]) -> set[H]",
    doc="the elements that only one of both has",
    examples=["{1, 2}.symmetric_difference([2, 3]) == {1, 3}"],
    cost=ELEMENTS,
)
def _symmetric_difference(meter: Meter, self: SetValue, other: Any) -> SetValue:
    _together(meter, self, [other])
    meter.put_all(other, len(self))
    return self ^ (other if isinstance(other, SetValue) else SetValue(other))


def _comparing(name: str) -> Callable[[Meter, SetValue, Any], bool]:
    holds: Callable[[SetValue, Any], bool] = getattr(set, name)

    def code(meter: Meter, self: SetValue, other: Any) -> bool:
        meter.charge(1 + len(self) + len(other))
        meter.put_all(other)
        return holds(self, other)

    return code


for _name, _doc, _example in (
    ("issubset", "whether the other has all of its elements", "{1}.issubset([1, 2])"),
    ("issuperset", "whether it has all elements of the other", "{1, 2}.issuperset([1])"),
    ("isdisjoint", "whether no element is in both", "{1, 2}.isdisjoint([3])"),
):
    method(
        "set",
        f"{_name}(self: set[H], other: Iterable[H]) -> bool",
        doc=_doc,
        examples=[_example],
        cost=ELEMENTS,
    )(_comparing(_name))


# What is applied by the name of the type -----------------------------------------------


@static_method(
    "dict",
    "fromkeys(iterable: Iterable[H]) -> dict[H, None]",
    *(f"fromkeys(iterable: Iterable[H], value: {kind}) -> dict[H, {kind}]" for kind in ("int", "float", "str", "bool")),
    doc="a dict with these keys, all of which have the same value, or None",
    examples=['list(dict.fromkeys("aba")) == ["a", "b"]', 'dict.fromkeys(["a"], 0) == {"a": 0}'],
    cost=SIZE,
)
def _fromkeys(meter: Meter, iterable: Any, value: Any = None) -> dict[Any, Any]:
    meter.items(2 * len(iterable))
    meter.walk(iterable)
    meter.put_all(iterable)
    return dict.fromkeys(iterable, value)
