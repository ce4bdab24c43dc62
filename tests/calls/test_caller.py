"""Calls: what runs together, what is one call, what is kept, what a failure does, and limits."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from rlmlang.api import compile
from rlmlang.calls.budget import Limits
from rlmlang.calls.prices import Price
from rlmlang.errors import BudgetError, ModelError, RlmError, UsageError
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.runtime.values import to_json
from rlmlang.storage.store import Store
from rlmlang.trace.recorder import Trace
from tests.support.fakes import Fake, Held, Shuffled, obedient


def scenario(steps: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test's steps, and see that no task is left behind."""

    async def watched() -> None:
        async with asyncio.timeout(10):
            await steps()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(watched())


def start(text: str, model: Fake, **options: Any) -> asyncio.Task[Any]:
    return asyncio.ensure_future(compile(text).arun(model=model, **options))


def failure(text: str, model: Fake | None = None, **options: Any) -> RlmError:
    with pytest.raises(RlmError) as caught:
        compile(text).run(model=model or Fake(obedient), **options)
    return caught.value


# Parallelism ---------------------------------------------------------------------


def test_independent_calls_run_together() -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = start('x = CALL("up", "a")\ny = CALL("up", "b")\nx + y + CALL("up", "c")', model)
        await model.until_running("up a", "up b", "up c")
        model.let_go("up c", "up b", "up a")
        assert (await task).value == "ABC"

    scenario(steps)


def test_each_element_goes_on_by_itself() -> None:
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
def test_late_parts_pass_through_what_only_moves_them(text: str) -> None:
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


def test_no_more_run_together_than_allowed() -> None:
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

        beside = asyncio.ensure_future(other())
        task = start('[CALL("up", str(x)) for x in range(900)]', Fake(obedient, concurrency=1))
        await task
        beside.cancel()
        assert turns > 10

    scenario(steps)


def test_workers_that_are_idle_take_later_calls() -> None:
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


# One call ------------------------------------------------------------------------


def test_equal_calls_are_one_call_also_in_flight() -> None:
    async def steps() -> None:
        model = Held(obedient)
        trace = Trace()
        task = start('[CALL("up", x) for x in ["a", "a", "b", "a"]]', model, trace=trace)
        await model.until_running("up a", "up b")
        model.let_go("up a", "up b")
        result = await task
        assert result.value == ["A", "A", "B", "A"]
        assert (result.usage.calls, result.usage.memo_hits) == (2, 2)
        assert [record.hits for record in trace.calls] == [2, 0]

    scenario(steps)


def test_a_finished_call_answers_later_ones() -> None:
    model = Fake(obedient)
    result = compile('x = CALL("up", "a")\ny = CALL("echo", x)\n[y, CALL("up", "a" if y == "A" else "b")]').run(
        model=model
    )
    assert result.value == ["A", "A"]
    assert model.labels == ["up a", "echo A"]
    assert result.usage.memo_hits == 1


def test_without_memo_each_call_is_made() -> None:
    model = Fake(obedient)
    result = compile('[CALL("up", "a"), CALL("up", "a")]').run(model=model, memo=False)
    assert model.labels == ["up a", "up a"]
    assert (result.usage.calls, result.usage.memo_hits) == (2, 0)


@pytest.mark.parametrize(
    "text",
    [
        'CALL[list[str]]("letters", "ba")[0]',
        'CALL[list[str]]("letters", "ba")[1:]',
        'sorted(CALL[list[str]]("letters", "ba"), key=lambda x: x + "!")',
        'max(CALL[list[str]]("letters", "ba"), key=len)',
        'reduce(lambda a, x: a + x, CALL[list[str]]("letters", "ba"), "")',
        '"a" < CALL("echo", "b") < "c"',
        'len(CALL("echo", "b"))',
        '[x for x in CALL[list[str]]("letters", "ba") if x]',
        'any(x == "a" for x in CALL[list[str]]("letters", "ba"))',
        'a, b = CALL[tuple[str, int]]("pair", "x")\na * b',
    ],
)
def test_every_part_is_evaluated_once(text: str) -> None:
    model = Fake(obedient)
    compile(text).run(model=model, memo=False)
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    "other",
    [
        'CALL("echo", "b")',
        'CALL("echo ", "a")',
        'CALL("echo", x="a")',
        'CALL("echo", "a", "a")',
        'CALL("echo", "a", sample=1)',
        'CALL[str | None]("echo", "a")',
        'CALL("echo", ["a"])',
    ],
)
def test_calls_that_differ_are_two_calls(other: str) -> None:
    model = Fake(lambda request: "null" if "None" in str(request.type) else "x")
    compile(f'[CALL("echo", "a") == "", {other} == ""]').run(model=model)
    assert len(model.requests) == 2


