"""The benchmark of recursion: how questions are read, and how calls are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from benchmarks.nano.problems import PROBLEMS
from benchmarks.recursion import counting, gym, shared
from rlmlang.nano.engine import NanoModel

pytestmark = pytest.mark.heavy

SORTING = "Sort these numbers in descending order: -48.03, 70.0, 5, 0.5, -18.0\nPlease follow the instruction below:\n"

LOGIC = """Here is the question:
Given:
1. (¬Q → (Q ∨ P))
.2. ((P ∨ P) ↔ ¬Q)
.3. P
.What can we conclude from the above statements?"""

ZEBRA = """This is a logic puzzle. There are 4 houses (numbered 1 on the left, 4 on the right), from the perspective of \
someone standing across the street from them. Each has a different person in them. They have different characteristics:
 - Each person has a unique name: carol, arnold, bob, alice
 - The people are of nationalities: dane, swede, brit, chinese
 - Each mother is accompanied by their child: alice, billy, timothy, bella
 - Each person has a favorite color: brown, purple, blue, white

1. Bob is the British person.
2. Arnold is the person's child is named Alice.
3. The person who is the mother of Billy is the Swedish person.
4. The person who loves blue and the person who is the mother of Timothy are next to each other.
5. The person's child is named Alice is in the first house.
6. The Dane is directly left of Alice.
7. The person who loves white is not in the second house.
8. There is one house between Carol and the person who loves brown.

What is Name of the person who lives in House 1?? Provide only the name of the person as your final answer."""


def first(read: gym.Reader, question: str) -> gym.Attempt:
    return next(iter(read(question)))


@pytest.mark.parametrize(
    ("read", "question", "inputs"),
    [
        (gym.chain_sum, "the following arithmetic problem: 790 + 750 - 969 =", {"plus": ["790", "750"], "minus": ["969"]}),
        (gym.chain_sum, "the following arithmetic problem: -7 - -4 + -30 =", {"plus": ["4"], "minus": ["7", "30"]}),
        (gym.products, "the following multiplication: -79 * 750. Give only", {"factors": ["79", "750"]}),
        (gym.gcd, "(GCD) of these numbers: 894, 336. Give only the GCD.", {"numbers": ["894", "336"]}),
        (gym.number_sorting, SORTING, {"below": ["4803", "1800"], "above": ["7000", "500", "50"]}),
        (gym.zebra_puzzles, ZEBRA, {"clues": ["=ch", "=bk", "=lg", ",rm", "=k1", "<fd", "!s2", ":ap", *(f"={each}5" for each in "ejot"), "=u1", "=v2", "=w3", "=x4", "=y5"]}),
    ],
)  # fmt: skip
def test_questions_are_read(read: gym.Reader, question: str, inputs: Mapping[str, Any]) -> None:
    assert first(read, question).inputs == inputs


def test_answers_are_made_of_values() -> None:
    assert first(gym.products, "Solve: -79 * 750.").answer("59250") == "-59250"
    sorted_ = first(gym.number_sorting, SORTING).answer((["1800", "4803"], ["50", "500", "7000"]))
    assert sorted_ == "['70.0', '5', '0.5', '-18.0', '-48.03']"
    zebra = first(gym.zebra_puzzles, ZEBRA)
    assert zebra.answer(["3", "1", "2", "4"]) == "arnold"
    assert zebra.answer(["3", "5", "2", "4"]) is None


def test_conclusions_are_asked_for_every_assignment() -> None:
    attempts = list(gym.propositional_logic(LOGIC))
    assert attempts[0].inputs["follows"] == [
        "((((!0>(0|0))&((0|0)=!0))&0)>!0)", "((((!1>(1|0))&((0|0)=!1))&0)>!0)",
        "((((!0>(0|1))&((1|1)=!0))&1)>!1)", "((((!1>(1|1))&((1|1)=!1))&1)>!1)",
    ]  # fmt: skip
    assert attempts[0].inputs["alone"] == ["!0", "!1"]
    assert (attempts[0].answer(True), attempts[0].answer(False)) == ("¬P", None)


def test_a_phrase_without_a_meaning_is_reported() -> None:
    with pytest.raises(ValueError, match="no clue"):
        list(gym.zebra_puzzles(ZEBRA.replace("loves brown", "loves pink")))


@pytest.mark.parametrize(("name", "inputs"), [("add", ("9" * 300, "1")), ("sort", (["30", "1", "2", "30", "4"],))])
def test_calls_are_counted_as_they_are_made(name: str, inputs: tuple[Any, ...]) -> None:
    program = PROBLEMS[name].compiled()
    values = dict(zip(program.inputs, inputs))
    value, counter = asyncio.run(counting.count(program, values))
    result = program.run(values, model=NanoModel())
    assert value == result.value == PROBLEMS[name].solve(*inputs)
    usage, unique = result.usage, counter.unique
    assert (usage.calls, usage.prompt_tokens, usage.completion_tokens) == (unique.calls, unique.read, unique.written)
    assert usage.memo_hits == counter.hits
    _, without = asyncio.run(counting.count(program, values, remember=False))
    assert len(without.steps) == without.all.calls == counter.all.calls >= unique.calls


@pytest.mark.parametrize(("right", "of", "low", "high"), [(0, 0, 0, 1), (200, 200, 0.981, 1), (5, 10, 0.237, 0.763)])
def test_intervals(right: int, of: int, low: float, high: float) -> None:
    assert shared.wilson(right, of) == pytest.approx((low, high), abs=1e-3)
