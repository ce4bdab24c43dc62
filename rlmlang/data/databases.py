"""Tables and views of SQLite databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import apsw
from attrs import define, field

from rlmlang.data.cells import plain
from rlmlang.data.columns import unique
from rlmlang.data.forms import DataForm
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow
from rlmlang.files import file_address

WITHIN = 30.0
"""Seconds within which a table or view gives its next row."""

STEPS = 100_000
"""After how many of SQLite's own steps it is looked whether that is too long."""


@define(eq=False)
class _Watch:
    """Ends a statement that gives no row for too long, as a view may."""

    since: float = field(factory=monotonic)

    def __call__(self) -> bool:
        """Return whether to end it; SQLite asks from time to time."""
        return monotonic() - self.since > WITHIN

    def began(self) -> None:
        """Record that the next row is asked for."""
        self.since = monotonic()


@contextmanager
def _opened(place: DataPlace) -> Iterator[tuple[apsw.Connection, _Watch]]:
    """Open a database to be read. Raises UsageError E604."""
    if place.path is None or place.path.suffix.lower() == ".gz":
        raise place.broken("a database is read from a file of its own", "save it, unpacked, to a file")
    with place.library_reads("SQLite database"):
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(f"{file_address(place.path.absolute())}?mode=ro", flags=flags)
        try:
            connection.set_busy_timeout(5_000)
            connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)  # what a file defines runs no functions
            watch = _Watch()
            connection.set_progress_handler(watch, STEPS)
            yield connection, watch
        except apsw.InterruptError:
            raise place.broken(f"it gave no row within {WITHIN:g} seconds", "save its rows as a table") from None
        finally:
            connection.close()


def _table_name(connection: apsw.Connection, place: DataPlace) -> str:
    """Return the table or view that is named behind `#`, else the only table. Raises UsageError E604."""
    found = [
        (str(name), kind == "table")
        for name, kind in connection.execute(
            "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY type, name"
        )
        if not str(name).startswith("sqlite_")
    ]
    every = [name for name, _ in found]
    names = [name for name, is_table in found if is_table] or every
    if place.part:
        if place.part in every:
            return place.part
        raise place.broken(f"it has no table {place.part}", f"its tables are {', '.join(every) or 'none'}")
    if len(names) == 1:
        return names[0]
    if not names:
        raise place.broken("the database has no tables")
    raise place.broken(
        f"it has {len(names)} tables", f"name one: {place.name}#{names[0]}; there are {', '.join(every)}"
    )


def _rows(place: DataPlace) -> Table:
    """Return the rows of a table. Raises UsageError E604."""
    with _opened(place) as (connection, _):
        quoted = '"' + _table_name(connection, place).replace('"', '""') + '"'
        columns = unique(str(info[1]) for info in connection.execute(f"PRAGMA table_info({quoted})"))
        ((count,),) = connection.execute(f"SELECT count(*) FROM {quoted}")

    def begin() -> Iterator[TableRow]:
        with _opened(place) as (connection, watch):
            for row in connection.execute(f"SELECT * FROM {quoted}"):
                yield dict(zip(columns, map(plain, row)))
                watch.began()

    return Table(place.name, begin, columns, int(str(count)))


SQLITE = DataForm("an SQLite database", lambda place: _rows(place).as_text(), _rows)
