"""How fast a server is asked: as many requests at once as it bears, and none while it fails.

Both are kept per origin (scheme, host and port) for all clients of the process, whose event loops
run in threads of their own. Callers decide how many requests there are; here they are only held back.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from math import inf
from urllib.parse import urlsplit

from attrs import define, field, frozen

FAILURES = 10
"""Failures in a row after which a server is left alone."""

COOL_DOWN = 5.0
"""Seconds between two requests that try whether it is back."""


@define(eq=False)
class Turn:
    """One request among those under way."""

    round: int
    overloaded: bool = False
    """To be set if the server says that it has too much to do."""


@define(eq=False)
class Limiter:
    """How many requests may be under way at once.

    As many as there are, until the server is overloaded. Then half of them, and with each round of
    requests that goes well, one more. The limit rises only while it holds requests back, so it is
    never far above what callers ask for at once.
    """

    limit: float = inf
    under_way: int = 0
    _round: int = 0
    """Counts how often the limit was lowered. What was sent before that says nothing about the new limit."""
    _waiting: deque[Future[None]] = field(factory=deque)
    _lock: threading.Lock = field(factory=threading.Lock)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait until one more request may be under way, and be that one."""
        await self._enter()
        turn = Turn(self._round)
        try:
            yield turn
        except BaseException:
            self._leave(turn, well=False)
            raise
        self._leave(turn, well=not turn.overloaded)

    async def _enter(self) -> None:
        with self._lock:
            if self.under_way + 1 <= self.limit:
                self.under_way += 1
                return
            place: Future[None] = Future()
            self._waiting.append(place)
        try:
            await asyncio.wrap_future(place)
        except asyncio.CancelledError:
            if not place.cancel():  # its turn had come in the meantime
                self._leave(Turn(-1), well=False)
            raise

    def _leave(self, turn: Turn, well: bool) -> None:
        with self._lock:
            if turn.overloaded:
                if turn.round == self._round:
                    self.limit = max(1.0, min(self.limit, self.under_way) / 2)
                    self._round += 1
            elif well and self.under_way + 1 > self.limit:
                self.limit += 1 / self.limit
            self.under_way -= 1
            while self._waiting and self.under_way + 1 <= self.limit:
                place = self._waiting.popleft()
                if place.set_running_or_notify_cancel():
                    self.under_way += 1
                    place.set_result(None)


@define(eq=False)
class Breaker:
    """Whether a server is asked at all.

    After `FAILURES` in a row it is left alone, but for one request every `COOL_DOWN` seconds. The
    first that it answers, whatever it says, ends that.
    """

    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    """In a row."""
    _next: float = 0.0
    """When the next request may try."""
    _lock: threading.Lock = field(factory=threading.Lock)

    def wait(self) -> float:
        """0 if a request may be sent now, by whoever asked; else the seconds until one may."""
        with self._lock:
            if self.failures < FAILURES:
                return 0.0
            now = self.clock()
            if now < self._next:
                return self._next - now
            self._next = now + COOL_DOWN  # one tries; should it hang, another one will after it
            return 0.0

    def failed(self) -> None:
        """The server did not answer, or not as a server does."""
        with self._lock:
            self.failures += 1
            if self.failures == FAILURES:
                self._next = self.clock() + COOL_DOWN

    def answered(self) -> None:
        with self._lock:
            self.failures = 0


@frozen(eq=False)
class Origin:
    """What is known of one server."""

    limiter: Limiter = field(factory=Limiter)
    breaker: Breaker = field(factory=Breaker)


_origins: dict[tuple[str, str, int | None], Origin] = {}


def origin_of(url: str) -> Origin:
    """The one origin that an address belongs to."""
    return _origins.setdefault(key_of(url), Origin())


def key_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an address; the port also where it is the usual one."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or usual
