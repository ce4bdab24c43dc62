"""Forms that the parser rewrites, decorators and starred parameters: what they give is what they give in CPython."""

from __future__ import annotations

from typing import Any

import pytest

import rlmlang
from rlmlang.errors import ProgramError
from rlmlang.language.parse import parse, parse_as_written
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source

PROGRAMS = {
    "the else of a for": """
def f(n):
    found = []
    for k in range(2, n):
        for p in found:
            if k % p == 0:
                break
        else:
            found.append(k)
    return found
f(30)
""",
    "a break in branches and in a try": """
def f(xs):
    out = []
    for x in xs:
        for y in [1, 2, 3]:
            if x == 0:
                continue
            elif x == y:
                break
            else:
                try:
                    if 6 // (x - 4) == y:
                        break
                except ZeroDivisionError:
                    break
        else:
            out.append(x)
    return out
f([0, 1, 4, 5, 6, 9])
""",
    "loops with an else in one another": """
def f(n):
    count = 0
    for i in range(n):
        for j in range(n):
            while j > 0:
                j -= 2
                if j == 1:
                    break
            else:
                count += 1
                continue
            count += 10
        else:
            count += 100
            if count > 600:
                break
    else:
        count = -count
    return count
(f(3), f(9))
""",
    "the else of a while": """
def find(xs, x):
    i = 0
    while i < len(xs):
        if xs[i] == x:
            break
        i += 1
    else:
        return -1
    return i
(find([4, 5], 5), find([4, 5], 6), find([], 1))
""",
    "the else of a try": """
def f(t):
    out = []
    for x in t.split(","):
        try:
            n = int(x)
        except ValueError:
            out.append(-1)
        else:
            out.append(10 // n if n else 0)
    return out
f("1,a,0,5")
""",
    "an error in the else of a try is not caught there": """
def f(n):
    try:
        try:
            k = 10 // n
        except ZeroDivisionError:
            k = 1
        else:
            k = [1, 2][k]
    except IndexError:
        k = -1
    return k
(f(0), f(10), f(1))
""",
    "a walrus in an if": """
import re
def f(t):
    if m := re.search(r"\\d+", t):
        return m.group()
    elif (n := len(t)) > 3:
        return str(n)
    else:
        return "none" + str(n)
(f("a12"), f("abcd"), f("x"))
""",
    "a walrus behind an and": """
def f(xs):
    k = 0
    if xs and (y := xs[0]) > 2:
        k += y
    return k
(f([]), f([1]), f([5]))
""",
    "a walrus in a while": """
def f(n):
    seen = [n]
    while (n := n // 2 if n % 2 == 0 else 3 * n + 1) != 1:
        if n == 8:
            continue
        seen.append(n)
    return seen
f(6)
""",
    "a walrus behind an and in a while": """
def f(xs):
    i = total = 0
    while i < len(xs) and (x := xs[i]) > 0:
        total += x
        i += 1
    return total, i
(f([1, 2, 0, 5]), f([]), f([3]))
""",
    "a walrus in a comprehension": """
def f(lines):
    return [s.upper() for line in lines if (s := line.strip())], {k: v for k in [1, 2] if (v := k * 2) > 2}
f([" a ", " ", "b"])
""",
    "walruses in one expression": """
def f(a):
    x = (y := a + 1) * (z := y * 2) + y + z
    return [x, y, (w := z) + 1, w]
f(3)
""",
    "targets in brackets": """
a, (b, [c, d]) = 1, (2, [3, 4])
(e, f) = (b, a)
[g, h] = [c, d]
xs = [0, 0]
(xs[0], xs[1]) = (5, 6)
(a, b, c, d, e, f, g, h, xs)
""",
    "any number of arguments": """
def total(first, *rest):
    return first + sum(rest) * 10 + len(rest) * 1000
def names(*words):
    return "-".join(words)
xs = [4, 5, 6]
pair = (1, 2)
(total(1), total(1, 2, 3), total(*pair), total(1, *xs), total(*pair, *xs), names(), names("a", *["b", "c"]))
""",
    "starred arguments": """
def area(w, h, scale=1):
    return w * h * scale
def three(a, b, c):
    return a + b * 2 + c * 3
xs = [1, 2, 3]
pair = (2, 3)
([area(*r) for r in [(1, 2), (3, 4)]], area(*pair, scale=2), three(*xs))
""",
    "a generator that is starred": """
from itertools import product
["".join(p) for p in product(*(s for s in ["ab", "cd"]))]
""",
    "results that are kept": """
from functools import cache, lru_cache
import functools
@cache
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
@lru_cache(maxsize=None)
def ways(n, parts):
    if n == 0:
        return 1
    return sum(ways(n - p, parts) for p in parts if p <= n)
def lcs(a, b):
    @functools.lru_cache
    def go(i, j):
        if i == len(a) or j == len(b):
            return 0
        if a[i] == b[j]:
            return 1 + go(i + 1, j + 1)
        return max(go(i + 1, j), go(i, j + 1))
    return go(0, 0)
(fib(80), ways(60, (1, 5, 10)), lcs("abcbdabxyzzy" * 3, "bdcabaxzyzx" * 3), lcs("ab", "b"))
""",
    "results that are kept though a variable changes": """
from functools import cache
k = 1
seen = []
@cache
def go(i):
    seen.append(i)
    return i + k
def inner():
    k = 1
    @cache
    def go(i):
        return i * k
    first = go(3)
    k = 7
    return first, go(3), go(4)
a = go(1)
k = 5
for i in [1, 1, 2]:
    go(i)
b = [go(1) for _ in range(3)]
(a, go(1), b, seen, inner(), inner())
""",
    "containers that are kept": """
from functools import cache
@cache
def parts(n):
    if n == 0:
        return [[]]
    found = []
    for k in range(1, n + 1):
        for rest in parts(n - k):
            if not rest or rest[0] >= k:
                found.append([k] + rest)
    return found
@cache
def sums(n):
    found = {n}
    if n > 1:
        found |= sums(n - 1) | sums(n - 2)
    return found
mine = list(sums(40))
mine.append(0)
(len(parts(30)), sorted(sums(40)), len(mine), len(list(map(parts, [3, 3]))))
""",
    "an `else` after a test that binds": """
def f(n, stop):
    xs = []
    while (k := len(xs)) < n and (d := k * 2) < 9:
        if k == stop:
            break
        xs.append(d)
    else:
        xs.append(100 + k)
    return xs
(f(3, 9), f(3, 1), f(0, 0), f(9, 9))
""",
    "data in classes": """
from dataclasses import dataclass
@dataclass(frozen=True)
class Point:
    x: int
    y: int
p = Point(1, y=2)
(p.x, p.y, p == Point(1, 2))
""",
}


