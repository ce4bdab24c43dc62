"""Two models in one run: a strong one writes programs, and a cheap one answers directly."""

from __future__ import annotations

import asyncio
import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang import Price
from rlmlang.trace.history import history_of
from tests.support.fakes import Fake, Held, obedient

ASKED = 'CALL("up", "a") + CALL("up", "b")'
"""A program with two direct answers, which the strong model writes."""


class Named(Fake):
    """A model with a name, by which it is known."""

    def __init__(self, name: str, answer: Any = obedient, **options: Any) -> None:
        super().__init__(answer, **options)
        self.name = name
        self.identity = json.dumps({"kind": name})


def strong(program: str = ASKED) -> Named:
    return Named("strong", lambda request: program if request.program else obedient(request))


def cheap(**options: Any) -> Named:
    return Named("cheap", **options)


def log_of(trace: rlmlang.Trace) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    trace.sinks.append(lambda seq, text: events.append(json.loads(text)))
    return events


def test_the_strong_model_writes_the_program_and_the_cheap_one_answers() -> None:
    writer, reader = strong(), cheap()
    assert rlmlang.ask("Which?", model=writer, models={"leaf": reader}).value == "AB"
    assert [request.program for request in writer.requests] == [True]
    assert reader.labels == ["up a", "up b"]


def test_a_program_of_ones_own_asks_the_model_for_direct_answers_alone() -> None:
    writer, reader = strong(), cheap()
    program = rlmlang.compile(ASKED)
    assert program.run(model=writer, models={"leaf": reader}).value == "AB"
    assert program.run(models={"leaf": reader}).value == "AB"
    assert writer.requests == []


def test_deeper_programs_are_written_by_the_strong_model_too() -> None:
    writer = Named("strong", lambda request: 'CALL("down", "x")' if request.level == 1 else 'CALL("up", "y")')
    reader = cheap()
    result = rlmlang.ask("Which?", model=writer, models={"leaf": reader}, limits={"max_depth": 2})
    assert result.value == "Y"
    assert [request.level for request in writer.requests] == [1, 2]
    assert [request.level for request in reader.requests] == [3]


def test_a_text_is_written_by_the_strong_model_and_its_calls_are_answered_by_the_cheap_one() -> None:
    texts = iter(["It is CALL(", '"up", "a")', " it is."])
    writer, reader = Named("strong", lambda request: next(texts)), cheap()
    assert (
        rlmlang.complete("Say it.", model=writer, models={"leaf": reader}).value == 'It is CALL("up", "a") → "A" it is.'
    )
    assert reader.labels == ["up a"]


def test_a_question_without_levels_is_answered_by_the_cheap_model() -> None:
    writer, reader = strong(), cheap()
    asked = rlmlang.ask("up", {"x": "a"}, model=writer, models={"leaf": reader}, limits={"max_depth": 0})
    assert (asked.value, writer.requests) == ("A", [])


def test_one_model_in_both_roles_is_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr("rlmlang.opening.open_model", lambda name: opened.append(name) or Fake(obedient))
    assert rlmlang.compile(ASKED).run(model="one", models={"leaf": "one"}).value == "AB"
    assert opened == ["one"]
    assert rlmlang.compile(ASKED).run(model="one", models={"leaf": "other"}).value == "AB"
    assert opened == ["one", "one", "other"]


# Answers that are kept --------------------------------------------------------------------


def test_a_direct_answer_is_that_of_the_model_that_gave_it(tmp_path: Path) -> None:
    """A run on the cheap model alone has made it already; one on the strong model alone has not."""
    place, program = tmp_path / "s", rlmlang.compile(ASKED)
    program.run(model=cheap(), store=place)
    assert program.run(model=strong(), models={"leaf": cheap()}, store=place).usage.calls == 0
    assert program.run(model=strong(), store=place).usage.calls == 2


def test_a_program_is_another_where_others_answer_its_calls(tmp_path: Path) -> None:
    place = tmp_path / "s"

    def calls(**models: Any) -> int:
        return rlmlang.ask("Which?", store=place, **models).usage.calls

    assert calls(model=strong()) == 3
    assert calls(model=strong(), models={"leaf": cheap()}) == 3
    assert calls(model=strong(), models={"leaf": Named("dear")}) == 3
    assert calls(model=strong(), models={"leaf": cheap()}) == 0
    assert calls(model=strong(), models={"leaf": strong()}) == 0  # a second copy of the same model


