"""Values: data of another type is refused with its place, and the fields of a record are read by name."""

from __future__ import annotations

from operator import and_, or_, sub, xor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang import compile
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DictType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
)  # fmt: skip
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.values import MAX_INT_BITS, Mismatch, RecordValue, SetValue, canonical, preview, set_of, to_json

POINT = RecordType("Point", (("x", INT), ("name", STR)))


@pytest.mark.parametrize(
    ("data", "type_", "problem"),
    [
        ("a", INT, 'it is "a", not int'),
        (True, INT, "it is true, not int"),
        (1, STR, "it is 1, not str"),
        (1, BOOL, "it is 1, not bool"),
        ("1", FLOAT, 'it is "1", not float'),
        (True, FLOAT, "it is true, not float"),
        (0, NONE, "it is 0, not None"),
        ({}, ListType(INT), "it is {}, not list[int]"),
        ([], DictType(STR, INT), "it is [], not dict[str, int]"),
        ([1], TupleType((INT, STR)), "it is [1], not tuple[int, str]"),
        ([1], POINT, "it is [1], not Point"),
        (2, LiteralType((1, 3)), "it is 2, not one of [1, 3]"),
        ("a", OptionalType(INT), 'it is "a", not int'),
        ([1, [2, "b"]], ListType(INT), "it[1] is [2, \"b\"], not int"),
        (2**MAX_INT_BITS, INT, f"it is an integer of more than {MAX_INT_BITS:,} bits"),
        (float("inf"), FLOAT, "it is inf, which is no number of the language"),
        ({1: 2}, DictType(STR, INT), "it has the key 1, which is not str"),
    ],
)  # fmt: skip
def test_data_of_another_type_is_refused(data: Any, type_: Type, problem: str) -> None:
    with pytest.raises(Mismatch) as caught:
        from_json(data, type_, "it")
    assert str(caught.value) == problem


def test_an_int_is_a_float_where_one_is_expected() -> None:
    assert from_json(2, FLOAT) == 2


def test_the_fields_of_a_record_are_read_by_name() -> None:
    value = compile('class Point:\n    x: int\n    name: str\nPoint(1, "a")').run().value
    assert isinstance(value, RecordValue)
    assert (value.get("x"), value.get("name")) == (1, "a")
    assert to_json(value) == {"x": 1, "name": "a"}
    with pytest.raises(KeyError):
        value.get("y")


# Sets ----------------------------------------------------------------------------

NUMBERS = st.integers(-9, 99) | st.integers(0, 10**6).map(lambda n: n * 64) | st.integers(0, 60).map(lambda n: -(2**n))
LISTS = st.lists(NUMBERS, max_size=5) | st.lists(NUMBERS, max_size=80)
CHANGES = st.sampled_from(["add", "discard", "pop", "update", "difference_update", "intersection_update", "clear"])


@given(LISTS, LISTS, st.lists(st.tuples(CHANGES, NUMBERS), max_size=8))
def test_a_set_of_numbers_has_the_order_of_pythons(a: list[int], b: list[int], changes: list[tuple[str, int]]) -> None:
    python, other, mine, another = set(a), set(b), SetValue(a), SetValue(b)
    for change, number in changes:
        if change == "pop":
            assert not python or python.pop() == mine.pop()
        elif change in ("add", "discard"):
            getattr(python, change)(number)
            getattr(mine, change)(number)
        elif change == "clear":
            python.clear()
            mine.clear()
        else:
            getattr(python, change)(other)
            getattr(mine, change)(another)
    for work in (or_, and_, sub, xor, lambda x, _: x.copy()):
        assert list(work(python, other)) == list(work(mine, another))
        assert type(work(mine, another)) is SetValue
    assert (list(mine), repr(mine)) == (list(python), repr(python))


@given(st.lists(NUMBERS | st.booleans() | st.floats(-9, 9), min_size=1, max_size=30))
def test_a_display_of_constants_has_the_order_of_pythons(items: list[float]) -> None:
    assert list(map(repr, set_of(items, constants=True))) == list(map(repr, eval(f"{{{', '.join(map(repr, items))}}}")))


def test_texts_are_in_their_order() -> None:
    assert list(SetValue("hello")) == ["e", "h", "l", "o"]
    assert repr(SetValue("hello")) == "{'e', 'h', 'l', 'o'}"
    assert list(SetValue([("b", 1), ("a", 2)])) == [("a", 2), ("b", 1)]
    assert list(SetValue([(), ("b",), ("a", "c")])) == [(), ("a", "c"), ("b",)]
    letters = SetValue("hello")
    assert [letters.pop() for _ in range(4)] == ["e", "h", "l", "o"]
    assert repr(letters) == "set()"


def test_sets_and_keys_in_json() -> None:
    assert to_json({1: SetValue([40, 8]), 2: SetValue()}) == {"1": [8, 40], "2": []}
    assert canonical({(1, "a"): SetValue("ba"), (2, "b"): SetValue()}) == r'{"[1,\"a\"]":["a","b"],"[2,\"b\"]":[]}'
    assert canonical({True: 1.5}) == '{"true":1.5}'
    assert canonical(SetValue([(2, 1), (1, 2)])) == "[[1,2],[2,1]]"


def test_sets_and_keys_in_previews() -> None:
    assert preview({1: SetValue([40, 8]), 2: SetValue()}) == "{1: {8, 40}, 2: set()}"
    assert preview(SetValue(map(str, range(10_000))), 20) == '{"0", "1", "10", "1…'
