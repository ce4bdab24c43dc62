"""The user's own words for the models: where they stand, and that they make other calls of the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.prompt import INLINE_CARD, language_card
from tests.support.fakes import Fake, label, obedient

TONE = "Write British English.\nNever guess."


class Counting(Fake):
    """A model that counts a token for each character of its prompt."""

    def __init__(self, answer: Any, **options: Any) -> None:
        super().__init__(answer, **{"context": 100_000, **options})

    def count_tokens(self, request: Any) -> int:
        return sum(len(message.content) for message in request.messages)


def systems(model: Fake) -> list[str]:
    return [request.messages[0].content for request in model.requests]


def test_direct_answers_are_told() -> None:
    model = Fake(obedient)
    assert rlmlang.compile('CALL("up", "a")').run(model=model, guidance=TONE).value == "A"
    (system,) = systems(model)
    assert system.startswith("Answer with plain text only.")
    assert system.endswith(f"\n\n{TONE}")


def test_models_that_write_programs_are_told_and_those_that_answer_their_calls() -> None:
    model = Fake(lambda request: 'CALL("up", "a")' if request.program else obedient(request))
    assert rlmlang.ask("Which?", model=model, guidance=TONE).value == "A"
    asked, direct = systems(model)
    assert asked == f"{language_card()}\n\n{TONE}"
    assert direct.endswith(TONE)


def test_every_turn_of_a_program_is_told() -> None:
    blocks = iter(["x = 1\n", "return x\n"])
    model = Fake(lambda request: f"```python\n{next(blocks)}```")
    assert rlmlang.ask("Which?", type=int, model=model, writing="turns", guidance=TONE).value == 1
    assert [system.endswith(TONE) for system in systems(model)] == [True, True]


def test_texts_with_calls_in_them_are_told() -> None:
    model = Fake(lambda request: "So it is.")
    rlmlang.complete("Say it.", model=model, guidance=TONE)
    assert systems(model) == [f"{INLINE_CARD}\n\n{TONE}"]


def test_other_words_make_another_call(tmp_path: Path) -> None:
    program, place = rlmlang.compile('CALL("up", "a")'), tmp_path / "s"

    def calls(**options: Any) -> int:
        return program.run(model=Fake(obedient), store=place, **options).usage.calls

    assert [calls(), calls(guidance=TONE), calls(guidance="Be brief."), calls(guidance=TONE), calls()] == [
        1,
        1,
        1,
        0,
        0,
    ]


def test_a_run_is_resumed_with_its_words(tmp_path: Path) -> None:
    place, model = tmp_path / "s", Fake(obedient)
    program = rlmlang.compile('[CALL("up", x) for x in CALL[list[str]]("letters", "ab")]')
    with pytest.raises(rlmlang.CallsExhausted):
        program.run(model=model, store=place, guidance=TONE, limits={"max_calls": 2})
    again = rlmlang.resume(store=place, model=model, limits={"max_calls": None})
    assert (again.value, again.usage.calls) == (["A", "B"], 1)
    assert all(system.endswith(TONE) for system in systems(model))
    assert rlmlang.replay(store=place).value == ["A", "B"]


def test_the_estimate_counts_them() -> None:
    program, model = rlmlang.compile('CALL("up", "a")'), Counting(obedient)
    bare, told = (program.cost(model=model, guidance=words).prompt_tokens[0] for words in ("", TONE))
    assert told == bare + len(TONE) + 2
    assert program.run(model=model, guidance=TONE).usage.prompt_tokens == told


def test_guidance_is_text() -> None:
    with pytest.raises(rlmlang.InvalidOption, match="guidance is text, not 3"):
        rlmlang.compile("1").run(guidance=3)  # type: ignore[arg-type]


def test_labels_do_not_change() -> None:
    model = Fake(obedient)
    rlmlang.compile('CALL("up", "a")').run(model=model, guidance=TONE)
    assert [label(request) for request in model.requests] == ["up a"]