def test_an_equal_argument_written_otherwise_is_equal() -> None:
    model = Fake(obedient)
    result = compile('[CALL("echo", "a"), CALL("echo", "".join(["a"]), sample=0)]').run(model=model)
    assert result.usage.calls == 1


def test_records_of_one_name_and_other_fields_are_told_apart(tmp_path: Path) -> None:
    one = 'class P:\n    x: int\nCALL[P]("make").x'
    two = 'class P:\n    x: int\n    y: int\nCALL[P]("make").x'
    path = tmp_path / "store.db"
    compile(one).run(model=Fake(lambda request: {"x": 1}), store=path)
    model = Fake(lambda request: {"x": 2, "y": 3})
    assert compile(two).run(model=model, store=path).value == 2


# The store -----------------------------------------------------------------------


def test_calls_are_free_in_the_next_run(tmp_path: Path) -> None:
    text = '[CALL("up", x) for x in ["a", "b"]] + [str(CALL[list[str]]("letters", "xy"))]'
    path = tmp_path / "store.db"
    first = compile(text).run(model=Fake(obedient), store=path)
    model = Fake(obedient)
    trace = Trace()
    second = compile(text).run(model=model, store=path, trace=trace)
    assert second.value == first.value == ["A", "B", "['x', 'y']"]
    assert model.requests == []
    assert (second.usage.calls, second.usage.memo_hits, second.usage.prompt_tokens) == (0, 3, 0)
    assert [record.status for record in trace.calls] == ["stored"] * 3


def test_a_call_found_in_the_store_is_looked_up_once(tmp_path: Path) -> None:
    text = '[CALL("up", "a"), CALL("up", "a")]'
    compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    result = compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    assert len(result.trace.calls) == 1
    assert result.usage.memo_hits == 2


