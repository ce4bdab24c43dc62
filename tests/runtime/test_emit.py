"""Emitted Python code does what the closures do: the same values, errors at the same places, and steps."""

from __future__ import annotations

import ast
import asyncio
import copy
import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from attrs import frozen
from hypothesis import given

from benchmarks.pure import WORKLOADS
from rlmlang.errors import RlmError
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked
from rlmlang.language.depth import deep_recursion
from rlmlang.language.source import Source
from rlmlang.runtime.compiler import evaluate
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.listing import listing
from rlmlang.runtime.emit.programs import emitted_program
from rlmlang.runtime.emit.unit import PURE
from rlmlang.runtime.inputs import bind_inputs
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.scheduler import Evaluation
from rlmlang.runtime.values import to_json
from rlmlang.testing import Case, programs
from tests.support.places import ROOT

MAX_STEPS, MAX_BYTES = 5_000_000, 32_000_000
FILES = sorted((ROOT / "tests" / "conformance").glob("*/*.toml"))


class NoCalls:
    """What makes the calls of programs that make none."""

    def backpressure(self) -> None:
        return None


@frozen
class Outcome:
    """What running a program came to."""

    value: str
    steps: int
    largest: int
    printed: list[str]


@frozen
class Failure:
    """The error that ended a program."""

    code: str
    message: str
    place: tuple[int, int] | None
    steps: int | None
    """None where a value was too large: the closures count one step less then."""


@frozen
class Pure:
    """A program that makes no calls, with its inputs."""

    name: str
    checked: Checked
    inputs: Mapping[str, Any]
    steps: int
    bytes: int


def run(program: Pure, steps: int, largest: int, emits: bool) -> Outcome | Failure:
    meter = Meter(steps, largest)
    evaluation = Evaluation(NoCalls(), meter)  # type: ignore[arg-type]
    inputs = copy.deepcopy(program.inputs)
    try:
        with deep_recursion:
            value = asyncio.run(evaluate(evaluation, program.checked, inputs, emits=emits))
    except RlmError as error:
        first = error.first
        place = None if first.span is None else (first.span.start, first.span.end)
        return Failure(first.code, first.message, place, None if first.code == "E507" else meter.steps)
    return Outcome(repr(value), meter.steps, meter.largest, evaluation.printed)


def both_ways(program: Pure, steps: int, largest: int) -> Outcome | Failure:
    """Run a program in both ways, and check that they come to the same."""
    expected, found = run(program, steps, largest, emits=False), run(program, steps, largest, emits=True)
    assert found == expected, program.name
    return expected


@cache
def pure_programs(file: int) -> list[Pure]:
    """Return the programs of a file of conformance cases that check, and call neither a model nor the host."""
    found = []
    for case in tomllib.loads(FILES[file].read_text(encoding="utf-8"))["case"]:
        if "model" in case or "CALL" in case["program"]:
            continue
        try:
            checked = check(Source(case["program"]))
            inputs = bind_inputs(checked, case.get("inputs", {}))
        except RlmError:
            continue
        if checked.host:
            continue
        limits = case.get("limits", {})
        name = f"{FILES[file].stem}: {case['name']}"
        steps, largest = limits.get("max_steps", MAX_STEPS), limits.get("max_bytes", MAX_BYTES)
        found.append(Pure(name, checked, inputs, steps, largest))
    return found


def of_text(text: str, **inputs: Any) -> Pure:
    checked = check(Source(text))
    return Pure(text, checked, bind_inputs(checked, inputs), MAX_STEPS, MAX_BYTES)


by_file = pytest.mark.parametrize("file", range(len(FILES)), ids=[f"{path.parent.name}/{path.stem}" for path in FILES])


@by_file
def test_it_does_what_closures_do(file: int) -> None:
    for program in pure_programs(file):
        both_ways(program, program.steps, program.bytes)


