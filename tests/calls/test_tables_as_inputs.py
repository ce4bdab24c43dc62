"""Tables and objects are inputs of `ask` and `complete`: their rows are records, which the program of the model sees."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.errors import InputMismatch
from rlmlang.runtime.inferred_records import typed_data
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.values import Mismatch, to_json
from tests.support.command_line import Run, run

__all__ = ["run"]

ROWS = [{"name": "a", "price": 1.5, "tags": []}, {"name": "b", "price": 2}, {"name": "c", "price": None, "tags": ["x"]}]


@dataclass
class Item:
    name: str
    count: int


def answering(program: str) -> Any:
    """A model that writes this program, and keeps what it is shown."""

    def model(messages: list[dict[str, str]]) -> str:
        model.shown = messages[-1]["content"]  # type: ignore[attr-defined]
        return f"```python\n{program}\n```"

    return model


def test_a_table_is_a_list_of_records_to_the_program_of_the_model() -> None:
    model = answering("def answer(rows):\n    return sum(row.price or 0 for row in rows)")
    assert rlmlang.ask("How much is it?", {"rows": ROWS}, type=float, model=model).value == 3.5
    assert "class Row:\n    name: str\n    price: float | None\n    tags: list[str] | None\n" in model.shown
    assert "rows: list[Row]" in model.shown


@pytest.mark.parametrize("value", [(), [()], {"a": ()}, ((), (1,)), [(1, 2), ()]])
def test_empty_tuples_are_inputs(value: Any) -> None:
    assert rlmlang.ask("Show it", {"x": value}, model=answering("return str(x)")).value == str(value)


def test_objects_are_records_to_the_program_of_the_model() -> None:
    model = answering("def answer(item, others):\n    return [each.name for each in others if each.count > item.count]")
    given = {"item": Item("a", 1), "others": [Item("b", 0), Item("c", 2)]}
    assert rlmlang.ask("Which are more?", given, type=list[str], model=model).value == ["c"]


def test_json_on_the_command_line_is_a_table(run: Run) -> None:
    Path("rows.json").write_text(json.dumps(ROWS))
    program = "def answer(rows):\n    return [row.name for row in rows if row.tags]\n"
    Path("model.toml").write_text(f"[[reply]]\ninstruction = '*'\nprogram = '''{program}'''\n")
    args = (
        "ask",
        "Which have tags?",
        "-i",
        "rows:=@rows.json",
        "--type",
        "list[str]",
        "-m",
        "scripted:model.toml",
        "-q",
    )
    assert json.loads(run(*args)[1]) == ["c"]


@pytest.mark.parametrize(
    ("data", "type_", "completed"),
    [
        ({"a": 1, "b": 2}, "dict[str, int]", {"a": 1, "b": 2}),
        ([{"a": 1}, {"a": "x"}], None, None),
        ({"a": 1, "b": [{"c": 1, "d": "x"}]}, "Data", {"a": 1, "b": [{"c": 1, "d": "x"}]}),
        ([{"a": 1, "b": "x"}, None], "list[Data | None]", [{"a": 1, "b": "x"}, None]),
        ([[{"a": 1, "b": "x"}], []], "list[list[Data]]", [[{"a": 1, "b": "x"}], []]),
        (({"a": 1, "b": "x"}, {"a": 1, "b": "x"}), "tuple[Data, Data2]", [{"a": 1, "b": "x"}, {"a": 1, "b": "x"}]),
        ([1, "x"], None, None),
        ([{"a b": 1, "c": "x"}], None, None),
        ([{"class": 1, "c": "x"}], None, None),
        ([{1: 1, 2: "x"}], None, None),
    ],
)
def test_records_are_found_where_nothing_else_fits(data: Any, type_: str | None, completed: Any) -> None:
    if type_ is None:
        with pytest.raises(Mismatch):
            typed_data(data, "datas", set())
        return
    found, of = typed_data(data, "datas", set())
    assert (str(of), to_json(from_json(found, of))) == (type_, completed)


def test_a_key_that_is_no_name_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputMismatch, match="it has the key 'first name', which is no name of a field") as caught:
        rlmlang.ask("Who?", {"rows": [{"first name": "a", "n": 1}]}, model=answering(""))
    assert caught.value.first.hint == "rename it, or give values of one type"


def test_a_record_of_one_program_is_an_input_of_another_without_types() -> None:
    row = rlmlang.compile('class Row:\n    name: str\n    n: int\n\nRow(name="a", n=2)\n').run().value
    twice = rlmlang.compile("def twice(row):\n    return row.name * row.n\n")
    assert twice.run(row=row).value == "aa"
    with pytest.raises(InputMismatch, match=r"`row`\['n'\] is 2, not str"):
        rlmlang.compile("row: dict[str, str]\nrow\n").run(row=row)
