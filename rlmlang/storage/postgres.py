"""The driver for PostgreSQL, by psycopg: a store for several machines.

This is the connection of a store outside of event loops. Runs ask by `postgres_pool`, which does not block theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, TypeVar

from rlmlang.errors import UsageError
from rlmlang.storage.batches import AnswerCheck
from rlmlang.storage.database import DatabaseWork, Row, SqlStatement, carried_out
from rlmlang.storage.postgres_answers import NOW, PostgresAnswers, PostgresWork, postgres_sql
from rlmlang.storage.postgres_pool import CONNECT_TIMEOUT, PostgresPool

try:
    import psycopg
except ImportError:  # an extra
    raise UsageError.of(
        "E606", "a store in PostgreSQL needs the package psycopg", hint="pip install 'rlmlang[postgres]'"
    ) from None

_GATE = 0x726C6D
"""The advisory lock of transactions of several statements, so that there is one at a time, as in SQLite."""

HINTS = (
    ("password authentication failed", "is the password right? It is read from ~/.pgpass or $PGPASSWORD"),
    ("no password supplied", "put the password into ~/.pgpass or $PGPASSWORD"),
    (r'role ".*" does not exist', "name a user of the server: postgresql://USER@HOST/DATABASE"),
    (r'database ".*" does not exist', "make it: createdb NAME; or name another: postgresql://USER@HOST/DATABASE"),
    ("resolve host|translate host name", "is the name of the host right? postgresql://USER@HOST/DATABASE"),
    ("too many (clients|connections)|remaining connection slots", "raise max_connections of the server, or run fewer"),
    ("permission denied", "let the user make tables: grant create on schema public to USER"),
    ("onnection refused|No such file|timeout|timed out", "is the server running, and reached from here?"),
    ("lost|closed the connection|terminat", "resume the run once the server is back: `rlmlang runs resume last`"),
)  # fmt: skip
"""What helps against errors, by what their messages say."""

_TABLES = ("answers", "claims", "runs", "events", "session_values", "waits")

T = TypeVar("T")


class Postgres:
    """A connection to PostgreSQL."""

    errors: ClassVar[tuple[type[Exception], ...]] = (psycopg.Error, OSError)
    now: ClassVar[str] = NOW

    def __init__(self, place: str | Path) -> None:
        self._place = str(place)
        self._connection: psycopg.Connection[Row] | None = None
        self._turns = RLock()
        """Held while a thread asks: what others ask must not come into its transaction."""
        self._in_transaction = False
        with self.transaction():  # processes that start at the same time would each create it
            self.query("create table if not exists meta (version integer not null)")

    @property
    def _db(self) -> psycopg.Connection[Row]:
        """The connection; a new one if there is none, or it was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._place, autocommit=True, connect_timeout=CONNECT_TIMEOUT)
        return self._connection

    @staticmethod
    def shown(place: str | Path) -> str:
        return re.sub(r"(?<=//)[^/]*@", "", str(place)).split("?")[0]

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        with self._turns:
            try:
                cursor = self._db.execute(postgres_sql(sql), values)
            except psycopg.OperationalError:
                if self._in_transaction or self._connection is None or not self._connection.closed:
                    raise
                cursor = self._db.execute(postgres_sql(sql), values)  # by a new connection: the server was started anew
            return cursor.fetchall() if cursor.description else []

    def do(self, work: DatabaseWork[T]) -> T:
        return carried_out(work, self._rows)

    def _rows(self, statements: Sequence[SqlStatement]) -> list[list[Row]]:
        return [self.query(*each) for each in statements]

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._turns, self._db.cursor() as cursor:
            cursor.executemany(postgres_sql(sql), rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._turns:
            self.query("select 1")  # makes a lost connection anew
            with self._db.transaction():
                self._in_transaction = True
                try:
                    self._db.execute("select pg_advisory_xact_lock(%s)", (_GATE,))
                    yield
                finally:
                    self._in_transaction = False

    def version(self) -> int:
        rows = self.query("select version from meta")
        return int(rows[0][0]) if rows else 0

    def set_version(self, version: int) -> None:
        self.query("delete from meta")
        self.query("insert into meta values (?)", (version,))

    def size(self) -> int:
        return sum(int(self.query("select pg_total_relation_size(?::regclass)", (name,))[0][0]) for name in _TABLES)

    def compact(self) -> None:
        self.query(f"vacuum {', '.join(_TABLES)}")

    def damage(self) -> str | None:
        return None  # PostgreSQL reports damage when it reads it

    @staticmethod
    def hint(error: Exception) -> str | None:
        return next((hint for pattern, hint in HINTS if re.search(pattern, str(error))), None)

    def answers(self, owner: str, check: AnswerCheck) -> PostgresAnswers:
        return PostgresAnswers(self, PostgresWork(owner, check))

    def pool(self, owner: str, check: AnswerCheck) -> PostgresPool:
        return PostgresPool(self._place, PostgresWork(owner, check))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
