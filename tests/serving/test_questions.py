"""Conversations as questions with inputs, and JSON schemas as types of answers."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.inline import values_of
from rlmlang.errors import RequestError
from rlmlang.language.types import RecordType
from rlmlang.runtime.values import to_json
from rlmlang.serving.questions import LONG, Question, question_of, read_message, read_type
from rlmlang.serving.schemas import answer_type


def question(*messages: dict[str, Any], **inputs: object) -> Question:
    return question_of([read_message(each, "message") for each in messages], inputs)


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def file(name: str, data: str) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


def test_a_short_message_is_the_question() -> None:
    assert question(user(" How many? ")) == Question("How many?", {}, "")


def test_system_messages_are_told_in_every_prompt() -> None:
    found = question(
        {"role": "system", "content": "Be brief."}, {"role": "developer", "content": "No lists."}, user("?")
    )
    assert (found.text, found.guidance) == ("?", "Be brief.\n\nNo lists.")


def test_long_instructions_are_an_input() -> None:
    rules = "Rule. " * LONG
    found = question({"role": "system", "content": rules}, user("?"))
    assert found == Question("Follow the instructions in `instructions`.\n\n?", {"instructions": rules}, "")


def test_a_long_message_is_an_input_whose_beginning_and_end_are_shown() -> None:
    text = "Count the trees in this text.\n" + "tree " * LONG + "\nThat is all."
    found = question(user(text))
    assert found.inputs == {"text": text}
    assert "Do what the message in `text` asks for" in found.text
    assert "Count the trees in this text." in found.text
    assert found.text.endswith("That is all.")
    assert len(found.text) < 1_200


def test_a_long_part_beside_a_short_one_is_an_input() -> None:
    long, other = "a" * (LONG + 1), "b" * (LONG + 1)
    parts = [{"type": "text", "text": each} for each in (long, "Compare them.", other)]
    assert question(user(parts)) == Question("Compare them.", {"text": long, "text_2": other}, "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("report.txt", "report"), ("Q3 Report (final).md", "q3_report_final"), ("2024.csv", "file_2024"), ("", "file"),
        ("class.py", "file_class"), ("日本.txt", "file"), ("../../etc/passwd", "passwd"), ("_x_.txt", "x"),
        ("a" * 400 + ".txt", "a" * 40),
    ],
)  # fmt: skip
def test_a_file_is_an_input_that_is_named_like_it(name: str, expected: str) -> None:
    found = question(user([{"type": "text", "text": "?"}, file(name, b64encode(b"text").decode())]))
    assert found.inputs == {expected: "text"}
    rlmlang.compile(f"{expected}: str\nlen({expected})\n")


def test_files_of_one_name_have_numbers() -> None:
    data = b64encode(b"x").decode()
    found = question(user([file("a.txt", data), file("a.md", data), {"type": "text", "text": "?"}]), a=1)
    assert list(found.inputs) == ["a", "a_2", "a_3"]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b64encode("é\r\n".encode()).decode(), "é\n"),
        ("data:text/plain;base64," + b64encode(b"one").decode(), "one"),
        ("data:text/plain;charset=utf-8,one%20two", "one two"),
        (b64encode("wide".encode("utf-16")).decode(), "wide"),
        ("", ""),
        (b64encode("Grüße, schöne Straße, für alle".encode("latin-1")).decode(), "Grüße, schöne Straße, für alle"),
    ],
)
def test_contents_of_files(data: str, text: str) -> None:
    found = question(user([file("a.txt", data), {"type": "text", "text": "?"}]))
    assert found.inputs == {"a": text}


@pytest.mark.parametrize(
    ("name", "data", "value"),
    [
        ("t.csv", b"name,price\na,1.5\nb,2\n", [{"name": "a", "price": 1.5}, {"name": "b", "price": 2.0}]),
        ("t.json", b'{"a": [1, 2]}', {"a": [1, 2]}),
        ("t.json", b'[1, "a", [null]]', '[1, "a", [null]]'),
        ("t.md", b"# Title\n", "# Title"),
        ("t.py/../../x", b"text", "text"),
    ],
)
def test_files_are_read_by_what_they_are(name: str, data: bytes, value: object) -> None:
    found = question(user([file(name, b64encode(data).decode()), {"type": "text", "text": "?"}]))
    (given,) = found.inputs.values()
    assert (given.strip() if isinstance(given, str) else to_json(values_of({"given": given})["given"])) == value


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.pdf", b"%PDF-1.7 broken", "a.pdf"),
        ("a.docx", b"PK\x03\x04 no archive", "a.docx"),
        ("a.bin", b"\0\1\2\3", "a.bin"),
        ("a.db", b"SQLite format 3\0 and more", "form that is not read"),
        ("a.arrow", b"ARROW1\0\0", "form that is not read"),
    ],
)
def test_files_that_cannot_be_read_are_named(name: str, data: bytes, said: str) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        question(user([file(name, b64encode(data).decode()), {"type": "text", "text": "?"}]))
    assert "/tmp" not in str(caught.value)


def test_a_short_conversation_stands_in_the_question() -> None:
    found = question(user("Hello"), {"role": "assistant", "content": "Hi"}, user("Bye"))
    assert found.text == ("The conversation so far:\n\nuser: Hello\n\nassistant: Hi\n\nWhat the user says now:\n\nBye")
    assert found.inputs == {}


def test_a_long_conversation_is_an_input() -> None:
    long = "word " * LONG
    found = question(user(long), {"role": "assistant", "content": "Hi"}, user("Bye"))
    assert found.text == "The conversation so far is in `conversation`. What the user says now:\n\nBye"
    assert found.inputs == {"conversation": [{"role": "user", "text": long}, {"role": "assistant", "text": "Hi"}]}


# Types -----------------------------------------------------------------------------


def schema_type(schema: Any, name: str = "answer") -> Any:
    return answer_type({"type": "json_schema", "json_schema": {"name": name, "schema": schema}}, read_type("str"))


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "str"),
        ({"type": "array", "items": {"type": "number"}}, "list[float]"),
        ({"type": ["integer", "null"]}, "int | None"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "bool | None"),
        ({"enum": ["yes", "no"]}, "Literal['yes', 'no']"),
        ({"const": 3}, "Literal[3]"),
        ({"enum": ["a", None]}, "Literal['a'] | None"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}, "tuple[str, int]"),
        ({"$ref": "#/$defs/N", "$defs": {"N": {"type": "integer"}}}, "int"),
    ],
)
def test_schemas_are_types(schema: Any, expected: str) -> None:
    assert str(schema_type(schema)).replace('"', "'") == expected


def test_objects_are_records_whose_schema_says_the_same() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "As it is\nwritten."},
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        },
        "required": ["name", "items"],
        "$defs": {"item": {"type": "object", "properties": {"price": {"type": "number"}}, "required": []}},
    }
    found = schema_type(schema, "the answer")
    assert isinstance(found, RecordType)
    assert found.name == "TheAnswer"
    assert [(name, str(type_)) for name, type_ in found.fields] == [("name", "str"), ("items", "list[Item]")]
    assert found.descriptions == {"name": "As it is written."}
    assert AnswerFormat.of(found).schema["$defs"]["Item"]["properties"] == {
        "price": {"anyOf": [{"type": "number"}, {"type": "null"}]}
    }


DOUBLING = {f"d{n}": {"type": "array", "prefixItems": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}


@pytest.mark.parametrize(
    "schema",
    [
        {}, {"type": "object"}, {"type": "wish"}, {"type": "array"}, {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, {"$ref": "http://evil.example/schema"},
        {"$ref": 3}, {"enum": []}, {"enum": [1.5]}, {"enum": [{}]}, {"$ref": "#/$defs/gone"},
        {"type": "object", "properties": {"a b": {"type": "string"}}},
        {"type": "object", "properties": {"x: int\n    y": {"type": "string"}}},
        {"type": "object", "properties": {"class": {"type": "string"}}},
        {"$ref": "#/$defs/d0", "$defs": {**DOUBLING, "d60": {"type": "string"}}},
    ],
    ids=lambda schema: str(schema)[:60],
)  # fmt: skip
def test_other_schemas_are_refused(schema: Any) -> None:
    with pytest.raises(RequestError) as caught:
        schema_type(schema)
    assert caught.value.first.code == "E700"
