"""The backend of `nano`, which answers every call by a program (decision 86).

A prompt is the instruction of the call, which names a task, and what is visible of its arguments (`tasks`). The program
is decoded greedily under `grammar`; forced tokens take no forward pass. Concurrent calls share forward passes; one that
comes later joins at the next token. Replies are cached by all that they depend on.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from pathlib import Path
from typing import Literal

import numpy as np
from attrs import define, field

from rlmlang.calls.prompt import Message, argument_names
from rlmlang.errors import BudgetError, ModelError
from rlmlang.language.check import library_names
from rlmlang.models.base import Capabilities, RenderedPrompt, Reply, Request
from rlmlang.models.local.weights import digest
from rlmlang.nano.grammar import Writer
from rlmlang.nano.model import Array, NanoTransformer
from rlmlang.nano.tasks import TASKS, prompt, visible
from rlmlang.nano.tokens import END, NAMES, TOKENS, encode

WEIGHTS = Path(__file__).parent / "weights"
"""The folder with the weights, the tokenizer, and the settings and log of the training."""

ROWS = 64
"""The most programs in a batch."""

_BROKEN = "a program of nano does not work: "

_VERSION = 2
"""The version of the backend; raised whenever the same weights could give another answer."""


def open_model(rest: str, name: str) -> NanoModel:
    """Return the model of a name. Raises ModelError E407."""
    return NanoModel(WEIGHTS, name)


@define(eq=False)
class _UnfinishedProgram:
    """A program that is being written, in a row of the batch."""

    tokens: list[int]
    """The prompt, and what is written after it."""
    writer: Writer
    max_tokens: int
    """The most tokens of the program."""
    names: dict[str, str]
    """The names in the program, by the tokens that represent them."""
    prompt: int = field()
    """The number of tokens of the prompt."""
    read: int = 0
    forced: int = 0
    future: asyncio.Future[Reply] = field(factory=lambda: asyncio.get_running_loop().create_future())

    @prompt.default
    def _(self) -> int:
        return len(self.tokens)

    def advance(self, logits: Array) -> None:
        """Write the likeliest token, and those that must follow it."""
        self.read = len(self.tokens)
        allowed = self.writer.allowed()
        number = int(allowed[logits[allowed].argmax()])
        self.forced += len(allowed) == 1
        while not self._ends_after(number) and len(allowed := self.writer.allowed()) == 1:
            number = int(allowed[0])
            self.forced += 1

    def _ends_after(self, number: int) -> bool:
        """Write a token; if it is the last one, resolve the future to the reply. Return whether it is."""
        self.writer.write(number)
        self.tokens.append(number)
        written = self.tokens[self.prompt :]
        if not self.writer.done and len(written) < self.max_tokens:
            return False
        if not self.future.done():
            finish: Literal["stop", "length"] = "stop" if self.writer.done else "length"
            text = "".join(self.names.get(TOKENS[token], TOKENS[token]) for token in written)
            reply = Reply(text.removesuffix(END), self.prompt, len(written), finish, forced_tokens=self.forced)
            self.future.set_result(reply)
        return True


class NanoModel:
    """A model whose weights are in a folder. It serves one event loop at a time. Raises ModelError E407."""

    capabilities = Capabilities(grammar="mask", batch=ROWS, free=True, recursive=True)
    concurrency = ROWS

    def __init__(self, folder: Path = WEIGHTS, name: str = "nano") -> None:
        self.name = name
        self._transformer = NanoTransformer(folder)
        files = [digest(folder / file) for file in ("config.json", "model.safetensors")]
        weights = hashlib.sha256("".join(files).encode()).hexdigest()
        self.identity = json.dumps({"kind": "nano", "version": _VERSION, "weights": weights})
        self.context = self._transformer.config.max_position_embeddings
        self._waiting: deque[_UnfinishedProgram] = deque()
        self._rows: dict[int, _UnfinishedProgram] = {}
        """The programs in the batch, by their rows in the cache of keys and values."""
        self._task: asyncio.Task[None] | None = None
        self._replies: dict[tuple[object, ...], Reply] = {}
        """Replies by all that they depend on."""

    def count_tokens(self, request: Request) -> int:
        return len(_prompt(request))

    def render_prompt(self, request: Request) -> RenderedPrompt:
        return RenderedPrompt((Message("user", _line(request)),))

    async def generate(self, request: Request) -> Reply:
        tokens = _prompt(request)
        task = TASKS[request.instruction]
        if request.repair is not None:  # it would write the same program again
            raise ModelError.of("E405", _BROKEN + _problem(request.repair[1]))
        names = dict(zip(NAMES, argument_names(request.arguments)))
        max_tokens = min(request.max_tokens, self.context - len(tokens))
        key = (*tokens, *names.values(), max_tokens)
        if (known := self._replies.get(key)) is not None:
            return known
        writer = Writer.of({name: task.takes(i) for i, name in enumerate(names)}, task.gives)
        names |= {token: token.replace("d", "d_") for token in ("d", "d = ") if "d" in names.values()}
        row = _UnfinishedProgram(tokens, writer, max_tokens, names)
        self._waiting.append(row)
        if self._task is None:
            self._task = asyncio.ensure_future(self._write())
            self._task.add_done_callback(self._ended)
        reply = self._replies[key] = await row.future
        return reply

    async def _write(self) -> None:
        """Run forward passes over the whole batch as long as there are programs to write."""
        rows, transformer = self._rows, self._transformer
        cache, free = transformer.new_cache(ROWS), list(range(ROWS))
        while rows or self._waiting:
            while self._waiting and free:
                rows[free.pop()] = self._waiting.popleft()
            unread = [
                (token, i, position)
                for i, row in rows.items()
                for position, token in enumerate(row.tokens[row.read :], row.read)
            ]
            tokens, at, positions = np.array(unread).T
            read = transformer.read(tokens, at, positions, cache)
            ends = np.cumsum([len(row.tokens) - row.read for row in rows.values()]) - 1
            for (i, row), logits in zip(list(rows.items()), transformer.logits(read[ends])):
                row.advance(logits)
                if row.future.done():
                    free.append(i)
                    del rows[i]
            await asyncio.sleep(0)
        self._task = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Pass cancellation or an error on to those who wait for their replies."""
        error = None if task.cancelled() else task.exception()
        if not task.cancelled() and error is None:
            return
        for row in (*self._rows.values(), *self._waiting):
            if error is None:
                row.future.cancel()
            elif not row.future.done():
                row.future.set_exception(error)
        self._rows.clear()
        self._waiting.clear()
        self._task = None

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()