def test_a_store_that_is_handed_in_stays_open(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    for _ in range(2):
        result = compile('CALL("up", "a")').run(model=Fake(obedient), store=store)
    assert result.usage.calls == 0
    store.close()


def test_half_of_a_surrogate_pair_is_kept_like_any_text(tmp_path: Path) -> None:
    text = 'CALL[list[str]]("x")[0]'
    for _ in range(2):
        result = compile(text).run(model=Fake(lambda request: '["\\ud83d"]'), store=tmp_path / "s")
        assert result.value == "\ud83d"
    assert result.usage.calls == 0


@pytest.mark.parametrize(
    "changed",
    [
        lambda: {"model": Fake(obedient), "limits": Limits(max_depth=2)},
        lambda: {"model": Fake(obedient), "limits": Limits(max_answer_tokens=77)},
        lambda: {"model": _renamed(Fake(obedient))},
    ],
)
def test_what_can_change_an_answer_is_in_the_key(tmp_path: Path, changed: Callable[[], Any]) -> None:
    text = 'CALL("echo", "\'x\'")'
    compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    assert compile(text).run(**changed(), store=tmp_path / "s").usage.calls == 1


def _renamed(model: Fake) -> Fake:
    model.identity = '{"kind": "other"}'
    return model


def test_what_cannot_change_an_answer_is_not_in_the_key(tmp_path: Path) -> None:
    compile('CALL("echo", "x")').run(model=Fake(obedient), store=tmp_path / "s")
    limits = Limits(max_calls=5, max_seconds=100, concurrency=3, max_steps=10_000)
    renamed = Fake(obedient, concurrency=2, context=9_000)
    renamed.name = "other"
    result = compile('# moved\ny = CALL("echo", "x")\ny').run(model=renamed, store=tmp_path / "s", limits=limits)
    assert result.usage.calls == 0


def test_a_damaged_row_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "s"
    compile('CALL("up", "a")').run(model=Fake(obedient), store=path)
    with sqlite3.connect(path) as db:
        db.execute("update answers set value = ?", (b'"B"',))
    db.close()
    result = compile('CALL("up", "a")').run(model=Fake(obedient), store=path)
    assert (result.value, result.usage.calls) == ("A", 1)
    assert compile('CALL("up", "a")').run(model=Fake(obedient), store=path).usage.calls == 0


def test_failures_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for model, code in (
        (Fake(obedient, finish="length"), "E402"),
        (Fake(obedient, finish="refusal"), "E404"),
        (Fake(lambda request: "no number"), "E401"),
        (Fake(lambda request: RuntimeError("broken")), "E400"),
    ):
        assert failure('CALL[int]("len", "abc")', model, store=path).first.code == code
    assert compile('CALL[int]("len", "abc")').run(model=Fake(obedient), store=path).usage.calls == 1


def test_without_memo_nothing_is_read_or_kept(tmp_path: Path) -> None:
    path = tmp_path / "s"
    compile('CALL("up", "a")').run(model=Fake(obedient), store=path)
    assert compile('CALL("up", "a")').run(model=Fake(obedient), store=path, memo=False).usage.calls == 1
    assert compile('CALL("up", "b")').run(model=Fake(obedient), store=path, memo=False).usage.calls == 1
    assert compile('CALL("up", "b")').run(model=Fake(obedient), store=path).usage.calls == 1


def test_a_store_that_breaks_during_the_run_is_a_coded_error(tmp_path: Path) -> None:
    def answer(request: Any) -> str:
        with sqlite3.connect(tmp_path / "s") as db:
            db.execute("drop table if exists answers")
        db.close()
        return "x"

    error = failure('CALL("echo", CALL("one"))', Fake(answer), store=tmp_path / "s")
    assert isinstance(error, UsageError)
    assert error.first.code == "E606"


# Failures ------------------------------------------------------------------------


def test_what_comes_after_a_failure_is_cancelled_and_what_comes_before_goes_on() -> None:
    async def steps() -> None:
        model = Held(obedient)
        trace = Trace()
        task = start('[CALL("up", "a"), CALL("fail", "b"), CALL("up", "c"), CALL("fail", "d")]', model, trace=trace)
        await model.until_running("up a", "fail b", "up c", "fail d")
        model.let_go("fail b")
        await model.until_running("up a")
        assert set(model.cancelled) == {"up c", "fail d"}
        model.let_go("up a")
        with pytest.raises(ModelError, match="b"):
            await task
        assert [record.status for record in trace.calls] == ["done", "failed", "cancelled", "cancelled"]
        assert trace.active == {}

    scenario(steps)


def test_an_earlier_failure_takes_the_place_of_a_later_one() -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = start('[CALL("fail", "a"), CALL("up", "b"), CALL("fail", "c")]', model)
        await model.until_running("fail a", "up b", "fail c")
        model.let_go("fail c")
        await model.until_running("fail a", "up b")
        model.let_go("fail a")
        with pytest.raises(ModelError) as caught:
            await task
        assert caught.value.first.span is not None
        assert caught.value.first.span.column == 2
        assert model.cancelled == ["up b"]

    scenario(steps)


def test_finished_siblings_are_kept_in_the_store(tmp_path: Path) -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = start('[CALL("fail", "a"), CALL("up", "b")]', model, store=tmp_path / "s")
        await model.until_running("fail a", "up b")
        model.let_go("up b")
        await model.until_running("fail a")
        model.let_go("fail a")
        with pytest.raises(ModelError):
            await task

    scenario(steps)
    again = Fake(obedient)
    assert compile('CALL("up", "b")').run(model=again, store=tmp_path / "s").usage.calls == 0


def test_work_before_a_failure_may_still_make_calls() -> None:
    async def steps() -> None:
        model = Held(obedient)
        task = start('[CALL("echo", CALL("up", "a")), CALL("fail", "b")]', model)
        await model.until_running("up a", "fail b")
        model.let_go("fail b")
        await model.until_running("up a")
        model.let_go("up a")
        await model.until_running("echo A")
        model.let_go("echo A")
        with pytest.raises(ModelError):
            await task

    scenario(steps)


def test_a_call_that_someone_earlier_asks_for_too_is_not_cancelled() -> None:
    async def steps() -> None:
        model = Held(obedient)
        text = '(CALL("up", "x" if CALL[bool]("yes") else ""), CALL("fail", "b"), CALL("up", "x"))'
        task = start(text, model)
        await model.until_running("yes", "fail b", "up x")
        model.let_go("yes")
        await model.until_running("fail b", "up x")
        await asyncio.sleep(0)
        model.let_go("fail b")
        await model.until_running("up x")
        assert model.cancelled == []
        model.let_go("up x")
        with pytest.raises(ModelError):
            await task

    scenario(steps)


def test_a_queued_call_that_is_given_up_is_never_made() -> None:
    async def steps() -> None:
        model = Held(obedient, concurrency=1)
        task = start('[CALL("fail", "a"), CALL("up", "b"), CALL("up", "c")]', model)
        await model.until_running("fail a")
        model.let_go("fail a")
        with pytest.raises(ModelError):
            await task
        assert model.labels == ["fail a"]

    scenario(steps)


def test_a_queued_call_that_is_given_up_does_not_hold_up_the_others() -> None:
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


def test_cancelling_a_run_leaves_nothing_behind(tmp_path: Path) -> None:
    async def steps() -> None:
        model = Held(obedient)
        trace = Trace()
        task = start('[CALL("up", x) for x in ["a", "b", "c"]]', model, trace=trace, store=tmp_path / "s")
        await model.until_running("up a", "up b", "up c")
        model.let_go("up a")
        await model.until_running("up b", "up c")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert set(model.cancelled) == {"up b", "up c"}
        assert [record.status for record in trace.calls] == ["done", "cancelled", "cancelled"]

    scenario(steps)
    assert compile('CALL("up", "a")').run(model=Fake(obedient), store=tmp_path / "s").usage.calls == 0


def test_a_worker_that_is_cancelled_from_outside_ends_its_call() -> None:
    """As `asyncio.run` does with what is left when it ends."""

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


def test_an_answer_that_is_too_large_is_refused() -> None:
    model = Fake(lambda request: "a" * 5_000)
    error = failure('1 + len(CALL("say"))', model, limits=Limits(max_bytes=4_000))
    assert error.first.code == "E507"


def test_a_backend_that_cancels_itself_is_a_failure_not_a_hang() -> None:
    def answer(request: Any) -> Any:
        raise asyncio.CancelledError

    async def steps() -> None:
        task = start('[CALL("up", "a"), CALL("up", "b")]', Fake(answer))
        with pytest.raises((RlmError, asyncio.CancelledError)):
            await task

    scenario(steps)


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        (Fake(lambda request: ValueError("odd")), "E400", "ValueError: odd"),
        (Fake(lambda request: "three"), "E401", "three"),
        (Fake(lambda request: "3", finish="length"), "E402", "cut off"),
        (Fake(lambda request: "3", context=12), "E403", "chunk"),
        (Fake(lambda request: "I will not", finish="refusal"), "E404", "I will not"),
        (Fake(lambda request: ModelError.of("E406", "no reply")), "E406", "no reply"),
    ],
)
def test_what_a_model_can_do_wrong(model: Fake, code: str, said: str) -> None:
    error = failure('n = 1\nn + CALL[int]("count", "a" * 5)', model)
    first = error.first
    assert error.exit_code == 4
    assert first.code == code
    assert said in f"{first.message} {first.hint}"
    assert first.span is not None
    assert (first.span.line, first.span.column) == (2, 5)


