"""Whole runs, simulated by seed in virtual time: whatever the order of events, the value is the same."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang import Limits, ModelError, RlmError, Store, Trace, aresume, compile
from rlmlang.models.base import Capabilities, Reply, Request
from tests.support.virtual import run

PROGRAMS = (
    '[CALL("up", x) for x in ["a", "b", "a", "c"]]',
    'parts = [CALL("say", i) for i in range(7)]\n", ".join([CALL("join", p, q) for p in parts for q in parts[:2]])',
    'n = CALL[int]("count", "abc")\n[CALL("say", i + j) for i in range(n) for j in range(i) if i != j]',
    'any(CALL[bool]("yes", i) for i in range(6)) or CALL[bool]("yes", 9)',
    'def twice(x: str) -> str:\n    y = CALL("up", x)\n    return CALL("join", y, y)\n[twice(x) for x in ["p", "q", "p"]]',
    '[CALL("solve", ["a", "b"]), CALL("solve", ["b", "c"]), CALL("up", "a")]',
    'x = [CALL("say", i, sample=j) for i in range(3) for j in range(2)]\nCALL("join", x[0], x[-1]) if len(x[0]) > 3 else "no"',
)

PARTS = {
    "up": 'CALL("up", arg1)',
    "say": 'CALL("say", arg1)',
    "join": 'CALL("join", arg1, arg2)',
    "count": 'CALL[int]("count", arg1)',
    "yes": 'CALL[bool]("yes", arg1)',
    "solve": '"+".join([CALL("up", x) for x in arg1])',
}
"""The programs that answer calls above the deepest level."""


def answer(request: Request) -> str:
    """Return the answer to a call, which depends on nothing but the request."""
    if request.program:
        return PARTS[request.instruction]
    args = [value for _, value in request.arguments]
    match request.instruction:
        case "count":
            return str(len(args[0]))
        case "yes":
            return "true" if args[0] in (4, 9) else "false"
    return f"{request.instruction}{args}{request.sample}"


class Simulated:
    """A model that takes a random time, and sometimes fails."""

    name = "simulated"
    identity = '{"kind": "simulated"}'
    context = 10_000
    capabilities = Capabilities()

    def __init__(self, seed: int, failing: float = 0.0, concurrency: int = 4) -> None:
        self.chance = random.Random(seed)
        self.failing = failing
        self.concurrency = concurrency
        self.running = 0
        self.made: Counter[str] = Counter()

    def count_tokens(self, request: Request) -> int:
        return 10

    async def generate(self, request: Request) -> Reply:
        self.running += 1
        try:
            assert self.running <= self.concurrency
            if self.chance.random() < 0.9:
                await asyncio.sleep(self.chance.expovariate(1.0))
            if self.chance.random() < self.failing:
                raise ModelError.of("E400", "not this time")
        finally:
            self.running -= 1
        args = [value for _, value in request.arguments]
        self.made[json.dumps([request.instruction, args, request.sample, request.level])] += 1
        return Reply(answer(request), 10, 5, "stop")

    async def aclose(self) -> None:
        pass


def limits(**more: Any) -> Limits:
    return Limits(max_depth=2, **more)


def settled(trace: Trace, store: Store | None) -> None:
    """Check that nothing is reserved or claimed any more."""
    account = trace.account
    assert account is not None
    assert (account._reserved_prompt, account._reserved_completion, account._open) == (0, 0, 0)
    if store is not None:
        assert not store.db.query("select * from claims where until > 0")


@given(st.sampled_from(PROGRAMS), st.integers(0, 10**6), st.integers(1, 6))
def test_the_value_does_not_depend_on_the_order_of_events(text: str, seed: int, concurrency: int) -> None:
    plain = run(compile(text).arun(model=Simulated(0, concurrency=1), limits=limits())).value
    trace = Trace()
    model = Simulated(seed, concurrency=concurrency)
    assert run(compile(text).arun(model=model, limits=limits(), trace=trace)).value == plain
    assert set(model.made.values()) == {1}
    settled(trace, None)


@given(st.sampled_from(PROGRAMS), st.integers(0, 10**6))
def test_the_same_seed_gives_the_same_log(text: str, seed: int) -> None:
    def log() -> list[str]:
        found: list[str] = []
        trace = Trace("r", sinks=[lambda _, event: found.append(event)])
        run(compile(text).arun(model=Simulated(seed), limits=limits(), trace=trace))
        return found[1:]  # the first tells the time of day

    assert log() == log()


@given(st.sampled_from(PROGRAMS), st.integers(0, 10**6), st.integers(2, 3))
def test_runs_that_share_a_store_make_each_call_once(text: str, seed: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        plain = run(compile(text).arun(model=Simulated(0, concurrency=1), limits=limits())).value

        async def together() -> list[Any]:
            models = [Simulated(seed + i) for i in range(runs)]
            traces = [Trace() for _ in range(runs)]
            stores = [Store(path) for _ in range(runs)]
            results = await asyncio.gather(
                *(
                    compile(text).arun(model=model, store=store, limits=limits(), trace=trace)
                    for model, store, trace in zip(models, stores, traces)
                )
            )
            assert set(sum((model.made for model in models), Counter()).values()) == {1}
            for trace, store in zip(traces, stores):
                settled(trace, store)
                store.close()
            return [result.value for result in results]

        assert run(together()) == [plain] * runs


@given(st.sampled_from(PROGRAMS), st.integers(0, 10**6), st.floats(0.1, 4.0))
def test_a_run_that_fails_or_is_cancelled_is_resumed(text: str, seed: int, after: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.db")
        plain = run(compile(text).arun(model=Simulated(0, concurrency=1), limits=limits())).value
        made: Counter[str] = Counter()

        async def first() -> None:
            model, trace = Simulated(seed, failing=0.1), Trace()
            running = compile(text).arun(model=model, store=store, limits=limits(), trace=trace)
            task = asyncio.ensure_future(running)
            await asyncio.wait([task], timeout=after)
            task.cancel()
            with suppress(RlmError, asyncio.CancelledError):
                await task
            made.update(model.made)
            settled(trace, store)

        async def second() -> Any:
            model = Simulated(seed + 1)
            result = await aresume(store=store, model=model)
            made.update(model.made)
            return result.value

        run(first())
        assert run(second()) == plain
        # what was answered is kept, and not asked again; programs are written again if what they call fails
        assert {count for call, count in made.items() if json.loads(call)[-1] == 2} <= {1}
        store.close()


@pytest.mark.parametrize("most", [0, 1, 3, 7])
@given(st.sampled_from(PROGRAMS), st.integers(0, 10**6))
def test_no_budget_is_exceeded(most: int, text: str, seed: int) -> None:
    trace = Trace()
    with suppress(RlmError):
        run(compile(text).arun(model=Simulated(seed, failing=0.05), limits=limits(max_calls=most), trace=trace))
    assert trace.usage.calls <= most
    settled(trace, None)
