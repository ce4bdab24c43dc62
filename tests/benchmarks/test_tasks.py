"""The benchmark of programs that models write: its tasks have right references, its scores can fail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tasks import measure
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel

pytestmark = pytest.mark.heavy

TASKS = measure.read_tasks()


def measured(task: measure.Task, answer: Callable[[Request], object], mode: str = "free") -> dict[str, Any]:
    return asyncio.run(measure.measure(task, ScriptedModel(answer), mode, 1_000))


def stages(found: dict[str, Any]) -> list[bool]:
    """Return whether the program parses, checks, reads an input, runs and is right."""
    return [found[stage] for stage in measure.STAGES if stage != "asks"]


def task_of(id_: str) -> measure.Task:
    return next(task for task in TASKS if task.id == id_)


def test_tasks_are_many_and_of_many_kinds() -> None:
    kinds = Counter(task.kind for task in TASKS)
    assert len({task.id for task in TASKS}) == len(TASKS) >= 64
    assert len(kinds) >= 8
    assert min(kinds.values()) >= 2


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_references_are_right(task: measure.Task) -> None:
    leaves = iter(task.leaves)
    found = measured(task, lambda request: task.solution() if request.program else next(leaves))
    assert stages(found) == [True] * 5, found
    assert found["calls"] == len(task.leaves)
    assert found["asks"] is bool(task.leaves)
    assert list(leaves) == []


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.id)
def test_other_answers_of_the_type_are_wrong(task: measure.Task) -> None:
    others: dict[str, list[Any]] = {
        "int": [-1],
        "bool": [True, False],
        "str": ["nothing of it"],
        "list[str]": [[], ["nothing"]],
        "list[float]": [[], [0.5]],
        'Literal["positive", "negative"]': ["positive", "negative"],
    }
    wrong = [other for other in others[task.type] if other != task.answer]
    assert wrong
    for other in wrong:
        found = measured(task, lambda request, other=other: other, "direct")
        assert stages(found) == [True, True, True, True, False], found
        assert found["calls"] == 1


def test_a_direct_answer_without_content_is_none() -> None:
    found = measured(task_of("spell_backward-1"), lambda request: "", "direct")
    assert (stages(found), found["error"]) == ([True, True, True, False, False], "E411")


@pytest.mark.parametrize(
    ("program", "reached", "code"),
    [
        ("word[::-1]", [True, True, True, True, True], None),
        ("A program:\n```python\nword[::-1]\n```\nIt spells.", [True, True, True, True, True], None),
        ("word", [True, True, True, True, False], None),
        ("def f(n: int) -> str:\n    return word[:n]\nf(2)", [True, True, True, True, False], None),
        ('def f(word: str) -> str:\n    return word\n"x"', [True, True, False, True, False], None),
        ("word[100]", [True, True, True, False, False], "E301"),
        ("len(word)", [True, False, False, False, False], "E227"),
        ("wort[::-1]", [True, False, False, False, False], "E200"),
        ("word: str\nword[::-1]", [True, False, False, False, False], "E201"),
        ("To spell it, turn it.", [False, False, False, False, False], "E100"),
        (
            '"".join([CALL("Say it", letter, sample=i) for letter in word for i in range(9)])',
            [True, True, True, False, False],
            "E508",
        ),
    ],
)
def test_the_stages_that_a_program_reaches_are_recorded(program: str, reached: list[bool], code: str | None) -> None:
    found = measured(task_of("spell_backward-1"), lambda request: program if request.program else "x")
    assert (stages(found), found.get("error")) == (reached, code), found


@pytest.mark.parametrize(
    ("id_", "value", "right"),
    [
        ("needle_haystack-1", f" {task_of('needle_haystack-1').answer.upper()}.", True),
        ("needle_haystack-1", f"It is {task_of('needle_haystack-1').answer}", False),
        ("number_sorting-1", sorted(task_of("number_sorting-1").answer, reverse=True), False),
        ("number_sorting-1", [each * (1 + 1e-9) for each in task_of("number_sorting-1").answer], True),
        ("leap_year-1", 1, False),
        ("summary-1", "Iceland left Denmark.", True),
        ("summary-1", "Icelanders left Denmark.", False),
        ("summary-1", "Iceland left Denmark." + " Yes" * 28, False),
    ],
)
def test_scores(id_: str, value: object, right: bool) -> None:
    assert task_of(id_).is_right(value) is right


def test_results_are_gone_on_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replies, out = tmp_path / "replies.toml", tmp_path / "results.jsonl"
    replies.write_text(
        '[[reply]]\ninstruction = "*"\nprogram = "word[::-1]"\n\n[[reply]]\ninstruction = "*"\ntext = "a word"\n'
    )
    name = f"scripted:{replies}"

    def run(modes: str, limit: int) -> list[dict[str, Any]]:
        tasks = measure.read_tasks(["spell_backward"], limit)
        asyncio.run(measure.measure_all(name, modes.split(","), tasks, out, 100))
        return measure.read_results(out)

    assert [(each["task"], each["right"]) for each in run("free", 1)] == [("spell_backward-1", True)]
    first = out.read_text()
    assert len(run("free,direct", 2)) == 4
    assert out.read_text().startswith(first)
    assert len(run("free,direct", 2)) == 4
    results = measure.read_results(out)
    rows = measure.table(results).split("\n")[2:]
    assert [row.split(" | ")[1:11] for row in rows] == [
        ["free", "2", "100%", "100%", "100%", "100%", "0%", "100%", "100%", "3"],
        ["direct", "2", "–", "–", "–", "–", "–", "100%", "0%", "–"],
    ]
    assert "| spell_backward | 2 of 2 | 0 of 2 |" in measure.kinds_table(results)
    assert "| replies | free |  |" in measure.codes_table(results)
    failed = measured(task_of("gcd-1"), lambda request: "x") | {"model": "m", "mode": "free"}
    assert "| m | free | E200 1 |" in measure.codes_table([failed])
    assert "| m | free | 1 | 100% | 100% | 0% | 0% | 0% | 0% | 0% | 1 |" in measure.table([failed])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("mode", ["free", "whole", "direct"])
def test_the_leaf_model_answers_the_calls(mode: str) -> None:
    task = task_of("sentiment-1")
    other = next(word for word in ("positive", "negative") if word != task.answer)
    writer = ScriptedModel(lambda request: task.solution() if request.program else other)
    found = asyncio.run(measure.measure(task, writer, mode, 1_000, ScriptedModel(lambda request: task.answer)))
    assert (found["right"], found["calls"], found["asked_again"]) == (True, 1, 0)
    found = asyncio.run(measure.measure(task, writer, mode, 1_000))
    assert (found["right"], found["calls"]) == (False, 1)


def test_modes_are_options_of_models() -> None:
    assert measure.mode_of("smollm2", "free") == "smollm2"
    assert measure.mode_of("smollm2", "types") == "smollm2?constrain=types"
    assert measure.mode_of("gguf:a.gguf?ctx=512", "syntax") == "gguf:a.gguf?ctx=512&constrain=syntax"
    assert measure.label("gguf:/models/a-b.gguf?ctx=512") == "a-b"
    constrained, free = (task_of("gcd-1").request(held, 100).constraint for held in (True, False))
    assert constrained is not None
    assert constrained.program.endswith(
        f'def answer(numbers: list[int]) -> int:\n    """{task_of("gcd-1").instruction}"""\n'
    )
    assert free is None
