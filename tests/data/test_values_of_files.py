"""What files give as inputs, by their form and the type that is declared."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rlmlang
from rlmlang.data import read_value, rows
from rlmlang.errors import InputMismatch, UsageError
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    STR,
    UNKNOWN,
    DictType,
    ListType,
    OpenTupleType,
    RecordType,
    SetType,
    TupleType,
    Type,
    literal,
    optional,
)
from rlmlang.runtime.values import to_json
from tests.support.command_line import Run, run

__all__ = ["run"]

REVIEWS = 'text,stars,ok\ngood,5,true\n"bad, really",1,false\n'
ROW = RecordType("Row", (("text", STR), ("stars", INT)))
WITH_DEFAULTS = """
from dataclasses import dataclass, field

@dataclass
class Part:
    size: int = 2

@dataclass
class Row:
    name: str
    count: int = 1
    tags: list[str] = field(default_factory=list)
    part: Part | None = None

def main(rows: list[Row]) -> list[Row]:
    rows[0].tags.append("x")
    return rows
"""


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
        {"review_text": "a", "class_": "b", "grosse": "c", "column_2020": "d", "review_text_2": "e"}
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
    ("name", "content"),
    [
        ("a.csv", "name\na\nb\n"),
        ("a.csv", 'name,part\na,{}\nb,"{""size"": 2}"\n'),
        ("a.jsonl", '{"name": "a", "part": {}}\n{"name": "b"}\n'),
        ("a.json", '[{"name": "a"}, {"name": "b"}]'),
    ],
)
def test_missing_columns_have_the_defaults_of_fields_each_row_its_own(name: str, content: str) -> None:
    program = rlmlang.compile(WITH_DEFAULTS)
    Path(name).write_text(content)
    found = to_json(program.run(rows=read_value(name, program.inputs["rows"], "rows")).value)
    size = 2 if "part" in content else None
    assert [row["part"] and row["part"]["size"] for row in found] == [size, None if "jsonl" in name else size]
    assert [(row["name"], row["count"], row["tags"]) for row in found] == [("a", 1, ["x"]), ("b", 1, [])]


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


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-16", "größer"),
        ("utf-32", "größer"),
        ("utf-8-sig", "größer"),
        ("cp1252", "Müller ist größer,Straße"),
        ("cp1252", "L'été dernier, nous avons mangé des pêches à côté du château; c'était très agréable, voilà."),
        ("cp1252", "price is 5€ – “nice”"),
        ("cp1250", "Zażółć gęślą jaźń, powiedział mój przyjaciel, który mieszkał w Łodzi."),
        ("cp1254", "Işık ılık süt içiyordu; çocuklar bahçede güzel şarkılar söylüyordu."),
        ("cp1251", "Утром мы вышли из дома, и на улице шёл дождь."),
        ("cp1253", "Το πρωί βγήκαμε από το σπίτι και έβρεχε στον δρόμο."),
        ("shift_jis", "今日は朝から雨が降っていました。だれも外へ出たがりませんでした。"),
        ("gb18030", "今天早上下雨了,没有人想出去。我们在家里看书。"),
        ("euc_kr", "오늘 아침에 비가 왔습니다. 아무도 나가고 싶어하지 않았습니다."),
    ],
)
def test_encodings_are_detected(encoding: str, text: str) -> None:
    text = f"1,2\n{text}\n"
    Path("a.txt").write_bytes(text.encode(encoding))
    assert read_value("a.txt", STR) == text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\r1,2\r3,4\r", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        ('a,b\r\n1,"x\r\ny"\r\n', [{"a": "1", "b": "x\ny"}]),
        ('a,b\n"say ""hi""",5" pipe\n', [{"a": 'say "hi"', "b": '5" pipe'}]),
        ("text\nhello, world\nbye, you\n", [{"text": "hello, world"}, {"text": "bye, you"}]),
        ("country,2019,2020\nPeru,3.4,5.1\n", [{"country": "Peru", "2019": "3.4", "2020": "5.1"}]),
        (",text\n0,good\n1,bad\n", [{"column_1": "0", "text": "good"}, {"column_1": "1", "text": "bad"}]),
        ("a,a\n1,2\n", [{"a": "1", "a_2": "2"}]),
        ("a,b\n1\n", [{"a": "1", "b": None}]),
        ("a|b\nx,y|2\n", [{"a": "x,y", "b": "2"}]),
        ("a,b\n", []),
    ],
)
def test_tables_in_text_are_recognized(content: str, expected: list[dict[str, object]]) -> None:
    Path("a.csv").write_bytes(content.encode())
    assert list(rows("a.csv")) == expected


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('a,b\n"x,2\n3,4\n', "unexpected end of data"),
        ("a,b\n1,2\n1,2,3\n", "line 3 has 3 cells, and the first 2"),
        ("a,b\n1,\0\n", "byte 6 is zero"),
    ],
)
def test_a_table_that_cannot_be_read_names_the_line(content: str, why: str) -> None:
    Path("a.csv").write_text(content)
    with pytest.raises(UsageError, match=why) as caught:
        list(rows("a.csv"))
    assert caught.value.first.code == "E604"


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0\ufeff"), max_size=12)


