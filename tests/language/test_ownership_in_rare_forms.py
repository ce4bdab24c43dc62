"""Changes of values in rarely written forms: the allowed ones give what CPython gives, the others are refused."""

from __future__ import annotations

from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.errors import ProgramError
from rlmlang.language.check import check
from rlmlang.language.source import Source

RECORD = "class P:\n    xs: list[int]\n\n"

ALLOWED: dict[str, tuple[str, Any]] = {
    "rows that are turned": ("rows = [[1, 2], [3, 4]]\nturned = list(zip(*rows))\nturned", [(1, 3), (2, 4)]),
    "a list in a record": (RECORD + "p = P([1])\np.xs.append(2)\np.xs", [1, 2]),
    "an element of a list in a record": (RECORD + "p = P([1])\np.xs[0] = 5\np.xs", [5]),
    "a list in a record in a list": (RECORD + "ps = [P([1])]\nps[0].xs.append(2)\nps[0].xs", [1, 2]),
    "a choice that is decided": ("x = [1]\ny = [3] if x is not None else x\ny.append(3)\n(x, y)", ([1], [3, 3])),
    "an alternative that is never evaluated": (
        "x = [1]\ny = x is not None or x.append(2) is None\nx.append(3)\n(x, y)",
        ([1, 3], True),
    ),
    "a condition that is never evaluated": (
        "x = [1]\ny = x is None and x.append(2) is None\nx.append(3)\n(x, y)",
        ([1, 3], False),
    ),
    "an alternative to a type that is sure": (
        "x = 5\nxs = [1]\ny = isinstance(x, int) or xs.pop() == 2\n"
        "z = isinstance(x, str) and xs.pop() == 2\nxs.append(3)\n(xs, y, z)",
        ([1, 3], True, False),
    ),
    "a variable of a type without a value": (
        "def f() -> list[int]:\n    ys: list[int]\n    ys = [1]\n    ys.append(2)\n    return ys\nf()",
        [1, 2],
    ),
    "what is computed later, put into a list in each turn": (
        "d = {}\nfor t in [1, 2]:\n    v = [t]\n    d.setdefault('b', []).append(map(lambda z: z + 1, v))\n"
        "[list(x) for x in d['b']]",
        [[2], [3]],
    ),
    "an item of a tuple that has another list in it": (
        "made = {}\nfor xs in [[1], [2]]:\n    made.setdefault('a', []).append(([0], xs)[0])\nmade",
        {"a": [[0], [0]]},
    ),
    "a function in a loop": (
        "out = []\nfor i in range(2):\n    def g(x):\n        return x + 1\n    out.append(g(i))\nout",
        [1, 2],
    ),
    "a branch that is never taken": (
        "x = [1]\nif x is None:\n    y = x\nelse:\n    y = [2]\ny.append(3)\n(x, y)",
        ([1], [2, 3]),
    ),
    "branches after one that is always taken": (
        "x = [1]\nif x is not None:\n    y = [4]\nelif x == [2]:\n    y = x\nelse:\n    y = x\ny.append(3)\n(x, y)",
        ([1], [4, 3]),
    ),
    "a copy of a tuple of any length": (
        "def f(t: tuple[int, ...]) -> int:\n    ys = list(t)\n    ys.append(4)\n    return sum(ys)\nf((1, 2))",
        7,
    ),
    "a statement that does nothing": ("x = [1]\nfor y in x:\n    pass\nx.append(2)\nx", [1, 2]),
    "a failure without a message": (
        "xs = [1]\ntry:\n    if xs:\n        raise ValueError\nexcept ValueError:\n    xs.append(2)\nxs",
        [1, 2],
    ),
    "a function that may fail without a message": (
        "def f(xs: list[int]) -> list[int]:\n    if not xs:\n        raise ValueError\n    return xs[:]\n"
        "xs = [1]\nys = f(xs)\nys.append(2)\n(xs, ys)",
        ([1], [1, 2]),
    ),
    "an element that is unpacked to": ("xs = [0]\npair = (1, 2)\na, xs[0] = pair\n(a, xs, pair)", (1, [2], (1, 2))),
    "a loop over keys": ('d = {"a": 1}\nfor k in d.keys():\n    d[k] += 1\nd', {"a": 2}),
    "pairs with numbers": (
        "xs = [1, 2]\nout = []\nfor pair in enumerate(xs):\n    out.append(pair)\nxs.append(3)\nout",
        [(0, 1), (1, 2)],
    ),
    "numbers that change places": ("xs = [2, 0, 1]\nxs[xs[0]], xs[1] = xs[1], xs[xs[0]]\nxs", [2, 1, 0]),
    "the default of a key": (
        'd = {}\nd.setdefault("a", []).append(1)\nd.setdefault("a", [])[0] = 7\nd',
        {"a": [7]},
    ),
}


