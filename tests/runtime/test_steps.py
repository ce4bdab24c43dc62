"""Steps of pure work: exactly those that SPEC.md, section 12, counts, in the run and in its estimate."""

from __future__ import annotations

import pytest

from rlmlang.api import compile
from rlmlang.runtime.steps import APPLICATION, CATCH, ITERATION

SHOWN = 2
"""Steps for showing an int or bool as the value of the program, or for each element of a list."""

INC = "def inc(x: int) -> int:\n    y = x + 1\n    return y * 2\n"

CASES: list[tuple[str, int]] = [
    ("1 + 2 * 3", SHOWN),
    # a turn: 4, and 1 for each part of the element
    ("[x for x in [1, 2, 3]]", 3 * (ITERATION + 1) + 4 * SHOWN),
    ("[x * 2 + 1 for x in [1, 2, 3]]", 3 * (ITERATION + 5) + 4 * SHOWN),
    # the iterable is evaluated once, however large it is written
    ("[x for x in [1, 1 + 1, 1 + 1 + 1]]", 3 * (ITERATION + 1) + 4 * SHOWN),
    # a key and an element; the dict is charged before it is made, and its keys where it is shown
    ('{"a": x for x in [1, 2]}', 2 * (ITERATION + 2) + (1 + 2) + 2 * SHOWN + 1),
    # a test is part of each turn, and so is the element that comes after it, reached or not
    ("[x for x in [1, 2, 3] if x > 2]", 3 * (ITERATION + 3 + 1) + 2 * SHOWN),
    # a branch counts, taken or not
    ("[1 if x else 2 + 3 for x in [True, False]]", 2 * (ITERATION + 6) + 3 * SHOWN),
    # two loops: the second iterable belongs to the turns of the first, and is not counted again in its own
    ("[x for x in [1, 2] for y in [7, 8, 9]]", 2 * (ITERATION + 4) + 6 * (ITERATION + 1) + 7 * SHOWN),
    ("[x for x in [1, 2] if x > 1 for y in [7, 8, 9]]", 2 * (ITERATION + 3 + 4) + 3 * (ITERATION + 1) + 4 * SHOWN),
    # nested: the outer turn has the inner comprehension and its iterable as parts, the inner turns their own
    ("[[y for y in [7, 8]] for x in [1, 2, 3]]", 3 * (ITERATION + 4) + 6 * (ITERATION + 1) + 10 * SHOWN),
    ("[[y for y in [x, x]] for x in [1]]", (ITERATION + 4) + 2 * (ITERATION + 1) + 4 * SHOWN),
    # any and all stop at the element that decides
    ("any(x > 1 for x in [1, 2, 3])", 2 * (ITERATION + 3) + SHOWN),
    ("all(x > 1 for x in [1, 2, 3])", ITERATION + 3 + SHOWN),
    # a range in the head of a `for` takes a step a turn, as far as the loop goes; in `any`, none
    ("n = 0\nfor i in range(3):\n    n += i\nn", 3 * (ITERATION + 3 + 1) + SHOWN),
    ("n = 0\nfor i in range(10 ** 30):\n    if i == 2:\n        break\nn", 3 * (ITERATION + 3 + 1) + SHOWN),
    ("any(x > 1 for x in range(10 ** 30))", 3 * (ITERATION + 3) + SHOWN),
    # functions: 8, and 1 for each part of the body
    (f"{INC}inc(3)", APPLICATION + 3 + 3 + SHOWN),
    (f"{INC}[inc(x) for x in [1, 2]]", 2 * (ITERATION + 2) + 2 * (APPLICATION + 6) + 3 * SHOWN),
    (f"{INC}inc(inc(1 + 1))", 2 * (APPLICATION + 6) + SHOWN),
    ("reduce(lambda a, x: a + x, [1, 2, 3], 0)", 3 + 3 * (APPLICATION + 3) + SHOWN),
    # the body of a lambda is counted where it is applied, not where it is written
    ("[reduce(lambda a, x: a + x, [1], 0) for y in [5, 6]]",
     2 * (ITERATION + 5) + 2 * (1 + APPLICATION + 3) + 3 * SHOWN),
    ("[reduce(max, [1, 2], 0) for y in [5]]",
     ITERATION + 6 + 2 + 2 * (APPLICATION + (1 + 2) + 3 * SHOWN) + 2 * SHOWN),
    # loops: 4 for a turn, and 1 for each part of the body; the statements of the program itself are not counted
    ("t = 0\nfor x in [1, 2]:\n    t += x\nt", 2 * (ITERATION + 3) + SHOWN),
    ("a, b = 1, 2\nfor i in [1]:\n    a, b = b, a\na", ITERATION + 3 + SHOWN),
    ("for i in [1, 2]:\n    pass\ni", 2 * ITERATION + SHOWN),
    # the test of a `while` is a part of each turn; the one that fails belongs to what contains the loop
    ("n = 0\nwhile n < 3:\n    n += 1\nn", 3 * (ITERATION + 3 + 3) + SHOWN),
    ("def f(n):\n    while n > 9:\n        n -= 1\n    return n\nf(3)", APPLICATION + 3 + 1 + SHOWN),
    # the iterable belongs to what contains the loop, and the body to its turns
    ("for i in [1, 2]:\n    for j in [1, 2]:\n        pass\ni", 2 * (ITERATION + 3) + 4 * ITERATION + SHOWN),
    ("def f(n):\n    t = 0\n    for x in [n, n]:\n        t += x\n    return t\nf(3)",
     APPLICATION + 1 + 3 + 1 + 2 * (ITERATION + 3) + SHOWN),
    # what is not reached counts too
    ("def f(n):\n    if n > 2:\n        return n\n    return n + 1 + 1\nf(3)", APPLICATION + 3 + 1 + 5 + SHOWN),
    ("for i in [1, 2]:\n    if i == 1:\n        continue\n    i = i + 1 + 1\ni", 2 * (ITERATION + 3 + 5) + SHOWN),
    ("def f(n):\n    try:\n        assert n < 0, 'a'\n        raise ValueError('b')\n    except AssertionError:\n"
     "        return 0 + 1\nf(1)", APPLICATION + 3 + 1 + 1 + 3 + CATCH + SHOWN),
    # a function inside another is counted where it is applied
    ("def f(n):\n    def g(m):\n        return m + n\n    return g(1)\nf(2)", 2 * APPLICATION + 2 + 3 + SHOWN),
    # targets: a name is nothing, an index and its parts are
    ("xs = [1, 2]\nfor i in [0, 1]:\n    xs[i] = 5\nxs[0]", 2 * (ITERATION + 3 + 1) + SHOWN),
    ("xs = [1, 2]\nfor i in [0, 1]:\n    xs[i] += 1\nxs[0]", 2 * (ITERATION + 1 + 3 + 1) + SHOWN),
    # the application of a function program
    ("def answer(n: int = 2):\n    return n + 1", APPLICATION + 3 + SHOWN),
]  # fmt: skip