@given(cells=st.lists(st.tuples(CELLS, CELLS), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_the_csv_module_writes_is_read_back(cells: list[tuple[str, str]]) -> None:
    with open("a.tsv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, csv.excel_tab).writerows([("a", "b"), *cells])
    assert [tuple(row.values()) for row in rows("a.tsv")] == cells


def test_an_encoding_that_shows_late_is_detected() -> None:
    table = "a,b\n" + "x,y\n" * 30_000 + "Müller ist größer,Straße\n"
    Path("a.csv").write_bytes(table.encode("cp1252"))
    *_, last = rows("a.csv")
    assert last == {"a": "Müller ist größer", "b": "Straße"}


def test_an_input_without_a_type_is_a_table_too() -> None:
    Path("a.csv").write_text(REVIEWS)
    program = rlmlang.compile("def answer(rows):\n    return sum(row.stars for row in rows if row.ok)\n")
    assert program.run(rows=read_value("a.csv", program.inputs["rows"], "rows")).value == 5


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (ROW, {"text": "x", "stars": 1}),
        (ListType(TupleType((STR, INT))), [["x", 1]]),
        (optional(ListType(ROW)), [{"text": "x", "stars": 1}]),
        (OpenTupleType(ROW), [{"text": "x", "stars": 1}]),
    ],
)
def test_other_types_take_rows_too(expected: Type, value: object) -> None:
    assert read("a.csv", "text,stars\nx,1\n", expected) == value


@pytest.mark.parametrize("expected", [INT, DictType(STR, STR), ListType(INT), ListType(TupleType((STR,)))])
def test_types_that_no_table_fits_are_errors(expected: Type) -> None:
    with pytest.raises(InputMismatch, match=r"a\.csv"):
        read("a.csv", "text,stars\nx,1\n", expected)


def test_the_command_line_reads_tables(run: Run) -> None:
    Path("reviews.csv").write_text(REVIEWS)
    Path("p.rlm").write_text("class Row:\n    text: str\n    stars: int\n\nrows: list[Row]\nrows[1].text\n")
    assert run("run", "p.rlm", "-i", "rows=@reviews.csv", "--no-store")[:2] == (0, "bad, really\n")
    assert run("run", "p.rlm", "-i", "rows=-", "--no-store", stdin=REVIEWS)[:2] == (0, "bad, really\n")
    assert run("run", "p.rlm", "-i", "rows=@csv:-", "--no-store", stdin=REVIEWS)[:2] == (0, "bad, really\n")
    code, _, err = run("run", "p.rlm", "-i", "rows=@csv:missing.csv", "--no-store")
    assert (code, "cannot read missing.csv" in err) == (2, True)


def test_ask_shows_the_types_of_columns(run: Run) -> None:
    Path("reviews.csv").write_text(REVIEWS)
    Path("model.py").write_text(
        "def model(request):\n"
        "    text = ''.join(message.content for message in request.messages)\n"
        "    shown = 'class Table:\\n    text: str\\n    stars: int\\n    ok: bool' in text\n"
        "    return f'return {shown} and sum(row.stars for row in table) == 6'\n"
    )
    given = ("ask", "Is it?", "-i", "table=@reviews.csv", "--type", "bool", "--no-store", "-m", "scripted:model.py")
    assert run(*given)[:2] == (0, "true\n")