@pytest.mark.parametrize(("text", "value"), ALLOWED.values(), ids=ALLOWED.keys())
def test_allowed(text: str, value: Any) -> None:
    assert compile(text).run().value == value


REFUSED = {
    "what a list holds that is computed later": (
        "v = [1]\nd = []\nd.append(map(lambda z: z + 1, v))\nv.append(5)\n[list(x) for x in d]",
        (4, "`v.append(5)` changes a list that `d` holds as well"),
    ),
    "what a dict holds that is computed later": (
        'v = [1]\nd = {"a": zip(v, v)}\nv.append(5)\n[list(x) for x in d.values()]',
        (3, "`v.append(5)` changes a list that `d` holds as well"),
    ),
    "one of the elements that are spread": (
        'rows = [[1], [2]]\nmost = max(*rows)\nmost.append(3)\n(rows, CALL("?"))',
        (3, "`most.append(3)` changes a list that `rows` holds as well"),
    ),
    "rows that are turned": (
        "rows = [[[1]], [[2]]]\nturned = list(zip(*rows))\nrows[0][0].append(3)\nturned",
        (3, "`rows[0][0].append(3)` changes a list that `turned` holds as well"),
    ),
    "a list in a record": (
        RECORD + 'p = P([1])\nys = p.xs\np.xs.append(2)\n(ys, CALL("?"))',
        (6, "`p.xs.append(2)` changes a list that `ys` holds as well"),
    ),
    "a choice that is decided": (
        "x = [1]\ny = x if x is not None else [2]\ny.append(3)\nx",
        (3, "`y.append(3)` changes a list that `x` holds as well"),
    ),
    "an alternative": (
        "x = [1]\ny = x or [2]\ny.append(3)\nx",
        (3, "`y.append(3)` changes a list that `x` holds as well"),
    ),
    "a branch that is always taken": (
        "x = [1]\nif x is not None:\n    y = x\nelif x == [2]:\n    y = [2]\nelse:\n    y = [3]\ny.append(3)\nx",
        (8, "`y.append(3)` changes a list that `x` holds as well"),
    ),
    "what is in a tuple of any length": (
        'def f(t: tuple[list[int], ...]) -> int:\n    xs = t[0]\n    xs.append(1)\n    return len(t[0])\n(f(([1],)), CALL("?"))',
        (3, "`xs.append(1)` changes a list that the caller of the function holds as well"),
    ),
    "an element that is unpacked to": (
        "xs = [[0]]\npair = ([1], [2])\na, xs[0] = pair\nxs[0].append(3)\npair",
        (4, "`xs[0].append(3)` changes a list that `pair` holds as well"),
    ),
    "another key in a loop over keys": (
        'd = {"a": 1}\nfor k in d.keys():\n    d["b"] = 1\nd',
        (3, '`d["b"] = …` changes the dict that the loop over `d.keys()` is going through'),
    ),
    "a number in a pair": (
        "xs = [1, 2]\nfor pair in enumerate(xs):\n    xs[pair[0]] = 5\nxs",
        (3, "`xs[pair[0]] = …` changes the list that the loop over `enumerate(xs)` is going through"),
    ),
    "places that a function gives": (
        "def f(i):\n    return i\nxs = [[1], [2]]\nxs[f(0)], xs[1] = xs[1], xs[f(0)]\nxs[0].append(5)\nxs",
        (5, "`xs[0].append(5)` changes a list that may be in `xs` more than once"),
    ),
    "an argument that the next one changes": (
        "xs = [1]\ndef f(ys: list[int], n: int) -> int:\n    return len(ys) + n\nf(xs, xs.pop())",
        (4, "`xs.pop()` changes a list while `xs` is still to be used"),
    ),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(text: str, expected: tuple[int, str]) -> None:
    with pytest.raises(ProgramError) as caught:
        check(Source(text))
    (found,) = caught.value.diagnostics
    assert found.code == "E231"
    assert (text[: found.span.start].count("\n") + 1, found.message) == expected
