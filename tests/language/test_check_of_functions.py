"""Functions that are passed as arguments, that apply one another, and that ask for the types of their arguments.

Programs that the checker accepts have the value that CPython gives them; those that it refuses have the code of a
problem that the programmer can mend.
"""

from __future__ import annotations

from typing import Any

import pytest

import rlmlang
from rlmlang.errors import ProgramError
from rlmlang.language.check import check, checker
from rlmlang.language.check.functions import MAX_ACTIVE
from rlmlang.language.source import Source

APPLIES_ONCE = "def ap(f: Callable[[int], int]) -> int:\n    return f(1)\n"

APPLIES_IN_WHILE = """
def ap(f: Callable[[int], str]) -> str:
    n = 0
    s = ""
    while n < 3:
        s = s + f(n)
        n += 1
    return s
"""

APPLIES_IN_WHILE_WITHOUT_TYPES = APPLIES_IN_WHILE.replace("f: Callable[[int], str]) -> str", "f)")

PASSES_ON = "def outer(f: Callable[[int], str]) -> str:\n    return ap(f)\n"

KINDS = """
def kind(x):
    if isinstance(x, list):
        return "list"
    if isinstance(x, dict):
        return "dict"
    if isinstance(x, set):
        return "set"
    if isinstance(x, tuple):
        return "tuple"
    if isinstance(x, bool):
        return "bool"
    if isinstance(x, str):
        return "str"
    return "another"
"""


def three(from_g: str, many: str, few: str) -> str:
    """Return a program of functions `f`, `g` and `h`: `h` returns `many` if its number is over 5, else `few`."""
    return f"""
def f(n):
    if n <= 0:
        return 1
    return 1 + g(n - 1)
def g(n):
    if n < 0:
        return 0
    return {from_g}
def h(n):
    if n > 5:
        return {many}
    return {few}
[f(20), g(20), h(20)]
"""


def chain(length: int) -> str:
    """Return a program of functions each of which applies the next; the last has a function that nothing applies."""
    links = "".join(f"def f{i}(n):\n    return f{i + 1}(n)\n" for i in range(length))
    return f"{links}def f{length}(n):\n    def inner(m):\n        return 1\n    return n\nf0(7)"


