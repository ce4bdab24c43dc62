"""Cost before a run of programs that change containers or search in them: the bounds hold for what a run takes."""

from __future__ import annotations

from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.errors import RunError
from tests.support.fakes import Fake

RECORD = "class P:\n    xs: list[int]\n\n"

CALLS: dict[str, tuple[str, tuple[int, int | None], int]] = {
    "an unknown key": ('d = {}\nd[CALL[str]("k")] = 1\nd', (1, 1), 1),
    "an unknown pair": ('x, y = CALL[tuple[int, int]]("k")\nx', (1, 1), 1),
    "an unknown list that is unpacked": ('x, y = CALL[list[int]]("two")\nx', (1, 1), 1),
    "a caught failure to unpack": (
        'y = 1\ntry:\n    x, y = [1, 2, 3]\nexcept ValueError:\n    y = 5\n[CALL("a", i) for i in range(y)]',
        (5, 5),
        5,
    ),
    "an unknown index": ('xs = [1, 2]\nxs[CALL[int]("i")] = 5\n[CALL("a", i) for i in range(len(xs))]', (2, 4), 3),
    "a part at an unknown key": (
        'd = {1: {2: 3}}\nd[CALL[int]("i")][2] = 5\n[CALL("a", i) for i in range(len(d))]',
        (2, 3),
        2,
    ),
    "a list in a record": (RECORD + 'p = P([1])\np.xs.append(2)\n[CALL("a", i) for i in range(len(p.xs))]', (2, 2), 2),
    "a list in a tuple": ('t = ([1], 2)\nt[0].append(3)\n[CALL("a", i) for i in range(len(t[0]))]', (2, 2), 2),
    "an unknown element": ('xs = [1, 2]\nxs[0] = CALL[int]("x")\n[CALL("a", i) for i in range(len(xs))]', (3, 3), 3),
    "a dict of answers": ('{x: CALL("b", x) for x in [1, 2]}', (2, 2), 2),
    "a set of answers": ('{CALL("b", x) for x in [1, 2]}', (2, 2), 2),
    "a set of what is known": ("{x % 2 for x in [1, 2, 3]}", (0, 0), 0),
    "a set of unknown elements": ('{x for x in CALL[list[int]]("two")}', (1, 1), 1),
    "a dict of unknown keys": ('{x: 1 for x in CALL[list[int]]("two")}', (1, 1), 1),
    "whether any of unknown elements": ('any(x > 1 for x in CALL[list[int]]("two"))', (1, 1), 1),
    "the first of known elements": ("next(x for x in [1, 2, 3])", (0, 0), 0),
    "the first of unknown elements": ('next(x for x in CALL[list[int]]("two"))', (1, 1), 1),
    "the first of unknown elements or a default": ('next((x for x in CALL[list[int]]("two")), 0)', (1, 1), 1),
    "a default that is a call": ('next((x for x in [1] if x > 2), CALL[int]("k"))', (0, 1), 1),
    "a function in a loop": (
        'out = []\nfor i in CALL[list[int]]("two"):\n    def g(x):\n        return x + 1\n    out.append(g(i))\n'
        '[CALL("z", x) for x in out]',
        (1, None),
        3,
    ),
    "an index that may not be there": (
        'xs = [1]\ntry:\n    if CALL[int]("i") > 3:\n        xs[5] += 1\nexcept IndexError:\n    pass\n'
        '[CALL("z") for x in xs]',
        (2, 2),
        2,
    ),
    "a default dict in a comprehension": (
        "from collections import defaultdict\n"
        'ys = [e[x] for x in CALL[list[int]]("two") for e in [defaultdict(list)]]\n'
        '[CALL("z", len(y), i) for i, y in enumerate(ys)]',
        (1, None),
        3,
    ),
    "lists that are put into a dict where they are missing": (
        'g = {}\nfor x in [1, 2, 1]:\n    g.setdefault(x, []).append(x)\n[CALL("a", i) for i in range(len(g[1]))]',
        (2, 2),
        2,
    ),
    "a list in a dict where one is there": (
        'g = {1: [5]}\ng.setdefault(1, []).append(6)\n[CALL("a", x) for x in g[1]]',
        (2, 2),
        2,
    ),
    "dicts of dicts where they are missing": (
        "g = {}\nfor x in [1, 2, 1]:\n    g.setdefault(x, {}).setdefault(x + 1, [0])[0] += x\n"
        '[CALL("a", i) for i in range(g[1][2][0])]',
        (2, 2),
        2,
    ),
    "a list in a record where it is missing": (
        "class P:\n    g: dict[int, list[int]]\n\n"
        'p = P({})\np.g.setdefault(3, []).append(2)\n[CALL("a", i) for i in range(len(p.g[3]))]',
        (1, 1),
        1,
    ),
    "lists in a dict at keys that are answers": (
        'g = {}\nfor i in range(3):\n    g.setdefault(CALL[int]("k", i), []).append(i)\n'
        '[CALL("a", x) for xs in g.values() for x in xs]',
        (3, None),
        6,
    ),
    "lists in a dict at keys that are taken out": (
        "ks = [1, 1]\ng = {}\nfor i in range(2):\n    g.setdefault(ks.pop(), []).append(i)\n"
        '[CALL("a", x) for x in g.get(1, [])]',
        (0, None),
        2,
    ),
    "a set updated by two": (
        's = {1}\nfor x in CALL[list[int]]("two"):\n    s.update([1], [2])\n[CALL("z", i) for i in range(len(s))]',
        (1, None),
        3,
    ),
    "a set without what is in both": (
        's = {1}\nfor x in CALL[list[int]]("two"):\n    s.symmetric_difference_update([1])\n'
        '[CALL("z", i) for i in range(len(s))]',
        (1, None),
        2,
    ),
}


