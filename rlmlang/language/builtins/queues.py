"""Queues: `collections.deque`, a list with methods for both ends, and the modules `heapq` and `bisect`."""

from __future__ import annotations

import bisect
import heapq
from collections.abc import Callable
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.changing_methods import SHIFT
from rlmlang.language.builtins.common import ELEMENTS, ONE, SIZE, SORTING, charge_for_sorting
from rlmlang.language.builtins.table import METHODS, Builtin, builtin, method
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import Value

# deque ---------------------------------------------------------------------------


@builtin(
    "deque(iterable: Iterable[T] = []) -> deque[T]",
    doc="the elements, as a queue that grows and shrinks at both ends",
    examples=["list(collections.deque([1, 2])) == [1, 2]", "len(collections.deque()) == 0"],
    cost=ELEMENTS,
    moves=1,
    module="collections",
)
def _deque(meter: Meter, iterable: Any = ()) -> list[Value]:
    meter.items(len(iterable))
    return list(iterable)


def _taken(name: str, index: int) -> Callable[[Meter, list[Value]], Value]:
    def code(meter: Meter, self: list[Value]) -> Value:
        if not self:
            raise RunError.of("E301", f"`{name}` of an empty deque", hint="test it first: `if q:`")
        meter.charge(1 + (len(self) // 64 if index == 0 else 0))
        return self.pop(index)

    return code


for _name, _index, _end, _given, _left in (("popleft", 0, "first", 1, 2), ("pop", -1, "last", 2, 1)):
    method(
        "deque",
        f"{_name}(self: deque[T]) -> T",
        doc=f"removes the {_end} element, and gives it",
        examples=[f"q = collections.deque([1, 2])\nq.{_name}() == {_given} and list(q) == [{_left}]"],
        cost=SHIFT if _index == 0 else ONE,
        moves=0,
        changes=True,
    )(_taken(_name, _index))


@method(
    "deque",
    "appendleft(self: deque[T], x: T) -> None",
    doc="adds an element before the first one",
    examples=["q = collections.deque([1])\nq.appendleft(0)\nlist(q) == [0, 1]"],
    cost=SHIFT,
    changes=True,
)
def _appendleft(meter: Meter, self: list[Value], x: Value) -> None:
    meter.grow(len(self) + 1)
    meter.charge(len(self) // 64)
    self.insert(0, x)


@method(
    "deque",
    "extendleft(self: deque[T], xs: Iterable[T]) -> None",
    doc="adds elements before the first one, one after the other",
    examples=["q = collections.deque([1])\nq.extendleft([2, 3])\nlist(q) == [3, 2, 1]"],
    cost=ELEMENTS,
    changes=True,
)
def _extendleft(meter: Meter, self: list[Value], xs: Any) -> None:
    meter.grow(len(self) + len(xs))
    meter.charge(len(xs) + len(self) // 64)
    self[:0] = reversed(list(xs))


@method(
    "deque",
    "rotate(self: deque[T], n: int = 1) -> None",
    doc="takes the last `n` elements to the front",
    examples=["q = collections.deque([1, 2, 3])\nq.rotate()\nlist(q) == [3, 1, 2]"],
    cost=ELEMENTS,
    changes=True,
)
def _rotate(meter: Meter, self: list[Value], n: int = 1) -> None:
    meter.charge(1 + len(self))
    if self:
        n %= len(self)
        self[:] = self[len(self) - n :] + self[: len(self) - n]


def _like_lists(name: str) -> None:
    """Enter a method that a deque has in common with a list."""
    row = METHODS["list"][name]
    texts = [text.replace("self: list[", "self: deque[") for text in row.texts]
    examples = [text.replace("xs = [", "xs = collections.deque([").replace("]\n", "])\n", 1) for text in row.examples]
    examples = [text.replace("xs ==", "list(xs) ==") for text in examples]
    METHODS["deque"][name] = Builtin(
        name, tuple(texts), row.doc, tuple(examples), row.cost, row.code, row.moves, row.bounds, changes=row.changes
    )


for _name in ("append", "extend", "insert", "remove", "clear", "reverse"):
    _like_lists(_name)


# heapq ---------------------------------------------------------------------------


def _charge_for_place(meter: Meter, heap: list[Value], x: Value) -> None:
    """Charge for comparing an element with others on the way to its place in a heap or an ordered list."""
    before = meter.steps
    meter.walk(x)
    meter.charge((meter.steps - before) * len(heap).bit_length())


@builtin(
    "heappush(heap: list[K], item: K) -> None",
    doc="puts an element into a heap: a list whose first element is the least",
    examples=["h = [3]\nheapq.heappush(h, 1)\nh[0] == 1"],
    cost=SORTING,
    module="heapq",
    changes=True,
)
def _heappush(meter: Meter, heap: list[Value], item: Value) -> None:
    meter.grow(len(heap) + 1)
    _charge_for_place(meter, heap, item)
    heapq.heappush(heap, item)


@builtin(
    "heappop(heap: list[K]) -> K",
    doc="removes the least element of a heap, and gives it",
    examples=["h = [1, 3]\nheapq.heappop(h) == 1 and h == [3]"],
    cost=SORTING,
    module="heapq",
    changes=True,
)
def _heappop(meter: Meter, heap: list[Value]) -> Value:
    if not heap:
        raise RunError.of("E301", "`heappop` of an empty list", hint="test it first: `if heap:`")
    _charge_for_place(meter, heap, heap[-1])
    return heapq.heappop(heap)


@builtin(
    "heapify(heap: list[K]) -> None",
    doc="makes a heap of a list",
    examples=["h = [3, 1, 2]\nheapq.heapify(h)\nh[0] == 1"],
    cost=SIZE,
    module="heapq",
    changes=True,
)
def _heapify(meter: Meter, heap: list[Value]) -> None:
    meter.walk(heap)
    meter.walk(heap)
    heapq.heapify(heap)


def _exchanged(name: str) -> Callable[[Meter, list[Value], Value], Value]:
    work: Callable[[list[Value], Value], Value] = getattr(heapq, name)

    def code(meter: Meter, heap: list[Value], item: Value) -> Value:
        if not heap and name == "heapreplace":
            raise RunError.of("E301", f"`{name}` of an empty heap", hint="test it first: `if heap:`")
        _charge_for_place(meter, heap, item)
        meter.charge(1)
        return work(heap, item)

    return code


for _name, _order, _least in (
    ("heapreplace", "removes the least, then puts it in", 2),
    ("heappushpop", "puts it in first", 1),
):
    builtin(
        f"{_name}(heap: list[K], item: K) -> K",
        doc=f"exchanges an element for the least one of a heap, and gives that: {_order}",
        examples=[f"h = [2, 3]\nheapq.{_name}(h, 1) == {_least}"],
        cost=SORTING,
        module="heapq",
        changes=True,
    )(_exchanged(_name))


def _extremes(reverse: bool) -> Callable[..., list[Value]]:
    def code(meter: Meter, n: int, iterable: Any, *, key: list[Value] | None = None) -> list[Value]:
        meter.items(len(iterable))
        values = list(iterable)
        charge_for_sorting(meter, values if key is None else key)
        places = sorted(range(len(values)), key=(values if key is None else key).__getitem__, reverse=reverse)
        return [values[place] for place in places[: max(0, n)]]

    return code


for _name, _which, _result in (("nlargest", "largest", "[3, 2]"), ("nsmallest", "smallest", "[1, 2]")):
    builtin(
        f"{_name}(n: int, iterable: Iterable[K]) -> list[K]",
        f"{_name}(n: int, iterable: Iterable[T], *, key: Callable[[T], K]) -> list[T]",
        doc=f"the {_which} `n` elements, in order",
        examples=[f"heapq.{_name}(2, [3, 1, 2]) == {_result}"],
        cost=SORTING,
        module="heapq",
    )(_extremes(_name == "nlargest"))


@builtin(
    "merge(*iterables: Iterable[K]) -> list[K]",
    doc="the elements of collections that are in order, in order, as a list",
    examples=["heapq.merge([1, 3], [2]) == [1, 2, 3]"],
    cost=SORTING,
    module="heapq",
)
def _merge(meter: Meter, *iterables: Any) -> list[Any]:
    meter.items(sum(map(len, iterables)))
    charge_for_sorting(meter, [each for iterable in iterables for each in iterable])
    return list(heapq.merge(*iterables))


# bisect --------------------------------------------------------------------------


def _place(find: Callable[[list[Value], Value], int]) -> Callable[[Meter, list[Value], Value], int]:
    def code(meter: Meter, a: list[Value], x: Value) -> int:
        _charge_for_place(meter, a, x)
        return find(a, x)

    return code


def _inserted(find: Callable[[list[Value], Value], int]) -> Callable[[Meter, list[Value], Value], None]:
    def code(meter: Meter, a: list[Value], x: Value) -> None:
        meter.grow(len(a) + 1)
        _charge_for_place(meter, a, x)
        meter.charge(len(a) // 64)
        a.insert(find(a, x), x)

    return code


for _name, _find, _side in (
    ("bisect_left", bisect.bisect_left, "before"),
    ("bisect_right", bisect.bisect_right, "behind"),
    ("bisect", bisect.bisect_right, "behind"),
):
    builtin(
        f"{_name}(a: list[K], x: K) -> int",
        doc=f"the index at which `x` would go into an ordered list, {_side} equal elements",
        examples=[f"bisect.{_name}([1, 3, 3], 3) == {1 if _side == 'before' else 3}"],
        cost=SIZE,
        module="bisect",
    )(_place(_find))

for _name, _find, _side in (
    ("insort", bisect.bisect_right, "behind"),
    ("insort_left", bisect.bisect_left, "before"),
    ("insort_right", bisect.bisect_right, "behind"),
):
    builtin(
        f"{_name}(a: list[K], x: K) -> None",
        doc=f"puts `x` into an ordered list, {_side} equal elements",
        examples=[f"xs = [1, 3]\nbisect.{_name}(xs, 2)\nxs == [1, 2, 3]"],
        cost=SIZE,
        module="bisect",
        changes=True,
    )(_inserted(_find))
