"""Rare kinds of values: in JSON, in types, in inputs, in texts, in programs with answers, and in costs before a run."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.errors import RlmError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import (
    BOOL,
    INT,
    STR,
    DictType,
    ListType,
    OpenTupleType,
    RecordType,
    SetType,
    TupleType,
)
from rlmlang.runtime.effects import effects_of
from rlmlang.runtime.estimate.intervals import bounds_of, either, frozen_copy
from rlmlang.runtime.inputs import read_inputs
from rlmlang.runtime.pending import Pending, when_known
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.value_types import declarable_type, type_of
from rlmlang.runtime.values import (
    MatchValue,
    Mismatch,
    PatternValue,
    RecordValue,
    SetValue,
    canonical,
    has_infinity,
    to_json,
)
from tests.support.evaluations import Answers, evaluated
from tests.support.fakes import Fake, label

POINT = RecordType("P", (("x", INT), ("y", STR)))
FOUND = MatchValue("abc", ((1, 3),), {})


def test_each_kind_of_value_has_its_json() -> None:
    assert to_json([FOUND, SetValue([2, 1]), RecordValue(POINT, (1, "a"))]) == ["bc", [1, 2], {"x": 1, "y": "a"}]
    assert canonical([FOUND, SetValue(["b", "a"]), RecordValue(POINT, (1, "a"))]) == '["bc",["a","b"],{"x":1,"y":"a"}]'
    assert to_json(PatternValue("a+", 0)) == "a+"
    assert canonical([PatternValue("a+", 0)]) == '["a+"]'
    assert canonical({(1, 2): FOUND}) == '{"[1,2]":"bc"}'


@pytest.mark.parametrize("number", [inf, -inf, 1.5])
def test_infinite_numbers_are_found_in_every_container(number: float) -> None:
    point = RecordValue(RecordType("F", (("x", INT), ("y", STR))), (1, number))
    for value in (number, [number], (1, number), {1: number}, {number: 1}, SetValue([number]), point, [[point]]):
        assert has_infinity(value) is (number != 1.5)


@pytest.mark.parametrize(
    ("value", "type_", "declared"),
    [
        (SetValue([1, 2]), "set[int]", "set[int]"),
        (SetValue([]), "set[Never]", "set[str]"),
        ([SetValue([]), SetValue([1])], "list[set[int]]", "list[set[int]]"),
        ([None, []], "list[list[Never] | None]", "list[list[str] | None]"),
        (({}, None, True), "tuple[dict[Never, Never], None, bool]", "tuple[dict[str, str], None, bool]"),
        (RecordValue(POINT, (1, "a")), "P", "P"),
    ],
)
def test_types_of_values(value: Any, type_: str, declared: str) -> None:
    assert (str(type_of(value)), str(declarable_type(value))) == (type_, declared)


@pytest.mark.parametrize(
    ("data", "type_"),
    [
        ("ab", SetType(STR)),
        ({"a": 1}, ListType(STR)),
        ([1], TupleType((INT, INT))),
        ("ab", OpenTupleType(STR)),
        ([1], DictType(STR, INT)),
        ([1], POINT),
        (1, BOOL),
        ({1: 1}, DictType(STR, INT)),
        ({"x": 1}, DictType(INT, INT)),
    ],
)
def test_data_of_another_shape_is_no_value_of_the_type(data: Any, type_: Any) -> None:
    with pytest.raises(Mismatch):
        from_json(data, type_)


def test_keys_are_read_from_text_or_taken_as_they_are() -> None:
    pairs = DictType(TupleType((INT, INT)), STR)
    assert from_json({"[1, 2]": "a", (3, 4): "b"}, pairs) == {(1, 2): "a", (3, 4): "b"}


@pytest.mark.parametrize(("text", "value"), [("[1, 2]", [1, 2]), ("1", 1), ("not json", "not json"), ('"a"', "a")])
def test_text_for_an_input_without_a_type_is_json_or_itself(text: str, value: Any) -> None:
    checked = check(Source("def main(x):\n    return x"))
    assert read_inputs(checked, {"x": text}) == {"x": value}


def test_bounds_of_values() -> None:
    assert bounds_of(3) == (3, 3)
    assert bounds_of("abc") == (3, 3)
    assert bounds_of(2.5) == bounds_of(None) == bounds_of(RecordValue(POINT, (1, "a"))) == (-inf, inf)
    assert bounds_of(10**400)[1] == inf
    assert bounds_of(-(10**400))[0] == -inf


def test_the_frozen_copy_of_a_value_has_parts_of_its_own() -> None:
    inner = [1]
    value = [inner, (inner, 2), {"k": inner}, {3}, RecordValue(POINT, (1, inner))]
    copy = frozen_copy(value)
    inner.append(2)
    value[3].add(4)
    assert copy[:4] == [[1], ([1], 2), {"k": [1]}, {3}]
    assert copy[4].values == (1, [1])


def test_one_of_two_records_has_the_fields_that_both_have() -> None:
    same = either(RecordValue(POINT, (1, "a")), RecordValue(POINT, (1, "a")))
    assert same.values == (1, "a")
    assert bounds_of(either("a", "bcd")) == (1, 3)


ANSWERS: dict[str, Any] = {
    "list": ["a", "b"], "n": 2, "yes": True, "no": False, "text": "t", "ints": [1, 3], "open": "{0",
}  # fmt: skip
PROGRAMS = {
    "or that is decided": ("x = 1\nx is None or x > 0", True),
    "and that is decided": ("x = 1\nisinstance(x, int) and x > 0", True),
    "or decided by its left side": ("x = 1\nx is not None or x > 3", True),
    "branch that no value reaches": ("x = 1\nif x is None:\n    x = 2\n    x = 3\nx", 1),
    "branch of a function that no value reaches": (
        "def f(x: int) -> int:\n    if not isinstance(x, int):\n        return 2\n    return x\nf(1)", 1),
    "a function that only makes lists, applied often": (
        "def f(x: int) -> list[int]:\n    return [x]\nys = [f(i)[0] for i in range(500)]\nsum(ys)", 124750),
    "return of nothing under an answer": (
        'def f(xs: list[int]) -> None:\n    if CALL[bool]("q", "yes"):\n        return\n    print(xs)\nf([1])\n1', 1),
    "changes under an answer in a function": (
        'xs = [1]\ndef f() -> int:\n    return len(xs) + CALL[int]("q", "n")\n'
        'if CALL[bool]("q", "yes"):\n    xs.append(2)\ny = f()\nxs.append(3)\n(y, xs)', (4, [1, 2, 3])),
    "bound under an answer, read in a function": (
        'if CALL[bool]("q", "yes"):\n    k = 3\nelse:\n    k = 4\ndef f(v: int) -> int:\n    return v + k\nlist(map(f, [1]))', [4]),
    "loop in a function that reads what is around it": (
        "k = 2\ndef f(n: int) -> int:\n    t = 0\n    for i in range(n):\n        t += k\n    return t\nf(20000)", 40000),
    "function of lists with a program function applied": (
        'def h(v: int) -> int:\n    return v + CALL[int]("q", "n")\ndef g(f: Callable[[int], int], x: int) -> int:\n'
        "    return f(x)\nt = 0\nfor i in [1, 2]:\n    t += g(h, i)\nt", 7),
    "variable with a type and no value": ("def f() -> int:\n    x: int\n    x = 2\n    return x\nf()", 2),
    "if that is never taken": ("x = 1\nif False:\n    x = 2\nx", 1),
    "isinstance of an answer": ('x = CALL[int | None]("q", "n")\nisinstance(x, int)', True),
    "spread answers in max": ('max(*CALL[list[int]]("q", "ints"))', 3),
    "spread answers in print": ('print(*CALL[list[int]]("q", "ints"))\n1', 1),
    "unbound for certain": ("if 1 > 2:\n    x = 1\nx", "E310"),
    "unbound under an answer": ('n = 0\nif 1 > 2:\n    x = 1\nif CALL[bool]("q", "no"):\n    n = x\nn', 0),
    "function that only fails": (
        'def f(n: int) -> int:\n    if n < 9:\n        raise ValueError("a")\n    else:\n        raise ValueError("b")\nf(1)', "E312"),
    "failing function under an answer": (
        'def f(n: int) -> int:\n    raise ValueError("a")\nn = 0\nif CALL[bool]("q", "no"):\n    n = f(1)\nn', 0),
    "endless recursion with a function": (
        "def f(g: Callable[[int], int], n: int) -> int:\n    return 0 if n < 0 else f(g, g(n))\nf(lambda v: v + 1, 0)", "E309"),
    "endless recursion with a function under an answer": (
        "def f(g: Callable[[int], int], n: int) -> int:\n    return 0 if n < 0 else f(g, g(n))\n"
        'n = 1\nif CALL[bool]("q", "no"):\n    n = f(lambda v: v + 1, 0)\nn', 1),
    "loop that maps a function with a CALL": (
        'def f(n: int) -> int:\n    return n + CALL[int]("q", "n")\nt = 0\nfor i in [1, 2]:\n    t += sum(map(f, [i, i]))\nt', 14),
    "loop in a function over a function": (
        "def f(g: Callable[[int], int]) -> int:\n    t = 0\n    for i in range(3):\n        t += g(i)\n    return t\n"
        'f(abs) + f(lambda v: v + CALL[int]("q", "n"))', 12),
    "conditional that is decided": ("x = 2\n(x if True else 0) + (0 if False else x)", 4),
    "assert under an answer in a function": (
        'def f(s: str) -> str:\n    assert s != "", "none" + CALL("q", "text")\n    return s\nf("a")', "a"),
    "tuple of a spread answer": ('(*CALL[list[str]]("q", "list"), "c")', ("a", "b", "c")),
    "list of a spread answer": ('["z", *CALL[list[str]]("q", "list")]', ["z", "a", "b"]),
    "size of a set of a spread answer": ('len({"a", *CALL[list[str]]("q", "list")})', 2),
    "sorted set of answers": ('sorted({CALL("q", "text"), "a"})', ["a", "t"]),
    "dict of answers": ('{CALL("q", "text"): CALL[int]("q", "n")}', {"t": 2}),
    "next of a search by answers": ('next((x for x in [1, 2] if CALL[bool]("q", "no")), 9)', 9),
    "next found by answers": ('next(x for x in [1, 2] if CALL[bool]("q", "yes"))', 1),
    "next of nothing by answers": ('next(x for x in [1, 2] if CALL[bool]("q", "no"))', "E312"),
    "next of nothing": ("next(x for x in [1, 2] if x > 2)", "E312"),
    "assert with an answer": ('assert CALL[bool]("q", "no"), CALL("q", "text")\n1', "E311"),
    "assert that holds": ('assert CALL[bool]("q", "yes"), CALL("q", "text")\n1', 1),
    "assert of a list": ("assert 1 > 2, [1]\n1", "E311"),
    "raise an answer": ('try:\n    raise ValueError(CALL("q", "text"))\nexcept ValueError as e:\n    x = str(e)\nx', "t"),
    "raise an answer uncaught": ('raise ValueError(CALL("q", "text"))\n1', "E312"),
    "percent key of a number": ('x = 3\n"%(a)s" % x', "E304"),
    "percent key of a dict": ('"%(a)s!" % {"a": 3}', "3!"),
    "percent key not there": ('k = {"b": 3}\n"%(a)s" % k', "E302"),
    "format with a malformed template": ('CALL("q", "open").format(1)', "E304"),
    "format with a mixed template": ('t = "{}" + "{0}"\nt.format(1)', "E304"),
    "conditional expression on an answer": ('CALL[int]("q", "n") if CALL[bool]("q", "yes") else 0', 2),
    "plus of an answer": ('+CALL[int]("q", "n") + ~CALL[int]("q", "n")', -1),
    "function kept for later": ('k = CALL[int]("q", "n")\nf = [x + k for x in [1, 2]]\nlist(map(lambda x: x + k, f))', [5, 6]),
    "function defined under an answer": (
        'def g(f: Callable[[int], int], x: int) -> int:\n    return f(x)\ng(lambda v: v + CALL[int]("q", "n"), 1)', 3),
    "record of answers": (
        'class P:\n    x: int\n    y: str\np = P(CALL[int]("q", "n"), CALL("q", "text"))\n(p.x, p.y)', (2, "t")),
    "unbound unless an answer": ('if CALL[bool]("q", "no"):\n    x = 1\nx', "E310"),
    "bound if an answer": ('if CALL[bool]("q", "yes"):\n    x = 1\nx', 1),
    "default of a set": ("def f(s: set[int] = {1, 2}) -> int:\n    return len(s)\nf()", 2),
    "not of an answer": ('not CALL[bool]("q", "no")', True),
    "and of constants": ("True and 3 > 2", True),
    "or of an answer": ('CALL[bool]("q", "no") or CALL[int]("q", "n") > 1', True),
    "isinstance of None": ("x = None if 1 > 2 else 3\nisinstance(x, int)", True),
    "print spread": ('print(*[1, 2])\nmax(*[1, 2])', 2),
    "function with a loop in it": (
        "def f(n: int) -> int:\n    t = 0\n    for i in range(n):\n        t += i\n    return t\n"
        "sum(f(i) for i in range(200))", 1313400),
    "long loop over lists": (
        "d = {}\nq = [[0], [1]]\nfor i in range(30000):\n    q[i % 2].append(i)\n    d[i % 7] = q[0][-1]\n(len(q[0]), len(d))",
        (15001, 7)),
    "long loop in a function": (
        "def f(n: int) -> int:\n    t = 0\n    while t < n:\n        t += 1\n    return t\nf(50000)", 50000),
    "long loop that fails": ("t = 0\nfor i in range(30000):\n    t += 1 // (20000 - i)\nt", "E303"),
    "long loop over records": (
        "class P:\n    x: int\n    y: str\nps = [P(1, 'a')]\nn = 0\nfor i in range(30000):\n"
        "    n += ps[0].x\n    if i % 1000 == 0:\n        ps.append(P(i, 'b'))\n(n, len(ps))", (30000, 31)),
    "endless recursion": ("def f(n: int) -> int:\n    return f(n + 1)\nf(0)", "E309"),
    "recursion": ("def f(n: int) -> int:\n    return 1 if n < 1 else n * f(n - 1)\nf(10)", 3628800),
    "reduce": ("import functools\nfunctools.reduce(lambda a, b: a + b, [1, 2, 3], 0)", 6),
    "sorted by a built-in": ('sorted(["bb", "a"], key=len)', ["a", "bb"]),
    "record made by map": (
        "class P:\n    x: int\nlist(map(P, [1, 2]))[1].x", 2),
    "early return": ("def f(n: int) -> int:\n    return n\n    n = 2\nf(1)", 1),
    "pi": ("import math\nmath.floor(math.pi)", 3),
    "f-string of an answer": ('x = CALL("q", "text")\nf"a{x}b"', "atb"),
}  # fmt: skip


def outcome(text: str, seed: int | None) -> Any:
    try:
        return evaluated(text, Answers(lambda key: ANSWERS[key], seed=seed))
    except RlmError as error:
        return error.first.code


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize(("text", "value"), PROGRAMS.values(), ids=PROGRAMS)
def test_values_of_programs(text: str, value: Any, seed: int | None) -> None:
    assert outcome(text, seed) == value


@pytest.mark.parametrize("text", [text for text, _ in PROGRAMS.values()], ids=PROGRAMS)
def test_the_cost_before_a_run_contains_what_the_run_takes(text: str) -> None:
    model = Fake(lambda request: ANSWERS[label(request).split()[-1]])
    program = compile(text)
    try:
        usage = program.run(model=model).usage
    except RlmError:
        return
    cost = program.cost(model=model)
    for name in ("calls", "steps", "bytes"):
        low, high = getattr(cost, name)
        assert low <= getattr(usage, name)
        assert high is None or getattr(usage, name) <= high


def test_an_input_may_have_any_constant_as_its_value() -> None:
    text = 'def main(s: set[int] = {1, -2}, t: tuple[int, str] = (1, "a"), d: dict[str, list[int]] = {"k": [1]}):\n'
    assert compile(text + "    return (sorted(s), t, d)").run().value == ([-2, 1], (1, "a"), {"k": [1]})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("n = len([1])\nif n > 1:\n    x = 1\nx", "E310"),
        ("def f(n: int) -> int:\n    if n > 1:\n        x = n\n    return x\nf(1)", "E310"),
        ("xs = [1, 2]\nt = 0\nfor i in range(3):\n    t += xs[i]\nt", "E301"),
    ],
)
def test_the_cost_of_a_program_that_fails_in_any_case_is_its_failure(text: str, code: str) -> None:
    with pytest.raises(RlmError) as caught:
        compile(text).cost()
    assert caught.value.first.code == code


def test_what_waits_for_values_runs_once_when_the_last_is_known() -> None:
    ran: list[str] = []
    first, second = Pending(), Pending()
    when_known([1, []], lambda: ran.append("at once"))
    when_known([first, 1, second], lambda: ran.append("both"))
    second.resolve(2)
    assert ran == ["at once"]
    first.resolve([1])
    assert ran == ["at once", "both"]
    when_known([first, second], lambda: ran.append("after"))
    assert ran == ["at once", "both", "after"]


def test_a_part_that_is_not_there_has_no_effects() -> None:
    checked = check(Source("x = 1\ny = x + 1\ny"))
    body = checked.module.statements
    with_none = effects_of(checked.tables, [None, *body])
    assert with_none == effects_of(checked.tables, body)
    assert with_none.assigned == {"x", "y"}
