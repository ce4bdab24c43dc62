"""What files give as inputs, by their form and the type that is declared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlmlang.data import read_value, rows
from rlmlang.errors import UsageError
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    STR,
    UNKNOWN,
    DictType,
    ListType,
    RecordType,
    SetType,
    Type,
    literal,
    optional,
)
from rlmlang.runtime.values import to_json

REVIEWS = 'text,stars,ok\ngood,5,true\n"bad, really",1,false\n'
ROW = RecordType("Row", (("text", STR), ("stars", INT)))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(name: str, content: str, expected: Type | None = None) -> object:
    """What a file gives."""
    Path(name).write_text(content)
    return to_json(read_value(name, expected, "x"))


@pytest.mark.parametrize(
    ("name", "content", "expected", "value"),
    [
        ("a.json", '{"a": [1]}', STR, '{"a": [1]}'),
        ("a.json", '{"a": [1]}', DictType(STR, ListType(INT)), {"a": [1]}),
        ("a.json", '{"a": [1]}', None, {"a": [1]}),
        ("a.json", "null", optional(STR), None),
        ("a.txt", "[1, 2]", ListType(INT), [1, 2]),
        ("a.txt", "1\n2\n", ListType(INT), [1, 2]),
        ("a.txt", "b\n\na\n", ListType(STR), ["b", "a"]),
        ("a.txt", "b\na\nb", SetType(STR), ["b", "a", "b"]),
        ("a.txt", "12", UNKNOWN, 12),
        ("a.txt", "12", None, "12"),
        ("a.csv", REVIEWS, STR, REVIEWS),
        ("a.csv", REVIEWS, ListType(ROW), [{"text": "good", "stars": 5}, {"text": "bad, really", "stars": 1}]),
        ("a.csv", "n\n1\n2\n", ListType(INT), [1, 2]),
        ("a.csv", "a;b\n1;2,5\n", ListType(DictType(STR, STR)), [{"a": "1", "b": "2,5"}]),
        ("a.tsv", "a\tb\n1\t2\n", ListType(DictType(STR, INT)), [{"a": 1, "b": 2}]),
        ("a.jsonl", '{"text": "x", "stars": 2, "more": []}\n\n', ListType(ROW), [{"text": "x", "stars": 2}]),
        ("a.json", '[{"text": "x", "stars": 2, "more": []}]', ListType(ROW), [{"text": "x", "stars": 2}]),
        ("a.csv", "Text,STARS\nx,1\n", ListType(ROW), [{"text": "x", "stars": 1}]),
    ],
)
def test_a_file_gives_what_is_declared(name: str, content: str, expected: Type | None, value: object) -> None:
    assert read(name, content, expected) == value


@pytest.mark.parametrize(
    ("cell", "type_", "value"),
    [
        ("5", INT, 5),
        (" 5 ", INT, 5),
        ("5.0", INT, 5),
        ("1e3", FLOAT, 1000.0),
        ("yes", BOOL, True),
        ("0", BOOL, False),
        ("", optional(INT), None),
        ("", STR, ""),
        ("007", STR, "007"),
        ("a", literal(("a", "b")), "a"),
        ("2", literal((1, 2)), 2),
        ("[1]", ListType(INT), [1]),
    ],
)
def test_cells_are_read_by_the_declared_type(cell: str, type_: Type, value: object) -> None:
    record = RecordType("Row", (("c", type_), ("d", STR)))
    assert read("a.csv", f"c,d\n{cell},x\n", ListType(record)) == [{"c": value, "d": "x"}]


def test_types_of_columns_are_found() -> None:
    table = "id,n,x,zip,ok,empty,gap\na,1,1.5,010,true,,\nb,2,2,020,FALSE,,3\n"
    assert read("a.csv", table) == [
        {"id": "a", "n": 1, "x": 1.5, "zip": "010", "ok": True, "empty": "", "gap": None},
        {"id": "b", "n": 2, "x": 2, "zip": "020", "ok": False, "empty": "", "gap": 3},
    ]


def test_names_of_columns_become_names_of_fields() -> None:
    assert read("a.csv", "Review text,class,größe,2020,Review text\na,b,c,d,e\n") == [
        {"review_text": "a", "class_": "b", "groe": "c", "column_2020": "d", "review_text_2": "e"}
    ]


def test_a_table_without_a_header_has_numbered_columns() -> None:
    assert read("a.csv", "good,5\nbad,1\n") == [{"column_1": "good", "column_2": 5}, {"column_1": "bad", "column_2": 1}]


def test_the_first_rows_that_do_not_fit_are_shown() -> None:
    table = "text,stars\na,1\nb,five\nc,\nd,1.5\ne,x\n"
    with pytest.raises(UsageError) as caught:
        read("a.csv", table, ListType(ROW))
    assert caught.value.first.code == "E603"
    assert caught.value.first.message.split("\n") == [
        "a.csv does not fit `x: list[Row]`:",
        '  row 2, column `stars` is "five", not int',
        "  row 3, column `stars` is empty, not int",
        '  row 4, column `stars` is "1.5", not int',
    ]


def test_a_missing_column_is_one_error() -> None:
    with pytest.raises(UsageError, match="the column `stars` is missing") as caught:
        read("a.csv", "text,star\na,1\nb,2\n", ListType(ROW))
    assert caught.value.first.hint == "the column may be `star`"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", "", "E604"),
        ("a.csv", "a,b\n1,2,3\n", "E604"),
        ("a.jsonl", '{"a": 1}\n{"a": ', "E603"),
        ("a.jsonl", "[1]\n", "E603"),
        ("a.json", "[", "E603"),
        ("a.json", "", "E603"),
        ("a.csv", "a,b\n", "E603"),
    ],
)
def test_broken_and_empty_files_are_errors(name: str, content: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(name, content)
    assert caught.value.first.code == code
    assert name in caught.value.first.message


def test_rows_are_read_again_and_one_by_one() -> None:
    Path("a.jsonl").write_text("".join(json.dumps({"n": i}) + "\n" for i in range(3)) + "{")
    table = rows("a.jsonl")
    assert table.columns is None
    assert [next(iter(table)), next(iter(table))] == [{"n": 0}, {"n": 0}]
    assert table.columns == ("n",)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-32", "utf-8-sig", "cp1251", "shift_jis"])
def test_encodings_are_detected(encoding: str) -> None:
    texts = {
        "cp1251": "Утром мы вышли из дома, и на улице шёл дождь. Никто не хотел идти дальше.\n",
        "shift_jis": "今日は朝から雨が降っていました。だれも外へ出たがりませんでした。\n",
    }
    text = texts.get(encoding, "Die Straße ist naß, sagte Frau Müller, während der Regen über die Dächer läuft.\n") * 3
    Path("a.txt").write_bytes(text.encode(encoding))
    assert read_value("a.txt", STR) == text
