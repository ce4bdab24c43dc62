"""What a run writes to its store: answers, events and claims, those of one turn of the loop in one transaction.

An answer is handed on only when it is kept. So whatever the run goes on to do, it can be found
again, and a call whose answer was kept is never made twice (decision 63).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from attrs import evolve

from rlmlang.errors import UsageError
from rlmlang.storage.store import LEASE, Answer, Batch, Store

LOOKS = (0.02, 1.0)
"""Seconds between two looks at the calls that other processes are at: from, growing to."""


class Journal:
    """The writes of one run. Methods raise UsageError E606."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self._batch = Batch(run)
        self._written: asyncio.Future[None] | None = None
        self._fences: dict[bytes, int] = {}
        """The claims of this run."""
        self._found: dict[bytes, str] = {}
        """Values that others made, until they are asked for."""
        self._elsewhere: dict[bytes, list[asyncio.Future[str | None]]] = {}
        """Keys that others have claimed, with those who wait for them."""
        self._looking: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    def note(self, seq: int, event: str) -> None:
        """Write an event of the trace, together with what comes before the loop's next turn."""
        self._batch.events.append((seq, event))
        self._soon()

    async def claim(self, key: bytes) -> str | bool:
        """True if the call is ours to make now, False if another process is at it; its value if it has been made."""
        self._batch.wanted.append(key)
        await asyncio.shield(self._soon())
        if key in self._found:
            return self._found.pop(key)
        if key not in self._fences:
            return False
        if self._renewing is None:
            self._renewing = asyncio.ensure_future(self._renew())
        return True

    async def elsewhere(self, key: bytes) -> str | None:
        """Wait for what another process makes of a call: the value, or None if it has given the call up."""
        waiting: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._elsewhere.setdefault(key, []).append(waiting)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())
        return await waiting

    async def keep(self, key: bytes, value: str, prompt_tokens: int, completion_tokens: int) -> str:
        """Keep an answer under our claim; gives the value that counts.

        That is another process's, if our claim had run out and it was there first.
        """
        answer = Answer(value, prompt_tokens, completion_tokens, self._fences[key])
        while True:
            self._batch.answers[key] = answer
            await asyncio.shield(self._soon())
            if self._fences.pop(key, None) is not None:
                return value
            if key in self._found:
                return self._found.pop(key)
            claimed = await self.claim(key)  # lost, and the one who has it has not answered yet
            if claimed is False:
                claimed = await self.elsewhere(key) or False
            if isinstance(claimed, str):
                return claimed
            if claimed:
                answer = evolve(answer, fence=self._fences[key])

    def release(self, key: bytes) -> None:
        """Give a claim up, if we have one: the call failed, or is not wanted any more."""
        if (fence := self._fences.pop(key, None)) is not None:
            self._batch.released[key] = fence
            self._soon()

    # Writing

    def _soon(self) -> asyncio.Future[None]:
        """Write what has been gathered at the loop's next turn."""
        if self._written is None:
            loop = asyncio.get_running_loop()
            self._written = loop.create_future()
            loop.call_soon(self._write)
        return self._written

    def _write(self) -> None:
        told, self._written = self._written, None
        assert told is not None
        try:
            self.flush()
        except BaseException as error:
            told.set_exception(error)
            told.exception()  # whoever awaits it is told; an event alone has nobody who does
        else:
            told.set_result(None)

    def flush(self) -> None:
        """Write everything that has been gathered, now."""
        if not self._batch:
            return
        batch, self._batch = self._batch, Batch(self._batch.run)
        done = self.store.write(batch)
        for key in done.lost:
            self._fences.pop(key, None)
        self._found.update({key: value for key, value in done.lost.items() if value is not None})
        self._found.update(done.found)
        self._fences.update(done.claimed)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            self.store.renew()

    async def _look(self) -> None:
        """Look again and again at what others are at, until nobody waits."""
        wait, most = LOOKS
        while self._elsewhere:
            await asyncio.sleep(wait)
            try:
                found, free = self.store.find(list(self._elsewhere))
            except UsageError as error:
                for waiting in self._told(self._elsewhere):
                    waiting.set_exception(error)
                return
            wait = LOOKS[0] if found or free else min(2 * wait, most)
            for key in (*found, *free):
                for waiting in self._told([key]):
                    waiting.set_result(found.get(key))

    def _told(self, keys: Iterable[bytes]) -> list[asyncio.Future[str | None]]:
        """Those who wait for keys, and will wait no longer."""
        return [waiting for key in list(keys) for waiting in self._elsewhere.pop(key) if not waiting.done()]

    async def close(self) -> None:
        """Write what is left, and give up every claim."""
        tasks = [task for task in (self._looking, self._renewing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for key in list(self._fences):
            self.release(key)
        self.flush()
