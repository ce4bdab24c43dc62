"""Which programs the checker takes and which it refuses where values change, names are bound and code is left.

Each program here has the value that CPython gives, or is refused with a code, or fails where CPython fails too.
"""

from __future__ import annotations

from typing import Any

import pytest

import rlmlang
from rlmlang.errors import ProgramError, RunError

RECORD = "class R:\n    xs: list[int]\n    d: dict[str, list[int]]\n    n: int\n"

VALUES: dict[str, tuple[str, Any]] = {
    "a list in a field": (RECORD + "r = R([1], {}, 0)\nr.xs.append(2)\nr.xs", [1, 2]),
    "an element of a field": (RECORD + "r = R([1], {}, 0)\nr.xs[0] = 5\nr.xs", [5]),
    "setdefault on a field": (RECORD + 'r = R([1], {}, 0)\nr.d.setdefault("a", []).append(2)\nr.d', {"a": [2]}),
    "an element of a tuple": ("t = ([], 1)\nt[0].append(3)\nt", ([3], 1)),
    "the last element of a tuple": ("t = ([], [])\nt[-1].append(3)\nt", ([], [3])),
    "any element of a tuple": ("t = ([], [])\nfor i in range(2):\n    t[i].append(i)\nt", ([0], [1])),
    "deep in a tuple": ("t = ([[]], 1)\nt[0][0].append(3)\nt", ([[3]], 1)),
    "an open tuple": ("t = tuple([] for i in range(2))\nt[0].append(3)\nt", ([3], [])),
    "deep in an open tuple": ('t = tuple([[[]] for i in range(2)])\nt[1][0].append("a")\nt', ([[]], [["a"]])),
    "a tuple in a dict": ('d = {"a": ([], 1)}\nd["a"][0].append(1)\nd', {"a": ([1], 1)}),
    "deep in lists": ("xs = [[[]]]\nxs[0][0].append(1)\nxs", [[[1]]]),
    "setdefault": ('d = {}\nd.setdefault("a", []).append(1)\nd', {"a": [1]}),
    "setdefault and a key": ('d = {}\nd.setdefault("a", {})["b"] = 1\nd', {"a": {"b": 1}}),
    "setdefault three times": (
        'd = {}\nd.setdefault("a", {}).setdefault("b", {}).setdefault("c", []).append(1)\nd',
        {"a": {"b": {"c": [1]}}},
    ),
    "setdefault and an index": ('d = {"a": [[]]}\nd.setdefault("a", [])[0].append(1)\nd', {"a": [[1]]}),
    "setdefault in a list": ('xs = [{}]\nxs[0].setdefault("a", []).append(1)\nxs', [{"a": [1]}]),
    "a defaultdict": (
        "from collections import defaultdict\n"
        'd = defaultdict(lambda: defaultdict(list))\nd["a"]["b"].append(1)\nd["a"]["b"]',
        [1],
    ),
    "a value without a name": ("[[1]][0].append(2)\n3", 3),
    "an element that never is": ("xs = []\nfor x in xs:\n    x[0] = 1\nxs", []),
    "swapped elements": ("xs = [1, 2]\nxs[0], xs[1] = xs[1], xs[0]\nxs", [2, 1]),
    "an element and a name": ("xs = [1, 2]\na, xs[0] = 7, 8\n(a, xs)", (7, [8, 2])),
    "what is not None here": (
        'd = {"k": [1]} if len("a") > 0 else None\nif d is not None:\n    d["k"].append(2)\nd',
        {"k": [1, 2]},
    ),
    "setdefault on what is not None here": (
        'd = {"k": {"l": [1]}} if len("a") > 0 else None\nif d is not None:\n'
        '    d.setdefault("k", {}).setdefault("l", []).append(2)\nd',
        {"k": {"l": [1, 2]}},
    ),
    "a branch of an expression": (
        'd = {"k": {"l": [1]}} if len("a") > 0 else None\n'
        'n = len(d["k"].setdefault("m", [3, 4])) if d is not None else 0\n(n, d)',
        (2, {"k": {"l": [1], "m": [3, 4]}}),
    ),
    "a branch of an expression with setdefault": (
        'd = {"k": {"l": [1]}} if len("a") > 0 else None\n'
        'n = len(d.setdefault("j", {}).setdefault("l", [3])) if d is not None else 0\n(n, d)',
        (1, {"k": {"l": [1]}, "j": {"l": [3]}}),
    ),
    "a branch of an expression with more of it": (
        'd = {"k": {"l": {"m": [1]}}} if len("a") > 0 else None\n'
        'n = len(d.setdefault("j", {}).setdefault("l", {}).setdefault("m", [3])) if d is not None else 0\n(n, d)',
        (1, {"k": {"l": {"m": [1]}}, "j": {"l": {"m": [3]}}}),
    ),
    "a type before its value": ("def f():\n    x: list[int]\n    x = [1]\n    return x\nf()", [1]),
    "an open type": ("def f():\n    x: list = [1]\n    return x\nf()", [1]),
    "what failed before it was bound": (
        "def f(s):\n    try:\n        x = int(s)\n        x = 2.5\n    except ValueError:\n        return 1\n"
        '    return x\nf("a")',
        1,
    ),
    "bound on one of two ways": ('if len("a") > 1:\n    a = 1\nelse:\n    b = 1\nb', 1),
    "pass": ("pass\n1", 1),
    "a failed assertion is caught": ('try:\n    assert False, "no"\nexcept AssertionError:\n    x = 3\nx', 3),
    "no result where None is one": ("def f() -> int | None:\n    return\nf()", None),
    "a function that is never defined": ("def f():\n    return 1\n    def g():\n        return 2\nf()", 1),
    "a loop that is never reached": ("def f():\n    return 1\n    while True:\n        break\nf()", 1),
}


