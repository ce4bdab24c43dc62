"""Stores in a PostgreSQL that fails: what a run comes to, and what it says."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from rlmlang import Limits, Store, UsageError, compile, resume
from rlmlang.models.base import Request
from rlmlang.storage import postgres_pool
from tests.conftest import need
from tests.support import postgres
from tests.support.fakes import Fake
from tests.support.waiting import until

pytestmark = pytest.mark.heavy

PROGRAM = compile('n: int\n[CALL("say", i) for i in range(n)]')


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server that asks for a password, and has few connections."""
    need(postgres.programs() is not None, "postgresql")
    with postgres.server("scram-sha-256", connections=10) as found:
        yield found


@pytest.fixture
def url(server: postgres.Server, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PGPASSWORD", "open sesame")
    return server.url


@pytest.fixture
def store(url: str) -> str:
    """An empty store in its database."""
    return postgres.empty_store(url)


def refused(place: str) -> UsageError:
    with pytest.raises(UsageError, match="E606") as caught:
        Store(place)
    return caught.value


@pytest.mark.parametrize(
    ("changed", "to", "hint"),
    [
        ("rlmlang@/", "rlmlang:wrong@/", "is the password right"),
        ("rlmlang@/", "nobody:x@/", "is the password right"),  # the server does not say who exists
        ("/postgres?", "/nothing?", "createdb NAME"),
        ("@/postgres?host=.*", "@nowhere.invalid/x", "name of the host"),
        ("@/postgres?host=.*", "@127.0.0.1:1/x", "is the server running"),
        ("host=.*", "host=/nowhere", "is the server running"),
    ],
)
def test_a_database_that_cannot_be_opened(url: str, changed: str, to: str, hint: str) -> None:
    place = re.sub(changed.replace("?", r"\?").replace(".*", r".*"), to, url)
    assert place != url
    error = refused(place)
    assert hint in (error.first.hint or "")
    assert "wrong" not in str(error)


def test_no_password(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    assert "put the password into" in (refused(url).first.hint or "")


class Slow(Fake):
    """Says the number that it is given, after a moment; something may happen at the first."""

    def __init__(self, first: object = None) -> None:
        super().__init__(lambda request: str(request.arguments[0][1]), concurrency=8)
        self.first = first

    async def wait(self, request: Request) -> None:
        if len(self.requests) == 40 and callable(self.first):
            await asyncio.to_thread(self.first)
        await asyncio.sleep(0.005)


def run(model: Slow, place: str, n: int = 200) -> list[str]:
    value: list[str] = PROGRAM.run(n=n, model=model, store=place, limits=Limits(max_calls=None)).value
    return value


def test_a_server_that_starts_again_ends_no_run(server: postgres.Server, store: str) -> None:
    """Nothing is lost, and no call is made twice."""

    def restart() -> None:
        server.stop()
        server.start()

    model = Slow(restart)
    assert run(model, store) == [*map(str, range(200))]
    assert set(Counter(model.labels).values()) == {1}
    again = Slow()
    assert run(again, store) == [*map(str, range(200))]
    assert again.requests == []
    with Store(store) as opened:
        assert [row.status for row in opened.runs()] == ["done", "done"]
        assert opened.db.query("select count(*) from claims where until > 0") == [(0,)]


def test_a_server_that_is_gone_ends_the_run_and_it_is_resumed(
    server: postgres.Server, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_pool, "PATIENCE", 0.3)
    model = Slow(server.stop)
    try:
        with pytest.raises(UsageError, match="E606") as caught:
            run(model, store, 250)
    finally:
        server.start()
    assert "is the server running" in (caught.value.first.hint or "")
    with Store(store) as opened:
        kept = opened.db.query("select count(*) from answers")[0][0]
    assert kept >= 24  # of 40 calls, eight at once
    again = Slow()
    assert resume(store=store, model=again).value == [*map(str, range(250))]
    assert len(again.requests) == 250 - kept


def test_a_server_without_a_free_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_pool, "PATIENCE", 0.3)
    others = [psycopg.connect(url, autocommit=True)]

    def there_are(count: int) -> bool:
        """Return whether so many are connected: the server lets go of one a moment after its client has left."""
        text = "select count(*) from pg_stat_activity where backend_type = 'client backend'"
        return others[0].execute(text).fetchone() == (count,)

    try:
        until(lambda: there_are(1))
        others += [psycopg.connect(url) for _ in range(8)]
        with pytest.raises(UsageError, match="E606") as caught:
            run(Slow(), url, 3)  # its store has the last
        assert "max_connections" in (caught.value.first.hint or "")
        until(lambda: there_are(9))
        others.append(psycopg.connect(url))
        assert "max_connections" in (refused(url).first.hint or "")
    finally:
        for each in others:
            each.close()


def test_the_event_loop_goes_on_while_the_database_does_not_answer(store: str) -> None:
    """Another client holds the tables for a while; meanwhile nothing else on the loop waits for that."""

    async def steps() -> None:
        async with Store(store) as opened, opened.connected():
            with psycopg.connect(store) as other:
                other.execute("lock table answers, runs in access exclusive mode")
                begun = asyncio.ensure_future(PROGRAM.arun(n=3, model=Slow(), store=opened))
                for _ in range(10):
                    await asyncio.sleep(0.02)
                assert not begun.done()
            assert (await begun).value == ["0", "1", "2"]

    asyncio.run(steps())
