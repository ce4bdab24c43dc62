"""The store: answers kept across runs, in one SQLite file.

Values are kept as canonical JSON with a digest that is checked on reading; a damaged row
counts as missing. Several processes may share a file. Answers that arrive together are
committed together, before the run goes on with them being called kept.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

from rlmlang.errors import UsageError

VERSION = 1
_SCHEMA = """
create table if not exists answers (
    key blob primary key,
    value blob not null,
    digest blob not null,
    prompt_tokens integer not null,
    completion_tokens integer not null
) without rowid
"""


def default_path() -> Path:
    """The per-user store: `$XDG_DATA_HOME/rlmlang/store.db`."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "rlmlang" / "store.db"


class Store:
    """Answers by key. Raises UsageError E606 if the file cannot be used."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._fresh: dict[bytes, tuple[str, int, int]] = {}
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
            os.close(descriptor)
            self._db = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            # SQLite before 3.51.3 can corrupt a WAL file that several connections reset.
            self._db.execute("pragma journal_mode = truncate")
            self._db.execute("pragma synchronous = normal")
            (version,) = self._db.execute("pragma user_version").fetchone()
            if version > VERSION:
                raise UsageError.of(
                    "E606",
                    f"the store {self.path} was written by a newer rlmlang (version {version})",
                    hint="update rlmlang, or choose another file with --store",
                )
            if version < VERSION:
                self._db.execute(_SCHEMA)
                self._db.execute(f"pragma user_version = {VERSION}")
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UsageError:
        return UsageError.of(
            "E606",
            f"the store {self.path} cannot be used: {error}",
            hint="choose another file with --store, or go on without: --no-store",
        )

    def get(self, key: bytes) -> str | None:
        """The canonical JSON of a kept value, or None."""
        if key in self._fresh:
            return self._fresh[key][0]
        try:
            row = self._db.execute("select cast(value as blob), digest from answers where key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        if row is None or _digest(row[0]) != row[1]:
            return None
        value: str = row[0].decode("utf-8", "surrogatepass")
        return value

    def put(self, key: bytes, value: str, prompt_tokens: int, completion_tokens: int) -> None:
        """Keep a value from the next `commit` on."""
        self._fresh[key] = (value, prompt_tokens, completion_tokens)

    def commit(self) -> None:
        """Write what was put since the last time, in one transaction."""
        if not self._fresh:
            return
        rows = []
        for key, (value, prompt_tokens, completion_tokens) in self._fresh.items():
            data = value.encode("utf-8", "surrogatepass")  # an answer in JSON may hold half a pair
            rows.append((key, data, _digest(data), prompt_tokens, completion_tokens))
        try:
            self._db.execute("begin immediate")
            self._db.executemany("insert or replace into answers values (?, ?, ?, ?, ?)", rows)
            self._db.execute("commit")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("rollback")
            raise self._unusable(error) from error
        self._fresh.clear()

    def close(self) -> None:
        self.commit()
        self._db.close()


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]
