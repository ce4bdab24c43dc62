"""Keys: what makes two calls one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from tests.support.fakes import Fake, obedient


@pytest.mark.parametrize(
    "other",
    [
        'CALL("echo", "b")',
        'CALL("echo ", "a")',
        'CALL("echo", x="a")',
        'CALL("echo", "a", "a")',
        'CALL("echo", "a", sample=1)',
        'CALL[str | None]("echo", "a")',
        'CALL("echo", ["a"])',
    ],
)
def test_calls_that_differ_are_two_calls(other: str) -> None:
    model = Fake(lambda request: "null" if "None" in str(request.type) else "x")
    compile(f'[CALL("echo", "a") == "", {other} == ""]').run(model=model)
    assert len(model.requests) == 2


ALIKE = ["[1, 2]", "(1, 2)", "{1, 2}", "{1: 2}", "{'1': 2}", "[(1, 2)]", "[[1, 2]]", "A([1])", "B((1,))"]
"""Values of different types, of which some have the same JSON."""


@pytest.mark.parametrize("depth", [1, 2])
def test_types_of_arguments_matter_to_programs_alone(depth: int, tmp_path: Path) -> None:
    model = Fake(lambda request: "return str(x)" if request.program else "leaf")
    classes = "class A:\n    x: list[int]\n\nclass B:\n    x: tuple[int]\n\n"
    answers, calls = [], 0
    for alike in ALIKE:
        program = compile(f"{classes}CALL('show', x={alike})")
        result = program.run(model=model, store=tmp_path / "s", limits=Limits(max_depth=depth))
        answers.append(result.value)
        calls += result.usage.calls
    shown = [*ALIKE[:7], "A(x=[1])", "B(x=(1,))"]
    assert (answers, calls) == ((shown, 9) if depth == 2 else (["leaf"] * 9, 4))


def test_an_equal_argument_written_in_another_way_is_equal() -> None:
    model = Fake(obedient)
    result = compile('[CALL("echo", "a"), CALL("echo", "".join(["a"]), sample=0)]').run(model=model)
    assert result.usage.calls == 1


def test_records_of_one_name_with_other_fields_differ(tmp_path: Path) -> None:
    one = 'class P:\n    x: int\nCALL[P]("make").x'
    two = 'class P:\n    x: int\n    y: int\nCALL[P]("make").x'
    path = tmp_path / "store.db"
    compile(one).run(model=Fake(lambda request: {"x": 1}), store=path)
    model = Fake(lambda request: {"x": 2, "y": 3})
    assert compile(two).run(model=model, store=path).value == 2


@pytest.mark.parametrize(
    "changed",
    [
        lambda: {"model": Fake(obedient), "limits": Limits(max_depth=2)},
        lambda: {"model": Fake(obedient), "limits": Limits(max_answer_tokens=77)},
        lambda: {"model": _renamed(Fake(obedient))},
    ],
)
def test_everything_that_can_change_an_answer_is_in_the_key(tmp_path: Path, changed: Callable[[], Any]) -> None:
    text = 'CALL("echo", "\'x\'")'
    compile(text).run(model=Fake(obedient), store=tmp_path / "s")
    assert compile(text).run(**changed(), store=tmp_path / "s").usage.calls == 1


def _renamed(model: Fake) -> Fake:
    model.identity = '{"kind": "other"}'
    return model


def test_nothing_else_is_in_the_key(tmp_path: Path) -> None:
    compile('CALL("echo", "x")').run(model=Fake(obedient), store=tmp_path / "s")
    limits = Limits(max_calls=5, max_seconds=100, concurrency=3, max_steps=10_000)
    renamed = Fake(obedient, concurrency=2, context=9_000)
    renamed.name = "other"
    result = compile('# moved\ny = CALL("echo", "x")\ny').run(model=renamed, store=tmp_path / "s", limits=limits)
    assert result.usage.calls == 0


def test_limits_are_not_in_the_key(tmp_path: Path) -> None:
    """A share or a limit on money can end a call, but not change its answer."""
    text = 'CALL("up", "a")'
    compile(text).run(model=Fake(obedient), store=tmp_path / "s", limits=Limits(max_depth=1))
    others = Limits(max_share=0.1, max_cost=None, max_calls=7, max_prompt_tokens=99)
    assert compile(text).run(model=Fake(obedient), store=tmp_path / "s", limits=others).usage.calls == 0