VALUES = {
    "kinds": (
        KINDS + '[kind([1]), kind({"a": 1}), kind({1}), kind((1, 2)), kind(True), kind("a"), kind(1), kind(None)]',
        ["list", "dict", "set", "tuple", "bool", "str", "another", "another"],
    ),
    "a list or None": (
        "def f(x: list[int] | None) -> int:\n    if isinstance(x, list):\n        return len(x)\n    return 0\n"
        "[f([1, 2]), f(None)]",
        [2, 0],
    ),
    "one of two types": ('isinstance({"a": 1}, (list, dict))', True),
    "None is no int": ("x = None\nisinstance(x, int)", False),
    "a record": ("class P:\n    x: int\np = P(1)\nisinstance(p, P)", True),
    "a test of what is not known yet": (
        "def f(n):\n    if n > 0 and isinstance(f(n - 1), int):\n        return 1\n    return 2\n[f(0), f(1)]",
        [2, 1],
    ),
    "reduce a variable without a start": (
        "from functools import reduce\nxs = [1, 2, 4]\nreduce(lambda a, b: a * 10 + b, xs)",
        124,
    ),
    "a function with a default": (APPLIES_ONCE + "def g(x, y=2):\n    return x + y\nap(g)", 3),
    "a function with a default that has its type": (
        "def g(x, y: int = -2):\n    return x * y\nsorted([1, 2], key=g)",
        [2, 1],
    ),
    "applied to its own result": ("def twice(f, x):\n    return f(f(x))\ntwice(lambda n: n / 2, 3)", 0.75),
    "applied to an int and to a float": (
        "def two(f):\n    a = f(1)\n    b = f(2.5)\n    return a + b\ntwo(lambda n: n)",
        3.5,
    ),
    "applied to an int and to None": (
        "def two(f):\n    a = f(1)\n    b = f(None)\n    return [a, b]\ntwo(lambda n: n)",
        [1, None],
    ),
    "applied to an empty list first": (
        "def two(f):\n    a = f([])\n    b = f([1])\n    return b\ntwo(lambda n: n)",
        [1],
    ),
    "not applied": ("def un(f, x):\n    return x\nun(lambda y: y, 3)", 3),
    "handed on in a recursion": (
        "def r(f, n):\n    if n == 0:\n        return f(n)\n    return r(f, n - 1)\nr(lambda x: x + 1, 3)",
        1,
    ),
    "handed on as a key": ("def ordered(f):\n    return sorted([1, 2], key=f)\nordered(lambda n: -n)", [2, 1]),
    "handed on to map": (
        "def both(f):\n    return list(map(f, [1])) + list(map(f, [2.5]))\nboth(lambda n: -n)",
        [-1, -2.5],
    ),
    "a lambda in a while": (APPLIES_IN_WHILE + "ap(lambda n: str(n))", "012"),
    "a built-in in a while": (APPLIES_IN_WHILE + "ap(str)", "012"),
    "handed on to a while": (APPLIES_IN_WHILE + PASSES_ON + "outer(str)", "012"),
    "handed on to a while, without types": (
        APPLIES_IN_WHILE_WITHOUT_TYPES + "def outer(f):\n    return ap(f)\nouter(str)",
        "012",
    ),
    "a recursion in a while": (
        'def f(n):\n    while n > 0:\n        n = n - 1\n        s = f(n)\n    return "x"\nf(2)',
        "x",
    ),
    "a recursion whose result widens": (
        "def f(n: int):\n    if n == 0:\n        return 0\n    x = f(n - 1)\n    if n == 2:\n        return 2.5\n"
        "    return x\n[f(1), f(3)]",
        [0, 2.5],
    ),
    "results of None from one of two functions": (
        "def g(n: int):\n    if n == 0:\n        return None\n    return h(n - 1)\n"
        "def h(n: int):\n    if n == 0:\n        return 1\n    return g(n - 1)\n[g(3), h(3)]",
        [1, None],
    ),
    "the third applies the second, then the first": (
        three("1 + h(n - 1)", "1 + g(n - 1)", "1 + f(n - 1)"),
        [21, 23, 21],
    ),
    "the third applies the first, then the second": (
        three("0.5 + h(n - 1)", "1 + f(n - 1)", "1 + g(n - 1)"),
        [18.0, 17.0, 18.0],
    ),
    "as long a chain as can be checked": (chain(MAX_ACTIVE - 2), 7),
}


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES)
def test_values_are_those_of_python(text: str, value: Any) -> None:
    assert repr(rlmlang.compile(text).run().value) == repr(value)


TWO = "def two(f):\n    a = f(1)\n"

