"""The answer to a question is heard while a model writes it, where it is the text of one call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import rlmlang
from rlmlang.calls.answer_reading import LONGEST_END, beginning_of_text, free_text
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.trace.recorder import Trace

TOLD = "Once upon a time."


def model(program: str, inner: str = "") -> ScriptedModel:
    """A model that writes programs, and tells its direct answers while it writes them."""

    async def reply(request: Request) -> str:
        if request.program:
            return inner if "Write" in request.instruction else program
        if request.listener is not None:
            request.listener.begin()
            for piece in ("Once ", "upon "):
                request.listener.add(piece)
                await asyncio.sleep(0.12)
        return TOLD

    return ScriptedModel(reply)


def heard(program: str, inner: str = "", **options: Any) -> tuple[str, list[str]]:
    told: list[str] = []
    result = rlmlang.ask(
        "Tell a story", {"xs": ["a", "b"]}, model=model(program, inner), trace=Trace(hear=told.append), **options
    )
    return result.value, told


@pytest.mark.parametrize(
    "program",
    [
        "return CALL('Tell')",
        "story = CALL('Tell')\n    return story",
        "first = CALL('Begin', xs)\n    return CALL('Tell', first)",
        "if len(xs) > 1:\n        return CALL('Tell')\n    return 'no'",
        "def tell():\n        return CALL('Tell')\n    return tell()",
        "return [CALL('Tell', x) for x in xs][0]",
    ],
)
@pytest.mark.parametrize("writing", ["whole", "turns"])
def test_a_call_whose_answer_a_program_returns_is_heard(program: str, writing: str) -> None:
    value, told = heard(f"```python\n    {program}\n```" if writing == "turns" else f"    {program}\n", writing=writing)
    assert value == TOLD
    assert told[-1] == "Once upon"
    assert all(TOLD.startswith(text) for text in told)


@pytest.mark.parametrize(
    "program",
    [
        "return CALL('Tell') + ''",
        "return CALL('Tell').strip()",
        "story = CALL('Tell')\n    return story[:4] if len(story) > 5 else story",
        "return str(len(CALL('Tell')))",
        "for x in xs:\n        if len(CALL('Tell', x)) > 3:\n            return x\n    return 'none'",
    ],
)
def test_a_call_whose_answer_is_only_used_is_not(program: str) -> None:
    _, told = heard(f"    {program}\n", writing="whole")
    assert told == []


def test_a_direct_answer_is_heard() -> None:
    assert heard("", limits={"max_depth": 0})[1][-1] == "Once upon"


def test_a_call_of_a_program_that_a_program_returns_is_heard() -> None:
    value, told = heard(
        "    return CALL('Write')\n", "    return CALL('Tell')\n", writing="whole", limits={"max_depth": 2}
    )
    assert (value, told[-1]) == (TOLD, "Once upon")


def test_an_answer_of_another_type_is_not_heard() -> None:
    told: list[str] = []
    asked = model("    return [CALL('Tell')]\n")
    rlmlang.ask("Tell", type="list[str]", model=asked, writing="whole", trace=Trace(hear=told.append))
    assert told == []


@pytest.mark.parametrize(
    "text",
    [
        "Plain text, as most are.",
        "  spaces around  \n\n",
        "ends with a token<|im_end|>\n<|endoftext|>",
        "a < b and c > d, at length " + "and more " * 30,
        "<think>hm</think>the answer",
        "```json\nfenced\n```",
        "analysis of it</think>the answer"[9:],
        "analysishmassistantfinalyes",
        "<answer>yes</answer>",
        "an analysis",
        "[1, 2]",
        "",
    ],
)
def test_every_beginning_is_one_of_the_answer(text: str) -> None:
    whole = free_text(text)
    if "</think>" in text and not text.startswith("<think>"):
        whole = text  # nothing in front says that it is reasoning; the server finds out when it ends
    for end in range(len(text) + 1):
        assert whole.startswith(beginning_of_text(text[:end]))


def test_a_long_text_is_told_but_for_its_end() -> None:
    text = "word < " * 100
    assert len(beginning_of_text(text)) > len(text) - 2 * LONGEST_END
