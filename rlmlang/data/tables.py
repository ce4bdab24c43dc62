"""Table of a table, read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field

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
