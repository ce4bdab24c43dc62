"""Objects with fields are records also where no program declares their types: for questions, and in functions."""

from __future__ import annotations

from collections import UserString, namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import numpy as np
import pytest
from pydantic import BaseModel

import rlmlang
from rlmlang.errors import UsageError
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.runtime.python_values import data_of


@dataclass
class Size:
    width: int
    height: int


@attrs.define
class Line:
    name: str
    size: Size


class Order(BaseModel):
    name: str
    size: int


class Place(NamedTuple):
    x: int
    name: str


Pair = namedtuple("Pair", "x y")


GIVEN: Sequence[tuple[Any, str, Any]] = [
    (Size(3, 4), "given.height", 4),
    (Line("a", Size(3, 4)), "given.size.width", 3),
    (Order(name="b", size=5), "given.size", 5),
    (Place(1, "here"), "given.x", 1),
    (Pair(1, 2), "given.y", 2),
    ([Place(1, "here"), Place(2, "there")], "[each.name for each in given]", ["here", "there"]),
    ({"a": Size(3, 4), "b": Size(5, 6)}, 'given["b"].width', 5),
    ([{"x": 1, "y": "a"}, {"x": 2}], "[each.y for each in given]", ["a", None]),
    ((Size(3, 4), "a"), "given[0].width", 3),
    ((1, "a"), "given[1]", "a"),
    ({"x": 1}, 'given["x"]', 1),
    ([], "len(given)", 0),
]


@pytest.mark.parametrize(("given", "reads", "value"), GIVEN)
def test_a_function_without_types_takes_objects_as_records(given: object, reads: str, value: object) -> None:
    assert rlmlang.compile(f"def read(given):\n    return {reads}\n").run(given=given).value == value


@pytest.mark.parametrize(("given", "reads", "value"), GIVEN)
def test_a_question_takes_objects_as_records(given: object, reads: str, value: Any) -> None:
    type_ = {int: "int", str: "str", list: "list[str]"}[type(value)]
    type_ = "list[str | None]" if value == ["a", None] else type_
    model = ScriptedModel(lambda request: f"return {reads}")
    assert rlmlang.ask("Read it", {"given": given}, type=type_, model=model).value == value


def test_the_model_sees_the_class_of_an_object() -> None:
    seen: list[str] = []

    def model(request: Request) -> str:
        seen.extend(message.content for message in request.messages)
        return "return 1"

    rlmlang.ask("How wide?", {"line": Line("a", Size(3, 4))}, type=int, model=ScriptedModel(model))
    assert "class Size:\n    width: int\n    height: int\n" in "".join(seen)
    assert "line: Line" in "".join(seen)


def test_a_class_of_the_program_with_the_name_of_that_of_an_object_is_another() -> None:
    text = "class Size:\n    depth: int\n\ndef read(given):\n    return (Size(given.width), given)\n"
    own, given = rlmlang.compile(text).run(given=Size(3, 4)).value
    assert (own.type.name, given.type.name, given.values) == ("Size", "Size2", (3, 4))


def test_a_declared_type_decides_what_an_object_is() -> None:
    assert rlmlang.compile("given: dict[str, int]\ngiven").run(given=Size(3, 4)).value == {"width": 3, "height": 4}
    assert rlmlang.compile("given: tuple[int, str]\ngiven").run(given=Place(1, "a")).value == (1, "a")


def test_a_run_with_objects_is_resumed(tmp_path: Path) -> None:
    program = rlmlang.compile('def read(given):\n    return CALL[int]("How wide?", given.width)\n')
    failing = ScriptedModel(lambda request: 1 / 0)
    with pytest.raises(rlmlang.ModelError):
        program.run(given=[Size(3, 4)][0], model=failing, store=tmp_path / "store.db")
    model = ScriptedModel(lambda request: "3")
    assert rlmlang.resume("last", store=tmp_path / "store.db", model=model).value == 3


def test_a_text_of_another_class_is_its_text() -> None:
    assert data_of([UserString("abc")], "`x`") == ["abc"]


@pytest.mark.parametrize(
    ("number", "hint"),
    [(np.longdouble(1.5), "give float(value)"), (np.clongdouble(1), "give its parts, value.real and value.imag")],
)
@pytest.mark.parametrize("wrap", [lambda number: number, lambda number: np.array([number])])
def test_a_number_that_python_has_not_is_refused_with_what_to_give(number: Any, hint: str, wrap: Any) -> None:
    if np.dtype(type(number)) in (np.dtype("float64"), np.dtype("complex128")):
        pytest.skip("this machine has no wider numbers")
    with pytest.raises(UsageError, match=type(number).__name__) as caught:
        rlmlang.compile("def read(x):\n    return 1\n").run(x=wrap(number))
    assert caught.value.first.hint == hint


def test_a_deep_list_is_refused_without_taking_the_memory() -> None:
    deep: list[Any] = []
    for _ in range(20_000):
        deep = [deep]
    with pytest.raises(UsageError, match="nested too deeply"):
        rlmlang.compile("def read(x):\n    return 1\n").run(x=deep)
