"""Inputs that are written as text, and the examples in their hints."""

from __future__ import annotations

import json
import math
import re
from collections import OrderedDict
from enum import IntEnum, StrEnum
from typing import Any

import pytest

import rlmlang
from rlmlang.errors import InputMismatch
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import FLOAT, INT, STR, DictType, Type
from rlmlang.runtime.inputs import EXAMPLE_LENGTH, bind_inputs, example_json, read_inputs
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.values import Mismatch, to_json

RECORDS = "class Word:\n    text: str\n    places: list[int]\n\nclass Pair:\n    a: Word\n    b: Word | None\n\n"


@pytest.mark.parametrize(
    ("type_", "example"),
    [
        ("int", "1"),
        ("float", "1.5"),
        ("bool", "true"),
        ("list[int]", "[1, 2]"),
        ("list[str]", '["a", "b"]'),
        ("list[bool]", "[true, false]"),
        ("list[list[float]]", "[[1.5, 2.5], [1.5, 2.5]]"),
        ("dict[str, int]", '{"a": 1}'),
        ("tuple[str, int]", '["a", 2]'),
        ("int | None", "1"),
        ("Literal[3, 4]", "3"),
        ('list[Literal["yes", "no"]]', '["yes", "no"]'),
        ("Word", '{"text": "a", "places": [1, 2]}'),
        ("Pair", '{"a": {"text": "a", "places": [1, 2]}, "b": {"text": "a", "places": [1, 2]}}'),
    ],
)
def test_the_hint_for_an_input_is_an_example_of_its_type(type_: str, example: str) -> None:
    checked = check(Source(f"{RECORDS}x: {type_}\nx\n"))
    assert example_json(checked.inputs["x"]) == example
    value = bind_inputs(checked, read_inputs(checked, {"x": example}))["x"]
    assert to_json(value) == json.loads(example)
    with pytest.raises(InputMismatch, match=r"`x` is not of type .*: it is not JSON") as caught:
        read_inputs(checked, {"x": "some words"})
    null = ", or `null`" if type_.endswith("| None") else ""
    assert caught.value.first.hint == f"write JSON, such as `{example}`{null}"


def test_an_example_of_a_long_type_is_truncated() -> None:
    checked = check(Source("x: " + "list[" * 90 + "int" + "]" * 90 + "\nx\n"))
    assert len(example_json(checked.inputs["x"])) == EXAMPLE_LENGTH


def test_the_place_of_a_mistake_in_json_is_given() -> None:
    checked = check(Source("x: list[int]\nx\n"))
    with pytest.raises(InputMismatch, match="it is not JSON: Expecting value at character 5"):
        read_inputs(checked, {"x": "[1, two]"})


class Level(IntEnum):
    HIGH = 3


class Color(StrEnum):
    RED = "red"


class Ratio(float):
    pass


@pytest.mark.parametrize(
    ("type_", "given", "why"),
    [
        ("dict[str, int]", {(1, 2): 3}, "`x` has the key (1, 2), which is not str"),
        ("dict[str, int]", {1: 2}, "`x` has the key 1, which is not str"),
        ("list[dict[str, int]]", [{}, {None: 2}], "`x`[1] has the key None, which no dict or set of the language has"),
        ("float", math.inf, "`x` is inf, which is no number of the language"),
        ("list[float]", [1.0, math.nan], "`x`[1] is nan, which is no number of the language"),
        ("tuple[int, float]", (1, -math.inf), "`x`[1] is -inf, which is no number of the language"),
        ("str", math.nan, "`x` is nan, which is no number of the language"),
        ("float", 1 << 13_000, "`x` is an integer of more than 13,000 bits"),
        pytest.param("str", 10**5000, "`x` is an integer of more than 13,000 bits", id="digits"),
        ("str", b"a", "`x` is of the Python type bytes, which the language does not have"),
        ("list[int]", {1, 2}, "`x` is a set, not list[int]"),
        ("dict[int, int]", {None: 1}, "`x` has the key None, which no dict or set of the language has"),
        ("set[int]", {1, "a"}, 'an element of `x` is "a", not int'),
        ("Word", {"text": "a", "places": {1: 1}}, '`x`.places is {"1": 1}, not list[int]'),
    ],
)
def test_what_is_no_value_of_the_language_is_refused_with_its_place(type_: str, given: object, why: str) -> None:
    checked = check(Source(f"{RECORDS}x: {type_}\nx\n"))
    with pytest.raises(InputMismatch) as caught:
        bind_inputs(checked, {"x": given})
    assert (caught.value.first.code, caught.value.first.message) == ("E603", why)