def _prompt(request: Request) -> list[int]:
    return encode(_line(request))


def _line(request: Request) -> str:
    """Return the prompt of a call. Raises ModelError E404 if nano cannot answer it, BudgetError E502 at max_depth."""
    task = TASKS.get(request.instruction)
    if task is None:
        front = ", ".join(name for name, path in library_names().items() if path.stem == "nano")
        raise _refused(f"nano knows no task `{_short(request.instruction)}`", f"use the library functions {front}")
    if not request.program:
        raise BudgetError.of(
            "E502", f"a CALL at max_depth, level {request.level}: nano answers by programs only", hint="raise max_depth"
        )
    if str(request.type) != task.gives:
        raise _refused(f"`{task.name}` gives a {task.gives}, not a {request.type}", f"write CALL[{task.gives}]")
    if len(request.arguments) != len(task.kinds):
        raise _refused(f"`{task.name}` takes {len(task.kinds)} arguments, not {len(request.arguments)}", task.about)
    shown = []
    for i, (_, value) in enumerate(request.arguments):
        is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
        seen = visible(value) if is_list or isinstance(value, str) else None
        if seen not in task.kinds[i]:
            raise _refused(f"`{task.name}` does not take what argument {i + 1} is", task.about)
        shown.append(seen)
    if task.program(*shown) is None:
        raise _refused(f"`{task.name}` does not take these arguments together", task.about)
    return prompt(task.name, shown)


def _refused(problem: str, hint: str) -> ModelError:
    return ModelError.of("E404", problem, hint=hint)


def _problem(rendered: str) -> str:
    """Return what went wrong in the deepest call, in one line."""
    line = rendered.partition("\n")[0]
    return _short(line.rpartition(_BROKEN)[2])


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"