@pytest.mark.parametrize(("text", "steps"), CASES, ids=[case[0] for case in CASES])
def test_steps_are_exactly_those_of_the_specification(text: str, steps: int) -> None:
    assert compile(text).run().usage.steps == steps


@pytest.mark.parametrize("text", [case[0] for case in CASES])
def test_an_estimate_of_known_work_is_not_above_it(text: str) -> None:
    """It leaves out no turn and no application; only what shows the value is not followed."""
    program = compile(text)
    least, most = program.cost().steps
    taken = program.run().usage.steps
    assert 0 <= taken - least <= 10 * SHOWN
    assert most is not None
    assert taken <= most


def test_a_large_iterable_costs_as_much_in_one_turn_as_in_many() -> None:
    """Charged in each turn, the iterable would have made this quadratic."""
    items = ", ".join(["1 + 1"] * 300)
    assert compile(f"len([x for x in [{items}]])").run().usage.steps < 300 * (ITERATION + 2)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("x = 2 ** 254\n(x + 0)", 0),
        ("x = 2 ** 255\n(x + 0)", 1 + 1),  # of 256 bits: the power and the sum
        ("x = 2 ** 6399\n(x + x)", 25 + 100 * 100 // 64 + 25),
        ("x = 2 ** 6399\nx * x", 25 + 100 * 100 // 64 + 49 + 199 * 199 // 64),
        ("x = 2 ** 6399\ny = 2 ** 3199\n(x // y % 7)", 25 + 100 * 100 // 64 + 12 + 50 * 50 // 64 + 51 * 49 // 32 + 12),
        ("x = 2 ** 6399\n(x // 1 + -x)", 25 + 100 * 100 // 64 + 25 + 25),
        ("x = 2 ** 6399\n((x >> 0) + ~x)", 25 + 100 * 100 // 64 + 25 + 25),
    ],
)
def test_large_integers_cost_as_much_as_they_are_long(text: str, steps: int) -> None:
    assert compile(f"{text} * 0").run().usage.steps == steps + SHOWN
