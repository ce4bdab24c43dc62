"""The methods of `list`, `dict` and `set` that change their receiver, which nothing else holds."""

from __future__ import annotations

from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import ELEMENTS, ONE, SIZE, SORTING, charge_for_sorting, quoted_number
from rlmlang.language.builtins.table import method
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import SetValue, Value, preview

SHIFT = "1 step for 64 elements"

# Lists ---------------------------------------------------------------------------


@method(
    "list",
    "append(self: list[T], x: T) -> None",
    doc="adds an element at the end",
    examples=["xs = [1]\nxs.append(2)\nxs == [1, 2]"],
    cost=ONE,
    moves=1,
    changes=True,
)
def _append(meter: Meter, self: list[Value], x: Value) -> None:
    meter.grow(len(self) + 1)
    self.append(x)


@method(
    "list",
    "extend(self: list[T], xs: Iterable[T]) -> None",
    doc="adds all elements of another collection at the end",
    examples=["xs = [1]\nxs.extend([2, 3])\nxs == [1, 2, 3]"],
    cost=ELEMENTS,
    moves=1,
    changes=True,
)
def _extend(meter: Meter, self: list[Value], xs: Any) -> None:
    meter.grow(len(self) + len(xs))
    meter.charge(len(xs))
    self.extend(xs)


