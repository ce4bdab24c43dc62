"""A model that answers at once, so that nothing of it is measured; and a stopwatch."""

from __future__ import annotations

import time
from collections.abc import Callable

from rlmlang.models.base import Capabilities, Reply, Request


class Instant:
    """Gives the same reply each time, which is made once."""

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
