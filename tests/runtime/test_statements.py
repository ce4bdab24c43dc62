"""Statements around answers that are not there yet: which calls run at once, long loops, what is printed, and failures.

That every program has one value, whenever its answers arrive, is tested by `tests/cases/statements.rlm`.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.errors import RlmError
from rlmlang.runtime import serial_order
from tests.support.evaluations import Answers, evaluated
from tests.support.fakes import Fake, Held, Shuffled, obedient
from tests.support.scenarios import scenario, start

CHUNKS = 'chunks = ["a", "bb", "c"]\n'

AT_ONCE = {
    "append under an if": (
        'hits = []\nfor c in chunks:\n    if CALL[bool]("yes", c):\n        hits.append(c)\nhits',
        {"yes a", "yes bb", "yes c"},
    ),
    "count under an if": (
        'd = {}\nfor c in chunks:\n    if CALL[bool]("yes", c):\n        k = len(c)\n        d[k] = d.get(k, 0) + 1\nd',
        {"yes a", "yes bb", "yes c"},
    ),
    "count by answers": (
        'd = {}\nfor c in chunks:\n    k = CALL("up", c)\n    d[k] = d.get(k, 0) + 1\nd',
        {"up a", "up bb", "up c"},
    ),
    "add up answers": (
        'd = {"n": 0}\nfor c in chunks:\n    d["n"] += CALL[int]("len", c)\nd',
        {"len a", "len bb", "len c"},
    ),
    "append answers to lists in a dict": (
        'd = {}\nfor c in chunks:\n    d.setdefault(len(c), []).append(CALL("up", c))\nd',
        {"up a", "up bb", "up c"},
    ),
    "call under an if on what is known": (
        'out = []\nfor c in chunks:\n    if len(c) == 1:\n        out.append(CALL("up", c))\nout',
        {"up a", "up c"},
    ),
    "continue on an answer": (
        'out = []\nfor c in chunks:\n    n = len(c)\n    if CALL[bool]("no", c):\n        continue\n'
        '    out.append(n)\n    CALL("up", str(n))\nout',
        {"no a", "no bb", "no c"},
    ),
    "break on an answer": (
        'out = []\nfor c in chunks:\n    if CALL[bool]("no", c):\n        break\n    out.append(c)\nout',
        {"no a"},
    ),
    "break on what is known": (
        'out = []\nfor c in chunks:\n    if len(c) > 1:\n        break\n    out.append(CALL("up", c))\n(out, CALL("up", "z"))',
        {"up a", "up z"},
    ),
    "return on an answer in a loop": (
        'def first(xs):\n    for x in xs:\n        if CALL[bool]("no", x):\n            return x\n    return ""\n'
        '(first(chunks), first(["q", "r"]), CALL("up", "z"))',
        {"no a", "no q", "up z"},
    ),
    "what follows an if": (
        'n = 0\nif CALL[bool]("yes", "q"):\n    n = CALL[int]("len", "r")\nm = CALL[int]("len", "s")\n(n, m)',
        {"yes q", "len s"},
    ),
    "what follows a loop over an answer": (
        'out = []\nfor x in CALL[list[str]]("letters", "pq"):\n    out.append(CALL("up", x))\nz = CALL("up", "z")\n(out, z)',
        {"letters pq", "up z"},
    ),
    "a try in each turn": (
        'out = []\nfor c in chunks:\n    try:\n        out.append(int(CALL("echo", c)))\n    except ValueError:\n'
        "        out.append(0)\nout",
        {"echo a", "echo bb", "echo c"},
    ),
    "statements of one try": (
        'try:\n    x = CALL("up", "a")\n    y = CALL("up", "b")\nexcept ModelError:\n    x = y = ""\n(x, y, CALL("up", "c"))',
        {"up a", "up b", "up c"},
    ),
    "a change in a try": (
        'xs = ["q"]\ntry:\n    x = CALL("up", "a")\n    xs.append(x)\n    y = CALL("up", "b")\nexcept ModelError:\n    y = ""\n(xs, y)',
        {"up a"},
    ),
    "a function of an answer": (
        'def f(x):\n    y = CALL("up", x)\n    if y == "A":\n        return CALL("echo", "first")\n    return y\n'
        "out = []\nfor c in chunks:\n    out.append(f(c))\nout",
        {"up a", "up bb", "up c"},
    ),
    "inner loops": (
        'n = 0\nfor c in chunks:\n    for d in "xy":\n        if CALL[bool]("yes", c + d):\n            n += 1\nn',
        {"yes " + c + d for c in ("a", "bb", "c") for d in "xy"},
    ),
    "inner loops with break": (
        'n = 0\nfor c in chunks:\n    for d in "xy":\n        if CALL[bool]("yes", c + d):\n            break\n        n += 1\nn',
        {"yes ax", "yes bbx", "yes cx"},
    ),
}
"""Programs, and the calls that they make while none has an answer."""


@pytest.mark.parametrize("name", AT_ONCE)
def test_calls_that_need_no_other_answer_run_at_once(name: str) -> None:
    text, calls = AT_ONCE[name]

    async def steps() -> None:
        model = Held(obedient)
        task = start(CHUNKS + text, model)
        await model.until_running(*calls)
        for _ in range(20):
            await asyncio.sleep(0)
        assert model.running == calls
        while not task.done():
            model.let_go(*model.running)
            await asyncio.sleep(0)
        assert (await task).value == (await compile(CHUNKS + text).arun(model=Fake(obedient, concurrency=1))).value

    scenario(steps)


def test_an_answer_lets_only_its_own_branch_go_on() -> None:
    text = 'out = []\nfor c in ["a", "b"]:\n    if CALL[bool]("yes", c):\n        out.append(CALL("up", c))\nout'

    async def steps() -> None:
        model = Held(obedient)
        task = start(text, model)
        await model.until_running("yes a", "yes b")
        model.let_go("yes b")
        await model.until_running("yes a", "up b")
        model.let_go("yes a")
        await model.until_running("up a", "up b")
        model.let_go("up a", "up b")
        assert (await task).value == ["A", "B"]

    scenario(steps)


# Long loops ----------------------------------------------------------------------

LONG = {
    "a variable that waits": "n = CALL[int](0)\nfor i in range(TURNS):\n    n = n + 1\nn",
    "an if that waits": "p = CALL[int](1)\nn = 0\nfor i in range(TURNS):\n    if p:\n        n += 1\nn",
    "break": "n = 0\nfor i in range(TURNS):\n    if CALL[int](i) < 0:\n        break\n    n += 1\nn",
    "continue": "n = []\nfor i in range(TURNS):\n    if CALL[int](i) < 0:\n        continue\n    n.append(i)\nlen(n)",
    "append": "xs = []\nfor i in range(TURNS):\n    xs.append(CALL[int](i))\nsum(xs) - sum(range(TURNS)) + TURNS",
    "counts": "d = {}\nfor i in range(TURNS):\n    k = CALL[int](i) % 3\n    d[k] = d.get(k, 0) + 1\nsum(d.values())",
    "counts of many": "d = {}\nfor i in range(TURNS):\n    k = CALL[int](i)\n    d[k] = d.get(k, 0) + 1\nlen(d)",
    "a while that waits": "n = CALL[int](TURNS)\ni = 0\nwhile i < n:\n    i += 1\ni",
    "a try in each turn": "n = 0\nfor i in range(TURNS):\n    try:\n        n += CALL[int](1)\n    except ModelError:\n        n = 0\nn",
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("turns", [3_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_loop_may_have_many_turns_that_wait(name: str, turns: int) -> None:
    """There is neither recursion nor quadratic work, and no more calls wait than are asked for."""
    answers = Answers(lambda x: x, at_most=500)
    text = LONG[name].replace("CALL[int](", 'CALL[int]("", ').replace("TURNS", str(turns))
    assert evaluated(text, answers) == turns
    assert answers.most <= 501


@pytest.mark.parametrize(
    "text",
    [
        "n = 0\nfor i in range(1_000_000):\n    if CALL[bool](str(i)):\n        n += 1\nn",
        "xs = []\nfor i in range(1_000_000):\n    xs.append(CALL[bool](str(i)))\nlen([x for x in xs if x])",
    ],
)
@pytest.mark.long
def test_a_for_makes_a_million_calls_in_bounded_memory(text: str) -> None:
    answers = Answers(lambda: True, at_most=1_000, memo=False)
    assert evaluated(text, answers, max_steps=100_000_000) == 1_000_000
    assert answers.most <= 1_001


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("turns", [2_000, pytest.param(20_000, marks=pytest.mark.long)])
def test_four_times_as_many_turns_take_no_more_memory(name: str, turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left for each turn is what the program itself makes of it, a number in a list or dict."""
    monkeypatch.setattr(serial_order, "MOST_WAITING", 500)

    def peak(turns: int) -> int:
        text = LONG[name].replace("CALL[int](", 'CALL[int]("", ').replace("TURNS", str(turns))
        # Cycles are looked for when 70,000 objects are new, and a quarter of all. Here it is done often, and without the
        # objects of other tests, so that what is measured is what is still used.
        thresholds = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.collect()
        gc.set_threshold(500, 2, 2)
        tracemalloc.start()
        try:
            assert evaluated(text, Answers(lambda x: x, at_most=200, memo=False)) == turns
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            gc.set_threshold(*thresholds)
            gc.unfreeze()

    peak(10)  # reads the grammar, and whatever else is kept for all programs
    assert peak(4 * turns) - peak(turns) < 200_000 + 120 * 3 * turns


