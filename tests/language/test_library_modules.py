"""The modules that a program may import, as CPython has them."""

from __future__ import annotations

import itertools
import json
import math
import statistics
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import rlmlang
from rlmlang.errors import BudgetError, ProgramError
from rlmlang.language.builtins import MODULES, Builtin, ModuleConstant, module_member
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import MAX_INT_BITS
from tests.support.rows import EVERY, call, refused, same

INTEGERS = st.integers(-30, 200)
FLOATS = st.floats(-1e3, 1e3) | st.sampled_from([0.0, -0.0, 1.0, 1e300, -1e308, 5e-324]) | INTEGERS
LISTS = st.lists(INTEGERS, max_size=7)
PYTHONS = {module.__name__: module for module in (itertools, json, math, statistics, string)}


def compared(name: str, *args: Any, listed: bool = False, **keywords: Any) -> None:
    """Assert that a function of a module gives or fails as Python's does."""
    module, _, function = name.partition(".")
    work: Callable[..., Any] = getattr(PYTHONS[module], function)
    python = (lambda: list(work(*args, **keywords))) if listed else (lambda: work(*args, **keywords))
    same(lambda: call(name, *args, **keywords), lambda: _finite(python()))


def _finite(value: Any) -> Any:
    """A value, if there is such a number in the language."""
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError
    return value


def test_every_name_is_there() -> None:
    """Names are only added."""
    names = {
        "math": "sqrt floor ceil trunc gcd lcm isqrt log log2 log10 exp pow fabs factorial comb perm prod pi e hypot",
        "re": "findall finditer match search fullmatch sub split compile escape I IGNORECASE M S X",
        "string": "ascii_lowercase ascii_uppercase ascii_letters digits punctuation whitespace printable capwords",
        "json": "dumps",
        "itertools": "accumulate chain combinations permutations product groupby zip_longest pairwise islice repeat "
        "takewhile dropwhile filterfalse",
        "functools": "reduce",
        "collections": "Counter defaultdict deque",
        "statistics": "mean median mode stdev pstdev variance",
        "heapq": "heappush heappop heapify nlargest nsmallest merge heapreplace heappushpop",
        "operator": "add sub mul and_ or_ xor itemgetter",
        "copy": "copy deepcopy",
        "sys": "maxsize setrecursionlimit",
        "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    }
    assert names.keys() == MODULES.keys()
    for module, listed in names.items():
        assert set(listed.split()) <= set(MODULES[module])


def test_members_are_found() -> None:
    root, pi = module_member("math", "sqrt"), module_member("math", "pi")
    assert isinstance(root, Builtin)
    assert root.module == "math"
    assert isinstance(pi, ModuleConstant)
    assert pi.value == math.pi
    assert module_member("math", "nothing") is module_member("os", "path") is None


@pytest.mark.parametrize("module", MODULES)
def test_constants_are_pythons(module: str) -> None:
    python = __import__(module)
    for name, member in MODULES[module].items():
        if isinstance(member, ModuleConstant):
            assert member.value == getattr(python, name)
            text = f"import {module}\nrepr({module}.{name})"
            assert rlmlang.compile(text).run().value == repr(member.value)


def test_what_a_module_does_not_have_is_e113() -> None:
    for text in ("import os\n1", "from math import nothing\n1", "import json\njson.loads('1')"):
        with pytest.raises(ProgramError) as caught:
            rlmlang.compile(text)
        assert caught.value.first.code == "E113"


# math ----------------------------------------------------------------------------

ONE_FLOAT = [
    name
    for name, row in MODULES["math"].items()
    if isinstance(row, Builtin) and len(row.signatures[0].params) == 1 and "(x: float)" in row.texts[0]
]


@pytest.mark.parametrize("name", ONE_FLOAT)
@given(FLOATS)
@example(10**400)
@example(710.0)
@example(0)
def test_functions_of_a_float(name: str, x: float) -> None:
    compared(f"math.{name}", x)


@given(st.sampled_from(["pow", "atan2", "fmod", "copysign", "log", "isclose", "hypot"]), FLOATS, FLOATS)
@example("log", 8, 1)
@example("pow", 0, -1)
def test_functions_of_two_floats(name: str, x: float, y: float) -> None:
    compared(f"math.{name}", x, y)


@given(st.sampled_from(["comb", "perm", "gcd", "lcm"]), INTEGERS, INTEGERS)
def test_functions_of_two_integers(name: str, n: int, k: int) -> None:
    compared(f"math.{name}", n, k)


@given(st.sampled_from(["factorial", "isqrt", "perm", "gcd", "lcm"]), INTEGERS)
def test_functions_of_an_integer(name: str, n: int) -> None:
    compared(f"math.{name}", n)


@given(LISTS | st.lists(FLOATS, max_size=5))
def test_products_and_distances(xs: list[Any]) -> None:
    compared("math.prod", xs)
    compared("math.prod", xs, start=2)
    compared("math.dist", xs, xs[::-1])
    compared("math.hypot", *xs)
    if all(isinstance(x, int) for x in xs):
        compared("math.gcd", *xs)
        compared("math.lcm", *xs)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("factorial", (2_000,)),
        ("factorial", (10**30,)),
        ("comb", (10**6, 5 * 10**5)),
        ("comb", (10**30, 10**29)),
        ("perm", (10**6, 10**5)),
        ("perm", (10**6,)),
        ("lcm", tuple(range(10**6, 10**6 + 3_000))),
    ],
)
def test_integers_that_would_be_too_large_are_not_computed(name: str, args: tuple[int, ...]) -> None:
    assert refused(f"math.{name}", *args) == "E306"


