"""Thousands of calls of functions of the host, with failures, timeouts and cancellation, leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import rlmlang
from rlmlang.calls.in_flight import CallInFlight
from rlmlang.storage.store import Store

TEXT = """
n: int
def sync(i: int) -> int: ...
def late_sync(i: int) -> int: ...
def coroutine(i: int) -> int: ...
def late_coroutine(i: int) -> int: ...

def one(i: int) -> int:
    try:
        return late_sync(i) if i % 100 == 7 else sync(i)
    except Exception:
        return -1

def other(i: int) -> int:
    try:
        return late_coroutine(i) if i % 100 == 7 else coroutine(i)
    except Exception:
        return -1

[one(i) for i in range(n)] + [other(i) for i in range(n)]
"""


class Functions:
    """Functions and coroutine functions: of ten calls one fails, of a hundred one takes too long.

    Only those that are too late in any case have a timeout, since all others may be late on a busy machine.
    """

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self.late = threading.Event()
        """Lets the calls that took too long end."""

    def given(self) -> dict[str, rlmlang.HostFunction]:
        def sync(i: int) -> int:
            self.begun["sync", i] += 1
            if i % 10 == 3:
                raise ValueError(i)
            return i

        @rlmlang.function(timeout=0.5)
        def late_sync(i: int) -> int:
            self.begun["sync", i] += 1
            self.late.wait(60)
            return i

        async def coroutine(i: int) -> int:
            self.begun["coroutine", i] += 1
            if i % 10 == 3:
                raise ValueError(i)
            return i

        @rlmlang.function(timeout=0.5)
        async def late_coroutine(i: int) -> int:
            self.begun["coroutine", i] += 1
            await asyncio.sleep(60)
            return i

        return {
            "sync": sync,
            "late_sync": late_sync,
            "coroutine": coroutine,
            "late_coroutine": late_coroutine,
        }


def bad(i: int) -> bool:
    return i % 10 == 3 or i % 100 == 7


def threads() -> set[threading.Thread]:
    """Return the threads that call functions now."""
    return {thread for thread in threading.enumerate() if thread.name == "rlmlang-function"}


def calls() -> set[CallInFlight]:
    """Return all calls in memory. (`isinstance` would run what other objects make of `__class__`.)"""
    gc.collect()
    return {each for each in gc.get_objects() if issubclass(type(each), CallInFlight)}


@pytest.fixture
def nothing_is_left() -> Callable[[Functions], None]:
    """Return a test that neither a thread nor a call is left, besides those that tests before this one left."""
    threads_before, calls_before = threads(), calls()

    def check(functions: Functions) -> None:
        functions.late.set()
        for thread in threads() - threads_before:
            thread.join(60)
        assert threads() <= threads_before
        assert calls() <= calls_before

    return check


def claims(place: Path) -> int:
    """Return how many calls are claimed in a store."""
    with Store(place) as store:
        (count,) = store.db.query("select count(*) from claims where until > 0")[0]
    return int(count)


@pytest.mark.parametrize("n", [300, pytest.param(5_000, marks=pytest.mark.long)])
def test_failures_and_timeouts_leave_nothing_behind(
    tmp_path: Path, n: int, nothing_is_left: Callable[[Functions], None]
) -> None:
    functions, store = Functions(), tmp_path / "store.db"
    limits = {"max_function_calls": None, "concurrency": 200}
    program = rlmlang.compile(TEXT)
    expected = [-1 if bad(i) else i for i in range(n)] * 2
    trace = rlmlang.Trace()
    result = program.run(n=n, functions=functions.given(), store=store, limits=limits, trace=trace)
    assert result.value == expected
    assert result.usage.function_calls == 2 * n == functions.begun.total()
    assert not trace.active
    nothing_is_left(functions)
    assert claims(store) == 0

    again = Functions()
    again.late.set()
    result = program.run(n=n, functions=again.given(), store=store, limits=limits)
    assert {i for _, i in again.begun} == set(filter(bad, range(n)))  # what was kept is not called again
    nothing_is_left(again)


@pytest.mark.parametrize("n", [200, pytest.param(5_000, marks=pytest.mark.long)])
def test_a_run_that_is_cancelled_leaves_nothing_behind(
    tmp_path: Path, n: int, nothing_is_left: Callable[[Functions], None]
) -> None:
    functions, store, trace = Functions(), tmp_path / "store.db", rlmlang.Trace()

    async def run() -> None:
        work = asyncio.ensure_future(
            rlmlang.compile(TEXT).arun(
                n=n, functions=functions.given(), store=store, trace=trace, limits={"max_function_calls": None}
            )
        )
        while functions.begun.total() < n:
            await asyncio.sleep(0.001)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(run())
    assert not trace.active
    nothing_is_left(functions)
    assert claims(store) == 0
    assert trace.usage.function_calls <= functions.begun.total()


def test_calls_that_never_end_stop_further_ones_before_threads_are_without_number() -> None:
    ended, before = threading.Event(), threads()
    lookup = rlmlang.function(timeout=0.001)(lambda i: ended.wait(60) and 0)
    text = """
def lookup(i: int) -> int: ...
def tried(i: int) -> str:
    try:
        lookup(i)
    except Exception as error:
        return str(error)
    return ""
{tried(i)[:30] for i in range(400)}
"""
    try:
        value = rlmlang.compile(text).run(functions={"lookup": lookup}).value
        assert any("is not called" in each for each in value)
        assert len(threads() - before) < 300
    finally:
        ended.set()