def test_a_long_answer_is_shown_short() -> None:
    error = failure('CALL[int]("count")', Fake(lambda request: "word " * 1_000))
    assert len(error.first.hint or "") < 300


@pytest.mark.parametrize("text", ['CALL("steal")', 'CALL("x")\n', "1 // 0", "__import__('os')", "{x}", "\\n"])
def test_an_answer_is_data_whatever_it_says(text: str) -> None:
    model = Fake(lambda request: text)
    assert compile('x = CALL("say")\nf"{x}|" + x').run(model=model).value == f"{text.strip()}|{text.strip()}"
    assert len(model.requests) == 1


# Budgets -------------------------------------------------------------------------


def test_call_budget() -> None:
    model = Fake(obedient)
    error = failure('[CALL("up", x) for x in CALL[list[str]]("letters", "abcdef")]', model, limits=Limits(max_calls=3))
    assert isinstance(error, BudgetError)
    assert error.first.code == "E501"
    assert len(model.requests) == 3


def test_depth_budget() -> None:
    model = Fake(obedient)
    assert failure('CALL("up", "a")', model, limits=Limits(max_depth=0)).first.code == "E502"
    assert model.requests == []


def test_prompt_budget() -> None:
    model = Fake(obedient)
    text = '[CALL("up", x) for x in CALL[list[str]]("letters", "abc")]'
    trace = Trace()
    assert failure(text, model, limits=Limits(max_prompt_tokens=50), trace=trace).first.code == "E503"
    assert trace.usage.prompt_tokens <= 50


