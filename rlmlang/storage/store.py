"""The store: answers of calls, runs with the events of their traces, and claims on calls in flight.

Answers are stored as canonical JSON with a digest that is checked on reading; a damaged one is logged, counts as
missing, and is replaced once the call has been made again. What a run writes in one transaction, such as an answer and
the event of its call, is atomic.

Several processes may share a store. Whoever is about to make a call claims its key first, for `LEASE` seconds, renewed
as long as the process lives. A claim that has expired, or whose process is known to be dead, may be taken over; its
number (the fence) then rises, and an answer of the former owner is refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from reprlib import repr as shown
from types import TracebackType
from typing import Any, Self, TypeVar

from attrs import frozen

from rlmlang.errors import UsageError
from rlmlang.storage.batches import AnswerCheck, Awaited, Found, WriteBatch, WriteResult
from rlmlang.storage.database import MIGRATIONS, Answers, Database, DatabaseWork
from rlmlang.storage.owner import end_owner, is_dead, new_owner
from rlmlang.storage.run_records import events_after

T = TypeVar("T")

PLACE = "the path or URL of a store"
"""What the place of a store is, for messages."""


def default_path() -> Path:
    """Return the path of the user's store: `$XDG_DATA_HOME/rlmlang/store.db`."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "rlmlang" / "store.db"


@frozen
class RunRow:
    """A run in the store."""

    id: str
    begun: float
    """Unix seconds, as is `ended`."""
    ended: float | None
    status: str
    """`running`, `done`, `failed` or `interrupted`."""
    spec: dict[str, Any]
    """What is needed to run it again (`recording.Spec`)."""
    usage: dict[str, Any]


