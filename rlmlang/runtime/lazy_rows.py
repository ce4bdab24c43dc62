"""Rows of a large file as a value of a program: read while a loop goes through them, and again for each loop.

Only inputs are such values, and only where the program does nothing with them but what `iterated_inputs.py` allows.
So no other code sees one: to loops it is a sequence, whose elements cannot be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import evolve, field, frozen

from rlmlang.language.types import Type
from rlmlang.runtime.values import Value


@frozen(eq=False)
class LazyRows:
    """The rows of a file, which have been read and checked once."""

    name: str
    """What messages call the file."""
    type: Type
    """That of the whole, a list."""
    count: int
    begin: Callable[[], Iterator[Value]] = field(repr=False)
    """Reads the rows from the first. Raises UsageError E604 if the file has changed."""
    whole: Callable[[], list[Value]] = field(repr=False)
    """Reads all rows. Raises UsageError E604 if they do not fit into memory."""

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Value]:
        return self.begin()

    def changed(self, count: int, begin: Callable[[], Iterator[Value]]) -> LazyRows:
        """Return other elements that are made of these while a loop goes through them."""
        return evolve(self, count=count, begin=begin, whole=lambda: [*begin()])


class RowCursor(Sequence[Value]):
    """Rows as a sequence for one loop, which takes them one after the other."""

    def __init__(self, rows: LazyRows) -> None:
        self._rows = rows
        self._next = 0
        self._reading = iter(rows)

    def __len__(self) -> int:
        return self._rows.count

    def __getitem__(self, index: Any) -> Any:
        assert index == self._next, "a loop goes forward, one row at a time"
        self._next += 1
        return next(self._reading)
