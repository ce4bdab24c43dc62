"""The checker: its diagnostics as text, the types of programs, and its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rlmlang
from rlmlang.api import compile
from rlmlang.errors import CODES, ProgramError
from rlmlang.language.check import check
from rlmlang.language.check import library as library_module
from rlmlang.language.source import Source
from rlmlang.language.types import INT, UNKNOWN
from rlmlang.render import render
from tests.support.places import GOLDEN

WRONG = sorted((GOLDEN / "check").glob("*.rlm"))


def problems(text: str, name: str = "<program>") -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        compile(text, name)
    return caught.value


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_diagnostics(path: Path, golden: Callable[[str, str], None]) -> None:
    error = problems(path.read_text(encoding="utf-8"), path.name)
    golden(f"check/{path.stem}.txt", render(error.diagnostics) + "\n")
    if path.stem.startswith("E"):
        assert path.stem[:4] in {found.code for found in error.diagnostics}


def test_every_code_of_the_checker_is_shown() -> None:
    of_inputs = {"E234"}  # reported where values are given
    assert {code for code in CODES if code.startswith("E2")} - of_inputs <= {path.stem[:4] for path in WRONG}


def test_diagnostics_come_in_the_order_of_the_text() -> None:
    error = problems((GOLDEN / "check" / "several.rlm").read_text(encoding="utf-8"))
    starts = [found.span.start for found in error.diagnostics if found.span]
    assert starts == sorted(starts)
    assert len(starts) == len(error.diagnostics)


def test_an_error_causes_no_further_errors() -> None:
    """An expression with an error fits everywhere."""
    text = """
bad = nothing
a = bad(1) + bad[0] - bad[1:]
b = bad.field == bad.method(2)
c = [x + y for x, y in bad if x in bad] + [z for z in bad]
d = max(bad, 3) if bad < 2 else -bad
e = f"{bad:>8}" + bad
f = {k: v for k, v in bad.items()}
g = bad or None
h = [bad, 1]
def i(x: Nothing, y: Nothing | None, z: list[Nothing]) -> Nothing:
    return x