# Money and estimates ----------------------------------------------------------------------

PRICES = {"strong": Price(10, 100), "cheap": Price(1, 2)}


def test_each_generation_costs_what_its_model_costs() -> None:
    trace = rlmlang.Trace()
    options: dict[str, Any] = {"model": strong(), "models": {"leaf": cheap()}, "prices": PRICES}
    result = rlmlang.ask("Which?", trace=trace, **options)
    asked, *leaves = trace.calls
    assert asked.cost == PRICES["strong"].of(asked.prompt_tokens, asked.completion_tokens)
    assert [leaf.cost for leaf in leaves] == [PRICES["cheap"].of(leaf.prompt_tokens, 2) for leaf in leaves]
    assert result.usage.cost == sum((call.cost or Decimal(0) for call in trace.calls), Decimal(0))


def test_money_is_not_summed_where_one_price_is_unknown() -> None:
    trace = rlmlang.Trace()
    prices = {"cheap": PRICES["cheap"]}
    result = rlmlang.ask("Which?", model=strong(), models={"leaf": cheap()}, prices=prices, trace=trace)
    assert result.usage.cost is None
    assert [call.cost is None for call in trace.calls] == [True, False, False]
    with pytest.raises(rlmlang.UsageError, match="no price of strong is known"):
        rlmlang.ask("Which?", model=strong(), models={"leaf": cheap()}, prices=prices, limits={"max_cost": 1})


def test_a_limit_on_money_holds_for_both_together() -> None:
    model = strong('[CALL("up", str(i)) for i in range(50)] == []')
    prices = {"strong": Price(10, 100), "cheap": Price(10, 20)}
    trace = rlmlang.Trace()
    with pytest.raises(rlmlang.BudgetError, match="E509"):
        rlmlang.ask(
            "Which?", type=bool, model=model, models={"leaf": cheap()}, prices=prices, trace=trace,
            limits={"max_cost": 0.006},
        )  # fmt: skip
    assert trace.usage.cost is not None
    assert Decimal("0.004") < trace.usage.cost <= Decimal("0.006")


def test_the_estimate_counts_by_the_model_that_will_answer() -> None:
    class Verbose(Named):
        def count_tokens(self, request: Any) -> int:
            return 1_000

    program = rlmlang.compile(ASKED)
    models: dict[str, Any] = {"model": Verbose("strong"), "models": {"leaf": cheap()}, "prices": PRICES}
    cost = program.cost(**models)
    assert (cost.prompt_tokens, cost.model) == ((28, 28), "cheap")
    assert cost.cost[1] == PRICES["cheap"].of(28, 2 * 1024)
    deep = program.cost(**models, limits={"max_depth": 2})
    assert (deep.prompt_tokens, deep.model) == ((2_000, None), "strong")
    assert deep.cost == (PRICES["strong"].of(2_000, 0), None)


def test_programs_on_a_free_model_may_ask_one_that_costs() -> None:
    """The greatest cost of a run is not 0 where only the strong model runs in this process."""
    cost = rlmlang.compile(ASKED).cost(
        model=strong(),
        models={"leaf": cheap()},
        prices={"strong": Price(0, 0), "cheap": Price(1, 2)},
        limits={"max_depth": 2},
    )
    assert cost.cost == (0, None)


# Runs that are resumed --------------------------------------------------------------------


def test_a_run_is_resumed_on_the_same_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "s"
    opened: list[str] = []

    def open_by_name(name: str) -> Named:
        opened.append(name)
        return strong() if name == "strong" else cheap()

    monkeypatch.setattr("rlmlang.opening.open_model", open_by_name)
    with pytest.raises(rlmlang.CallsExhausted):
        rlmlang.ask("Which?", model="strong", models={"leaf": "cheap"}, store=place, limits={"max_calls": 2})
    opened.clear()
    result = rlmlang.resume(store=place, limits={"max_calls": None})
    assert (result.value, result.usage.calls, opened) == ("AB", 2, ["strong", "cheap"])
    assert rlmlang.replay(store=place).value == "AB"
    other = Named("other")
    assert rlmlang.resume(store=place, models={"leaf": other}).usage.calls == 3