def test_completion_budget() -> None:
    text = '[CALL("echo", x) for x in CALL[list[str]]("letters", "abcdefghi")]'
    trace = Trace()
    model = Fake(obedient, concurrency=1)
    assert failure(text, model, limits=Limits(max_completion_tokens=40), trace=trace).first.code == "E504"
    assert trace.usage.completion_tokens <= 40


def test_an_answer_cut_by_the_budget_is_a_budget_error() -> None:
    model = Fake(lambda request: "word " * 50, finish="length")
    limits = Limits(max_completion_tokens=20)
    error = failure('CALL("say")', model, limits=limits)
    assert error.first.code == "E504"
    assert model.requests[0].max_tokens == 20


def test_an_answer_is_never_longer_than_the_context_allows() -> None:
    model = Fake(obedient, context=50)
    compile('CALL("echo", "abc")').run(model=model)
    assert model.requests[0].max_tokens <= 50


def test_time_budget(tmp_path: Path) -> None:
    async def steps() -> None:
        model = Held(obedient)
        limits, trace = Limits(max_seconds=0.05), Trace()
        task = start('[CALL("up", "a"), CALL("up", "b")]', model, limits=limits, trace=trace, store=tmp_path / "s")
        await model.until_running("up a", "up b")
        model.let_go("up a")
        with pytest.raises(BudgetError) as caught:
            await task
        assert caught.value.first.code == "E505"
        assert model.cancelled == ["up b"]
        assert trace.usage.seconds > 0

    scenario(steps)
    assert compile('CALL("up", "a")').run(model=Fake(obedient), store=tmp_path / "s").usage.calls == 0


def test_a_run_that_cannot_end_within_its_budget_is_refused() -> None:
    text = '[CALL("up", x) for x in ["a", "b", "c"]]'
    for limits in (Limits(max_calls=2), Limits(max_prompt_tokens=40)):
        model = Fake(obedient)
        error = failure(text, model, limits=limits)
        assert isinstance(error, BudgetError)
        assert error.first.code == "E508"
        assert model.requests == []


def test_with_a_store_a_run_may_do_with_less(tmp_path: Path) -> None:
    """What is kept is free, so a small budget may do."""
    text = '[CALL("up", x) for x in ["a", "b", "c"]]'
    compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    assert compile(text).run(model=Fake(obedient), store=tmp_path / "s", limits=Limits(max_calls=0)).value


def test_a_run_is_resumed_with_a_larger_budget(tmp_path: Path) -> None:
    text = '[CALL("up", x) for x in CALL[list[str]]("letters", "abcd")]'
    assert failure(text, store=tmp_path / "s", limits=Limits(max_calls=3)).first.code == "E501"
    result = compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    assert (result.usage.calls, result.usage.memo_hits) == (2, 3)


def test_what_is_kept_counts_for_what_is_needed(tmp_path: Path) -> None:
    text = '[CALL("up", x, n=1) for x in ["a", "b"]] + [CALL[list[str]]("letters", CALL("echo", "c", sample=2))[0]]'
    model, few = Fake(obedient), Limits(max_calls=3)
    error = failure(text, store=tmp_path / "s", limits=Limits(max_calls=2)).first
    assert (error.code, error.message) == ("E508", "the run takes at least 3 calls; the limit is 2 calls")
    compile('[CALL("up", x, n=1) for x in ["a"]]').run(model=model, store=tmp_path / "s")
    error = failure(text, store=tmp_path / "s", limits=Limits(max_calls=1)).first
    assert (error.code, error.message) == ("E508", "the run takes at least 2 calls; the limit is 1 call")
    assert failure(text, store=tmp_path / "s", limits=few, memo=False).first.code == "E508"
    assert compile(text).run(model=model, store=tmp_path / "s", limits=few).usage.calls == 3


