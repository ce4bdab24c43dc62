"""Calls: each is made once, what is stored, and what a failure does to the others."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.errors import ModelError, RlmError, UsageError
from rlmlang.runtime.values import to_json
from rlmlang.storage.store import Store
from rlmlang.trace.recorder import Trace
from tests.support.fakes import Fake, Held, Shuffled, obedient
from tests.support.scenarios import failure, scenario, start


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
def test_each_part_is_evaluated_once(text: str) -> None:
    model = Fake(obedient)
    compile(text).run(model=model, memo=False)
    assert len(model.requests) == 1


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


def test_the_store_is_asked_once_for_equal_calls(tmp_path: Path) -> None:
    text = '[CALL("up", "a"), CALL("up", "a")]'
    compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    result = compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    assert len(result.trace.calls) == 1
    assert result.usage.memo_hits == 2


def test_a_store_that_is_passed_in_stays_open(tmp_path: Path) -> None:
    store = Store(tmp_path / "s")
    for _ in range(2):
        result = compile('CALL("up", "a")').run(model=Fake(obedient), store=store)
    assert result.usage.calls == 0
    store.close()


def test_half_of_a_surrogate_pair_is_stored_like_any_text(tmp_path: Path) -> None:
    text = 'CALL[list[str]]("x")[0]'
    for _ in range(2):
        result = compile(text).run(model=Fake(lambda request: '["\\ud83d"]'), store=tmp_path / "s")
        assert result.value == "\ud83d"
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


def test_failures_are_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for model, code in (
        (Fake(obedient, finish="length"), "E402"),
        (Fake(obedient, finish="refusal"), "E404"),
        (Fake(lambda request: "no number"), "E401"),
        (Fake(lambda request: RuntimeError("broken")), "E400"),
    ):
        assert failure('CALL[int]("len", "abc")', model, store=path).first.code == code
    assert compile('CALL[int]("len", "abc")').run(model=Fake(obedient), store=path).usage.calls == 1


def test_without_memo_the_store_is_neither_read_nor_written(tmp_path: Path) -> None:
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


def test_calls_after_a_failure_are_cancelled_and_those_before_it_continue() -> None:
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


def test_an_earlier_failure_replaces_a_later_one() -> None:
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


def test_finished_siblings_are_stored(tmp_path: Path) -> None:
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


def test_a_call_that_an_earlier_part_needs_too_is_not_cancelled() -> None:
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


def test_cancelling_a_run_cancels_its_calls(tmp_path: Path) -> None:
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


def test_a_backend_that_cancels_itself_is_a_failure_not_a_hang() -> None:
    def answer(request: Any) -> Any:
        raise asyncio.CancelledError

    async def steps() -> None:
        task = start('[CALL("up", "a"), CALL("up", "b")]', Fake(answer))
        with pytest.raises((RlmError, asyncio.CancelledError)):
            await task

    scenario(steps)


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("error", [GeneratorExit(), pytest.fail.Exception("no"), StopIteration(), StopAsyncIteration()])
def test_whatever_a_backend_raises_is_a_failure_not_a_hang(error: BaseException, depth: int) -> None:
    def answer(request: Any) -> Any:
        raise error

    program = compile('[CALL("up", i) for i in range(20)]')
    with pytest.raises(ModelError, match=r"the model failed: \w+(: .+)?\n") as caught:
        program.run(model=Fake(answer, concurrency=2), limits={"max_seconds": 5, "max_depth": depth})
    assert caught.value.first.code == "E400"


def test_an_exit_that_a_backend_raises_ends_the_run() -> None:
    def answer(request: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compile('CALL("up", "a")').run(model=Fake(answer))


def test_a_program_without_calls_needs_no_model() -> None:
    assert compile("1 + 1").run().value == 2
    with pytest.raises(UsageError, match="E605"):
        compile('CALL("x")').run()


def test_run_within_a_running_loop_is_refused() -> None:
    async def steps() -> None:
        with pytest.raises(UsageError, match="E607"):
            compile("1").run()

    scenario(steps)


def test_the_trace_records_each_call() -> None:
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
