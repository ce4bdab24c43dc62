"""The standard library: every function is documented, and every assertion in its documentation holds.

Right above a `def` stands what the function does, its parameters, and what it costs, then

    # model: PATTERN -> REPLY     what the model says to instructions that fit the pattern
    # >>> EXPR                    a program text whose value is True
    # calls: N                    how many calls it may take: `N`, `N to M` or `N or more`

An assertion sees the replies above it, the nearest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from rlmlang import ast
from rlmlang.budget import Limits
from rlmlang.check import library_names
from rlmlang.format import format_module
from rlmlang.models.scripted import ScriptedModel
from rlmlang.parser import parse
from rlmlang.program import compile
from rlmlang.resources import stdlib_dir
from rlmlang.source import Source

FILES = sorted(stdlib_dir().glob("*.rlm"))


@frozen
class Assertion:
    text: str
    replies: tuple[tuple[str, str], ...]
    """Pattern and answer, the one that counts first."""
    calls: str
    """What is said of the number of calls."""


@frozen
class Documented:
    """A library function and the comment above it."""

    name: str
    node: ast.Function
    comment: tuple[str, ...]

    @property
    def prose(self) -> list[str]:
        """The comment without assertions, replies and counts."""
        return [line for line in self.comment if not re.match("(>>>|model:|calls:)", line)]

    @property
    def assertions(self) -> Iterator[Assertion]:
        replies: tuple[tuple[str, str], ...] = ()
        for i, line in enumerate(self.comment):
            if match := re.fullmatch("model: (.+?) -> (.*)", line):
                replies = ((match[1], match[2]), *replies)
            elif line.startswith(">>> "):
                after = self.comment[i + 1] if i + 1 < len(self.comment) else ""
                yield Assertion(line[4:], replies, after.removeprefix("calls: ") if after.startswith("calls: ") else "")


def documented(path: Path) -> Iterator[Documented]:
    text = path.read_text(encoding="utf-8")
    above = text.split("\n")
    for statement in parse(Source(text, path.name)).statements:
        assert isinstance(statement, ast.Function), f"{path.name} holds more than functions"
        comment: list[str] = []
        line = statement.span.line - 2
        while above[line].startswith("#"):
            comment.insert(0, above[line].removeprefix("#").removeprefix(" "))
            line -= 1
        yield Documented(statement.name.id, statement, tuple(comment))


FUNCTIONS = [function for path in FILES for function in documented(path)]
ASSERTIONS = [
    pytest.param(assertion, id=f"{function.name}-{i}")
    for function in FUNCTIONS
    for i, assertion in enumerate(function.assertions)
]


def test_there_is_a_library() -> None:
    assert len(FUNCTIONS) >= 22
    assert {function.name for function in FUNCTIONS} == set(library_names())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_is_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_module(parse(Source(text, path.name))) == text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file_has_a_theme(path: Path) -> None:
    first, second = path.read_text(encoding="utf-8").split("\n")[:2]
    assert re.fullmatch(r"# [A-Z].{10,}\.", first)
    assert second == ""


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_function_is_documented(function: Documented) -> None:
    assert re.match("[A-Z]", function.prose[0])
    told = [match[1] for line in function.prose if (match := re.match(r"([a-z]\w*): ", line))]
    assert told == [param.name.id for param in function.node.params]
    if "CALL" in function.node.span.text or any(assertion.calls for assertion in function.assertions):
        assert any(line.startswith("Cost: ") for line in function.prose)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_function_has_an_assertion(function: Documented) -> None:
    assert list(function.assertions)


@pytest.mark.parametrize("assertion", ASSERTIONS)
def test_assertion_holds(assertion: Assertion) -> None:
    program = compile(assertion.text + "\n")
    assert str(program.type) == "bool"
    model = ScriptedModel([{"instruction": pattern, "text": text} for pattern, text in assertion.replies])
    limits = Limits(max_calls=None)
    planned = program.cost(limits=limits, model=model).calls
    result = program.run(model=model, limits=limits)
    assert result.value is True
    assert planned == stated(assertion.calls)
    low, high = planned
    assert low <= result.usage.calls
    assert high is None or result.usage.calls <= high


def stated(calls: str) -> tuple[int, int | None]:
    """The interval that a `calls:` line states; none states 0."""
    match = re.fullmatch(r"(\d+)(?: to (\d+)|( or more))?", calls or "0")
    assert match, f"not a number of calls: {calls}"
    low = int(match[1])
    return low, None if match[3] else int(match[2] or low)


def test_search_takes_as_many_steps_as_halving_does() -> None:
    program = compile("""\
events: list[str]
search_sorted(lambda event: CALL[bool]("After the war?", event), events)
""")
    for count in (1, 2, 7, 8, 100):
        for first in (0, count // 2, count):
            model = ScriptedModel(lambda request: str(int(request.arguments[0][1]) >= first).lower())  # noqa: B023
            result = program.run(model=model, events=[str(i) for i in range(count)])
            assert result.value == first
            assert result.usage.calls <= count.bit_length()


def test_tree_joins_pairs_of_a_round_at_once() -> None:
    program = compile("""\
texts: list[str]
tree_reduce(lambda a, b: CALL("Join.", a, b), texts)
""")
    model = ScriptedModel(lambda request: "".join(value for _, value in request.arguments))
    result = program.run(model=model, texts=[chr(97 + i) for i in range(20)])
    assert result.value == "abcdefghijklmnopqrst"
    assert result.usage.calls == 19


def test_labels_within_others_are_told_apart() -> None:
    program = compile("""\
labels = ["happy", "unhappy", "C++"]
[match_label(said, labels) for said in ["Unhappy.", "It is happy", "I am unhappy", "c++", "happy, unhappy"]]
""")
    assert program.run().value == ["unhappy", "happy", "unhappy", "C++", "other"]