@pytest.mark.parametrize(("text", "value"), VALUES.values(), ids=VALUES)
def test_programs_have_the_value_that_they_have_in_python(text: str, value: Any) -> None:
    assert rlmlang.compile(text).run().value == value
    if text.startswith("class"):  # a record is a dataclass, which Python has to import
        text = "from dataclasses import dataclass\n@dataclass\n" + text
    *lines, last = text.split("\n")
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    assert eval(last, names) == value


REFUSED: dict[str, tuple[str, list[str]]] = {
    "a key that cannot be one": ('d = {"a": 1}\nd[[1]] = 2\nd', ["E210"]),
    "a key of another type": ('d = {"a": 1}\nd[2] = 2\nd', ["E210"]),
    "a value of another type": ('d = {"a": 1}\nd["b"] = "c"\nd', ["E213"]),
    "an index of another type": ('xs = [1]\nxs["a"] = 2\nxs', ["E210"]),
    "an element of another type": ('xs = [1]\nxs[0] = "a"\nxs', ["E213"]),
    "an element of what may be None": ("x: list[int] | None\nx[0] = 1\n1", ["E216"]),
    "an element of nothing": ("xs = []\nxs[0][1] = 3\nxs", ["E217"]),
    "an element of what is not known": ("x = unknown\nx[0] = 1\n1", ["E200"]),
    "an element of a tuple": ("t = (1, 2)\nt[0] = 3\nt", ["E212"]),
    "an element of a text": ('s = "ab"\ns[0] = "c"\ns', ["E212"]),
    "a list outside of a function that makes a CALL": (
        'xs = []\ndef f():\n    xs.append(1)\n    return CALL("?")\nf()',
        ["E231"],
    ),
    "a function": ("def f():\n    f[0] = 1\n    return 1\nf()", ["E215"]),
    "a list in a comprehension": ("xs = []\n[xs.append(i) for i in range(3)]\nxs", ["E231"]),
    "a variable of a comprehension": ("[x.append(1) for x in [[1]]]\n3", ["E231"]),
    "a field of a wider type": (RECORD + "r = R([1], {}, 0)\nr.xs[0] = 2.5\nr.xs", ["E210"]),
    "an open type that does not fit": (
        "from typing import Any\ndef f():\n    x: dict[str, Any] = [1]\n    return x\nf()",
        ["E210"],
    ),
    "an open tuple type that does not fit": (
        'def f():\n    x: tuple[int, list] = ("a", [])\n    return x\nf()',
        ["E210"],
    ),
    "a list that may be a number": (
        'if len("a") > 1:\n    x = 1\nelse:\n    x = [1]\nx.append(2)\n1',
        ["E232"],
    ),
    "a list outside that is bound later": ("def f():\n    xs.append(1)\n    return 1\nf()\nxs = [1]\nxs", ["E200"]),
    "a list that goes into itself": ("x = []\nfor i in range(3):\n    x.append([x])\n1", ["E233"]),
    "no result where there is one": ("def f(n) -> int:\n    if n:\n        return\n    return 1\nf(True)", ["E227"]),
    "raise again outside of a handler": ("def f():\n    raise\nf()", ["E114"]),
    "break where nothing is reached": ("if False:\n    break\n1", ["E123"]),
    "continue where nothing is reached": ("if False:\n    continue\n1", ["E123"]),
    "return where nothing is reached": ("if False:\n    return 1\n1", ["E123"]),
    "return behind an error": ('raise ValueError("a")\nreturn 1', ["E123", "E222"]),
    "break in a function in no loop": (
        "def f():\n    for i in [1]:\n        return 1\n        def g():\n            break\n        break\nf()",
        ["E123"],
    ),
}


@pytest.mark.parametrize(("text", "codes"), REFUSED.values(), ids=REFUSED)
def test_programs_are_refused_with_a_code(text: str, codes: list[str]) -> None:
    with pytest.raises(ProgramError) as caught:
        rlmlang.compile(text)
    assert [each.code for each in caught.value.diagnostics] == codes


FAILS = {
    "a name that is not bound on this way": ('if len("a") > 1:\n    a = 1\nelse:\n    b = 1\na', "E310", NameError),
    "an assertion with a message": ('assert False, "no"\n1', "E311", AssertionError),
    "an assertion without one": ("assert 1 > 2\n1", "E311", AssertionError),
    "an assertion on a type that never holds": (
        'x = 5\nassert isinstance(x, str), "no"\nx + 1',
        "E311",
        AssertionError,
    ),
    "an assertion on None that never holds": ("x = 5\nassert x is None\nx + 1", "E311", AssertionError),
    "an error that is raised again": ('try:\n    int("a")\nexcept ValueError:\n    raise\n1', "E304", ValueError),
}


@pytest.mark.parametrize(("text", "code", "error"), FAILS.values(), ids=FAILS)
def test_programs_fail_as_they_do_in_python(text: str, code: str, error: type[Exception]) -> None:
    with pytest.raises(RunError) as caught:
        rlmlang.compile(text).run()
    assert [each.code for each in caught.value.diagnostics] == [code]
    with pytest.raises(error):
        exec(text, {})
