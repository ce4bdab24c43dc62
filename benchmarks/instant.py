"""A model that answers at once, so that its own time does not count; and a stopwatch (decision 92)."""

from __future__ import annotations

import time
from collections.abc import Callable

from rlmlang.models.base import Capabilities, Reply, Request


class Instant:
    """A model that gives the same prepared reply to every request."""

    name = "instant"
    identity = '{"kind": "instant"}'
    context = 1_000_000
    concurrency = 16
    capabilities = Capabilities(free=True)

    def __init__(self, text: str = "ok") -> None:
        self._reply = Reply(text, 10, (len(text) + 3) // 4, "stop")

    def count_tokens(self, request: Request) -> int:
        return self._reply.prompt_tokens

    async def generate(self, request: Request) -> Reply:
        return self._reply

    async def aclose(self) -> None:
        pass


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def processor_seconds(work: Callable[[], object]) -> float:
    """Return the time of the processor that work takes, in which other work on the machine counts little."""
    begin = time.process_time()
    work()
    return time.process_time() - begin