@by_file
def test_it_ends_where_closures_end_when_a_budget_is_exhausted(file: int) -> None:
    for program in pure_programs(file):
        full = run(program, program.steps, program.bytes, emits=True)
        if isinstance(full, Outcome):
            for steps in {full.steps - 1, full.steps * 2 // 3, full.steps // 3}:
                both_ways(program, max(0, steps), program.bytes)
            for largest in {full.largest - 1, full.largest // 2}:
                both_ways(program, program.steps, max(0, largest))


@given(programs())
def test_it_does_what_closures_do_with_any_program(case: Case) -> None:
    if "CALL" not in case.text:
        both_ways(of_text(case.text, **case.inputs), MAX_STEPS, MAX_BYTES)


def test_every_pure_program_is_emitted() -> None:
    """Only programs that print, check and run programs, or keep results of functions are left to the closures."""
    left = [
        program.name
        for file in range(len(FILES))
        for program in pure_programs(file)
        if emitted_program(program.checked).whole() is None
        and not re.search(r"\b(print|run_program)\(|@cache\b", program.checked.module.span.source.text)
    ]
    assert left == []


@pytest.mark.parametrize("key", ["k", "a key of more than fifteen characters, which costs more to look up"])
@pytest.mark.parametrize("start", [0, 2**59])
def test_counting_is_charged_as_closures_charge_it(key: str, start: int) -> None:
    program = of_text(
        f"counts = {{}}\nfor key in [{key!r}, 'b', {key!r}]:\n    counts[key] = counts.get(key, {start}) + {start}\ncounts"
    )
    full = both_ways(program, MAX_STEPS, MAX_BYTES)
    assert isinstance(full, Outcome)
    for steps in range(full.steps):
        both_ways(program, steps, MAX_BYTES)


@pytest.mark.parametrize(
    "text",
    [
        "total = 0\nfor x in range(9):\n    total += x\n    total -= 1\ntotal",
        "a = 1\nb = 1\nfor x in range(9):\n    a += b\n    b += a\na",  # sums of sums grow beyond every limit
        "n = 3\nfor x in range(99):\n    n += n\nn",
        "def f(x: int) -> int:\n    if x > 2:\n        return x\n    y = x * 2\n    return y + 1\n[f(x) for x in range(5)]",
        "def f(x: int) -> int:\n    x = x + 1\n    return x // (x - 3)\n[f(x) for x in [1, 2]]",
        "x = 1\ntry:\n    for y in [1, 0]:\n        x += 1 // y\nexcept ZeroDivisionError as e:\n    x += len(str(e))\nx",
        "def f(n: int) -> int:\n    try:\n        return f(n + 1)\n    except RecursionError:\n        return n\nf(0)",
        "xs = [3, 1]\nxs.sort(key=lambda x: -x)\nxs.extend([x for x in xs if x > 1])\nxs",
    ],
)
def test_what_is_emitted_in_a_shorter_form_means_the_same(text: str) -> None:
    program = of_text(text)
    full = both_ways(program, MAX_STEPS, MAX_BYTES)
    if isinstance(full, Outcome):
        for steps in range(0, min(full.steps, 2_000), 3):
            both_ways(program, steps, MAX_BYTES)


# Safety --------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["1", "1 + 2", "(1, 2)", "-1", "'ab'", "'ab' + 'c'", "'a' * 3", "'ab'[0]", "not 1"])
def test_python_does_not_warn_of_what_is_emitted(value: str) -> None:
    text = f"def f() -> bool:\n    return ({value}) is None\n\ndef g() -> bool:\n    return ({value}) is not None\n\n(f(), g())"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert run(of_text(text), 1_000, 1_000, emits=True).value == "(False, True)"
    assert caught == []


def definitions() -> Iterator[ast.FunctionDef]:
    """Yield everything that is emitted for the conformance cases."""
    for file in range(len(FILES)):
        for program in pure_programs(file):
            emitted = emitted_program(program.checked)
            emitted.whole()
            yield from emitted.unit.definitions


GENERATED = re.compile(r"[a-z]\d+|R\d+")


def test_what_is_emitted_is_of_a_closed_list() -> None:
    known = {"m", "d", "UNBOUND", *PURE}
    kinds = set()
    for definition in definitions():
        for node in ast.walk(definition):
            kinds.add(type(node))
            match node:
                case ast.Attribute(attr=name):
                    assert name in python.ATTRIBUTES
                case ast.Name(id=name) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                    assert name in known or GENERATED.fullmatch(name), name
                case ast.Constant(value=value):
                    assert value is None or type(value) in (int, float, bool)
                case ast.keyword(arg=name):
                    assert name is not None
                    assert re.fullmatch("[a-z][a-z_]*", name)
    assert kinds <= set(python.NODES)


def test_there_are_no_builtins_but_those_that_are_given() -> None:
    unit = emitted_program(of_text("[x for x in range(3)]").checked).unit
    assert unit.globals["__builtins__"] == {}
    assert {name for name in unit.globals if not GENERATED.fullmatch(name)} <= {
        "__builtins__",
        "sites",
        "UNBOUND",
        *PURE,
    }


# Hostile programs ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("E506", "while True:\n    pass\n1"),
        ("E506", "n = 0\nwhile n >= 0:\n    n += 1\nn"),
        ("E506", "[x for x in range(10_000) for y in range(10_000)]"),
        ("E506", "any(x < 0 for x in range(4_000) for y in range(4_000))"),
        ("E506", "def f(n: int) -> int:\n    return n if n < 2 else f(n - 1) + f(n - 2)\nf(60)"),
        ("E506", "xs = [0]\nfor x in range(5_000):\n    for y in range(5_000):\n        xs.append(y)\nlen(xs)"),
        ("E506", "n = 0\nwhile True:\n    try:\n        n = n // 0\n    except ZeroDivisionError:\n        n += 1\nn"),
        ("E309", "def f(n: int) -> int:\n    return f(n + 1)\nf(0)"),
        ("E309", "def f(n: int) -> int:\n    return g(n)\ndef g(n: int) -> int:\n    return f(n)\nf(0)"),
        ("E507", 'text = "ab"\nwhile True:\n    text += text\ntext'),
        ("E507", "xs = [1]\nwhile True:\n    xs += xs\nlen(xs)"),
        ("E507", "xs = [1]\nwhile True:\n    xs = xs + xs\nlen(xs)"),
        ("E306", "n = 2\nwhile True:\n    n *= n\nn"),
        ("E306", "x = 2.0\nwhile True:\n    x *= x\nx"),
        ("E306", "a, b = 1, 1\nwhile True:\n    a, b = a + b, a\na"),
    ],
)
def test_hostile_programs_end(code: str, text: str) -> None:
    outcome = run(of_text(text), MAX_STEPS, MAX_BYTES, emits=True)
    assert isinstance(outcome, Failure)
    assert outcome.code == code