@method(
    "list",
    "insert(self: list[T], index: int, x: T) -> None",
    doc="adds an element before the one at `index`",
    examples=["xs = [1, 3]\nxs.insert(1, 2)\nxs == [1, 2, 3]"],
    cost=SHIFT,
    moves=1,
    changes=True,
)
def _insert(meter: Meter, self: list[Value], index: int, x: Value) -> None:
    meter.grow(len(self) + 1)
    meter.charge(len(self) // 64)
    try:
        self.insert(index, x)
    except OverflowError:
        raise RunError.of("E306", f"the index {quoted_number(index)} is too large") from None


@method(
    "list",
    "pop(self: list[T], index: int = -1) -> T",
    doc="removes the element at `index`, the last one if there is none, and gives it",
    examples=["xs = [1, 2, 3]\nxs.pop() == 3 and xs == [1, 2]", "xs = [1, 2]\nxs.pop(0) == 1 and xs == [2]"],
    cost=SHIFT,
    moves=0,
    changes=True,
)
def _list_pop(meter: Meter, self: list[Value], index: int = -1) -> Value:
    if not -len(self) <= index < len(self):
        if not self:
            raise RunError.of("E301", "`pop` of an empty list", hint="test it first: `if xs:`")
        raise RunError.of("E301", f"index {quoted_number(index)} is out of range for {len(self):,} elements")
    meter.charge(1 + (len(self) - index % len(self)) // 64)
    return self.pop(index)


@method(
    "list",
    "remove(self: list[T], x: T) -> None",
    doc="removes the first element that equals `x`; an error if there is none",
    examples=["xs = [1, 2, 1]\nxs.remove(1)\nxs == [2, 1]"],
    cost=SIZE,
    changes=True,
)
def _list_remove(meter: Meter, self: list[Value], x: Value) -> None:
    meter.walk(self, x)
    try:
        self.remove(x)
    except ValueError:
        raise RunError.of("E304", "no element equals the value", hint="test `x in xs` first") from None


@method(
    "list",
    "clear(self: list[T]) -> None",
    doc="removes all elements",
    examples=["xs = [1, 2]\nxs.clear()\nxs == []"],
    cost=ONE,
    moves=0,
    changes=True,
)
def _list_clear(meter: Meter, self: list[Value]) -> None:
    meter.charge(1)
    self.clear()


@method(
    "list",
    "sort(self: list[K], *, reverse: bool = False) -> None",
    "sort(self: list[T], *, key: Callable[[T], K], reverse: bool = False) -> None",
    doc="puts the elements in order, by `key` if there is one; equal ones stay in theirs",
    examples=["xs = [2, 3, 1]\nxs.sort()\nxs == [1, 2, 3]", 'xs = ["bb", "a"]\nxs.sort(key=len)\nxs == ["a", "bb"]'],
    cost=SORTING,
    changes=True,
)
def _sort(meter: Meter, self: list[Value], *, key: list[Value] | None = None, reverse: bool = False) -> None:
    charge_for_sorting(meter, self if key is None else key)
    if key is None:
        self.sort(reverse=reverse)
    else:
        self[:] = [self[i] for i in sorted(range(len(self)), key=key.__getitem__, reverse=reverse)]


@method(
    "list",
    "reverse(self: list[T]) -> None",
    doc="puts the elements into the opposite order",
    examples=["xs = [1, 2]\nxs.reverse()\nxs == [2, 1]"],
    cost=ELEMENTS,
    moves=1,
    changes=True,
)
def _reverse(meter: Meter, self: list[Value]) -> None:
    meter.charge(1 + len(self))
    self.reverse()


# Dicts ---------------------------------------------------------------------------


def no_key(key: Value, noun: str = "the dict has no key") -> RunError:
    """Return the error that there is no such key, or element of a set."""
    return RunError.of("E302", f"{noun} {preview(key, 60)}", hint="test it with `in` first")


@method(
    "dict",
    "pop(self: dict[H, T], key: H) -> T",
    "pop(self: dict[H, T], key: H, default: None) -> T | None",
    "pop(self: dict[H, T], key: H, default: T) -> T",
    doc="removes a key and gives its value; `default` if there is no such key, and an error if there is no default",
    examples=[
        'd = {"a": 1, "b": 2}\nd.pop("a") == 1 and d == {"b": 2}',
        'd = {"a": 1}\nd.pop("b", 0) == 0 and d.pop("b", None) is None',
    ],
    cost=ONE,
    moves=0,
    changes=True,
)
def _dict_pop(meter: Meter, self: dict[Value, Value], key: Value, *default: Value) -> Value:
    meter.key(key)
    if key not in self and not default:
        raise no_key(key)
    return self.pop(key, *default)


@method(
    "dict",
    "popitem(self: dict[H, T]) -> tuple[H, T]",
    doc="removes the last key and gives the pair of it and its value",
    examples=['d = {"a": 1, "b": 2}\nd.popitem() == ("b", 2) and d == {"a": 1}'],
    cost=ONE,
    moves=1,
    changes=True,
)
def _popitem(meter: Meter, self: dict[Value, Value]) -> tuple[Value, Value]:
    meter.charge(1)
    if not self:
        raise RunError.of("E302", "`popitem` of an empty dict", hint="test it first: `if d:`")
    return self.popitem()


@method(
    "dict",
    "setdefault(self: dict[H, T], key: H, default: T) -> T",
    doc="the value of a key, which is made `default` if there is no such key",
    examples=['d = {"a": 1}\nd.setdefault("a", 5) == 1 and d.setdefault("b", 5) == 5 and d == {"a": 1, "b": 5}'],
    cost=ONE,
    moves=0,
    changes=True,
)
def _setdefault(meter: Meter, self: dict[Value, Value], key: Value, default: Value) -> Value:
    meter.key(key)
    meter.grow(2 * len(self) + 2)
    meter.put(key, len(self))
    return self.setdefault(key, default)


@method(
    "dict",
    "update(self: dict[H, T], other: dict[H, T], /) -> None",
    "update(self: dict[H, T], other: Iterable[tuple[H, T]], /) -> None",
    "update(self: dict[str, T], /, **items: T) -> None",
    doc="takes over the keys and values of another dict, of pairs, or of keywords",
    examples=[
        'd = {"a": 1}\nd.update({"a": 2, "b": 3})\nd == {"a": 2, "b": 3}',
        'd = {"a": 1}\nd.update([("b", 2)])\nd.update(c=3)\nd == {"a": 1, "b": 2, "c": 3}',
    ],
    cost=ELEMENTS,
    changes=True,
)
def _dict_update(meter: Meter, self: dict[Value, Value], other: Any = (), /, **items: Value) -> None:
    count = len(other) + len(items)
    meter.grow(2 * (len(self) + count))
    meter.charge(2 * count)
    meter.put_all(other if isinstance(other, dict) else [key for key, _ in other], len(self))
    self.update(other, **items)


@method(
    "dict",
    "clear(self: dict[H, T]) -> None",
    doc="removes all keys",
    examples=['d = {"a": 1}\nd.clear()\nd == {}'],
    cost=ONE,
    moves=0,
    changes=True,
)
def _dict_clear(meter: Meter, self: dict[Value, Value]) -> None:
    meter.charge(1)
    self.clear()


# Sets ----------------------------------------------------------------------------


@method(
    "set",
    "add(self: set[H], x: H) -> None",
    doc="adds an element, if it is not there",
    examples=["s = {1}\ns.add(2)\ns.add(1)\ns == {1, 2}"],
    cost=ONE,
    changes=True,
)
def _add(meter: Meter, self: SetValue, x: Value) -> None:
    meter.key(x)
    meter.grow(len(self) + 1)
    meter.put(x, len(self))
    self.add(x)


@method(
    "set",
    "discard(self: set[H], x: H) -> None",
    doc="removes an element, if it is there",
    examples=["s = {1, 2}\ns.discard(2)\ns.discard(3)\ns == {1}"],
    cost=ONE,
    changes=True,
)
def _discard(meter: Meter, self: SetValue, x: Value) -> None:
    meter.key(x)
    self.discard(x)


@method(
    "set",
    "remove(self: set[H], x: H) -> None",
    doc="removes an element; an error if it is not there",
    examples=["s = {1, 2}\ns.remove(2)\ns == {1}"],
    cost=ONE,
    changes=True,
)
def _set_remove(meter: Meter, self: SetValue, x: Value) -> None:
    meter.key(x)
    if x not in self:
        raise no_key(x, "the set has no element")
    self.remove(x)


@method(
    "set",
    "pop(self: set[H]) -> H",
    doc="removes the first element, and gives it",
    examples=["s = {7}\ns.pop() == 7 and not s"],
    cost="1 step; of texts 1 an element",
    changes=True,
)
def _set_pop(meter: Meter, self: SetValue) -> Value:
    meter.charge(1 + (len(self) if self.has_texts() else 0))
    if not self:
        raise RunError.of("E302", "`pop` of an empty set", hint="test it first: `if s:`")
    return self.pop()


@method(
    "set",
    "clear(self: set[H]) -> None",
    doc="removes all elements",
    examples=["s = {1}\ns.clear()\ns == set()"],
    cost=ONE,
    changes=True,
)
def _set_clear(meter: Meter, self: SetValue) -> None:
    meter.charge(1)
    self.clear()


@method(
    "set",
    "update(self: set[H], *others: Iterable[H]) -> None",
    doc="adds the elements of the others",
    examples=["s = {1}\ns.update([2], {3})\ns == {1, 2, 3}"],
    cost=ELEMENTS,
    changes=True,
)
def _set_update(meter: Meter, self: SetValue, *others: Any) -> None:
    count = sum(map(len, others))
    meter.grow(len(self) + count)
    meter.charge(count)
    for other in others:
        meter.put_all(other, len(self))
        self.update(other)


@method(
    "set",
    "difference_update(self: set[H], *others: Iterable[H]) -> None",
    doc="removes the elements of the others",
    examples=["s = {1, 2, 3}\ns.difference_update([2], {3})\ns == {1}"],
    cost=ELEMENTS,
    changes=True,
)
def _difference_update(meter: Meter, self: SetValue, *others: Any) -> None:
    meter.charge(1 + sum(map(len, others)))
    self.difference_update(*others)


@method(
    "set",
    "intersection_update(self: set[H], *others: Iterable[H]) -> None",
    doc="removes the elements that one of the others does not have",
    examples=["s = {1, 2, 3}\ns.intersection_update([2, 3], {3})\ns == {3}"],
    cost=ELEMENTS,
    changes=True,
)
def _intersection_update(meter: Meter, self: SetValue, *others: Any) -> None:
    meter.charge(1 + len(self) + sum(map(len, others)))
    self.intersection_update(*others)


@method(
    "set",
    "symmetric_difference_update(self: set[H], other: Iterable[H]) -> None",
    doc="adds the elements of the other that are not there, and removes those that are",
    examples=["s = {1, 2}\ns.symmetric_difference_update([2, 3])\ns == {1, 3}"],
    cost=ELEMENTS,
    changes=True,
)
def _symmetric_difference_update(meter: Meter, self: SetValue, other: Any) -> None:
    meter.grow(len(self) + len(other))
    meter.charge(len(other))
    meter.put_all(other, len(self))
    self.symmetric_difference_update(other)
