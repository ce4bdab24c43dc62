"""The driver for PostgreSQL, by psycopg: a store for several machines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from rlmlang.errors import UsageError
from rlmlang.storage.database import Row

try:
    import psycopg
except ImportError:  # an extra
    raise UsageError.of(
        "E606", "a store in PostgreSQL needs the package psycopg", hint="pip install 'rlmlang[postgres]'"
    ) from None

_GATE = 0x726C6D
"""The advisory lock of writers, so that there is one at a time, as in SQLite."""


class Postgres:
    """A connection to PostgreSQL."""

    errors: ClassVar[tuple[type[Exception], ...]] = (psycopg.Error, OSError)
    now: ClassVar[str] = "extract(epoch from clock_timestamp())::double precision"

    def __init__(self, place: str | Path) -> None:
        self._db = psycopg.connect(str(place), autocommit=True, connect_timeout=10)
        with self.transaction():  # processes that start at the same time would each create it
            self.query("create table if not exists meta (version integer not null)")

    @staticmethod
    def shown(place: str | Path) -> str:
        return re.sub(r"(?<=//)[^/]*@", "", str(place)).split("?")[0]

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        cursor = self._db.execute(_postgres_sql(sql), values)
        return cursor.fetchall() if cursor.description else []

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._db.cursor() as cursor:
            cursor.executemany(_postgres_sql(sql), rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._db.transaction():
            self._db.execute("select pg_advisory_xact_lock(%s)", (_GATE,))
            yield

    def version(self) -> int:
        rows = self.query("select version from meta")
        return int(rows[0][0]) if rows else 0

    def set_version(self, version: int) -> None:
        self.query("delete from meta")
        self.query("insert into meta values (?)", (version,))

    def size(self) -> int:
        tables = ("answers", "claims", "runs", "events")
        return sum(int(self.query("select pg_total_relation_size(?::regclass)", (name,))[0][0]) for name in tables)

    def compact(self) -> None:
        self.query("vacuum answers, claims, runs, events")

    def damage(self) -> str | None:
        return None  # PostgreSQL reports damage when it reads it

    def close(self) -> None:
        self._db.close()


def _postgres_sql(sql: str) -> Any:
    """Return a statement of the store in PostgreSQL's syntax."""
    return sql.replace("?", "%s").replace(" blob ", " bytea ")
