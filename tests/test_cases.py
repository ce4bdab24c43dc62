"""Programs with marks (tests/cases/*.rlm) have the values and the errors that their marks say."""

from __future__ import annotations

from functools import partial

import pytest

from rlmlang import RlmError, compile
from rlmlang.runtime.values import to_json
from tests.support.cases import Case, cases
from tests.support.fakes import Fake, Shuffled, obedient

# Answers in order, one at a time, and in other orders.
MODELS = (
    lambda: Fake(obedient),
    lambda: Fake(obedient, concurrency=1),
    *(partial(Shuffled, obedient, seed) for seed in range(5)),
)
VALUES = [case for case in cases() if case.calls is not None]
ERRORS = [case for case in cases() if case.errors]


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case.id)
def test_a_program_has_one_value_whenever_its_answers_arrive(case: Case) -> None:
    program = compile(case.text)
    for model in MODELS:
        result = program.run(model=model())
        assert (to_json(result.value), result.usage.calls) == (case.value, case.calls)
    assert to_json(program.run(model=Fake(obedient), memo=False).value) == case.value


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.id)
def test_a_program_has_the_errors_that_are_marked_whenever_they_happen(case: Case) -> None:
    for model in MODELS:
        with pytest.raises(RlmError) as caught:
            compile(case.text).run(model=model())
        found: dict[int, list[str]] = {}
        for problem in caught.value.diagnostics:
            assert problem.span is not None
            column = f":{problem.span.column}" if ":" in "".join(case.errors.get(problem.span.line, ())) else ""
            found.setdefault(problem.span.line, []).append(problem.code + column)
        assert found == case.errors
