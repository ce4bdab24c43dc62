"""`/programs`: the programs of a folder, with typed JSON in and out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from rlmlang.api import Program, Result, compile, load
from rlmlang.calls.host_functions import FunctionsLike, functions_for, host_functions
from rlmlang.calls.limits import LimitRange, Limits
from rlmlang.errors import RequestError, UsageError, unreadable
from rlmlang.execution import Options, run_program
from rlmlang.runtime.inputs import with_input_types
from rlmlang.runtime.values import to_json
from rlmlang.serving.answers import about, failed, headers, outcome, working
from rlmlang.serving.bodies import member, read_json
from rlmlang.serving.failures import json_response
from rlmlang.serving.openapi import document, listed
from rlmlang.serving.service import CLIENT, SERVICE, ServedRun, Service

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def load_programs(folder: str | Path, functions: FunctionsLike | None = None) -> dict[str, Program]:
    """Return the programs of a folder by name, which is that of the file without `.rlm`; hidden files are left out.

    Raises UsageError E604, E607, E613; ProgramError for the first that does not check.
    """
    try:
        paths = sorted(
            path for path in Path(folder).iterdir() if path.suffix == ".rlm" and not path.name.startswith(".")
        )
    except OSError as error:
        raise unreadable(folder, error) from error
    if not paths:
        raise UsageError.of("E607", f"{folder} has no programs", hint="their files end with .rlm")
    given = host_functions(functions)
    programs = {}
    for path in paths:
        if not _NAME.fullmatch(path.stem):
            raise UsageError.of("E607", f"{path} cannot be served by its name", hint="use letters, digits, _ and -")
        programs[path.stem] = program = load(path)
        functions_for(program.checked, given)
    return programs


async def programs(request: web.Request) -> web.Response:
    """List the programs."""
    served = request.app[SERVICE].settings.programs
    return json_response({"programs": [listed(name, program) for name, program in served.items()]})


async def program(request: web.Request) -> web.Response:
    """Describe a program. Raises RequestError E703."""
    name, found = _named(request)
    return json_response(listed(name, found))


async def openapi(request: web.Request) -> web.Response:
    """Describe what is served, as OpenAPI."""
    return json_response(document(request.app[SERVICE].settings))


async def run_named(request: web.Request) -> web.Response:
    """Run a program of the folder on the inputs in the body. Raises RequestError E700, E703."""
    service = request.app[SERVICE]
    name, found = _named(request)
    limits = _limits(request.query)
    inputs = await read_json(request, service.settings.body)
    return await _run(request, name, found, inputs, limits)


async def run_text(request: web.Request) -> web.Response:
    """Run the program in the body. Raises RequestError E700; E702 unless the server allows that."""
    service = request.app[SERVICE]
    if not service.settings.allow_programs:
        hint = "run one of its own, see GET /programs; or start it with --allow-programs"
        raise RequestError.of("E702", "this server runs no programs of others", hint=hint)
    limits = _limits(request.query)
    body = await read_json(request, service.settings.body)
    text = member(body, "program", str)
    if text is None:
        raise RequestError.of("E700", "`program` is missing", hint='send {"program": "…", "inputs": {…}}')
    found = compile(text, "<request>")
    return await _run(request, "a program", found, member(body, "inputs", dict, default={}), limits)


def _named(request: web.Request) -> tuple[str, Program]:
    name, served = request.match_info["name"], request.app[SERVICE].settings.programs
    if name not in served:
        raise RequestError.of("E703", f"there is no program {name[:80]!r}", hint="GET /programs lists them")
    return name, served[name]


def _limits(query: Mapping[str, str]) -> dict[str, object]:
    """Return the limits in the query of an address. Raises RequestError E700."""
    found: dict[str, object] = {}
    for name, text in query.items():
        if name not in {each.name for each in Limits.__attrs_attrs__}:
            raise RequestError.of("E700", f"there is no limit `{name[:80]}`")
        try:
            found[name] = int(text[:20]) if LimitRange.of(name).is_whole else float(text[:20])
        except ValueError:
            raise RequestError.of("E700", f"`{name}` is {LimitRange.of(name).about}") from None
    return found


async def _run(
    request: web.Request, title: str, program: Program, inputs: dict[str, Any], limits: dict[str, object]
) -> web.Response:
    service: Service = request.app[SERVICE]
    with service.begun(request[CLIENT], title) as run:
        async with working(result_of(service, run, program, inputs, limits)) as task:
            try:
                result = await outcome(task)
            except Exception as error:
                return failed(request, run, error)
            data = described(result) | about(request, run)
            return json_response(data, headers=headers(request, run))


async def result_of(
    service: Service, run: ServedRun, program: Program, inputs: Mapping[str, Any], limits: Mapping[str, Any]
) -> Result:
    """Run a program on inputs for a client. Raises RlmError, RequestError E700, E707."""

    async def made(options: Options) -> Result:
        typed = Program(with_input_types(program.checked, inputs))
        value = await run_program(typed.checked, inputs, options)
        return Result(value, typed.type, options.trace.usage, options.trace, typed)

    return await service.run(run, made, limits)


def described(result: Result) -> dict[str, Any]:
    """Return what a client is told of a result, as JSON data."""
    data = {"value": to_json(result.value), "type": str(result.type), "usage": result.usage.to_json()}
    return data | ({"printed": result.printed} if result.printed else {})