@given(st.sampled_from(["factorial", "comb", "perm"]), st.integers(0, 3_000), st.integers(0, 3_000))
def test_only_integers_that_are_too_large_are_refused(name: str, n: int, k: int) -> None:
    args = (n,) if name == "factorial" else (n, k)
    expected = getattr(math, name)(*args)
    if expected.bit_length() <= MAX_INT_BITS:
        assert call(f"math.{name}", *args) == expected
    else:
        assert refused(f"math.{name}", *args) == "E306"


# statistics ----------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in MODULES["statistics"] if name != "mode"])
@given(LISTS | st.lists(st.floats(-1e3, 1e3), max_size=6))
def test_statistics(name: str, xs: list[Any]) -> None:
    same(lambda: call(f"statistics.{name}", xs), lambda: _of_statistics(name, xs))


def _of_statistics(name: str, xs: list[Any]) -> Any:
    try:
        return getattr(statistics, name)(xs)
    except statistics.StatisticsError as error:
        raise ValueError(*error.args) from None


@given(LISTS | st.text("abc", max_size=5))
def test_the_mode(xs: Any) -> None:
    same(lambda: call("statistics.mode", xs), lambda: _of_statistics("mode", xs))


# itertools -----------------------------------------------------------------------


@given(st.lists(INTEGERS, max_size=5), st.integers(0, 6))
def test_selections(xs: list[int], r: int) -> None:
    for name in ("combinations", "combinations_with_replacement", "permutations"):
        compared(f"itertools.{name}", xs, r, listed=True)
    compared("itertools.permutations", xs, listed=True)


@given(LISTS, st.text("ab", max_size=3), st.integers(-1, 3))
def test_what_is_put_together(xs: list[int], text: str, n: int) -> None:
    compared("itertools.chain", xs, text, tuple(xs), listed=True)
    compared("itertools.product", xs[:3], text, listed=True)
    compared("itertools.product", xs[:3], repeat=n, listed=True)
    compared("itertools.zip_longest", xs, text, listed=True)
    compared("itertools.zip_longest", text, "xyz", fillvalue="-", listed=True)
    compared("itertools.pairwise", xs, listed=True)
    compared("itertools.accumulate", xs, listed=True)
    compared("itertools.accumulate", xs, initial=n, listed=True)
    compared("itertools.repeat", text, n, listed=True)


@given(LISTS, st.lists(st.none() | st.integers(-1, 8) | st.just(10**30), min_size=3, max_size=3))
@example([1, 2], [0, 10**30, 1])
def test_slices(xs: list[int], bounds: list[int | None]) -> None:
    start, stop, step = (bound if bound is None else min(bound, 2**60) for bound in bounds)
    python = (start or 0, stop, 1 if step is None else step)
    same(
        lambda: call("itertools.islice", xs, bounds[0] or 0, bounds[1], 1 if bounds[2] is None else bounds[2]),
        lambda: list(itertools.islice(xs, *python)),
    )


@given(LISTS)
def test_groups(xs: list[int]) -> None:
    groups = [(key, list(group)) for key, group in itertools.groupby(xs)]
    assert call("itertools.groupby", xs) == groups
    by_rest = [(key, list(group)) for key, group in itertools.groupby(xs, lambda x: x % 3)]
    assert call("itertools.groupby", xs, [x % 3 for x in xs]) == by_rest


@pytest.mark.parametrize(
    ("name", "args", "keywords"),
    [
        ("permutations", (range(100),), {}),
        ("permutations", (range(10),), {}),
        ("permutations", (range(10**6), 10**6), {}),
        ("combinations", (range(1_000), 500), {}),
        ("combinations", (range(1_000), 3), {}),
        ("combinations", ([], 10**9), {}),
        ("combinations_with_replacement", (range(10**5), 10**5), {}),
        ("combinations_with_replacement", ([1], 10**9), {}),
        ("product", (range(1_000), range(1_000)), {}),
        ("product", ([0, 1],), {"repeat": 10**9}),
        ("product", ([0, 1],), {"repeat": 40}),
        ("repeat", ("a", 10**18), {}),
    ],
)
def test_what_is_too_large_is_not_made(name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    with pytest.raises(BudgetError) as caught:
        EVERY[f"itertools.{name}"].code(Meter(1_000_000, 1_000_000), *args, **keywords)
    assert caught.value.first.code in ("E506", "E507")


# json and string -----------------------------------------------------------------

DATA = st.recursive(
    st.none() | st.booleans() | INTEGERS | FLOATS | st.text('aé"\n\u2028', max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2)
        | st.dictionaries(INTEGERS, inner, max_size=2)
    ),
    max_leaves=5,
)


