"""The store: answers of calls, runs with the events of their traces, and claims on calls in flight.

Answers are stored as canonical JSON with a digest that is checked on reading; a damaged one is logged, counts as
missing, and is replaced once the call has been made again. What a run writes in one transaction, such as an answer and
the event of its call, is atomic.

Several processes may share a store. Whoever is about to make a call claims its key first, for `LEASE` seconds, renewed
as long as the process lives. A claim that has expired, or whose process is known to be dead, may be taken over; its
number (the fence) then rises, and an answer of the former owner is refused.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from reprlib import repr as shown
from types import TracebackType
from typing import Any, Self

from attrs import define, field, frozen

from rlmlang.errors import UsageError
from rlmlang.storage.database import MIGRATIONS, Database
from rlmlang.storage.owner import is_dead, new_owner

LEASE = 30.0  # decision 64
"""Seconds after which a claim expires unless it is renewed."""

PLACE = "the path or URL of a store"
"""What the place of a store is, for messages."""

_DAY = 86_400

logger = logging.getLogger("rlmlang")


def default_path() -> Path:
    """Return the path of the user's store: `$XDG_DATA_HOME/rlmlang/store.db`."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "rlmlang" / "store.db"


@frozen
class StoredAnswer:
    """An answer to be stored."""

    value: str
    """Canonical JSON."""
    prompt_tokens: int
    completion_tokens: int
    fence: int
    """The number of the claim under which the call was made."""
    model: str = ""
    """The name of the model that gave it."""


@define
class WriteBatch:
    """What a run writes in one transaction."""

    run: str
    answers: dict[bytes, StoredAnswer] = field(factory=dict)
    events: list[tuple[int, str]] = field(factory=list)
    """Sequence numbers and JSON texts."""
    claims: list[bytes] = field(factory=list)
    """Keys to claim."""
    released: dict[bytes, int] = field(factory=dict)
    """Keys that are given up without an answer, with the fences of their claims."""

    def __bool__(self) -> bool:
        return bool(self.answers or self.events or self.claims or self.released)


