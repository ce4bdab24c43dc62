"""Pace the requests to a server: no more at once than it can take, and none while it fails (decision 56).

A limiter and a circuit breaker are shared by all clients of the process that use one origin (scheme, host and port).
Their event loops run in different threads. Callers decide how many requests there are; here they are only delayed.
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

from attrs import define, field

FAILURES = 10
"""The number of failures in a row after which the circuit opens."""

COOL_DOWN = 5.0
"""The seconds between two requests that probe whether the server is back."""


@define(eq=False)
class Turn:
    """One request in flight."""

    round: int
    overloaded: bool = False
    """Whether the server has reported that it is overloaded; set by whoever sends the request."""


@define(eq=False)
class Limiter:
    """The number of requests that may be in flight at once.

    There is no limit until the server is overloaded. Then the limit is half of the requests in flight, and it grows by
    one with each round of requests that succeed. It grows only while requests wait for it, so it is never far above
    what callers need at once.
    """

    limit: float = inf
    in_flight: int = 0
    _round: int = 0
    """The number of times that the limit was lowered. A request sent before says nothing about the new limit."""
    _waiting: deque[Future[None]] = field(factory=deque)
    _lock: threading.Lock = field(factory=threading.Lock)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait until one more request may be in flight, and count as that request inside the block."""
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
            if self.in_flight + 1 <= self.limit:
                self.in_flight += 1
                return
            place: Future[None] = Future()
            self._waiting.append(place)
        try:
            await asyncio.wrap_future(place)
        except asyncio.CancelledError:
            if not place.cancel():  # its turn had come meanwhile
                self._leave(Turn(-1), well=False)
            raise

    def _leave(self, turn: Turn, well: bool) -> None:
        with self._lock:
            if turn.overloaded:
                if turn.round == self._round:
                    self.limit = max(1.0, min(self.limit, self.in_flight) / 2)
                    self._round += 1
            elif well and self.in_flight + 1 > self.limit:
                self.limit += 1 / self.limit
            self.in_flight -= 1
            while self._waiting and self.in_flight + 1 <= self.limit:
                place = self._waiting.popleft()
                if place.set_running_or_notify_cancel():
                    self.in_flight += 1
                    place.set_result(None)


@define(eq=False)
class Breaker:  # decision 57
    """A circuit breaker: whether a server gets any requests.

    After `FAILURES` in a row the circuit is open: one request every `COOL_DOWN` seconds passes as a probe. The first
    response, whatever it says, closes the circuit.
    """

    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    """The number of failures in a row."""
    _next: float = 0.0
    """The time of the next probe."""
    _lock: threading.Lock = field(factory=threading.Lock)

    def wait(self) -> float:
        """Return 0 if the caller may send a request now; else the seconds until one may be sent."""
        with self._lock:
            if self.failures < FAILURES:
                return 0.0
            now = self.clock()
            if now < self._next:
                return self._next - now
            self._next = now + COOL_DOWN  # should this probe hang, another one follows
            return 0.0

    def failed(self) -> None:
        """Count a failure: no response, or one that is not of a working server."""
        with self._lock:
            self.failures += 1
            if self.failures == FAILURES:
                self._next = self.clock() + COOL_DOWN

    def answered(self) -> None:
        """Close the circuit, since the server has responded."""
        with self._lock:
            self.failures = 0


@define(eq=False)
class Origin:
    """What the clients of one server share: its limiter, its breaker, and what is known of it."""

    limiter: Limiter = field(factory=Limiter)
    breaker: Breaker = field(factory=Breaker)
    has_answered: bool = False
    """Whether it has ever answered rightly."""
    refused: dict[str, frozenset[str]] = field(factory=dict)
    """The parts of requests that it does not take, by the path and the model of the requests."""


_origins: dict[tuple[str, str, int | None], Origin] = {}


def origin_of(url: str) -> Origin:
    """Return the origin of an address, the same object for all addresses of one origin."""
    return _origins.setdefault(key_of(url), Origin())


def key_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of an address, the default port included."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").rstrip("."), parts.port or usual
