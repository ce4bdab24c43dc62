"""How fast servers are asked: the limiter and the breaker, in virtual time."""

from __future__ import annotations

import asyncio
import threading
from math import inf
from typing import Any

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.models.servers.throttling import COOL_DOWN, FAILURES, Breaker, Limiter, origin_of
from tests.support.virtual import run


@define
class Served:
    """What a server saw."""

    capacity: int
    in_flight: int = 0
    most: int = 0
    answered: int = 0
    refused: int = 0


async def ask(served: Served, limiter: Limiter) -> None:
    """Ask a server that takes a second for each request until it answers."""
    while True:
        async with limiter.turn() as turn:
            served.in_flight += 1
            served.most = max(served.most, served.in_flight)
            try:
                if served.in_flight <= served.capacity:
                    await asyncio.sleep(1)
                    served.answered += 1
                    return
                await asyncio.sleep(0.01)
                served.refused += 1
                turn.overloaded = True
            finally:
                served.in_flight -= 1
        await asyncio.sleep(0.5)


async def all_asked(served: Served, limiter: Limiter, callers: int, requests: int) -> float:
    """The virtual seconds in which some callers, each one request at a time, make all requests."""

    async def caller(count: int) -> None:
        for _ in range(count):
            await ask(served, limiter)

    shares = [requests // callers + (n < requests % callers) for n in range(callers)]
    await asyncio.gather(*map(caller, shares))
    return asyncio.get_running_loop().time()


def test_without_overload_nothing_is_delayed() -> None:
    served, limiter = Served(capacity=100), Limiter()
    assert run(all_asked(served, limiter, callers=40, requests=400)) == pytest.approx(10)
    assert (served.most, limiter.limit) == (40, inf)


@given(capacity=st.integers(1, 20), callers=st.integers(1, 40))
def test_a_server_gets_as_many_requests_as_it_can_take(capacity: int, callers: int) -> None:
    served, limiter = Served(capacity), Limiter()
    seconds = run(all_asked(served, limiter, callers, requests=300))
    assert (served.answered, limiter.in_flight) == (300, 0)
    assert served.most <= callers  # never more than callers ask for
    assert limiter.limit == inf or limiter.limit <= callers + 1
    if capacity >= callers:
        assert served.refused == 0
    else:
        assert served.refused <= 2 * callers + 300 / capacity  # the first ones, then one each time the limit is found
        assert seconds <= 2 * 300 / capacity + 20  # at half of its capacity at the least


def test_the_limit_grows_with_the_capacity_of_the_server() -> None:
    async def recover() -> None:
        served, limiter = Served(capacity=2), Limiter()
        await all_asked(served, limiter, callers=32, requests=100)
        assert limiter.limit < 4
        served.capacity, served.most = 100, 0
        await all_asked(served, limiter, callers=32, requests=2000)
        assert served.most == 32

    run(recover())


def test_a_burst_of_refusals_halves_the_limit_once() -> None:
    async def burst() -> None:
        limiter = Limiter()
        gate = asyncio.Event()

        async def refused() -> None:
            async with limiter.turn() as turn:
                await gate.wait()
                turn.overloaded = True

        tasks = [asyncio.ensure_future(refused()) for _ in range(16)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)
        assert limiter.limit == 8

    run(burst())


def test_failures_neither_raise_nor_lower_the_limit() -> None:
    async def fail() -> None:
        limiter = Limiter(limit=1)
        for _ in range(20):
            with pytest.raises(OSError, match="cut"):
                async with limiter.turn():
                    raise OSError("cut")
        assert (limiter.limit, limiter.in_flight) == (1, 0)

    run(fail())


STEP = st.one_of(
    st.just(("ask", 0)),
    st.tuples(st.sampled_from(["well", "overloaded", "cancel"]), st.integers(0, 30)),
    st.just(("settle", 0)),
)


@given(steps=st.lists(STEP, max_size=80), limit=st.sampled_from([1.0, 2.0, 3.5, inf]))
def test_no_turn_is_lost(steps: list[tuple[str, int]], limit: float) -> None:
    """Whoever is cancelled, and whenever: nobody waits while the limit allows more, and nothing stays counted."""

    async def walk() -> None:
        limiter = Limiter(limit)
        gates: dict[asyncio.Task[None], asyncio.Future[bool]] = {}
        inside: set[asyncio.Task[None]] = set()

        async def one(gate: asyncio.Future[bool]) -> None:
            task = asyncio.current_task()
            assert task is not None
            async with limiter.turn() as turn:
                inside.add(task)
                try:
                    turn.overloaded = await gate
                finally:
                    inside.discard(task)

        for what, which in steps:
            live = [task for task in gates if not task.done()]
            if what == "ask":
                gate = asyncio.get_running_loop().create_future()
                gates[asyncio.ensure_future(one(gate))] = gate
            elif what == "settle":
                for _ in range(5 + 8 * len(gates)):
                    await asyncio.sleep(0)
                assert len(inside) == limiter.in_flight
                waiting = sum(not task.done() for task in gates) - len(inside)
                assert waiting == 0 or limiter.in_flight + 1 > limiter.limit
            elif live:
                task = live[which % len(live)]
                if what == "cancel":
                    task.cancel()
                elif not gates[task].done():
                    gates[task].set_result(what == "overloaded")
        for task in gates:
            task.cancel()
        await asyncio.gather(*gates, return_exceptions=True)
        assert (limiter.in_flight, inside) == (0, set())
        async with asyncio.timeout(60), limiter.turn():  # and the next one may enter
            pass

    run(walk())


def test_one_limit_holds_for_several_threads() -> None:
    limiter = Limiter(limit=3)
    counted = threading.Lock()
    inside = most = done = 0

    async def one() -> None:
        nonlocal inside, most, done
        async with limiter.turn() as turn:
            turn.overloaded = False
            with counted:
                inside += 1
                most = max(most, inside)
            await asyncio.sleep(0)
            with counted:
                inside -= 1
                done += 1
            limiter.limit = 3  # as if it did not grow

    async def many() -> None:
        await asyncio.gather(*(one() for _ in range(100)))

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (done, inside, limiter.in_flight) == (400, 0, 0)
    assert most <= 4  # the limit grows by a little before it is set back


# The breaker ------------------------------------------------------------------------------


@define
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def broken() -> tuple[Breaker, Clock]:
    """A breaker that has just seen a failure too many."""
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.wait() == 0
        breaker.failed()
    return breaker, clock


def test_the_circuit_of_a_failing_server_opens() -> None:
    breaker, clock = broken()
    assert breaker.wait() == COOL_DOWN
    clock.now += COOL_DOWN - 1
    assert breaker.wait() == pytest.approx(1)


def test_one_request_tries_whether_it_is_back() -> None:
    breaker, clock = broken()
    clock.now += COOL_DOWN
    assert [breaker.wait() for _ in range(3)] == [0, COOL_DOWN, COOL_DOWN]
    breaker.failed()
    assert breaker.wait() == COOL_DOWN
    clock.now += COOL_DOWN
    assert breaker.wait() == 0
    breaker.answered()
    assert [breaker.wait() for _ in range(3)] == [0, 0, 0]


def test_a_trial_that_hangs_does_not_keep_others_from_trying() -> None:
    breaker, clock = broken()
    for _ in range(3):
        clock.now += COOL_DOWN
        assert breaker.wait() == 0  # and is never heard of again
        assert breaker.wait() == COOL_DOWN


def test_failures_count_only_in_a_row() -> None:
    breaker = Breaker(Clock())
    for _ in range(5):
        for _ in range(FAILURES - 1):
            breaker.failed()
        breaker.answered()
    assert breaker.wait() == 0


@given(st.lists(st.sampled_from(["ask", "fail", "answer", 0.5, 3.0, COOL_DOWN]), max_size=200))
def test_the_requests_to_a_failing_server(steps: list[Any]) -> None:
    """In any row of failures longer than `FAILURES`, two requests are `COOL_DOWN` apart; all others are sent."""
    clock = Clock()
    breaker = Breaker(clock)
    row, last = 0, -inf
    for step in steps:
        if step == "fail":
            breaker.failed()
            row += 1
            if row == FAILURES:
                last = clock.now
        elif step == "answer":
            breaker.answered()
            row = 0
        elif step == "ask":
            wait = breaker.wait()
            if row < FAILURES or clock.now - last >= COOL_DOWN:
                assert wait == 0
                last = clock.now
            else:
                assert wait == pytest.approx(last + COOL_DOWN - clock.now)
        else:
            clock.now += step


# Origins ----------------------------------------------------------------------------------


def test_clients_of_one_origin_share_what_is_known_of_it() -> None:
    same = ["https://example.com/v1", "https://EXAMPLE.com:443/other", "https://example.com."]
    others = ["http://example.com/v1", "https://example.com:8443", "https://www.example.com"]
    assert len({id(origin_of(url)) for url in same}) == 1
    assert len({id(origin_of(url)) for url in [same[0], *others]}) == 4