def test_a_refusal_says_which_lines_take_how_much() -> None:
    text = 'a = [CALL("up", x) for x in ["a", "b"]]\nb = CALL("echo", "c") if a[0] == "A" else ""\n(a, b, CALL("yes"))'
    with pytest.raises(BudgetError) as caught:
        compile(text).run(model=Fake(obedient), limits=Limits(max_calls=2))
    assert [(note, span.line) for note, span in caught.value.first.notes] == [
        ("at least 2 calls here", 1),
        ("at least 1 call here", 3),
    ]
    assert caught.value.first.hint == "raise max_calls"


def test_money_is_refused_and_told_in_dollars() -> None:
    dear = {"fake": Price(input=20, output=100)}
    with pytest.raises(BudgetError) as caught:
        compile('CALL("up", "a")').run(model=Fake(obedient), limits=Limits(max_cost=0.0001), prices=dear)
    first = caught.value.first
    assert (first.code, first.message) == ("E508", "the run takes at least $0.00028; the limit is $0.0001")
    assert [note for note, _ in first.notes] == ["at least $0.00028 here"]
    usage = compile('CALL("up", "a")').run(model=Fake(obedient), limits=Limits(max_cost=0.01), prices=dear).usage
    assert usage.cost == Decimal("0.00048")


def test_money_needs_a_price() -> None:
    program, limits = compile('CALL("up", "a")'), Limits(max_cost=1)
    with pytest.raises(UsageError) as caught:
        program.run(model=Fake(obedient), limits=limits, prices={"other*": Price(input=1, output=1)})
    assert caught.value.first.code == "E608"
    assert 'prices={"fake": Price(' in (caught.value.first.hint or "")
    assert program.run(model=Fake(obedient)).usage.cost is None
    assert compile("CALL('a')").run(model=ScriptedModel(lambda request: "b"), limits=limits).usage.cost == 0


def test_a_call_may_not_take_more_than_its_share() -> None:
    """And nothing of that is kept, so a run with a larger share makes it anew."""
    greedy = 'n = len(text)\n"".join([CALL("echo", str(i)) for i in range(n + 8)])\n'

    def answer(request: Request) -> Any:
        return greedy if request.program and request.instruction == "solve" else obedient(request)

    model = Fake(answer)
    text = 'CALL("solve", text="a")'
    limits = Limits(max_depth=2, max_calls=20, max_share=0.25)
    trace = Trace()
    with pytest.raises(BudgetError) as caught:
        compile(text).run(model=model, limits=limits, trace=trace)
    assert caught.value.first.code == "E510"
    assert caught.value.first.span is not None
    assert caught.value.first.span.text == text
    assert trace.usage.calls == 5
    assert compile(text).run(model=model, limits=evolve(limits, max_share=1)).usage.calls == 10


def test_a_program_that_was_brought_to_an_end_early_is_not_kept(tmp_path: Path) -> None:
    """Engines that hold a program to the language close it when tokens run out; with more, it might say more."""

    def answer(request: Request) -> Any:
        return '"long"' if not request.program or request.max_tokens >= 100 else '"short"'

    text, limits = 'CALL("solve")', Limits(max_depth=2, max_answer_tokens=100, max_completion_tokens=50)
    model = Fake(answer)
    assert compile(text).run(model=model, store=tmp_path / "s", limits=limits).value == "short"
    for calls in (1, 0):
        result = compile(text).run(model=model, store=tmp_path / "s", limits=evolve(limits, max_completion_tokens=None))
        assert (result.value, result.usage.calls) == ("long", calls)


