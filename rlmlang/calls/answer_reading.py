"""Read values out of what models answered: strictly where decoding held the answer to its form, else with a few forms
of dress taken off (decision 111).

What is no part of an answer is a fence around it, reasoning in front of it, and special tokens at its end
(`reasoning.py`). Three things change
nothing of what an answer says: a raw line break within a JSON string, an optional field that is left out, and an object
`{"answer": …}` around it, or none where one was asked for. Nothing else is guessed.
"""

from __future__ import annotations

import re
from typing import Any

from rlmlang.calls.reasoning import reasoning_and_answer
from rlmlang.language.types import Type
from rlmlang.runtime.reading import from_json, with_left_out
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.values import Mismatch, Value


def held_value(text: str, type_: Type) -> Value:
    """Return the value in a JSON object that decoding held to `{"answer": …}`. Raises Mismatch."""
    data = parse_json(text)
    if not _is_wrapped(data):
        raise Mismatch("the answer is not an object with the key `answer` alone")
    return from_json(data["answer"], type_, "the answer")


def free_text(text: str) -> str:
    """Return an answer of type str as nothing held it."""
    return _unfenced(reasoning_and_answer(text)[1].strip())


def beginning_of_text(text: str) -> str:
    """Return the beginning of what `free_text` gives for a text that goes on, as far as that is known.

    It is empty where reasoning, a fence or marks may be in front, and it lacks what may be a token that ends the text.
    """
    answer = text.lstrip()
    if answer.startswith(_UNSURE) or _BARE.startswith(answer[: len(_BARE)]):
        return ""
    end = answer.find("<", max(0, len(answer) - LONGEST_END))
    return (answer if end < 0 else answer[:end]).rstrip()


_UNSURE = ("<", "[", "◁", "`", "~")
_BARE = "analysis"
"""How reasoning, fences and marks around answers begin."""

LONGEST_END = 100
"""The most characters that are taken for tokens at the end of a text."""


def free_word(text: str, type_: Type, wrapped: bool) -> Value:
    """Return a word of a Literal as nothing held it. Raises Mismatch."""
    answer = free_text(text)
    try:
        data = parse_json(answer)
    except Mismatch:
        data = None
    return _first_fitting([answer], data, type_, wrapped)


def free_json(text: str, type_: Type, wrapped: bool) -> Value:
    """Return the value of an answer in JSON as nothing held it. Raises Mismatch."""
    try:
        data = parse_json(text)
    except Mismatch:
        data = parse_json(free_text(text), raw_breaks=True)
    return _first_fitting([data], data, type_, wrapped)


def _first_fitting(readings: list[Any], data: object, type_: Type, wrapped: bool) -> Value:
    """Return the first reading that fits the type; what is in an object `{"answer": …}` is another one.

    If an object was asked for, that is the likelier one. Raises Mismatch.
    """
    if isinstance(data, dict) and _is_wrapped(data):
        readings = [data["answer"], *readings] if wrapped else [*readings, data["answer"]]
    problem: Mismatch | None = None
    for complete in (False, True):
        for reading in readings:
            try:
                return from_json(with_left_out(reading, type_) if complete else reading, type_, "the answer")
            except Mismatch as mismatch:
                problem = problem or mismatch
    assert problem is not None
    raise problem


def _is_wrapped(data: object) -> bool:
    return isinstance(data, dict) and list(data) == ["answer"]


_FENCE = re.compile("`{3,}|~{3,}")


def _unfenced(text: str) -> str:
    """Return what is in the fence around a whole text; the text itself if there is none, or several."""
    opened = _FENCE.match(text)
    if opened is None or len(text) < 2 * len(opened[0]) or not text.endswith(opened[0]):
        return text
    inside = text[len(opened[0]) : -len(opened[0])]
    if opened[0] in inside:
        return text
    language, line_end, rest = inside.partition("\n")
    return (rest if line_end else language.removeprefix("json")).strip()
