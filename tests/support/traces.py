"""Logs of runs that never were, for tests and benchmarks of what reads them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapreplace
from itertools import product
from pathlib import Path
from typing import Any

PROGRAM = """\
# Notes on each part, and on the notes.
document: str
question: str = "What is it about?"


def brief(part: str) -> str:
    points = CALL[list[str]]("List the key points", part)
    return "\\n".join(points)


notes = [brief(part) for part in chunk(document, 400)]
kinds = [CALL[Literal["fact", "view"]]("Is this a fact or a view?", note) for note in notes]
CALL("Answer the question from the notes", question, notes)
"""

ANSWER = """\
halves = chunk(notes, 2)
found = [CALL("Answer from these notes", question, half) for half in halves]
CALL("Put the answers together", found)
"""

SYSTEM = "You answer in the form that is asked for, and say nothing else. " * 20

_SYLLABLES = tuple(map("".join, product("bdfgklmnrstv", "aeio")))
_CHANCE = random.Random(0)
WORDS = tuple("".join(_CHANCE.choices(_SYLLABLES, k=_CHANCE.randint(1, 4))) for _ in range(4_000))
"""As many as make texts that gzip to about the part that English does: a third."""


def run_event(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "run", "version": 1, "run": "5eed5eed5eed5eed", "started": 1_790_000_000.0, "resumed": False,
        "command": "run", "program": {"name": "notes.rlm", "text": PROGRAM},
        "inputs": {"document": {"type": "str", "size": 400, "preview": "The river…"}},
        "model": "scripted", "identity": "{}", "writing": "statements", "limits": {"max_calls": 200_000, "max_depth": 2},
        "language": "1", "prompts": "1", "rlmlang": "0.1.0",
    } | changes  # fmt: skip


def call_event(id: int, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "call", "id": id, "parent": None, "level": 1, "form": "leaf", "source": "notes.rlm", "line": 7,
        "span": [0, 10], "within": "brief", "instruction": "List the key points",
        "arguments": [{"name": "part", "preview": "some text"}], "type": "list[str]", "key": f"{id:064x}",
        "status": "done", "asked": 0.0, "started": 0.0, "finished": 1.0, "prompt_tokens": 10,
        "completion_tokens": 5, "cost": 0.001, "answer": "an answer", "error": None, "program": None,
    } | changes  # fmt: skip


def generation_event(call: int, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "generation", "call": call, "attempt": 0,
        "prompt": [{"role": "system", "digest": "0" * 16}, {"role": "user", "content": "List the key points"}],
        "written": "", "grammar": None, "output": "an answer", "finish": "stop", "started": 0.0, "finished": 1.0,
        "prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 0, "forced_tokens": 0, "cost": 0.001, "error": None,
    } | changes  # fmt: skip


def text_event(digest: str = "0" * 16, text: str = SYSTEM) -> dict[str, Any]:
    return {"kind": "text", "digest": digest, "text": text}


def end_event(time: float, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "end", "status": "done", "time": time, "usage": {}, "type": "str", "value": "It is about rivers.",
        "error": None,
    } | changes  # fmt: skip


def numbered(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for seq, event in enumerate(events):
        yield {"kind": event["kind"], "seq": seq} | event


def write(path: Path, events: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
        for event in numbered(events):
            file.write(json.dumps(event, ensure_ascii=False) + "\n")
    return path


def events(calls: int, concurrency: int = 16, seed: int = 0) -> Iterator[dict[str, Any]]:
    """The log of a run of at least four calls: notes, their kinds, and an answer by a program, which makes two calls."""
    chance = random.Random(seed)
    yield run_event()
    yield text_event()
    free = [0.0] * concurrency  # when each slot of the model is free
    ready = [0.0] * calls  # when a call may be asked for
    leaves = calls - 4
    notes = (leaves + 1) // 2
    for id in range(leaves):
        kind = id >= notes
        asked = ready[id - notes] if kind else 0.0
        started = max(free[0], asked)
        finished = started + chance.lognormvariate(-0.5, 0.6)
        heapreplace(free, finished)
        ready[id] = finished
        yield from _leaf(id, kind, asked, started, finished, chance)
    yield from _answer(leaves, max(ready, default=0.0), chance)


def _leaf(
    id: int, kind: bool, asked: float, started: float, finished: float, chance: random.Random
) -> Iterator[dict[str, Any]]:
    part = " ".join(chance.choices(WORDS, k=60))
    output = (
        chance.choice(["fact", "view"]) if kind else json.dumps([" ".join(chance.choices(WORDS, k=6)) for _ in "ab"])
    )
    place: dict[str, Any] = (
        {"line": 12, "within": "kinds", "instruction": "Is this a fact or a view?", "type": 'Literal["fact", "view"]'}
        if kind
        else {}
    )
    place |= {"arguments": [{"name": "note" if kind else "part", "preview": part[:100]}], "answer": output}
    times = {"asked": round(asked, 6), "started": round(started, 6), "finished": round(finished, 6)}
    fate = chance.random()
    if fate < 0.03:
        yield call_event(
            id, **place | times | {"status": "stored", "finished": times["started"]}, prompt_tokens=0, cost=None
        )
        return
    tokens = {"prompt_tokens": chance.randrange(80, 400), "completion_tokens": chance.randrange(2, 60)}
    tokens |= {"cost": round(tokens["prompt_tokens"] * 2e-7 + tokens["completion_tokens"] * 8e-7, 9)}
    prompt = [
        {"role": "system", "digest": "0" * 16},
        {"role": "user", "content": f"{place.get('instruction', '')}\n{part}"},
    ]
    error = {"code": "E401", "message": "the answer is not of the asked type"} if fate > 0.995 else None
    spent = {"started": times["started"], "finished": times["finished"], **tokens}
    yield generation_event(id, prompt=prompt, output=output, error=error, **spent)
    if error:
        yield call_event(id, **place | times | tokens | {"status": "failed", "answer": None, "error": error})
        return
    yield call_event(id, **place | times | tokens)
    if fate > 0.95:
        yield {"kind": "hit", "of": id, "parent": None, "line": 7, "source": "notes.rlm", "time": times["finished"]}


def _answer(id: int, now: float, chance: random.Random) -> Iterator[dict[str, Any]]:
    """The last call of the program: a program answers it, with two calls side by side and one on their answers."""
    for attempt, (text, begin) in enumerate(((ANSWER.replace("chunk", "chuck"), 0.0), (ANSWER, 1.0))):
        error = {"code": "E405", "message": "unknown name `chuck`"} if attempt == 0 else None
        yield generation_event(
            id, attempt=attempt, output=text, started=now + begin, finished=now + begin + 1.0, error=error
        )
    inner = {"parent": id, "level": 2, "source": "<answer>"}
    spans = ((2, "found", "Answer from these notes", 2.0, 3.5), (2, "found", "Answer from these notes", 2.0, 3.0))
    for at, (line, within, instruction, begin, end) in enumerate(
        (*spans, (3, None, "Put the answers together", 3.5, 5.0))
    ):
        times = {"started": now + begin, "finished": now + end}
        place = {"line": line, "within": within, "instruction": instruction, "type": "str"}
        yield generation_event(id + at + 1, output=" ".join(chance.choices(WORDS, k=8)), **times)
        yield call_event(id + at + 1, asked=now + begin, **inner | place | times)
    yield call_event(
        id, form="program", line=13, within=None, instruction="Answer the question from the notes", type="str",
        asked=now, started=now, finished=now + 5.1, program=ANSWER, prompt_tokens=20, completion_tokens=10, cost=0.002,
    )  # fmt: skip
    yield end_event(now + 5.2)


def holding(texts: Sequence[str]) -> list[dict[str, Any]]:
    """A log with a call a text, which stands in every field that may hold one; all of them stand in the run's own."""
    joined = "\n".join(texts)
    events: list[dict[str, Any]] = [
        run_event(
            run=texts[0], command=joined, program={"name": joined, "text": joined}, model=joined, writing=joined,
            inputs={text: {"type": text, "size": 1, "preview": text} for text in texts},
            limits={text: text for text in texts}, language=joined, prompts=joined, rlmlang=joined,
        )
    ]  # fmt: skip
    for id, text in enumerate(texts):
        error = {"code": text, "message": text}
        digest = f"{id} {text}"
        message = [{"role": text, "content": text}, {"role": text, "digest": digest}]
        events += [
            text_event(digest, text),
            generation_event(id, prompt=message, grammar=text, written=text, output=text, finish=text, error=error),
            {"kind": "hit", "of": id, "parent": None, "line": 1, "source": text, "time": 0.0},
            call_event(
                id, form=text, source=text, within=text, instruction=text, arguments=[{"name": text, "preview": text}],
                type=text, key=text, status="failed", answer=text, error=error, program=text,
            ),
        ]  # fmt: skip
    return [
        *events,
        end_event(1.0, status=joined, type=joined, value=joined, error={"code": joined, "message": joined}),
    ]