j = i(1, "a", [2])
k = sorted([1], key=bad)
l = reduce(lambda s, x: s + nowhere(x), [1], "")
m = sorted(bad, key=lambda x: x.field)
n = reduce(lambda s, x: s + x.field, bad, 0)
bad
"""
    shown = [(found.code, found.span.text if found.span else "") for found in problems(text).diagnostics]
    assert shown == [("E200", "nothing"), *[("E203", "Nothing")] * 4, ("E200", "nowhere")]


@pytest.mark.parametrize(
    "text",
    ["x = (\n1 +\n)\nx + y", "class P:\n    x int\np: P\np.x + y", "def f(x: int) -> int\n    return x\nf(1) + y"],
)
def test_names_of_statements_that_did_not_parse_are_known(text: str) -> None:
    first, *others = problems(text).diagnostics
    assert first.code.startswith("E1")
    assert [(found.code, found.span.text if found.span else "") for found in others] == [("E200", "y")]


def test_a_program_that_did_not_parse_may_lack_a_value() -> None:
    assert [found.code for found in problems("x = 1\nx +").diagnostics] == ["E100"]


def test_the_number_of_reported_errors_is_limited() -> None:
    assert len(problems("\n".join(["1 + 'a'"] * 1_000)).diagnostics) == 50


@pytest.mark.heavy
def test_functions_in_functions_are_checked_within_bounds() -> None:
    """A step of `reduce` is checked twice, a step inside a step four times, and so on."""
    text = "lambda a, x: a + x"
    for _ in range(30):
        text = f"lambda a, x: reduce({text}, [x], a)"
    error = problems(f"reduce({text}, [1], 0)")
    assert [found.code for found in error.diagnostics] == ["E103"]


CHAIN = "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(500)) + "def f500(x):\n    return x\nf0(1)\n"
TYPES = "".join(f"def f{i}(x):\n    return f{i - 1}((x, x)) + f{i - 1}([x])\n" for i in range(1, 15))
TRY = "x = 0\ntry:\n" + "".join(f"    v{i} = x\n" for i in range(1_500)) + "except ValueError:\n    x = 1\nx\n"
ARMS = "x: int\nif x:\n    y = 0\n" + "".join(f"elif x == {i}:\n    y = {i}\n" for i in range(1_000)) + "y\n"
TURNS = "".join(f"{'    ' * i}while x != {i}:\n" for i in range(7))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("text", "code"),
    [
        (CHAIN, "E103"),
        (f"def f0(x):\n    return 1\n{TYPES}f14(1)\n", "E230"),
        ("def f(x):\n    return f([x])\nf(1)\n", "E233"),
        ("xs = []\nfor i in range(3):\n    xs.append(xs[:])\nxs\n", "E233"),
        (TRY, None),
        (ARMS, None),
        (f"x = 1\n{TURNS}{'    ' * 7}x = x + 0.5\nx\n", None),
    ],
)
def test_types_are_found_within_bounds(text: str, code: str | None) -> None:
    if code is None:
        check(Source(text))
    else:
        with pytest.raises(ProgramError) as caught:
            check(Source(text))
        assert code in {found.code for found in caught.value.diagnostics}


def test_a_variable_of_another_type_may_hold_a_part_of_what_it_held_before() -> None:
    text = 'r = ""\nn = 0\nfor w in ["a b", "c"]:\n    r = w.split()\n    n += len(r)\nn\n'
    assert rlmlang.compile(text).run().value == 3


@pytest.mark.parametrize("function", ["f", "abs", "str.lower", "lambda z: z + 1", "reduce"])
def test_a_function_that_nothing_applies_may_be_passed(function: str) -> None:
    text = (
        f"def g(y):\n    return 1\ndef f(x, y):\n    return f(x - 1, y) + g(y) if x > 0 else 0.5\nf(2.5, {function})\n"
    )
    assert rlmlang.compile(text).run().value == 3.5


def test_no_more_than_so_many_constants_are_remembered_for_a_name() -> None:
    words = [f'"w{i}"' for i in range(150)]
    head = f"def f(word: Literal[{', '.join(words)}]) -> str:\n    return word\n"
    few, many = (" if 1 < 2 else ".join(words[:count]) for count in (90, 150))
    assert compile(f"{head}w = {few}\nf(w)").run().value == "w0"
    assert [found.code for found in problems(f"{head}w = {many}\nf(w)").diagnostics] == ["E210"]


# The standard library --------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that serves as the standard library."""
    monkeypatch.setattr(library_module, "stdlib_dir", lambda: tmp_path)
    library_module.library_names.cache_clear()
    library_module._functions_of.cache_clear()
    yield tmp_path
    library_module.library_names.cache_clear()
    library_module._functions_of.cache_clear()


def test_library_functions_are_in_scope(library: Path) -> None:
    (library / "a.rlm").write_text("def twice(x: int) -> int:\n    return plus(x, x)\n")
    (library / "b.rlm").write_text("def plus(x: int, y: int) -> int:\n    return x + y\n")
    assert compile("twice(4) + plus(1, 2)").run().value == 11
    assert compile("sorted([1, 2], key=twice)").run().value == [1, 2]


def test_names_of_the_program_come_before_the_library(library: Path) -> None:
    (library / "a.rlm").write_text("def twice(x: int) -> int:\n    return x + x\n")
    assert compile("def twice(x: int) -> int:\n    return x * 10\ntwice(4)").run().value == 40
    assert compile("twice = 3\ntwice").run().value == 3


def test_library_functions_see_no_names_of_the_program(library: Path) -> None:
    (library / "a.rlm").write_text("def peek(x: int) -> int:\n    return secret + x\n")
    assert [found.code for found in problems("secret = 1\npeek(1)").diagnostics] == ["E200"]


def test_library_functions_use_any_of_their_file(library: Path) -> None:
    (library / "a.rlm").write_text(
        "def one(x: int) -> int:\n    return two(x)\n\ndef two(x: int) -> int:\n    return one(x - 1) if x > 0 else x\n"
    )
    assert check(Source("one(1)")).type == INT


def test_a_parameter_of_unknown_type_may_be_used_in_any_way() -> None:
    body = '    rows.sort(key=len)\n    rows[0].sort(key=lambda x: x)\n    by_name["a"].append(rows)\n    return by_name[1]\n'
    assert check(Source(f"def answer(rows, by_name):\n{body}")).type == UNKNOWN


def test_a_loop_that_binds_its_name_to_a_value_with_its_type_is_checked_to_an_end() -> None:
    text = """\
def f(text: str) -> str:
    for c in text:
        if c == "a":
            text = c
        else:
            c = ("", 0)
    return ""
"""
    assert check(Source(text)).type is not UNKNOWN
