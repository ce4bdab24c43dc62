"""Convert traces for other tools. Each function yields JSON objects, to be written one on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from typing import Any

from rlmlang.trace.codec import to_data
from rlmlang.trace.events import Event, EventError, GenerationEvent, PromptMessage
from rlmlang.trace.history import History, LoggedCall

BATCH = 1_000
"""Spans in one object of OTLP; collectors refuse larger ones."""


# OpenTelemetry ---------------------------------------------------------------------


def otlp(history: History) -> Iterator[dict[str, Any]]:
    """Yield the run as TracesData of OTLP: a span for the run, for each call, and for each generation.

    Fields for which the semantic conventions for code and generative AI have a name carry that; all others of the
    schema have theirs after `rlmlang.`.
    """
    version = str(history.run.rlmlang)
    resource = {"attributes": _attributes({"service.name": "rlmlang", "service.version": version})}
    scope = {"name": "rlmlang", "version": version}
    spans = _spans(history)
    while batch := list(islice(spans, BATCH)):
        yield {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": batch}]}]}


def _spans(history: History) -> Iterator[dict[str, Any]]:
    run, end = history.run, history.end
    name = f"invoke_workflow {run.program.name}"
    yield _span(history, "run", None, name, (0.0, history.seconds), end.error if end else None) | {
        "attributes": _attributes(
            {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": run.program.name}
            | _fields(run, _RUN_NAMES)
            | _printed(history, None)
        )
    }
    for call in history.calls:
        id, above = f"call {call.id}", "run" if call.parent is None else f"call {call.parent}"
        name = call.instruction[:100] if call.form == "function" else f"CALL {call.instruction[:100]}"
        yield _span(history, id, above, name, (call.started, call.finished), call.error) | {
            "attributes": _attributes(_call(call) | _printed(history, call.id))
        }
        for each in call.generations:
            times = (each.started, each.finished)
            model = call.model or run.model
            yield _span(history, f"{id} {each.attempt}", id, f"chat {model}", times, each.error) | {
                "kind": _CLIENT,
                "attributes": _attributes(_chat(model, each)),
            }


_RUN_NAMES = {"started": None, "rlmlang": None, "version": None}

_CALL_NAMES = {
    "source": "code.file.path", "line": "code.line.number", "within": "code.function.name", "id": "rlmlang.call",
    "parent": None, "asked": None, "started": None, "finished": None,
    "prompt_tokens": None, "completion_tokens": None, "cost": None,  # those of its generations, which have spans
}  # fmt: skip

_GENERATION_NAMES = {
    "prompt_tokens": "gen_ai.usage.input_tokens", "completion_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "call": None, "output": None, "finish": None, "started": None, "finished": None,
}  # fmt: skip
"""The attributes of fields that have other names than `rlmlang.` and the field; None if the span has them elsewhere."""


def _fields(event: Event, names: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the attributes of the scalar fields of an event."""
    found = {names.get(name, f"rlmlang.{name}"): value for name, value in to_data(event).items() if _is_scalar(value)}
    return {name: value for name, value in found.items() if name is not None}


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


_INTERNAL, _CLIENT = 1, 3
_UNSET, _ERROR = 0, 2


def _span(
    history: History, id: str, above: str | None, name: str, times: tuple[float, float], error: EventError | None
) -> dict[str, Any]:
    run = history.run
    return {
        "traceId": _hex(run.run, 32),
        "spanId": _hex(f"{run.run} {id}", 16),
        "parentSpanId": "" if above is None else _hex(f"{run.run} {above}", 16),
        "name": name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(round((run.started + times[0]) * 1e9)),
        "endTimeUnixNano": str(round((run.started + times[1]) * 1e9)),
        "status": {"code": _ERROR, "message": error.message} if error else {"code": _UNSET},
    }


def _call(call: LoggedCall) -> dict[str, Any]:
    return _fields(call, _CALL_NAMES) | {
        "error.type": call.error and call.error.code,
        "rlmlang.waited": call.started - call.asked,
        "rlmlang.hits": call.hits.total(),
    }


def _printed(history: History, call: int | None) -> dict[str, Any]:
    """Return the attribute that holds what a program printed."""
    return {"rlmlang.printed": history.printed[call]} if call in history.printed else {}


def _chat(model: str, generation: GenerationEvent) -> dict[str, Any]:
    system = [message.text for message in generation.prompt if message.role == "system"]
    asked = [message for message in generation.prompt if message.role != "system"]
    finish = {"refusal": "content_filter"}.get(generation.finish or "", generation.finish or "error")
    output = {"role": "assistant", "parts": _parts(generation.output or ""), "finish_reason": finish}
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": model.partition(":")[0],
        "gen_ai.request.model": model,
        "gen_ai.response.finish_reasons": [finish],
        "gen_ai.system_instructions": json.dumps([part for text in system for part in _parts(text)]),
        "gen_ai.input.messages": json.dumps([{"role": each.role, "parts": _parts(each.text)} for each in asked]),
        "gen_ai.output.messages": json.dumps([output]),
        "error.type": generation.error and generation.error.code,
    } | _fields(generation, _GENERATION_NAMES)


def _parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": text}]


