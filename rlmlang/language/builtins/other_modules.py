"""The modules `string`, `json`, `itertools` and `collections`, as far as they are pure and typed."""

from __future__ import annotations

import itertools
import json
import math
import string
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import (
    ELEMENTS,
    SIZE,
    SORTING,
    TEXT,
    charge_for_sorting,
    checked_number,
    quoted_number,
)
from rlmlang.language.builtins.table import builtin, constant, method
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import SetValue, Value

# string --------------------------------------------------------------------------

for _name, _doc in (
    ("ascii_letters", "the small letters and the capitals from a to z"),
    ("ascii_lowercase", "the small letters from a to z"),
    ("ascii_uppercase", "the capitals from A to Z"),
    ("digits", "the digits from 0 to 9"),
    ("hexdigits", "the digits of base 16"),
    ("octdigits", "the digits from 0 to 7"),
    ("printable", "the ASCII characters that can be printed"),
    ("punctuation", "the ASCII characters that are neither letters, digits nor white space"),
    ("whitespace", "the ASCII characters that are white space"),
):
    constant("string", _name, getattr(string, _name), _doc)


@builtin(
    "capwords(s: str) -> str",
    doc="the words with capital first letters, with single spaces between them",
    examples=['string.capwords(" a  bC ") == "A Bc"'],
    cost=TEXT,
    module="string",
)
def _capwords(meter: Meter, s: str) -> str:
    meter.text(len(s))
    text = string.capwords(s)
    meter.text(len(text))
    return text


# json ----------------------------------------------------------------------------


@builtin(
    "dumps(obj: Any, *, indent: int | None = None, sort_keys: bool = False, ensure_ascii: bool = True) -> str",
    doc="the value as JSON, as Python writes it",
    examples=["json.dumps([1, None]) == '[1, null]'", "json.dumps({2: True}) == '{\"2\": true}'"],
    cost=SIZE,
    module="json",
)
def _dumps(
    meter: Meter, obj: Value, *, indent: int | None = None, sort_keys: bool = False, ensure_ascii: bool = True
) -> str:
    size = meter.walk(obj)
    if indent is not None:
        if indent > MAX_INDENT:
            raise RunError.of("E308", f"`indent` is {indent:,}; it must be at most {MAX_INDENT}")
        meter.text(size * max(1, indent) * 8)
    try:
        text = json.dumps(obj, indent=indent, sort_keys=sort_keys, ensure_ascii=ensure_ascii)
    except TypeError as error:
        raise RunError.of("E304", f"the value has no JSON in Python: {error}", hint="see `to_json`") from None
    meter.text(len(text))
    return text


MAX_INDENT = 16


# itertools -----------------------------------------------------------------------


@builtin(
    "chain(*iterables: Iterable[T]) -> list[T]",
    doc="the elements of all, one collection after another, as a list",
    examples=["itertools.chain([1], (2, 3)) == [1, 2, 3]"],
    cost=ELEMENTS,
    module="itertools",
)
def _chain(meter: Meter, *iterables: Any) -> list[Any]:
    meter.items(sum(map(len, iterables)))
    return list(itertools.chain(*iterables))


