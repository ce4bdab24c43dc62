"""Tables in text: CSV, and others with commas, semicolons, tabs or bars between their cells."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from rlmlang.data.columns import is_number, unique
from rlmlang.data.encodings import beginning
from rlmlang.data.forms import DataForm
from rlmlang.data.places import HEAD, DataPlace
from rlmlang.data.tables import Table, TableRow
from rlmlang.data.text_files import opened_text

DELIMITERS = ",\t;|"
"""What may separate cells; of several that fit as well, the first is taken."""

_NONE = "\x1f"
"""A separator that texts do not have, for tables of one column."""

MAX_CELL = 16_000_000
"""The most characters of one cell, since a quote that is never closed would take the rest of the file as one."""


_NAMED = re.compile(r"sep=([,;|\t])[ \t]*(?:\r\n?|\n)", re.IGNORECASE)
"""A first line that names the separator, as Excel reads and writes it."""

_YEAR = re.compile(r"(?:19|20)\d\d", re.ASCII)
"""A year, which may name a column of numbers."""


def _rows(place: DataPlace) -> Table:
    """Return the rows of a table, after a look at its beginning. Raises UsageError E603, E604."""
    csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL))
    head = place.head()
    text = beginning(head, place.name)
    if named := _NAMED.match(text):
        delimiter, text = named[1], text[named.end() :]
    else:
        delimiter = "\t" if place.suffix in (".tsv", ".tab") else _delimiter(text)
    above = 1 if named else 0
    first = _records(text, delimiter)[: None if len(head) < HEAD else -1]
    if not first:
        raise place.broken(
            "it has no rows" if not text.strip() else "its first row is too long", "write a header first"
        )
    has_header = _has_header(first)
    columns = unique(first[0]) if has_header else tuple(f"column_{i}" for i in range(1, len(first[0]) + 1))

    def begin() -> Iterator[TableRow]:
        with opened_text(place) as lines:
            if named:
                lines.readline()
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            skipped = not has_header
            try:
                for cells in reader:
                    if not cells or not skipped:
                        skipped = skipped or bool(cells)
                        continue
                    if len(cells) > len(columns):
                        raise place.broken(
                            f"line {reader.line_num + above:,} has {len(cells)} cells, and the first {len(columns)}",
                            "put cells with separators in them between quotes",
                        )
                    yield dict(zip(columns, [*cells, *[None] * (len(columns) - len(cells))]))
            except csv.Error as error:
                raise place.broken(f"line {reader.line_num + above:,}: {error}") from error

    return Table(place.name, begin, columns, only_text=True)


def _records(text: str, delimiter: str) -> list[list[str]]:
    """Return the rows of a text, as far as they can be read; blank lines are none."""
    found: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=None), delimiter=delimiter, strict=True):
            found += [cells] if cells else []
    except csv.Error:
        pass
    return found


def _delimiter(text: str) -> str:
    """Return the separator by which most rows have the same number of cells, more than one (decision 126)."""

    def fit(delimiter: str) -> tuple[float, int]:
        rows = _records(text, delimiter)
        if not rows:
            return 0, 0
        cells, same = Counter(map(len, rows)).most_common(1)[0]
        return (same / len(rows), cells) if cells == len(rows[0]) > 1 else (0, 0)

    best = max(DELIMITERS, key=fit)
    return best if fit(best) > (0, 0) else _NONE


def _has_header(rows: list[list[str]]) -> bool:
    """Return whether the first row names the columns: unless it has a number over every column of numbers."""
    over_numbers = [
        top
        for top, *below in zip(*rows[:100])
        if (filled := [cell for cell in below if cell.strip()]) and all(map(is_number, filled))
        if not _YEAR.fullmatch(top) or all(map(_YEAR.fullmatch, filled))
    ]
    if len(rows) == 1:
        return not any(map(is_number, rows[0]))
    return not over_numbers or not all(map(is_number, over_numbers))


CSV = DataForm("CSV", DataPlace.text, _rows)