class Store:
    """An open store. Every method raises UsageError E606 if the database cannot be used (decision 65)."""

    def __init__(self, place: str | Path) -> None:
        """Open the store at a place: the path of an SQLite file, or a `postgresql://` URL. Raises UsageError E607."""
        if not is_place(place):
            raise UsageError.of("E607", f"store is {PLACE}, not {shown(place)}")
        driver = _driver(place)
        self.owner = new_owner()
        self.name = f"the store {driver.shown(place)}"
        self._errors, self._hint = driver.errors, driver.hint
        self._is_closed = False
        with self.reporting_errors():
            self.db = driver(place)
            try:
                self._migrate()
            except BaseException:
                self.db.close()
                raise
        check = AnswerCheck(self.name)
        self._answers: Answers = self.db.answers(self.owner, check)
        self.pool = self.db.pool(self.owner, check)
        """By which runs ask a database over a network; None for one that answers at once."""

    def _migrate(self) -> None:
        if self.db.version() < len(MIGRATIONS):
            with self.db.transaction():
                for step in MIGRATIONS[self.db.version() :]:  # read again: another process may have been faster
                    for statement in step:
                        self.db.query(statement)
                self.db.set_version(len(MIGRATIONS))
        if (version := self.db.version()) > len(MIGRATIONS):
            raise UsageError.of(
                "E606",
                f"{self.name} was written by a newer rlmlang (version {version})",
                hint="update rlmlang, or choose another store",
            )

    @contextmanager
    def reporting_errors(self) -> Iterator[None]:
        """Raise errors of the database as UsageError E606, as is the use of a store that is closed."""
        self._require_open()
        try:
            yield
        except self._errors as error:
            raise self._failure(error) from error

    def _require_open(self) -> None:
        if self._is_closed:
            raise UsageError.of("E606", f"{self.name} is closed", hint="open it again")

    def _failure(self, error: Exception) -> UsageError:
        return UsageError.of(
            "E606",
            f"{self.name} cannot be used: {error}",
            hint=self._hint(error) or "choose another store, or run without one",
        )

    # In event loops

    async def ask(self, make: Callable[[], DatabaseWork[T]]) -> T:
        """Carry out work, made anew for each attempt, without blocking the event loop where that would take long."""
        with self.reporting_errors():
            return self.db.do(make()) if self.pool is None else await self.pool.do(make)

    async def aside(self, work: Callable[[], T]) -> T:
        """Do what asks this store, in a thread if that would block the event loop for long."""
        return work() if self.pool is None else await asyncio.to_thread(work)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Keep the connections of this event loop open meanwhile, so that not each run opens its own."""
        if self.pool is None:
            yield
            return
        with self.reporting_errors():
            async with self.pool.connected():
                yield

    # Answers

    def get(self, key: bytes) -> str | None:
        """Return a stored value as canonical JSON, or None."""
        self._require_open()
        try:  # not `reporting_errors`: this is asked for every call
            return self._answers.get(key)
        except self._errors as error:
            raise self._failure(error) from error

    def find(self, awaited: Awaited) -> Found:
        """Look up keys that others have claimed. Returns those answered by now, with values, and those free again.

        A key by which runs come to wait for each other in a circle is freed.
        """
        with self.reporting_errors():
            return self._answers.find(awaited)

    def write(self, batch: WriteBatch) -> WriteResult:
        """Write answers and events in one transaction, and claim calls."""
        with self.reporting_errors():
            return self._answers.write(batch)

    def renew(self, run: str) -> None:
        """Renew the claims of a run for another `LEASE` seconds."""
        with self.reporting_errors():
            self._answers.renew(run)

    # Runs

    def runs(self, prefix: str = "") -> list[RunRow]:
        """Return the runs whose ids begin with a prefix, the latest first."""
        with self.reporting_errors():
            rows = self.db.query(
                "select id, begun, ended, status, owner, spec, usage from runs where substr(id, 1, ?) = ? "
                "order by begun desc, id desc",
                (len(prefix), prefix),
            )
        return [
            RunRow(
                id,
                begun,
                ended,
                "interrupted" if status == "running" and is_dead(owner) else status,
                json.loads(spec),
                json.loads(usage),
            )
            for id, begun, ended, status, owner, spec, usage in rows
        ]

    def events(self, run: str) -> Iterator[str]:
        """Yield the events of a run in order, as JSON texts."""
        rows: list[tuple[int, str]] = [(-1, "")]
        while rows:
            with self.reporting_errors():
                rows = self.db.do(events_after(run, rows[-1][0]))
            yield from (data for _, data in rows)

    def program_of(self, key: bytes) -> str | None:
        """Return the program that gave a stored answer, from the events of the run that made the call, if any."""
        with self.reporting_errors():
            rows = self.db.query("select run from answers where key = ?", (key,))
        for event in self.events(rows[0][0]) if rows else ():
            if key.hex() in event and '"program"' in event:
                data = json.loads(event)
                if data.get("kind") == "call" and data.get("key") == key.hex() and data.get("program"):
                    return str(data["program"])
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up all claims, and close the database, unless that has been done."""
        if self._is_closed:
            return
        with self.reporting_errors():
            try:
                self.db.query("delete from claims where owner = ?", (self.owner,))
                self.db.query("delete from waits where owner = ?", (self.owner,))
            finally:
                self._is_closed = True
                end_owner(self.owner)
                self.db.close()


def is_place(value: object) -> bool:
    """Return whether this may be the place of a store: a path, or a URL."""
    return isinstance(value, str | Path) and Path(value).name != "" and "\0" not in str(value)


async def opened_aside(place: str | Path) -> Store:
    """Open a store, in a thread if that would block the event loop for long. Raises UsageError E606, E607."""
    return await asyncio.to_thread(Store, place) if _is_remote(place) else Store(place)


def _is_remote(place: str | Path) -> bool:
    """Return whether a place names a database of PostgreSQL."""
    return isinstance(place, str) and place.partition("://")[0].lower() in ("postgresql", "postgres")


def _driver(place: str | Path) -> type[Database]:
    """Return the driver for a place, which is imported only here: each needs a package of its own.

    Raises UsageError E607 for a URL of anything else than PostgreSQL, and for a folder.
    """
    if _is_remote(place):
        from rlmlang.storage.postgres import Postgres

        return Postgres
    text = str(place)
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        hint = "name a file by its path, or a database of PostgreSQL: postgresql://HOST/NAME"
        raise UsageError.of("E607", f"a store is not kept in a place such as {scheme}://…", hint=hint)
    if text.endswith(("/", os.sep)) or os.path.isdir(text):
        hint = f"name a file in it: {os.path.join(text, 'store.db')}"
        raise UsageError.of("E607", f"a store is a file, and {text} names a folder", hint=hint)
    from rlmlang.storage.sqlite import Sqlite

    return Sqlite