@pytest.mark.parametrize(
    "text",
    [
        "n = 0\nfor i in range(100):\n    n += i * p\nn",
        "n = i = 0\nwhile i < 100:\n    n += i * p\n    i += 1\nn",
        "sum([i * p for i in range(100)])",
        "sum([(10 * i + j) * p for i in range(10) for j in range(10)])",
        "sum(map(lambda i: i * p, range(100)))",
    ],
)
def test_a_loop_pauses_while_much_of_its_work_waits(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    most, enter = 0, serial_order.Window.enter

    def entered(window: serial_order.Window) -> None:
        nonlocal most
        enter(window)
        most = max(most, window.waiting)

    monkeypatch.setattr(serial_order, "MOST_WAITING", 10)
    monkeypatch.setattr(serial_order.Window, "enter", entered)
    assert evaluated(f'p = CALL[int]("")\n{text}', Answers(lambda: 2)) == 2 * sum(range(100))
    assert most == 10


def test_a_list_that_waits_is_copied_only_where_it_is_changed_meanwhile() -> None:
    """Each turn takes `xs` along; as nothing changes it, that is no work."""
    text = "xs = list(range(20_000))\nn = 0\nfor i in range(2_000):\n    if CALL[bool](str(i)):\n        n += xs[i]\nn"
    assert evaluated(text, Answers(lambda: True, at_most=100)) == sum(range(2_000))


# Recursion -----------------------------------------------------------------------


def test_recursion_is_bounded() -> None:
    text = "def depth(n):\n    if n == 0:\n        return 0\n    return 1 + depth(n - 1)\n"
    assert evaluated(text + "depth(999)", Answers()) == 999
    with pytest.raises(RlmError) as caught:
        evaluated(text + "depth(1_000)", Answers())
    assert caught.value.first.code == "E309"


def test_recursion_is_as_deep_whether_answers_are_there_or_not() -> None:
    text = 'def depth(n):\n    if CALL[bool]("", n) or n == LAST:\n        return n\n    return depth(n + 1)\ndepth(0)'
    answers = Answers(lambda n: False)
    assert evaluated(text.replace("LAST", "999"), answers) == 999
    for given in (answers, Answers(lambda n: False)):  # of the first, all answers are known
        with pytest.raises(RlmError) as caught:
            evaluated(text.replace("LAST", "1_000"), given)
        assert caught.value.first.code == "E309"


# Printing ------------------------------------------------------------------------


def printed(text: str, answers: Answers) -> list[str]:
    with suppress(RlmError):
        evaluated(text, answers)
    return answers.printed


@pytest.mark.parametrize("seed", range(4))
def test_texts_are_printed_in_the_order_of_evaluation(seed: int) -> None:
    text = (
        'def f(x):\n    print("f", x)\n    return CALL("", x)\n'
        'print("first", CALL("", "a"))\n'
        "for c in ['b', 'c']:\n"
        '    if CALL[str]("", c) == "b":\n        print("is", c)\n'
        '    print(f(f(c)), "after")\n'
        'print(f("d") if f("e") else "", [f(x) for x in "gh"])\n'
        "1\n"
    )
    expected = [
        "first a", "is b", "f b", "f b", "b after", "f c", "f c", "c after",
        "f e", "f d", "f g", "f h", "d ['g', 'h']",
    ]  # fmt: skip
    assert printed(text, Answers(lambda x: x, seed=seed)) == [line + "\n" for line in expected]


@pytest.mark.parametrize("seed", range(4))
def test_what_stands_after_a_failure_is_not_printed(seed: int) -> None:
    text = 'print("a", CALL("", "1"))\nprint("b", int(CALL("", "x")))\nprint("c", CALL("", "2"))\n1'
    assert printed(text, Answers(lambda x: x, seed=seed)) == ["a 1\n"]


# Failures ------------------------------------------------------------------------

FAILURES = {
    "the failure of the first turn": ('for x in ["a", "b"]:\n    y = CALL("fail", x)\n    1 // 0\n1', "E404", 2),
    "a later turn that fails first": ('for n in [2, 1]:\n    if CALL[bool]("yes", str(n)):\n        1 // (n - 1)\n1', "E303", 3),
    "the iterable before its turns": ('for x in [CALL("fail", "a"), "b"]:\n    1 // 0\n1', "E404", 1),
    "the argument before the function": ('def f(x):\n    return 1 // 0\nf(CALL("fail", "a"))', "E404", 3),
    "an unbound variable": ('if CALL[bool]("no", "a"):\n    x = 1\nx', "E310", 3),
    "an unbound variable in a comprehension": ('if CALL[bool]("no", "a"):\n    x = "1"\nif CALL[bool]("yes", "b"):\n    y = [c for c in "ab" if x in [c]]\nx = "2"\nx', "E310", 4),
    "a variable that a loop did not bind": ('for x in CALL[list[str]]("letters", ""):\n    y = x\ny', "E310", 3),
    "an assertion": ('n = CALL[int]("len", "a")\nassert n > 1, f"only {n}"\nn', "E311", 2),
    "raise": ('n = CALL[int]("len", "a")\nif n < 2:\n    raise ValueError(f"only {n}")\nn', "E312", 3),
    "what no handler catches": ('try:\n    int(CALL("up", "a"))\nexcept KeyError:\n    pass\n1', "E304", 2),
    "an error in a handler": ('try:\n    int(CALL("up", "a"))\nexcept ValueError:\n    {"a": 1}["b"]\n1', "E302", 4),
    "raise again": ('try:\n    int(CALL("up", "a"))\nexcept ValueError:\n    raise\n1', "E304", 2),
    "a change that fails": ('xs = [CALL("up", "a")]\nxs.remove("b")\nCALL("fail", "c")', "E304", 2),
    "unpacking too many": ('a, b = CALL[list[str]]("letters", "abc")\na', "E304", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_the_first_failure_in_the_order_of_evaluation_is_reported(name: str) -> None:
    text, code, line = FAILURES[name]
    models: list[Callable[[], Any]] = [lambda: Fake(obedient, concurrency=1)]
    models += [lambda seed=seed: Shuffled(obedient, seed) for seed in range(4)]
    for model in models:
        with pytest.raises(RlmError) as caught:
            compile(text).run(model=model())
        first = caught.value.first
        assert first.span is not None
        assert (first.code, first.span.line) == (code, line)


TOGETHER = {
    "the second binding": (
        'a = b = c = "-"\ntry:\n    a = CALL("up", "a")\n    b, c = CALL("fail", "b"), CALL("up", "c")\n'
        '    c = CALL("up", "d")\n    a = CALL("up", "e")\nexcept ModelError:\n    pass\n(a, b, c)',
        ("A", "-", "-"),
    ),
    "work on an answer": (
        'a = b = 0\ntry:\n    a = CALL[int]("len", "a")\n    b = 1 // (a - CALL[int]("len", "b"))\n'
        '    a = CALL[int]("len", "ccc")\nexcept ZeroDivisionError:\n    b = a + 10\n(a, b)',
        (1, 11),
    ),
    "the first of two": (
        'a = "-"\ntry:\n    a = CALL("fail", "a")\n    b = int(CALL("up", "b"))\nexcept ModelError:\n    b = 1\n'
        "except ValueError:\n    b = 2\n(a, b)",
        ("-", 1),
    ),
    "a turn of a loop": (
        'a = b = ""\ntry:\n    for x in "pqr":\n        a = CALL("up", x)\n        b = CALL("fail" if x == "q" else "up", x)\n'
        "except ModelError:\n    pass\n(a, b, x)",
        ("Q", "P", "q"),
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_bindings_that_ask_at_once_in_a_try_fail_in_their_order(name: str) -> None:
    """What was bound before the one that fails stays bound, and nothing else."""
    text, value = TOGETHER[name]
    for model in (Fake(obedient, concurrency=1), *(Shuffled(obedient, seed) for seed in range(5))):
        assert compile(text).run(model=model).value == value


def test_no_handler_catches_a_budget() -> None:
    text = "try:\n    for i in range(100_000):\n        pass\nexcept Exception:\n    pass\n1"
    with pytest.raises(RlmError) as caught:
        compile(text).run(limits=Limits(max_steps=1_000))
    assert caught.value.first.code == "E506"


def test_a_failure_cancels_the_calls_of_a_try_behind_it() -> None:
    text = 'a = CALL("fail", "a")\ntry:\n    b = CALL("up", "b")\nexcept ModelError:\n    b = ""\n(a, b)'

    async def steps() -> None:
        model = Held(obedient)
        task = start(text, model)
        await model.until_running("fail a", "up b")
        model.let_go("fail a")
        with pytest.raises(RlmError) as caught:
            await task
        assert caught.value.first.code == "E404"
        assert model.cancelled == ["up b"]

    scenario(steps)
