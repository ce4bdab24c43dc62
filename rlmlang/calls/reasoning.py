"""Find out where a model's reasoning ends in what it wrote, and where its answer begins and ends.

Servers that do not take the reasoning out leave it in front of the answer, between the marks of the model's own
format (decision 111). The mark that opens it is often part of the prompt, so that the text has only the one that closes
it.
"""

from __future__ import annotations

import re

_MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought", "<channel|>"),
)
"""What opens and closes the reasoning of Qwen, DeepSeek and most others, Claude, Gemini, Seed, Magistral, Kimi,
Sky-T1, Command A and Gemma."""

_ANSWER_MARKS = (
    ("<answer>", "</answer>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
)
"""What some of them put around the answer behind it."""

_END_MARKS = (
    "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "<|end|>", "<|return|>", "<|eot|>",
    "<|EOT|>", "<|END_OF_TURN_TOKEN|>", "<end_of_turn>", "<turn|>", "</s>", "<eos>", "<｜end▁of▁sentence｜>",
)  # fmt: skip
"""The special tokens by which models of all families end what they write. Servers should take them for the end of the
answer, and some leave them in its text."""

_CLOSING = dict(_MARKS)
_MAY_BE_MARKED = re.compile(r"[<\[◁]|assistantfinal")
"""What every mark has some of. Most answers have none of it, and every call pays for looking."""
_OPENED = re.compile(r"\s*(" + "|".join(re.escape(opening) for opening, _ in _MARKS) + ")")
_CLOSED = re.compile(
    r"(?<![\"'`])(" + "|".join(re.escape(closing) for _, closing in _MARKS) + r")(?![\"'`])"
)  # a text about such marks puts them in quotes
_HARMONY = re.compile(r"\s*(?:<\|start\|>assistant)?<\|channel\|>")
_HARMONY_FINAL = re.compile(
    r"<\|channel\|>final\b.{0,80}?<\|message\|>(.*?)(?:<\|(?:return|end|start)\|>|\Z)", re.DOTALL
)
_HARMONY_BARE = re.compile(r"\s*analysis(?=\S)(.*?)assistantfinal", re.DOTALL)
"""The channels of gpt-oss, and what is left of them where a server takes their special tokens out of the text."""


def reasoning_and_answer(text: str) -> tuple[str, str]:
    """Return the reasoning in front of an answer, empty if there is none, and the answer without tokens that end it.

    Of reasoning that never ends there is no answer.
    """
    if _MAY_BE_MARKED.search(text) is None:
        return "", text
    text = _without_end(text)
    if _HARMONY.match(text):
        final = _HARMONY_FINAL.search(text)
        return (text, "") if final is None else (text[: final.start()], final[1])
    if (bare := _HARMONY_BARE.match(text)) is not None:
        return bare[1], text[bare.end() :]
    at = _end_of_reasoning(text)
    if at == 0:
        return "", text
    return text[:at], _without_answer_marks(text[at:])


def _end_of_reasoning(text: str) -> int:
    """Return where the reasoning in front of a text ends, 0 if there is none."""
    at = 0
    while (opened := _OPENED.match(text, at)) is not None:
        closing = _CLOSING[opened[1]]
        found = text.find(closing, opened.end())
        if found < 0:
            return len(text)
        at = found + len(closing)
    if at or not any(closing in text for closing in _CLOSING.values()):  # in a seventh of the time of the pattern
        return at
    if (closed := _CLOSED.search(text)) is not None:
        opening = next(opening for opening, closing in _MARKS if closing == closed[1])
        if opening not in text[: closed.start()]:
            return closed.end()
    return at


def _without_end(text: str) -> str:
    """Return a text without the special tokens at its end; a text of one token that HTML has too is about it."""
    end, is_marked = _end_without_space(text, len(text)), False
    while text.endswith(_END_MARKS, 0, end):
        mark = next(mark for mark in _END_MARKS if text.endswith(mark, 0, end))
        end, is_marked = _end_without_space(text, end - len(mark)), True
    return text if not is_marked or (end == 0 and text.strip() == "</s>") else text[:end]


def _end_without_space(text: str, end: int) -> int:
    while end and text[end - 1].isspace():
        end -= 1
    return end


def _without_answer_marks(text: str) -> str:
    for opening, closing in _ANSWER_MARKS:
        if text.strip().startswith(opening):
            return text.strip().removeprefix(opening).removesuffix(closing)
    return text
