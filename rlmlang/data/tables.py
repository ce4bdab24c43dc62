"""Rows of a table, read one after the other."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import define, field

from rlmlang.data.columns import unique
from rlmlang.runtime.values import canonical

TableRow = dict[str, Any]
"""A row of a table: its cells by the names of their columns."""


@define(eq=False)
class Table:
    """The rows of a table, each a dict from columns to plain values: text, numbers, bools, None, and lists or dicts.

    They are read while they are iterated over, and again from the beginning each time; standard input only once.
    """

    name: str
    """What messages call the table."""
    begin: Callable[[], Iterator[TableRow]] = field(repr=False)
    """Reads the rows from the first."""
    columns: tuple[str, ...] | None = None
    """The names of the columns; None where only rows tell, and none has been read."""
    count: int | None = None
    """The number of rows, where it is known without reading them."""
    only_text: bool = False
    """Whether every cell is text, which may be meant for a number, as in CSV."""

    def __iter__(self) -> Iterator[TableRow]:
        for row in self.begin():
            if self.columns is None:
                self.columns = tuple(row)
            yield row

    def as_text(self) -> str:
        """Return the table as CSV, for inputs of type `str`."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for number, row in enumerate(self):
            if number == 0:
                writer.writerow(row)
            writer.writerow([_as_text(cell) for cell in row.values()])
        return text.getvalue()


def _as_text(cell: Any) -> Any:
    return cell if isinstance(cell, str) or cell is None else canonical(cell)


def header_of(first: Sequence[Any]) -> tuple[tuple[str, ...], bool]:
    """Return the columns of a table by its first row, and whether that is a header: all its cells are texts then."""
    filled = [cell for cell in first if cell is not None]
    if filled and all(isinstance(cell, str) for cell in filled):
        return unique("" if cell is None else cell for cell in first), True
    return tuple(f"column_{number}" for number in range(1, len(first) + 1)), False