@builtin(
    "accumulate(iterable: Iterable[int]) -> list[int]",
    "accumulate(iterable: Iterable[float]) -> list[float]",
    "accumulate(iterable: Iterable[int], *, initial: int) -> list[int]",
    "accumulate(iterable: Iterable[float], *, initial: float) -> list[float]",
    doc="the sums of the elements so far, from `initial` if there is one, as a list",
    examples=["itertools.accumulate([1, 2, 3]) == [1, 3, 6]", "itertools.accumulate([1], initial=5) == [5, 6]"],
    cost=ELEMENTS,
    module="itertools",
)
def _accumulate(meter: Meter, iterable: Any, *, initial: Any = None) -> list[Any]:
    meter.items(len(iterable) + 1)
    sums: list[Any] = []
    for total in itertools.accumulate(iterable, initial=initial):
        sums.append(checked_number(meter, lambda total=total: total))  # type: ignore[misc]
        if isinstance(total, int):
            meter.charge(total.bit_length() // 64)
    return sums


def _selections(
    name: str, count: Callable[[int, int], int], few: Callable[[int, int], int]
) -> Callable[..., list[tuple[Any, ...]]]:
    """Return the code that lists selections of `r` elements of n.

    `count` says how many there are, and `few` which number it is the power of: there are too many if that is large.
    """
    work: Callable[[Any, int], Iterable[tuple[Any, ...]]] = getattr(itertools, name)

    def code(meter: Meter, iterable: Any, r: int | None = None) -> list[tuple[Any, ...]]:
        n = len(iterable)
        r = n if r is None else r
        if r < 0:
            raise RunError.of("E308", f"`r` is {quoted_number(r)}; it must be at least 0")
        meter.items(n)
        meter.items(r)
        number = count(n, r) if few(n, r) < 64 else meter.max_bytes
        meter.items(number)
        meter.charge(number * r)
        return list(work(iterable, r))

    return code


for _name, _count, _few, _doc, _examples in (
    (
        "combinations",
        math.comb,
        lambda n, r: min(r, n - r),
        "the selections of `r` elements, in their order",
        ['itertools.combinations("abc", 2) == [("a", "b"), ("a", "c"), ("b", "c")]'],
    ),
    (
        "combinations_with_replacement",
        lambda n, r: math.comb(n + r - 1, r) if n else int(r == 0),
        lambda n, r: min(r, n - 1),
        "the selections of `r` elements, in their order, each as often as one likes",
        ['itertools.combinations_with_replacement("ab", 2) == [("a", "a"), ("a", "b"), ("b", "b")]'],
    ),
    (
        "permutations",
        math.perm,
        lambda n, r: r if r <= n else 0,
        "the selections of `r` elements, or of all, in every order",
        ["itertools.permutations([1, 2]) == [(1, 2), (2, 1)]", "len(itertools.permutations([1, 2, 3], 2)) == 6"],
    ),
):
    builtin(
        f"{_name}(iterable: Iterable[T], r: int{' | None = None' if _name == 'permutations' else ''}) "
        "-> list[tuple[T, ...]]",
        doc=f"{_doc}, as a list of tuples",
        examples=_examples,
        cost="1 step an element of each tuple",
        module="itertools",
    )(_selections(_name, _count, _few))


@builtin(
    "product(a: Iterable[A], b: Iterable[B]) -> list[tuple[A, B]]",
    "product(a: Iterable[A], b: Iterable[B], c: Iterable[C]) -> list[tuple[A, B, C]]",
    "product(*iterables: Iterable[T], repeat: int = 1) -> list[tuple[T, ...]]",
    doc="the tuples with an element of each, as a list",
    examples=['itertools.product([1, 2], "ab") == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]',
              "len(itertools.product([0, 1], repeat=3)) == 8"],
    cost="1 step an element of each tuple",
    module="itertools",
)  # fmt: skip
def _product_of(meter: Meter, *iterables: Any, repeat: int = 1) -> list[tuple[Any, ...]]:
    if repeat < 0:
        raise RunError.of("E308", f"`repeat` is {repeat}; it must be at least 0")
    meter.items(len(iterables) * repeat)
    number = 1
    for _ in range(repeat):
        for each in iterables:
            number = min(number * len(each), meter.max_bytes)
    meter.items(number)
    meter.charge(number * len(iterables) * repeat + sum(map(len, iterables)))
    return list(itertools.product(*iterables, repeat=repeat))


@builtin(
    "pairwise(iterable: Iterable[T]) -> list[tuple[T, T]]",
    doc="the pairs of neighbours, as a list",
    examples=["itertools.pairwise([1, 2, 3]) == [(1, 2), (2, 3)]"],
    cost=ELEMENTS,
    module="itertools",
)
def _pairwise(meter: Meter, iterable: Any) -> list[tuple[Any, Any]]:
    meter.items(2 * len(iterable))
    return list(itertools.pairwise(iterable))


@builtin(
    "zip_longest(a: Iterable[A], b: Iterable[B]) -> list[tuple[A | None, B | None]]",
    "zip_longest(a: Iterable[T], b: Iterable[T], *, fillvalue: T) -> list[tuple[T, T]]",
    doc="tuples of the elements at the same place, as many as the longest has, with None or `fillvalue` after an end",
    examples=['itertools.zip_longest("ab", "c", fillvalue="") == [("a", "c"), ("b", "")]'],
    cost=ELEMENTS,
    module="itertools",
)
def _zip_longest(meter: Meter, *xs: Any, fillvalue: Any = None) -> list[tuple[Any, ...]]:
    meter.items(2 * max(map(len, xs)))
    return list(itertools.zip_longest(*xs, fillvalue=fillvalue))


@builtin(
    "islice(iterable: Iterable[T], stop: int) -> list[T]",
    "islice(iterable: Iterable[T], start: int, stop: int | None, step: int = 1) -> list[T]",
    doc="the elements from `start`, or 0, to before `stop`, as a list",
    examples=['itertools.islice("abcd", 2) == ["a", "b"]', 'itertools.islice("abcd", 1, None, 2) == ["b", "d"]'],
    cost=ELEMENTS,
    module="itertools",
)
def _islice(meter: Meter, iterable: Any, *bounds: int | None) -> list[Any]:
    if any(bound is not None and bound < 0 for bound in bounds) or bounds[2:] == (0,):
        raise RunError.of("E308", "the bounds of `islice` must be at least 0, and its step at least 1")
    meter.items(len(iterable))
    return list(itertools.islice(iterable, *(bound if bound is None else min(bound, _LARGE) for bound in bounds)))


_LARGE = 1 << 60


def _selected(name: str) -> Callable[[Meter, list[Any], Any], list[Any]]:
    select: Callable[..., Iterable[Any]] = getattr(itertools, name)

    def code(meter: Meter, truths: list[Any], iterable: Any) -> list[Any]:
        meter.items(2 * len(iterable))
        rest = iter(truths)
        return list(select(lambda _: next(rest), iterable))

    return code


for _name, _doc, _result in (
    ("takewhile", "the elements before the first for which the function gives what is false, as a list", "[1]"),
    ("dropwhile", "the elements from the first on for which the function gives what is false, as a list", "[3, 1]"),
    ("filterfalse", "the elements for which the function gives what is false, as a list", "[3]"),
):
    builtin(
        f"{_name}(predicate: Callable[[T], B], iterable: Iterable[T]) -> list[T]",
        doc=_doc,
        examples=[f"itertools.{_name}(lambda x: x < 3, [1, 3, 1]) == {_result}"],
        cost=ELEMENTS,
        module="itertools",
    )(_selected(_name))


@builtin(
    "repeat(object: T, times: int) -> list[T]",
    doc="a value, so many times, as a list",
    examples=["itertools.repeat(0, 3) == [0, 0, 0]"],
    cost=ELEMENTS,
    moves=1,
    module="itertools",
)
def _repeat(meter: Meter, object: Any, times: int) -> list[Any]:
    count = meter.times(times)
    meter.items(count)
    return [object] * count


@builtin(
    "groupby(iterable: Iterable[T]) -> list[tuple[T, list[T]]]",
    "groupby(iterable: Iterable[T], key: Callable[[T], A]) -> list[tuple[A, list[T]]]",
    doc="runs of neighbours that are equal, or have equal keys: a list of pairs of the key and the list of the run",
    examples=['itertools.groupby("aab") == [("a", ["a", "a"]), ("b", ["b"])]',
              "itertools.groupby([1, 3, 2], lambda x: x % 2)[0] == (1, [1, 3])"],
    cost=SIZE,
    module="itertools",
)  # fmt: skip
def _groupby(meter: Meter, iterable: Any, key: list[Any] | None = None) -> list[tuple[Any, list[Any]]]:
    meter.items(2 * len(iterable))
    values = list(iterable)
    keys = values if key is None else key
    meter.walk(keys)
    groups: list[tuple[Any, list[Any]]] = []
    for each, value in zip(keys, values):
        if groups and groups[-1][0] == each:
            groups[-1][1].append(value)
        else:
            groups.append((each, [value]))
    return groups


# collections ---------------------------------------------------------------------


@builtin(
    "Counter(iterable: dict[H, int]) -> Counter[H]",
    "Counter(iterable: Iterable[H] = []) -> Counter[H]",
    doc="a dict of how often each element occurs, in which a missing key counts 0",
    examples=[
        'collections.Counter("aba") == {"a": 2, "b": 1}',
        'collections.Counter("aba")["c"] == 0',
        "collections.Counter() == {}",
    ],
    cost=SIZE,
    module="collections",
)
def _counter(meter: Meter, iterable: Any = ()) -> Counter[Any]:
    meter.items(2 * len(iterable))
    meter.walk(iterable)
    meter.put_all(iterable)
    return Counter(iterable)


@method(
    "Counter",
    "most_common(self: Counter[H], n: int | None = None) -> list[tuple[H, int]]",
    doc="pairs of element and count, the most frequent first; the first `n`, or all",
    examples=['Counter("abb").most_common(1) == [("b", 2)]'],
    cost=SORTING,
)
def _most_common(meter: Meter, self: Counter[Any], n: int | None = None) -> list[tuple[Any, int]]:
    meter.items(3 * len(self))
    charge_for_sorting(meter, list(self.values()))
    return self.most_common(n if n is None else max(-1, min(n, len(self))))


@method(
    "Counter",
    "elements(self: Counter[H]) -> list[H]",
    doc="each element as often as it counts, as a list",
    examples=['Counter("aba").elements() == ["a", "a", "b"]'],
    cost=ELEMENTS,
)
def _elements(meter: Meter, self: Counter[Any]) -> list[Any]:
    meter.charge(len(self))
    meter.items(sum(max(0, count) for count in self.values()))
    return list(self.elements())


@method(
    "Counter",
    "total(self: Counter[H]) -> int",
    doc="the sum of the counts",
    examples=['Counter("aba").total() == 3'],
    cost=ELEMENTS,
)
def _total(meter: Meter, self: Counter[Any]) -> int:
    meter.charge(1 + len(self))
    return meter.number(self.total())


def _recounting(name: str) -> Callable[[Meter, Counter[Any], Any], None]:
    change: Callable[[Counter[Any], Any], None] = getattr(Counter, name)

    def code(meter: Meter, self: Counter[Any], iterable: Any) -> None:
        meter.grow(2 * (len(self) + len(iterable)))
        meter.walk(iterable)
        meter.put_all(iterable, len(self))
        change(self, iterable)

    return code


for _name, _doc, _result in (
    ("update", "counts more elements, or adds the counts of another", "3"),
    ("subtract", "takes elements, or the counts of another, off the counts", "1"),
):
    method(
        "Counter",
        f"{_name}(self: Counter[H], iterable: dict[H, int]) -> None",
        f"{_name}(self: Counter[H], iterable: Iterable[H]) -> None",
        doc=_doc,
        examples=[f'c = Counter("aab")\nc.{_name}("a")\nc["a"] == {_result}'],
        cost=SIZE,
        changes=True,
    )(_recounting(_name))


@builtin(
    "defaultdict(default_factory: Callable[[], T]) -> defaultdict[Never, T]",
    "defaultdict(default_factory: Callable[[], T], pairs: dict[H, T]) -> defaultdict[H, T]",
    doc="a dict which gives, and keeps, what the function makes for a key that is missing",
    examples=["collections.defaultdict(int) == {}", 'collections.defaultdict(int, {"a": 1})["a"] == 1'],
    cost=ELEMENTS,
    module="collections",
)
def _defaultdict(meter: Meter, defaults: list[Any], pairs: Any = ()) -> defaultdict[Any, Any]:
    meter.items(1 + 2 * len(pairs))
    (default,) = defaults
    is_empty = type(default) in _EMPTY and not default
    return defaultdict(type(default) if is_empty else lambda: deepcopy(default), pairs)


_EMPTY = frozenset({bool, int, float, str, list, dict, SetValue})
"""Types whose call without arguments gives what is false."""
