"""Rarer uses of the short forms, each with the value that Python gives, and what is refused of them."""

from __future__ import annotations

import pytest

import rlmlang
from rlmlang.errors import ProgramError

VALUES = [
    ("xs = [1, 2]\nif not xs:\n    r = 0\nelif (n := len(xs)) > 1:\n    r = n\nelse:\n    r = -1\nr\n", 2),
    ("xs = [1, 2]\nr = 0\nif (n := len(xs)) > 1 and n < 9 and xs:\n    r = n\nr\n", 2),
    ("xs = [1, 2]\nr = 0\nif xs and len(xs) < 9 and (n := len(xs)) > 1:\n    r = n\nr\n", 2),
    (
        "def f(xs: list[int]):\n    if (n := len(xs)) > 1:\n        print(n)\n        return\n    print(0)\nf([1, 2])\n7\n",
        7,
    ),
    ("def f(a: int, b: int) -> int:\n    return a * b\nf((n := 3), n)\n", 9),
    ("def f(a: int, b: int) -> int:\n    return a * b\nf(2, b=(n := 3)) + n\n", 9),
    ('text = f"{(n := 3)} and {n}"\ntext\n', "3 and 3"),
    ("[z for x in [[1, 2], [3]] for y in x if (z := y + 1) > 2]\n", [3, 4]),
    ("{y: x for x in [1, 2] for y in range(x) if (z := y) >= 0}\n", {0: 2, 1: 2}),
    ("x = 1;  y = 2;z = 3\nx + y + z\n", 6),
    ("def add(a: int, b: int) -> int:\n    return a + b\npairs = [(1, 2), (3, 4)]\nadd(*pairs[1])\n", 7),
    ("def add(a: int, b: int) -> int:\n    return a + b\npairs = [(1, 2), (3, 4)]\ni = 0\nadd(*pairs[i])\n", 3),
    (
        "def f(n: int) -> int:\n    k = 0\n    while (k := k + 1) < n:\n        if k == 2:\n            break\n    else:\n        k = -k\n    return k\n[f(2), f(9)]\n",
        [-2, 2],
    ),
    ("i = 0\nx = (j := i + 1)\nx += (k := j + 1)\n[i, j, k, x]\n", [0, 1, 2, 3]),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_values(text: str, value: object) -> None:
    assert rlmlang.compile(text).run().value == value


REFUSED = [
    ("for x in [1]: ...\n1\n", "E126"),
    ("*a, b = c = [1, 2, 3]\na\n", "E117"),
    ("xs = [1]\na, xs[0:1] = 1, [2]\nxs\n", "E120"),
    ("xs = [1]\nxs[0:1] += [2]\nxs\n", "E120"),
    ("class A\n    x: int\n1\n", "E100"),
    ('ops = {"+": lambda a, b: a + b}\n1\n', "E124"),
    ('u"text"\n', "E100"),
    ("  x = 1\n y = 2\nx\n", "E105"),
    ("x = 1\nif x; y = 2\nx\n", "E100"),
    ("xs = [1]\nxs if xs else (n := 1)\n", "E118"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED)
def test_what_is_refused(text: str, code: str) -> None:
    with pytest.raises(ProgramError) as caught:
        rlmlang.compile(text)
    assert caught.value.diagnostics[0].code == code
