"""What the checker says of the rarer forms of expressions, types, functions and loops: the value, or the error's code."""

from __future__ import annotations

from typing import Any

import pytest

import rlmlang
from rlmlang.errors import ProgramError, RunError
from rlmlang.language.check import check, library_function
from rlmlang.language.check.checker import Checker
from rlmlang.language.check.problems import Problems
from rlmlang.language.check.type_report import inferred_types
from rlmlang.language.parse import parse
from rlmlang.language.source import Source
from rlmlang.language.types import INT, STR, Type


def codes(text: str, expected: Type | None = None, inputs: dict[str, Type] | None = None) -> list[str]:
    with pytest.raises(ProgramError) as caught:
        check(Source(text), expected, inputs)
    return [problem.code for problem in caught.value.diagnostics]


VALUES: dict[str, Any] = {
    "(0, *(1, 2))": (0, 1, 2),
    "xs = [1, 2]\n(0, *xs)": (0, 1, 2),
    'a = (1, "b")\n(*a, *a)': (1, "b", 1, "b"),
    'xs = ["a","b"]\nt = tuple(xs)\n("z", *t)': ("z", "a", "b"),
    'def f(x):\n    return isinstance(x, int) or x == "a"\nf(3)': True,
    'def f(x):\n    return isinstance(x, int) and len(x)\nf("a")': False,
    'def f(x):\n    return x + 1 if isinstance(x, int) else len(x)\n(f(3), f("abc"))': (4, 3),
    "from typing import Iterable\ndef f(a: Iterable[int]) -> int:\n    return sum(a)\nf([1, 2])": 3,
    "from typing import Iterable\ndef f(a: Iterable) -> int:\n    return sum(a)\nf([1, 2])": 3,
    "from typing import Iterable\nx: Iterable[int] = [1]\nx": [1],
    "import typing\nx: typing.Iterable[int] = [1, 2]\nsum(x)": 3,
    "def f(a: Callable[[int], int], n: int) -> int:\n    return a(n)\nf(lambda x: x + 1, 2)": 3,
    "def f(g):\n    return g(1)\nf(lambda x: x + 1)": 2,
    "def f(a: list):\n    return len(a)\nf([3])": 1,
    'def f(a: list, b: int) -> int:\n    return len(a)\nf("a", 1)': 1,
    "class R:\n    a: int\nisinstance(R(1), R)": True,
    "def f(x):\n    if isinstance(x, (int, str)):\n        return 1\n    return 2\n(f(1), f(2.0))": (1, 2),
    "[x for x, y in [(1, 2)]]": [1],
    "import __future__\n1": 1,
    "from __future__ import annotations\n1": 1,
    "import typing\n1": 1,
    "from typing import List as L\nx: L[int] = [1]\nx": [1],
    "def f(xs):\n    for a in xs:\n        for b in a:\n            return b\n    return 0\nf([])": 0,
    "for a in []:\n    for b in a:\n        pass\n1": 1,
    "while 1:\n    break\n3": 3,
    'while "":\n    x = 1\n3': 3,
    "n = 0\nwhile 0:\n    n += 1\nn": 0,
    "[1, 2] * 2": [1, 2, 1, 2],
    "t = (1, 2) * 2\nt": (1, 2, 1, 2),
    "n = 2\nt = (1, 2) * n\nt": (1, 2, 1, 2),
    "t = (1,) * True\nt": (1,),
    "xs = (1, 2) * -1\nxs": (),
    "tuple([1, 2]) * 2": (1, 2, 1, 2),
    "xs = [1]\nxs.pop()": 1,
    "def len(x: int) -> int:\n    return x\nlen(2)": 2,
    "class P:\n    a: int | None\ndef f(p: P) -> int:\n    if p.a is None:\n        return 0\n    return p.a\nf(P(1))": 1,
    "xs = [1, *[2, 3]]\nxs": [1, 2, 3],
    "t: tuple[int, float] = (1, 2)\nt": (1, 2),
    "print(*[1,2])\n1": 1,
    "s: set[float] = {1, 2}\ns": {1, 2},
    "def f(x):\n    y: int = 1 if isinstance(x, int) else x\n    return y\nf(2)": 1,
    'def f(x):\n    y: int = len(x) if isinstance(x, str) else 2\n    return y\n(f(2), f("abc"))': (2, 3),
    "def f(a: list[list]):\n    return 1\nf([3])": 1,
    "def f(a: list[list]):\n    return a[0][0]\nf([[3]])": 3,
    "max(*[1, 2])": 2,
    '"{}".format(*[1])': "1",
    "zip(*[[1], [2]])": [(1, 2)],
    "def f(a: list[int]) -> int:\n    return len(a)\nf([1, *[2]])": 2,
    "def f(a: set[int]) -> int:\n    return len(a)\nf({1, *[2]})": 2,
    "def f(n: int, k):\n    def g() -> int:\n        return 1\n    return g()\nf(1, 2)": 1,
    "def f(p, n, xs):\n    while n > 0:\n        n = p(n)\n    return xs\n(f(lambda x: x - 1, 3, [1]))": [1],
    "def f(p: Callable[[int], int], n: int) -> int:\n    while n > 0:\n        n = p(n)\n    return n\nf(lambda x: x - 1, 3)": 0,
    "def f(n: int, p: Callable[[int], int]) -> int:\n    while n > 0:\n        n = p(n)\n    return n\ndef g(n: int) -> int:\n    return n - 2\nf(3, g)": -1,
    "while 1:\n    x = 1\n    break\nx": 1,
    "while None:\n    x = 2\n3": 3,
    'def f(n: int) -> int:\n    while n is None:\n        n = "a"\n    return n\nf(2)': 2,
    "while 1.5:\n    break\n2": 2,
    "for x in []:\n    y = 1\n2": 2,
    "xs = [[]]\nfor x in xs:\n    print(x)\n1": 1,
    "sum([[1]], [])": [1],
    "any([1])": True,
    "import math\ndef least(xs: list[int]) -> int:\n    best = math.inf\n    try:\n        for x in xs:\n            if x < best:\n                best = x\n        return best\n    except ValueError:\n        return best\nleast([3, 1, 2])": 1,
    "import math\ndef least(xs: list[int]) -> int:\n    best = math.inf\n    for x in xs:\n        if x < best:\n            best = x\n        if x == 1:\n            return best\n    return best\nleast([3, 1, 0])": 1,
}