@frozen
class WriteResult:
    """The result of writing a batch."""

    claimed: Mapping[bytes, int]
    """The keys that are claimed now, with their fences. Other keys of `claims` are in `found`, or another owner's."""
    found: Mapping[bytes, str]
    """The keys of `claims` that had been answered already, with their values."""
    refused: Mapping[bytes, str | None]
    """The keys whose answers were refused since their claims had been taken over, with the values stored instead."""


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
        self._errors = driver.errors
        self._damaged: set[bytes] = set()
        self._touched: set[bytes] = set()
        self._is_closed = False
        with self.reporting_errors():
            self.db = driver(place)
            try:
                self._migrate()
            except BaseException:
                self.db.close()
                raise

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
        if self._is_closed:
            raise UsageError.of("E606", f"{self.name} is closed", hint="open it again")
        try:
            yield
        except self._errors as error:
            raise UsageError.of(
                "E606",
                f"{self.name} cannot be used: {error}",
                hint="choose another store, or run without one",
            ) from error

    # Answers

    def get(self, key: bytes) -> str | None:
        """Return a stored value as canonical JSON, or None."""
        with self.reporting_errors():
            rows = self.db.query("select value, digest, used from answers where key = ?", (key,))
        return self._checked(key, *rows[0]) if rows else None

    def find(self, keys: Iterable[bytes]) -> tuple[dict[bytes, str], set[bytes]]:
        """Look up keys that others have claimed. Returns those answered by now, with values, and those free again."""
        found, free = {}, set()
        for key in keys:
            if (value := self.get(key)) is not None:
                found[key] = value
                continue
            with self.reporting_errors():
                claims = self.db.query(f"select owner, until < {self.db.now} from claims where key = ?", (key,))
            if not claims or claims[0][1] or is_dead(claims[0][0]):
                free.add(key)
        return found, free

    def _checked(self, key: bytes, value: Any, digest: Any, used: float) -> str | None:
        """Return a value that was read if it matches its digest, else None."""
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
        if digest_of(data) != (digest if isinstance(digest, bytes) else b""):
            if key not in self._damaged:
                self._damaged.add(key)
                logger.warning("%s holds a damaged answer (key %s…); the call is made again", self.name, key.hex()[:12])
            return None
        if used < time.time() - _DAY:
            self._touched.add(key)
        return data.decode("utf-8", "surrogatepass")

    def write(self, batch: WriteBatch) -> WriteResult:
        """Write a batch in one transaction."""
        claimed: dict[bytes, int] = {}
        found: dict[bytes, str] = {}
        refused: dict[bytes, str | None] = {}
        with self.reporting_errors(), self.db.transaction():
            for key, answer in batch.answers.items():
                if not self._save(key, answer, batch.run):
                    refused[key] = self.get(key)
            for key, fence in batch.released.items():
                self.db.query(
                    "update claims set until = 0 where key = ? and owner = ? and fence = ?", (key, self.owner, fence)
                )
            for key in batch.claims:
                number = self._claim(key)
                if number is None:
                    continue
                value = self.get(key)  # it may have been answered before it was claimed
                if value is None:
                    claimed[key] = number
                else:
                    found[key] = value
                    self.db.query("delete from claims where key = ?", (key,))
            if batch.events:
                self.db.many(
                    "insert into events (run, seq, data) values (?, ?, ?)",
                    [(batch.run, seq, data) for seq, data in batch.events],
                )
            if self._touched:
                touched, self._touched = self._touched, set()
                self.db.many(f"update answers set used = {self.db.now} where key = ?", [(key,) for key in touched])
        return WriteResult(claimed, found, refused)

    def _save(self, key: bytes, answer: StoredAnswer, run: str) -> bool:
        """Store an answer. Returns False if its claim was taken over."""
        claims = self.db.query(
            "delete from claims where key = ? and owner = ? and fence = ? returning 1",
            (key, self.owner, answer.fence),
        )
        if not claims:
            return False
        data = answer.value.encode("utf-8", "surrogatepass")  # JSON may contain unpaired surrogates
        self.db.query("delete from answers where key = ?", (key,))  # a damaged one
        self.db.query(
            "insert into answers (key, value, digest, prompt_tokens, completion_tokens, run, model, used) "
            f"values (?, ?, ?, ?, ?, ?, ?, {self.db.now})",
            (key, data, digest_of(data), answer.prompt_tokens, answer.completion_tokens, run, answer.model),
        )
        self._damaged.discard(key)
        return True

    def _claim(self, key: bytes) -> int | None:
        """Claim a key. Returns the fence of the claim, or None if another owner has one."""
        rows = self.db.query(f"select owner, fence, until < {self.db.now} from claims where key = ?", (key,))
        until = f"{self.db.now} + {LEASE}"
        if not rows:
            self.db.query(f"insert into claims (key, owner, fence, until) values (?, ?, 1, {until})", (key, self.owner))
            return 1
        owner, fence, expired = rows[0]
        if not expired and not is_dead(owner):
            return None
        self.db.query(
            f"update claims set owner = ?, fence = ?, until = {until} where key = ?", (self.owner, fence + 1, key)
        )
        return int(fence) + 1

    def renew(self) -> None:
        """Renew the claims of this store's owner for another `LEASE` seconds."""
        with self.reporting_errors(), self.db.transaction():
            self.db.query(
                f"update claims set until = {self.db.now} + {LEASE} where owner = ? and until > 0", (self.owner,)
            )

    # Runs

    def begin_run(self, id: str, spec: Mapping[str, Any]) -> int:
        """Record that a run begins or is resumed. Returns the number of its next event."""
        with self.reporting_errors(), self.db.transaction():
            self.db.query(
                "insert into runs (id, begun, status, owner, spec, usage) "
                f"values (?, {self.db.now}, 'running', ?, ?, '{{}}') on conflict (id) do update "
                "set status = excluded.status, owner = excluded.owner, spec = excluded.spec, ended = null",
                (id, self.owner, json.dumps(spec)),
            )
            ((last,),) = self.db.query("select max(seq) from events where run = ?", (id,))
        return 0 if last is None else int(last) + 1

    def end_run(self, id: str, status: str, usage: Mapping[str, Any]) -> None:
        """Record how a run ended."""
        with self.reporting_errors(), self.db.transaction():
            self.db.query(
                f"update runs set status = ?, usage = ?, ended = {self.db.now} where id = ?",
                (status, json.dumps(usage), id),
            )

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
                rows = self.db.query(
                    "select seq, data from events where run = ? and seq > ? order by seq limit 1000", (run, rows[-1][0])
                )
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
            finally:
                self._is_closed = True
                self.db.close()


def is_place(value: object) -> bool:
    """Return whether this may be the place of a store: a path, or a URL."""
    return isinstance(value, str | Path) and Path(value).name != "" and "\0" not in str(value)


def _driver(place: str | Path) -> type[Database]:
    """Return the driver for a place, which is imported only here: each needs a package of its own.

    Raises UsageError E607 for a URL of anything else than PostgreSQL, and for a folder.
    """
    text = str(place) if isinstance(place, Path) else place
    scheme = text.partition("://")[0].lower() if "://" in text else ""
    if scheme in ("postgresql", "postgres"):
        from rlmlang.storage.postgres import Postgres

        return Postgres
    if re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        hint = "name a file by its path, or a database of PostgreSQL: postgresql://HOST/NAME"
        raise UsageError.of("E607", f"a store is not kept in a place such as {scheme}://…", hint=hint)
    if text.endswith(("/", os.sep)) or os.path.isdir(text):
        hint = f"name a file in it: {os.path.join(text, 'store.db')}"
        raise UsageError.of("E607", f"a store is a file, and {text} names a folder", hint=hint)
    from rlmlang.storage.sqlite import Sqlite

    return Sqlite


def digest_of(data: bytes) -> bytes:
    """Return the digest that is stored with an answer to detect damage."""
    return hashlib.sha256(data).digest()[:16]