def test_limits_do_not_change_what_a_call_is(tmp_path: Path) -> None:
    """A share, and what money there is, can end a call, not change its answer; so they are not in its key."""
    text = 'CALL("up", "a")'
    compile(text).run(model=Fake(obedient), store=tmp_path / "s", limits=Limits(max_depth=1))
    others = Limits(max_share=0.1, max_cost=None, max_calls=7, max_prompt_tokens=99)
    assert compile(text).run(model=Fake(obedient), store=tmp_path / "s", limits=others).usage.calls == 0


def test_a_program_without_calls_needs_no_model() -> None:
    assert compile("1 + 1").run().value == 2
    with pytest.raises(UsageError, match="E605"):
        compile('CALL("x")').run()


def test_run_within_a_running_loop_says_what_to_write() -> None:
    async def steps() -> None:
        with pytest.raises(UsageError, match="E607"):
            compile("1").run()

    scenario(steps)


# Callees that write programs -----------------------------------------------------


def writer(programs: dict[str, Any]) -> Callable[[Any], Any]:
    """Programs by instruction for callees, obedience for leaves; a list is given one by one."""

    def answer(request: Any) -> Any:
        if not request.program:
            return obedient(request)
        found = programs[request.instruction]
        return found.pop(0) if isinstance(found, list) else found

    return answer


DEEP = Limits(max_depth=2)


def test_a_callee_writes_a_program_over_its_arguments() -> None:
    model = Fake(writer({"join": '"-".join([CALL("up", x) for x in arg1]) + sep'}))
    trace = Trace()
    result = compile('CALL("join", ["a", "b"], sep="!")').run(model=model, limits=DEEP, trace=trace)
    assert result.value == "A-B!"
    assert result.usage.calls == 3
    assert [(r.level, r.parent, r.form) for r in trace.calls] == [(1, None, "program"), (2, 0, "leaf"), (2, 0, "leaf")]
    assert trace.calls[0].program is not None
    assert [request.level for request in model.requests] == [1, 2, 2]


def test_a_program_is_repaired_with_its_diagnostics() -> None:
    model = Fake(writer({"sum": ["arg1 +", "sum(arg1) + nonsense", "sum(arg1)"]}))
    result = compile('CALL[int]("sum", [1, 2])').run(model=model, limits=DEEP)
    assert (result.value, result.usage.calls) == (3, 3)
    first, second, third = model.requests
    assert first.repair is None
    assert second.repair is not None
    assert second.repair[0] == "arg1 +"
    assert third.repair is not None
    assert "nonsense" in third.repair[1]
    assert "E200" in third.repair[1]


@pytest.mark.parametrize(
    ("program", "code"),
    [("1 +", "E1"), ("missing", "E200"), ("'text'", "E227"), ("1 // 0", "E303"), ('CALL[int]("fail")', "E404")],
)
def test_a_program_that_stays_wrong_is_given_up(program: str, code: str) -> None:
    model = Fake(writer({"go": program}))
    error = failure('CALL[int]("go")', model, limits=DEEP)
    assert isinstance(error, ModelError)
    assert error.first.code == "E405"
    assert code in error.first.message
    assert len([request for request in model.requests if request.program]) == 3


def test_a_programs_value_becomes_the_callers_record() -> None:
    text = 'class P:\n    x: int\n    y: str\nCALL[P]("make", 4).x + 1'
    model = Fake(writer({"make": 'P(arg1, "b")'}))
    assert compile(text).run(model=model, limits=DEEP).value == 5


@pytest.mark.parametrize(
    ("type_", "program", "value"),
    [
        ('Literal["a", "b"]', '"a"', "a"),
        ('Literal["a", "b"]', '"b" if len("x") == 1 else "a"', "b"),
        ("list[float]", "[1, 2]", [1, 2]),
        ("list[str]", "[]", []),
        ("dict[str, int]", "{}", {}),
        ("int | None", "None", None),
        ('tuple[Literal["a"], float]', '("a", 1)', ("a", 1)),
    ],
)
def test_a_programs_value_is_checked_against_the_asked_type(type_: str, program: str, value: Any) -> None:
    """A constant stands for a word, and an empty list for any list, as they do wherever a type is known."""
    model = Fake(writer({"go": program}))
    assert compile(f'CALL[{type_}]("go")').run(model=model, limits=DEEP).value == value
    assert len(model.requests) == 1


