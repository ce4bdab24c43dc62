"""Sessions: what was given, bound and answered before is there for the next question."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import rlmlang
from rlmlang.cli.commands import run
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.storage.sessions import (
    SessionValue,
    bind_in,
    copy_session,
    forget_sessions_of_clients,
    names_in,
    rename_session,
    sessions,
    values_in,
)
from rlmlang.storage.store import Store


class Asked:
    """A model that answers with programs by the first word of the question, and notes what it was given."""

    def __init__(self, **programs: str) -> None:
        self.programs = programs
        self.inputs: list[dict[str, Any]] = []
        self.questions: list[str] = []

    def model(self) -> ScriptedModel:
        return ScriptedModel(self._reply)

    def _reply(self, request: Request) -> str:
        if request.level > 1:
            return "an answer"
        self.inputs.append({str(name): value for name, value in request.arguments})
        self.questions.append(request.instruction)
        return self.programs[request.instruction.split()[0]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_inputs_and_answers_are_there_for_the_next_question(store: Path) -> None:
    asked = Asked(Count="return len(book.split())", Double="return 2 * answer_1")
    session = rlmlang.Session("s", store=store)
    assert session.ask("Count the words", {"book": "a b c"}, type=int, model=asked.model()).value == 3
    assert session.ask("Double that", type=int, model=asked.model()).value == 6
    assert asked.inputs[1] == {"book": "a b c", "answer_1": 3}
    assert session.values == {"book": "a b c", "answer_1": 3, "answer_2": 6}
    assert "- answer_1: Count the words" in asked.questions[1]


def test_another_process_goes_on(store: Path) -> None:
    asked = Asked(Count="return len(book.split())", Double="return 2 * answer_1")
    rlmlang.Session("s", store=store).ask("Count", {"book": "a b"}, type=int, model=asked.model())
    assert rlmlang.Session("s", store=store).ask("Double", type=int, model=asked.model()).value == 4
    assert rlmlang.Session("another", store=store).values == {}


def test_old_values_are_given_to_a_question_that_names_them(store: Path) -> None:
    session = rlmlang.Session("s", store=store)
    session.bind({f"v{number}": number for number in range(100)})
    asked = Asked(Add="return v7 + v99")
    assert session.ask("Add `v7` to v99", type=int, model=asked.model()).value == 106
    assert [*asked.inputs[0]] == ["v7", *(f"v{number}" for number in range(60, 100))]


@pytest.mark.parametrize("writing", ["turns", "whole", "statements"])
def test_variables_of_functions_are_bound_however_they_are_written(writing: Any, store: Path) -> None:
    programs = {
        "First": "```python\nparts = book.split(',')\nlengths = {part: len(part) for part in parts}\nreturn parts[0]\n```",
        "Then": "```python\nreturn lengths['bb'] + len(parts)\n```",
    }
    session = rlmlang.Session("s", store=store)
    session.bind(book="a,bb")
    model = Asked(**programs).model()
    assert session.ask("First", model=model, writing=writing).value == "a"
    assert session.values == {"book": "a,bb", "parts": ["a", "bb"], "lengths": {"a": 1, "bb": 2}, "answer_1": "a"}
    assert session.ask("Then", type=int, model=model, writing=writing).value == 4


def test_a_whole_program_with_helpers_and_calls_binds_the_variables_of_its_function(store: Path) -> None:
    program = """```python
import re

class Part:
    name: str
    size: int

def size(text: str) -> int:
    inner = len(text)
    return inner

def answer(book: str) -> str:
    parts = [Part(each, size(each)) for each in re.findall(r"\\w+", book)]
    said = CALL("Say", parts[0].name)
    largest = max(part.size for part in parts)
    none = None
    for part in parts:
        last = part.name
    return said
```"""
    session = rlmlang.Session("s", store=store)
    model = Asked(First=program, Then="return f'{parts[1].size} {said} {largest} {last}'").model()
    assert session.ask("First", {"book": "a,bb"}, model=model, writing="whole").value == "an answer"
    assert [*session.values] == ["book", "parts", "said", "largest", "none", "part", "last", "answer_1"]
    assert session.ask("Then", model=model, writing="whole").value == "2 an answer 2 bb"


def test_a_script_with_constants_binds_its_answer(store: Path) -> None:
    session = rlmlang.Session("s", store=store)
    model = Asked(First="```python\nx = 3\ndef answer(book: str) -> int:\n    y = 2\n    return x + y\n```").model()
    assert session.ask("First", {"book": "a"}, type=int, model=model, writing="whole").value == 5
    assert session.values == {"book": "a", "answer_1": 5}


@pytest.mark.parametrize("writing", ["statements", "turns", "whole", "none"])
def test_inputs_questions_and_typed_answers_are_there_however_programs_are_written(writing: str, store: Path) -> None:
    seen: list[tuple[str, dict[str | None, Any]]] = []

    def reply(request: Request) -> str:
        seen.append((request.instruction, dict(request.arguments)))
        first = request.instruction.startswith("Which")
        if writing == "none":
            return '["a", "b"]' if first else "2"
        return f"```python\n{'return book.split()' if first else 'return len(answer_1)'}\n```"

    model = ScriptedModel(reply)
    options: dict[str, Any] = {"limits": {"max_depth": 0}} if writing == "none" else {"writing": writing}
    session = rlmlang.Session("s", store=store)
    assert session.ask("Which words?", {"book": "a b"}, type="list[str]", model=model, **options).value == ["a", "b"]
    assert session.ask("How many?", type=int, model=model, **options).value == 2
    assert seen[-1][1] == {"book": "a b", "answer_1": ["a", "b"]}
    assert "- answer_1: Which words?" in seen[-1][0]
    assert session.values == {"book": "a b", "answer_1": ["a", "b"], "answer_2": 2}


def test_a_variable_that_is_no_input_is_not_bound_over_one(store: Path) -> None:
    session = rlmlang.Session("s", store=store)
    session.bind(book="a", note="kept")
    model = Asked(First="```python\nbook = book + 'b'\nreturn book\n```").model()
    assert session.ask("First", model=model, writing="turns").value == "ab"
    assert session.values == {"book": "a", "note": "kept", "answer_1": "ab"}


def test_a_question_that_fails_binds_no_answer_and_is_not_paid_twice(store: Path) -> None:
    session = rlmlang.Session("s", store=store)
    program = "a = CALL('One', book)\nb = CALL('Two', book)\nreturn a + b"
    model = Asked(Ask=program).model()
    with pytest.raises(rlmlang.BudgetError):
        session.ask("Ask", {"book": "x"}, model=model, limits={"max_calls": 2})
    assert session.values == {"book": "x"}
    result = session.ask("Ask", model=model)
    assert result.value == "an answeran answer"
    assert result.usage.memo_hits >= 1


def test_the_answers_of_two_questions_that_are_asked_at_once_are_both_kept(store: Path) -> None:
    def first(request: Request) -> str:
        second = Asked(Second="return 2").model()
        other = Thread(
            target=lambda: rlmlang.Session("s", store=store).ask("Second", {"total": 5}, type=int, model=second)
        )
        other.start()
        other.join()
        return "```python\ntotal = 1\nreturn total\n```"

    session = rlmlang.Session("s", store=store)
    assert session.ask("First", type=int, model=ScriptedModel(first), writing="turns").value == 1
    assert session.values == {"total": 5, "answer_1": 2, "answer_2": 1}


def test_a_variable_that_is_called_as_an_answer_is_kept_beside_it(store: Path) -> None:
    session = rlmlang.Session("s", store=store)
    model = Asked(First="```python\nanswer_1 = 7\nreturn answer_1 + 1\n```").model()
    assert session.ask("First", type=int, model=model, writing="turns").value == 8
    assert session.values == {"answer_1": 7, "answer_2": 8}


def test_values_of_all_types_come_back(store: Path) -> None:
    session = rlmlang.Session("s", store=store)
    values = {
        "t": (1, "a"),
        "s": {"x", "y"},
        "d": {(1, 2): [True]},
        "f": 0.5,
        "n": None,
        "text": "é\x00\ud800",
        "i": 10**30,
    }
    session.bind(values)
    assert session.values == rlmlang.Session("s", store=store).values
    assert {name: session.values[name] for name in ("t", "d", "f", "n", "text", "i")} == {
        name: values[name] for name in ("t", "d", "f", "n", "text", "i")
    }


@pytest.mark.parametrize("name", ["lambda", "CALL", "a b", "1a", "", "é", "a\ud800", "question__"])
def test_a_name_that_no_input_can_have_is_not_bound(name: str, store: Path) -> None:
    """Every later question of the session would fail, and a single value cannot be forgotten."""
    session = rlmlang.Session("s", store=store)
    with pytest.raises(rlmlang.UsageError, match=r"E607.*an input cannot be named"):
        session.bind({name: 1})
    with pytest.raises(rlmlang.UsageError, match=r"E607.*an input cannot be named"):
        session.ask("Count", {name: 1}, model=Asked(Count="return 'x'").model())
    assert session.values == {}


@pytest.mark.parametrize("value", [{1, "a"}, [{(1, 2), "a"}], {"k": {"x", 1}}])
def test_a_set_of_several_types_is_refused_with_a_code(value: Any, store: Path) -> None:
    with pytest.raises(rlmlang.UsageError, match=r"E603.*`v` is of no type of the language: it mixes"):
        rlmlang.Session("s", store=store).bind(v=value)


def test_asynchronous_code_asks_too(store: Path) -> None:
    session = rlmlang.Session("s", store=store)
    model = Asked(Count="return len(book)").model()
    assert asyncio.run(session.aask("Count", {"book": "abc"}, type=int, model=model)).value == 3


@pytest.mark.parametrize("name", ["", "a b", "-x", "a" * 101, 3, "../x"])
def test_a_name_that_is_none(name: Any, store: Path) -> None:
    with pytest.raises(rlmlang.UsageError, match="E607"):
        rlmlang.Session(name, store=store)


def test_the_store_keeps_sessions_apart(place: str | Path) -> None:
    with Store(place) as store:
        one = SessionValue("x", rlmlang.compile("1").type, 1)
        bind_in(store, "a", [one])
        bind_in(store, "b", [one, SessionValue("x", one.type, 2)])
        assert {row.name: row.values for row in sessions(store)} == {"a": 1, "b": 1}
        assert values_in(store, "b")["x"].value == 2
        bind_in(store, "b", [one, SessionValue("y", one.type, 2)])
        assert rlmlang.Session("a", store=store).forget() == 1
        assert [row.name for row in sessions(store)] == ["b"]
        copy_session(store, "b", "chat:1")
        rename_session(store, "chat:1", "chat:2")
        assert names_in(store, "chat:1") == set()
        assert {name: each.value for name, each in values_in(store, "chat:2").items()} == {"x": 1, "y": 2}
        forget_sessions_of_clients(store, 60.0)
        assert names_in(store, "chat:2") == {"x", "y"}
        store.db.query("update session_values set bound = bound - 100")
        forget_sessions_of_clients(store, 60.0)
        assert [row.name for row in sessions(store)] == ["b"]


def test_a_damaged_session_is_an_error(store: Path) -> None:
    rlmlang.Session("s", store=store).bind(x=1)
    with Store(store) as kept:
        kept.db.query('update session_values set type = \'["list", "int"]\'')
        with pytest.raises(rlmlang.UsageError, match=r"E606.*damaged"):
            values_in(kept, "s")


# The command line ------------------------------------------------------------------

SCRIPT = """
[[reply]]
instruction = "Count*"
program = "return len(book.split())"
[[reply]]
instruction = "Double*"
program = "return 2 * answer_1"
"""


def test_the_command_line_goes_on_with_a_session(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "model.toml"
    script.write_text(SCRIPT)
    shared = ["--session", "s", "--store", str(store), "--type", "int", "--model", f"scripted:{script}", "-q"]
    assert run(["ask", "Count", "-i", "book=a b c", *shared]) == 0
    assert run(["ask", "Double", *shared]) == 0
    assert capsys.readouterr().out.split() == ["3", "6"]
    assert run(["sessions", "list", "--store", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["values"] == 3
    assert run(["sessions", "show", "s", "--store", str(store)]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == ['book: str = "a b c"', "answer_1: int = 3", "  Count"]
    assert run(["sessions", "show", "s", "--store", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1]["question"] == "Count"
    assert run(["sessions", "forget", "s", "--store", str(store)]) == 0
    assert run(["sessions", "show", "s", "--store", str(store)]) == 2
    assert "E610" in capsys.readouterr().err


def test_a_question_that_did_not_end_says_to_ask_it_again(
    tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that is resumed binds no answer in its session."""
    script = tmp_path / "model.toml"
    script.write_text('[[reply]]\ninstruction = "Count*"\nerror = "fail"\n')
    assert run(["ask", "Count", "--session", "s", "--store", str(store), "--model", f"scripted:{script}"]) == 4
    err = capsys.readouterr().err
    assert "finished calls are kept; ask again in the session" in err
    assert "runs resume" not in err


def test_a_session_needs_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "model.toml"
    script.write_text(SCRIPT)
    assert run(["ask", "Count", "--session", "s", "--no-store", "--model", f"scripted:{script}"]) == 2
    assert "E607" in capsys.readouterr().err
