"""Cost before a run: intervals that contain what it takes, as narrow as they can be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.calls.roles import Roles
from rlmlang.errors import BudgetError, RunError
from rlmlang.runtime.estimate import Cost, estimate, estimator, follow
from tests.support.cases import cases
from tests.support.fakes import Fake, obedient
from tests.support.speed import seconds_of

CALLS = [pytest.param(case.text, case.bounds, id=case.id) for case in cases("cost")]


@pytest.mark.parametrize(("text", "calls"), CALLS)
def test_calls_are_bounded_from_both_sides(text: str, calls: tuple[int, int | None]) -> None:
    cost = compile(text).cost(limits=Limits(max_calls=None, repairs=0))
    assert cost.calls == calls
    assert cost.depth == (min(1, calls[0]), 0 if calls[1] == 0 else 1)


def answers(request: Any) -> Any:
    """Return the least answer that the type allows, for which the lower bounds must hold too."""
    shown = str(request.type)
    return {
        "str": "x", "int": -9, "bool": True, "float": -9.5, "int | None": -9, "str | None": None,
        "tuple[str, str]": ["", ""], "Literal[-9, 1]": -9, "P": {"x": -9, "y": ""}, "list[P]": [{"x": -9, "y": ""}],
        "list[int]": [-9], "dict[str, int]": {"k": -9}, "list[tuple[int, str]]": [[-9, ""]],
    }.get(shown, [])  # fmt: skip


@pytest.mark.parametrize("truth", [True, False])
@pytest.mark.parametrize(("text", "calls"), CALLS)
def test_the_bounds_hold_for_the_least_answers(text: str, calls: object, truth: bool) -> None:
    def answer(request: Any) -> Any:
        return truth if str(request.type) == "bool" else answers(request)

    program = compile(text)
    limits = Limits(max_calls=None)
    model = Fake(answer)
    cost = program.cost(limits=limits, model=model)
    try:
        result = program.run(model=model, limits=limits)
    except RunError:  # the bounds are those of runs that succeed
        return
    for name in ("calls", "prompt_tokens", "completion_tokens", "steps", "bytes"):
        low, high = getattr(cost, name)
        assert low <= getattr(result.usage, name)
        assert high is None or getattr(result.usage, name) <= high


def cost(text: str, **options: Any) -> Cost:
    return compile(text).cost(**options)


def test_known_prompts_are_counted_exactly() -> None:
    model = Fake(obedient)
    text = '[CALL("up", x) for x in ["a", "bb"]]'
    found = cost(text, model=model, limits=Limits(max_answer_tokens=7))
    result = compile(text).run(model=model)
    assert found.prompt_tokens == (result.usage.prompt_tokens,) * 2
    assert found.completion_tokens == (0, 14)


def test_unknown_prompts_are_bounded_by_the_context() -> None:
    found = cost('CALL("up", CALL("echo", "a"))', model=Fake(obedient, context=500))
    low, high = found.prompt_tokens
    assert low < 500 < (high or 0) < 1_000


def test_without_a_model_nothing_is_known_of_prompts() -> None:
    assert cost('CALL("a")').prompt_tokens == (1, None)


def test_limits_cap_the_upper_bounds() -> None:
    limits = Limits(max_calls=5, max_prompt_tokens=70, max_completion_tokens=30)
    found = cost('[CALL("a", x) for x in CALL[list[str]]("l")]', limits=limits)
    assert found.calls == (1, 5)
    assert found.prompt_tokens[1] == 70
    assert found.completion_tokens[1] == 30


def test_with_more_depth_a_call_may_make_calls() -> None:
    limits = Limits(max_calls=None, max_depth=2)
    found = cost('CALL("a")', limits=limits)
    assert found.calls == (1, None)
    assert found.depth == (1, 2)
    assert found.completion_tokens[1] is None
    assert cost("1", limits=limits).calls == (0, 0)


def test_the_prompt_of_a_call_that_a_program_may_answer_is_that_of_a_program() -> None:
    class Counting(Fake):
        def count_tokens(self, request: Any) -> int:
            return 20 if request.program else 500

    model = Counting(lambda request: '"x"')
    limits = Limits(max_depth=2)
    low, _ = cost('CALL("a", "long")', model=model, limits=limits).prompt_tokens
    taken = compile('CALL("a", "long")').run(model=model, limits=limits).usage.prompt_tokens
    assert low <= taken


def test_without_depth_a_sure_call_is_an_error() -> None:
    with pytest.raises(BudgetError, match="E502"):
        cost('CALL("a")', limits=Limits(max_depth=0))
    found = cost('x: bool\nCALL("a") if x else "b"', limits=Limits(max_depth=0), x=False)
    assert found.calls == (0, 0)


def test_a_call_that_only_the_run_decides_on_is_no_error() -> None:
    text = 'CALL("a") if run_program("1", {})[0] is None else "b"'
    assert cost(text, limits=Limits(max_depth=0)).calls[0] == 0


def test_a_call_that_the_inputs_rule_out_is_no_error() -> None:
    text = 'x: str\ndef f(x: str) -> str:\n    return CALL("a") if x == "1" else "b"\nf(x)'
    assert cost(text, limits=Limits(max_depth=0), x="0").calls == (0, 0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1 // 0", "E303"),
        ('CALL("a", [1][3])', "E301"),
        ('sorted(["a"], key=int)', "E304"),
        ('x = CALL[bool]("t")\n1 // 0 if True else 2', "E303"),
    ],
)
def test_what_fails_in_any_case_fails_before_the_run(text: str, code: str) -> None:
    with pytest.raises(RunError) as caught:
        cost(text)
    assert caught.value.first.code == code
    assert caught.value.first.span is not None or "key" in text


@pytest.mark.parametrize(
    "text",
    [
        'CALL[int]("n") if CALL[bool]("t") else 1 // 0',
        '"x" if CALL[bool]("t") else "a" * 10 ** 9',
        'sorted(["a"], key=int) if CALL[bool]("t") else [""]',
        '[1 // 0 for x in CALL[list[str]]("l")]',
        '[CALL("b"), "p"][::0] if CALL[bool]("t") else ["q"]',
        'CALL("a") if CALL[bool]("t") else CALL("b", ["x" * 99] * 3000000)',
    ],
)
def test_what_may_not_be_evaluated_fails_only_in_the_run(text: str) -> None:
    assert cost(text).calls[0] == 1


def test_a_value_too_large_in_any_case_is_an_error() -> None:
    with pytest.raises(BudgetError, match="E507"):
        cost('"a" * 10 ** 9')


def test_beyond_its_steps_an_estimate_is_left_open() -> None:
    text = 'CALL("a", len([x for x in range(1000) for y in range(1000)]))'
    found = cost(text, limits=Limits(max_calls=None, max_steps=10**9))
    assert found.calls == (0, None)
    assert found.prompt_tokens[1] is None


def test_an_estimate_that_nests_too_deeply_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(*args: Any) -> Any:
        raise RecursionError

    monkeypatch.setitem(estimator._VALUE, type(compile("1").checked.module.statements[0].value), deep)  # type: ignore[union-attr]
    assert cost("1").calls == (0, Limits().max_calls)


def test_places_are_counted_each() -> None:
    found = cost('[CALL("a", x) for x in ["p", "q"]] + [CALL("b") if CALL[bool]("t") else ""]')
    shown = {site.span.text: site.calls for site in found.sites}
    assert shown == {'CALL("a", x)': (2, 2), 'CALL("b")': (0, 1), 'CALL[bool]("t")': (1, 2)}


@pytest.mark.parametrize(
    ("text", "sequential"),
    [
        ('for x in ["p", "q"]:\n    if CALL[bool]("t", x):\n        break\n1', True),
        (
            'def f(xs):\n    for x in xs:\n        if CALL[bool]("t", x):\n            return x\n    return ""\nf(["p", "q"])',
            True,
        ),
        ('for x in CALL[list[str]]("l"):\n    if CALL[bool]("t", x):\n        break\n1', True),
        ('any(CALL[bool]("t", x) for x in ["p", "q"])', True),
        ('for x in ["p"]:\n    if CALL[bool]("t", x):\n        break\n1', False),
        ('for x in ["p", "q"]:\n    if CALL[bool]("t", x):\n        continue\n    print(x)\n1', False),
        ('for x in ["p", "q"]:\n    if CALL[bool]("t", x):\n        print(x)\n1', False),
        ('for x in ["p", "q"]:\n    CALL[bool]("t", x)\n    if x == "q":\n        break\n1', False),
    ],
)
def test_calls_of_a_loop_that_may_end_on_an_answer_are_sequential(text: str, sequential: bool) -> None:
    sites = {site.span.text: site.sequential for site in cost(text).sites}
    assert sites.pop('CALL[bool]("t", x)') is sequential
    assert not any(sites.values())


HOSTILE = {
    "a thousand elifs": 'n = CALL[int]("n")\nif n == 0:\n    x = 0\n'
    + "".join(f"elif n == {i}:\n    x = {i}\n" for i in range(1, 1000))
    + 'else:\n    x = 1\n[CALL("a", i) for i in range(x)]',
    "a loop without end": 'n = 1\nwhile n > 0:\n    n += 1\nCALL("a")',
    "loops that take long": "".join("n = 1\nwhile n < 300000:\n    n += 1\n" for _ in range(50)) + 'CALL("a")',
    "recursion without end": 'def f(n: int) -> int:\n    return f(n + 1) + CALL[int]("n", n)\nf(0)',
    "recursion that an answer ends": "def f(n: int) -> int:\n"
    '    if CALL[bool]("b", n):\n        return f(n + 1) + f(n + 2)\n    return n\nf(0)',
    "ways that double with each function": "def f0(n: int) -> int:\n    return n\n"
    + "".join(
        f"def f{i}(n: int) -> int:\n    if CALL[bool]('t', n):\n        return f{i - 1}(n + 1)\n"
        f"    return f{i - 1}(n + 2)\n"
        for i in range(1, 40)
    )
    + "f39(0)",
    "many variables": "".join(f"v{i} = {i}\n" for i in range(500))
    + 'for i in range(5000):\n    if CALL[bool]("a", i):\n        v1 = i\n1',
    "a list that grows in each of many ways": 'xs = [0]\nfor i in range(20000):\n    if CALL[bool]("a", i):\n'
    "        xs.append(i)\n    else:\n        xs = [*xs, i]\nlen(xs)",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_an_estimate_never_takes_long(text: str) -> None:
    program = compile(text)

    def cost() -> None:
        try:
            least, most = program.cost(limits=Limits(max_calls=None, max_steps=10**9)).calls
            assert most is None or least <= most
        except RunError as error:  # the run fails, whatever is answered
            assert error.first.code == "E309"

    seconds, _ = seconds_of(cost)
    assert seconds < 3


def test_as_json() -> None:
    shown = cost(
        '[CALL("a", x) for x in CALL[list[str]]("l")]', limits=Limits(max_calls=None, max_bytes=10**6, repairs=0)
    ).to_json()
    sites = shown.pop("sites")
    assert shown == {
        "calls": [1, None],
        "depth": [1, 1],
        "prompt_tokens": [1, None],
        "completion_tokens": [0, None],
        "cost": [0.0, None],
        "steps": [2, 5_000_000],
        "bytes": [2, 10**6],
        "model": None,
        "function_calls": [0, 0],
        "functions": [],
    }
    assert sites[0] == {
        "line": 1,
        "column": 24,
        "text": 'CALL[list[str]]("l")',
        "calls": [1, 1],
        "prompt_tokens": [1, None],
        "completion_tokens": [0, 1024],
        "cost": [0.0, None],
        "sequential": False,
    }


def test_inputs_count() -> None:
    program = compile('xs: list[str]\n[CALL("a", x) for x in xs]')
    assert program.cost(xs=["p", "q"]).calls == (2, 2)
    assert program.cost({"xs": []}).calls == (0, 0)


def test_counts_are_numbers_also_in_json() -> None:
    cost = compile('CALL("a", CALL("b"))').cost()
    assert [json.dumps(site.to_json()["calls"]) for site in cost.sites] == ["[1, 1]", "[1, 1]"]


def test_one_estimate_serves_runs_with_and_without_a_store() -> None:
    """A program is followed once; the calls that a store has are taken off afterwards."""
    checked = compile('[CALL("up", x) for x in ["a", "b", "a"]] + [CALL("up", CALL("echo", "c"))]').checked
    limits = Limits(max_calls=3)
    model = Fake(obedient)
    found = follow(checked, {}, limits, Roles.of(model))
    assert found.calls == (3, 5)
    assert found.cost().calls == (3, 3)
    asked = []

    def kept(type_: Any, names: Any, args: tuple[Any, ...], sample: int) -> bool:
        asked.append(args)
        return args == ("up", "b")

    assert found.cost(kept).calls == (2, 3)
    assert asked == [("up", "a"), ("up", "b"), ("echo", "c")]  # equal calls once, and none whose arguments are unknown
    assert found.cost().calls == (3, 3)
    assert found.cost(kept) == estimate(checked, {}, limits, Roles.of(model), kept=kept)


@pytest.mark.parametrize(
    "text",
    [
        # an application that is run in its emitted form is charged once
        "def power(n: int, p: int) -> int:\n    r = 3\n    for i in range(n):\n        r = 2 * r % p\n    return r\n"
        "power(1101, 101)",
        "def fib(n: int) -> int:\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(13)",
        # a recursion without end is one of 1,000 applications
        "def f(n: int) -> int:\n    return f(n + 1) + 1\ntry:\n    x = f(0)\nexcept RecursionError:\n    x = -1\nx",
        # a function that may end without its result reads variables around it
        "def f(xs: list[str], k: int) -> list[str]:\n    def rest(x: str) -> str:\n        for _ in range(2):\n"
        "            return x[k:]\n    return sorted(xs, key=rest)\nf(['ab', 'ba'], 1)",
    ],
)
def test_the_steps_of_pure_programs_are_at_least_the_minimum(text: str) -> None:
    program = compile(text)
    least, most = program.cost().steps
    taken = program.run().usage.steps
    assert 0.9 * taken < least <= taken
    assert most is None or taken <= most


def test_a_recursion_without_end_fails_before_the_run() -> None:
    with pytest.raises(RunError) as caught:
        compile("def f(n: int) -> int:\n    return f(n + 1) + 1\nf(0)").cost()
    assert caught.value.first.code == "E309"


def test_lists_of_answers_that_double_are_not_made() -> None:
    least, _ = compile('s = [CALL("x")]\nfor i in range(100):\n    s = s + s\nlen(s)').cost().calls
    assert least == 1


@pytest.mark.parametrize(
    "text",
    ["d = {'a': 1}\nd['b'] += 1\nd", "d = {'a': [1]}\nd['b'].append(2)\nd", "d = {'a': [1]}\nd['a'][3] = 2\nd"],
)
def test_a_plan_fails_where_the_run_fails(text: str) -> None:
    places = []
    for fails in (lambda: compile(text).cost(), lambda: compile(text).run()):
        with pytest.raises(RunError) as caught:
            fails()
        places.append((caught.value.first.code, caught.value.first.span))
    assert places[0] == places[1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "def f(x):\n    if isinstance(x, int):\n        if x & x:\n            return True\n    return False\nf(2.5)",
            None,
        ),
        ("x = {}\ndef f():\n    while x < 5:\n        x += 1\nf()", "E310"),
    ],
    ids=["a float is not taken for an int", "a variable of a function is none around it"],
)
def test_a_plan_comes_to_what_the_run_comes_to(text: str, code: str | None) -> None:
    program = compile(text)
    for do in (program.cost, program.run):
        found = None
        try:
            do()
        except RunError as error:
            found = error.first.code
        assert found == code
