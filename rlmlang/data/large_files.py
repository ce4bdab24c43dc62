"""Large files as rows that are read while a program goes through them, and not kept (decision 137)."""

from __future__ import annotations

from collections.abc import Iterator

from rlmlang.data.places import DataPlace
from rlmlang.data.row_conversion import elements, fitted
from rlmlang.data.tables import Table
from rlmlang.errors import UsageError, unreadable
from rlmlang.language.types import ListType
from rlmlang.runtime.lazy_rows import LazyRows
from rlmlang.runtime.values import Value

LARGE = 50_000_000
"""The bytes of a file from which its rows are not kept in memory, if they need not be."""


def is_large(place: DataPlace) -> bool:
    """Return whether this is a large file, which can be read again."""
    return place.path is not None and place.path.is_file() and place.path.stat().st_size >= LARGE


def lazy_rows(place: DataPlace, table: Table, type_: ListType, wanted: str) -> LazyRows:
    """Return the rows of a file, all of which are read and checked before. Raises UsageError E603, E604."""
    before = _state(place)

    def begin() -> Iterator[Value]:
        refuse_changes()
        try:
            yield from elements(table, type_.item, wanted)
        except UsageError:
            refuse_changes()
            raise
        refuse_changes()

    def refuse_changes() -> None:
        if _state(place) != before:
            raise place.broken("it has changed while the program read it", "run the program again")

    count = sum(1 for _ in elements(table, type_.item, wanted))
    return LazyRows(place.name, type_, count, begin, lambda: fitted(table, type_.item, wanted))


def _state(place: DataPlace) -> tuple[int, int]:
    """Return what changes with a file. Raises UsageError E604 if it is no longer there."""
    assert place.path is not None
    try:
        found = place.path.stat()
    except OSError as error:
        raise unreadable(place.name, error) from error
    return found.st_size, found.st_mtime_ns
