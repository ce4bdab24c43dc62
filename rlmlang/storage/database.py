"""What the store needs of a database, and its tables.

The SQL of the store is written once, in what SQLite and PostgreSQL have in common; `?` stands
for a value. The tables are made, and changed, by the steps in `MIGRATIONS`, in order; a step
that has been released is not edited again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Protocol

Row = tuple[Any, ...]


class Database(Protocol):
    """One connection. Raises what is in `errors`, which the store tells as E606."""

    errors: ClassVar[tuple[type[Exception], ...]]
    now: ClassVar[str]
    """SQL for the time in Unix seconds, by a clock that everyone who uses the database shares."""

    def __init__(self, place: str | Path) -> None: ...

    @staticmethod
    def shown(place: str | Path) -> str:
        """The place as messages show it; without a password."""
        ...

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[Row]: ...

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """The same statement for many rows, with no results."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """What is written within is written whole or not at all, and by one writer at a time."""
        ...

    def version(self) -> int:
        """How many of `MIGRATIONS` have been done."""
        ...

    def set_version(self, version: int) -> None: ...

    def size(self) -> int:
        """Bytes on disk."""
        ...

    def compact(self) -> None:
        """Give back the space of what was deleted."""
        ...

    def damage(self) -> str | None:
        """What the database itself finds wrong with its files, if anything."""
        ...

    def close(self) -> None: ...


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
)
