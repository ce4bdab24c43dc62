"""Evaluate programs with calls that are answered at once, in any order, without models, stores and budgets."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from rlmlang.errors import RlmError
from rlmlang.language.check import check
from rlmlang.language.depth import deep_recursion
from rlmlang.language.source import Source
from rlmlang.runtime.call_site import CallSite, InFlight
from rlmlang.runtime.compiler import evaluate
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.pending import Pending
from rlmlang.runtime.scheduler import Evaluation
from rlmlang.runtime.values import Value


class Answers:
    """Calls that wait in a list, from which one after another is taken and answered by a function of its arguments.

    `at_most` is how many may wait before a program is asked to hold back; with a `seed`, the order is random.
    """

    def __init__(
        self,
        answer: Callable[..., Any] = lambda: None,
        *,
        at_most: int = 10_000,
        seed: int | None = None,
        memo: bool = True,
    ) -> None:
        self.answer = answer
        self.at_most = at_most
        self.memo = memo
        self.random = None if seed is None else random.Random(seed)
        self.waiting: dict[object, tuple[InFlight, tuple[Value, ...]]] = {}
        self.known: dict[object, Value] = {}
        self.most = 0
        """The most calls that waited at a time."""
        self.printed: list[str] = []
        self._relief: Pending | None = None

    def ask(self, site: CallSite, args: tuple[Value, ...], sample: int) -> Value | InFlight:
        key: object = (site.type_text, repr(args), sample) if self.memo else object()
        if key in self.known:
            return self.known[key]
        if key in self.waiting:
            return self.waiting[key][0]
        call = InFlight()
        self.waiting[key] = call, args
        self.most = max(self.most, len(self.waiting))
        return call

    def cancel(self, call: InFlight) -> None:
        self.waiting = {key: each for key, each in self.waiting.items() if each[0] is not call}

    def backpressure(self) -> Pending | None:
        if len(self.waiting) < self.at_most:
            return None
        if self._relief is None:
            self._relief = Pending()
        return self._relief

    async def serve(self) -> None:
        while True:
            await asyncio.sleep(0)
            count = len(self.waiting)
            for _ in range(1 if self.random is not None else count):
                if not self.waiting:
                    break
                place = self.random.randrange(len(self.waiting)) if self.random is not None else 0
                key = list(self.waiting)[place] if place else next(iter(self.waiting))
                self._end(key, *self.waiting.pop(key))
            if self._relief is not None and len(self.waiting) < self.at_most:
                relief, self._relief = self._relief, None
                relief.resolve(None)

    def _end(self, key: object, call: InFlight, args: tuple[Value, ...]) -> None:
        found = self.answer(*args[1:])
        error = found if isinstance(found, RlmError) else None
        if error is None:
            if self.memo:
                self.known[key] = found
            call.answer.resolve(found)
        for callback in list(call.on_end):
            callback(call, error)


def evaluated(
    text: str, answers: Answers, inputs: Mapping[str, Value] | None = None, max_steps: int = 20_000_000
) -> Value:
    """Return the value of a program. Raises RlmError."""
    checked = check(Source(text))
    evaluation = Evaluation(answers, Meter(max_steps, 32_000_000))

    async def whole() -> Value:
        serving = asyncio.ensure_future(answers.serve())
        try:
            return await evaluate(evaluation, checked, inputs or {})
        finally:
            serving.cancel()
            answers.printed = evaluation.printed

    with deep_recursion:
        return asyncio.run(whole())
