"""HumanEval: its reference solutions are programs as they stand, and give CPython's values on the calls of its tests."""

from __future__ import annotations

import pytest

import rlmlang
from rlmlang.errors import ProgramError, RunError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from tests.support.humaneval import Call, Problem, corpus, input_types, problems

PATH = corpus()

REFUSED = {
    20: "E227: a result may be None, and is a tuple of any length where one of two is declared",
    22: "the elements of a list have no common type",
    78: "the arguments of its tests have no common type",
    95: "the keys of a dict have no common type",
    103: "E213: a result is an int or a text",
    125: "E213: a result is a list or an int",
    137: "the arguments of its tests have no common type",
    160: "E200: `eval`",
    162: "E113: `hashlib`",
}
"""The solutions that do not check, by number, and why."""

LIMITS = {"max_steps": 200_000_000}
"""Two of the tests compute for long."""

MOST_REFUSED = 16
"""A tenth of the 164 problems."""


def _number(problem: Problem) -> int:
    return int(problem.name.rpartition("/")[2])


def _checks(problem: Problem) -> bool:
    types = input_types(problem)
    if types is None:
        return False
    try:
        check(Source(problem.program, problem.name), None, types)
    except ProgramError:
        return False
    return True


@pytest.mark.heavy
@pytest.mark.skipif(PATH is None, reason="RLMLANG_CORPORA names no folder with humaneval.jsonl")
def test_reference_solutions_check() -> None:
    assert PATH is not None
    refused = {_number(problem) for problem in problems(PATH) if not _checks(problem)}
    assert refused == REFUSED.keys()
    assert len(refused) <= MOST_REFUSED


@pytest.mark.heavy
@pytest.mark.skipif(PATH is None, reason="RLMLANG_CORPORA names no folder with humaneval.jsonl")
def test_reference_solutions_give_what_they_give_in_cpython() -> None:
    assert PATH is not None
    compared = 0
    for problem in problems(PATH):
        if _number(problem) in REFUSED:
            continue
        types = input_types(problem)
        program = rlmlang.Program(check(Source(problem.program, problem.name), None, types))
        for call in problem.calls:
            _compare(program, call, problem.name)
            compared += 1
    assert compared > 1_000


def _compare(program: rlmlang.Program, call: Call, name: str) -> None:
    if call.error is not None:
        with pytest.raises(RunError):
            program.run(call.arguments, limits=LIMITS)
        return
    value = program.run(call.arguments, limits=LIMITS).value
    said = f"{name}{call.arguments}: {value!r}, in CPython {call.value!r}"
    assert value == call.value, said
    assert isinstance(value, type(call.value)), said
