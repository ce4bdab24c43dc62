"""What the store does in the rare cases: work that is done again, lookups that fail together, changes that end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

import rlmlang
from rlmlang import Store, UsageError
from rlmlang.storage.database import DatabaseWork
from rlmlang.storage.journal import Journal
from rlmlang.storage.postgres_pool import PostgresPool
from rlmlang.storage.sqlite import Sqlite


class FailingPool(PostgresPool):
    """A pool whose connections fail with each of some errors once."""

    def __init__(self, *errors: psycopg.Error) -> None:
        super().__init__("postgresql://nowhere", None)  # type: ignore[arg-type]
        self.errors = list(errors)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Any]:
        yield self

    @asynccontextmanager
    async def connection(self, timeout: float) -> AsyncIterator[None]:
        if self.errors:
            raise self.errors.pop(0)
        yield


def seven() -> DatabaseWork[int]:
    return 7
    yield []


def test_work_is_done_again_while_the_connection_is_lost() -> None:
    pool = FailingPool(psycopg.OperationalError("lost"), psycopg.OperationalError("lost"))
    assert asyncio.run(pool.do(seven)) == 7
    assert pool.errors == []


def test_work_is_not_done_again_where_that_cannot_help() -> None:
    pool = FailingPool(psycopg.errors.InvalidPassword("wrong"), psycopg.OperationalError("lost"))
    with pytest.raises(psycopg.errors.InvalidPassword):
        asyncio.run(pool.do(seven))
    assert len(pool.errors) == 1


def test_equal_lookups_at_one_time_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def look_twice(journal: Journal) -> list[Any]:
        return await asyncio.gather(journal.look(b"k"), journal.look(b"k"), return_exceptions=True)

    with Store(tmp_path / "s.db") as store:
        monkeypatch.setattr(store, "get", lambda key: asked.append(key))
        assert asyncio.run(look_twice(Journal(store, "r"))) == [None, None]
        assert asked == [b"k"]

        def fail(_: bytes) -> None:
            raise UsageError.of("E606", "the disk is gone")

        monkeypatch.setattr(store, "get", fail)
        first, second = asyncio.run(look_twice(Journal(store, "r")))
        assert first.first.message == second.first.message == "the disk is gone"


def test_a_change_that_has_ended_already_is_not_taken_back(tmp_path: Path) -> None:
    def change(db: Sqlite) -> None:
        with db.transaction():
            db._db.execute("commit")
            raise ValueError("later")

    with Store(tmp_path / "s.db") as store:
        assert isinstance(store.db, Sqlite)
        with pytest.raises(ValueError, match="later"):
            change(store.db)


def test_a_direct_answer_has_no_program(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        program = rlmlang.compile('CALL("What is the program?", \'"program"\')')
        program.run(model=lambda _: "none", store=store)
        ((key,),) = store.db.query("select key from answers")
        assert store.program_of(key) is None
        assert store.program_of(b"unknown") is None


def test_claims_of_a_database_are_renewed_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    renewed: list[str] = []

    class Remote:
        pool = SimpleNamespace(work=SimpleNamespace(renew=renewed.append))

        async def ask(self, make: Callable[[], None]) -> None:
            make()
            if len(renewed) == 3:
                raise asyncio.CancelledError

    monkeypatch.setattr("rlmlang.storage.journal.LEASE", 0)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Journal(Remote(), "r")._renew())  # type: ignore[arg-type]
    assert renewed == ["r", "r", "r"]