@given(DATA, st.none() | st.integers(-1, 3), st.booleans(), st.booleans())
def test_json(data: Any, indent: int | None, sort_keys: bool, ensure_ascii: bool) -> None:
    same(
        lambda: call("json.dumps", data, indent=indent, sort_keys=sort_keys, ensure_ascii=ensure_ascii),
        lambda: _dumped(data, indent=indent, sort_keys=sort_keys, ensure_ascii=ensure_ascii),
    )


def _dumped(data: Any, **options: Any) -> str:
    try:
        return json.dumps(data, **options)
    except TypeError as error:  # keys without an order
        raise ValueError(*error.args) from None


def test_what_has_no_json_in_python() -> None:
    assert refused("json.dumps", {(1, 2): 3}) == "E304"
    assert refused("json.dumps", [1], indent=1_000) == "E308"


@given(st.text("aB \n\té-", max_size=9))
def test_capwords(text: str) -> None:
    compared("string.capwords", text)


SMALL_MODULES = """
import copy, heapq, operator, sys
from functools import reduce
from itertools import chain, dropwhile, filterfalse, takewhile
from operator import itemgetter, mul
xs = [3, 1, 4, 1, 5]
rows = [("b", 2), ("a", 2), ("c", 1)]
grid = [[1], [2]]
other = copy.deepcopy(grid)
other[0][0] = 9
shallow = copy.copy(grid)
shallow.append([3])
same = copy.deepcopy({"a": [1]})
same["a"].append(2)
sys.setrecursionlimit(5000)
heap = [2, 4, 3]
(
    sorted(rows, key=itemgetter(1)),
    sorted(rows, key=operator.itemgetter(1, 0)),
    max([{"n": 1}, {"n": 3}], key=itemgetter("n")),
    list(map(itemgetter(0), rows)),
    reduce(mul, xs, 1),
    reduce(operator.xor, xs, 0),
    reduce(operator.add, ["a", "b"], ""),
    operator.sub(5, 2.5),
    list(takewhile(lambda x: x != 4, xs)),
    list(dropwhile(lambda x: x != 4, xs)),
    list(filterfalse(lambda x: x % 2, xs)),
    list(chain.from_iterable([[1], [2, 3]])),
    list(heapq.merge([1, 4], [2, 3], [])),
    heapq.heapreplace(heap, 7),
    heapq.heappushpop(heap, 0),
    heapq.heappushpop(heap, 5),
    heap,
    sorted(set.intersection(*map(set, [[1, 2, 3], [2, 3], [3, 2, 5]]))),
    sorted(set().union(*[[1], [2]])),
    dict(xs[i : i + 2] for i in range(0, 4, 2)),
    dict(tuple(xs[i : i + 2]) for i in range(0, 4, 2)),
    grid,
    other,
    shallow,
    same,
    sys.maxsize,
)
"""


def test_small_modules_give_what_they_give_in_cpython() -> None:
    *lines, last = (
        "\n".join(SMALL_MODULES.strip().split("\n(\n")[:1]),
        "(\n" + SMALL_MODULES.strip().split("\n(\n")[1],
    )
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    assert rlmlang.compile(SMALL_MODULES).run().value == eval(last, names)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("from operator import itemgetter\nf = itemgetter(1)\nf([1, 2])", "E"),
        ("import operator\nsorted([[1]], key=operator.itemgetter())", "E"),
        ("import operator\nsorted([[1]], key=operator.mul)", "E"),
        ("import copy\nxs = [[1]]\nys = copy.copy(xs)\nys[0].append(2)\nxs", "E231"),
    ],
)
def test_small_modules_are_checked(text: str, code: str) -> None:
    with pytest.raises(ProgramError, match=code):
        rlmlang.compile(text)


SUBSTITUTIONS = """
import re
def starred(m):
    return "*" * len(m.group())
text = "a1 b22 C333"
words = re.compile(r"[a-z]+")
(
    re.sub(r"\\d+", lambda m: str(int(m.group(0)) * 2), text),
    re.sub(r"\\d+", lambda m: "<" + m.group() + ">", text, count=2),
    re.sub("[a-z]+", starred, text.lower(), 1),
    re.sub("C", lambda m: str(m.start()), text, flags=re.IGNORECASE),
    re.sub("x*", lambda m: "-", "abc"),
    re.sub("q", starred, text),
    words.sub(lambda m: m.group().upper() + str(m.end()), text),
)
"""


def test_sub_with_a_function_gives_what_it_gives_in_cpython() -> None:
    lines, last = SUBSTITUTIONS.strip().split("\n(\n")
    names: dict[str, Any] = {}
    exec(lines, names)
    program = rlmlang.compile(SUBSTITUTIONS)
    assert program.run().value == eval("(\n" + last, names)


def test_the_function_of_sub_gives_texts() -> None:
    with pytest.raises(ProgramError, match="E210"):
        rlmlang.compile("import re\nre.sub('a', lambda m: 1, 'a')")
