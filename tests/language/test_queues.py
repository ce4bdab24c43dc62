"""Deques, heaps, ordered lists and tables of characters: they do what CPython's do."""

from __future__ import annotations

import bisect
import heapq
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.language.builtins import METHODS, STATIC
from tests.support.rows import call, meter, same

NUMBERS = st.integers(-4, 9)
LISTS = st.lists(NUMBERS, max_size=9)
ARGUMENTS: dict[str, list[st.SearchStrategy[Any]]] = {
    "append": [NUMBERS], "appendleft": [NUMBERS], "extend": [LISTS], "extendleft": [LISTS], "insert": [NUMBERS, NUMBERS],
    "remove": [NUMBERS], "rotate": [NUMBERS], "pop": [], "popleft": [], "clear": [], "reverse": [],
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS["deque"])
@given(st.data())
def test_methods_of_deques(name: str, data: st.DataObject) -> None:
    given_ = data.draw(LISTS)
    args = [data.draw(kind) for kind in ARGUMENTS[name]]
    own, python = list(given_), deque(given_)
    same(lambda: call(f"deque.{name}", own, *args), lambda: getattr(python, name)(*args))
    assert own == list(python)


@given(LISTS, LISTS)
def test_heaps_have_the_order_of_pythons(first: list[int], pushed: list[int]) -> None:
    own, python = list(first), list(first)
    call("heapq.heapify", own)
    heapq.heapify(python)
    for x in pushed:
        call("heapq.heappush", own, x)
        heapq.heappush(python, x)
        assert own == python
    while python:
        assert call("heapq.heappop", own) == heapq.heappop(python)
        assert own == python
    same(lambda: call("heapq.heappop", own), lambda: heapq.heappop(python))


@given(NUMBERS, LISTS)
def test_largest_and_smallest(n: int, xs: list[int]) -> None:
    for name in ("nlargest", "nsmallest"):
        assert call(f"heapq.{name}", n, xs) == getattr(heapq, name)(n, xs)
        key = [abs(x) for x in xs]
        assert call(f"heapq.{name}", n, xs, key=key) == getattr(heapq, name)(n, xs, key=abs)


@given(LISTS.map(sorted), NUMBERS)
def test_places_in_ordered_lists(xs: list[int], x: int) -> None:
    for name in ("bisect", "bisect_left", "bisect_right"):
        assert call(f"bisect.{name}", xs, x) == getattr(bisect, name)(xs, x)
    for name in ("insort", "insort_left", "insort_right"):
        own, python = list(xs), list(xs)
        call(f"bisect.{name}", own, x)
        getattr(bisect, name)(python, x)
        assert own == python


CHARACTERS = st.text("abß😀", max_size=4)


@given(CHARACTERS, CHARACTERS, CHARACTERS, CHARACTERS)
def test_tables_of_characters(text: str, x: str, y: str, z: str) -> None:
    code = STATIC["str"]["maketrans"].code
    same(lambda: code(meter(), x, y, z), lambda: str.maketrans(x, y, z))
    if len(x) == len(y):
        table = str.maketrans(x, y, z)
        assert call("str.translate", text, table) == text.translate(table)
    texts = dict.fromkeys(x, y)
    assert code(meter(), texts) == str.maketrans(texts)
    assert call("str.translate", text, str.maketrans(texts)) == text.translate(str.maketrans(texts))


@given(st.text("ab", max_size=5), st.none() | NUMBERS)
def test_dicts_from_keys(keys: str, value: int | None) -> None:
    assert STATIC["dict"]["fromkeys"].code(meter(), keys, value) == dict.fromkeys(keys, value)


@given(st.integers() | st.booleans())
def test_binary_digits(n: int) -> None:
    assert call("int.bit_length", n) == n.bit_length()
    assert call("int.bit_count", n) == int(n).bit_count()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_whole_numbers(x: float) -> None:
    assert call("float.is_integer", x) == x.is_integer()
