"""Evaluation with pending answers: a program has one value, whenever its answers arrive."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.errors import BudgetError, RlmError, RunError, UsageError
from tests.support.fakes import Fake, Held, obedient


def test_a_branch_that_is_not_taken_is_not_evaluated() -> None:
    model = Fake(obedient)
    text = 'x = True\n"a" if x else CALL("fail")'
    assert compile(text).run(model=model).value == "a"
    assert model.requests == []


def test_steps_are_bounded_also_in_loops_and_functions() -> None:
    limits = Limits(max_steps=2_000)
    for text in (
        "[x for x in range(1500) for y in range(5)]",
        "def f(x: int) -> int:\n    return x\n[f(y) + f(y) + f(y) + f(y) for y in range(1000)]",
        "any(x < 0 for x in range(1900) if x * x >= 0)",
        "sorted(range(1000), key=lambda x: x * x * x)",
    ):
        with pytest.raises(BudgetError) as caught:
            compile(text).run(limits=limits)
        assert caught.value.first.code == "E506"
        assert caught.value.first.span is not None


def test_a_value_too_large_is_refused() -> None:
    with pytest.raises(BudgetError) as caught:
        compile('"a" * 5000').run(limits=Limits(max_bytes=4_000))
    assert caught.value.first.code == "E507"


@pytest.mark.parametrize(
    ("text", "limits", "code", "column"),
    [
        ("[range(500)] * 9", Limits(max_bytes=4_000), "E507", 1),  # small parts, shared: large when shown
        ("1 + len({str(x + y): x for x in range(400) for y in [1, 2]})", Limits(max_bytes=4_000), "E507", 9),
        ('1 + len(CALL("up", "a" * 4000))', Limits(max_bytes=4_002), "E507", 9),
        ('1 + len(CALL("echo", [range(500)] * 9))', Limits(max_bytes=4_000), "E507", 9),
    ],
)
def test_sizes_are_bounded_wherever_a_value_is_made_or_shown(text: str, limits: Limits, code: str, column: int) -> None:
    with pytest.raises(BudgetError) as caught:
        compile(text).run(model=Fake(obedient), limits=limits)
    first = caught.value.first
    assert first.span is not None
    assert (first.code, first.span.column) == (code, column)


def test_names_of_outer_scopes_are_found() -> None:
    text = "[[[a + b + c for c in [1]] for b in [2]] for a in [3]]"
    assert compile(text).run().value == [[[6]]]


def test_an_index_out_of_range_of_pending_elements_is_an_error() -> None:
    for text, code in (('[CALL("up", "a")][i]', "E301"), ('{"k": CALL("up", "a")}["q"]', "E302")):
        with pytest.raises(RunError) as caught:
            compile("i = 3\n" + text).run(model=Fake(obedient))
        assert caught.value.first.code == code


def test_functions_that_nest_too_deeply_at_run_time_are_a_coded_error() -> None:
    """A function given to a function, doubled at each level, would nest without a bound that checking knows."""
    lines = ["def a0(g: Callable[[int], int], x: int) -> int:", "    return g(g(x))"]
    for i in range(1, 16):
        lines += [
            f"def a{i}(g: Callable[[int], int], x: int) -> int:",
            f"    return a{i - 1}(lambda y: a{i - 1}(g, y), x)",
        ]
    with pytest.raises((RunError, BudgetError)) as caught:
        compile("\n".join([*lines, "a15(lambda x: x + 1, 0)"])).run()
    assert caught.value.first.code in ("E309", "E506")


def test_inputs_reach_the_program() -> None:
    program = compile("a: str\nb: int = 3\na * b")
    assert program.run(a="x").value == "xxx"
    assert program.run(a="x", b=1).value == "x"
    for inputs, code in (({}, "E601"), ({"a": "x", "c": 1}, "E602"), ({"a": 1}, "E603")):
        with pytest.raises(UsageError) as caught:
            program.run(**inputs)
        assert caught.value.first.code == code


def test_a_chain_of_pending_values_may_be_long() -> None:
    """Each answer is wrapped by pure work two hundred times, with no deep recursion."""
    steps = "\n".join(f'x{i} = x{i - 1} + "."' for i in range(1, 300))
    result = compile(f'x0 = CALL("up", "a")\n{steps}\nx299').run(model=Fake(obedient))
    assert result.value == "A" + "." * 299


def test_a_fold_over_pending_values_may_be_long() -> None:
    text = 'reduce(lambda a, x: a + CALL[int]("len", str(x)), range(3000), 0)'
    result = compile(text).run(model=Fake(obedient), limits=Limits(max_calls=5_000))
    assert result.value == sum(len(str(x)) for x in range(3000))


def test_a_dependent_chain_may_be_long() -> None:
    text = 'reduce(lambda a, x: CALL("echo", a + "."), range(500), "")'
    result = compile(text).run(model=Fake(obedient))
    assert result.value == "." * 500
    assert result.usage.calls == 500


def test_functions_that_nest_too_deeply_are_a_coded_error() -> None:
    """No recursion, but each function may call the one before it."""
    lines = ["def f0(x: int) -> int:", "    return x"]
    for i in range(1, 1_900):
        lines += [f"def f{i}(x: int) -> int:", f"    return f{i - 1}(x + 1)"]
    program = compile("\n".join([*lines, "f1899(0)"]))
    try:
        assert program.run().value == 1899
    except RunError as error:
        assert error.first.code == "E309"


# run_program ---------------------------------------------------------------------


def pair(text: str, **options: Any) -> Any:
    return compile(text).run(**{"model": Fake(obedient)} | options).value


def test_a_program_runs_a_program() -> None:
    value, error = pair('run_program("1 + 2", {})')
    assert (value, error) == ("3", None)


def test_a_run_program_takes_inputs_and_may_call() -> None:
    text = 'run_program("a: str\\nn: int\\nCALL(\\"up\\", a * n)", {"a": "x", "n": "2"})'
    assert pair(text) == ('"XX"', None)


def test_the_program_may_be_a_models_answer() -> None:
    model = Fake(lambda request: "[x * x for x in range(4)]")
    assert pair('run_program(CALL("write a program"), {})', model=model) == ("[0,1,4,9]", None)


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("1 +", "E1"),
        ("nonsense", "E200"),
        ("1 // 0", "E303"),
        ("a: int\\na", "E601"),
        ('CALL(\\"fail\\")', "E404"),
    ],
)
def test_the_error_of_a_run_program_is_a_value(program: str, code: str) -> None:
    value, error = pair(f'run_program("{program}", {{}})')
    assert value is None
    assert code in error
    assert "<run_program>" in error


def test_a_bad_input_of_a_run_program_is_a_value() -> None:
    value, error = pair('run_program("a: int\\na", {"a": "x"})')
    assert value is None
    assert "E603" in error


def test_budgets_reach_into_a_run_program() -> None:
    with pytest.raises(BudgetError) as caught:
        pair('run_program("[x for x in range(100000)]", {})', limits=Limits(max_steps=10_000))
    assert caught.value.first.code == "E506"
    with pytest.raises(BudgetError) as caught:
        pair('run_program("[CALL(\\"up\\", str(x)) for x in range(9)]", {})', limits=Limits(max_calls=4))
    assert caught.value.first.code == "E501"


def test_programs_run_programs_only_so_deep() -> None:
    """A program that is handed its own text and runs it ends with a coded error."""
    text = 'p: str\nrun_program(p, {"p": p})'
    value, error = compile(text).run(p=text).value
    assert error is None
    for _ in range(20):
        if value is None:
            break
        import json

        value, error = json.loads(value)
    assert value is None
    assert "E309" in error


def test_a_failure_before_a_run_program_ends_it() -> None:
    async def scenario() -> None:
        model = Held(obedient)
        text = '(CALL("fail", "1"), run_program("CALL(\\"up\\", \\"a\\")", {}))'
        task = asyncio.ensure_future(compile(text).arun(model=model))
        await model.until_running("fail 1", "up a")
        model.let_go("fail 1")
        with pytest.raises(RlmError, match="E404"):
            await task
        assert model.cancelled == ["up a"]

    asyncio.run(scenario())
