"""The standard library: every function is documented, and every assertion in its documentation holds.

The comment right above a `def` says what the function does, lists its parameters and its cost, and then has

    # model: PATTERN -> REPLY     what the model says to instructions that fit the pattern
    # >>> EXPR                    a program text whose value is True
    # calls: N                    how many calls it may take: `N`, `N to M` or `N or more`

An assertion sees the replies above it, the nearest first.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.language.check import library_names
from rlmlang.language.parse import parse
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source
from rlmlang.models.scripted import ScriptedModel
from tests.support.evaluations import Answers, evaluated
from tests.support.library import ASSERTIONS, FILES, FUNCTIONS, Assertion, Documented


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
    listed = [match[1] for line in function.prose if (match := re.match(r"([a-z]\w*): ", line))]
    assert listed == [param.name.id for param in function.node.params]
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
    limits = Limits(max_calls=None, repairs=0)
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


def test_labels_within_others_are_distinguished() -> None:
    program = compile("""\
labels = ["happy", "unhappy", "C++"]
[match_label(said, labels) for said in ["Unhappy.", "It is happy", "I am unhappy", "c++", "happy, unhappy"]]
""")
    assert program.run().value == ["unhappy", "happy", "unhappy", "C++", "other"]


@pytest.mark.parametrize(
    ("program", "answer"),
    [
        ('notes_on("When?", texts)', "In May."),
        ('extract_fields(texts, "a letter")', None),
        ('classify_all(texts, ["a", "b"])', "b"),
        ('group_by_label(texts, ["a", "b"])', "b"),
        ('filter_by("It rains.", texts)', True),
        ('join_pairs(lambda a, b: CALL("Join.", a, b), texts + [f"{text}." for text in texts])', "ab"),
    ],
)
def test_loops_ask_all_their_calls_at_once(program: str, answer: object) -> None:
    answers = Answers(lambda *args: answer)
    evaluated(f"texts: list[str]\n{program}\n", answers, {"texts": [str(i) for i in range(20)]})
    assert answers.most == 20
