"""Forms that few programs have mean the same in every way of running them.

The first programs make no calls: each is run as closures and as emitted Python code, and has one value or one error.
The others make calls: their values do not depend on the order in which the answers come.
"""

from __future__ import annotations

import ast
import asyncio
from typing import Any

import pytest

from rlmlang.errors import RlmError
from rlmlang.language.check import check
from rlmlang.language.depth import deep_recursion
from rlmlang.language.source import Source, Span
from rlmlang.runtime import serial_order
from rlmlang.runtime.compiler import evaluate
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import METER
from rlmlang.runtime.emit.failures import coded
from rlmlang.runtime.emit.listing import listing
from rlmlang.runtime.emit.unit import SITES, Site
from rlmlang.runtime.inputs import bind_inputs
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.scheduler import Evaluation
from rlmlang.runtime.values import to_json
from tests.support.evaluations import Answers, evaluated


def value_or_code(text: str, emits: bool, inputs: dict[str, Any]) -> Any:
    """Return the value of a program that makes no calls, or the code of its error."""
    try:
        checked = check(Source(text))
        evaluation = Evaluation(Answers(), Meter(20_000_000, 32_000_000))
        with deep_recursion:
            return to_json(asyncio.run(evaluate(evaluation, checked, bind_inputs(checked, inputs), emits=emits)))
    except RlmError as error:
        return error.first.code


BIG = 2**61 - 1

CLAUSES = "".join(f" for a{i} in [x]" for i in range(20))
DEEP = f"def f(x: int) -> int:\n    return sum([a0 + a19{CLAUSES}])\n"
RECORD = "class P:\n    x: int\n    ys: list[str]\n"

LONG = "a text that is longer than fifteen"