REFUSED = {
    "a value for a function": (APPLIES_ONCE + "ap(3)", ["E210"]),
    "a variable for a function": ("n = 3\nsorted([1, 2], key=n)", ["E210"]),
    "an unknown name": (APPLIES_ONCE + "ap(unknown)", ["E200"]),
    "an attribute of an unknown name": ("sorted([1], key=unknown.a)", ["E200", "E210"]),
    "an attribute of a function": ("def f(x):\n    return x\nsorted([1], key=f.a)", ["E215", "E210"]),
    "a built-in with another parameter": (APPLIES_ONCE + "ap(len)", ["E210"]),
    "a built-in with another result": (APPLIES_ONCE + "ap(str)", ["E210"]),
    "another parameter": (APPLIES_ONCE + "def g(x: str) -> int:\n    return len(x)\nap(g)", ["E210"]),
    "another result": (APPLIES_ONCE + "def g(x: int) -> str:\n    return str(x)\nap(g)", ["E210"]),
    "more parameters": (APPLIES_ONCE + "def g(x, y):\n    return x\nap(g)", ["E210"]),
    "a record with another field": ('class P:\n    x: int\nlist(map(P, ["a"]))', ["E210"]),
    "a record with more fields": ("class P:\n    x: int\n    y: int\nlist(map(P, [1]))", ["E210"]),
    "a function of the library with another parameter": ("list(map(summarize, [1]))", ["E210"]),
    "a parameter that takes something else": (
        'def ap(f: Callable[[int], str]) -> list[str]:\n    return list(map(f, ["b"]))\nap(str)',
        ["E210"],
    ),
    "a problem in the function": ("def g(x):\n    return x.nope()\nsorted([1, 2], key=g)", ["E205"]),
    "a function that passes itself on": ("def g(x):\n    return sorted([[x]], key=g)\nsorted([1], key=g)", ["E233"]),
    "reduce of what is no list, without a start": (
        "from functools import reduce\nxs = (1, 2, 3)\nreduce(lambda a, b: a * b, xs)",
        ["E207"],
    ),
    "applied to one argument and to two": (TWO + "    return f(a, 2)\ntwo(lambda n: n + 1)", ["E207"]),
    "applied to an int and to a text": (TWO + '    b = f("a")\n    return a\ntwo(lambda n: n)', ["E210"]),
    "applied to an int and to its result": (TWO + "    return f(a)\ntwo(lambda x: [x])", ["E210"]),
    "a list of itself": ("def f(n):\n    return f([n])\nf(1)", ["E233"]),
    "a result in a list": ("def f(n):\n    if n == 0:\n        return []\n    return [f(n - 1)]\nf(1)", ["E233"]),
    "a result or a list of it": ("def f(n):\n    if n == 0:\n        return 0\n    return [f(n - 1)]\nf(1)", ["E213"]),
    "a longer chain than can be checked": (chain(MAX_ACTIVE - 1), ["E103"]),
    "a CALL in a while": (APPLIES_IN_WHILE + 'def g(n: int) -> str:\n    return CALL("x", n)\nap(g)', ["E110"]),
    "a CALL of a lambda in a while": (APPLIES_IN_WHILE + 'ap(lambda n: CALL("x", n))', ["E110"]),
    "a CALL under a lambda in a while": (
        APPLIES_IN_WHILE + 'def g(n: int) -> str:\n    return CALL("x", n)\nap(lambda n: g(n))',
        ["E110"],
    ),
    "a CALL handed on to a while": (APPLIES_IN_WHILE + PASSES_ON + 'outer(lambda n: CALL("x", n))', ["E110"]),
    "a CALL in a while, without types": (
        APPLIES_IN_WHILE_WITHOUT_TYPES + 'ap(lambda n: CALL("x", n))',
        ["E110"],
    ),
    "a CALL of a recursion in a while": (
        'def f(n):\n    while n > 0:\n        n = n - 1\n        s = f(n)\n    return CALL("x")\nf(2)',
        ["E110"],
    ),
}


@pytest.mark.parametrize(("text", "codes"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_has_its_code(text: str, codes: list[str]) -> None:
    with pytest.raises(ProgramError) as refused:
        check(Source(text))
    assert [each.code for each in refused.value.diagnostics] == codes


def folds(count: int) -> str:
    """Return steps of `reduce` inside steps; each is checked twice, since its result is wider than its start."""
    return "".join(f"reduce(lambda a{i}, x{i}: " for i in range(count)) + "[1]" + ", [1], [])" * count


def test_a_lambda_counts_for_more_than_its_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each time that it is checked, its parameters are bound and types are solved, which takes longer than a name."""
    assert rlmlang.compile(folds(6)).run().value == [1]
    monkeypatch.setattr(checker, "MAX_WORK", 2_000)
    visited = 0
    type_of = checker.Checker.type_of

    def counted(check: checker.Checker, node: Any) -> Any:
        nonlocal visited
        visited += 1
        return type_of(check, node)

    monkeypatch.setattr(checker.Checker, "type_of", counted)
    with pytest.raises(ProgramError) as caught:
        check(Source(folds(20)))
    assert caught.value.first.code == "E103"
    assert visited < 1_000
