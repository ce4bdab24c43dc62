"""Tables of SQLite databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from rlmlang.data.cells import plain
from rlmlang.data.columns import unique
from rlmlang.data.forms import DataForm
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow
from rlmlang.files import file_address


@contextmanager
def _opened(place: DataPlace) -> Iterator[apsw.Connection]:
    """Open a database to be read. Raises UsageError E604."""
    if place.path is None or place.path.suffix.lower() == ".gz":
        raise place.broken("a database is read from a file of its own", "save it, unpacked, to a file")
    with place.library_reads("SQLite database"):
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(f"{file_address(place.path.absolute())}?mode=ro", flags=flags)
        try:
            connection.set_busy_timeout(5_000)
            connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)  # what a file defines runs no functions
            yield connection
        finally:
            connection.close()


def _table_name(connection: apsw.Connection, place: DataPlace) -> str:
    """Return the table that is named behind `#`, else the only one. Raises UsageError E604."""
    found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    names = [str(name) for (name,) in found if not str(name).startswith("sqlite_")]
    if place.part:
        if place.part in names:
            return place.part
        raise place.broken(f"it has no table {place.part}", f"its tables are {', '.join(names) or 'none'}")
    if len(names) == 1:
        return names[0]
    if not names:
        raise place.broken("the database has no tables")
    raise place.broken(
        f"it has {len(names)} tables", f"name one: {place.name}#{names[0]}; there are {', '.join(names)}"
    )


def _rows(place: DataPlace) -> Table:
    """Return the rows of a table. Raises UsageError E604."""
    with _opened(place) as connection:
        quoted = '"' + _table_name(connection, place).replace('"', '""') + '"'
        columns = unique(str(info[1]) for info in connection.execute(f"PRAGMA table_info({quoted})"))
        ((count,),) = connection.execute(f"SELECT count(*) FROM {quoted}")

    def begin() -> Iterator[TableRow]:
        with _opened(place) as connection:
            for row in connection.execute(f"SELECT * FROM {quoted}"):
                yield dict(zip(columns, map(plain, row)))

    return Table(place.name, begin, columns, int(str(count)))


SQLITE = DataForm("an SQLite database", lambda place: _rows(place).as_text(), _rows)