WITHOUT_CALLS = {
    "a long text put in a dict and a set": (
        f"d = {{'a': 1}}\ns = {{'a'}}\nfor i in [1, 2]:\n    d[{LONG!r}] = i\n    s.add({LONG!r})\n(len(d), len(s), d[{LONG!r}])",
        [2, 2, 2],
    ),
    "a long text counted by a function": (
        f"def f(k: str) -> str:\n    return k\nd = {{'a': 1}}\nk = f({LONG!r})\nd[k] = d.get(k, 0) + 1\nd[k]",
        1,
    ),
    "branches decided by the type, with others": (
        "def f(x: int, y: bool) -> int:\n    if x is None:\n        return 0\n    elif y:\n        return 1\n"
        "    else:\n        return 2\n[f(1, True), f(2, False)]",
        [1, 2],
    ),
    "branches decided by the type, in both cases": (
        "def f(x: int, y: bool) -> int:\n    if y:\n        return 1\n    elif x is not None:\n        return 2\n"
        "[f(1, True), f(2, False)]",
        [1, 2],
    ),
    "branches decided by more than the type": (
        "def f(x: int, y: bool) -> int:\n    if x is None or y:\n        return 1\n    return 2\n"
        "[f(1, True), f(2, False)]",
        [1, 2],
    ),
    "a lookup by a long text that is given to a function": (
        f"def f(d: dict[str, int], k: str) -> int:\n    return d.get(k, 0)\nf({{{LONG!r}: 5}}, {LONG!r})",
        5,
    ),
    "an item by a long text": (
        f"def f(k: str) -> int:\n    d = {{k: 5}}\n    return d[k] + len(d)\n(f({LONG!r}), f('a'))",
        [6, 6],
    ),
    "an item by a text in a comprehension": (
        "d = {'a': 5, 'b': 6}\nks = ['a', 'b']\n[d[k] for k in ks]",
        [5, 6],
    ),
    "a function of a text in a comprehension": (
        "def f(d: dict[str, int], k: str) -> int:\n    x = d.get(k, 0)\n    return x + 1\n"
        "d = {'a': 5}\n[f(d, k) for k in ['a', 'b']]",
        [6, 1],
    ),
    "elements that are in a set in a comprehension": (
        "s = {'a', 'b'}\nks = ['a', 'b', 'c']\n[k for k in ks if k in s]",
        ["a", "b"],
    ),
    "texts that are joined in a comprehension": (
        "ks = ['a', 'b', 'c']\n[k + k * 2 + f'{k}' for k in ks if k < 'c']",
        ["aaaa", "bbbb"],
    ),
    "lists in a comprehension": ("ks = [1, 2]\n[[k, k + 1][0] + max([k], default=3) for k in ks]", [2, 4]),
    "an item among the targets": ("xs = [1, 2]\nxs[0], xs[1] = xs[1], xs[0]\nxs", [2, 1]),
    "an item and a name": ("xs = [1, 2]\nn = xs[0] = 5\n(xs, n)", [[5, 2], 5]),
    "twenty loops in each other": (DEEP + "f(2) + f(3)", 10),
    "a change of a list in a record": (RECORD + 'p = P(1, ["a"])\np.ys.append("b")\n(p.x, p.ys)', [1, ["a", "b"]]),
    "an item of a list in a record": (RECORD + 'ps = [P(1, ["a"])]\nps[0].ys[0] += "b"\nps[0].ys', ["ab"]),
    "an optional lookup by a number in a comprehension": (
        "d = {1: 5}\nks = [1, 2, 3]\n[d.get(k, 0) if k > 1 else d.get(k, 7) for k in ks]",
        [5, 0, 0],
    ),
    "a lookup by a long constant text": (
        "d = {'a text that is longer than fifteen': 5}\nn = 0\nfor i in [1, 2]:\n"
        "    n += d.get('a text that is longer than fifteen', 0)\nn",
        10,
    ),
    "lengths in a comprehension": (
        "d = {'a': 5}\nks = ['a', 'b']\n[len(str(k)) + len(k + 'c') for k in ks]",
        [3, 3],
    ),
    "an assertion with a number": ("x = len('a')\nassert x == 2, x\nx", "E311"),
    "an assertion with a list": ("x = len('a')\nassert x == 2, [x]\nx", "E311"),
    "an error with the text of a number": ("x = len('a')\nif x == 1:\n    raise ValueError(str(x))\nx", "E312"),
    "an error with the text of a list, which is caught": (
        "def f(x: int) -> str:\n    try:\n        raise ValueError(str([x]))\n    except ValueError as e:\n"
        "        return str(e)\nf(3)",
        "[3]",
    ),
    "a list that no variable has, sorted": ("[3, 1].sort()\n1", 1),
    "an element added to a list that no variable has": ("[3, 1].append(2)\n1", 1),
    "an item taken from a list that no variable has": ("[3, 1].pop()", 1),
    "a list in a list that no variable has": ("[[3, 1], [2]][0].pop()", 1),
    "counting with the key of another": (
        "d = {'a': 1}\nk = 'a'\nj = 'b'\nfor i in range(2):\n    d[k] = d.get(j, 5) + 1\nd",
        {"a": 6},
    ),
    "counting in another dict": (
        "d = {'a': 1}\ne = {'a': 7}\nfor k in ['a', 'a']:\n    d[k] = e.get(k, 0) + 1\nd",
        {"a": 8},
    ),
    "counting with a variable that may be unbound": (
        "d = {'a': 1}\nfor i in [0, 1]:\n    if i > 0:\n        k = 'a'\n    if i == 1:\n"
        "        d[k] = d.get(k, 0) + 1\nd",
        {"a": 2},
    ),
    "counting with a variable that is unbound": (
        "d = {'a': 1}\nif len(d) > 1:\n    k = 'a'\nd[k] = d.get(k, 0) + 1\nd",
        "E310",
    ),
    "counting floats": (
        "d = {'a': 0.5}\nfor k in ['a', 'b']:\n    d[k] = d.get(k, 0) + 1\nd",
        {"a": 1.5, "b": 1},
    ),
    "counting by large steps": (
        f"d = {{'a': 1}}\nfor k in ['a', 'b']:\n    d[k] = d.get(k, {2**70}) + {2**71}\nd",
        {"a": 1 + 2**71, "b": 2**70 + 2**71},
    ),
    "counting tuples": (
        "d = {(1, 2): 1}\nfor k in [(1, 2), (3, 4), (1, 2)]:\n    d[k] = d.get(k, 0) + 1\nd[(1, 2)]",
        3,
    ),
    "counting by a constant key": ("d = {'a': 1}\nk = 'a'\nd[k] = d.get(k, 0) + 1\nd", {"a": 2}),
    "a condition that is decided by the type": (
        "def f(x: int) -> int:\n    return 1 if x is None else x + 1\n[f(1), f(2)]",
        [2, 3],
    ),
    "a condition on a type that is decided": (
        "def f(x: int) -> int:\n    return x if isinstance(x, int) else 7\n[f(1), f(2)]",
        [1, 2],
    ),
    "a branch that is decided by the type": (
        "def f(x: int) -> int:\n    if x is not None:\n        return x + 1\n    return 0\n[f(1), f(2)]",
        [2, 3],
    ),
    "a branch on a type that is decided": (
        "def f(x: int) -> int:\n    if isinstance(x, int):\n        return x + 1\n    return 0\n[f(1), f(2)]",
        [2, 3],
    ),
    "a function that passes": ("def f(x: int):\n    pass\n[f(i) for i in [1, 2]]", [None, None]),
    "a function that names a result": (
        "def f(x: int) -> int:\n    y: int = x + 1\n    return y * 2\n[f(i) for i in [1, 2]]",
        [4, 6],
    ),
    "a lookup by a tuple in a comprehension": (
        "d = {(1, 2): 5}\n[d.get((i, 2), 0) for i in [1, 2]]",
        [5, 0],
    ),
    "a lookup by a text in a comprehension": (
        "d = {'a': 5}\nks = ['a', 'b' * 40]\n[d.get(k, 0) for k in ks]",
        [5, 0],
    ),
    "a lookup by a tuple": ("d = {(1, 2): 5}\nk = (1, 2)\nn = 0\nfor i in [1, 2]:\n    n += d.get(k, 0)\nn", 10),
    "a lookup by a constant text": ("d = {'a': 5}\n[d.get('a', 0) + i for i in [1, 2]]", [6, 7]),
    "a comprehension with an optional lookup": (
        "d = {'a': 5}\nks = ['a', 'b']\n[d[k] if k in d else 0 for k in ks]",
        [5, 0],
    ),
    "a declaration without a value in a function": (
        "def f(a: int) -> int:\n    x: int\n    x = a\n    return x\nf(2)",
        2,
    ),
    "as many parts as targets": ("xs = [1, 2]\na, b = xs\n(a, b)", [1, 2]),
    "more parts than targets": ("xs = [1, 2, 3]\na, b = xs\na", "E304"),
    "fewer parts than targets": ("xs = [1]\na, b = xs\na", "E304"),
    "the minus of a truth value": ("b = len('a') == 1\n(-b, +b, ~b)", [-1, 1, -2]),
    "the inverse of a number": ("n = len('abc')\n(~n, -n, +n)", [-4, -3, 3]),
    "keys with the same hash, few of them": (f"d = {{n * {BIG}: n for n in range(66)}}\nlen(d)", "E306"),
    "keys with the same hash, one twice": (
        f"s = set(range(64))\nfor n in [1, 2, 3, 1, 2, 3]:\n    s.add(n * {BIG})\nlen(s)",
        67,
    ),
    "keys with the same hash, up to the limit": (
        f"s = set(range(64))\nfor n in range(1, 65):\n    s.add(n * {BIG})\nlen(s)",
        128,
    ),
    "keys with the same hash, above the limit": (
        f"s = set(range(64))\nfor n in range(1, 66):\n    s.add(n * {BIG})\nlen(s)",
        "E306",
    ),
    "many tuples": ("s = {(n, n) for n in range(99)}\ns.add((1, 1))\nlen(s)", 99),
    "many numbers": ("s = {n for n in range(99)}\ns.add(7)\nlen(s)", 99),
}


