"""Documents that keep their library busy for hours, or end the process that reads them, are errors within seconds."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from rlmlang.data import isolated_reading, read_value, rows
from rlmlang.errors import FileUnreadable
from rlmlang.language.types import STR
from tests.support.places import ROOT

pytestmark = pytest.mark.heavy  # each begins a process

FILES = ROOT / "tests/data/files"


def busy_pdf(path: Path, levels: int = 12) -> None:
    """A page that draws a form, which draws another one ten times, and so on."""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R "
        "/Resources << /XObject << /F 5 0 R >> >> >>",
        stream("", "/F Do"),
        *(
            stream(
                f"/Type /XObject /Subtype /Form /BBox [0 0 100 100] /Resources << /XObject << /F {6 + i} 0 R >> >>",
                "/F Do " * 10,
            )
            for i in range(levels)
        ),
        stream("/Type /XObject /Subtype /Form /BBox [0 0 100 100]", "0 0 m 1 1 l S"),
    ]
    body, places = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n"
    end += f"<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    path.write_bytes(body + end.encode())


def stream(entries: str, text: str) -> str:
    return f"<< {entries} /Length {len(text)} >>\nstream\n{text}\nendstream"


def changed(source: str, path: Path, part: str, *changes: tuple[str, str]) -> str:
    """Copy an archive with other texts in one of its parts, and return where it is."""
    with zipfile.ZipFile(FILES / source) as before, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            text = before.read(name)
            for old, new in changes if name == part else ():
                assert old.encode() in text
                text = text.replace(old.encode(), new.encode(), 1)
            after.writestr(name, text)
    return str(path)


@pytest.fixture(autouse=True)
def own_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    isolated_reading.end_readers()
    yield
    isolated_reading.end_readers()


def test_a_pdf_that_takes_hours_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy_pdf(tmp_path / "busy.pdf")
    assert read_value(str(FILES / "letter.pdf"), STR)  # which begins the process, so that its start takes no time here
    monkeypatch.setattr(isolated_reading, "WITHIN", 1.0)
    with pytest.raises(FileUnreadable, match=r"cannot read .*busy.pdf: it gave no text within 1 seconds"):
        read_value(str(tmp_path / "busy.pdf"), STR)
    monkeypatch.setattr(isolated_reading, "WITHIN", 300.0)
    assert read_value(str(FILES / "letter.pdf"), STR)  # by another process


@pytest.mark.long
def test_office_files_and_pages_that_take_hours_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated_reading, "WITHIN", 5.0)
    last = '<row r="1048576"><c r="A1048576"><v>1</v></c></row></sheetData>'
    wide = ('<dimension ref="A1:D3"/>', '<dimension ref="A1:XFD1048576"/>'), ("</sheetData>", last)
    path = changed("ships.xlsx", tmp_path / "wide.xlsx", "xl/worksheets/sheet1.xml", *wide)
    with pytest.raises(FileUnreadable, match="it gave no text within"):
        list(rows(path))
    span = "<w:tc>", '<w:tc><w:tcPr><w:gridSpan w:val="2000000000"/></w:tcPr>'
    with pytest.raises(FileUnreadable):  # it takes too long, or too much memory
        read_value(changed("letter.docx", tmp_path / "wide.docx", "word/document.xml", span), STR)
    (tmp_path / "page.html").write_text("<html><body>" + "<div><p>word" * 400_000 + "</body></html>")
    monkeypatch.setattr(isolated_reading, "WITHIN", 0.2)
    with pytest.raises(FileUnreadable, match="it gave no text within"):
        read_value(str(tmp_path / "page.html"), STR)


def test_a_process_that_dies_is_an_error_of_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated_reading, "_BEGIN", "import sys; sys.stdin.buffer.readline(); sys.exit(1)")
    with pytest.raises(FileUnreadable, match=r"letter.pdf: the process that reads it has ended"):
        read_value(str(FILES / "letter.pdf"), STR)


def test_where_no_process_can_be_begun_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(FileUnreadable, match=r"letter.pdf: no process can be begun that reads it: No such file"):
        read_value(str(FILES / "letter.pdf"), STR)


def test_several_threads_read_at_once_and_few_processes_are_kept() -> None:
    found: list[object] = []
    threads = [Thread(target=lambda: found.append(read_value(str(FILES / "letter.pdf"), STR))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len({*map(str, found)}) == 1
    assert 1 <= len(isolated_reading._idle) <= isolated_reading.KEPT


def test_rows_that_are_not_read_to_their_end_leave_no_process() -> None:
    table = iter(rows(str(FILES / "ships.xlsx")))
    next(table)
    del table
    assert isolated_reading._idle == []
