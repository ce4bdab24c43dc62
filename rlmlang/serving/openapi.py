"""Describe the programs that are served, by OpenAPI 3.1: their types are JSON schemas."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from rlmlang.api import Program
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.limits import LimitRange
from rlmlang.language import nodes
from rlmlang.language.types import UNKNOWN, Type
from rlmlang.runtime.inputs import constant_value, declarations
from rlmlang.runtime.values import to_json
from rlmlang.serving.service import ServerSettings

_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string", "description": "A code of rlmlang, such as E603."},
                "hint": {"type": ["string", "null"], "description": "What to do instead."},
            },
            "required": ["message", "type", "code"],
        }
    },
    "required": ["error"],
}

_STATUSES = {
    "400": "The request is wrong, or its inputs do not fit the program.",
    "401": "The key is missing or wrong.",
    "413": "The body is too large.",
    "422": "The program failed on these inputs.",
    "429": "A limit is reached: of the request, of the key, or of requests at once.",
    "502": "The model failed.",
    "503": "The model cannot be reached, or the server is stopping.",
}


def listed(name: str, program: Program) -> dict[str, Any]:
    """Return what a list of programs says of one."""
    return {
        "name": name,
        "description": description_of(program),
        "inputs": {each: "any" if type_ == UNKNOWN else str(type_) for each, type_ in program.inputs.items()},
        "type": "any" if program.type == UNKNOWN else str(program.type),
        "input_schema": input_schema(program),
        "output_schema": schema_of(program.type),
    }


def description_of(program: Program) -> str:
    """Return what a program says of itself: the comment at its top, else the docstring of its function."""
    lines: list[str] = []
    for line in program.source.text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[1:].strip())
    entry = program.checked.entry
    if lines or entry is None or not entry.node.body:
        return "\n".join(lines).strip()
    match entry.node.body[0]:
        case nodes.ExprStatement(value=nodes.Constant(value=str() as text)):
            return "\n".join(line.strip() for line in text.strip().splitlines())
    return ""


def schema_of(type_: Type) -> dict[str, Any]:
    """Return the JSON schema of values of a type; any value, if it is known only once there are inputs."""
    return {} if type_ == UNKNOWN else AnswerFormat.of(type_).schema


def input_schema(program: Program) -> dict[str, Any]:
    """Return the JSON schema of the inputs of a program, as one object."""
    properties: dict[str, Any] = {}
    definitions: dict[str, Any] = {}
    required = []
    for declaration in declarations(program.checked):
        name = declaration.name.id
        schema = dict(schema_of(program.inputs[name]))
        definitions |= schema.pop("$defs", {})
        if declaration.default is None:
            required.append(name)
        else:
            schema = {"anyOf": [schema]} if "$ref" in schema else schema
            schema["default"] = to_json(constant_value(declaration.default))
        properties[name] = schema
    found = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {**found, "$defs": definitions} if definitions else found


def document(settings: ServerSettings) -> dict[str, Any]:
    """Return the OpenAPI document of the programs that are served."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Error": _ERROR, "Usage": {"type": "object", "additionalProperties": {}}}
    for name, program in settings.programs.items():
        paths[f"/programs/{name}"] = {"post": _operation(name, program, schemas)}
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "Programs of rlmlang", "version": version("rlmlang")},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if settings.clients.by_key:
        found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"key": []}]
    return found


def _operation(name: str, program: Program, schemas: dict[str, Any]) -> dict[str, Any]:
    value = {
        "type": "object",
        "properties": {
            "value": _shared(schema_of(program.type), name, schemas),
            "type": {"type": "string", "description": "The type of the value, in the language."},
            "run_id": {"type": "string"},
            "trace": {"type": "string", "format": "uri", "description": "The page of the run."},
            "usage": {"$ref": "#/components/schemas/Usage"},
            "printed": {"type": "string", "description": "What the program printed, if it did."},
        },
        "required": ["value", "type", "run_id", "trace", "usage"],
    }
    lines = description_of(program).splitlines()
    return {
        "operationId": name,
        "summary": lines[0] if lines else name,
        "description": "\n".join(lines),
        "parameters": [_limit(each) for each in ("max_calls", "max_seconds", "max_cost")],
        "requestBody": {"required": True, "content": _json(_shared(input_schema(program), name, schemas))},
        "responses": {
            "200": {"description": "The value of the program.", "content": _json(value)},
            **{
                status: {"description": text, "content": _json({"$ref": "#/components/schemas/Error"})}
                for status, text in _STATUSES.items()
            },
        },
    }


def _limit(name: str) -> dict[str, Any]:
    kind = "integer" if LimitRange.of(name).is_whole else "number"
    schema = {"type": kind, "minimum": 0}
    return {"name": name, "in": "query", "description": "At most what the server allows.", "schema": schema}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _shared(schema: Mapping[str, Any], program: str, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose definitions are among those of the document, under the name of the program."""
    own = {name: each for name, each in schema.items() if name != "$defs"}
    for name, each in schema.get("$defs", {}).items():
        schemas[f"{program}.{name}"] = _referring(each, program)
    found: dict[str, Any] = _referring(own, program)
    return found


def _referring(schema: Any, program: str) -> Any:
    """Return a schema that refers to definitions of the document in place of its own."""
    if isinstance(schema, list):
        return [_referring(each, program) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"#/components/schemas/{program}.{each.rpartition('/')[2]}"
        if key == "$ref" and isinstance(each, str)
        else _referring(each, program)
        for key, each in schema.items()
    }
