"""Evaluation around late values: every program gives one value, whenever its answers arrive."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.calls.budget import Limits
from rlmlang.errors import BudgetError, RlmError, RunError, UsageError
from rlmlang.runtime.values import to_json
from tests.support.fakes import Fake, Held, Shuffled, obedient

CASES: list[tuple[str, Any, int]] = [
    # program, value as JSON, calls
    ("1 + 2 * 3", 7, 0),
    ('CALL("up", "a")', "A", 1),
    ('CALL("up", CALL("up", "a") + "b")', "AB", 2),
    ('[CALL("up", x) for x in ["a", "b", "c"]]', ["A", "B", "C"], 3),
    ('[CALL("up", CALL("echo", x)) for x in ["a", "b"]]', ["A", "B"], 4),
    ('xs = [CALL("up", x) for x in ["a", "b"]]\n[y + "!" for y in xs]', ["A!", "B!"], 2),
    ('xs = [CALL("up", x) for x in ["a", "b"]]\nlen(xs)', 2, 2),
    ('xs = [CALL("up", x) for x in ["a", "b"]]\nxs[1]', "B", 2),
    ('xs = [CALL("up", x) for x in ["a", "b"]]\nxs[-1] + xs[len(xs) - 2]', "BA", 2),
    ('xs = [CALL("up", x) for x in ["a", "b", "c"]]\nxs[::-1]', ["C", "B", "A"], 3),
    ('xs = [CALL("up", x) for x in ["a", "b", "c"]]\nxs[CALL[int]("len", "a"):]', ["B", "C"], 4),
    ('xs = [CALL("up", x) for x in ["a", "b"]]\n"-".join(xs)', "A-B", 2),
    ('xs = CALL[list[str]]("letters", "abc")\n[CALL("up", x) for x in xs]', ["A", "B", "C"], 4),
    ('[CALL("up", x) for x in CALL[list[str]]("letters", "abc") if x != "b"]', ["A", "C"], 3),
    ('[x for x in ["a", "b", "c"] if CALL[int]("len", x) > 0]', ["a", "b", "c"], 3),
    ('[x for x in ["a", "b"] if CALL[bool]("no", x)]', [], 2),
    (
        '[x + y for x in CALL[list[str]]("letters", "ab") for y in CALL[list[str]]("letters", x + "z")]',
        ["aa", "az", "bb", "bz"],
        3,
    ),
    (
        '[[CALL("up", y) for y in CALL[list[str]]("letters", x)] for x in ["ab", "c"]]',
        [["A", "B"], ["C"]],
        5,
    ),
    ('[x for x in [CALL[list[str]]("letters", y) for y in ["ab"]][0]]', ["a", "b"], 1),
    ('{CALL("up", x): x for x in ["a", "b", "a"]}', {"A": "a", "B": "b"}, 2),
    ('{CALL("up", "k"): CALL("up", "v"), "x": "y"}', {"K": "V", "x": "y"}, 2),
    ('{x: CALL("up", x) for x in ["a", "b"]}["b"]', "B", 2),
    ('{x: CALL("up", x) for x in ["a", "b"]}.items()', [["a", "A"], ["b", "B"]], 2),
    ('[v for v in {"k": CALL("up", "a")}.values()]', ["A"], 1),
    ('[k for k in {"k": CALL("up", "a")}]', ["k"], 1),
    ('a, b = (CALL("up", "x"), CALL("up", "y"))\nb + a', "YX", 2),
    ('a, b = CALL[tuple[str, int]]("pair", "xyz")\na * b', "xyzxyzxyz", 1),
    ('[a * n for a, n in [CALL[tuple[str, int]]("pair", x) for x in ["a", "bc"]]]', ["a", "bcbc"], 2),
    ('[(i, a, b) for i, (a, b) in enumerate(zip(["p"], [CALL("up", "q")]))]', [[0, "p", "Q"]], 1),
    ('"left" if CALL[bool]("yes") else CALL("fail")', "left", 1),
    ('"left" if CALL[bool]("no") else CALL("up", "right")', "RIGHT", 2),
    ('CALL[bool]("yes") or CALL[bool]("fail")', True, 1),
    ('CALL[bool]("no") and CALL[bool]("fail")', False, 1),
    ('CALL[bool]("yes") and CALL[int]("len", "ab") == 2', True, 2),
    ('not CALL[bool]("no")', True, 1),
    ('-CALL[int]("len", "ab")', -2, 1),
    ('+CALL[int]("len", "ab")', 2, 1),
    ('0 < CALL[int]("len", "ab") < CALL[int]("len", "abc") < 9', True, 2),
    ('0 < CALL[int]("zero") < CALL[int]("fail")', False, 1),
    ('CALL[str | None]("none") is None', True, 1),
    ('x = CALL[str | None]("none")\nx if x is not None else "default"', "default", 1),
    ('f"<{CALL("up", \'a\')}|{CALL[int]("len", \'abc\'):>3}>"'.replace('"up"', "'up'").replace('"len"', "'len'"), "<A|  3>", 2),
    ("any(x > 1 for x in [1, 2, 3])", True, 0),
    ("all(x > 1 for x in [2, 1, 0])", False, 0),
    ('any(CALL[bool]("yes", x) for x in ["a", "b"])', True, 1),
    ('any(CALL[bool]("no", x) for x in ["a", "b"])', False, 2),
    ('all(CALL[bool]("yes", x) for x in ["a", "b"])', True, 2),
    ('all(CALL[bool]("no", x) for x in ["a", "b"])', False, 1),
    ('any(x == "b" for x in CALL[list[str]]("letters", "abc") if CALL[bool]("yes", x))', True, 3),
    ('any(x == y for x in ["a"] if x != "q" for y in CALL[list[str]]("letters", x))', True, 1),
    ('any(CALL[bool]("no", x + y) for x in ["a", "b"] for y in ["c"])', False, 2),
    ('all([CALL[bool]("yes"), CALL[bool]("no")])', False, 2),
    ('reduce(lambda a, x: a + CALL("up", x), ["a", "b"], "")', "AB", 2),
    ('reduce(lambda a, x: CALL("up", a + x), ["a", "b"], "")', "AB", 2),
    ('reduce(lambda a, x: a + x, CALL[list[str]]("letters", "abc"), "")', "abc", 1),
    ('sorted(["bb", "a"], key=lambda x: CALL[int]("len", x))', ["a", "bb"], 2),
    ('sorted(CALL[list[str]]("letters", "ba"), key=lambda x: CALL("up", x), reverse=True)', ["b", "a"], 3),
    ('max([CALL[int]("len", x) for x in ["a", "bcd"]])', 3, 2),
    ('reversed([CALL("up", x) for x in ["a", "b"]])[0]', "B", 2),
    ('take([CALL("up", x) for x in ["a", "b"]], 1)', ["A"], 2),
    ('flatten([[CALL("up", x)] for x in ["a", "b"]])', ["A", "B"], 2),
    ('[a + b for a, b in window([CALL("up", x) for x in ["a", "b", "c"]], 2)]'.replace("a + b for a, b", "p[0] + p[1] for p"), ["AB", "BC"], 3),
    # functions
    ('def f(x: str, n: int = 2) -> str:\n    y = CALL("up", x)\n    return y * n\nf("a") + f("b", 1) + f(n=3, x="c")', "AABCCC", 3),
    ('def f(x: str) -> str:\n    return CALL("up", x)\n[f(x) for x in ["a", "b"]]', ["A", "B"], 2),
    ('n = 3\ndef f(x: str) -> str:\n    return x * n\nf("a")', "aaa", 0),
    ('def f(x: str) -> int:\n    return len(x)\nsorted(["bb", "a"], key=f)', ["a", "bb"], 0),
    ('def f(x: str, n: int = 5) -> int:\n    return len(x) + n\nsorted(["bb", "a"], key=f)', ["a", "bb"], 0),
    ('sorted(["bb", "a"], key=len)', ["a", "bb"], 0),
    ('sorted([CALL("echo", "bb"), "a"], key=len)', ["a", "bb"], 1),
    ('def ap(g: Callable[[str], str], x: str) -> str:\n    return g(g(x))\nap(lambda x: CALL("up", x) + "b", "a")', "ABb", 2),
    ('def ap(g: Callable[[str], int], x: str) -> int:\n    return g(x)\nap(len, "abc") + ap(lambda x: 1, "")', 4, 0),
    (
        'def ap(g: Callable[[str], str], x: str) -> str:\n    return g(x)\n'
        'def twice(g: Callable[[str], str], x: str) -> str:\n    return ap(g, ap(g, x))\n'
        'twice(lambda x: x + "!", "a")',
        "a!!",
        0,
    ),
    ('sorted(["b", "a"], key=lambda x: [y + x for y in ["p", "q"]])', ["a", "b"], 0),
    ('[[x + y for y in ["1"]] for x in ["a", "b"]]', [["a1"], ["b1"]], 0),
    ('x = "outer"\n[x for x in [x, "b"]]', ["outer", "b"], 0),
    # records
    (
        'class Point:\n    x: int\n    y: str\np = CALL[Point]("point")\n(p.x, p.y, p)',
        [1, "two", {"x": 1, "y": "two"}],
        1,
    ),
    ('class Point:\n    x: int\n    y: str\np = Point(1, y=CALL("up", "a"))\np.x', 1, 1),
    ('class Point:\n    x: int\n    y: str\n[Point(n, "a") for n in [1, 2]][1].x', 2, 0),
    ('class One:\n    x: str\ndef ap(g: Callable[[str], One], x: str) -> One:\n    return g(x)\nap(One, "a").x', "a", 0),
    ('(CALL("up", "a"), CALL("up", "a"))', ["A", "A"], 1),
    ('[CALL("up", "a", sample=i) for i in range(3)]', ["A", "A", "A"], 3),
    ('CALL[list[str]]("letters", "abc")[1]', "b", 1),
    ('CALL[dict[str, int]]("dict", "ab")["b"]', 1, 1),
    ('"a" in CALL[list[str]]("letters", "abc")', True, 1),
    ('[CALL("up", x) for x in ["a", "b"]] + ["c"]', ["A", "B", "c"], 2),
    ('[CALL("up", "a")] * 2', ["A", "A"], 1),
    ('[CALL("up", x) for x in ["a"]] == ["A"]', True, 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "calls"), CASES, ids=[case[0] for case in CASES])
def test_a_program_has_one_value_whenever_its_answers_arrive(text: str, value: Any, calls: int) -> None:
    program = compile(text)
    result = program.run(model=Fake(obedient))
    assert to_json(result.value) == value
    assert result.usage.calls == calls
    serial = program.run(model=Fake(obedient, concurrency=1))
    assert (to_json(serial.value), serial.usage.calls) == (value, calls)
    for seed in range(3):
        shuffled = program.run(model=Shuffled(obedient, seed))
        assert (to_json(shuffled.value), shuffled.usage.calls) == (value, calls)
    unmemoized = program.run(model=Fake(obedient), memo=False)
    assert to_json(unmemoized.value) == value


FAILURES: list[tuple[str, str, int, int]] = [
    # program, code, line, column
    ("1 // 0", "E303", 1, 1),
    ("xs = [1]\nxs[3]", "E301", 2, 1),
    ('{"a": 1}["b"]', "E302", 1, 1),
    ('int("x")', "E304", 1, 1),
    ("max([1][:0])", "E305", 1, 1),
    ("2 ** 20000", "E306", 1, 1),
    ("n = 7\n[1 // (n - x) for x in range(20)]", "E303", 2, 2),
    ('CALL("up", "a", sample=-1)', "E308", 1, 1),
    ('[CALL("fail", x) for x in ["a", "b"]]', "E404", 1, 2),
    ('CALL("up", "a") + CALL("fail", "b") + CALL("fail", "c")', "E404", 1, 19),
    ('x = CALL("fail", "first")\ny = CALL("fail", "second")\nx + y', "E404", 1, 5),
    ('x = CALL[int]("zero")\n(1 // x, CALL[int]("fail"))', "E303", 2, 2),
    ('(CALL[int]("fail"), 1 // CALL[int]("zero"))', "E404", 1, 2),
    ('(1 // CALL[int]("zero"), CALL[int]("fail"))', "E303", 1, 2),
    ('(1 // 0, CALL[int]("fail"))', "E303", 1, 2),
    ('(CALL[int]("fail"), 1 // 0)', "E404", 1, 2),
    ('[CALL[int]("fail") if x == 2 else 1 // CALL[int]("zero") for x in [1, 2]]', "E303", 1, 35),
    ('[CALL[int]("fail") if x == 1 else 1 // CALL[int]("zero") for x in [1, 2]]', "E404", 1, 2),
    ('xs = CALL[list[str]]("letters", "ab")\n[1 // (len(x) - 1) for x in xs]', "E303", 2, 2),
    ('def f(x: int) -> int:\n    return 1 // x\nf(CALL[int]("zero"))', "E303", 2, 12),
    ('any(1 // CALL[int]("zero") > x for x in [1])', "E303", 1, 5),
    ('sorted([1, 2], key=lambda x: 1 // CALL[int]("zero"))', "E303", 1, 30),
    ('reduce(lambda a, x: a // x, [CALL[int]("zero")], 1)', "E303", 1, 21),
    ('{CALL("fail"): 1}', "E404", 1, 2),
    ('f"{CALL(\'fail\')}"', "E404", 1, 4),
    ('class P:\n    x: int\np = P(CALL[int]("fail"))\np.x', "E404", 3, 7),
    ('a, b = CALL[tuple[str, int]]("fail")\na', "E404", 1, 8),
    ('sorted(["a"], key=int)', "E304", 1, 19),
    ('sorted([CALL("echo", "a")], key=int)', "E304", 1, 33),
    ('["a"][CALL[int]("len", "abc")]', "E301", 1, 1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line", "column"), FAILURES, ids=[case[0] for case in FAILURES])
def test_of_several_failures_the_first_is_reported_whenever_they_happen(
    text: str, code: str, line: int, column: int
) -> None:
    program = compile(text)
    models = [Fake(obedient), Fake(obedient, concurrency=1), *(Shuffled(obedient, seed) for seed in range(5))]
    for model in models:
        with pytest.raises(RlmError) as caught:
            program.run(model=model)
        first = caught.value.first
        assert first.span is not None
        assert (first.code, first.span.line, first.span.column) == (code, line, column)


def test_what_is_not_needed_is_not_evaluated() -> None:
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


def test_names_of_far_scopes_are_found() -> None:
    text = "[[[a + b + c for c in [1]] for b in [2]] for a in [3]]"
    assert compile(text).run().value == [[[6]]]


def test_an_index_beyond_late_elements_is_an_error() -> None:
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


def test_a_chain_of_late_values_may_be_long() -> None:
    """Each answer is wrapped by pure work two hundred times, with no deep recursion."""
    steps = "\n".join(f'x{i} = x{i - 1} + "."' for i in range(1, 300))
    result = compile(f'x0 = CALL("up", "a")\n{steps}\nx299').run(model=Fake(obedient))
    assert result.value == "A" + "." * 299


def test_a_fold_over_late_values_may_be_long() -> None:
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
