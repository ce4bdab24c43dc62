"""Models for tests: answers by a function, and calls that wait until they are let go."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

from rlmlang.errors import ModelError
from rlmlang.models.base import Capabilities, Reply, Request


def label(request: Request) -> str:
    """The instruction and the arguments in one line."""
    return " ".join([request.instruction, *(str(value) for _, value in request.arguments)])


class Fake:
    """A model that answers by a function and notes the requests it was sent.

    A function's result that is not text is written as JSON; an exception is raised.
    """

    name = "fake"
    identity = '{"kind": "fake"}'

    def __init__(
        self,
        answer: Callable[[Request], Any],
        *,
        concurrency: int = 8,
        context: int = 10_000,
        finish: str = "stop",
    ) -> None:
        self.answer = answer
        self.concurrency = concurrency
        self.capabilities = Capabilities()
        self.context = context
        self.finish = finish
        self.requests: list[Request] = []

    def count_tokens(self, request: Request) -> int:
        return 10 + len(label(request))

    async def wait(self, request: Request) -> None:
        """What happens before the answer."""

    async def generate(self, request: Request) -> Reply:
        self.requests.append(request)
        await self.wait(request)
        found = self.answer(request)
        if isinstance(found, Awaitable):
            found = await found
        if isinstance(found, Exception):
            raise found
        text = found if isinstance(found, str) else json.dumps(found)
        used = min(1 + len(text), request.max_tokens)
        return Reply(text, self.count_tokens(request), used, self.finish)  # type: ignore[arg-type]

    async def aclose(self) -> None:
        pass

    @property
    def labels(self) -> list[str]:
        return [label(request) for request in self.requests]


class Held(Fake):
    """A model each of whose calls waits until it is let go by its label."""

    def __init__(self, answer: Callable[[Request], Any], **options: Any) -> None:
        super().__init__(answer, **options)
        self.running: set[str] = set()
        self.gates: dict[str, asyncio.Event] = {}
        self.cancelled: list[str] = []
        self.changed = asyncio.Event()

    async def wait(self, request: Request) -> None:
        name = label(request)
        self.running.add(name)
        self.changed.set()
        try:
            await self.gates.setdefault(name, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        finally:
            self.running.remove(name)
            self.changed.set()

    def let_go(self, *names: str) -> None:
        for name in names:
            self.gates.setdefault(name, asyncio.Event()).set()

    async def until_running(self, *names: str) -> None:
        """Until exactly these calls wait to be let go."""
        async with asyncio.timeout(60):
            while self.running != set(names):
                self.changed.clear()
                await self.changed.wait()


class Shuffled(Fake):
    """A model whose calls end in an order that a seed decides."""

    def __init__(self, answer: Callable[[Request], Any], seed: int, **options: Any) -> None:
        super().__init__(answer, **options)
        self.random = random.Random(seed)

    async def wait(self, request: Request) -> None:
        for _ in range(self.random.randrange(12)):
            await asyncio.sleep(0)


def obedient(request: Request) -> Any:
    """A model that does what one word tells it to do with its arguments."""
    given = [value for _, value in request.arguments]
    match request.instruction:
        case "echo":
            return given[0]
        case "up":
            return given[0].upper()
        case "len":
            return len(given[0])
        case "letters":
            return list(given[0])
        case "pair":
            return [given[0], len(given[0])]
        case "dict":
            return dict.fromkeys(given[0], 1)
        case "yes":
            return True
        case "no":
            return False
        case "none":
            return None
        case "zero":
            return 0
        case "point":
            return {"x": 1, "y": "two"}
        case "fail":
            return ModelError.of("E404", f"the model refused: {given}")
    raise AssertionError(request.instruction)
