"""The model `nano`: it answers every call by a program, and nothing else (decision 86).

A call is read as its instruction, which names a task, and what is visible of its arguments (`tasks`). The
program is written greedily, held to `grammar`, and tokens that must follow are not waited for. Calls that
are ready together are read together; one that comes later joins in at the next token. What was written is
remembered: where as much is visible as once before, it is written again without being worked out.
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
"""Programs that are written together."""

_BROKEN = "a program of nano does not work: "

_VERSION = 2
"""Raised whenever the same weights could give another answer."""


def open_model(rest: str, name: str) -> NanoModel:
    """The model of a name. Raises ModelError E407."""
    return NanoModel(WEIGHTS, name)


@define(eq=False)
class _UnfinishedProgram:
    """One program being written."""

    tokens: list[int]
    """The prompt, and what is written behind it."""
    writer: Writer
    most: int
    """Tokens of the program, at most."""
    names: dict[str, str]
    """What the tokens of names stand for."""
    prompt: int = field()
    """How many of the tokens are the prompt."""
    read: int = 0
    forced: int = 0
    future: asyncio.Future[Reply] = field(factory=lambda: asyncio.get_running_loop().create_future())

    @prompt.default
    def _(self) -> int:
        return len(self.tokens)

    def go_on(self, logits: Array) -> None:
        """Write the likeliest token behind those that are read, and those that must follow it."""
        self.read = len(self.tokens)
        allowed = self.writer.allowed()
        number = int(allowed[logits[allowed].argmax()])
        self.forced += len(allowed) == 1
        while not self._ends_with(number) and len(allowed := self.writer.allowed()) == 1:
            number = int(allowed[0])
            self.forced += 1

    def _ends_with(self, number: int) -> bool:
        """Write a token; if it is the last one, settle the reply."""
        self.writer.write(number)
        self.tokens.append(number)
        written = self.tokens[self.prompt :]
        if not self.writer.done and len(written) < self.most:
            return False
        if not self.future.done():
            finish: Literal["stop", "length"] = "stop" if self.writer.done else "length"
            text = "".join(self.names.get(TOKENS[token], TOKENS[token]) for token in written)
            reply = Reply(text.removesuffix(END), self.prompt, len(written), finish, forced_tokens=self.forced)
            self.future.set_result(reply)
        return True


class NanoModel:
    """The model of a folder. It serves one event loop at a time. Raises ModelError E407."""

    capabilities = Capabilities(grammar="mask", batch=ROWS, free=True, recursive=True)
    concurrency = ROWS

    def __init__(self, folder: Path = WEIGHTS, name: str = "nano") -> None:
        self.name = name
        files = [digest(folder / file) for file in ("config.json", "model.safetensors")]
        weights = hashlib.sha256("".join(files).encode()).hexdigest()
        self.identity = json.dumps({"kind": "nano", "version": _VERSION, "weights": weights})
        self._transformer = NanoTransformer(folder)
        self.context = self._transformer.config.max_position_embeddings
        self._waiting: deque[_UnfinishedProgram] = deque()
        self._rows: dict[int, _UnfinishedProgram] = {}
        """Those being written, by their places in the memory."""
        self._work: asyncio.Task[None] | None = None
        self._replies: dict[tuple[object, ...], Reply] = {}
        """What was written, by all that it depends on."""

    def count_tokens(self, request: Request) -> int:
        return len(_prompt(request))

    def render_prompt(self, request: Request) -> RenderedPrompt:
        return RenderedPrompt((Message("user", _line(request)),))

    async def generate(self, request: Request) -> Reply:
        tokens = _prompt(request)
        task = TASKS[request.instruction]
        if request.repair is not None:  # it would write the same again
            raise ModelError.of("E405", _BROKEN + _problem(request.repair[1]))
        names = dict(zip(NAMES, argument_names(request.arguments)))
        most = min(request.max_tokens, self.context - len(tokens))
        key = (*tokens, *names.values(), most)
        if (known := self._replies.get(key)) is not None:
            return known
        writer = Writer.of({name: task.takes(i) for i, name in enumerate(names)}, task.gives)
        names |= {token: token.replace("d", "d_") for token in ("d", "d = ") if "d" in names.values()}
        row = _UnfinishedProgram(tokens, writer, most, names)
        self._waiting.append(row)
        if self._work is None:
            self._work = asyncio.ensure_future(self._write())
            self._work.add_done_callback(self._ended)
        reply = self._replies[key] = await row.future
        return reply

    async def _write(self) -> None:
        """Write programs as long as there are any, all of them at a time."""
        rows, transformer = self._rows, self._transformer
        memory, free = transformer.memory(ROWS), list(range(ROWS))
        while rows or self._waiting:
            while self._waiting and free:
                rows[free.pop()] = self._waiting.popleft()
            unread = [
                (token, i, place)
                for i, row in rows.items()
                for place, token in enumerate(row.tokens[row.read :], row.read)
            ]
            tokens, at, places = np.array(unread).T
            read = transformer.read(tokens, at, places, memory)
            ends = np.cumsum([len(row.tokens) - row.read for row in rows.values()]) - 1
            for (i, row), logits in zip(list(rows.items()), transformer.logits(read[ends])):
                row.go_on(logits)
                if row.future.done():
                    free.append(i)
                    del rows[i]
            await asyncio.sleep(0)
        self._work = None

    def _ended(self, work: asyncio.Task[None]) -> None:
        """Where the work was ended from outside or failed, those who wait for it are told."""
        error = None if work.cancelled() else work.exception()
        if not work.cancelled() and error is None:
            return
        for row in (*self._rows.values(), *self._waiting):
            if error is None:
                row.future.cancel()
            elif not row.future.done():
                row.future.set_exception(error)
        self._rows.clear()
        self._waiting.clear()
        self._work = None

    async def aclose(self) -> None:
        if self._work is not None:
            self._work.cancel()


def _prompt(request: Request) -> list[int]:
    return encode(_line(request))


def _line(request: Request) -> str:
    """What nano reads of a call. Raises ModelError E404 for what it cannot answer, BudgetError E502 at max_depth."""
    task = TASKS.get(request.instruction)
    if task is None:
        front = ", ".join(name for name, path in library_names().items() if path.stem == "nano")
        raise _refused(f"nano knows no task `{_short(request.instruction)}`", f"call what it can do as {front}")
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
    """What went wrong at the bottom of the calls, in a line."""
    line = rendered.partition("\n")[0]
    return _short(line.rpartition(_BROKEN)[2])


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"
