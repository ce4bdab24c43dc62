"""Write what a run stores: answers, events and claims, those of one turn of the event loop in one transaction.

An answer is handed on only once it is stored. So whatever the run does with it, the answer can be found again, and a
call whose answer was stored is never made twice (decision 63).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from attrs import evolve

from rlmlang.errors import UsageError
from rlmlang.storage.store import LEASE, Store, StoredAnswer, WriteBatch

POLL = (0.02, 1.0)
"""Seconds between two looks at calls that other processes have claimed: the first pause, and the longest."""


class Journal:
    """The writes of a run. Its methods raise UsageError E606."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self._batch = WriteBatch(run)
        self._written: asyncio.Future[None] | None = None
        self._fences: dict[bytes, int] = {}
        """The fences of this run's claims."""
        self._found: dict[bytes, str] = {}
        """Values that other runs stored, until they are taken."""
        self._awaited: dict[bytes, list[asyncio.Future[str | None]]] = {}
        """Keys that other runs have claimed, with the futures of those who wait for them."""
        self._polling: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    def add_event(self, seq: int, event: str) -> None:
        """Write an event of the trace, in the next transaction."""
        self._batch.events.append((seq, event))
        self._schedule()

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

    async def wait_for_other(self, key: bytes) -> str | None:
        """Wait until the run that has claimed a call ends it. Returns the value, or None if the claim was given up."""
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
            loop.call_soon(self._write)
        return self._written

    def _write(self) -> None:
        written, self._written = self._written, None
        assert written is not None
        try:
            self.flush()
        except BaseException as error:
            written.set_exception(error)
            written.exception()  # marks it as retrieved: nobody awaits a write of events alone
        else:
            written.set_result(None)

    def flush(self) -> None:
        """Write everything that has been collected, now."""
        if not self._batch:
            return
        batch, self._batch = self._batch, WriteBatch(self._batch.run)
        done = self.store.write(batch)
        for key in done.refused:
            self._fences.pop(key, None)
        self._found.update({key: value for key, value in done.refused.items() if value is not None})
        self._found.update(done.found)
        self._fences.update(done.claimed)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            self.store.renew()

    async def _poll(self) -> None:
        """Look repeatedly at the calls that other runs have claimed, until nobody waits."""
        wait, most = POLL
        while self._awaited:
            await asyncio.sleep(wait)
            try:
                found, free = self.store.find(list(self._awaited))
            except UsageError as error:
                for waiting in self._take_waiting(self._awaited):
                    waiting.set_exception(error)
                return
            wait = POLL[0] if found or free else min(2 * wait, most)
            for key in (*found, *free):
                for waiting in self._take_waiting([key]):
                    waiting.set_result(found.get(key))

    def _take_waiting(self, keys: Iterable[bytes]) -> list[asyncio.Future[str | None]]:
        """Remove and return the futures of those who wait for keys."""
        return [waiting for key in list(keys) for waiting in self._awaited.pop(key) if not waiting.done()]

    async def close(self) -> None:
        """Write what is left, and give up all claims."""
        tasks = [task for task in (self._polling, self._renewing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for key in list(self._fences):
            self.release(key)
        self.flush()
