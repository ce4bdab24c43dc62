"""Programs with calls mean what CPython says, which makes the same calls one after the other."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import random
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from rlmlang import testing
from rlmlang.api import compile
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.limits import Limits
from rlmlang.errors import BudgetError, RunError
from rlmlang.language.types import STR, RecordType, Type
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.runtime.values import RecordValue, Value, canonical
from rlmlang.testing import Case, programs
from rlmlang.testing.echo import made
from tests.support.fakes import Shuffled
from tests.support.oracle import ERRORS, LIMITS, evaluate, exact_text


def answer(type_: Type, instruction: str, arguments: list[Value], sample: int) -> Value:
    """Return the answer of a call, which only depends on what is given here."""
    key = canonical([str(type_), instruction, sample, *arguments])
    return made(type_, random.Random(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()))


class Late(Shuffled):
    """A model whose answers arrive in an order that a seed decides."""

    capabilities = Capabilities()

    async def generate(self, request: Request) -> Reply:
        await self.wait(request)
        given = [value for _, value in request.arguments]
        value = answer(request.type, request.instruction, given, request.sample)
        return Reply(AnswerFormat.of(request.type).write(value), 1, 1, "stop")


class Asked:
    """The calls of a program that CPython runs."""

    def __init__(self, text: str) -> None:
        tree = ast.parse(text)
        self.records = "\n".join(ast.unparse(node) for node in tree.body if isinstance(node, ast.ClassDef))
        self.types: dict[str, Type] = {}

    def type_of(self, text: str) -> Type:
        if text not in self.types:
            program = compile(f"{self.records}\nthe_value: {text}\nthe_value")
            self.types[text] = program.inputs["the_value"]
        return self.types[text]

    def __call__(self, type_text: str, instruction: str, *args: Any, sample: int = 0, **named: Any) -> Value:
        given = [_plain(value) for value in (*args, *named.values())]
        return answer(self.type_of(type_text), instruction, given, sample)


def _plain(value: Any) -> Value:
    """Return a value of CPython as one of the language."""
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
        type_ = RecordType(type(value).__name__, tuple((name, STR) for name in names))
        return RecordValue(type_, tuple(_plain(getattr(value, name)) for name in names))
    if isinstance(value, (list, tuple, set)):
        return type(value)(map(_plain, value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def outcome(case: Case, seed: int, concurrency: int) -> tuple[str, str]:
    """Return the value of a program as text, or the code of its error."""
    model = Late(lambda request: None, seed, concurrency=concurrency, context=1_000_000)
    try:
        result = testing.run(case, model=model, limits=Limits(max_depth=1, max_calls=100_000))
    except (RunError, BudgetError) as error:
        return error.first.code, ""
    return "value", exact_text(result.value)


@settings(max_examples=3 * settings.default.max_examples)
@given(programs(), st.integers(0, 2**32), st.sampled_from([1, 2, 8]))
def test_it_means_what_python_says_whenever_answers_arrive(case: Case, seed: int, concurrency: int) -> None:
    found = outcome(case, seed, concurrency)
    event(found[0])
    if found[0] in LIMITS:
        return
    try:
        expected = exact_text(evaluate(case.text, case.inputs, Asked(case.text)))
    except tuple(ERRORS) as error:
        assert found[0] in ERRORS[type(error)], repr(error)
    else:
        assert found == ("value", expected)


CHANGES = """
n = CALL[int]("number")
m = CALL[int]("another", n)
xs = [0]
late = [m]
seen = {0}
counts = {}
def put(x: int) -> int:
    return CALL[int]("put", x)
for i in range(-3, 6):
    xs.append(i)
    xs.append(n)
    xs.insert(0, xs.pop())
    xs.append(len(xs) + m)
    xs.extend([i, m])
    late.append(i)
    late.append(put(i))
    late += [n]
    seen.add(i + n)
    counts.setdefault(i % 2, m)
    if n < i:
        late.insert(1, late.pop())
        xs.append(late.pop(0))
        seen |= {m, i}
    xs.append(late[-1])
ys = [0]
ys.append(1 if ys.append(put(7)) is None else 2)
ys.insert(0, len([1]) if ys.insert(0, 5) is None else put(8))
(ys, xs, late, sorted(seen), counts)
"""
"""Changes of what is known, of what has parts that are not, and of either by values that are there or come later."""


@pytest.mark.parametrize("seed", range(8))
def test_changes_are_pythons_whenever_their_operands_arrive(seed: int) -> None:
    model = Late(lambda request: None, seed, concurrency=1 + seed % 3, context=1_000_000)
    result = compile(CHANGES).run(model=model, limits=Limits(max_depth=1))
    assert exact_text(result.value) == exact_text(evaluate(CHANGES, {}, Asked(CHANGES)))


@pytest.mark.parametrize(
    "change", ["xs.remove(n)", "xs.pop(n)", "xs.insert(xs.index(n), 1)", "xs.append(1 // (n - n))"]
)
def test_a_change_that_fails_by_an_answer_says_where(change: str) -> None:
    text = f'n = CALL[int]("x")\nxs = [0]\nfor i in range(3):\n    if n > 0:\n        {change}\nxs'
    with pytest.raises(RunError) as caught:
        compile(text).run(model=lambda prompt: "7", limits=Limits(max_depth=1))
    span = caught.value.first.span
    assert span is not None
    assert text.encode()[: span.start].count(b"\n") == 4
