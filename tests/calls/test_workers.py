"""Workers: which calls run together, and in which order."""

from __future__ import annotations

import asyncio

import pytest

from rlmlang.calls.limits import Limits
from rlmlang.errors import ModelError
from rlmlang.trace.recorder import Trace
from tests.support.fakes import Fake, Held, obedient
from tests.support.scenarios import scenario, start


def test_independent_calls_run_together() -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = start('x = CALL("up", "a")\ny = CALL("up", "b")\nx + y + CALL("up", "c")', model)
        await model.until_running("up a", "up b", "up c")
        model.let_go("up c", "up b", "up a")
        assert (await task).value == "ABC"

    scenario(steps)


def test_each_element_continues_on_its_own() -> None:
    """The second stage of one element starts before the first stage of another has ended."""

    async def steps() -> None:
        model = Held(obedient)
        text = 'firsts = [CALL("up", x) for x in ["a", "b"]]\n[CALL("echo", y + "!") for y in firsts]'
        task = start(text, model)
        await model.until_running("up a", "up b")
        model.let_go("up a")
        await model.until_running("echo A!", "up b")
        model.let_go("echo A!")
        await model.until_running("up b")
        model.let_go("up b", "echo B!")
        assert (await task).value == ["A!", "B!"]

    scenario(steps)


@pytest.mark.parametrize(
    "text",
    [
        'def f(x: str) -> str:\n    y = CALL("up", x)\n    return CALL("echo", y + "!")\n[f(x) for x in ["a", "b"]]',
        '[CALL("echo", y + "!") for y in take([CALL("up", x) for x in ["a", "b"]], 2)]',
        '[CALL("echo", y + "!") for y in [CALL("up", x) for x in ["a", "b"]][0:2]]',
        '[CALL("echo", y + "!") for i, y in enumerate([CALL("up", x) for x in ["a", "b"]])]',
        '[CALL("echo", y + "!") for y, z in zip([CALL("up", x) for x in ["a", "b"]], [1, 2])]',
        '[CALL("echo", y + "!") for ys in [[CALL("up", x)] for x in ["a", "b"]] for y in ys]',
        'ys = {x: CALL("up", x) for x in ["a", "b"]}\n[CALL("echo", ys["a"] + "!"), CALL("echo", ys["b"] + "!")]',
        'class P:\n    n: int\n    s: str\n[CALL("echo", p.s + "!") for p in [P(1, CALL("up", x)) for x in ["a", "b"]]]',
        'xs = [CALL("up", x) for x in ["a", "b"]]\n[CALL("echo", xs[i] + "!") for i in range(2)]',
        'p, q = (CALL("up", "a"), CALL("up", "b"))\n[CALL("echo", p + "!"), CALL("echo", q + "!")]',
    ],
)  # fmt: skip
def test_pending_parts_pass_through_what_only_moves_them(text: str) -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = start(text, model)
        await model.until_running("up a", "up b")
        model.let_go("up b")
        await model.until_running("up a", "echo B!")
        model.let_go("echo B!", "up a", "echo A!")
        assert (await task).value == ["A!", "B!"]

    scenario(steps)


def test_functions_given_to_built_ins_run_together() -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = start('sorted(["bb", "a"], key=lambda x: CALL[int]("len", x))', model)
        await model.until_running("len bb", "len a")
        model.let_go("len bb", "len a")
        assert (await task).value == ["a", "bb"]

    scenario(steps)


def test_a_branch_starts_once_its_test_is_known() -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = start('CALL("up", "then") if CALL[bool]("no") else CALL("up", "other")', model)
        await model.until_running("no")
        model.let_go("no")
        await model.until_running("up other")
        model.let_go("up other")
        assert (await task).value == "OTHER"

    scenario(steps)


def test_any_asks_one_after_another() -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = start('any(CALL[bool](x, x) for x in ["no", "yes", "fail"])', model)
        await model.until_running("no no")
        model.let_go("no no")
        await model.until_running("yes yes")
        model.let_go("yes yes")
        assert (await task).value is True

    scenario(steps)


def test_no_more_calls_run_together_than_the_limit() -> None:
    async def steps() -> None:
        for model, limits in (
            (Held(obedient, concurrency=2), Limits()),
            (Held(obedient, concurrency=8), Limits(concurrency=2)),
        ):
            task = start('[CALL("up", x) for x in ["a", "b", "c", "d"]]', model, limits=limits)
            await model.until_running("up a", "up b")
            model.let_go("up b")
            await model.until_running("up a", "up c")
            model.let_go("up a", "up c", "up d")
            assert (await task).value == ["A", "B", "C", "D"]

    scenario(steps)


def test_a_model_that_answers_at_once_lets_others_run() -> None:
    async def steps() -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        alongside = asyncio.ensure_future(other())
        task = start('[CALL("up", str(x)) for x in range(900)]', Fake(obedient, concurrency=1))
        await task
        alongside.cancel()
        assert turns > 10

    scenario(steps)


def test_idle_workers_take_later_calls() -> None:
    async def steps() -> None:
        model = Held(obedient, concurrency=2)
        text = 'n = CALL[list[str]]("letters", "pq")\n[CALL("up", x) for x in n]'
        task = start(text, model)
        await model.until_running("letters pq")
        model.let_go("letters pq")
        await model.until_running("up p", "up q")
        model.let_go("up p", "up q")
        assert (await task).value == ["P", "Q"]

    scenario(steps)


def test_a_queued_call_that_is_cancelled_is_never_made() -> None:
    async def steps() -> None:
        model = Held(obedient, concurrency=1)
        task = start('[CALL("fail", "a"), CALL("up", "b"), CALL("up", "c")]', model)
        await model.until_running("fail a")
        model.let_go("fail a")
        with pytest.raises(ModelError):
            await task
        assert model.labels == ["fail a"]

    scenario(steps)


def test_a_queued_call_that_is_cancelled_does_not_block_the_others() -> None:
    async def steps() -> None:
        model = Held(obedient, concurrency=2)
        text = '[CALL("up", "a"), CALL("echo", CALL("up", "a")), CALL("fail", "b"), CALL("up", "c")]'
        task = start(text, model)
        await model.until_running("up a", "fail b")
        model.let_go("fail b")
        await model.until_running("up a")
        model.let_go("up a")
        await model.until_running("echo A")
        model.let_go("echo A")
        with pytest.raises(ModelError):
            await task
        assert "up c" not in model.labels

    scenario(steps)


def test_a_worker_that_is_cancelled_from_outside_ends_its_call() -> None:
    """`asyncio.run` cancels the tasks that are left when it ends."""

    async def steps() -> None:
        model = Held(obedient)
        trace = Trace()
        task = start('CALL("up", "a")', model, trace=trace)
        await model.until_running("up a")
        for other in asyncio.all_tasks() - {asyncio.current_task(), task}:
            other.cancel()
        await model.until_running()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert trace.calls[0].status == "cancelled"

    scenario(steps)
