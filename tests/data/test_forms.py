"""Every form of data: a file that another program has made, a broken one, and an empty one."""

from __future__ import annotations

import datetime
import gzip
import io
import os
import random
import shutil
import sqlite3
import zipfile
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rlmlang.data import databases, read_value, rows
from rlmlang.data.documents import word_text
from rlmlang.data.places import place_of
from rlmlang.data.registry import FORMS as FORM_NAMES
from rlmlang.data.registry import SUFFIXES
from rlmlang.data.spreadsheets import sheet_rows
from rlmlang.errors import FileUnreadable, InputMismatch, UsageError
from rlmlang.language.types import BOOL, FLOAT, INT, STR, DictType, ListType, RecordType, optional
from rlmlang.runtime.values import to_json
from tests.support.places import ROOT

pytestmark = pytest.mark.heavy

FILES = Path(__file__).parent / "files"

SHIP = RecordType("Ship", (("ship", STR), ("tonnes", INT), ("left", STR), ("old", BOOL)))
SHIPS = [
    {"ship": "Hanne", "tonnes": 120, "left": "2026-03-01", "old": True},
    {"ship": "Sigrid", "tonnes": 87, "left": "2026-03-04", "old": False},
]

YAML = """\
# a comment
- ship: Hanne
  tonnes: 120
  left: 2026-03-01
  old: true
- {ship: Sigrid, tonnes: 87, left: 2026-03-04, old: false}
"""