def test_a_value_that_contains_itself_is_refused() -> None:
    cyclic: list[object] = [1]
    cyclic.append({"again": cyclic})
    with pytest.raises(InputMismatch, match=re.escape("`x`[1]['again'] contains itself")):
        bind_inputs(check(Source("x: list[int]\nx\n")), {"x": cyclic})
    shared = [1]
    assert bind_inputs(check(Source("x: list[list[int]]\nx\n")), {"x": [shared, shared]})["x"] == [[1], [1]]


@pytest.mark.parametrize(
    ("type_", "given", "plain"),
    [
        ("int", Level.HIGH, 3),
        ("float", Level.HIGH, 3),
        ("str", Color.RED, "red"),
        ('Literal["red", "blue"]', Color.RED, "red"),
        ("float", Ratio(1.5), 1.5),
        ("list[int]", (Level.HIGH,), [3]),
        ("dict[str, int]", OrderedDict({Color.RED: 1}), {"red": 1}),
    ],
)
def test_values_of_subclasses_become_plain(type_: str, given: object, plain: object) -> None:
    value = bind_inputs(check(Source(f"x: {type_}\nx\n")), {"x": given})["x"]
    assert repr(value) == repr(plain)
    assert [type(key) for key in value] == [str] if isinstance(value, dict) else type(value) is type(plain)


@pytest.mark.parametrize(
    ("data", "type_"), [({1: 2}, DictType(STR, INT)), (math.inf, FLOAT), (math.nan, FLOAT), (2**13_000, FLOAT)]
)
def test_data_that_is_not_json_is_no_value(data: object, type_: Type) -> None:
    with pytest.raises(Mismatch):
        from_json(data, type_)


def test_a_field_that_may_be_none_may_be_left_out_of_an_input() -> None:
    text = """
class Name:
    first: str
    last: str | None
class Person:
    name: Name | None
    others: dict[str, tuple[Name, int]]
x: list[Person]
x
"""
    given = [{"others": {"a": ({"first": "Ann"}, 1)}}, {"name": {"first": "Bo", "last": "C"}, "others": {}}]
    found = rlmlang.compile(text).run(x=given).to(Any)
    assert found == [
        {"name": None, "others": {"a": ({"first": "Ann", "last": None}, 1)}},
        {"name": {"first": "Bo", "last": "C"}, "others": {}},
    ]
    with pytest.raises(InputMismatch, match="lacks the field 'first'"):
        rlmlang.compile(text).run(x=[{"name": {}, "others": {}}])


def test_a_field_that_has_a_default_may_be_left_out_of_an_input() -> None:
    text = """
from dataclasses import dataclass, field
@dataclass
class Item:
    name: str
    count: int = 1
    price: float | None = 0.5
    tags: list[str] = field(default_factory=list)
def main(items: list[Item]) -> list[Item]:
    return items
"""
    given: list[Any] = [{"name": "a"}, {"name": "b", "count": 2, "price": None, "tags": ["x"]}]
    assert rlmlang.compile(text).run(items=given).to(Any) == [
        {"name": "a", "count": 1, "price": 0.5, "tags": []},
        {"name": "b", "count": 2, "price": None, "tags": ["x"]},
    ]
    declared = text.replace(
        "def main(items: list[Item]) -> list[Item]:\n    return items", "def item(n: str) -> Item: ..."
    )
    found = rlmlang.compile(f"{declared}item('a').count").run(functions={"item": lambda name: {"name": name}})
    assert found.value == 1
