"""What a program says about the fields of its records: models are told, and schemas have it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.language.types import RecordType
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from tests.support.fakes import Fake, label

CUSTOMER = '''\
class Customer:  # who ordered
    """A private person."""
    name: str  # the customer's full name
    age: int | None
    """In years;
    None if it is not told."""
    town: str


CALL[Customer]("Who is it?", "…")
'''
ANN = {"name": "Ann", "age": 41, "town": "Ely"}


def record(text: str) -> RecordType:
    type_ = rlmlang.compile(text).type
    assert isinstance(type_, RecordType)
    return type_


def test_a_comment_behind_a_field_and_a_string_below_it_describe_it() -> None:
    assert record(CUSTOMER).descriptions == {
        "": "who ordered A private person.",
        "name": "the customer's full name",
        "age": "In years; None if it is not told.",
    }


@pytest.mark.parametrize(
    ("line", "description"),
    [
        ("x: int  # how many", "how many"),
        ("x: int  #how many ", "how many"),
        ("x: int  # how many # or so", "how many # or so"),
        ("x: int\n    'how many'", "how many"),
        ('x: int  # how many\n    """of them"""', "how many of them"),
        ("x: dict[\n        str,  # by name\n        int,\n    ]  # how many", "how many"),
        ('x: int\n\n    # between\n    "how many"', "how many"),
        ("x: int\n    'a \\x07 bell'", r"a \x07 bell"),
        ("x: int  # ترتيب 😀", "ترتيب 😀"),
        ("x: int", None),
        ("# how many\n    x: int", None),
        ("x: int\n    # how many", None),
        ("x: int  #", None),
        ("x: int  #=> 3", None),
        ("x: int  # noqa: E501", None),
        ("x: int  # type: ignore", None),
        ("x: int\n    ''", None),
    ],
)
def test_what_describes_a_field(line: str, description: str | None) -> None:
    found = record(f'class P:\n    {line}\n\nCALL[P]("x")\n')
    assert found.descriptions.get("x") == description


def test_the_model_is_told() -> None:
    model = Fake(lambda request: ANN)
    assert rlmlang.compile(CUSTOMER).run(model=model).value.values == ("Ann", 41, "Ely")
    system = model.requests[0].messages[0].content
    assert system.startswith(
        'Answer with an object (who ordered A private person.) with "name" (a string: the customer\'s full name), '
        '"age" (a whole number or null: In years; None if it is not told.), "town" (a string), as JSON.'
    )


def test_a_record_that_is_used_twice_is_described_once() -> None:
    text = 'class P:  # a point\n    x: int  # to the right\n\nCALL[tuple[P, P]]("Where?")\n'
    line = AnswerFormat.of(rlmlang.compile(text).type).description
    assert line.endswith('A P is an object (a point) with "x" (a whole number: to the right).')


def test_the_schema_has_it() -> None:
    schema = AnswerFormat.of(record(CUSTOMER)).schema
    assert schema["description"] == "who ordered A private person."
    assert schema["properties"]["name"] == {"type": "string", "description": "the customer's full name"}
    assert schema["properties"]["age"]["description"] == "In years; None if it is not told."
    assert schema["properties"]["town"] == {"type": "string"}


def test_a_description_stands_beside_no_reference() -> None:
    """OpenAI's servers refuse a schema with a `$ref` that has keywords beside it."""
    text = 'class A:  # a place\n    city: str\n\n\nclass B:\n    home: A  # where to send it\n\n\nCALL[B]("Who?")\n'
    schema = AnswerFormat.of(record(text)).schema
    assert schema["properties"]["home"] == {"anyOf": [{"$ref": "#/$defs/A"}], "description": "where to send it"}
    assert schema["$defs"]["A"]["description"] == "a place"


def test_a_model_that_writes_programs_is_told_and_so_are_those_that_answer_its_calls() -> None:
    def answer(request: Any) -> Any:
        return '    return CALL[Customer]("Look again.")' if request.program else ANN

    model = Fake(answer)
    result = rlmlang.compile(CUSTOMER).run(model=model, limits={"max_depth": 2})
    assert result.value.values == ("Ann", 41, "Ely")
    asked, again = model.requests
    head = asked.messages[1].content
    assert "class Customer:  # who ordered A private person.\n    name: str  # the customer's full name\n" in head
    assert "    age: int | None  # In years; None if it is not told.\n    town: str\n" in head
    assert "the customer's full name" in again.messages[0].content


def test_inputs_bring_their_descriptions_along() -> None:
    text = CUSTOMER.replace('CALL[Customer]("Who is it?", "…")', 'c: Customer\nCALL("Greet.", c)')
    model = Fake(lambda request: '    return "Hello"')
    rlmlang.compile(text).run(model=model, c=ANN, limits={"max_depth": 2})
    assert "    name: str  # the customer's full name\n" in model.requests[0].messages[1].content


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("the customer's full name", "the first name"),
        ("who ordered", "who paid"),
        ("  # the customer's full name", ""),
        ("In years", "In months"),
    ],
)
def test_another_description_makes_another_call(before: str, after: str, tmp_path: Path) -> None:
    model, place = Fake(lambda request: ANN), tmp_path / "s"

    def calls(text: str) -> int:
        return rlmlang.compile(text).run(model=model, store=place).usage.calls

    assert [calls(CUSTOMER), calls(CUSTOMER.replace(before, after)), calls(CUSTOMER)] == [1, 1, 0]


def test_records_without_descriptions_keep_their_answers(tmp_path: Path) -> None:
    """Their keys are what they were before there were descriptions."""
    text = 'class P:\n    x: int\n\nCALL[P]("x")\n'
    model, place = Fake(lambda request: {"x": 1}), tmp_path / "s"
    commented = "# a point\n" + text.replace("    x", "    # to the right\n    x")
    assert [rlmlang.compile(each).run(model=model, store=place).usage.calls for each in (text, commented)] == [1, 0]


def test_a_description_is_part_of_the_prompt_that_is_counted() -> None:
    class Counting(Fake):
        def count_tokens(self, request: Any) -> int:
            return sum(len(message.content) for message in request.messages)

    bare = CUSTOMER.replace("  # the customer's full name", "")
    told, plain = (rlmlang.compile(text).cost(model=Counting(label)).prompt_tokens[0] for text in (CUSTOMER, bare))
    assert told == plain + len(": the customer's full name")


def test_a_schema_with_descriptions_is_json() -> None:
    assert json.loads(json.dumps(AnswerFormat.of(record(CUSTOMER)).object_schema))["properties"]["answer"]


def test_a_model_that_writes_a_program_sees_the_defaults_of_fields() -> None:
    text = """
from dataclasses import field
class Item:
    name: str
    tags: list[str] = field(default_factory=list)
    count: int = -3  # how many
    note: str | None = None
CALL[Item]("Which?")
"""
    prompts: list[str] = []

    def model(request: Request) -> str:
        prompts.append(request.messages[-1].content)
        return "return Item('a', [])"

    found = rlmlang.compile(text).run(model=ScriptedModel(model), max_depth=2).value
    assert (found.get("count"), found.get("note")) == (-3, None)
    assert "    tags: list[str]\n    count: int = -3  # how many\n    note: str | None = None\n" in prompts[0]
