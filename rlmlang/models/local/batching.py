"""Generations that share forward passes.

A thread of its own reads and writes for all of them. A generation takes a row of the batch as soon
as one is free, and leaves it when it ends or is cancelled; what it has read is kept for others that
start alike. One that starts like another under way waits until that has read their common start.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Literal, Protocol

from attrs import define, field

from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import ModelError, RlmError
from rlmlang.models.base import Reply
from rlmlang.models.local.kv_cache import Pool, Rows, common
from rlmlang.models.local.steering import Logits, Steering

CHUNK = 256
"""Tokens that one pass reads; between passes a generation can be cancelled."""

FIXED = 32
"""What a pass costs besides its tokens, in tokens. (Measured with SmolLM2-135M on two cores: 80 ms,
and 2 to 3 a token.)"""

WORTH_WAITING = 16
"""Tokens of a common start for which one generation waits for another."""


class BatchReader(Protocol):
    """What a batch asks of its model."""

    def read(self, rows: Rows, first: int, starts: Sequence[int], pieces: Sequence[Sequence[int]]) -> list[Logits]:
        """Read a piece in each row from `first` on, behind `starts` tokens; the logits behind each piece."""
        ...


@define(eq=False)
class BatchedGeneration:
    """One text being written."""

    prompt: list[int]
    steering: Steering
    vocabulary: Vocabulary
    max_tokens: int
    stop: tuple[str, ...] = ()
    written: list[int] = field(factory=list)
    read: int = 0
    """How many of its tokens are in the keys and values of its row."""
    cached: int = 0
    """Tokens of the prompt that others had read."""
    forced: int = 0
    future: Future[Reply] = field(factory=Future)

    @property
    def tokens(self) -> list[int]:
        return self.prompt + self.written

    @property
    def unread(self) -> int:
        return len(self.prompt) + len(self.written) - self.read

    def next_piece(self, width: int) -> list[int]:
        """The first unread tokens."""
        return self.tokens[self.read : self.read + width]

    def choose(self, logits: Logits) -> None:
        """Go on with the next token and those that are forced behind it, or end."""
        token = self.steering.choose(logits[: self.vocabulary.size])  # models have room for more tokens
        if token is not None:
            self.written.append(token)
        self.force()

    def force(self) -> None:
        """Go on with the tokens that must follow, or end."""
        if self._end():
            return
        forced = self.steering.forced()[: self.max_tokens - len(self.written)]
        self.written += forced
        self.forced += len(forced)
        if forced:
            self._end()

    def _end(self) -> bool:
        text = self._text() if self.stop else ""
        ends = [at + len(mark) for mark in self.stop if (at := text.find(mark)) >= 0]
        finish: Literal["stop", "length"] = "stop" if ends or self.steering.done else "length"
        if finish == "length" and len(self.written) < self.max_tokens:
            return False
        text = text[: min(ends)] if ends else self._text()
        reply = Reply(text, len(self.prompt), len(self.written), finish, self.cached, self.forced)
        self._settle(lambda: self.future.set_result(reply))
        return True

    def fail(self, error: RlmError) -> None:
        self._settle(lambda: self.future.set_exception(error))

    def _settle(self, settle: Callable[[], None]) -> None:
        if not self.future.done() and self.future.set_running_or_notify_cancel():  # whoever asked may be gone
            settle()

    def _text(self) -> str:
        return b"".join(map(self.vocabulary.bytes_of, self.written)).decode("utf-8", "replace")


class Batcher:
    """The rows that are under way, and those that wait for one."""

    def __init__(self, model: BatchReader, rows: Rows, kept: int, prepare: Callable[[], None] = lambda: None) -> None:
        self.pool = Pool(kept)
        self._model = model
        self._rows = rows
        self._prepare = prepare
        self._asked: queue.SimpleQueue[BatchedGeneration | None] = queue.SimpleQueue()
        self._waiting: deque[BatchedGeneration] = deque()
        self._active: list[BatchedGeneration] = []
        self._thread = threading.Thread(target=self._work, name="rlmlang-batch", daemon=True)
        self._thread.start()

    def submit(self, generation: BatchedGeneration) -> Future[Reply]:
        self._asked.put(generation)
        return generation.future

    def close(self) -> None:
        """End what is under way."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        self._prepare()
        while self._receive():
            try:
                self._step()
            except Exception as error:  # of the model's code; the thread goes on
                self._fail_all(f"{type(error).__name__}: {error}")
        self._fail_all("the generation was ended")

    def _receive(self) -> bool:
        """Take what has been asked for, waiting if there is nothing else to do; whether to go on."""
        idle = not self._active and not self._waiting
        while idle or not self._asked.empty():
            generation = self._asked.get()
            if generation is None:
                return False
            self._waiting.append(generation)
            idle = False
        return True

    def _fail_all(self, why: str) -> None:
        while not self._asked.empty():
            if (generation := self._asked.get()) is not None:
                self._waiting.append(generation)
        for generation in (*self._active, *self._waiting):
            generation.fail(ModelError.of("E400", f"transformers: {why}"))
        self._active.clear()
        self._waiting.clear()

    # One step

    def _step(self) -> None:
        self._leave()
        self._admit()
        self._leave()  # those whose whole text was forced
        if not self._active:
            return
        first, end, width = self._next_pass()
        some = self._active[first:end]
        pieces = [each.next_piece(width) for each in some]
        found = self._model.read(self._rows, first, [each.read for each in some], pieces)
        for generation, piece, logits in zip(some, pieces, found):
            generation.read += len(piece)
            if generation.unread == 0:
                _try(generation, partial(generation.choose, logits))

    def _next_pass(self) -> tuple[int, int, int]:
        """The rows of the next pass, from one to before another, and how many tokens it reads of each.

        Usually each row reads the one token that it has just written. Neighbours that have more to
        read do so in passes of their own, if that saves them more time than it costs the others.
        """
        more = [each.unread > 1 for each in self._active]
        if any(more):
            first = more.index(True)
            end = first + [*more[first:], False].index(False)
            unread = [each.unread for each in self._active[first:end]]
            saved = (sum(unread) - len(unread)) * (FIXED + len(more))
            if saved > (len(more) - len(unread)) * (FIXED + sum(unread)):
                return first, end, min(max(unread), max(1, CHUNK // len(unread)))
        return 0, len(more), 1

    def _admit(self) -> None:
        """Give rows to those that wait, in order."""
        while self._waiting and len(self._active) < self._rows.count:
            generation = self._waiting[0]
            length, saved = self.pool.find(generation.prompt)
            longest = 0
            for row, other in enumerate(self._active):
                shared = common(other.tokens, generation.prompt)
                longest = max(longest, shared)
                if min(shared, other.read) > length:
                    length = min(shared, other.read)
                    saved = self._rows.view(row, length)
            if longest >= length + WORTH_WAITING and not generation.future.done():
                return  # another is just reading what this one starts with
            self._active.append(self._waiting.popleft())
            generation.read = generation.cached = min(length, len(generation.prompt) - 1)
            self._rows.load(len(self._active) - 1, saved, generation.read)
            _try(generation, generation.force)

    def _leave(self) -> None:
        """Take out what has ended or was cancelled, and keep what it has read; the last row moves into the gap."""
        for row in reversed(range(len(self._active))):
            generation = self._active[row]
            if not generation.future.done():
                continue
            known = generation.tokens[: generation.read]
            if len(known) <= self.pool.limit and not self.pool.holds(known):
                self.pool.keep(known, self._rows.save(row, len(known)))
            last = self._active.pop()
            if last is not generation:
                self._rows.load(row, self._rows.view(len(self._active), last.read), last.read)
                self._active[row] = last


def _try(generation: BatchedGeneration, action: Callable[[], None]) -> None:
    """What goes wrong with one text leaves the others alone."""
    try:
        action()
    except RlmError as error:
        generation.fail(error)
    except Exception as error:
        generation.fail(ModelError.of("E400", f"the generation failed: {type(error).__name__}: {error}"))