@pytest.mark.parametrize("text", VALUES, ids=range(len(VALUES)))
def test_programs_that_check_have_the_value_of_python(text: str) -> None:
    value = rlmlang.compile(text).run(model=lambda messages: "text").value
    assert value == VALUES[text]
    assert isinstance(value, type(VALUES[text]))


ERRORS = {
    'xs = [1]\n("a", *xs, 2)': "E213",
    'xs: list[int] = [1,2]\n(*xs, "a")': "E213",
    '"x" and len("ab")': "E213",
    'x = 1\n("a" or 3)': "E213",
    "def f(x):\n    return isinstance(x, int) and x + 1\nf(3)": "E213",
    'def f(x: int | None):\n    return "a" if x else x + 1\nf(1)': "E216",
    'a: str | None = None\na in "abc"': "E216",
    'def f(a: str | None) -> bool:\n    return a in "abc"\nf("a")': "E216",
    'def f(a: str | None, b: list[int] | None) -> bool:\n    return 1 in b\nf("a", [1])': "E216",
    'def f(a: int) -> bool:\n    return a in "abc"\nf(1)': "E219",
    "1 in 2": "E212",
    "1 in nothing": "E200",
    "def f(a: Optional[int, str]) -> int:\n    return 1\nf(1)": "E203",
    'def f(a: str[int]) -> int:\n    return 1\nf("a")': "E203",
    "from typing import *\ndef f(a: Union[int, str]) -> int:\n    return 1\nf(1)": "E203",
    "from typing import Iterable\ndef f(a: Iterable[int, str]) -> int:\n    return 1\nf([1])": "E203",
    "from typing import Iterable\nx: Iterable = [1]\nx": "E203",
    "import typing\nx: typing.Any = [1]\nx": "E203",
    'x: Callable = len\nx("a")': "E203 E224",
    "class R:\n    f: list\nR([1])": "E203",
    "class R:\n    f: Callable\nR(len)": "E203",
    "class R:\n    g: Q\nclass Q:\n    a: int\nR(Q(1))": "E226",
    "x: Nothing = 1\nx": "E203",
    "class R:\n    a: int\nx: R[int] = R(1)\nx": "E203 E224",
    "import math as m\nm(1)": "E214",
    "math(1)": "E200",
    "import math\nmath(1)": "E214",
    "x = nothing\nx(1)": "E200",
    "x = 3\nx(1)": "E214",
    "import math\nmath.pi(1)": "E214",
    "import math\nmath.nothing(1)": "E113",
    'import os.path\nos.path.join("a")': "E113",
    "import math\nmath.sqrt": "E215",
    "import math\nmath.nothing": "E113",
    '"a".upper': "E215",
    "def f(g):\n    return g(x=1)\nf(lambda x: x)": "E206 E207",
    "def f(a: list):\n    return len(a)\nf(3)": "E210",
    "isinstance(1)": "E207",
    "isinstance(1, nothing)": "E203",
    "x = 1\nisinstance(1, x)": "E203",
    "map(3, [1])": "E210",
    "list(map(3, [1]))": "E210",
    "len(lambda x: x)": "E215",
    "sorted([1], key=3)": "E210",
    "sorted(len)": "E215",
    "abs(lambda x: x)": "E211",
    "len(len)": "E215",
    '"a".join(len)': "E215",
    "sum(lambda x: x)": "E211",
    "xs = [1]\nxs.append(len)": "E215",
    '"a".split(lambda x: x)': "E215",
    'd = {"a": 1}\n[1 for d["a"] in [1, 2]]': "E100",
    "[1 for x.a in [1]]": "E100",
    "xs = [1]\n[x for xs[0] in [1]]": "E100",
    "[a for (a, [b, c]) in [(1, (2, 3))]]": "E100",
    "from typing import Nothing\n1": "E113",
    "x = []\nx[0][0]": "E217",
    "x = [] \nfor i in range(2):\n    if i: y = nothing\n    x.append(1)\nx": "E200",
    "{1} * 2": "E212",
    '"a" * 2.0': "E212",
    't = (1, "a") * len("ab")\nt': "E212",
    "x = 1": "E222",
    "xs = [1]\nxs.append(2)": "E222",
    "class R:\n    a: int\nR = 3\nR": "E201 E215",
    "def f() -> int:\n    return 1\nclass f:\n    a: int\n1": "E201",
    "x = 1\ndef x() -> int:\n    return 1\n2": "E201",
    "def f() -> int:\n    return 1\nf = 3\nf": "E201 E215",
    "CALL = 3\nCALL": "E122 E100",
    'if len("a") > 0:\n    y = 1\nelse:\n    y = "a"\ndef y() -> int:\n    return 1\n1': "E201",
    "class list:\n    a: int\n1": "E229",
    "class R:\n    a: int\nclass R:\n    b: int\n1": "E201",
    "n = 3\ndef f(x: int) -> int:\n    if x:\n        max = 3\n    return max(1, 2)\nf(n)": "E214",
    'if len("a"):\n    max = 3\nmax(1, 2)': "E232",
    'def f(x: int | None, d: dict[str, int | None]) -> int:\n    if d["a"] is None:\n        return 0\n    return d["a"]\nf(1, {"a": 2})': "E216",
    "class P:\n    a: int | None\ndef f(p: P) -> int:\n    if p.a is None:\n        return 0\n    p = P(None)\n    return p.a\nf(P(1))": "E216",
    "def f(n: int) -> int:\n    for i in range(n):\n        try:\n            while n:\n                return n / 1 * 1\n        except ValueError:\n            return 2\n    return 3\nf(2)": "E227",
    "def f(n: int) -> int:\n    try:\n        return 2 ** n\n    except ValueError:\n        return 0\nf(2)": "E227",
    "def f(n: int) -> int:\n    while n > 0:\n        if n == 2:\n            return 2 ** n\n        n -= 1\n    return 3\nf(4)": "E227",
    "def f(n: int) -> int:\n    for i in range(3):\n        return 2 ** n\n    return 3\nf(4)": "E227",
    "xs: list[int] = [1, *[2, 3]]\nxs": "E224",
    'd: dict[str, int] = {k: 1 for k in "ab"}\nd': "E224",
    "t: tuple[int, int] = (1, *(2,))\nt": "E224",
    "*[1]": "E100",
    "x = *[1, 2]\nx": "E117",
    "lambda x: x": "E124",
    "[lambda x: x]": "E124",
    "x: int = (lambda a: a)\nx": "E124",
    "def f(a: list[int, str]) -> int:\n    return 1\nf([])": "E203",
    "def f(a: dict[str]) -> int:\n    return 1\nf({})": "E203",
    'add("1")': "E207",
    'mul("1", 2)': "E210",
    "spoken(1, 2)": "E207",
    "def f(a: list[list]):\n    return 1\nf(lambda x: x)": "E215",
    "def f(a: list[list]):\n    return 1\nf(3)": "E210",
    "x = 1\nx(*[1, 2])": "E214 E117",
    "(1)(*[1, 2])": "E214 E117",
    "nothing(*[1, 2])": "E200 E117",
    "import math\nmath(*[1])": "E214 E117",
    "import math\nmath.pi(*[1])": "E214 E117",
    "def f(xs):\n    return g(*xs)\ndef g(a: int, b: str):\n    return a\nf([1, 2])": "E210",
    "def f(xs):\n    return g(*xs)\ndef g(a, b):\n    return a\nf(1)": "E210",
    "def g(a, b):\n    return a\ng(*[1, 2])": "E207 E117",
    "nothing[*[1]]": "E117",
    "CALL(*[1])": "E117",
    "isinstance(*[1], int)": "E117",
    "abs(*[1])": "E117",
    'def f(a: list[int]) -> int:\n    return len(a)\nf([1, *["a"]])': "E210",
    "{1} + {2}": "E212",
    '{"a": 1} + {"b": 2}': "E212",
    'def f(x: Nope, y) -> int:\n    return y + "a"': "E203",
    'def f(a: list[Nope]) -> int:\n    return a[0] + "a"': "E203",
    "xs = []\nwhile len(xs) < 0:\n    xs = [xs]\nxs": "E233",
    "x = [1]\nfor i in range(3):\n    x = [x]\nx": "E233",
    "x = 1\ny = 1\nfor i in range(3):\n    for j in range(2):\n        y = [y]\n    x = (x, y)\nx": "E233 E233",
    "x = (1,)\nwhile len(x) < 5:\n    y = x\n    x = (x, y)\nlen(x)": "E233",
    "for i in range(3):\n    x = [x] if i else 1\n1": "E213",
    "def f(n: int) -> int:\n    try:\n        return n ** n\n    except ValueError:\n        return 0\nf(2)": "E227",
    "def f(x: int, y: int) -> int:\n    try:\n        return x ** y\n    except ZeroDivisionError:\n        return 2 ** y\nf(2, 3)": "E227 E227",
    "def f(x: int, y: int) -> int:\n    for i in range(2):\n        if i: return x ** y\n    return 1\nf(2, 3)": "E227",
    'def f(a: str, b: float) -> int:\n    return 1\nf(None, "a")': "E210 E210",
    "def f(x):\n    return round(x, None)\nf(1)": "E211",
    '"a".startswith(1)': "E211",
    '"a".replace("a", None)': "E210",
    '"a".join([1])': "E210",
    '"a".join([None])': "E210",
    "sorted([None])": "E210",
    "min(None)": "E210",
    '[1].index("a")': "E210",
    'filter(lambda x: x + "a", [1])': "E212",
    "sorted([1], key=lambda x: x.y)": "E205",
    "max([1], key=lambda x: None)": "E210",
    "sorted([1], key=lambda x: None)": "E210",
    'sorted(["a", None], key=lambda x: x)': "E210",
    "map(lambda x, y: x, [1])": "E207",
    "sum([None])": "E211",
    'sum(["a"])': "E211",
    "dict([1])": "E211",
    "set([[1]])": "E210",
    "zip(1)": "E211",
    "enumerate(1)": "E210",
    "list(1)": "E210",
    "d = {}\nd.get([1])": "E210",
    '{1: 2}.get("a", "b")': "E210",
    'd = {"a": 1}\nd.setdefault("b", "c")\nd': "E213",
    'xs = [1]\nxs.append("a")\nxs': "E213",
    'xs = [1]\nxs.insert("a", 1)\nxs': "E210",
    '{1}.add("a")': "E213",
    "xs = [1]\nxs.extend(1)\nxs": "E210",
    "xs = [1]\nxs.sort(key=3)\nxs": "E210",
    "xs = [None]\nxs.sort()\nxs": "E213",
    "reversed(1)": "E211",
    '"a".count(1)': "E210",
    "[1, 2].count([])": "E210",
    'import functools\nfunctools.reduce(lambda a, b: "x", [1], 0)': "E210",
    "import functools\nfunctools.reduce(lambda a, b: [a], [1], 0)": "E210",
    'from functools import reduce\nreduce(lambda a, b: a + b, [1], "a")': "E212",
    'import re\nre.sub("a", lambda m: 1, "b")': "E210",
    'import heapq\nh = [1]\nheapq.heappush(h, "a")\nh': "E213",
    "from collections import defaultdict\nd = defaultdict(3)\nd": "E210",
    "from collections import defaultdict, deque\nq = deque(1)\nq.append(2)\n1": "E210",
    'import bisect\nbisect.bisect([1], "a")': "E210",
    "next([1])": "E210",
    "CALL: int = 3\n1": "E122",
    "def CALL(x: int) -> int:\n    return x\n1": "E122",
    "for CALL in [1]:\n    pass\n1": "E122",
    "def f(d: dict[list[int], int]) -> int:\n    return 1\nf({})": "E203",
    "def f(s: set[list[int]]) -> int:\n    return 1\nf({1})": "E203",
}


