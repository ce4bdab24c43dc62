"""Sheets of Excel workbooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from typing import Any

from rlmlang.data.cells import plain
from rlmlang.data.forms import DataForm
from rlmlang.data.libraries import library
from rlmlang.data.packed import check_archive
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow, header_of


@contextmanager
def _sheet(place: DataPlace) -> Iterator[Any]:
    """Open the sheet that is named behind `#`, else the first. Raises UsageError E604."""
    openpyxl = library("openpyxl", "Excel files")
    with place.library_reads("Excel file"), place.seekable() as raw:
        check_archive(raw, place)
        book = openpyxl.load_workbook(raw, read_only=True, data_only=True)
        try:
            names = [sheet.title for sheet in book.worksheets]
            if not names or (place.part and place.part not in names):
                raise place.broken(f"it has no sheet {place.part}", f"its sheets are {', '.join(names)}")
            yield book[place.part or names[0]]
        finally:
            book.close()


def _filled(sheet: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a sheet that are not empty."""
    for row in sheet.iter_rows(values_only=True):
        if any(cell is not None for cell in row):
            yield row


def _cell(cell: Any) -> Any:
    """Return a cell as data: a workbook knows no dates but those with a time, which is midnight then."""
    return plain(cell.date() if isinstance(cell, datetime) and cell.time() == time() else cell)


def _rows(place: DataPlace) -> Table:
    """Return the rows of a sheet. Raises UsageError E604."""
    with _sheet(place) as sheet:
        first = next(_filled(sheet), None)
    if first is None:
        raise place.broken("its sheet is empty", "name another sheet: FILE.xlsx#SHEET")
    while first[-1] is None:
        first = first[:-1]
    columns, has_header = header_of(first)

    def begin() -> Iterator[TableRow]:
        with _sheet(place) as sheet:
            rows = _filled(sheet)
            if has_header:
                next(rows)
            for row in rows:
                cells = [*map(_cell, row), *[None] * (len(columns) - len(row))]
                yield dict(zip(columns, cells))

    return Table(place.name, begin, columns)


EXCEL = DataForm("an Excel file", lambda place: _rows(place).as_text(), _rows)
