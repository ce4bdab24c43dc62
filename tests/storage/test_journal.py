"""What a run writes to its store, and what it does when another run has claimed the same call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlmlang.errors import UsageError
from rlmlang.storage.batches import LEASE, Awaited, StoredAnswer, WriteBatch
from rlmlang.storage.journal import Journal
from rlmlang.storage.store import Store
from tests.support.virtual import run

KEY = b"k" * 32


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[Store, Store]]:
    one, two = Store(tmp_path / "s"), Store(tmp_path / "s")
    yield one, two
    one.close()
    two.close()


def lose(store: Store) -> None:
    """Let all claims of a store expire."""
    store.db.query("update claims set until = 1 where owner = ?", (store.owner,))


def answer(store: Store, value: str) -> None:
    """Take a call over and answer it."""
    fence = store.write(WriteBatch("other", claims=[KEY])).claimed[KEY]
    store.write(WriteBatch("other", answers={KEY: StoredAnswer(value, 0, 0, fence)}))


def test_writes_of_one_turn_are_one_transaction(stores: tuple[Store, Store]) -> None:
    async def steps() -> None:
        journal = Journal(stores[0], "r")
        journal.add_event(0, "{}")
        assert await asyncio.gather(journal.claim(KEY), journal.claim(b"o" * 32)) == [True, True]
        journal.add_event(1, "[]")
        assert list(stores[1].events("r")) == ["{}"]
        assert await journal.save(KEY, "1", 0, 0) == "1"
        assert list(stores[1].events("r")) == ["{}", "[]"]
        assert await journal.claim(KEY) == "1"
        await journal.close()

    run(steps())
    assert stores[1].find(Awaited((b"o" * 32,))) == ({}, {b"o" * 32})


def test_an_answer_that_comes_too_late_is_discarded(stores: tuple[Store, Store]) -> None:
    async def steps() -> None:
        journal = Journal(stores[0], "r")
        assert await journal.claim(KEY) is True
        lose(stores[0])
        answer(stores[1], '"theirs"')
        assert await journal.save(KEY, '"ours"', 0, 0) == '"theirs"'
        await journal.close()

    run(steps())


@pytest.mark.parametrize("answered", [True, False])
def test_a_run_that_has_lost_its_claim_waits_for_the_other(stores: tuple[Store, Store], answered: bool) -> None:
    async def steps() -> None:
        journal, other = Journal(stores[0], "r"), stores[1]
        assert await journal.claim(KEY) is True
        lose(stores[0])
        fence = other.write(WriteBatch("other", claims=[KEY])).claimed[KEY]
        keeping = asyncio.ensure_future(journal.save(KEY, '"ours"', 0, 0))
        await asyncio.sleep(5)
        assert not keeping.done()
        if answered:
            other.write(WriteBatch("other", answers={KEY: StoredAnswer('"theirs"', 0, 0, fence)}))
        else:
            other.write(WriteBatch("other", released={KEY: fence}))
        assert await keeping == ('"theirs"' if answered else '"ours"')
        await journal.close()

    run(steps())
    assert stores[1].get(KEY) == ('"theirs"' if answered else '"ours"')


def test_an_expired_claim_that_nobody_took_is_renewed(stores: tuple[Store, Store]) -> None:
    async def steps() -> None:
        journal = Journal(stores[0], "r")
        assert await journal.claim(KEY) is True
        fence = stores[1].db.query("select fence from claims")[0][0]
        stores[1].db.query("update claims set until = 1, fence = ?", (fence + 1,))
        assert await journal.save(KEY, "1", 0, 0) == "1"
        await journal.close()

    run(steps())


def test_waiting_for_a_call_of_another_run(stores: tuple[Store, Store]) -> None:
    async def steps() -> None:
        fence = stores[1].write(WriteBatch("other", claims=[KEY])).claimed[KEY]
        journal = Journal(stores[0], "r")
        assert await journal.claim(KEY) is False
        waiting = [asyncio.ensure_future(journal.wait_for_other(KEY)) for _ in range(3)]
        await asyncio.sleep(1)
        waiting.pop().cancel()
        stores[1].write(WriteBatch("other", answers={KEY: StoredAnswer("7", 0, 0, fence)}))
        assert await asyncio.gather(*waiting) == ["7", "7"]
        await journal.close()

    run(steps())


def test_claims_are_renewed_during_the_run(stores: tuple[Store, Store]) -> None:
    async def steps() -> None:
        journal = Journal(stores[0], "r")
        await journal.claim(KEY)
        lose(stores[0])
        await asyncio.sleep(LEASE / 2)
        assert stores[1].find(Awaited((KEY,))) == ({}, set())
        await journal.close()

    run(steps())


def test_a_failure_of_the_store_reaches_all_who_wait(stores: tuple[Store, Store]) -> None:
    async def steps() -> None:
        stores[1].write(WriteBatch("other", claims=[KEY]))
        journal = Journal(stores[0], "r")
        assert await journal.claim(KEY) is False
        waiting = asyncio.ensure_future(journal.wait_for_other(KEY))
        stores[1].db.query("alter table answers rename to gone")
        with pytest.raises(UsageError, match="E606"):
            await waiting
        stores[1].db.query("drop table events")
        journal.add_event(0, "{}")  # nobody awaits an event alone; the next claim fails
        with pytest.raises(UsageError, match="E606"):
            await journal.claim(b"o" * 32)
        stores[1].db.query("alter table gone rename to answers")
        await journal.close()

    run(steps())
