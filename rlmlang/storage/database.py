"""The interface that the store needs of a database, and the tables of the store.

The store's SQL is written once, in what SQLite and PostgreSQL have in common, with `?` as the placeholder. The steps in
`MIGRATIONS` create and change the tables, in order; a step that has been released must not be edited again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from rlmlang.storage.batches import AnswerCheck, Awaited, Found, WriteBatch, WriteResult

T = TypeVar("T")

Row = tuple[Any, ...]

SqlStatement = tuple[str, Sequence[Any]]
"""SQL, and the values of its placeholders."""

DatabaseWork = Generator[Sequence[SqlStatement], list[list[Row]], T]
"""Something that is done with a database: it yields statements, is sent the rows of each, and returns its result.

It is written once, and carried out at once or, where a database is asked over a network, without blocking an event
loop. Statements that are yielded together may be one transaction, or one each.
"""


class Answers(Protocol):
    """The answers and claims in a database, for one owner of claims."""

    def get(self, key: bytes) -> str | None:
        """Return a stored value as canonical JSON, or None."""
        ...

    def write(self, batch: WriteBatch) -> WriteResult:
        """Write answers and events in one transaction, and claim calls."""
        ...

    def find(self, awaited: Awaited) -> Found:
        """Look for keys that others have claimed. Frees claims of dead processes, and those that close a circle."""
        ...

    def renew(self, run: str) -> None:
        """Renew the claims of a run for another `LEASE` seconds."""
        ...


class AnswerWork(Protocol):
    """What `Answers` does, as work."""

    def look(self, keys: Collection[bytes]) -> DatabaseWork[dict[bytes, str]]:
        """Return the stored values of keys, as canonical JSON."""
        ...

    def writing(self, batch: WriteBatch) -> Callable[[], DatabaseWork[WriteResult]]:
        """Return what makes the work of writing a batch, once for each attempt."""
        ...

    def find(self, awaited: Awaited) -> DatabaseWork[Found]:
        """Look for keys that others have claimed: see `Answers.find`."""
        ...

    def renew(self, run: str) -> DatabaseWork[None]:
        """Renew the claims of a run for another `LEASE` seconds."""
        ...


class StorePool(Protocol):
    """Connections by which event loops ask a database over a network."""

    @property
    def work(self) -> AnswerWork:
        """What is done with answers and claims."""
        ...

    def connected(self) -> AbstractAsyncContextManager[object]:
        """Return a context in which the connections of this event loop stay open."""
        ...

    async def do(self, make: Callable[[], DatabaseWork[T]]) -> T:
        """Return the result of work, made anew for each attempt."""
        ...


class Database(Protocol):
    """A connection to a database. Its methods raise the exceptions in `errors`, which the store reports as E606."""

    errors: ClassVar[tuple[type[Exception], ...]]
    now: ClassVar[str]
    """SQL for the Unix time in seconds, by a clock that all users of the database share."""

    def __init__(self, place: str | Path) -> None: ...

    @staticmethod
    def shown(place: str | Path) -> str:
        """Return the place as messages show it, without a password."""
        ...

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Execute a statement, and return its rows."""
        ...

    def do(self, work: DatabaseWork[T]) -> T:
        """Carry out work, each statement by itself."""
        ...

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement that has no results once for each row of values."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context in which all writes are atomic, with one writer at a time."""
        ...

    def version(self) -> int:
        """Return how many of `MIGRATIONS` have been applied."""
        ...

    def set_version(self, version: int) -> None:
        """Record how many of `MIGRATIONS` have been applied."""
        ...

    def size(self) -> int:
        """Return the size on disk, in bytes."""
        ...

    def compact(self) -> None:
        """Free the space of deleted rows."""
        ...

    def damage(self) -> str | None:
        """Return what the database's own check finds wrong with its files; None if nothing."""
        ...

    @staticmethod
    def hint(error: Exception) -> str | None:
        """Return what helps against an error, if that is known."""
        ...

    def answers(self, owner: str, check: AnswerCheck) -> Answers:
        """Return the answers and claims, for an owner of claims."""
        ...

    def pool(self, owner: str, check: AnswerCheck) -> StorePool | None:
        """Return by what event loops ask a database over a network; None for one that answers at once."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def carried_out(work: DatabaseWork[T], rows_of: Callable[[Sequence[SqlStatement]], list[list[Row]]]) -> T:
    """Return the result of work, given what executes statements."""
    try:
        statements = next(work)
        while True:
            statements = work.send(rows_of(statements))
    except StopIteration as end:
        result: T = end.value
        return result


MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """create table if not exists answers (
            key blob primary key,
            value blob not null,
            digest blob not null,
            prompt_tokens integer not null,
            completion_tokens integer not null
        )""",
    ),
    (
        "alter table answers add column run text not null default ''",
        "alter table answers add column used double precision not null default 0",
        """create table claims (
            key blob primary key,
            owner text not null,
            fence bigint not null,
            until double precision not null
        )""",
        """create table runs (
            id text primary key,
            begun double precision not null,
            ended double precision,
            status text not null,
            owner text not null,
            spec text not null,
            usage text not null
        )""",
        """create table events (
            run text not null,
            seq bigint not null,
            data text not null,
            primary key (run, seq)
        )""",
    ),
    ("alter table answers add column model text not null default ''",),
    (
        """create table session_values (
            session text not null,
            name text not null,
            seq bigint not null,
            about text not null,
            type text not null,
            value text not null,
            bound double precision not null,
            primary key (session, name)
        )""",
    ),
    (
        "alter table claims add column run text not null default ''",
        """create table waits (
            key blob not null,
            needs blob not null,
            owner text not null,
            run text not null,
            primary key (key, needs, owner, run)
        )""",
    ),
)