MAIL = """\
From: Anna =?utf-8?q?M=C3=BCller?= <anna@example.org>
To: Bo <bo@example.org>
Subject: The ship
Date: Mon, 02 Mar 2026 10:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="part"

--part
Content-Type: text/plain; charset="iso-8859-1"
Content-Transfer-Encoding: quoted-printable

The ship has left, it is gr=F6=DFer.
--part
Content-Type: text/csv; name="log.csv"
Content-Disposition: attachment; filename="log.csv"

a,b
--part--
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def arrow_table() -> Any:
    import pyarrow

    left = [datetime.date(2026, 3, 1), datetime.date(2026, 3, 4)]
    return pyarrow.table({"ship": ["Hanne", "Sigrid"], "tonnes": [120, 87], "left": left, "old": [True, False]})


def write_ships(name: str) -> None:
    """Write the same table in the form that a name says."""
    form = name.rpartition(".")[2]
    if form == "parquet":
        import pyarrow.parquet

        pyarrow.parquet.write_table(arrow_table(), name)
    elif form in ("arrow", "arrows"):
        import pyarrow

        opener = pyarrow.ipc.new_file if form == "arrow" else pyarrow.ipc.new_stream
        with opener(name, arrow_table().schema) as writer:
            writer.write_table(arrow_table())
    elif form == "feather":
        import pyarrow.feather

        pyarrow.feather.write_feather(arrow_table(), name, compression="zstd")
    elif form == "xlsx":
        shutil.copy(FILES / "ships.xlsx", name)
    elif form == "db":
        with sqlite3.connect(name) as database:
            database.execute("CREATE TABLE ships (ship TEXT, tonnes INTEGER, left TEXT, old BOOLEAN)")
            database.execute("INSERT INTO ships VALUES ('Hanne', 120, '2026-03-01', 'true')")
            database.execute("INSERT INTO ships VALUES ('Sigrid', 87, '2026-03-04', 'false')")
        database.close()
    elif form == "yaml":
        Path(name).write_text(YAML)


@pytest.mark.parametrize("form", ["parquet", "arrow", "arrows", "feather", "xlsx", "yaml"])
def test_tables_are_read_by_the_declared_record(form: str) -> None:
    write_ships(f"ships.{form}")
    assert to_json(read_value(f"ships.{form}", ListType(SHIP), "x")) == SHIPS


@pytest.mark.parametrize("form", ["parquet", "arrow", "arrows", "feather"])
def test_the_types_of_columns_are_found(form: str) -> None:
    write_ships(f"ships.{form}")
    found = read_value(f"ships.{form}", None, "ships")
    assert isinstance(found, list)
    assert found[0].type == RecordType("Ship", ())
    assert found[0].type.fields == SHIP.fields
    assert to_json(found) == SHIPS
    assert rows(f"ships.{form}").columns == ("ship", "tonnes", "left", "old")
    assert read_value(f"ships.{form}", STR).splitlines()[1] == "Hanne,120,2026-03-01,true"  # type: ignore[union-attr]


def test_the_form_is_that_of_the_content_whatever_the_name_says() -> None:
    write_ships("ships.parquet")
    Path("ships.parquet").rename("ships.csv")
    assert to_json(read_value("ships.csv", ListType(SHIP))) == SHIPS
    shutil.copy(FILES / "letter.pdf", "letter.txt")
    assert "Hanne 120 Tallinn" in read_value("letter.txt", STR)  # type: ignore[operator]


def test_numbers_of_libraries_are_numbers() -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({
        "d": [Decimal("1.50"), None], "x": [1.0, float("nan")], "b": [b"text", b"\xff"], "t": [b"text", b"more"], "l": [["a"], []],
    })  # fmt: skip
    pyarrow.parquet.write_table(table, "t.parquet")
    assert list(rows("t.parquet")) == [
        {"d": 1.5, "x": 1.0, "b": "text", "t": "text", "l": ["a"]},
        {"d": None, "x": None, "b": b"\xff", "t": "more", "l": []},
    ]
    found = to_json(read_value("t.parquet", None, "t"))
    assert found[1] == {"d": None, "x": None, "t": "more", "l": []}
    wanted = RecordType("Row", (("d", optional(FLOAT)), ("l", ListType(STR))))
    assert to_json(read_value("t.parquet", ListType(wanted))) == [{"d": 1.5, "l": ["a"]}, {"d": None, "l": []}]
    with pytest.raises(InputMismatch, match="row 2, column `b` has 1 bytes that are no text, not str"):
        read_value("t.parquet", ListType(RecordType("Row", (("b", STR),))))
    with pytest.raises(InputMismatch, match="row 2, column `d` is empty, not float"):
        read_value("t.parquet", ListType(RecordType("Row", (("d", FLOAT),))))


def test_sheets_have_names() -> None:
    write_ships("ships.xlsx")
    assert read_value("ships.xlsx#Ports", ListType(STR)) == ["Oslo"]
    with pytest.raises(FileUnreadable, match="its sheet is empty"):
        rows("ships.xlsx#Empty")
    with pytest.raises(FileUnreadable, match="its sheets are Ships, Ports, Empty"):
        rows("ships.xlsx#Crew")


def test_tables_of_databases_have_names() -> None:
    write_ships("ships.db")
    assert rows("ships.db").count == 2
    assert (
        read_value("ships.db", STR) == "ship,tonnes,left,old\nHanne,120,2026-03-01,true\nSigrid,87,2026-03-04,false\n"
    )
    with sqlite3.connect("ships.db") as database:
        database.execute('CREATE TABLE "a ""b" (n INTEGER, n2 BLOB)')
        database.execute('INSERT INTO "a ""b" VALUES (1, NULL)')
    database.close()
    assert list(rows('ships.db#a "b')) == [{"n": 1, "n2": None}]
    with pytest.raises(FileUnreadable, match='there are a "b, ships'):
        rows("ships.db")
    with pytest.raises(FileUnreadable, match='its tables are a "b, ships'):
        rows("ships.db#crew")


def test_a_database_may_have_a_name_that_is_no_text() -> None:
    name = os.fsdecode(b"caf\xe9?x=1%41.db")
    write_ships(name)
    assert rows(name).count == 2


def test_a_database_is_not_changed() -> None:
    write_ships("ships.db")
    before = Path("ships.db").read_bytes()
    assert len(list(rows("ships.db#ships"))) == 2
    assert Path("ships.db").read_bytes() == before
    assert [path.name for path in Path().iterdir()] == ["ships.db"]


@pytest.mark.parametrize("name", ["letter.pdf", "letter.docx", "letter.html"])
def test_documents_are_their_text(name: str) -> None:
    shutil.copy(FILES / name, name)
    text = read_value(name, STR)
    assert isinstance(text, str)
    assert "Anna wrote on" in text
    assert "The second letter is about the storm; see" in text
    if name == "letter.pdf":
        assert list(rows(name)) == [{"page": 1, "text": text}]
        assert "Hanne 120 Tallinn" in text
    else:
        assert text.startswith("# The harbour\n")
        assert "| Hanne | 120 | Tallinn |" in text
        assert "\n## What came after\n" in text
    assert not any(word in text for word in ("no text", "About us", "Copyright")) or name == "letter.pdf"
    assert read_value(name) == text or name == "letter.pdf"


def test_a_mail_has_its_headers_and_its_text() -> None:
    Path("a.eml").write_text(MAIL)
    (mail,) = rows("a.eml")
    assert mail == {
        "from": "Anna Müller <anna@example.org>",
        "to": "Bo <bo@example.org>",
        "cc": "",
        "date": "Mon, 02 Mar 2026 10:00:00 +0100",
        "subject": "The ship",
        "text": "The ship has left, it is größer.",
        "attachments": ["log.csv"],
    }
    text = read_value("a.eml", STR)
    assert isinstance(text, str)
    assert text.startswith("From: Anna Müller <anna@example.org>\nTo: Bo")
    assert text.endswith("Attachments: log.csv\n\nThe ship has left, it is größer.")
    mail_type = RecordType("Mail", (("subject", STR), ("from_", STR)))
    found = read_value("a.eml", mail_type)
    assert to_json(found) == {"subject": "The ship", "from_": "Anna Müller <anna@example.org>"}


def test_a_mail_of_html_is_its_text() -> None:
    page = "<html><body><p>The ship has left the harbour, and nobody has waved.</p></body></html>"
    Path("a.eml").write_text(f"Subject: x\nContent-Type: text/html\n\n{page}\n")
    assert next(iter(rows("a.eml")))["text"].strip() == "The ship has left the harbour, and nobody has waved."


def test_a_folder_is_its_files() -> None:
    for name, text in {"b.txt": "two", "a.md": "# one\n", "sub/c.json": "[3]", ".git/x": "no", "sub/.y": "no"}.items():
        Path("notes", name).parent.mkdir(parents=True, exist_ok=True)
        Path("notes", name).write_text(text)
    shutil.copy(FILES / "letter.docx", "notes/sub/d.docx")
    table = rows("notes")
    assert table.count == 4
    assert [row["name"] for row in table] == ["a.md", "b.txt", "sub/c.json", "sub/d.docx"]
    found = read_value("notes", ListType(STR))
    assert isinstance(found, list)
    assert found[:3] == ["# one\n", "two", "[3]"]
    assert found[3].startswith("# The harbour")
    assert list(rows("notes/*.txt")) == [{"name": "notes/b.txt", "text": "two"}]
    assert [row["text"] for row in rows("notes/**/*.[mj]*")] == ["# one\n", "[3]"]
    assert read_value("notes/*.txt", STR) == "# notes/b.txt\n\ntwo"
    assert to_json(read_value("notes/*.txt")) == [{"name": "notes/b.txt", "text": "two"}]


@pytest.mark.parametrize("form", ["parquet", "xlsx", "yaml"])
def test_compressed_files_are_read_like_others(form: str) -> None:
    write_ships(f"ships.{form}")
    Path(f"ships.{form}.gz").write_bytes(gzip.compress(Path(f"ships.{form}").read_bytes()))
    assert to_json(read_value(f"ships.{form}.gz", ListType(SHIP))) == SHIPS
    Path(f"ships.{form}.gz").write_bytes(gzip.compress(Path(f"ships.{form}").read_bytes())[:-20])
    with pytest.raises(FileUnreadable):
        read_value(f"ships.{form}.gz", ListType(SHIP))


@pytest.mark.parametrize(("ends", "mark"), [("\n", ""), ("\r\n", "\ufeff")])
def test_a_first_line_that_names_the_separator_is_no_row(ends: str, mark: str) -> None:
    Path("a.csv").write_bytes((mark + ends.join(["sep=;", "a;b,c", "1;2,5", "2;x;y"])).encode())
    table = rows("a.csv")
    assert table.columns == ("a", "b,c")
    assert next(iter(table)) == {"a": "1", "b,c": "2,5"}
    with pytest.raises(FileUnreadable, match="line 4 has 3 cells"):
        list(table)


def test_the_names_of_columns_lose_no_sharp_s() -> None:
    Path("a.csv").write_text("Größe;Straße Nr.\nXL;3\n")
    assert to_json(read_value("a.csv", name="t")) == [{"grosse": "XL", "strasse_nr": 3}]


def test_what_is_wrong_in_a_file_of_data_is_said_with_its_place() -> None:
    Path("a.json").write_text('{"a": 1, "a": 2}')
    with pytest.raises(UsageError, match=r'a\.json: `d` is not of type dict\[str, int\]: the key "a" is repeated'):
        read_value("a.json", DictType(STR, INT), "d")
    Path("a.yaml").write_text("a: 1\n? [1]\n: 2\n")
    with pytest.raises(FileUnreadable, match=r"no whole YAML file: line 2: found unhashable key"):
        read_value("a.yaml")


def test_a_sheet_with_words_for_missing_numbers_is_read_for_a_question() -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["day", "Total (€)", "paid"], [1, 12.5, True], [2, "n/a", "?"], [3, None, False]):
        book.active.append(row)
    book.save("sales.xlsx")
    assert to_json(read_value("sales.xlsx", name="sales")) == [
        {"day": 1, "total": "12.5", "paid": "true"},
        {"day": 2, "total": "n/a", "paid": "?"},
        {"day": 3, "total": None, "paid": "false"},
    ]


@pytest.mark.parametrize("form", ["csv", "parquet", "yaml", "xlsx"])
def test_standard_input_is_read_like_a_file(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if form == "csv":
        Path("ships.csv").write_text("ship,tonnes,left,old\nHanne,120,2026-03-01,true\nSigrid,87,2026-03-04,false\n")
    write_ships(f"ships.{form}")
    content = io.BytesIO(Path(f"ships.{form}").read_bytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
    found = read_value("yaml:-" if form == "yaml" else "-", ListType(SHIP))
    assert to_json(found) == SHIPS


FORMS = [suffix for suffix in SUFFIXES if suffix not in (".json", ".jsonl", ".ndjson")]


@pytest.mark.parametrize("suffix", FORMS)
def test_a_broken_file_is_an_error(suffix: str) -> None:
    """Binary forms, cut off in the middle and with nonsense in place of their content."""
    made = {".parquet": "parquet", ".arrow": "arrow", ".arrows": "arrows", ".db": "db", ".xlsx": "xlsx"}
    name = f"file{suffix}"
    broken = [b"\x00\x01\x02\xff nonsense" * 100]
    if suffix in made:
        write_ships(name)
        content = Path(name).read_bytes()
        broken.append(content[: len(content) // 2])
    elif suffix in (".pdf", ".docx"):
        content = (FILES / f"letter{suffix}").read_bytes()
        broken += [content[: len(content) // 2]] if suffix == ".docx" else [content[:200]]
    for content in broken:
        Path(name).write_bytes(content)
        with pytest.raises(UsageError) as caught:
            list(rows(name)) if suffix != ".docx" else read_value(name, STR)
        assert caught.value.first.code in ("E603", "E604")
        assert name in caught.value.first.message


def test_a_file_of_arrow_that_points_outside_of_itself_is_an_error() -> None:
    import pyarrow

    offsets = pyarrow.py_buffer(b"".join(place.to_bytes(4, "little") for place in (0, 2**30, 4)))
    column = pyarrow.StringArray.from_buffers(2, offsets, pyarrow.py_buffer(b"text"))
    batch = pyarrow.record_batch([column], names=["text"])
    with pyarrow.ipc.new_file("a.arrow", batch.schema) as writer:
        writer.write_batch(batch)
    with pytest.raises(FileUnreadable, match="it is no whole Arrow file"):
        list(rows("a.arrow"))


@pytest.mark.long
@pytest.mark.parametrize("form", ["parquet", "arrow", "arrows", "feather", "xlsx", "db", "pdf", "docx", "html"])
def test_whatever_is_changed_in_a_file_the_error_is_coded(form: str) -> None:
    """300 mutants of a file: with other bytes, others in their place, and some left out."""
    made = Path(f"ships.{form}")
    write_ships(made.name)
    content = made.read_bytes() if made.exists() else (FILES / f"letter.{form}").read_bytes()
    chance = random.Random(form)
    for number in range(300):
        mutant = bytearray(content)
        for _ in range(chance.choice([1, 1, 2, 5, 30])):
            start = chance.randrange(len(mutant))
            end = start + chance.choice([1, 1, 4, chance.randrange(50)])
            mutant[start:end] = chance.choice([chance.randbytes(end - start), b"\xff\xff\xff\x7f", b""])
        name = f"mutant{number}.{form}"  # one that is open still may not be changed
        Path(name).write_bytes(mutant)
        try:
            found = read_value(name, STR) if form in ("docx", "html") else list(islice(rows(name), 1_000))
            assert isinstance(found, (str, list))
        except UsageError as error:
            assert error.first.code in ("E603", "E604")
        Path(name).unlink()


@pytest.mark.parametrize("suffix", FORMS)
def test_an_empty_file_is_an_error_as_a_list(suffix: str) -> None:
    name = f"file{suffix}"
    Path(name).touch()
    with pytest.raises(UsageError) as caught:
        read_value(name, ListType(SHIP))
    assert caught.value.first.code in ("E603", "E604")
    assert name in caught.value.first.message


def test_a_pattern_or_folder_without_files_is_an_error() -> None:
    Path("empty").mkdir()
    for place in ("empty", "empty/*.txt"):
        with pytest.raises(FileUnreadable):
            rows(place)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdef", "bcdefg")
        ),
        "[" * 3_000,
        "a: !!python/object/apply:os.system ['true']",
        "a: [1",
        "- a: *nobody",
    ],
)  # fmt: skip
def test_hostile_yaml_is_an_error(text: str) -> None:
    Path("a.yaml").write_text(text)
    with pytest.raises(FileUnreadable, match=r"cannot read a\.yaml"):
        read_value("a.yaml")


def test_yaml_reads_words_as_words() -> None:
    Path("a.yaml").write_text("country: no\ntime: 12:30\nday: 2026-03-01\noctal: 010\nn: 1e3\nnothing:\nq: '5'\n")
    assert read_value("a.yaml") == {
        "country": "no", "time": "12:30", "day": "2026-03-01", "octal": 10, "n": 1000.0, "nothing": None, "q": "5",
    }  # fmt: skip
    Path("b.yaml").write_text("a: 1\n---\na: 2\n")
    assert list(rows("b.yaml")) == [{"a": 1}, {"a": 2}]
    Path("c.yaml").write_text("- &x {a: 1}\n- *x\n")
    assert read_value("c.yaml") == [{"a": 1}, {"a": 1}]


@pytest.mark.parametrize("inner", ["xl/workbook.xml", "word/document.xml"])
def test_an_archive_that_unpacks_to_too_much_is_an_error(inner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rlmlang.data.archives.MAX_UNPACKED", 9_000_000)
    with zipfile.ZipFile("bomb.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inner, bytes(10_000_000))
    assert Path("bomb.bin").stat().st_size < 20_000
    with pytest.raises(FileUnreadable, match="it unpacks to 10,000,000 bytes"):
        list((sheet_rows if inner.startswith("xl") else word_text)(place_of("bomb.bin")))


def sheet_of(cells: dict[str, Any], *merged: str) -> Any:
    import openpyxl

    book = openpyxl.Workbook()
    for place, value in cells.items():
        book.active[place] = value
    for each in merged:
        book.active.merge_cells(each)
    book.save("made.xlsx")
    return rows("made.xlsx")


def test_a_title_above_a_table_in_a_sheet_is_no_row() -> None:
    found = sheet_of({"A1": "Report", "A3": "Made in May", "A5": "name", "B5": "n", "A6": "x", "B6": 1}, "A1:B1")
    assert list(found) == [{"name": "x", "n": 1}]
    assert list(sheet_of({"A1": "name", "A2": "x", "A3": "y"})) == [{"name": "x"}, {"name": "y"}]
    with pytest.raises(FileUnreadable, match="it has 1 columns, and more cells in the row y, a remark"):
        list(sheet_of({"A1": "name", "A2": "x", "A3": "y", "B3": "a remark", "A4": "z"}))


def test_cells_that_are_merged_downwards_have_one_value() -> None:
    found = sheet_of({"A1": "area", "B1": "n", "A2": "North", "B2": 1, "B3": 2, "A4": "South", "B4": 3}, "A2:A3")
    assert [row["area"] for row in found] == ["North", "North", "South"]
    far = sheet_of({"A1": "area", "B1": "n", "A2": "North", "B2": 1}, "A2:A99")
    assert list(far) == [{"area": "North", "n": 1}]


def test_views_of_a_database_are_tables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r WHERE n < 0"
    with sqlite3.connect("views.db") as database:
        database.execute("CREATE TABLE ships (name, tons)")
        database.execute("INSERT INTO ships VALUES ('Ada', 3), ('Bo', NULL)")
        database.execute("CREATE VIEW double AS SELECT name, 2 * tons AS tons FROM ships")
        database.execute(f"CREATE VIEW endless AS {endless}")
    database.close()
    assert list(rows("views.db#double")) == [{"name": "Ada", "tons": 6}, {"name": "Bo", "tons": None}]
    assert len(list(rows("views.db"))) == 2  # the only table
    monkeypatch.setattr(databases, "WITHIN", 0.2)
    with pytest.raises(FileUnreadable, match=r"views.db#endless: it gave no row within 0.2 seconds"):
        rows("views.db#endless")


def test_old_files_of_office_are_refused_with_what_to_do() -> None:
    Path("old.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    with pytest.raises(FileUnreadable, match="has a password") as caught:
        rows("old.xls")
    assert caught.value.first.hint == "save it as .docx, .xlsx or .csv"


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    write_ships("ships.xlsx")
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(FileUnreadable, match="the package openpyxl is needed") as caught:
        list(sheet_rows(place_of("ships.xlsx")))
    assert caught.value.first.hint == "pip install 'rlmlang[data]'"


def test_the_guide_lists_every_form() -> None:
    guide = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    assert [suffix for suffix in SUFFIXES if f"`{suffix}`" not in guide] == []
    assert [name for name in FORM_NAMES if f"`{name}`" not in guide] == []