@pytest.mark.parametrize("text", ERRORS, ids=range(len(ERRORS)))
def test_programs_with_mistakes_are_refused(text: str) -> None:
    assert codes(text) == ERRORS[text].split()


def test_a_function_program_gives_what_is_expected_of_it() -> None:
    assert check(Source("def f(x):\n    return x"), STR, {"x": STR}).type == STR
    assert codes("def f(x):\n    return x", INT, {"x": STR}) == ["E227"]
    assert codes("def f(x):\n    return 1", STR) == ["E227"]
    assert codes('def f(x) -> str:\n    return "a"', INT, {"x": STR}) == ["E227"]
    assert codes("def f(x):\n    return f([x])", None, {"x": STR}) == ["E233"]


def test_functions_of_the_library_are_not_explained() -> None:
    text = 'def twice(x: str):\n    y = add(x, x)\n    return y\ntwice("2")'
    assert inferred_types(check(Source(text))) == ["def twice(x: str) -> str:", "    y: str"]


def test_variables_that_are_never_bound_are_not_explained() -> None:
    text = "def f() -> int:\n    return 1\n    z = 2\nf()"
    assert inferred_types(check(Source(text))) == ["def f() -> int:"]


def test_an_element_of_an_empty_list_is_missing_when_the_function_runs() -> None:
    with pytest.raises(RunError) as caught:
        rlmlang.compile("def f(xs):\n    return xs[0][0]\nf([])").run()
    assert caught.value.diagnostics[0].code == "E301"


def test_brief_problems_say_only_what_is_wrong() -> None:
    checker = Checker(library_function, problems=Problems(brief=True))
    checker.program(parse(Source("def f(x: str) -> int:\n    return 1\nf(1)")))
    (problem,) = checker.problems.found
    assert (problem.code, problem.message, problem.hint) == ("E210", "`x`", None)


def test_a_library_file_gives_its_functions_only() -> None:
    checker = Checker(library_function, in_library=True)
    text = "class R:\n    a: int\ndef f(r: R) -> int:\n    return r.a"
    assert list(checker.functions(parse(Source(text)))) == ["f"]
    assert not checker.problems.found
