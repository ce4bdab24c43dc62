"""Masks accept the programs of the repository, and reference solutions of HumanEval as bodies of functions."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import ProgramError
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.parse import parse_as_written
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source
from tests.support.humaneval import corpus, input_types, problems
from tests.support.places import ROOT

pytestmark = [pytest.mark.heavy, pytest.mark.long]

PROGRAMS = sorted([*(ROOT / "examples").glob("*.rlm"), *(ROOT / "stdlib").glob("*.rlm")])
PATH = corpus()


def is_accepted(text: str, vocabulary: Vocabulary, constraint: Constraint) -> bool:
    matcher = Matcher(constraint, vocabulary, 100_000)
    for token in vocabulary.encode(text):
        if matcher.done or not matcher.allows(token):
            break
        matcher.commit(token)
    return matcher.text == text and (matcher.done or any(map(matcher.allows, vocabulary.eos)))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_programs_of_the_repository_are_accepted(path: Path, smollm2: Vocabulary) -> None:
    text = format_module(parse_as_written(Source(path.read_text(encoding="utf-8"))))
    assert is_accepted(text, smollm2, Constraint())


@pytest.mark.skipif(PATH is None, reason="RLMLANG_CORPORA names no folder with humaneval.jsonl")
def test_reference_solutions_are_accepted_as_bodies(smollm2: Vocabulary) -> None:
    assert PATH is not None
    refused, tried = [], 0
    for problem in problems(PATH):
        try:
            check(Source(problem.program, problem.name), None, input_types(problem))
        except ProgramError:
            continue
        text = format_module(parse_as_written(Source(problem.program)))
        *_, function = (s for s in parse_as_written(Source(text)).statements if isinstance(s, nodes.Function))
        begins = next(each for each in function.body if each.span.start > function.body[0].span.start)
        at = text.rindex("\n", 0, begins.span.start) + 1  # after the docstring
        tried += 1
        if not is_accepted(text[at:], smollm2, Constraint(text[:at], within=True)):
            refused.append(problem.name)
    assert tried > 150
    assert len(refused) <= tried // 50, refused