def _hex(text: str, digits: int) -> str:
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:digits]


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _any_value(value)} for key, value in values.items() if value is not None]


def _any_value(value: str | int | float | list[str]) -> dict[str, Any]:
    match value:
        case str():
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case _:
            return {"arrayValue": {"values": [_any_value(each) for each in value]}}


# Chrome and Perfetto ---------------------------------------------------------------


def chrome(history: History) -> Iterator[dict[str, Any]]:
    """Yield the run in the trace event format: a bar for each call, in lanes of calls that do not overlap."""
    lanes = history.lanes()
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": 1, "tid": 0, "name": "process_name", "args": {"name": history.run.program.name or "rlmlang"}}
    ]
    for lane in range(max(lanes, default=-1) + 1):
        events.append({"ph": "M", "pid": 1, "tid": lane, "name": "thread_name", "args": {"name": f"lane {lane + 1}"}})
    for call, lane in zip(history.calls, lanes, strict=True):
        events.append(
            {
                "ph": "X", "pid": 1, "tid": lane,
                "ts": round(call.started * 1e6, 1), "dur": round(call.seconds * 1e6, 1),
                "name": call.instruction[:100] or f"call {call.id}", "cat": call.status, "args": _arguments(call),
            }
        )  # fmt: skip
    yield {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"run": history.run.run}}


def _arguments(call: LoggedCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "parent": call.parent,
        "place": f"{call.source}:{call.line}",
        "type": call.type,
        "status": call.status,
        "waited, s": round(call.started - call.asked, 6),
        "prompt tokens": call.own.prompt_tokens,
        "completion tokens": call.own.completion_tokens,
        "cost, $": call.own.cost,
        "answer": call.answer,
        "error": call.error and call.error.code,
    }


# The visualizer of alexzhang13/rlm -------------------------------------------------


def rlm(history: History) -> Iterator[dict[str, Any]]:
    """Yield the log that the visualizer of alexzhang13/rlm reads: metadata, then iterations with code and calls.

    That format has one model that writes code step by step, and flat calls. So each statement of a program that the
    model wrote is an iteration, and a program that a person wrote is one iteration.
    """
    run = history.run
    depth = run.limits.get("max_depth")
    yield {
        "type": "metadata", "timestamp": _date(run.started), "root_model": run.model, "max_depth": depth,
        "max_iterations": None, "backend": "rlmlang", "backend_kwargs": {}, "environment_type": "rlmlang",
        "environment_kwargs": {}, "other_backends": None,
    }  # fmt: skip
    steps = list(_steps(history))
    for number, (prompt, response, text, error, calls, times) in enumerate(steps, 1):
        result = {
            "stdout": "", "stderr": f"{error.code}: {error.message}" if error else "", "locals": {},
            "execution_time": times[1] - times[0], "rlm_calls": [_completion(each, run.model) for each in calls],
        }  # fmt: skip
        value = history.end.value if history.end and number == len(steps) else None
        yield {
            "type": "iteration", "iteration": number, "timestamp": _date(run.started + times[0]),
            "prompt": [{"role": each.role, "content": each.text} for each in prompt], "response": response,
            "code_blocks": [{"code": text, "result": result}], "final_answer": value,
            "iteration_time": times[1] - times[0],
        }  # fmt: skip


_Step = tuple[list[PromptMessage], str, str, EventError | None, list[LoggedCall], tuple[float, float]]
"""The prompt, response, code, error, calls and times of an iteration."""


def _steps(history: History) -> Iterator[_Step]:
    root = history.roots[0] if len(history.roots) == 1 else None
    if root is None or root.form == "leaf" or not root.generations:
        error = history.end.error if history.end else None
        inputs = "\n".join(f"{name}: {each.type} = {each.preview}" for name, each in history.run.inputs.items())
        prompt = [PromptMessage(role="user", content=inputs)]
        text = history.run.program.text
        yield prompt, f"```repl\n{text}```", text, error, history.calls, (0.0, history.seconds)
        return
    begins = [each.finished for each in root.generations[1:]] + [root.finished]
    below = [call for call in history.calls if call is not root]
    for each, end in zip(root.generations, begins, strict=True):
        calls = [call for call in below if each.finished <= call.asked < end or (end == root.finished <= call.asked)]
        text = each.output or ""
        yield each.prompt, f"```repl\n{text}\n```", text, each.error, calls, (each.started, end)


def _completion(call: LoggedCall, default: str) -> dict[str, Any]:
    """Return a call as one completion: its last prompt and its answer."""
    generations, model = call.shown_generations, call.model or default
    prompt = "\n\n".join(message.text for message in generations[-1].prompt) if generations else call.instruction
    used = {
        "total_calls": call.own.generations,
        "total_input_tokens": call.own.prompt_tokens,
        "total_output_tokens": call.own.completion_tokens,
    }
    return {
        "root_model": model, "prompt": prompt, "response": call.answer or "", "prompt_tokens": call.own.prompt_tokens,
        "completion_tokens": call.own.completion_tokens, "execution_time": call.seconds,
        "usage_summary": {"model_usage_summaries": {model: used}}, "error": call.error and call.error.message,
    }  # fmt: skip


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
