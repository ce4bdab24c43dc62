"""Sheets of Excel workbooks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from io import SEEK_END
from itertools import chain, islice
from typing import Any

from rlmlang.data.archives import check_archive
from rlmlang.data.cells import plain
from rlmlang.data.forms import DataForm
from rlmlang.data.isolated_reading import parts
from rlmlang.data.libraries import library
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow, header_of

SMALL = 10_000_000
"""The most bytes of a workbook that is read as a whole, as cells that are merged need."""

TITLES = 20
"""In how many rows that are not empty a table begins."""

BATCH = 500
"""How many rows of a sheet come at a time."""


@contextmanager
def _sheet(place: DataPlace) -> Iterator[Any]:
    """Open the sheet that is named behind `#`, else the first. Raises UsageError E604."""
    openpyxl = library("openpyxl", "Excel files")
    with place.library_reads("Excel file"), place.seekable() as raw:
        check_archive(raw, place)
        is_small = raw.seek(0, SEEK_END) <= SMALL
        raw.seek(0)
        book = openpyxl.load_workbook(raw, read_only=not is_small, data_only=True)
        try:
            names = [sheet.title for sheet in book.worksheets]
            if not names or (place.part and place.part not in names):
                raise place.broken(f"it has no sheet {place.part}", f"its sheets are {', '.join(names)}")
            sheet = book[place.part or names[0]]
            if is_small:
                _repeat_merged(sheet)
            yield sheet
        finally:
            book.close()


def _repeat_merged(sheet: Any) -> None:
    """Give cells that are merged with the one above them its value."""
    cells = (cell for row in sheet.iter_rows() for cell in row) if sheet.merged_cells.ranges else ()
    last = max((cell.row for cell in cells if cell.value is not None), default=0)
    for each in [*sheet.merged_cells.ranges]:
        value = sheet.cell(each.min_row, each.min_col).value
        sheet.unmerge_cells(each.coord)
        for row in range(each.min_row + 1, min(each.max_row, last) + 1):
            sheet.cell(row, each.min_col).value = value


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
        columns, first = _beginning(place, filled)
        rows = chain(first, filled)
        while batch := [[*map(_cell, row)] for row in islice(rows, BATCH)]:
            for row in batch:
                if any(cell is not None for cell in row[len(columns) :]):
                    shown = ", ".join(str(cell)[:20] for cell in row if cell is not None)
                    raise place.broken(
                        f"it has {len(columns)} columns, and more cells in the row {shown}",
                        "name all columns in the first row, or save the table on a sheet of its own",
                    )
            yield [row[: len(columns)] for row in batch]


def _beginning(place: DataPlace, rows: Iterator[tuple[Any, ...]]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return the columns of a sheet, and its first row if that is no header."""
    first = [*islice(rows, TITLES)]
    if not first:
        raise place.broken("its sheet is empty", "name another sheet: FILE.xlsx#SHEET")
    first = first[_titles([sum(cell is not None for cell in row) > 1 for row in first]) :]
    header = first[0]
    while header[-1] is None:
        header = header[:-1]
    columns, has_header = header_of(header)
    return columns, first[has_header:]


def _titles(are_wide: list[bool]) -> int:
    """Return how many rows are titles and remarks above a table, given which have several cells: most of the table."""
    before = are_wide.index(True) if True in are_wide else 0
    return before if 2 * sum(are_wide) > len(are_wide) - before else 0


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