def in_cpython(program: str) -> Any:
    *lines, last = program.strip().split("\n")
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    return eval(last, names)


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_are_those_of_cpython(name: str) -> None:
    program = PROGRAMS[name]
    found = rlmlang.compile(program).run().value
    assert found == in_cpython(program)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_formatter_keeps_the_forms(name: str) -> None:
    written = parse_as_written(Source(PROGRAMS[name]))
    text = format_module(written)
    assert parse_as_written(Source(text)) == written
    assert format_module(parse_as_written(Source(text))) == text
    for word in ("else:", ":=", "@", "*rest"):
        assert text.count(word) == PROGRAMS[name].count(word)


_CACHED = "from functools import cache\n@cache\ndef go(i):\n    return [i]\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x = 1\ny = x + (x := 2)\ny", "E118"),
        ("y = f() + (x := 2)\ny", "E118"),
        ("y = 1 if 0 else (x := 2)\ny", "E118"),
        ("y = 1 or (x := 2)\ny", "E118"),
        ("y = 1 < 2 < (x := 2)\ny", "E118"),
        ("if 1 and (x := 2):\n    y = 1\nelse:\n    y = 2\ny", "E118"),
        ("xs = [1]\nx = 5\nys = [y for y in xs if (x := y)]\nx", "E118"),
        ("assert 1, (x := 'a')\n1", "E118"),
        ("map(lambda x: (y := x), [1])", "E118"),
        ("@cache\nx = 1\nx", "E116"),
        ("x = 1\n@cache\n", "E116"),
        ("@cache\ndef f(x):\n    return x\nf(1)", "E116"),
        ("from functools import cache\n@cache\ndef f(xs):\n    return len(xs)\nf([1])", "E116"),
        (f"{_CACHED}d = go(1)\nd.append(2)\ngo(1)", "E231"),
        (f"{_CACHED}go(1).append(2)\ngo(1)", "E231"),
        (f"{_CACHED}out = [go(1)]\nout[0].append(2)\ngo(1)", "E231"),
        (f"{_CACHED}def f():\n    return go(1)\nd = f()\nd += [2]\ngo(1)", "E231"),
        (f"{_CACHED}out = list(map(go, [1]))\nout[0].append(2)\ngo(1)", "E231"),
        ("xs = [1]\n" + _CACHED.replace("[i]", "[xs]") + "d = go(1)\nxs.append(2)\ngo(1)", "E231"),
        (
            "from functools import cache\nfor k in [1, 2]:\n    @cache\n    def f(x):\n        return x + k\n    f(1)\n1",
            "E116",
        ),
        ("from functools import cache\n@cache\nclass A:\n    x: int\n1", "E116"),
        ("def g(f):\n    return f\n@g\ndef f(x):\n    return x\nf(1)", "E116"),
        ("def f(*xs, y):\n    return y\nf(1)", "E117"),
        ("def f(*xs):\n    return xs\n", "E117"),
        ("def f(x, y):\n    return x\nf(*[len('a')])", "E117"),
        ("def f(x, y=1):\n    return x\nxs = [1]\nf(*xs)", "E117"),
        ("(a, 1) = (2, 3)\na", "E100"),
        ("(a, *b) = (2, 3)\na", "E117"),
        ("try:\n    x = 1\nexcept ValueError:\n    x = 2\nfinally:\n    x = 3\nx", "E114"),
    ],
)
def test_refused(text: str, code: str) -> None:
    with pytest.raises(ProgramError) as caught:
        rlmlang.compile(text)
    assert code in [problem.code for problem in caught.value.diagnostics]


def test_a_wrong_number_of_starred_arguments() -> None:
    program = rlmlang.compile("def f(a, b):\n    return a + b\nxs: list[int]\nf(*xs)")
    assert program.run(xs=[1, 2]).value == 3
    with pytest.raises(rlmlang.RunError, match="E304"):
        program.run(xs=[1, 2, 3])


def test_an_answer_may_decide_whether_a_loop_has_an_end() -> None:
    text = """
found = "none"
for c in ["a", "b", "c"]:
    if CALL[bool]("Is it?", c):
        found = c
        break
else:
    found = "end"
found
"""

    def model(messages: list[dict[str, str]]) -> str:
        return "true" if "b" in messages[-1]["content"].split() else "false"

    def never(messages: list[dict[str, str]]) -> str:
        return "false"

    assert rlmlang.compile(text).run(model=model).value in ("b", "end")
    assert rlmlang.compile(text).run(model=never).value == "end"


def test_trees_without_short_forms_are_as_written() -> None:
    text = "x = 1\nfor y in [x]:\n    x += y\nx\n"
    assert parse(Source(text)) == parse_as_written(Source(text))
