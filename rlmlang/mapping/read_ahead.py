"""Read rows ahead in a thread of their own, so that no call waits while a disk or a library is slow."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")

AHEAD = 256
"""How many rows are read before they are needed, at most."""


class ReadAhead(Generic[T]):
    """The elements of an iterator in its order, read in a thread that is so many ahead."""

    def __init__(self, elements: Iterator[T]) -> None:
        """Begin to read. Called in the event loop that takes the elements."""
        self._elements = elements
        self._loop = asyncio.get_running_loop()
        self._ready: deque[T] = deque()
        self._failure: BaseException | None = None
        self._has_ended = self._is_closed = False
        self._news, self._room = asyncio.Event(), threading.Event()
        self._waiting = 0
        """How many wait for an element."""
        self._thread = threading.Thread(target=self._read, name="rlmlang-rows", daemon=True)
        self._thread.start()

    async def next(self) -> T | None:
        """Return the next element, None if there are no more. Raises what the iterator raises, after all before it."""
        while not self._ready:
            if self._has_ended and not self._ready:  # looked at again, as the thread ends when the last one is there
                if self._failure is not None:
                    raise self._failure
                return None
            await self._wait()
        found = self._ready.popleft()
        if len(self._ready) <= AHEAD // 2:
            self._room.set()
        return found

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            self._news.clear()
            if not self._ready and not self._has_ended:  # else the thread has not seen that somebody waits
                await self._news.wait()
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Read no more. A thread that waits for a slow disk ends once that has answered."""
        self._is_closed = True
        self._room.set()

    def _read(self) -> None:
        try:
            for element in self._elements:
                self._ready.append(element)
                self._tell()
                while len(self._ready) >= AHEAD and not self._is_closed:
                    self._room.clear()
                    if len(self._ready) >= AHEAD:
                        self._room.wait()
                if self._is_closed:
                    break
        except BaseException as error:
            self._failure = error
        self._has_ended = True
        self._tell()

    def _tell(self) -> None:
        """Wake those who wait."""
        if self._waiting:
            with suppress(RuntimeError):  # the event loop has ended, and nobody waits any more
                self._loop.call_soon_threadsafe(self._news.set)
