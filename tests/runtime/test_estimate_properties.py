"""The estimate holds what a run takes, whatever the model answers."""

from __future__ import annotations

from hypothesis import event, given, note
from hypothesis import strategies as st

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.errors import BudgetError, ModelError, RunError
from tests.support.asking import answers, asking_programs
from tests.support.fakes import Fake

LIMITS = Limits(max_steps=20_000, max_calls=None)


@given(asking_programs(), st.integers(0, 5))
def test_what_a_run_takes_is_in_the_estimate(text: str, seed: int) -> None:
    note(text)
    program = compile(text)
    model = Fake(answers(seed))
    try:
        result = program.run(model=model, limits=LIMITS)
    except (RunError, BudgetError, ModelError) as error:
        event(error.first.code)
        return
    event(f"{min(result.usage.calls, 5)} calls")
    cost = program.cost(limits=LIMITS, model=model)
    note(f"{cost.calls} {cost.steps}")
    for name in ("calls", "depth", "prompt_tokens", "completion_tokens", "steps", "bytes"):
        low, high = getattr(cost, name)
        taken = getattr(result.usage, name, None)
        if taken is not None:
            assert low <= taken, name
            assert high is None or taken <= high, name