@pytest.mark.parametrize("emits", [False, True], ids=["closures", "emitted"])
@pytest.mark.parametrize(("text", "expected"), WITHOUT_CALLS.values(), ids=WITHOUT_CALLS)
def test_it_has_one_value_without_calls(text: str, expected: Any, emits: bool) -> None:
    assert value_or_code(text, emits, {}) == expected


WITH_CALLS = {
    "a function of twenty loops in each other": (
        DEEP + '(f(2), f(3), CALL("up", "a"))',
        (4, 6, "A"),
    ),
    "a change of a list in a record": (
        RECORD + 'p = P(1, ["a"])\np.ys.append(CALL("up", "b"))\n(p.x, p.ys)',
        (1, ["a", "B"]),
    ),
    "a change of a list in a record, by an answer": (
        RECORD + 'd = {"A": P(1, ["a"])}\nd[CALL("up", "a")].ys.append(CALL("up", "b"))\nd["A"].ys',
        ["a", "B"],
    ),
    "a declaration without a value": (
        'def f(a: str) -> str:\n    x: str\n    x = CALL("up", a)\n    return x\nf("a")',
        "A",
    ),
    "an item of a tuple": ('t = ([CALL("up", "a")], ["b"])\nt[0].append(CALL("up", "c"))\nt', (["A", "C"], ["b"])),
    "an item of a plain tuple": ('t = (["a"], ["b"])\nt[0].append(CALL("up", "c"))\nt', (["a", "C"], ["b"])),
    "the last of a plain list of lists": (
        'xs = [["a"], ["b"]]\nxs[-1].append(CALL("up", "c"))\nxs',
        [["a"], ["b", "C"]],
    ),
    "the last of a list": ('xs = ["a", "b"]\nxs[-1] = CALL("up", "c")\nxs', ["a", "C"]),
    "an item that is taken from within": (
        'xs = [CALL("up", "a"), CALL("up", "b"), "c"]\nx = xs.pop(0)\nxs.append(x)\nxs',
        ["B", "c", "A"],
    ),
    "the last item that is taken": ('xs = [CALL("up", "a"), CALL("up", "b")]\nx = xs.pop()\n(xs, x)', (["A"], "B")),
    "a key that is taken": ('d = {"a": CALL("up", "a"), "b": "c"}\nx = d.pop("a")\n(d, x)', ({"b": "c"}, "A")),
    "a key that is deleted": ('d = {"a": CALL("up", "a"), "b": "c"}\nd.pop("b")\nd', {"a": "A"}),
    "a list by a key that is an answer": (
        'd = {"A": ["b"]}\nk = CALL("up", "a")\nd[k].append("c")\nd',
        {"A": ["b", "c"]},
    ),
    "a list in a dict by an answer, within another": (
        'd = {"A": {"B": ["x"]}}\nd[CALL("up", "a")][CALL("up", "b")].append(CALL("up", "c"))\nd',
        {"A": {"B": ["x", "C"]}},
    ),
    "a list by default, by an answer": (
        'd = {"A": ["b"]}\nd.setdefault(CALL("up", "a"), []).append(CALL("up", "c"))\n'
        'd.setdefault(CALL("up", "z"), []).append(CALL("up", "y"))\nd',
        {"A": ["b", "C"], "Z": ["Y"]},
    ),
    "a loop while an answer, left on what is known": (
        'n = CALL[int]("len", "abcde")\nwhile n > 0:\n    n -= 1\n    break\nn',
        4,
    ),
    "a loop while answers, left on an answer": (
        'xs = [CALL("up", x) for x in ["a", "b", "c"]]\nys = [CALL("up", x) for x in ["p", "q", "r"]]\ni = 0\n'
        'while xs[i] != "C":\n    if ys[i] == "Q":\n        break\n    i += 1\n(i, xs, ys)',
        (1, ["A", "B", "C"], ["P", "Q", "R"]),
    ),
    "a loop while answers, gone on with on an answer": (
        'xs = [CALL("up", x) for x in ["a", "b", "c"]]\nys = [CALL("up", x) for x in ["p", "q", "r"]]\ni = 0\n'
        'out = []\nwhile xs[i] != "C":\n    i += 1\n    if ys[i] == "Q":\n        continue\n    out.append(xs[i])\nout',
        ["C"],
    ),
    "a function returns from a loop while answers": (
        'def f(xs: list[str], ys: list[str]) -> int:\n    i = 0\n    while xs[i] != "C":\n        if ys[i] == "Q":\n'
        "            return i * 10\n        i += 1\n    return -1\n"
        'xs = [CALL("up", x) for x in ["a", "b", "c"]]\nf(xs, [CALL("up", x) for x in ["p", "q", "r"]])',
        10,
    ),
    "a function returns from a loop while an answer": (
        'def f(s: str) -> int:\n    while s == "A":\n        return 10\n    return 0\n'
        '(f(CALL("up", "a")), f(CALL("up", "b")))',
        (10, 0),
    ),
    "a function on an answer": (
        'k = 2\ndef f(s: str) -> int:\n    return len(s) + k\n(f(CALL("up", "abc")), f("a"))',
        (5, 3),
    ),
}