# Python --------------------------------------------------------------------------


@pytest.mark.parametrize("name", WORKLOADS)
def test_it_gives_what_python_gives(name: str) -> None:
    text = WORKLOADS[name].text
    names: dict[str, Any] = {}
    exec(text, names)
    program = of_text(text, n=50)
    outcome = both_ways(program, MAX_STEPS, MAX_BYTES)
    assert isinstance(outcome, Outcome)
    assert outcome.value == repr(to_json(names["answer"](50)))


# For readers -----------------------------------------------------------------------


def test_a_listing_says_what_the_names_stand_for() -> None:
    text = listing(
        check(
            Source(
                "def double(number: int) -> int:\n    return number if number > 9 else double(2 * number)\n\ndouble(1)"
            )
        )
    )
    assert re.search(r"^# f\d+ is double$", text, re.MULTILINE)
    assert re.search(r"^# v\d+ is number$", text, re.MULTILINE)
    ast.parse(text)


def test_a_listing_has_the_parts_of_a_program_that_make_no_call() -> None:
    text = listing(check(Source('n = 0\nfor x in [1, 2]:\n    n += x\nCALL("a", n)')))
    assert re.search(r"^def l\d+\(m, d, ", text, re.MULTILINE)
    assert "nothing is emitted" in listing(check(Source('CALL("a")'))).lower()