def answer(request: Any) -> Any:
    return {"int": 1, "list[int]": [0, 7], "tuple[int, int]": [0, 7]}.get(str(request.type), "x")


@pytest.mark.parametrize(("text", "bounds", "made"), CALLS.values(), ids=CALLS.keys())
def test_the_bounds_hold(text: str, bounds: tuple[int, int | None], made: int) -> None:
    program, limits = compile(text), Limits(max_calls=None, repairs=0)
    model = Fake(answer)
    cost, usage = program.cost(limits=limits), program.run(model=model, limits=limits).usage
    assert cost.calls == bounds
    assert usage.calls == made
    assert bounds[0] <= made <= (made if bounds[1] is None else bounds[1])
    assert cost.steps[0] <= usage.steps <= (cost.steps[1] or usage.steps)


FAILING = {
    "too many elements": ("x, y = [1, 2, 3]\nx", "E304"),
    "a number that is not there": ("xs = [1]\nxs[5] += 1\nxs", "E301"),
    "a list that is not there": ("xs = [[1]]\nxs[5].append(1)\nxs", "E301"),
    "an assignment beyond the end": ("xs = [1]\nxs[5] = 1\nxs", "E301"),
}


@pytest.mark.parametrize(("text", "code"), FAILING.values(), ids=FAILING.keys())
def test_a_sure_failure_is_known_before_the_run(text: str, code: str) -> None:
    program = compile(text)
    for work in (program.cost, program.run):
        with pytest.raises(RunError) as caught:
            work()
        assert caught.value.diagnostics[0].code == code


def test_a_failure_in_a_branch_is_not_sure() -> None:
    program = compile('if CALL[bool]("b"):\n    x, y = [1, 2, 3]\n1')
    assert program.cost(limits={"repairs": 0}).calls == (1, 1)
    assert program.run(model=Fake(lambda request: False)).value == 1
    with pytest.raises(RunError) as caught:
        program.run(model=Fake(lambda request: True))
    assert caught.value.diagnostics[0].code == "E304"
