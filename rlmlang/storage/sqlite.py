"""The driver for SQLite, by apsw, which comes with a SQLite of its own.

Versions before 3.51.3 can corrupt a write-ahead log that several connections reset (https://sqlite.org/wal.html, "The
WAL-reset bug") (decision 62).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import apsw

from rlmlang.files import file_address, open_private, require_private
from rlmlang.storage.answers import LocalAnswers
from rlmlang.storage.batches import AnswerCheck
from rlmlang.storage.database import DatabaseWork, Row, carried_out

T = TypeVar("T")

SAFE_WAL = (3, 51, 3)
"""The first version of SQLite whose write-ahead log is safe with several connections."""

BUSY_TIMEOUT = 30_000
"""Milliseconds that a writer waits for another."""


class Sqlite:
    """A connection to an SQLite file, which only its owner may read."""

    errors: ClassVar[tuple[type[Exception], ...]] = (apsw.Error, OSError)
    now: ClassVar[str] = "unixepoch('now', 'subsec')"

    def __init__(self, place: str | Path) -> None:
        self._path = path = Path(place)
        with suppress(FileExistsError):
            os.close(open_private(path, os.O_CREAT | os.O_EXCL | os.O_RDWR))
        for end in ("", "-journal", "-wal", "-shm"):  # SQLite trusts what these contain
            require_private(path.with_name(path.name + end))  # decision 67
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
        self._db = apsw.Connection(file_address(path.absolute()), flags=flags)
        self._db.set_busy_timeout(BUSY_TIMEOUT)
        self._set_journal(journal_mode(apsw.sqlite_lib_version()))
        self.query("pragma synchronous = normal")

    def _set_journal(self, mode: str) -> None:
        """Set the journal mode. SQLite lets one connection at a time do so, and the others fail instead of waiting."""
        end = time.monotonic() + BUSY_TIMEOUT / 1000
        while True:
            try:
                self.query(f"pragma journal_mode = {mode}")
                return
            except apsw.BusyError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    @staticmethod
    def shown(place: str | Path) -> str:
        return str(place)

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return list(self._db.execute(sql, values))

    def do(self, work: DatabaseWork[T]) -> T:
        return carried_out(work, lambda statements: [self.query(*each) for each in statements])

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._db.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
            self._db.execute("commit")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise

    def version(self) -> int:
        return int(self.query("pragma user_version")[0][0])

    def set_version(self, version: int) -> None:
        self.query(f"pragma user_version = {version}")

    def size(self) -> int:
        return sum(path.stat().st_size for path in self._path.parent.glob(self._path.name + "*"))

    def compact(self) -> None:
        self.query("vacuum")
        self.query("pragma wal_checkpoint(truncate)")

    def damage(self) -> str | None:
        found = "; ".join(str(row[0]) for row in self.query("pragma integrity_check"))
        return None if found == "ok" else found

    @staticmethod
    def hint(error: Exception) -> None:
        return None

    def answers(self, owner: str, check: AnswerCheck) -> LocalAnswers:
        return LocalAnswers(self, owner, check)

    def pool(self, owner: str, check: AnswerCheck) -> None:
        return None

    def close(self) -> None:
        self._db.close()


def journal_mode(version: str) -> str:
    """Return the journal mode that is safe for several connections in a version of SQLite."""
    return "wal" if tuple(map(int, version.split("."))) >= SAFE_WAL else "truncate"
