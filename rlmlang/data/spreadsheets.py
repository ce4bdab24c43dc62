"""Sheets of Excel workbooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from itertools import chain, islice
from typing import Any

from rlmlang.data.apart import parts
from rlmlang.data.cells import plain
from rlmlang.data.forms import DataForm
from rlmlang.data.libraries import library
from rlmlang.data.packed import check_archive
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow, header_of

BATCH = 500
"""How many rows of a sheet come at a time."""


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


def sheet_columns(place: DataPlace) -> Iterator[tuple[str, ...]]:
    """Yield the columns of a sheet, in this process. Raises UsageError E604."""
    with _sheet(place) as sheet:
        yield _beginning(place, _filled(sheet))[0]


def sheet_rows(place: DataPlace) -> Iterator[list[list[Any]]]:
    """Yield the rows of a sheet, some at a time, in this process. Raises UsageError E604."""
    with _sheet(place) as sheet:
        filled = _filled(sheet)
        _, first = _beginning(place, filled)
        rows = chain(first, filled)
        while batch := [[*map(_cell, row)] for row in islice(rows, BATCH)]:
            yield batch


def _beginning(place: DataPlace, rows: Iterator[tuple[Any, ...]]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return the columns of a sheet, and its first row if that is no header."""
    first = next(rows, None)
    if first is None:
        raise place.broken("its sheet is empty", "name another sheet: FILE.xlsx#SHEET")
    while first[-1] is None:
        first = first[:-1]
    columns, has_header = header_of(first)
    return columns, [] if has_header else [first]


def _rows(place: DataPlace) -> Table:
    """Return the rows of a sheet. Raises UsageError E604."""
    (found,) = parts(place, "columns", place.read(), place.part)
    columns = tuple(found)

    def begin() -> Iterator[TableRow]:
        for batch in parts(place, "rows", place.read(), place.part):
            for row in batch:
                yield dict(zip(columns, [*row, *[None] * (len(columns) - len(row))]))

    return Table(place.name, begin, columns)


EXCEL = DataForm("an Excel file", lambda place: _rows(place).as_text(), _rows)
