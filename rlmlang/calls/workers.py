"""The workers of a run: who makes its calls, in which order, and how many at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from rlmlang.calls.in_flight import CallInFlight
from rlmlang.runtime.pending import Pending

MAX_QUEUE = 10_000
"""Calls in the queue from which on comprehensions hold back with asking for more."""


class Workers:
    """A queue of leaf calls with a few workers, and tasks for the calls that a program answers.

    Leaf calls are made in the order of the queue. A call that a program answers gets a task of its own, since it
    waits for calls of its own, and would keep a worker from them.
    """

    def __init__(self, concurrency: int, make: Callable[[CallInFlight], Awaitable[None]]) -> None:
        self._concurrency = concurrency
        self._make = make
        self._queue: deque[CallInFlight] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._relief: Pending | None = None

    def add(self, call: CallInFlight) -> None:
        """Put a leaf call into the queue, and wake or start a worker."""
        self._queue.append(call)
        if self._idle:
            self._idle.pop().set_result(None)
        elif len(self._workers) < self._concurrency:
            self._workers.add(asyncio.ensure_future(self._work()))

    def spawn(self, call: CallInFlight, work: Coroutine[Any, Any, None]) -> None:
        """Make a call in a task of its own."""
        call.task = asyncio.ensure_future(work)
        self._tasks.add(call.task)
        call.task.add_done_callback(self._tasks.discard)

    def backpressure(self) -> Pending | None:
        """Return what to wait for before asking for more calls; None while the queue is short enough."""
        if self._relief is None and len(self._queue) >= MAX_QUEUE:
            self._relief = Pending()
        return self._relief

    async def _work(self) -> None:
        done = 0
        while True:
            while not self._queue:
                idle = asyncio.get_running_loop().create_future()
                self._idle.append(idle)
                await idle
            call = self._queue.popleft()
            if self._relief is not None and len(self._queue) <= MAX_QUEUE // 2:
                relief, self._relief = self._relief, None
                relief.resolve(None)
            if call.given_up:
                continue
            call.task = asyncio.current_task()
            await self._make(call)
            if call.task is asyncio.current_task():
                call.task = None
            done += 1
            if done % 64 == 0:  # a model that answers at once must not keep others from running
                await asyncio.sleep(0)

    async def close(self) -> None:
        """Cancel the workers and tasks, and wait until they have ended."""
        tasks = [*self._workers, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
