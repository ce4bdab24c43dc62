"""Limits of whole runs: what ends them, what refuses to begin them, and what a store makes free."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.calls.prices import Price
from rlmlang.errors import BudgetError, UsageError
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.trace.recorder import Trace
from tests.support.fakes import Fake, Held, obedient
from tests.support.scenarios import failure, scenario, start


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


def test_a_run_that_cannot_fit_its_budget_is_refused() -> None:
    text = '[CALL("up", x) for x in ["a", "b", "c"]]'
    for limits in (Limits(max_calls=2), Limits(max_prompt_tokens=40)):
        model = Fake(obedient)
        error = failure(text, model, limits=limits)
        assert isinstance(error, BudgetError)
        assert error.first.code == "E508"
        assert model.requests == []


def test_stored_answers_are_free(tmp_path: Path) -> None:
    """With a store, a smaller budget can be enough."""
    text = '[CALL("up", x) for x in ["a", "b", "c"]]'
    compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    assert compile(text).run(model=Fake(obedient), store=tmp_path / "s", limits=Limits(max_calls=0)).value


def test_a_run_is_resumed_with_a_larger_budget(tmp_path: Path) -> None:
    text = '[CALL("up", x) for x in CALL[list[str]]("letters", "abcd")]'
    assert failure(text, store=tmp_path / "s", limits=Limits(max_calls=3)).first.code == "E501"
    result = compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    assert (result.usage.calls, result.usage.memo_hits) == (2, 3)


def test_stored_answers_lower_the_least_cost(tmp_path: Path) -> None:
    text = '[CALL("up", x, n=1) for x in ["a", "b"]] + [CALL[list[str]]("letters", CALL("echo", "c", sample=2))[0]]'
    model, few = Fake(obedient), Limits(max_calls=3)
    error = failure(text, store=tmp_path / "s", limits=Limits(max_calls=2)).first
    assert (error.code, error.message) == ("E508", "the run takes at least 3 calls; the limit is 2 calls")
    compile('[CALL("up", x, n=1) for x in ["a"]]').run(model=model, store=tmp_path / "s")
    error = failure(text, store=tmp_path / "s", limits=Limits(max_calls=1)).first
    assert (error.code, error.message) == ("E508", "the run takes at least 2 calls; the limit is 1 call")
    assert failure(text, store=tmp_path / "s", limits=few, memo=False).first.code == "E508"
    assert compile(text).run(model=model, store=tmp_path / "s", limits=few).usage.calls == 3


def test_a_refusal_names_the_lines_that_cost_most() -> None:
    text = 'a = [CALL("up", x) for x in ["a", "b"]]\nb = CALL("echo", "c") if a[0] == "A" else ""\n(a, b, CALL("yes"))'
    with pytest.raises(BudgetError) as caught:
        compile(text).run(model=Fake(obedient), limits=Limits(max_calls=2))
    assert [(note, span.line) for note, span in caught.value.first.notes] == [
        ("at least 2 calls here", 1),
        ("at least 1 call here", 3),
    ]
    assert caught.value.first.hint == "raise max_calls"


def test_a_refusal_over_money_is_in_dollars() -> None:
    dear = {"fake": Price(input=20, output=100)}
    with pytest.raises(BudgetError) as caught:
        compile('CALL("up", "a")').run(model=Fake(obedient), limits=Limits(max_cost=0.0001), prices=dear)
    first = caught.value.first
    assert (first.code, first.message) == ("E508", "the run takes at least $0.00028; the limit is $0.0001")
    assert [note for note, _ in first.notes] == ["at least $0.00028 here"]
    usage = compile('CALL("up", "a")').run(model=Fake(obedient), limits=Limits(max_cost=0.01), prices=dear).usage
    assert usage.cost == Decimal("0.00048")


def test_a_limit_on_money_needs_a_price() -> None:
    program, limits = compile('CALL("up", "a")'), Limits(max_cost=1)
    with pytest.raises(UsageError) as caught:
        program.run(model=Fake(obedient), limits=limits, prices={"other*": Price(input=1, output=1)})
    assert caught.value.first.code == "E608"
    assert 'prices={"fake": Price(' in (caught.value.first.hint or "")
    assert program.run(model=Fake(obedient)).usage.cost is None
    assert compile("CALL('a')").run(model=ScriptedModel(lambda request: "b"), limits=limits).usage.cost == 0


def test_a_call_may_not_take_more_than_its_share() -> None:
    """Nothing of it is stored, so that a run with a larger share makes the calls again."""
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