def test_functions_for_both_roles_are_given_again(tmp_path: Path) -> None:
    place = tmp_path / "s"

    def writes(messages: list[dict[str, str]]) -> str:
        return f"    return {ASKED}\n"

    def reads(messages: list[dict[str, str]]) -> str:
        return messages[-1]["content"].split()[-2].upper()

    with pytest.raises(rlmlang.CallsExhausted):
        rlmlang.ask("Which?", model=writes, models={"leaf": reads}, store=place, limits={"max_calls": 2})
    with pytest.raises(rlmlang.MissingModel, match=r"the model of the run was the function .*writes"):
        rlmlang.resume(store=place)
    with pytest.raises(rlmlang.MissingModel, match=r"for direct answers .*reads\nhint: give it: models=\{'leaf': …\}"):
        rlmlang.resume(store=place, model=writes)
    again = rlmlang.resume(store=place, model=writes, models={"leaf": reads}, limits={"max_calls": None})
    assert (again.value, again.usage.calls) == ("AB", 2)


# What a run shows -------------------------------------------------------------------------


def test_the_trace_says_who_answered() -> None:
    trace = rlmlang.Trace()
    events = log_of(trace)
    rlmlang.ask("Which?", model=strong(), models={"leaf": cheap()}, trace=trace)
    assert [call.model for call in trace.calls] == ["strong", "cheap", "cheap"]
    history = history_of(events)
    assert (history.run.model, history.run.leaf_model) == ("strong", "cheap")
    assert [call.model for call in history.calls] == ["strong", "cheap", "cheap"]


# What may be given ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"leave": "x"}, "there is no model for `leave`\nhint: did you mean `leaf`"),
        ({"program": "x"}, "there is no model for `program`\nhint: `leaf` answers directly"),
        ("smollm2", "models is a mapping such as {'leaf': 'smollm2'}, or None, not 'smollm2'"),
        ({"leaf": 3}, "model is a name, a function, or an object"),
    ],
)
def test_what_is_no_model_for_a_role(models: Any, message: str) -> None:
    with pytest.raises(rlmlang.UsageError) as caught:
        rlmlang.compile("1").run(models=models)
    assert message in str(caught.value)


# Concurrency ------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "expected"), [(None, 3), (2, 2)])
def test_direct_answers_run_as_many_at_once_as_their_model_is_good_for(limit: int | None, expected: int) -> None:
    async def scenario() -> None:
        reader = Held(obedient, concurrency=3)
        program = rlmlang.compile('[CALL("up", x) for x in ["a", "b", "c", "d"]]')
        models: dict[str, Any] = {"model": Named("strong", concurrency=1), "models": {"leaf": reader}}
        run = asyncio.ensure_future(program.arun(**models, limits={"concurrency": limit}))
        await reader.until_running(*[f"up {x}" for x in "abcd"[:expected]])
        reader.let_go(*[f"up {x}" for x in "abcd"])
        assert (await run).value == ["A", "B", "C", "D"]

    asyncio.run(scenario())


def test_open_models_in_two_roles_are_shared_by_threads() -> None:
    """Runs that have the same two models in opposite roles wait for each other, and not for ever."""
    program, values = rlmlang.compile(ASKED), []
    with rlmlang.open_model(strong()) as one, rlmlang.open_model(cheap()) as two:
        pairs = [(one, two), (two, one)] * 10
        threads = [
            threading.Thread(target=lambda a=a, b=b: values.append(program.run(model=a, models={"leaf": b}).value))
            for a, b in pairs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert values == ["AB"] * 20


def test_a_closed_model_for_direct_answers_is_refused() -> None:
    opened = rlmlang.open_model(cheap())
    opened.close()
    with pytest.raises(rlmlang.InvalidOption, match="the model cheap is closed"):
        rlmlang.compile(ASKED).run(model=strong(), models={"leaf": opened})
