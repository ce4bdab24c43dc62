"""What the trace of a run records."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from rlmlang import Limits, ModelError, Trace, compile
from rlmlang.trace.recorder import CallRecord
from tests.support.fakes import Fake, obedient


def events_of(text: str, answer: Any = obedient, **options: Any) -> list[dict[str, Any]]:
    """The events of a run, whether it succeeds or fails."""
    texts: list[str] = []
    trace = Trace(sinks=[lambda seq, event: texts.append(event)])
    with contextlib.suppress(ModelError):
        compile(text).run(model=Fake(answer), trace=trace, **options)
    for event in texts:
        event.encode()  # whole characters only
    return [json.loads(event) for event in texts]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["kind"] for event in events]


def test_events_of_a_run() -> None:
    events = events_of('n: int = 3\n[CALL("up", "a"), CALL("up", "a")]', limits=Limits(max_calls=5))
    assert kinds(events) == ["run", "hit", "text", "generation", "call", "end"]
    assert [event["seq"] for event in events] == list(range(6))
    begin, hit, _, generation, call, end = events
    assert begin["inputs"] == {"n": {"type": "int", "size": None, "preview": "3"}}
    assert (begin["command"], begin["resumed"], begin["limits"]["max_calls"]) == ("run", False, 5)
    assert (hit["of"], hit["line"]) == (call["id"], 2)
    assert (generation["call"], generation["attempt"], generation["output"]) == (call["id"], 0, "A")
    assert (call["status"], call["answer"], call["arguments"]) == ("done", '"A"', [{"name": None, "preview": '"a"'}])
    assert (end["status"], end["type"], end["value"]) == ("done", "list[str]", '["A", "A"]')


def test_a_system_prompt_is_logged_once() -> None:
    events = events_of('[CALL("up", x) for x in ["a", "b", "c"]]')
    (text,) = [event for event in events if event["kind"] == "text"]
    prompts = [event["prompt"] for event in events if event["kind"] == "generation"]
    assert [prompt[0] for prompt in prompts] == [{"role": "system", "digest": text["digest"]}] * 3
    assert ["a" in prompt[1]["content"] for prompt in prompts] == [True, False, False]


def test_an_error_is_recorded_in_the_generation_and_the_call() -> None:
    def fail(request: Any) -> Any:
        return ModelError.of("E400", "the server is gone")

    events = events_of('CALL("up", "a")', fail)
    for kind in ("generation", "call", "end"):
        (event,) = [event for event in events if event["kind"] == kind]
        assert event["error"] == {"code": "E400", "message": "the server is gone"}
    assert events[-1]["status"] == "failed"


def test_an_answer_of_the_wrong_type_is_recorded_with_the_output() -> None:
    events = events_of('CALL[int]("up", "a")', lambda request: "many")
    generation, call = (event for event in events if event["kind"] in ("generation", "call"))
    assert (generation["output"], generation["error"]) == ("many", None)
    assert (call["status"], call["error"]["code"], call["answer"]) == ("failed", "E401", None)


@pytest.mark.parametrize("hidden", ["sk-abcdefghijklmnopqrstuvwxyz012345", 'my"quoted\\secret'])
def test_secrets_are_in_no_event(hidden: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", hidden)
    text = f'CALL("echo", {json.dumps(hidden)})'
    events = events_of(text, lambda request: f"the key is {hidden}")
    texts = [value for event in events for value in strings(event)]
    assert not any(hidden in value for value in texts)
    assert any("[redacted]" in value for value in texts)
    assert "call" in kinds(events)


def strings(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [text for part in parts for text in strings(part)]


def test_an_unpaired_surrogate_is_replaced() -> None:
    events = events_of('CALL[list[str]]("x")', lambda request: json.dumps(["\ud83d"]))
    assert [event["answer"] for event in events if event["kind"] == "call"] == ['["\ufffd"]']


def test_long_values_are_shortened_and_prompts_are_not() -> None:
    long = "word " * 1_000
    events = events_of('doc: str\nCALL("echo", doc)', lambda request: "x" * 1_000, doc=long, limits=Limits())
    begin, generation, call = (event for event in events if event["kind"] in ("run", "generation", "call"))
    assert long in generation["prompt"][1]["content"]
    assert len(call["arguments"][0]["preview"]) < 300
    assert len(begin["inputs"]["doc"]["preview"]) < 100


def test_watchers_are_called_once_for_each_change() -> None:
    seen: list[tuple[str, int]] = []

    class Watcher:
        def started(self, record: CallRecord) -> None:
            seen.append(("started", record.id))

        def hit(self, record: CallRecord) -> None:
            seen.append(("hit", record.id))

        def finished(self, record: CallRecord) -> None:
            seen.append((record.status, record.id))

    compile('[CALL("up", "a"), CALL("up", "a"), CALL("up", "b")]').run(
        model=Fake(obedient, concurrency=1), trace=Trace(watchers=[Watcher()], keep=False)
    )
    assert seen == [("started", 0), ("hit", 0), ("started", 1), ("done", 0), ("done", 1)]
