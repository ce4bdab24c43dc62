"""The interface that the store needs of a database, and the tables of the store.

The store's SQL is written once, in what SQLite and PostgreSQL have in common, with `?` as the placeholder. The steps in
`MIGRATIONS` create and change the tables, in order; a step that has been released must not be edited again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Protocol

Row = tuple[Any, ...]


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

    def close(self) -> None:
        """Close the connection."""
        ...


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
)