def answered(word: str) -> Any:
    return 5 if word == "abcde" else word.upper()


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("at_most", [1, 10_000])
@pytest.mark.parametrize(("text", "expected"), WITH_CALLS.values(), ids=WITH_CALLS)
def test_it_has_one_value_in_any_order_of_answers(text: str, expected: Any, at_most: int, seed: int | None) -> None:
    assert evaluated(text, Answers(answered, at_most=at_most, seed=seed)) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('d = {"A": [1]}\nd[CALL("up", "a")].append(1 // len(d["A"][1:]))\nd', "E303"),
        ('d = {"B": [1]}\nd[CALL("up", "a")].append(1 // len(d["B"][1:]))\nd', "E302"),
        ('d = {"A": [[1]]}\nd[CALL("up", "a")][0].append([0][len("ab")])\nd', "E301"),
    ],
)
@pytest.mark.parametrize("seed", [None, 1])
def test_the_first_of_the_failures_of_a_change_is_raised(text: str, code: str, seed: int | None) -> None:
    with pytest.raises(RlmError) as raised:
        evaluated(text, Answers(answered, seed=seed))
    assert raised.value.first.code == code


def test_a_loop_with_many_answers_to_wait_for_has_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_order, "MOST_WAITING", 10)
    text = (
        'xs = [CALL[int]("echo", str(i)) for i in range(50)]\nn = 0\nhits = []\nwhile n < 50:\n'
        "    if xs[n] % 2 == 0:\n        hits.append(n)\n    n += 1\nlen(hits)"
    )
    assert evaluated(text, Answers(int, seed=1)) == 25


