"""Values: data of another type is refused with its place, and the fields of a record are read by name."""

from __future__ import annotations

from typing import Any

import pytest

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
from rlmlang.runtime.values import MAX_INT_BITS, Mismatch, RecordValue, from_json, to_json

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
