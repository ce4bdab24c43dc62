"""The tools that clients of the Model Context Protocol are given: what each takes, does and returns."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from attrs import frozen

from rlmlang.api import Program, answered, compile
from rlmlang.errors import ProgramError, RequestError, UsageError
from rlmlang.serving.bodies import member
from rlmlang.serving.openapi import description_of, input_schema, schema_of
from rlmlang.serving.programs import described, result_of
from rlmlang.serving.service import ServedRun, ServerSettings, Service

ToolArguments = dict[str, Any]
"""The arguments of a tool by name: JSON data of a client, which may be anything."""

_TEXT = {"type": "string"}
_INPUTS = {"type": "object", "description": "The inputs by name. A long text is an input, not part of a question."}
_LIMITS = {
    "type": "object",
    "description": "Limits of this run, such as max_calls, max_seconds and max_cost; at most those of the server.",
}
_PROGRAM = {**_TEXT, "description": "The text of a program in rlmlang, a typed subset of Python with CALL."}


@frozen
class Tool:
    """A tool: how it is described to clients, and what it does for one."""

    name: str
    title: str
    description: str
    inputs: dict[str, Any]
    """The JSON schema of its arguments."""
    outputs: dict[str, Any]
    """The JSON schema of what it returns."""
    call: Callable[[Service, ServedRun, ToolArguments], Coroutine[Any, Any, dict[str, Any]]]


def tools_of(settings: ServerSettings) -> dict[str, Tool]:
    """Return the tools that a server has, by name. Raises UsageError E607 for a program with the name of another tool.

    Programs that clients send are run only if the settings allow that; without a model no question is answered.
    """
    own = [_CHECK, _PLAN]
    own += [_RUN] if settings.allow_programs else []
    own += [_ASK] if settings.model is not None else []
    found = {tool.name: tool for tool in own}
    for name, program in settings.programs.items():
        if name in ("check", "plan", "run", "ask"):
            raise UsageError.of("E607", f"a tool is called {name} already", hint=f"rename the file {name}.rlm")
        found[name] = _named(name, program)
    return found


def text_of_result(result: Mapping[str, Any]) -> str:
    """Return what a tool returns as a text, for clients that read no data: the value, where there is one."""
    value = result.get("value", dict(result))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# Programs of the server ------------------------------------------------------------


def _named(name: str, program: Program) -> Tool:
    """Return the tool that runs a program of the server."""

    async def call(service: Service, run: ServedRun, arguments: ToolArguments) -> dict[str, Any]:
        return _told(run, described(await result_of(service, run, program, arguments, {})))

    about = description_of(program) or f"Run the program {name}."
    return Tool(name, name, about, input_schema(program), _result_schema(schema_of(program.type)), call)


def _result_schema(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a result whose value has a schema."""
    value = dict(value)
    definitions = value.pop("$defs", {})
    found: dict[str, Any] = {
        "type": "object",
        "properties": {"value": value, "type": _TEXT, "run_id": _TEXT, "usage": {"type": "object"}},
        "required": ["value", "type", "run_id", "usage"],
    }
    return {**found, "$defs": definitions} if definitions else found


def _told(run: ServedRun, result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "run_id": run.id}


# Programs and questions of the client ----------------------------------------------


async def _check(_: Service, __: ServedRun, arguments: ToolArguments) -> dict[str, Any]:
    try:
        program = compile(_program(arguments), "<program>")
    except ProgramError as error:
        return {"ok": False, "diagnostics": [each.to_json() for each in error.diagnostics]}
    notes = [note.to_json() for note in program.checked.notes]
    inputs = {name: str(type_) for name, type_ in program.inputs.items()}
    return {"ok": True, "diagnostics": notes, "inputs": inputs, "type": str(program.type)}


async def _plan(service: Service, _: ServedRun, arguments: ToolArguments) -> dict[str, Any]:
    program, settings = compile(_program(arguments), "<program>"), service.settings
    cost = program.cost(
        _inputs(arguments), model=settings.model, models=settings.models, limits=settings.limits,
        prices=settings.prices, guidance=settings.guidance,
    )  # fmt: skip
    found: dict[str, Any] = cost.to_json()
    return found


async def _run(service: Service, run: ServedRun, arguments: ToolArguments) -> dict[str, Any]:
    program, limits = compile(_program(arguments), "<program>"), member(arguments, "limits", dict, default={})
    return _told(run, described(await result_of(service, run, program, _inputs(arguments), limits)))


async def _ask(service: Service, run: ServedRun, arguments: ToolArguments) -> dict[str, Any]:
    question = member(arguments, "question", str)
    if not question:
        raise RequestError.of("E700", "`question` is missing", hint='send {"question": "…", "inputs": {…}}')
    type_, inputs = member(arguments, "type", str, default="str"), _inputs(arguments)
    limits = member(arguments, "limits", dict, default={})
    result = await service.run(run, lambda options: answered(question, inputs, type_, options), limits)
    return _told(run, described(result) | {"program": result.program.source.text})


def _program(arguments: ToolArguments) -> str:
    text = member(arguments, "program", str)
    if text is None:
        raise RequestError.of("E700", "`program` is missing", hint="send the text of a program")
    found: str = text
    return found


def _inputs(arguments: ToolArguments) -> dict[str, Any]:
    found: dict[str, Any] = member(arguments, "inputs", dict, default={})
    return found


def _arguments(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [required], "additionalProperties": False}


_CHECK = Tool(
    "check", "Check a program", "Check a program in rlmlang without running it: every mistake with its place and what "
    "to write instead, or its inputs and the type of its value.",
    _arguments("program", program=_PROGRAM),
    {
        "type": "object",
        "properties": {
            "ok": {"type": "boolean"},
            "diagnostics": {"type": "array", "items": {"type": "object"}},
            "inputs": {"type": "object", "additionalProperties": _TEXT},
            "type": _TEXT,
        },
        "required": ["ok", "diagnostics"],
    },
    _check,
)  # fmt: skip

_PLAN = Tool(
    "plan", "Plan a run", "Say what a run of a program costs at least and at most: calls, tokens, money, steps. No "
    "model is called.",
    _arguments("program", program=_PROGRAM, inputs=_INPUTS), {"type": "object"}, _plan,
)  # fmt: skip

_RUN = Tool(
    "run", "Run a program", "Run a program in rlmlang on inputs, and return its value. Its CALLs are answered by the "
    "model of the server, those that do not need each other at once. `check` it first.",
    _arguments("program", program=_PROGRAM, inputs=_INPUTS, limits=_LIMITS), _result_schema({}), _run,
)  # fmt: skip

_ASK = Tool(
    "ask", "Ask about long inputs", "Answer a question about inputs of any length: a program is written and run that "
    "reads them in parts. Returns the answer, of the type that is asked for, and the program.",
    _arguments(
        "question", question={**_TEXT, "description": "What is asked."}, inputs=_INPUTS,
        type={**_TEXT, "description": "The type of the answer, such as str, int, list[str]; str if left out."},
        limits=_LIMITS,
    ),
    _result_schema({}), _ask,
)  # fmt: skip
