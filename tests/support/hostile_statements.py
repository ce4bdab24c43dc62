"""Hostile programs of statements: loops, recursion, changes, branches, exceptions and modules that could run away.

Each is a name, the text or what makes it, the codes that it may end with, and perhaps what the model says;
`hostile_runs.py` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

SIZE = "E506 E507 E508"

Row = tuple[str, str | Callable[[], str], str] | tuple[str, str | Callable[[], str], str, str]


ALIKE = "E306 " + SIZE
BIG = "n * (2 ** 61 - 1)"
ALL = "for n in range(100000)"
ADDED = ALL + ":\n"
ODD, MULTIPLIER, START = 11400714785074694791, 14029467366897019727, 2870177450012600261
"""Constants of the hash of tuples."""
PAIRS = f"""\
s = set()
for a in range(400000):
    x = {START} + a * {MULTIPLIER} & {2**64 - 1}
    x = (x << 31 | x >> 33) * {ODD}
    b = (12345 - x) * {pow(MULTIPLIER, -1, 2**64)} & {2**64 - 1}
    if b < {2**61 - 1}:
        s.add((a, b))
len(s)
"""


def nested(count: int, head: str, end: str, tail: str = "") -> Callable[[], str]:
    """Return `head`, so many times, each a space further in than the one before; then `end`, and `tail` at the margin."""

    def make() -> str:
        lines = [" " * i + head.replace("{i}", str(i)) for i in range(count)]
        return "\n".join([*lines, " " * count + end, tail])

    return make


def repeated(count: int, line: str, before: str = "", after: str = "") -> Callable[[], str]:
    """Return the line, so many times, with its number for `{i}`, between two texts."""
    return lambda: before + "".join(line.replace("{i}", str(i)) + "\n" for i in range(count)) + after


def statement_cases() -> Iterator[Row]:
    """Yield all of them."""
    yield from loops()
    yield from recursion()
    yield from changes()
    yield from shapes()
    yield from exceptions()
    yield from numbers()
    yield from modules()
    yield from printing()
    yield from calls()


def loops() -> Iterator[Row]:
    yield "a loop without end", "while True:\n    pass\n1", SIZE
    yield "a loop that counts without end", "n = 0\nwhile n >= 0:\n    n += 1\nn", SIZE
    yield "a loop that goes on without end", "while 1:\n    continue\n1", SIZE
    yield (
        "loops within loops of statements",
        (
            "n = 0\nfor a in range(9999):\n    for b in range(9999):\n        for c in range(9999):\n            n += 1\nn"
        ),
        SIZE,
    )
    yield "loops without bodies", "for a in range(9999):\n    for b in range(9999):\n        pass\n1", SIZE
    yield "a while in a for", "for a in range(999999):\n    while a > 0:\n        a -= 1\n1", SIZE
    yield (
        "a loop over what was doubled",
        'xs = "a"\nfor i in range(99):\n    xs += xs\n    for x in xs:\n        pass\n1',
        SIZE,
    )
    yield "a loop with a test that works", "while sum(range(100000)) > 0:\n    pass\n1", SIZE
    yield "a loop with long expressions", lambda: f"n = 1\nwhile n:\n    x = {'+'.join(['n'] * 190)}\nn", SIZE
    yield (
        "a loop with many branches",
        lambda: (
            "n = 1\nwhile n > 0:\n    if n == 0:\n        n += 1\n"
            + "".join(f"    elif n == -{i}:\n        n += 2\n" for i in range(150))
            + "    else:\n        n += 1\nn"
        ),
        SIZE,
    )
    yield "a loop with many statements", lambda: "n = 1\nwhile n > 0:\n" + "    n += 1\n" * 7_000 + "n", SIZE
    yield (
        "a loop that rotates names",
        lambda: (
            "".join(f"a{i} = {i}\n" for i in range(60))
            + "while True:\n    "
            + ", ".join(f"a{i}" for i in range(60))
            + " = "
            + ", ".join(f"a{(i + 1) % 60}" for i in range(60))
            + "\na0"
        ),
        SIZE,
    )
    yield (
        "types that rotate in a loop",
        lambda: (
            "a0 = [1]\n"
            + "".join(f"a{i} = None\n" for i in range(1, 250))
            + "for _ in range(1000):\n"
            + "".join(f"    a{i} = a{i - 1}\n" for i in range(249, 0, -1))
            + "a249 is None"
        ),
        "value E233",
    )
    yield "a type that grows in a loop", "x = [1]\nfor i in range(9):\n    x = [x]\nx", "E233 E232 E210"
    yield "a tuple that grows in a loop", "x = (1,)\nfor i in range(9):\n    x = x + (1,)\nx", "value E233 E232"
    yield "a pair that grows in a loop", "x = (1, 1)\nfor i in range(9):\n    x = (x, x)\nx", "E233 E232"
    yield (
        "types that grow in nested loops",
        lambda: (
            "x = (1,)\ny = [x]\n"
            + "".join("    " * i + f"for i{i} in range(9):\n" for i in range(7))
            + "    " * 7
            + "x, y = y, [x]\n1"
        ),
        "value E233 E232 E506",
    )


def recursion() -> Iterator[Row]:
    yield "recursion without end", "def f(x):\n    return f(x)\nf(1)", "E309 E506 E234"
    yield "recursion without end, typed", "def f(x: int) -> int:\n    return f(x + 1)\nf(1)", "E309"
    yield "recursion without end, late", "def f(x: int) -> int:\n    return f(x + 1) + 1\nf(1)", "E309"
    yield (
        "recursion by two without end",
        "def f(x):\n    return g(x) + 1\ndef g(x):\n    return f(x) + 1\nf(1)",
        "E309 E234",
    )
    yield (
        "recursion by two without types",
        (
            "def even(n):\n    if n == 0:\n        return True\n    return odd(n - 1)\n"
            "def odd(n):\n    if n == 0:\n        return False\n    return even(n - 1)\neven(100000)"
        ),
        "E309",
    )
    yield "deep recursion", "def f(n):\n    if n == 0:\n        return 0\n    return 1 + f(n - 1)\nf(100000)", "E309"
    yield (
        "deep recursion of statements",
        (
            "def f(n):\n    total = 0\n    for i in range(1):\n        if n > 0:\n            total += f(n - 1)\n    return total\nf(100000)"
        ),
        "E309",
    )
    yield (
        "deep recursion within the depth",
        "def f(n):\n    if n == 0:\n        return 0\n    return 1 + f(n - 1)\nf(900)",
        "value E309",
    )
    yield (
        "recursion that branches",
        "def fib(n):\n    if n < 2:\n        return n\n    return fib(n - 1) + fib(n - 2)\nfib(60)",
        SIZE,
    )
    yield (
        "recursion that branches over lists",
        "def f(xs):\n    if len(xs) > 50:\n        return 1\n    return f(xs + [1]) + f(xs + [2])\nf([])",
        SIZE,
    )
    yield (
        "recursion of Ackermann",
        (
            "def a(m, n):\n    if m == 0:\n        return n + 1\n    if n == 0:\n        return a(m - 1, 1)\n    return a(m - 1, a(m, n - 1))\na(4, 4)"
        ),
        "E309 " + SIZE,
    )
    yield (
        "recursion in a comprehension",
        "def f(n):\n    return sum([f(n + 1) for i in range(2)])\nf(0)",
        "E309 E234 E506",
    )
    yield "recursion in a key", "def f(n):\n    return sorted([1, 2], key=lambda x: f(n + 1))[0]\nf(0)", "E309 E234"
    yield (
        "recursion in a while",
        "def f(n: int) -> int:\n    while f(n + 1) > 0:\n        pass\n    return 1\nf(0)",
        "E309",
    )
    yield (
        "recursion in a try",
        (
            "def f(n: int) -> int:\n    try:\n        return f(n + 1)\n    except RecursionError:\n        return f(n + 1)\nf(0)"
        ),
        "E309 " + SIZE,
    )
    yield (
        "recursion in a try that catches all",
        (
            "def f(n: int) -> int:\n    try:\n        return f(n + 1) + f(n + 2)\n    except Exception:\n        return f(n + 1)\nf(0)"
        ),
        "E309 " + SIZE,
    )
    yield "recursion with types that grow", "def f(x):\n    return f([x])\nf(1)", "E234 E233 E309"
    yield "recursion with pairs that grow", "def f(x):\n    return f((x, x))\nf(1)", "E234 E233 E309 E230"
    yield (
        "recursion with types that turn",
        lambda: (
            "def f("
            + ", ".join(f"a{i}" for i in range(12))
            + ", n):\n    if n == 0:\n        return 1\n    return f("
            + ", ".join(f"a{(i + 1) % 12}" for i in range(12))
            + ", n - 1)\nf("
            + ", ".join(["1", '"a"', "[1]", "1.5", "True", "None"] * 2)
            + ", 50)"
        ),
        "value E234 E233",
    )
    yield (
        "recursion with types of all kinds",
        lambda: (
            "def f("
            + ", ".join(f"a{i}" for i in range(8))
            + ", n):\n    if n == 0:\n        return 1\n"
            + "".join(
                f"    x = f({', '.join('[a0]' if j == i else f'a{j}' for j in range(8))}, n - 1)\n" for i in range(8)
            )
            + "    return 1\nf("
            + ", ".join(["1"] * 8)
            + ", 3)"
        ),
        "value E234 E233",
    )
    yield (
        "functions in functions",
        lambda: (
            "def f0(x):\n    return x\n"
            + "".join(
                f"def f{i}(x):\n    return f{i - 1}([x]) if len(str(x)) < 0 else f{i - 1}(x)\n" for i in range(1, 60)
            )
            + "f59(1)"
        ),
        "value E234 E233 E309 E213 E506",
    )
    yield (
        "functions checked for many types",
        lambda: (
            "def f0(x):\n    return 1\n"
            + "".join(
                f"def f{i}(x):\n    return f{i - 1}([x]) + f{i - 1}((x, x)) + f{i - 1}({{1: x}})\n"
                for i in range(1, 30)
            )
            + "f29(1)"
        ),
        "value E234 E233 E309 E230",
    )
    yield (
        "a function applied with many types",
        lambda: "def f(x):\n    return 1\n" + "".join(f"f(({'1, ' * i}))\n" for i in range(1, 240)) + "1",
        "value E234 E233 E230",
    )
    yield (
        "chains of functions without types",
        lambda: (
            "def f0(x):\n    return x\n"
            + "".join(f"def f{i}(x):\n    return f{i - 1}(x)\n" for i in range(1, 2_000))
            + "f1999(1)"
        ),
        "value E309 E103",
    )
    yield (
        "chains of functions that call twice",
        lambda: (
            "def f0(x):\n    return x\n"
            + "".join(f"def f{i}(x):\n    return f{i - 1}(x) + f{i - 1}(x)\n" for i in range(1, 60))
            + "f59(1)"
        ),
        SIZE,
    )
    yield (
        "mutual recursion of many",
        lambda: "".join(f"def f{i}(x):\n    return f{(i + 1) % 1000}(x + 1)\n" for i in range(1_000)) + "f0(1)",
        "E309 E234 E103",
    )
    yield (
        "mutual recursion of all with all",
        lambda: (
            "".join(
                f"def f{i}(x):\n    if x == 0:\n        return 1\n    return "
                + " + ".join(f"f{j}(x - 1)" for j in range(25))
                + "\n"
                for i in range(25)
            )
            + "f0(30)"
        ),
        SIZE + " E234",
    )
    yield "functions that apply themselves by name", "def f(g, x):\n    return g(g, x)\nf(f, 1)", "E309 E215 E234 E210"


def changes() -> Iterator[Row]:
    yield "quadratic append", "rows = []\nxs = []\nwhile True:\n    xs.append(1)\n    rows.append(list(xs))\n1", SIZE
    yield "append without end", "xs = []\nwhile True:\n    xs.append(1)\nxs", SIZE
    yield "append of long texts", 'xs = []\nwhile True:\n    xs.append("a" * 1000000)\nxs', SIZE
    yield "append of one long text", 'a = "a" * 1000000\nxs = []\nwhile True:\n    xs.append(a)\nxs', SIZE
    yield (
        "append of distinct long texts",
        'a = "a" * 1000000\nxs = []\nfor i in range(99999):\n    xs.append(a + str(i))\nxs',
        SIZE,
    )
    yield "insert at the front", "xs = []\nwhile True:\n    xs.insert(0, 1)\nxs", SIZE
    yield "pop at the front", "xs = list(range(300000))\nwhile xs:\n    xs.pop(0)\nxs", SIZE + " value"
    yield "remove from the front", "xs = list(range(300000))\nwhile xs:\n    xs.remove(xs[-1])\nxs", SIZE
    yield "sort over and over", "xs = list(range(100000))\nwhile True:\n    xs.sort()\nxs", SIZE
    yield "sort by a key", "xs = list(range(1000000))\nxs.sort(key=lambda x: -x)\nxs[0]", SIZE + " value"
    yield "reverse over and over", "xs = list(range(1000000))\nwhile True:\n    xs.reverse()\nxs", SIZE
    yield "copy over and over", "xs = list(range(1000000))\nwhile True:\n    ys = xs.copy()\nxs", SIZE
    yield "clear and fill", "xs = [1]\nwhile True:\n    xs.clear()\n    xs.extend(range(100000))\nxs", SIZE
    yield "extend without end", "xs = [1]\nwhile True:\n    xs.extend([1, 2, 3])\nxs", SIZE
    yield "a list extended by itself", "xs = [1]\nfor i in range(99):\n    xs.extend(xs)\nlen(xs)", SIZE + " E231"
    yield "a list plus itself", "xs = [1]\nfor i in range(99):\n    xs += xs\nlen(xs)", SIZE + " E231"
    yield "a list added to itself", "xs = [1]\nfor i in range(99):\n    xs = xs + xs\nlen(xs)", SIZE
    yield "a list times", "xs = [1]\nfor i in range(99):\n    xs *= 10\nlen(xs)", SIZE
    yield "a text plus itself", 'a = "a"\nfor i in range(99):\n    a += a\nlen(a)', SIZE
    yield "a text plus a letter", 'a = ""\nwhile True:\n    a += "a"\nlen(a)', SIZE
    yield "a letter plus a text", 'a = ""\nwhile True:\n    a = "a" + a\nlen(a)', SIZE
    yield "a text times", 'a = "a"\nfor i in range(99):\n    a *= 10\nlen(a)', SIZE
    yield "a text in a dict plus itself", 'd = {"a": "x"}\nfor i in range(99):\n    d["a"] += d["a"]\nlen(d)', SIZE
    yield (
        "a list in a dict plus a list",
        'd = {"a": [1]}\nfor i in range(99):\n    d["a"] += d["a"] + [1]\nlen(d)',
        SIZE + " E231",
    )
    yield (
        "a dict that doubles",
        "d = {0: 0}\nfor i in range(99):\n    d.update({k + len(d): k for k in d})\nlen(d)",
        SIZE + " E231",
    )
    yield "a dict without end", "d = {}\nn = 0\nwhile True:\n    d[n] = n\n    n += 1\nd", SIZE
    yield "a dict of long keys", 'd = {}\nn = 0\nwhile True:\n    d["a" * 100000 + str(n)] = n\n    n += 1\nd', SIZE
    yield (
        "a dict of dicts without end",
        "d = {}\nn = 0\nwhile True:\n    d.setdefault(n, {})[n] = n\n    n += 1\nd",
        SIZE,
    )
    yield "a set that doubles", "s = {0}\nfor i in range(99):\n    s |= {x + len(s) for x in s}\nlen(s)", SIZE + " E231"
    yield "a set without end", "s = set()\nn = 0\nwhile True:\n    s.add(n)\n    n += 1\ns", SIZE
    yield (
        "a set of large tuples",
        "s = set()\nn = 0\nwhile True:\n    s.add(tuple(range(n, n + 100000)))\n    n += 1\ns",
        SIZE,
    )
    yield "a set of equal large tuples", "s = set()\nt = tuple(range(1000000))\nwhile True:\n    s.add(t)\ns", SIZE
    yield (
        "items of a matrix",
        "g = [[0] * 1000 for _ in range(1000)]\nfor i in range(1000):\n    for j in range(1000):\n        for k in range(1000):\n            g[i][j] += g[k][j]\ng[0][0]",
        SIZE,
    )
    yield "a slice assigned", "xs = [1]\nwhile True:\n    xs[0:0] = [1, 2]\nxs", SIZE + " E120"
    yield "lists of lists that double", "x = [[1]]\nfor i in range(99):\n    x = [x[0] + x[0]]\nlen(x[0])", SIZE
    yield "swaps without end", "xs = [1, 2]\nwhile True:\n    xs[0], xs[1] = xs[1], xs[0]\nxs", SIZE
    yield (
        "a copy at each turn",
        "xs = list(range(1000000))\nfor i in range(1000000):\n    ys = list(xs)\n    ys.append(i)\n1",
        SIZE,
    )
    yield (
        "a function that copies at each turn",
        (
            "def f(xs):\n    ys = list(xs)\n    ys.append(1)\n    return ys\nxs = list(range(100000))\nwhile True:\n    xs = f(xs)\nxs"
        ),
        SIZE,
    )
    yield (
        "many variables of one list",
        lambda: "a0 = [1]\n" + "".join(f"a{i} = a{i - 1}\n" for i in range(1, 3_000)) + "a2999.append(1)\na0",
        "E231",
    )
    yield (
        "many holders of one list",
        lambda: (
            "a = [1]\n"
            + "".join(f"b{i} = [a]\n" for i in range(3_000))
            + "a.append(1)\n"
            + "".join(f"b{i}\n" for i in range(3_000))
            + "1"
        ),
        "E231 value",
    )
    yield (
        "many lists in many lists",
        lambda: (
            "".join(f"a{i} = [[1]]\n" for i in range(150))
            + "for _ in range(9):\n"
            + "".join(
                f"    a{i} = a{(i * 7 + 3) % 150} + a{(i * 11 + 5) % 150}\n    a{i}[0].append(1)\n" for i in range(150)
            )
            + "a0"
        ),
        "E231 value " + SIZE,
    )
    yield "changes of nested parts", "g = [[[[[0]]]]]\nwhile True:\n    g[0][0][0][0].append(1)\ng", SIZE


def shapes() -> Iterator[Row]:
    yield "10,000 nested blocks", nested(10_000, "if 1:", "1", "1"), "E101 E103"
    yield "300 nested blocks", nested(300, "if 1:", "1", "1"), "E103"
    yield "200 nested functions", nested(200, "def f{i}():", "return 1", "1"), "E103"
    yield "nested loops to the depth", nested(8, "for i{i} in range(100):", "pass", "1"), SIZE
    yield (
        "a thousand arms",
        repeated(1_000, "elif x == {i}:\n    y = {i}", "x = 999\nif x < 0:\n    y = -1\n", "y"),
        "value",
    )
    yield (
        "six thousand arms",
        repeated(3_500, "elif x == {i}:\n    y = {i}", "x = 3499\nif x < 0:\n    y = -1\n", "y"),
        "value E103",
    )
    yield (
        "arms that bind other types",
        repeated(2_000, "elif x == {i}:\n    y = [y]", "x = 0\ny = 1\nif x < 0:\n    y = [y]\n", "1"),
        "value E232 E233",
    )
    yield (
        "arms that return",
        repeated(
            2_000,
            "    elif x == {i}:\n        return {i}",
            "def f(x):\n    if x < 0:\n        return -1\n",
            "    return 0\nf(1999)",
        ),
        "value",
    )
    yield (
        "arms that change lists",
        repeated(1_500, "elif len(xs) == {i}:\n    xs.append({i})", "xs = []\nif 0:\n    pass\n", "xs"),
        "value",
    )
    yield "many branches", repeated(2_500, "if x:\n    x = {i}\nelse:\n    x = 1", "x = 1\n", "x"), "value"
    yield (
        "many branches that return",
        repeated(2_500, "    if x == {i}:\n        return {i}", "def f(x):\n", "    return 0\nf(2499)"),
        "value E309",
    )
    yield (
        "many optional values",
        repeated(
            1_200,
            "if x{i} is None:\n    x{i} = 1",
            "".join(f"x{i} = None if len('a') else 1\n" for i in range(1_200)),
            "x0 + x1199",
        ),
        "value",
    )
    yield (
        "many branches over many lists",
        repeated(
            600,
            "if len(a{i}) > 0:\n    a{i} = b{i}\nelse:\n    b{i} = a{i}",
            "".join(f"a{i} = [1]\nb{i} = [2]\n" for i in range(600)),
            "a0",
        ),
        "value",
    )
    yield "many loops", repeated(3_000, "for i in range(2):\n    x += i", "x = 1\n", "x"), "value"
    yield "many whiles", repeated(3_000, "while x < {i}:\n    x += 1", "x = 1\n", "x"), "value"
    yield "many tries", repeated(1_500, "try:\n    x = 1 // 0\nexcept ZeroDivisionError:\n    x = 1", "", "x"), "value"
    yield "many handlers", repeated(2_500, "except ValueError:\n    x = {i}", "try:\n    x = 1 // 0\n", "1"), "E303"
    yield (
        "many names in a handler",
        lambda: "try:\n    x = 1 // 0\nexcept (" + ", ".join(["ValueError"] * 8_000) + "):\n    x = 1\n1",
        "E303 E103",
    )
    yield "many targets", lambda: " = ".join(f"a{i}" for i in range(10_000)) + " = 1\na0", "value E103"
    yield (
        "many targets of a tuple",
        lambda: ", ".join(f"a{i}" for i in range(400)) + " = " + ", ".join(["1"] * 400) + "\na0",
        "value E230",
    )
    yield "many items of a target", lambda: "x = [[0]]\nx" + "[0]" * 20_000 + " = 1\nx", "E103"
    yield (
        "many nested functions",
        lambda: (
            "def f():\n"
            + "".join(f"    def g{i}(x):\n        return x\n" for i in range(2_200))
            + "    return g2199(1)\nf()"
        ),
        "value",
    )
    yield (
        "nested functions that read much",
        lambda: (
            "def f():\n"
            + "".join(f"    a{i} = {i}\n" for i in range(1_000))
            + "    def g(x):\n        return x + "
            + " + ".join(f"a{i}" for i in range(150))
            + "\n    n = 0\n    while True:\n        n += g(1)\n    return n\nf()"
        ),
        SIZE,
    )
    yield "many imports", repeated(5_000, "import math", "", "1"), "value"
    yield "many names of imports", lambda: "from math import " + ", ".join(["sqrt"] * 10_000) + "\n1", "value E103"
    yield "many docstrings", repeated(8_000, '"text"', "", "1"), "value"
    yield "many passes", repeated(15_000, "pass", "", "1"), "value"
    yield "many asserts", repeated(4_500, "assert True, 'x'", "", "1"), "value"
    yield "many raises", repeated(3_000, "if 0:\n    raise ValueError('x')", "", "1"), "value"
    yield "many backslashes", lambda: "x = 1 + \\\n" * 1 + "\\\n" * 30_000 + "1\nx", "value E100 E104 E102 E105 E103"
    yield "backslashes alone", lambda: "\\\n" * 45_000, "E100 E102 E104 E222 E105"
    yield "bodies on the line", lambda: "if 1: " * 10_000 + "x = 1\n1", "E100"
    yield (
        "indentation that changes",
        lambda: "".join(" " * (i % 50) + "if 1:\n" for i in range(2_500)) + "1",
        "E105 E103 E100",
    )
    yield "deep indentation", lambda: "if 1:\n" + " " * 90_000 + "x = 1\n1", "value E103 E105"
    yield (
        "tabs and spaces",
        lambda: "if 1:\n" + "".join("\t" * (i % 7) + " x = 1\n" for i in range(7_000)) + "1",
        "E105",
    )
    yield "a long set", lambda: "len({" + ",".join(str(i) for i in range(15_000)) + "})", "value"
    yield "stars in a display", lambda: "xs = [1]\nlen([" + "*xs," * 20_000 + "])", "value"
    yield "augmented assignments", repeated(10_000, "x += 1", "x = 1\n", "x"), "value"
    yield "chained comparisons in a while", lambda: "n = 1\nwhile 0" + " < n" * 90 + ":\n    n = 0\nn", "value"
    yield "a function program of much", lambda: "def answer():\n" + "    x = 1\n" * 9_000 + "    return x", "value"


def exceptions() -> Iterator[Row]:
    yield (
        "exceptions without end",
        "n = 0\nwhile True:\n    try:\n        raise ValueError('x')\n    except ValueError:\n        n += 1\nn",
        SIZE,
    )
    yield (
        "exceptions of the run without end",
        "n = 0\nwhile True:\n    try:\n        n = 1 // 0\n    except ZeroDivisionError:\n        n = 0\nn",
        SIZE,
    )
    yield (
        "exceptions with long messages",
        (
            "m = 'x' * 1000000\nn = 0\nwhile True:\n    try:\n        raise ValueError(m)\n    except ValueError as e:\n        n += len(str(e))\nn"
        ),
        SIZE,
    )
    yield (
        "exceptions with messages that grow",
        (
            "m = 'x'\nwhile True:\n    try:\n        raise ValueError(m)\n    except ValueError as e:\n        m = e + e\nm"
        ),
        SIZE + " E212 E210",
    )
    yield "a message that is huge", "raise ValueError('x' * 10000000)\n1", "E312 E507"
    yield "an assert with a huge message", "assert False, 'x' * 10000000\n1", "E311 E507"
    yield "a huge key that is missing", "d = {'a': 1}\nd['x' * 10000000]", "E302 E507"
    yield "a huge text that is no number", "int('x' * 10000000)", "E304"
    yield (
        "a budget that is caught",
        "while True:\n    try:\n        while True:\n            pass\n    except Exception:\n        pass\n1",
        SIZE,
    )
    yield (
        "a size that is caught",
        "n = 0\nwhile True:\n    try:\n        x = 'a' * 10 ** 12\n    except:\n        n += 1\nn",
        SIZE,
    )
    yield (
        "exceptions through deep recursion",
        (
            "def f(n):\n    if n == 0:\n        raise ValueError('x')\n    return f(n - 1)\n"
            "n = 0\nwhile True:\n    try:\n        n = f(150)\n    except ValueError:\n        n = 0\nn"
        ),
        SIZE + " E309",
    )
    yield (
        "recursion errors without end",
        (
            "def f(n: int) -> int:\n    return f(n + 1)\n"
            "n = 0\nwhile True:\n    try:\n        n = f(0)\n    except RecursionError:\n        n = 0\nn"
        ),
        SIZE,
    )
    yield "tries in tries", nested(8, "try:", "x = 1 // 0", "1"), "E100 E114 E104"
    yield (
        "breaks out of tries",
        "n = 0\nwhile True:\n    while True:\n        try:\n            break\n        except ValueError:\n            pass\n    n += 1\nn",
        SIZE,
    )
    yield (
        "returns out of tries",
        (
            "def f():\n    try:\n        return 1\n    except ValueError:\n        return 2\nn = 0\nwhile True:\n    n += f()\nn"
        ),
        SIZE,
    )
    yield (
        "handlers that fail",
        "def f(n: int) -> int:\n    try:\n        return 1 // 0\n    except ZeroDivisionError:\n        return f(n + 1)\nf(0)",
        "E309",
    )


def numbers() -> Iterator[Row]:
    yield "a huge shift", "1 << 10 ** 18", "E306 E507"
    yield "a shift again and again", "x = 1\nwhile True:\n    x <<= 1000\nx", "E306"
    yield "a shift of a loop", "x = 1\nfor i in range(10 ** 6):\n    x = x << i\nx", "E306"
    yield "a negative shift", "1 << -1", "E308 E304 E306"
    yield "a shift by too much", "5 >> 10 ** 30", "value E306 E308"
    yield "a power again and again", "x = 3\nwhile True:\n    x **= 2\nx", "E306"
    yield "a power of a variable", "n = 10 ** 9\nx = 7\nx **= n\nx", "E306"
    yield "a product again and again", "x = 3\nwhile True:\n    x *= x\nx", "E306"
    yield "a sum again and again", "x = 3\nwhile True:\n    x += x\nx", "E306"
    yield "large products without end", "x = 7 ** 2000\nn = 0\nwhile True:\n    n = x * x % 1000007\nn", SIZE
    yield "large quotients without end", "x = 7 ** 4000\ny = 3 ** 2000\nn = 0\nwhile True:\n    n = x // y % 7\nn", SIZE
    yield "large shifts without end", "x = 7 ** 4000\nn = 0\nwhile True:\n    n = x >> 1\nn", SIZE
    yield "large negations without end", "x = 7 ** 4000\nn = 0\nwhile True:\n    n = -x + ~x\nn", SIZE
    yield "large numbers by small ones", "x = 7 ** 4000\nn = 0\nwhile True:\n    n = x // 3 + x % 3\nn", SIZE
    yield "elements of a set with the same hash", "len({n * (2 ** 61 - 1) for n in range(100000)})", ALIKE
    yield "elements that are added, with the same hash", f"s = set()\n{ADDED}    s.add({BIG})\nlen(s)", ALIKE
    yield "keys with the same hash", f"d = {{}}\n{ADDED}    d[{BIG}] = n\nlen(d)", ALIKE
    yield (
        "keys that are counted, with the same hash",
        f"d = {{}}\n{ADDED}    d[{BIG}] = d.get({BIG}, 0) + 1\nlen(d)",
        ALIKE,
    )
    yield "keys with the same hash by default", f"d = {{}}\n{ADDED}    d.setdefault({BIG}, n)\nlen(d)", ALIKE
    yield "tuples with the same hash", f"d = {{}}\n{ADDED}    d[{BIG}, 1] = n\nlen(d)", ALIKE
    yield "pairs of small numbers with the same hash", PAIRS, ALIKE
    yield "a dict with keys of the same hash", "len({n * (2 ** 61 - 1): n for n in range(100000)})", ALIKE
    yield (
        "counts of elements with the same hash",
        f"from collections import Counter\nlen(Counter([{BIG} {ALL}]))",
        ALIKE,
    )
    yield "a union of elements with the same hash", f"s = set()\n{ADDED}    s |= {{{BIG}}}\nlen(s)", ALIKE
    yield "an update with elements of the same hash", f"s = set()\ns.update([{BIG} {ALL}])\nlen(s)", ALIKE
    yield "a set of a list of the same hash", f"len(set([{BIG} {ALL}]))", ALIKE
    yield "large powers without end", "x = 7\nn = 0\nwhile True:\n    n = x ** 4000 % 7\nn", SIZE
    yield "large texts of numbers without end", "x = 7 ** 4600\nn = 0\nwhile True:\n    n += len(str(x))\nn", SIZE
    yield "large numbers of texts without end", "x = '7' * 3900\nn = 0\nwhile True:\n    n += int(x) % 7\nn", SIZE
    yield "large numbers in formats without end", "x = 7 ** 4600\nn = 0\nwhile True:\n    n += len(f'{x:,}')\nn", SIZE
    yield "large numbers compared without end", "x = 7 ** 4600\nn = 0\nwhile x == x + 0:\n    n += 1\nn", SIZE
    yield "a list of large numbers", "xs = []\nx = 7 ** 4600\nwhile True:\n    xs.append(x + len(xs))\nxs", SIZE
    yield "a power with a modulus", "pow(7 ** 4000, 10 ** 3900, 10 ** 3899 + 7)", SIZE + " value E306"
    yield (
        "powers with a modulus without end",
        "n = 0\nwhile True:\n    n += pow(7 ** 4000, 10 ** 3900, 10 ** 3899 + 7) % 2\nn",
        SIZE,
    )
    yield "a power without a modulus", "pow(10, 10 ** 9)", "E306"
    yield "floats without end", "x = 1.0\nwhile True:\n    x *= 2\nx", "E306"
    yield "floats that shrink without end", "x = 1.0\nwhile True:\n    x /= 2\nx", SIZE
    yield "large factorials", "import math\nmath.factorial(10 ** 9)", "E306"
    yield "factorials without end", "import math\nn = 0\nwhile True:\n    n += math.factorial(1400) % 7\nn", SIZE
    yield "large combinations of numbers", "import math\nmath.comb(10 ** 3000, 10 ** 2999)", "E306"
    yield "combinations without end", "import math\nn = 0\nwhile True:\n    n += math.comb(12000, 6000) % 7\nn", SIZE
    yield "a large permutation of numbers", "import math\nmath.perm(10 ** 9)", "E306"
    yield "a large product", "import math\nmath.prod(range(1, 10 ** 6))", "E306"
    yield (
        "large divisors without end",
        "import math\nx = 7 ** 4600\ny = 3 ** 8000\nn = 0\nwhile True:\n    n += math.gcd(x, y)\nn",
        SIZE,
    )
    yield (
        "many divisors",
        "import math\nmath.lcm(1, 2) + math.gcd(*[7 ** 4600] * 100)",
        SIZE + " value E100 E117 E307 E211",
    )
    yield "a large root", "import math\nx = 7 ** 4600\nn = 0\nwhile True:\n    n += math.isqrt(x) % 2\nn", SIZE
    yield "bits without end", "x = 7 ** 4600\nn = 0\nwhile True:\n    n ^= x & (x >> 3) | ~x\nn", SIZE
    yield "digits of base 2 without end", "x = 7 ** 4600\nn = 0\nwhile True:\n    n += len(bin(x))\nn", SIZE
    yield "a large average", "import statistics\nstatistics.mean([7 ** 4600] * 100000)", SIZE + " E306 value"
    yield "a large deviation", "import statistics\nstatistics.pstdev(list(range(1000000)))", SIZE + " E306 value"
    yield (
        "large deviations",
        "import statistics\nstatistics.variance([7 ** 4600, 3 ** 8000] * 10000)",
        SIZE + " E306 value",
    )
    yield (
        "fractions of floats",
        "import statistics\nstatistics.variance([1e-300, 1e300] * 100000)",
        SIZE + " E306 value",
    )


def modules() -> Iterator[Row]:
    yield "permutations", "import itertools\nlen(itertools.permutations(range(20)))", SIZE
    yield "permutations of many", "import itertools\nlen(itertools.permutations(range(1000000)))", SIZE
    yield "permutations of few of many", "import itertools\nlen(itertools.permutations(range(1000000), 2))", SIZE
    yield (
        "permutations by more than there are",
        "import itertools\nlen(itertools.permutations(range(3), 10 ** 9))",
        "value E507",
    )
    yield "permutations of a negative", "import itertools\nlen(itertools.permutations(range(3), -1))", "E308 E304"
    yield "products", "import itertools\nlen(itertools.product(range(100), repeat=20))", SIZE
    yield "products of nothing", "import itertools\nlen(itertools.product([], repeat=10 ** 9))", "value E507 E506"
    yield "products of one", "import itertools\nlen(itertools.product([1], repeat=10 ** 9))", SIZE
    yield (
        "products repeated a huge number of times",
        "import itertools\nlen(itertools.product([1, 2], repeat=10 ** 30))",
        SIZE,
    )
    yield "products of large lists", "import itertools\nlen(itertools.product(range(100000), range(100000)))", SIZE
    yield "combinations", "import itertools\nlen(itertools.combinations(range(100), 50))", SIZE
    yield "combinations of all but one", "import itertools\nlen(itertools.combinations(range(100000), 99999))", SIZE
    yield (
        "combinations of a huge number",
        "import itertools\nlen(itertools.combinations(range(10), 10 ** 30))",
        "value " + SIZE,
    )
    yield (
        "combinations with replacement",
        "import itertools\nlen(itertools.combinations_with_replacement(range(100), 50))",
        SIZE,
    )
    yield (
        "combinations of one with replacement",
        "import itertools\nlen(itertools.combinations_with_replacement([1], 10 ** 12))",
        SIZE,
    )
    yield (
        "combinations in a loop",
        "import itertools\nn = 0\nfor c in itertools.combinations(range(40), 6):\n    n += sum(c)\nn",
        SIZE,
    )
    yield "repetitions", "import itertools\nlen(itertools.repeat(1, 10 ** 12))", SIZE
    yield (
        "chains of long lists",
        "import itertools\nlen(itertools.chain(*[range(100000)] * 100000))",
        SIZE + " E117 E100 E211",
    )
    yield "sums so far", "import itertools\nitertools.accumulate(range(10 ** 7))", SIZE
    yield "large sums so far", "import itertools\nitertools.accumulate([7 ** 4600] * 100000)", SIZE + " E306"
    yield "zip to the longest", "import itertools\nlen(itertools.zip_longest([1], range(10 ** 8)))", SIZE
    yield "a slice of a huge range", "import itertools\nlen(itertools.islice(range(10 ** 12), 5))", SIZE
    yield "groups of many", "import itertools\nlen(itertools.groupby(list(range(1000000))))", SIZE + " value"
    yield "a wide text by format", "len('{:>1000000000}'.format(1))", "E107 E308 E507 E304"
    yield "a precise text by format", "len('{:.999999999f}'.format(1.5))", "E107 E308 E507 E304"
    yield "a format of a width that is an argument", "len('{:>{}}'.format(1, 10 ** 9))", "E107 E308 E507 E304 E100"
    yield "a format of much", "'{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}'.format('a' * 10000000)", SIZE
    yield "a format again and again", "s = 'a'\nwhile True:\n    s = '{0}{0}'.format(s)\ns", SIZE
    yield "formats in a format", lambda: "'" + "{0}" * 20_000 + "'.format(1)", "value E107 E103"
    yield "a format with attributes", "'{0.__class__}'.format(1)", "E107 E204 E205 E304"
    yield "a format with items", "'{0[0]}'.format([1])", "value E107 E304"
    yield "a percent of much", "'%1000000000d' % 1", "E107 E212 E308 E304"
    yield "a counter of much", "import collections\nlen(collections.Counter(range(10 ** 7)))", SIZE
    yield (
        "a counter again and again",
        "import collections\nc = collections.Counter()\nwhile True:\n    c.update('abc')\nc",
        SIZE,
    )
    yield (
        "a counter that doubles",
        "import collections\nc = collections.Counter('a')\nwhile True:\n    c.update(c)\nc",
        SIZE + " E231 E306",
    )
    yield (
        "a defaultdict without end",
        "import collections\nd = collections.defaultdict(list)\nn = 0\nwhile True:\n    d[n].append(n)\n    n += 1\nd",
        SIZE,
    )
    yield (
        "a defaultdict that is only read",
        "import collections\nd = collections.defaultdict(int)\nn = 0\nwhile True:\n    n += d[n] + 1\nn",
        SIZE,
    )
    yield (
        "a deque without end",
        "import collections\nd = collections.deque()\nwhile True:\n    d.append(1)\nd",
        SIZE + " E113 E200 E205",
    )
    yield "a pattern that backtracks", "import re\nre.search('(a+)+$', 'a' * 100000 + 'b')", "value E307"
    yield "a pattern that backtracks otherwise", "import re\nre.match('(a|a)*b', 'a' * 100000)", "value E307"
    yield "a pattern with counts", "import re\nre.search('((a{1,100}){1,100}){1,100}', 'a')", "E307"
    yield "a pattern with nested groups", "import re\nre.search('(' * 5000 + 'a' + ')' * 5000, 'a')", "E307 value"
    yield (
        "a pattern with many alternatives",
        "import re\nre.search('|'.join([str(i) for i in range(10000)]), 'a')",
        "E307 value",
    )
    yield "a pattern with many groups", "import re\nre.search('(a)' * 2000, 'a' * 2000)", "E307 value"
    yield "a pattern that is long", "import re\nre.search('a' * 1000000, 'a')", "E307"
    yield "a pattern with a class that is long", "import re\nre.search('[' + 'a-z' * 100000 + ']', 'a')", "E307 value"
    yield (
        "patterns without end",
        "import re\nn = 0\nwhile True:\n    n += 1\n    re.search('a{1,50}' + str(n), 'a')\nn",
        SIZE,
    )
    yield "searches without end", "import re\na = 'a' * 1000000\nwhile True:\n    re.findall('a', a)\n1", SIZE
    yield (
        "searches for what is not there",
        "import re\na = 'ab' * 100000\nwhile True:\n    re.search('(a|b)*c', a)\n1",
        SIZE,
    )
    yield "substitutions that grow", "import re\na = 'a'\nwhile True:\n    a = re.sub('a', 'aa', a)\na", SIZE
    yield "substitutions of groups that grow", "import re\nlen(re.sub('(a+)', r'\\1' * 1000, 'a' * 1000000))", SIZE
    yield "substitutions at each place", "import re\nlen(re.sub('', 'b' * 1000000, 'a' * 1000000))", SIZE + " E307"
    yield "splits of much", "import re\nlen(re.split('a', 'a' * 10000000))", SIZE + " value"
    yield "matches of much", "import re\nlen(re.finditer('a', 'a' * 10000000))", SIZE + " value"
    yield "a pattern in verbose mode", "import re\nre.search('a ' * 100000, 'a', re.VERBOSE)", "E307 value"
    yield "JSON of much", "import json\nlen(json.dumps(list(range(10000000))))", SIZE
    yield "JSON indented", "import json\nlen(json.dumps([[1] * 1000] * 1000, indent=10 ** 9))", SIZE + " E308"
    yield (
        "JSON of lists of lists",
        "import json\nx = [1]\ny = [[[[[[[[x] * 99] * 99] * 99] * 99] * 99] * 99] * 99]\nlen(json.dumps(y))",
        SIZE,
    )
    yield (
        "a text of lists of lists",
        "x = [1]\ny = [[[[[[[[x] * 99] * 99] * 99] * 99] * 99] * 99] * 99]\nlen(str(y))",
        SIZE,
    )
    yield "map over much", "len(map(str, range(10 ** 7)))", SIZE
    yield "filter over much", "len(filter(None, range(10 ** 7)))", SIZE
    yield "sum of lists", "xs = [[1] * 1000] * 100000\nlen(sum(xs, []))", SIZE
    yield "sum of lists again and again", "xs = [[1]] * 100000\nlen(sum(xs, []))", SIZE + " value"
    yield "tuples of much", "len(tuple(range(10 ** 7)))", SIZE
    yield "a tuple that is added to without end", "t = tuple([1])\nwhile True:\n    t = t + (1,)\nt", SIZE
    yield "zip of stars", "len(zip(*[range(1000)] * 100000))", SIZE + " value E117"
    yield "max of stars", "max(*[range(1000)] * 100000)", SIZE + " value E211 E117 E207"
    yield "divmod without end", "n = 7 ** 4600\nwhile True:\n    q, r = divmod(n, 7 ** 2000)\nn", SIZE
    yield "chr without end", "s = ''\nn = 0\nwhile True:\n    s += chr(n % 1000)\n    n += 1\ns", SIZE
    yield "isinstance without end", "n = 0\nwhile isinstance(n, int):\n    n += 1\nn", SIZE
    yield (
        "reduce of a growing list",
        "import functools\nlen(functools.reduce(lambda a, x: a + [x], range(100000), []))",
        SIZE + " value",
    )


def printing() -> Iterator[Row]:
    yield "a million prints", "for i in range(1000000):\n    print(i)\n1", "value " + SIZE
    yield "prints without end", "while True:\n    print('x')\n1", SIZE
    yield "prints of a huge text", "print('a' * 10000000)\n1", "value " + SIZE
    yield "prints of huge texts", "a = 'a' * 10000000\nfor i in range(1000):\n    print(a)\n1", SIZE
    yield "prints of huge lists", "x = [[0] * 1000] * 1000\nwhile True:\n    print(x)\n1", SIZE
    yield "a print of lists of lists", "x = [1]\nprint([[[[[[[x] * 99] * 99] * 99] * 99] * 99] * 99] * 99)\n1", SIZE
    yield "a print of many", lambda: "print(" + "1, " * 30_000 + ")\n1", "value E103"
    yield "a print with a separator", "print(*range(1000), sep='a' * 1000000)\n1", SIZE + " E117 E206 E100 value"
    yield "prints in a function", "def f(x):\n    print(x)\n    return f(x + 1)\nf(1)", "E309 E234"
    yield "prints in a comprehension", "len([print(i) for i in range(1000000)])", "value " + SIZE
    yield "prints of nothing", "while True:\n    print()\n1", SIZE
    yield "prints without line ends", "while True:\n    print('', end='')\n1", SIZE


def calls() -> Iterator[Row]:
    yield (
        "a million equal calls",
        "xs = []\nfor i in range(1000000):\n    xs.append(CALL('x'))\nlen(xs)",
        "value " + SIZE + " E501",
        "a",
    )
    yield (
        "equal calls in nested loops",
        "n = 0\nfor i in range(10000):\n    for j in range(10000):\n        n += len(CALL('x'))\nn",
        SIZE + " E501",
        "a",
    )
    yield (
        "calls in a for without end",
        "xs = []\nfor i in range(10 ** 9):\n    xs.append(CALL('x', i))\nxs",
        SIZE + " E501",
        "a",
    )
    yield (
        "calls in a recursion without end",
        "def f(n: int) -> str:\n    return CALL('x', n) + f(n + 1)\nf(0)",
        "E309 E501 E508",
        "a",
    )
    yield (
        "calls in a recursion that waits",
        "def f(x: str) -> str:\n    return f(CALL('x', x))\nf('')",
        "E309 E501 E508",
        "a",
    )
    yield (
        "recursion after a call",
        "def f(n: int) -> int:\n    if CALL[bool]('x'):\n        return f(n + 1)\n    return n\nf(0)",
        "E309 E501",
        "true",
    )
    yield (
        "a loop over what was answered",
        "n = 0\nfor x in CALL[list[int]]('x'):\n    while True:\n        n += x\nn",
        SIZE,
        "[1]",
    )
    yield (
        "a loop until an answer",
        "n = 0\nfor i in range(10 ** 9):\n    if CALL[bool]('x', i):\n        break\nn",
        SIZE + " E501",
        "false",
    )
    yield "a text of answers that doubles", "s = CALL('x')\nfor i in range(100):\n    s += s\ns", SIZE, "abc"
    yield "a list of answers that doubles", "s = [CALL('x')]\nfor i in range(100):\n    s = s + s\nlen(s)", SIZE, "abc"
    yield "a number of answers that grows", "n = CALL[int]('x')\nfor i in range(100):\n    n = n * n\nn", "E306", "7"
    yield "pure work that waits for an answer", "n = CALL[int]('x')\nwhile n > 0:\n    n += 1\nn", SIZE, "7"
    yield (
        "branches that wait for an answer",
        (
            "n = CALL[int]('x')\nt = 0\nfor i in range(1000000):\n    if n == i:\n        t += 1\n    else:\n        t -= 1\nt"
        ),
        "value " + SIZE,
        "7",
    )
    yield (
        "appends that wait for an answer",
        ("n = CALL[int]('x')\nt = []\nfor i in range(1000000):\n    if n < i:\n        t.append(i)\nlen(t)"),
        "value " + SIZE,
        "7",
    )
    yield (
        "counts that wait for answers",
        ("d = {}\nfor i in range(3000):\n    k = CALL('x', i)\n    d[k] = d.get(k, 0) + 1\nd"),
        "E501 E508",
        "a",
    )
    yield (
        "failing calls in a try without end",
        (
            "n = 0\nfor i in range(10 ** 9):\n    try:\n        n += CALL[int]('x', i)\n    except Exception:\n        n -= 1\nn"
        ),
        SIZE + " E501",
        "no",
    )
    yield (
        "failing calls with defaults without end",
        "n = 0\nfor i in range(10 ** 9):\n    n += CALL[int]('x', i, default=0)\nn",
        SIZE + " E501",
        "no",
    )
