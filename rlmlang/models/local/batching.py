"""Batch generations into shared forward passes.

One thread runs the model for all of them. A generation takes a row of the batch as soon as one is free, and leaves it
when it ends or is cancelled; what it has read is kept for others with the same prefix. A generation that shares a
prefix with one in flight waits until that one has read it.
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
from rlmlang.models.local.kv_cache import Pool, Rows, common_prefix
from rlmlang.models.local.steering import Logits, Steering

CHUNK = 256
"""The most tokens that one pass reads; between passes a generation can be cancelled."""

PASS_COST = 32
"""The fixed cost of a pass, in tokens. (SmolLM2-135M on two cores takes 80 ms a pass, and 2 to 3 ms a token.)"""

WORTH_WAITING = 16
"""The length of a common prefix, in tokens, for which one generation waits for another."""


class BatchReader(Protocol):
    """The model of a batch."""

    def read(self, rows: Rows, first: int, starts: Sequence[int], pieces: Sequence[Sequence[int]]) -> list[Logits]:
        """Read a piece in each row from `first` on, after `starts` tokens; return the logits after each piece."""
        ...


@define(eq=False)
class BatchedGeneration:
    """A generation in the batch, or waiting for a row."""

    prompt: list[int]
    steering: Steering
    vocabulary: Vocabulary
    max_tokens: int
    stop: tuple[str, ...] = ()
    written: list[int] = field(factory=list)
    read: int = 0
    """The number of tokens whose keys and values are in its row."""
    cached: int = 0
    """The number of tokens of the prompt that others had read."""
    forced: int = 0
    future: Future[Reply] = field(factory=Future)

    @property
    def tokens(self) -> list[int]:
        """The prompt, and what is written."""
        return self.prompt + self.written

    @property
    def unread(self) -> int:
        """The number of tokens that are not in its row yet."""
        return len(self.prompt) + len(self.written) - self.read

    def next_piece(self, width: int) -> list[int]:
        """Return the first unread tokens."""
        return self.tokens[self.read : self.read + width]

    def choose(self, logits: Logits) -> None:
        """Write the next token and those that are forced after it, or end."""
        token = self.steering.choose(logits[: self.vocabulary.size])  # models may have logits for more tokens
        if token is not None:
            self.written.append(token)
        self.force()

    def force(self) -> None:
        """Write the tokens that must follow, or end."""
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
        self._resolve(lambda: self.future.set_result(reply))
        return True

    def fail(self, error: RlmError) -> None:
        """End with an error."""
        self._resolve(lambda: self.future.set_exception(error))

    def _resolve(self, resolve: Callable[[], None]) -> None:
        if not self.future.done() and self.future.set_running_or_notify_cancel():  # the caller may have cancelled it
            resolve()

    def _text(self) -> str:
        return b"".join(map(self.vocabulary.bytes_of, self.written)).decode("utf-8", "replace")


class Batcher:
    """The generations that share a batch: those with a row, and those that wait for one."""

    def __init__(self, model: BatchReader, rows: Rows, kept: int, prepare: Callable[[], None] = lambda: None) -> None:
        self.pool = Pool(kept)
        self._model = model
        self._rows = rows
        self._prepare = prepare
        self._submitted: queue.SimpleQueue[BatchedGeneration | None] = queue.SimpleQueue()
        self._waiting: deque[BatchedGeneration] = deque()
        self._active: list[BatchedGeneration] = []
        self._thread = threading.Thread(target=self._work, name="rlmlang-batch", daemon=True)
        self._thread.start()

    def submit(self, generation: BatchedGeneration) -> Future[Reply]:
        """Start a generation; its future resolves to the reply."""
        self._submitted.put(generation)
        return generation.future

    def close(self) -> None:
        """Cancel what is in flight, and end the thread."""
        self._submitted.put(None)
        self._thread.join()

    def _work(self) -> None:
        self._prepare()
        while self._receive():
            try:
                self._step()
            except Exception as error:  # of the model's code; the thread continues
                self._fail_all(f"{type(error).__name__}: {error}")
        self._fail_all("the generation was cancelled")

    def _receive(self) -> bool:
        """Take new generations, and wait for one if there is nothing else to do; return whether to continue."""
        idle = not self._active and not self._waiting
        while idle or not self._submitted.empty():
            generation = self._submitted.get()
            if generation is None:
                return False
            self._waiting.append(generation)
            idle = False
        return True

    def _fail_all(self, why: str) -> None:
        while not self._submitted.empty():
            if (generation := self._submitted.get()) is not None:
                self._waiting.append(generation)
        for generation in (*self._active, *self._waiting):
            generation.fail(ModelError.of("E400", f"transformers: {why}"))
        self._active.clear()
        self._waiting.clear()

    # One step

    def _step(self) -> None:
        self._leave()
        self._admit()
        self._leave()  # generations whose whole text was forced
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
        """Return the range of rows of the next pass, and the number of tokens that it reads in each.

        Usually each row reads the one token that it has just written. Neighbouring rows that have more to read do so in
        passes of their own, if that saves them more time than it costs the others.
        """
        has_more = [each.unread > 1 for each in self._active]
        if any(has_more):
            first = has_more.index(True)
            end = first + [*has_more[first:], False].index(False)
            unread = [each.unread for each in self._active[first:end]]
            saved = (sum(unread) - len(unread)) * (PASS_COST + len(has_more))
            if saved > (len(has_more) - len(unread)) * (PASS_COST + sum(unread)):
                return first, end, min(max(unread), max(1, CHUNK // len(unread)))
        return 0, len(has_more), 1

    def _admit(self) -> None:
        """Give rows to waiting generations, in order."""
        while self._waiting and len(self._active) < self._rows.count:
            generation = self._waiting[0]
            length, saved = self.pool.find(generation.prompt)
            longest = 0
            for row, other in enumerate(self._active):
                shared = common_prefix(other.tokens, generation.prompt)
                longest = max(longest, shared)
                if min(shared, other.read) > length:
                    length = min(shared, other.read)
                    saved = self._rows.view(row, length)
            if longest >= length + WORTH_WAITING and not generation.future.done():
                return  # another one is reading its prefix now
            self._active.append(self._waiting.popleft())
            generation.read = generation.cached = min(length, len(generation.prompt) - 1)
            self._rows.load(len(self._active) - 1, saved, generation.read)
            _try(generation, generation.force)

    def _leave(self) -> None:
        """Take out generations that have ended, and keep what they have read; the last row moves into the gap."""
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
    """Do something for one generation; an error fails that generation alone."""
    try:
        action()
    except RlmError as error:
        generation.fail(error)
    except Exception as error:
        generation.fail(ModelError.of("E400", f"the generation failed: {type(error).__name__}: {error}"))
