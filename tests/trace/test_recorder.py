"""What the trace of a run records."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from rlmlang import Limits, ModelError, RunError, Trace, compile
from rlmlang.models.scripted import ScriptedModel
from rlmlang.trace.events import ArgumentPreview, CallEvent, EventError, GenerationEvent, HitEvent, PromptMessage
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


def test_a_default_that_was_taken_is_recorded_in_the_call() -> None:
    text = 'try:\n    x = CALL("fail", "a")\nexcept ModelError:\n    x = CALL("fail", "b", default="c") + CALL("up", "d", default="e")\nx'
    calls = [event for event in events_of(text) if event["kind"] == "call"]
    found = {event["arguments"][0]["preview"]: (event["status"], event["defaulted"]) for event in calls}
    assert found == {'"a"': ("failed", False), '"b"': ("failed", True), '"d"': ("done", False)}


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
    *generations, call = (event for event in events if event["kind"] in ("generation", "call"))
    assert [(each["attempt"], each["output"], each["error"]) for each in generations] == [
        (0, "many", None),
        (1, "many", None),
    ]
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


def test_the_text_of_an_event() -> None:
    """The bytes of logs stay the same as long as the version does: their fields, the order of them, and no spaces."""
    texts: list[str] = []
    trace = Trace(sinks=[lambda seq, event: texts.append(event)])
    trace.emit(HitEvent(of=0, source="é.rlm", line=3, time=0.5))
    message = PromptMessage(role="system", digest="ab"), PromptMessage(role="user", content="x")
    trace.emit(GenerationEvent(call=1, prompt=[*message], output="y", finish="stop", cost=0.25))
    arguments = [ArgumentPreview(preview="1"), ArgumentPreview(name="n", preview="2")]
    error = EventError(code="E401", message="no")
    trace.emit(
        CallEvent(id=1, parent=0, source="<answer>", span=(1, 2), arguments=arguments, status="failed", error=error)
    )
    assert texts == [
        '{"seq":0,"kind":"hit","of":0,"parent":null,"source":"é.rlm","line":3,"time":0.5}',
        '{"seq":1,"kind":"generation","call":1,"attempt":0,"prompt":[{"role":"system","digest":"ab"},'
        '{"role":"user","content":"x"}],"opening":"","written":"","grammar":null,"output":"y","finish":"stop",'
        '"started":0.0,"finished":0.0,"prompt_tokens":0,"completion_tokens":0,"cached_tokens":0,"forced_tokens":0,'
        '"cost":0.25,"error":null}',
        '{"seq":2,"kind":"call","id":1,"parent":0,"level":1,"form":"leaf","source":"<answer>","line":0,"span":[1,2],'
        '"within":null,"instruction":"","arguments":[{"name":null,"preview":"1"},{"name":"n","preview":"2"}],"type":"",'
        '"key":null,"status":"failed","asked":0.0,"started":0.0,"finished":0.0,"prompt_tokens":0,"completion_tokens":0,'
        '"cost":null,"answer":null,"error":{"code":"E401","message":"no"},"defaulted":false,"program":null,"model":""}',
    ]


def test_what_programs_print_is_in_the_order_of_the_text() -> None:
    """Also if a program fails, up to there; a call's program prints for the call."""
    text = 'a = CALL("one")\nprint("first", a)\nprint("second")\nCALL("two")\n'
    events: list[dict[str, Any]] = []
    trace = Trace(sinks=[lambda seq, text: events.append(json.loads(text))])
    model = ScriptedModel([{"instruction": "one", "text": "1"}, {"instruction": "two", "text": "2"}])
    result = compile(text).run(model=model, trace=trace)
    assert result.printed == "first 1\nsecond\n"
    assert [event["text"] for event in events if event["kind"] == "print"] == ["first 1\nsecond\n"]
    failed = Trace()
    with pytest.raises(RunError):
        compile('print("before")\nx = 1 // 0\nprint("after")\nx').run(trace=failed)
    assert failed.printed == [(None, "before\n")]


@pytest.mark.parametrize("kind", ["run", "hit", "text", "generation", "call", "print", "end"])
@pytest.mark.parametrize("is_stored", [False, True])
def test_a_sink_that_fails_ends_the_run_whoever_adds_the_event(kind: str, is_stored: bool, tmp_path: Path) -> None:
    others: list[str] = []

    def fail(seq: int, event: str) -> None:
        if json.loads(event)["kind"] == kind:
            raise ZeroDivisionError(seq)

    async def run() -> None:
        program = compile(
            "def twice(n: int) -> int: ...\n"
            'print("at once")\n'
            '[CALL("up", "a"), CALL("up", "a")] if [twice(n) for n in (1, 2)] else []'
        )
        trace = Trace(sinks=[fail, lambda seq, event: others.append(json.loads(event)["kind"])])
        store = tmp_path / "store.db" if is_stored else None
        functions = {"twice": lambda n: n * 2}
        await asyncio.wait_for(program.arun(model=Fake(obedient), trace=trace, store=store, functions=functions), 60)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
    assert kind in others
    assert others[-1] == "end"
