"""What a map takes at least and at most: no map takes less or more."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.errors import InvalidOption, UsageError
from tests.support.command_line import Run, run
from tests.support.fakes import Fake

__all__ = ["run"]  # a fixture

PROGRAMS = {
    "one call": 'text: str\nCALL("Which?", text)\n',
    "a call that is the same for all rows": 'text: str\nCALL("The rules?") + CALL("Which?", text)\n',
    "a call on an answer": 'text: str\nCALL("Again", CALL("Which?", text))\n',
    "calls in a branch": 'text: str\nCALL("Which?", text) if text > "m" else CALL("Other", text) + CALL("More")\n',
    "as many calls as there are words": 'text: str\nlen([CALL("Which?", word) for word in text.split()])\n',
    "a branch on an answer": 'text: str\nCALL("More", text) if CALL[bool]("Is it?", text) else ""\n',
    "no call": "text: str\nlen(text)\n",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_map_takes_what_was_planned(name: str) -> None:
    program, chance = rlmlang.compile(PROGRAMS[name]), random.Random(name)
    for _ in range(10):
        words = ["a", "z", "a b", "b a z", "", "q q"]
        rows = [{"text": chance.choice(words)} for _ in range(chance.randrange(1, 8))]
        model = Fake(lambda request: "true" if "Is it" in request.instruction else chance.choice("xyz"))
        plan = program.map(rows, model=model).cost()
        mapped = program.map(rows, model=model)
        results = list(mapped)
        assert (plan.rows, plan.looked_at, plan.unfit, plan.failing) == (len(rows), len(rows), 0, 0)
        for what in ("calls", "prompt_tokens", "completion_tokens"):
            least, most = plan.of(what)
            used = getattr(mapped.usage, what)
            assert most is not None
            assert least <= used <= most
        assert plan.of("steps")[0] <= sum(row.usage.steps for row in results)


def test_equal_calls_count_once_in_the_minimum() -> None:
    rows = [{"text": "a"}, {"text": "a"}, {"text": "b"}]
    plan = rlmlang.compile(PROGRAMS["a call that is the same for all rows"]).map(rows).cost()
    assert plan.of("calls") == (3, 6)


def test_rows_that_do_not_fit_cost_nothing_and_those_that_fail_may_cost_all() -> None:
    program = rlmlang.compile('n: int\nCALL("x", 10 // n)\n')
    plan = program.map([{"n": 1}, {"n": "x"}, {"n": 0}], row_limits={"max_calls": 7}).cost()
    assert (plan.rows, plan.unfit, plan.failing) == (3, 1, 1)
    assert plan.of("calls") == (1, 8)


def test_a_sample_tells_about_all_rows() -> None:
    rows = [{"text": "a " * (number % 5)} for number in range(1000)]
    program = rlmlang.compile(PROGRAMS["as many calls as there are words"])
    plan = program.map(rows).cost(sample=200)
    assert (plan.rows, plan.looked_at, plan.is_sample) == (1000, 200, True)
    _, most = plan.of("calls")
    assert most is not None
    assert 1600 < most < 2400
    assert program.map(rows).cost(sample=200).of("calls") == plan.of("calls")
    assert not program.map(rows).cost(sample=1000).is_sample
    mapped = program.map(rows)
    mapped.cost()
    with pytest.raises(InvalidOption):
        mapped.cost()


def test_plan_on_the_command_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "program.rlm").write_text(PROGRAMS["one call"])
    (tmp_path / "rows.csv").write_text("text\n" + "".join(f"{number}\n" for number in range(50)))
    code, out, _ = run("plan", "program.rlm", "--rows", "rows.csv")
    assert code == 0
    assert out.splitlines()[:2] == ["rows               50", "calls              50"]
    code, out, _ = run("plan", "program.rlm", "--rows", "rows.csv", "--sample", "10")
    assert out.startswith(
        "rows               50; what follows is about right, from a sample of 10\ncalls              50\n"
    )
    found: dict[str, Any] = json.loads(run("plan", "program.rlm", "--rows", "rows.csv", "--json")[1])
    assert (found["rows"], found["calls"]) == (50, [50, 50])
    assert run("plan", "program.rlm", "--sample", "10")[0] == UsageError.exit_code