def test_a_listing_has_the_functions_that_functions_use() -> None:
    """Functions that are applied within others, or passed to them, are listed beside loops in functions with calls."""
    text = listing(
        check(
            Source(
                "def inner(x: int) -> int:\n    y = x\n    for i in range(x):\n        y += i\n    return y\n"
                "def outer(x: int) -> int:\n    z = inner(x)\n    return inner(z) + 1\n"
                "def passed(x: int) -> int:\n    return -x\n"
                "def asks(n: int) -> str:\n    m = 0\n    for i in range(n):\n        m += outer(i)\n"
                "    while m > 3:\n        m -= 3\n"
                '    return CALL("a", sorted([m, 1], key=passed), sorted(["b"], key=len))\n'
                "asks(3)"
            )
        )
    )
    ast.parse(text)
    for name in ("inner", "outer", "passed"):
        assert f" is {name}\n" in text


def test_an_error_that_emitted_code_does_not_raise_is_raised_again() -> None:
    error = ValueError("ours")
    with pytest.raises(ValueError, match="ours") as raised:
        coded(error)
    assert raised.value is error


def test_an_exception_of_another_kind_is_raised_again() -> None:
    source = Source("x")
    names: dict[str, Any] = {SITES: [Site(Span(source, 0, 1), None, "x")]}
    error = TypeError("ours")
    exec("def fail(error): raise error", names)
    with pytest.raises(TypeError) as raised:
        names["fail"](error)
    with pytest.raises(TypeError) as again:
        coded(raised.value)
    assert again.value is error


def test_an_operation_that_nothing_is_known_of_fails_with_a_general_code() -> None:
    names: dict[str, Any] = {SITES: [Site(Span(Source("x"), 0, 1))], "make": Meter}
    exec(f"def fail(error): {METER} = make(9, 9); raise error", names)
    with pytest.raises(ValueError, match="ours") as raised:
        names["fail"](ValueError("ours"))
    found = coded(raised.value)
    assert isinstance(found, RlmError)
    assert (found.first.code, found.first.message) == ("E300", "an operation failed: ours")


def test_code_that_is_not_simple_is_not_copied() -> None:
    code = python.call("len", python.load("x"))
    assert python.again(code) is code
    name = python.load("x")
    assert python.again(name) is not name


def test_a_bug_in_work_that_waited_ends_the_run_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("rlmlang.runtime.scheduler._Deferred.__call__", fail)
    with pytest.raises(RlmError, match="internal error: ZeroDivisionError: oh") as caught:
        evaluated('CALL("What is it?").upper()', Answers(lambda *_: "a"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
