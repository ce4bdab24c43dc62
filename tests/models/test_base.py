"""What the protocol promises to those who write a backend."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.limits import Limits
from rlmlang.language.types import STR
from rlmlang.models import base, registry
from rlmlang.models.base import cut_at_stop

REPLIES = {
    "How many?": "5",
    "Write the next statement": "return m * 2\n",
    "Add 1 to it.": "```python\nm = n + 1\n```",
    "Double it.": "return n * 2",
}


async def engine(chat: list[tuple[str, str]], max_tokens: int) -> tuple[str, int, int]:
    last = chat[-1][1]
    text = next(reply for part, reply in REPLIES.items() if part in last)
    return text, sum(len(content) for _, content in chat), min(len(text), max_tokens)


@pytest.fixture
def names() -> dict[str, Any]:
    """What the code in the documentation of the protocol defines: the backend and its opener."""
    assert base.__doc__ is not None
    found = re.search(r"(?m)^    class MyModel:\n(?:(?:    .*)?\n)+", base.__doc__)
    assert found is not None
    names = {**vars(base), "my_engine": engine}
    exec(dedent(found[0]), names)
    return names


@pytest.fixture
def model(names: dict[str, Any]) -> Any:
    return names["MyModel"]()


def test_the_backend_in_the_documentation_can_be_opened(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("my_package.my_module")
    vars(module).update(names)
    monkeypatch.setitem(sys.modules, "my_package", ModuleType("my_package"))
    monkeypatch.setitem(sys.modules, "my_package.my_module", module)
    found = re.search(r'(?m)^    mine = "(.*)"$', base.__doc__ or "")
    assert found is not None
    monkeypatch.setattr(registry, "_plugins", lambda: {"mine": EntryPoint("mine", found[1], "rlmlang.models")})
    assert rlmlang.compile('CALL[int]("How many?")').run(model="mine").value == 5
    row = eval(re.findall(r"(?m)^    (Backend\(.*\)),$", base.__doc__ or "")[0], vars(registry))
    monkeypatch.setitem(sys.modules, "rlmlang.models.my_module", module)
    assert row.open("", "", "mine").name == "mine"


def test_the_count_of_the_backend_in_the_documentation_is_an_upper_bound(model: Any) -> None:
    request = base.Request("é😀", (), STR)
    assert model.count_tokens(request) > sum(len(message.content.encode()) for message in request.messages)


def test_the_backend_in_the_documentation_answers(model: Any) -> None:
    result = rlmlang.compile('CALL[int]("How many?")').run(model=model)
    assert (result.value, result.usage.completion_tokens) == (5, 1)


@pytest.mark.parametrize(
    ("writing", "instruction", "value"), [("whole", "Double it.", 8), ("statements", "Add 1 to it. Double it.", 10)]
)
def test_the_backend_in_the_documentation_writes_programs(
    model: Any, writing: Any, instruction: str, value: int
) -> None:
    program = rlmlang.compile(f'CALL[int]("{instruction}", n=4)')
    assert program.run(model=model, limits=Limits(max_depth=2), writing=writing).value == value


@pytest.mark.parametrize(
    ("text", "stops", "cut"),
    [("a b c", (), "a b c"), ("a b c", ("x",), "a b c"), ("a b c", ("c", "b"), "a b"), ("", ("a",), "")],
)
def test_a_text_is_cut_after_its_first_stop_text(text: str, stops: tuple[str, ...], cut: str) -> None:
    assert cut_at_stop(text, stops) == cut
