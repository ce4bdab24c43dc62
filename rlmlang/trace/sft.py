"""Make training data from runs: what a model read, and what it wrote that was accepted.

An example is one context, in the form that TRL and others take for chats: `prompt` and `completion`, each a list of
messages. Output that failed or was rejected is left out, and so are programs that do not check.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import takewhile
from typing import Any

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.prompt import REJECTED
from rlmlang.calls.written_program import until_code_ends
from rlmlang.errors import ProgramError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.trace.events import GenerationEvent
from rlmlang.trace.history import History, LoggedCall

Example = dict[str, Any]


def examples(histories: Iterable[History]) -> Iterator[Example]:
    """Yield the contexts of runs that ended well, each once, in the order of asking."""
    seen: set[bytes] = set()
    for history in histories:
        for call in _accepted(history):
            new = []
            for generation in _accepted_generations(call, history.run.writing):
                example = _example(call, generation, history.run.writing)
                digest = sha256(json.dumps(example).encode()).digest()
                if digest not in seen:
                    seen.add(digest)
                    new.append(example)
            if new and (call.form == "leaf" or _checks(call)):
                yield from new


def _accepted(history: History) -> Iterator[LoggedCall]:
    """Yield the calls that the value of a run may depend on: none that failed, or were made by a rejected text."""
    rest = history.roots[::-1] if history.status == "done" else []
    while rest:
        call = rest.pop()
        if call.status in ("done", "stored"):
            yield call
            rejected = {id(each) for each in call.generations} - {id(each) for each in _not_rejected(call)}
            made = (each for each in reversed(call.children) if each.hits or id(_maker(call, each)) not in rejected)
            rest.extend(made)


def _maker(call: LoggedCall, child: LoggedCall) -> GenerationEvent | None:
    """Return what the model had written last when a call below was asked."""
    return next((each for each in reversed(call.generations) if each.finished <= child.asked), None)


def _not_rejected(call: LoggedCall) -> list[GenerationEvent]:
    """Return the generations except those after which the model was shown what was wrong."""
    found = call.shown_generations
    return [each for each, after in zip(found, [*found[1:], None]) if after is None or not _is_repair(after)]


def _is_repair(generation: GenerationEvent) -> bool:
    """Return whether it was shown what was wrong with the one before it."""
    after = [*takewhile(lambda message: message.role != "assistant", reversed(generation.prompt))]
    return len(after) < len(generation.prompt) and any(message.text.startswith(REJECTED) for message in after)


def _accepted_generations(call: LoggedCall, writing: str | None) -> list[GenerationEvent]:
    """Return the generations that are part of the answer. In a text with calls they begin and end anywhere: none."""
    if call.form == "text":
        return []
    found = _not_rejected(call)
    if call.form == "leaf" or writing not in ("statements", "turns"):
        found = found[-1:]
    return [each for each in found if each.finish == "stop" and each.error is None]


def _example(call: LoggedCall, generation: GenerationEvent, writing: str | None) -> Example:
    """Return a generation as if it were the first attempt, without what was rejected before it and why."""
    prompt: list[dict[str, str]] = []
    for message in generation.prompt:
        if prompt and prompt[-1]["role"] == "assistant" and message.text.startswith(REJECTED):
            prompt.pop()
        else:
            prompt.append({"role": message.role, "content": message.text})
    text = generation.output or ""
    if generation.opening == AnswerFormat.opening and not _is_object(generation.opening + text):
        text = f" {_in_object(text, call.type)}}}"
    if generation.written:
        prompt.append({"role": "assistant", "content": generation.opening + generation.written})
    else:
        text = generation.opening + text
    if call.form == "program" and writing == "turns":
        text = until_code_ends(text)
    return {"prompt": prompt, "completion": [{"role": "assistant", "content": text}]}


def _is_object(text: str) -> bool:
    """Return whether the text is a wrapped answer. (Earlier versions recorded the answer without its object.)"""
    try:
        return list(json.loads(text)) == ["answer"]
    except (ValueError, TypeError, RecursionError):
        return False


def _in_object(text: str, type_: str) -> str:
    """Return an answer as JSON. (Earlier versions recorded one of a choice of words without its quotes.)"""
    is_word = type_.startswith('Literal["') and not text.startswith('"')
    return json.dumps(text, ensure_ascii=False) if is_word else text


def _checks(call: LoggedCall) -> bool:
    try:
        check(Source(call.program or ""))
    except ProgramError:
        return False
    return True
