"""Built-in functions of lists and other collections that Python has too, with the same meaning."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import (
    ELEMENTS,
    ONE,
    SIZE,
    SORTING,
    charge_for_sorting,
    filtered_length,
    range_length,
    same_length,
    shortest_length,
    up_to_length,
)  # fmt: skip
from rlmlang.language.builtins.table import BUILTINS, Builtin, SpecialForm, builtin
from rlmlang.runtime.lazy_rows import LazyRows
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import SetValue

# Order ---------------------------------------------------------------------------


def _extreme(name: str, pick: Callable[..., Any]) -> Callable[..., Any]:
    def code(meter: Meter, *args: Any, key: list[Any] | None = None, **options: Any) -> Any:
        given = args if len(args) > 1 else args[0]
        meter.items(len(given))
        values = list(given)
        if not values:
            if "default" in options:
                return options["default"]
            raise RunError.of("E305", f"`{name}` of an empty sequence", hint=f"write `{name}(xs, default=…)`")
        if key is None:
            meter.walk(values)
            return pick(values)
        meter.walk(key)
        return values[pick(range(len(values)), key=key.__getitem__)]

    return code


def _extreme_of_arguments(name: str, pick: Callable[..., Any]) -> Callable[..., Any]:
    extreme = _extreme(name, pick)

    def code(meter: Meter, *args: Any) -> Any:
        if len(args) < 2:
            hint = f"write `{name}(xs)` without the star"
            raise RunError.of("E308", f"`{name}(*xs)` needs two arguments or more, and gets {len(args)}", hint=hint)
        return extreme(meter, *args)

    return code


for _name, _pick, _most, _examples in (
    ("min", min, "smallest", ["min([3, 1, 2]) == 1", "min(2, 1) == 1", 'min(["aa", "b"], key=len) == "b"']),
    ("max", max, "largest", ["max([3, 1, 2]) == 3", "max(2, 1.5) == 2", 'max(["a", "bb"], key=len) == "bb"']),
):
    _starred = Builtin(_name, (f"{_name}(*more: K) -> K",), "", (), SIZE, _extreme_of_arguments(_name, _pick))
    builtin(
        f"{_name}(xs: Iterable[K]) -> K",
        f"{_name}(a: K, b: K, *more: K) -> K",
        f"{_name}(xs: Iterable[K], *, default: K) -> K",
        f"{_name}(xs: Iterable[K], *, default: None) -> K | None",
        f"{_name}(xs: Iterable[T], *, key: Callable[[T], K]) -> T",
        f"{_name}(xs: Iterable[T], *, key: Callable[[T], K], default: T) -> T",
        f"{_name}(a: T, b: T, *more: T, key: Callable[[T], K]) -> T",
        doc=f"the {_most} element or argument, by `key` if there is one; of equal ones the first",
        examples=[*_examples, f"{_name}([], default=0) == 0"],
        cost=SIZE,
        starred=_starred,
    )(_extreme(_name, _pick))


@builtin(
    "sorted(xs: Iterable[K], *, reverse: bool = False) -> list[K]",
    "sorted(xs: Iterable[T], *, key: Callable[[T], K], reverse: bool = False) -> list[T]",
    doc="the elements in order, by `key` if there is one; equal ones stay in theirs",
    examples=[
        "sorted([2, 1]) == [1, 2]",
        'sorted("ba") == ["a", "b"]',
        'sorted(["bb", "a"], key=len) == ["a", "bb"]',
        "sorted([1, 2], reverse=True) == [2, 1]",
    ],
    cost=SORTING,
    bounds=same_length,
)
def _sorted(meter: Meter, xs: Any, *, key: list[Any] | None = None, reverse: bool = False) -> list[Any]:
    meter.items(len(xs))
    values = list(xs)
    charge_for_sorting(meter, values if key is None else key)
    if key is None:
        return sorted(values, reverse=reverse)
    return [values[i] for i in sorted(range(len(values)), key=key.__getitem__, reverse=reverse)]


def _set(meter: Meter, xs: Any = ()) -> SetValue:
    meter.items(len(xs))
    meter.walk(xs)
    meter.put_all(xs)
    return SetValue(xs)


for _name, _example in (("set", "set([2, 1, 2]) == {1, 2}"), ("frozenset", "1 in frozenset([1, 2])")):
    builtin(
        f"{_name}(xs: Iterable[H] = ()) -> set[H]",  # decision 8
        doc="the distinct elements, as a set",
        examples=[_example, f'{_name}("aba") == {{"a", "b"}}', f"len({_name}()) == 0"],
        cost=SIZE,
        bounds=up_to_length,
    )(_set)


@builtin(
    "tuple(xs: Iterable[T] = ()) -> tuple[T, ...]",
    doc="the elements, as a tuple",
    examples=["tuple([1, 2]) == (1, 2)", 'tuple("ab") == ("a", "b")', "tuple() == ()"],
    cost=ELEMENTS,
    moves=1,
    bounds=same_length,
)
def _tuple(meter: Meter, xs: Any = ()) -> tuple[Any, ...]:
    meter.items(len(xs))
    return tuple(xs)


@builtin(
    "reversed(xs: list[T]) -> list[T]",
    "reversed(xs: str) -> list[str]",
    "reversed(xs: tuple[T, ...]) -> list[T]",
    "reversed(xs: dict[H, T]) -> list[H]",
    doc="the elements from last to first, as a list",
    examples=["reversed([1, 2]) == [2, 1]", 'reversed("ab") == ["b", "a"]', "reversed((1, 2)) == [2, 1]"],
    cost=ELEMENTS,
    moves=1,
    bounds=same_length,
)
def _reversed(meter: Meter, xs: Any) -> list[Any]:
    meter.items(len(xs))
    return list(reversed(xs))


# Collections ---------------------------------------------------------------------


@builtin(
    "len(xs: Iterable[Any]) -> int",
    doc="the number of characters, elements or keys",
    examples=['len("abc") == 3', "len([1, 2]) == 2", 'len({"a": 1}) == 1'],
    cost=ONE,
    moves=0,
    bounds=same_length,
)
def _len(meter: Meter, xs: Any) -> int:
    meter.charge(1)
    return len(xs)


@builtin(
    "any(xs: Iterable[Any]) -> bool",
    doc="whether an element is true; of a generator no element after that one is computed",
    examples=["any([False, True])", "not any([])", "any(x > 1 for x in [1, 2])"],
    cost=ELEMENTS,
    form=SpecialForm.ANY,
)
def _any(meter: Meter, xs: Any) -> bool:
    meter.charge(1 + len(xs))
    return any(xs)


@builtin(
    "all(xs: Iterable[Any]) -> bool",
    doc="whether no element is false; of a generator no element after a false one is computed",
    examples=["all([])", "not all([True, False])", "all(x > 0 for x in [1, 2])"],
    cost=ELEMENTS,
    form=SpecialForm.ALL,
)
def _all(meter: Meter, xs: Any) -> bool:
    meter.charge(1 + len(xs))
    return all(xs)


@builtin(
    "range(stop: int) -> list[int]",  # decision 13
    "range(start: int, stop: int, step: int = 1) -> list[int]",
    doc="the numbers from `start`, or 0, to before `stop`, as a list",
    examples=["range(3) == [0, 1, 2]", "range(1, 3) == [1, 2]", "range(3, 0, -1) == [3, 2, 1]"],
    cost=ELEMENTS,
    bounds=range_length,
)
def _range(meter: Meter, *bounds: int) -> list[int]:
    return list(counted_range(meter, *bounds))


def counted_range(meter: Meter, *bounds: int) -> range:
    """Charge for the list that `range` gives, and return a range, for who only iterates over it.

    Raises RunError E308, BudgetError.
    """
    numbers = _numbers(bounds)
    _integers(meter, max(0, -((numbers.start - numbers.stop) // numbers.step)), numbers.start, numbers.stop)
    return numbers


def _numbers(bounds: Sequence[int]) -> range:
    start, stop, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if step == 0:
        raise RunError.of("E308", "the step of a range cannot be 0")
    return range(start, stop, step)


def _turns(meter: Meter, *bounds: int) -> range:
    """Return the range that a `for` goes through. Its turns are charged one by one, so that a `break` ends the work."""
    numbers = _numbers(bounds)
    try:
        len(numbers)
    except OverflowError:  # more turns than any run has
        return range(numbers.start, numbers.start + numbers.step * sys.maxsize, numbers.step)
    return numbers


RANGE = BUILTINS["range"]

RANGE_OF_TURNS = evolve(RANGE, code=_turns)
"""The row in the place of `range` in the head of a `for`, where nothing else sees what it gives."""


def _integers(meter: Meter, count: int, *bounds: int) -> None:
    """Charge for a list of `count` integers of the size of the bounds, before it is made."""
    meter.items(count * (1 + max(bound.bit_length() for bound in bounds) // 64))


@builtin(
    "enumerate(xs: Iterable[T], start: int = 0) -> list[tuple[int, T]]",
    doc="pairs of number and element, as a list; numbers count from `start`",
    examples=['enumerate(["a"]) == [(0, "a")]', 'enumerate("b", 1) == [(1, "b")]'],
    cost=ELEMENTS,
    moves=2,
    bounds=same_length,
)
def _enumerate(meter: Meter, xs: Any, start: int = 0) -> list[tuple[int, Any]] | LazyRows:
    _integers(meter, 2 * len(xs), start, meter.number(start + len(xs)))
    if xs.__class__ is LazyRows:
        return xs.changed(len(xs), lambda: enumerate(xs, start))
    return list(enumerate(xs, start))


@builtin(
    "zip(a: Iterable[A], b: Iterable[B]) -> list[tuple[A, B]]",
    "zip(a: Iterable[A], b: Iterable[B], c: Iterable[C]) -> list[tuple[A, B, C]]",
    "zip(a: Iterable[A], b: Iterable[B], c: Iterable[C], d: Iterable[D]) -> list[tuple[A, B, C, D]]",
    "zip(a: Iterable[A]) -> list[tuple[A]]",
    "zip(*xs: Iterable[T]) -> list[tuple[T, ...]]",
    "zip(*rows: tuple[A, B]) -> tuple[tuple[A, ...], tuple[B, ...]]",
    "zip(*rows: tuple[A, B, C]) -> tuple[tuple[A, ...], tuple[B, ...], tuple[C, ...]]",
    doc="tuples of the elements at the same place, as a list, as many as the shortest has",
    examples=[
        'zip([1, 2], "ab") == [(1, "a"), (2, "b")]',
        "zip([1, 2], [3]) == [(1, 3)]",
        "zip(*[[1, 2], [3, 4]]) == [(1, 3), (2, 4)]",
    ],
    cost=ELEMENTS,
    moves=2,
    bounds=shortest_length,
)
def _zip(meter: Meter, *xs: Any) -> list[tuple[Any, ...]]:
    meter.items(len(xs) * min(map(len, xs), default=0))
    return list(zip(*xs))


@builtin(
    "map(function: Callable[[A], T], a: Iterable[A]) -> list[T]",
    "map(function: Callable[[A, B], T], a: Iterable[A], b: Iterable[B]) -> list[T]",
    "map(function: Callable[[A, B, C], T], a: Iterable[A], b: Iterable[B], c: Iterable[C]) -> list[T]",
    doc="what `function` gives for each element, or for the elements at the same place, as a list",
    examples=[
        'map(len, ["a", "bc"]) == [1, 2]',
        "map(lambda x: x * 2, [1, 2]) == [2, 4]",
        "map(max, [1, 5], [3, 2]) == [3, 5]",
    ],
    cost="1 step an element, and what `function` takes",
    moves=1,
    bounds=same_length,
)
def _map(meter: Meter, results: list[Any], *iterables: Any) -> list[Any]:
    meter.items(len(results))
    return list(results)


@builtin(
    "filter(function: Callable[[T], B], iterable: Iterable[T]) -> list[T]",
    "filter(function: None, iterable: Iterable[T | None]) -> list[T]",
    doc="the elements for which `function` gives something true, or, for None, those that are true, as a list",
    examples=["filter(lambda x: x > 1, [1, 2, 3]) == [2, 3]", 'filter(None, ["a", "", None]) == ["a"]'],
    cost="1 step an element, and what `function` takes",
    bounds=filtered_length,
)
def _filter(meter: Meter, truths: list[Any] | None, iterable: Any) -> list[Any]:
    meter.items(len(iterable))
    return [x for x, truth in zip(iterable, iterable if truths is None else truths) if truth]


@builtin(
    "list(xs: Iterable[T] = []) -> list[T]",
    doc="the elements, characters or keys, as a list",
    examples=["list() == []", 'list("ab") == ["a", "b"]', 'list({"k": 1}) == ["k"]'],
    cost=ELEMENTS,
    moves=1,
    bounds=same_length,
)
def _list(meter: Meter, xs: Any = ()) -> list[Any]:
    meter.items(len(xs))
    return list(xs)


@builtin(
    "dict(pairs: dict[H, T], /) -> dict[H, T]",
    "dict(pairs: Iterable[tuple[H, T]] = [], /) -> dict[H, T]",
    "dict(pairs: Iterable[list[H]], /) -> dict[H, H]",
    "dict(pairs: Iterable[tuple[H, ...]], /) -> dict[H, H]",
    "dict(**items: T) -> dict[str, T]",
    doc="a dict of pairs of key and value, or of keywords, or with the keys and values of another; of equal keys the "
    "last counts",
    examples=[
        "dict() == {}",
        'dict([("a", 1)]) == {"a": 1}',
        'dict(pair.split("=") for pair in ["a=1"]) == {"a": "1"}',
        'dict(zip(["a", "a"], [1, 2])) == {"a": 2}',
        'dict(a=1) == {"a": 1}',
    ],
    cost=ELEMENTS,
)
def _dict(meter: Meter, pairs: Any = (), /, **items: Any) -> dict[Any, Any]:
    meter.items(2 * (len(pairs) + len(items)))
    meter.put_all(pairs if isinstance(pairs, dict) else [pair[0] for pair in pairs if pair])
    try:
        return dict(pairs, **items)
    except ValueError:
        raise RunError.of("E304", "each element must be a pair of key and value") from None
