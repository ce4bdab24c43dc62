"""Answers to one call: direct ones, programs that callees write, and everything that a model can do wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.errors import BudgetError, ModelError
from rlmlang.models.base import Reply, Request
from rlmlang.trace.recorder import Trace
from tests.support.fakes import Fake, Held, obedient
from tests.support.scenarios import failure, scenario, start


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
def test_each_fault_of_a_model_has_its_code(model: Fake, code: str, said: str) -> None:
    error = failure('n = 1\nn + CALL[int]("count", "a" * 5)', model)
    first = error.first
    assert error.exit_code == 4
    assert first.code == code
    assert said in f"{first.message} {first.hint}"
    assert first.span is not None
    assert (first.span.line, first.span.column) == (2, 5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("About three, I think.", "it is not JSON"),
        ("3 apples", "it is not JSON: Extra data at character 3"),
        ("[3]", "the answer is [3], not int"),
    ],
)
def test_an_answer_of_another_type_is_reported_with_what_the_model_said(text: str, problem: str) -> None:
    first = failure('CALL[int]("count")', Fake(lambda request: text)).first
    assert (first.message, first.hint) == (f"the answer is not of type int: {problem}", f"the model said: {text}")


def test_a_long_answer_is_truncated_in_the_hint() -> None:
    error = failure('CALL[int]("count")', Fake(lambda request: "word " * 1_000))
    assert len(error.first.hint or "") < 300


@pytest.mark.parametrize("text", ['CALL("steal")', 'CALL("x")\n', "1 // 0", "__import__('os')", "{x}", "\\n"])
def test_an_answer_is_data_whatever_it_says(text: str) -> None:
    model = Fake(lambda request: text)
    assert compile('x = CALL("say")\nf"{x}|" + x').run(model=model).value == f"{text.strip()}|{text.strip()}"
    assert len(model.requests) == 1


def test_an_answer_that_is_too_large_is_refused() -> None:
    model = Fake(lambda request: "a" * 5_000)
    error = failure('1 + len(CALL("say"))', model, limits=Limits(max_bytes=4_000))
    assert error.first.code == "E507"


def test_an_answer_is_never_longer_than_the_context_allows() -> None:
    model = Fake(obedient, context=50)
    compile('CALL("echo", "abc")').run(model=model)
    assert model.requests[0].max_tokens <= 50


def writer(programs: dict[str, Any]) -> Callable[[Any], Any]:
    """Return a model that answers callees by programs, chosen by instruction, and leaves obediently.

    The programs of a list are written one after another.
    """

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


def test_each_attempt_at_a_program_is_another_sample() -> None:
    """Greedy decoding would write the same again."""
    model = Fake(writer({"sum": ["arg1 +", "1 +", "sum(arg1)"] * 2}))
    compile('[CALL[int]("sum", [1, 2]), CALL[int]("sum", [1, 2], sample=1)]').run(model=model, limits=DEEP)
    assert [request.sample for request in model.requests[:1]] == [0]
    assert {0, 1} < {request.sample for request in model.requests}
    assert len({request.sample for request in model.requests}) == 6


def test_a_program_that_is_cut_off_is_begun_anew() -> None:
    class Cut(Fake):
        async def generate(self, request: Request) -> Reply:
            reply = await super().generate(request)
            return evolve(reply, finish="length") if len(self.requests) == 2 else reply

    model = Cut(writer({"sum": ["arg1 +", "sum(arg1) + 1", "sum(arg1)"]}))
    assert compile('CALL[int]("sum", [1, 2])').run(model=model, limits=DEEP).value == 3
    assert [request.repair is None for request in model.requests] == [True, False, True]
    first = failure('CALL[int]("sum", [1, 2])', Fake(lambda request: "1", finish="length"), limits=DEEP).first
    assert (first.code, "E402: the answer was cut off" in first.message) == ("E405", True)
    assert "max_answer_tokens" in (first.hint or "")


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("1 +", "E1"),
        ("missing", "E200"),
        ("'text'", "E227"),
        ("1 // 0", "E303"),
        ('CALL[int]("fail")', "E404"),
        ("def answer(n):\n    return 1", "E601"),
    ],
)
def test_a_program_that_stays_wrong_fails_the_call(program: str, code: str) -> None:
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
def test_a_programs_value_is_checked_against_the_type_of_the_call(type_: str, program: str, value: Any) -> None:
    """A constant has the type of a literal, and an empty list of any list, as everywhere where a type is known."""
    model = Fake(writer({"go": program}))
    assert compile(f'CALL[{type_}]("go")').run(model=model, limits=DEEP).value == value
    assert len(model.requests) == 1


def test_a_budget_that_ends_inside_a_callee_ends_the_run() -> None:
    model = Fake(writer({"many": '[CALL("up", str(x)) for x in range(9)][0]'}))
    error = failure('CALL("many")', model, limits=Limits(max_depth=2, max_calls=4))
    assert isinstance(error, BudgetError)
    assert error.first.code == "E501"


def test_a_program_at_the_deepest_level_is_text() -> None:
    """At `max_depth` the model answers directly, so that a program there is never run."""
    model = Fake(lambda request: 'CALL("deeper")')
    assert compile('CALL("x")').run(model=model, limits=DEEP).value == 'CALL("deeper")'
    assert [request.program for request in model.requests] == [True, False]


def test_answers_by_programs_are_stored(tmp_path: Path) -> None:
    text = 'CALL("join", ["a", "b"])'
    programs = {"join": '"".join([CALL("up", x) for x in arg1])'}
    compile(text).run(model=Fake(writer(programs)), limits=DEEP, store=tmp_path / "s")
    result = compile(text).run(model=Fake(writer(programs)), limits=DEEP, store=tmp_path / "s")
    assert (result.value, result.usage.calls, result.usage.memo_hits) == ("AB", 0, 1)


def test_callees_do_not_block_each_other_with_few_slots() -> None:
    """Programs wait for their own calls without taking the slot that these need."""
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


def test_a_program_that_was_ended_early_is_not_stored(tmp_path: Path) -> None:
    """Engines with masks close a program when tokens run out; with more, its value might be another."""

    def answer(request: Request) -> Any:
        return '"long"' if not request.program or request.max_tokens >= 100 else '"short"'

    text, limits = 'CALL("solve")', Limits(max_depth=2, max_answer_tokens=100, max_completion_tokens=50)
    model = Fake(answer)
    assert compile(text).run(model=model, store=tmp_path / "s", limits=limits).value == "short"
    for calls in (1, 0):
        result = compile(text).run(model=model, store=tmp_path / "s", limits=evolve(limits, max_completion_tokens=None))
        assert (result.value, result.usage.calls) == ("long", calls)
