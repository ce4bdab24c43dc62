"""Inputs that are written as text, and the examples in their hints."""

from __future__ import annotations

import json

import pytest

from rlmlang.errors import InputMismatch
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.runtime.inputs import EXAMPLE_LENGTH, bind_inputs, example_json, read_inputs
from rlmlang.runtime.values import to_json

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
    assert caught.value.first.hint == f"write JSON, such as `{example}`"


def test_an_example_of_a_long_type_is_truncated() -> None:
    checked = check(Source("x: " + "list[" * 90 + "int" + "]" * 90 + "\nx\n"))
    assert len(example_json(checked.inputs["x"])) == EXAMPLE_LENGTH


def test_the_place_of_a_mistake_in_json_is_given() -> None:
    checked = check(Source("x: list[int]\nx\n"))
    with pytest.raises(InputMismatch, match="it is not JSON: Expecting value at character 5"):
        read_inputs(checked, {"x": "[1, two]"})
