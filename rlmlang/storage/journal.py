"""Write what a run stores: answers, events and claims, those of one turn of the event loop in one transaction.

An answer is handed on only once it is stored. So whatever the run does with it, the answer can be found again, and a
call whose answer was stored is never made twice (decision 63). A database over a network is asked by tasks, while the
event loop goes on: what is collected meanwhile is written next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from functools import partial
from itertools import islice

from attrs import evolve

from rlmlang.errors import UsageError
from rlmlang.storage.batches import LEASE, Awaited, Edge, Found, StoredAnswer, WriteBatch, WriteResult
from rlmlang.storage.store import Store

POLL = (0.02, 1.0)  # decision 141
"""Seconds between two looks at calls that other processes have claimed: the first pause, and the longest."""


EVENT_PAUSE = 0.1
"""Seconds that events wait for an answer or a claim to be written with, where a write is a round trip."""

AT_ONCE = 1_000
"""Keys that are looked up at once."""

logger = logging.getLogger("rlmlang")


class Journal:
    """The writes of a run. Its methods raise UsageError E606."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self._remote = None if store.pool is None else store.pool.work
        self._batch = WriteBatch(run)
        self._written: asyncio.Future[None] | None = None
        """That of the next write, once something is to be written."""
        self._writing: asyncio.Task[None] | None = None
        self._later: asyncio.TimerHandle | None = None
        """What will write events that nothing else is written with."""
        self._sought: dict[bytes, asyncio.Future[str | None]] = {}
        """Keys to look up next, with the futures of their values."""
        self._seeking: asyncio.Task[None] | None = None
        self._fences: dict[bytes, int] = {}
        """The fences of this run's claims."""
        self._found: dict[bytes, str] = {}
        """Values that other runs stored, until they are taken."""
        self._awaited: dict[bytes, list[asyncio.Future[str | None]]] = {}
        """Keys that other runs have claimed, with the futures of those who wait for them."""
        self._above: dict[bytes, Callable[[], Iterable[bytes]]] = {}
        """What gives the keys of the calls of this run that wait for each of these."""
        self._had_edges = False
        self._polling: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    @property
    def is_remote(self) -> bool:
        """Whether answers are to be looked up by `look`, since the store cannot give them at once."""
        return self._remote is not None

    async def look(self, key: bytes) -> str | None:
        """Return the stored value of a key, or None. Keys that are asked at about the same time are one lookup."""
        sought = self._sought.get(key)
        if sought is None:
            sought = self._sought[key] = asyncio.get_running_loop().create_future()
            if self._seeking is None or self._seeking.done():
                self._seeking = asyncio.ensure_future(self._seek())
        return await asyncio.shield(sought)

    async def _seek(self) -> None:
        while self._sought:
            sought, self._sought = self._sought, {}
            try:
                found = await self._stored(sought)
            except UsageError as error:
                for future in sought.values():
                    future.set_exception(error)
                    future.exception()  # marks it as retrieved: those who asked may be gone
            else:
                for key, future in sought.items():
                    future.set_result(found.get(key))

    async def _stored(self, keys: Collection[bytes]) -> dict[bytes, str]:
        """Return the values of keys that are stored."""
        if self._remote is None:
            return {key: value for key in keys if (value := self.store.get(key)) is not None}
        return await self.store.ask(partial(self._remote.look, keys))

    async def stored_among(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return which keys have stored values."""
        found: set[bytes] = set()
        rest = iter(keys)
        while some := [*islice(rest, AT_ONCE)]:
            found |= (await self._stored(some)).keys()
        return found

    def add_event(self, seq: int, event: str) -> None:
        """Write an event of the trace, in the next transaction."""
        self._batch.events.append((seq, event))
        if self._remote is None:
            self._schedule()
        elif self._written is None and self._later is None:
            self._later = asyncio.get_running_loop().call_later(EVENT_PAUSE, self._schedule)

    async def claim(self, key: bytes) -> str | bool:
        """Claim a call. Returns True if it is ours to make now, False if another run has claimed it, its value if it is
        stored."""
        self._batch.claims.append(key)
        await asyncio.shield(self._schedule())
        if key in self._found:
            return self._found.pop(key)
        if key not in self._fences:
            return False
        if self._renewing is None:
            self._renewing = asyncio.ensure_future(self._renew())
        return True

    async def wait_for_other(self, key: bytes, above: Callable[[], Iterable[bytes]] = tuple) -> str | None:
        """Wait until the run that has claimed a call ends it. Returns the value, or None if the claim was given up.

        `above` gives the keys of the calls of this run that wait for it. If runs come to wait for each other, one of
        them takes the claim of the other.
        """
        self._above[key] = above
        waiting: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._awaited.setdefault(key, []).append(waiting)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.ensure_future(self._poll())
        return await waiting

    async def save(self, key: bytes, value: str, prompt_tokens: int, completion_tokens: int, model: str = "") -> str:
        """Store an answer under our claim, and return the value that counts.

        That is another run's if our claim had expired and that run was faster.
        """
        answer = StoredAnswer(value, prompt_tokens, completion_tokens, self._fences[key], model)
        while True:
            self._batch.answers[key] = answer
            await asyncio.shield(self._schedule())
            if self._fences.pop(key, None) is not None:
                return value
            if key in self._found:
                return self._found.pop(key)
            claimed = await self.claim(key)  # it was taken over by a run that has not answered yet
            if claimed is False:
                claimed = await self.wait_for_other(key) or False
            if isinstance(claimed, str):
                return claimed
            if claimed:
                answer = evolve(answer, fence=self._fences[key])

    def release(self, key: bytes) -> None:
        """Give up a claim, if we have one: the call failed or was cancelled."""
        if (fence := self._fences.pop(key, None)) is not None:
            self._batch.released[key] = fence
            self._schedule()

    # Writing

    def _schedule(self) -> asyncio.Future[None]:
        """Write what has been collected at the next turn of the event loop. Returns a future of that write."""
        if self._written is None:
            loop = asyncio.get_running_loop()
            self._written = loop.create_future()
            if self._remote is None:
                loop.call_soon(self._write)
            elif self._writing is None or self._writing.done():
                self._writing = asyncio.ensure_future(self._write_remotely())
        return self._written

    def _write(self) -> None:
        written = self._take_written()
        try:
            self._flush()
        except BaseException as error:
            _end_with(written, error)
        else:
            written.set_result(None)

    def _take_written(self) -> asyncio.Future[None]:
        written, self._written = self._written, None
        assert written is not None
        return written

    def _flush(self) -> None:
        """Write everything that has been collected, now."""
        if self._batch:
            self._note(self.store.write(self._take_batch()))

    async def _write_remotely(self) -> None:
        """Write what has been collected, until nothing more is."""
        assert self._remote is not None
        while self._written is not None:
            written = self._take_written()
            try:
                self._note(await self.store.ask(self._remote.writing(self._take_batch())))
            except BaseException as error:
                _end_with(written, error)
                if not isinstance(error, UsageError):
                    raise
            else:
                written.set_result(None)

    def _take_batch(self) -> WriteBatch:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        batch, self._batch = self._batch, WriteBatch(self._batch.run)
        return batch

    def _note(self, done: WriteResult) -> None:
        for key in done.refused:
            self._fences.pop(key, None)
        self._found.update({key: value for key, value in done.refused.items() if value is not None})
        self._found.update(done.found)
        self._fences.update(done.claimed)

    async def _renew(self) -> None:
        """Renew the claims of the run for as long as it goes on, also after a failure of the store."""
        while True:
            await asyncio.sleep(LEASE / 3)
            try:
                if self._remote is None:
                    self.store.renew(self._batch.run)
                else:
                    await self.store.ask(partial(self._remote.renew, self._batch.run))
            except UsageError as error:
                logger.warning("claims were not renewed: %s", error.first.message)

    async def _poll(self) -> None:
        """Look repeatedly at the calls that other runs have claimed, until nobody waits."""
        wait, most = POLL
        while self._awaited:
            await asyncio.sleep(wait)
            try:
                found, free = await self._find()
            except UsageError as error:
                for waiting in self._take_waiting(self._awaited):
                    waiting.set_exception(error)
                return
            wait = POLL[0] if found or free else min(2 * wait, most)
            for key in (*found, *free):
                for waiting in self._take_waiting([key]):
                    waiting.set_result(found.get(key))
            if not self._awaited:
                await self._end_edges()

    async def _end_edges(self) -> None:
        """Take back that claims of this run wait for others, since nobody waits."""
        if self._had_edges:
            await self._ask_find((), frozenset())
            self._had_edges = False

    async def _find(self) -> Found:
        """Return which keys that others have claimed are answered, and which are free."""
        return await self._ask_find(tuple(self._awaited), self._edges())

    async def _ask_find(self, keys: tuple[bytes, ...], edges: frozenset[Edge] | None) -> Found:
        awaited = Awaited(keys, self._batch.run, edges)
        if self._remote is None:
            return self.store.find(awaited)
        return await self.store.ask(partial(self._remote.find, awaited))

    def _edges(self) -> frozenset[Edge] | None:
        """Return which claims of this run wait for which keys of others; None if none ever did."""
        edges = frozenset(
            (key, needed) for needed in self._awaited for key in self._above[needed]() if key in self._fences
        )
        self._had_edges = self._had_edges or bool(edges)
        return edges if self._had_edges else None

    def _take_waiting(self, keys: Iterable[bytes]) -> list[asyncio.Future[str | None]]:
        """Remove and return the futures of those who wait for keys."""
        keys = list(keys)
        for key in keys:
            del self._above[key]
        return [waiting for key in keys for waiting in self._awaited.pop(key) if not waiting.done()]

    async def close(self) -> None:
        """Write what is left, and give up all claims."""
        tasks = [task for task in (self._polling, self._renewing, self._seeking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for key in list(self._fences):
            self.release(key)
        if self._remote is None:
            self._flush()
        elif self._batch or self._written is not None:
            await asyncio.shield(self._schedule())
        if self._writing is not None:
            await self._writing
        self._awaited.clear()
        await self._end_edges()


def _end_with(written: asyncio.Future[None], error: BaseException) -> None:
    written.set_exception(error)
    written.exception()  # marks it as retrieved: nobody awaits a write of events alone
