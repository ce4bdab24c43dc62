"""Runs whose calls wait for each other in a circle: they end, with what each would have come to alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rlmlang import Limits, Store, compile
from rlmlang.errors import RlmError
from rlmlang.models.base import Capabilities, Request
from rlmlang.storage.batches import Edge
from rlmlang.storage.deadlocks import keys_to_free
from tests.support.fakes import Fake
from tests.support.waiting import PATIENCE, until_on_loop

LIMITS = Limits(max_depth=6)


class Recursive(Fake):
    """A model that writes programs, the same at every depth; of the first that it writes, all runs write theirs."""

    def __init__(self, programs: Mapping[str, str], together: asyncio.Barrier | None = None) -> None:
        super().__init__(self.written)
        self.capabilities = Capabilities(recursive=True)
        self.programs = programs
        self.together = together

    async def written(self, request: Request) -> Any:
        together, self.together = self.together, None
        if together is not None:
            await together.wait()
        return self.programs[request.instruction]


async def outcome(store: Store | None, instruction: str, model: Recursive) -> str:
    """What a run of one call comes to: its value, or the code of its error."""
    try:
        result = await compile(f'CALL("{instruction}")').arun(model=model, store=store, limits=LIMITS)
    except RlmError as error:
        return error.first.code
    value: str = result.value
    return value


async def outcomes(place: str | Path, runs: Mapping[str, Mapping[str, str]], stores: int) -> list[str]:
    """What runs come to that begin at once, each with one call and the programs that its model writes."""
    together = asyncio.Barrier(len(runs))
    opened = [Store(place) for _ in range(stores)]
    async with asyncio.timeout(PATIENCE):
        work = [
            outcome(opened[i % stores], call, Recursive(programs, together))
            for i, (call, programs) in enumerate(runs.items())
        ]
        found = await asyncio.gather(*work)
    for table in ("claims where until > 0", "waits"):
        assert opened[0].db.query(f"select * from {table}") == []
    for store in opened:
        store.close()
    return found


@pytest.mark.parametrize("stores", [1, 2])
@pytest.mark.parametrize("names", ["xy", "xyz"])
def test_runs_that_need_each_other_end_as_each_would_alone(place: str | Path, names: str, stores: int) -> None:
    programs = {name: f'"{name}" + CALL("{names[(i + 1) % len(names)]}")' for i, name in enumerate(names)}
    assert asyncio.run(outcome(None, "x", Recursive(programs))) == "E502"
    found = asyncio.run(outcomes(place, dict.fromkeys(names, programs), stores))
    assert found == ["E502"] * len(names)


def test_a_circle_that_another_program_does_not_close_is_an_answer(place: str | Path) -> None:
    """The programs of two runs need each other, but each run would have written another for the call of the other."""
    one = {"x": '"x" + CALL("y")', "y": '"1"'}
    two = {"y": '"y" + CALL("x")', "x": '"2"'}
    found = asyncio.run(outcomes(place, {"x": one, "y": two}, 2))
    # Whoever makes the call of the other, that answer counts for both.
    assert found in (["x1", "1"], ["2", "y2"])


def test_a_run_waits_for_one_that_waits_for_nothing_of_it(place: str | Path) -> None:
    async def steps() -> list[str]:
        one, two = Store(place), Store(place)
        slow = asyncio.Event()

        async def answer(request: Request) -> str:
            await slow.wait()
            return '"y"'

        other = Recursive({})
        other.answer = answer
        first = asyncio.ensure_future(outcome(two, "y", other))
        await until_on_loop(lambda: bool(other.requests))
        second = asyncio.ensure_future(outcome(one, "x", Recursive({"x": '"x" + CALL("y")'})))
        await until_on_loop(lambda: bool(one.db.query("select * from waits")))
        slow.set()
        found = [await second, await first]
        one.close()
        two.close()
        return found

    assert asyncio.run(steps()) == ["xy", "y"]


@pytest.mark.parametrize(
    ("edges", "own", "broken"),
    [
        ("", "", ""),
        ("", "ab", ""),
        ("ba", "ab", "b"),
        ("ab", "ba", ""),  # it is the other that takes over
        ("bc ca", "ab", ""),
        ("ab ca", "bc", "c"),
        ("ab bc cd", "xa", ""),
        ("ba cd dc", "ab", "b"),
        ("bd da", "ab ac", ""),
        ("", "aa", "a"),
        ("ba ca", "ab ac", "c"),
    ],
)
def test_the_greatest_key_of_a_circle_is_made_by_the_one_who_waits_for_it(edges: str, own: str, broken: str) -> None:
    def read(text: str) -> list[Edge]:
        return [(each[:1].encode(), each[1:].encode()) for each in text.split()]

    assert keys_to_free(read(edges), read(own)) == {each.encode() for each in broken}