def test_a_budget_that_ends_inside_a_callee_ends_the_run() -> None:
    model = Fake(writer({"many": '[CALL("up", str(x)) for x in range(9)][0]'}))
    error = failure('CALL("many")', model, limits=Limits(max_depth=2, max_calls=4))
    assert isinstance(error, BudgetError)
    assert error.first.code == "E501"


def test_a_program_at_the_deepest_level_cannot_call_on() -> None:
    """At max_depth the model is asked for the answer itself, so a program there is just text."""
    model = Fake(lambda request: 'CALL("deeper")')
    assert compile('CALL("x")').run(model=model, limits=DEEP).value == 'CALL("deeper")'
    assert [request.program for request in model.requests] == [True, False]


def test_answers_by_programs_are_kept(tmp_path: Path) -> None:
    text = 'CALL("join", ["a", "b"])'
    programs = {"join": '"".join([CALL("up", x) for x in arg1])'}
    compile(text).run(model=Fake(writer(programs)), limits=DEEP, store=tmp_path / "s")
    result = compile(text).run(model=Fake(writer(programs)), limits=DEEP, store=tmp_path / "s")
    assert (result.value, result.usage.calls, result.usage.memo_hits) == ("AB", 0, 1)


def test_callees_do_not_block_each_other_with_few_slots() -> None:
    """Programs wait for their own calls without holding a place that these need."""
    model = Fake(writer({"go": 'CALL("up", arg1)'}), concurrency=1)
    result = compile('[CALL("go", x) for x in ["a", "b", "c"]]').run(model=model, limits=DEEP)
    assert result.value == ["A", "B", "C"]


def test_cancelling_reaches_into_callees() -> None:
    async def steps() -> None:
        model = Held(writer({"go": 'CALL("up", arg1)'}))
        task = start('[CALL("go", "a"), CALL("go", "b")]', model, limits=DEEP)
        await model.until_running("go a", "go b")
        model.let_go("go a", "go b")
        await model.until_running("up a", "up b")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert set(model.cancelled) == {"up a", "up b"}

    scenario(steps)


def test_a_failure_reaches_into_later_callees() -> None:
    async def steps() -> None:
        model = Held(writer({"go": 'CALL("up", arg1)', "bad": "1 // 0"}))
        task = start('[CALL("go", "a"), CALL("bad"), CALL("go", "b")]', model, limits=DEEP)
        await model.until_running("go a", "go b", "bad")
        model.let_go("go a", "go b")
        await model.until_running("up a", "up b", "bad")
        model.let_go("bad")
        await model.until_running("up a")
        assert model.cancelled == ["up b"]
        model.let_go("up a")
        with pytest.raises(ModelError, match="E405"):
            await task

    scenario(steps)


def test_equal_calls_of_several_callees_are_one() -> None:
    model = Fake(writer({"go": 'CALL("up", "same")', "come": '"-" + CALL("up", "same")'}))
    result = compile('[CALL("go"), CALL("come")]').run(model=model, limits=DEEP)
    assert result.value == ["SAME", "-SAME"]
    assert result.usage.calls == 3


# The trace -----------------------------------------------------------------------


def test_the_trace_tells_what_happened() -> None:
    trace = Trace()
    text = 'def loud(x: str) -> str:\n    return CALL("up", x)\nparts = [CALL("echo", "p")]\nloud(parts[0])'
    result = compile(text).run(model=Fake(obedient), trace=trace)
    assert result.trace is trace
    echo, up = trace.calls
    assert (echo.within, up.within) == ("parts", "loud")
    assert up.status == "done"
    assert up.completion_tokens == result.usage.completion_tokens - echo.completion_tokens
    assert up.finished is not None
    assert echo.started <= up.started <= up.finished


def test_the_trace_is_in_the_order_of_the_program_whatever_the_timing() -> None:
    text = '[CALL("up", x) for x in ["a", "b", "c", "d", "e"]]'
    for seed in range(4):
        trace = Trace()
        result = compile(text).run(model=Shuffled(obedient, seed, concurrency=5), trace=trace)
        assert to_json(result.value) == ["A", "B", "C", "D", "E"]
        assert [record.instruction for record in trace.calls] == ["up"] * 5
        assert [record.id for record in trace.calls] == list(range(5))
