"""Read what a client sends, which may be anything, of any size, at any pace, or in any encoding."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from attrs import frozen

from rlmlang.errors import RequestError
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.values import Mismatch

LARGE = 200_000
"""Characters of JSON from which others would wait for it to be read."""


@frozen
class BodyLimits:
    """What a body may take."""

    bytes: int = 16_000_000
    """Its size, once it is decompressed."""
    seconds: float = 30.0
    """The time in which all of it must have arrived."""


async def read_json(request: web.Request, limits: BodyLimits) -> dict[str, Any]:
    """Return the JSON object that a request has. Raises RequestError E700, E704, E705.

    Another type of content is refused: browsers let pages of other sites send it, but not JSON, without asking.
    """
    if request.content_type != "application/json":
        hint = "send JSON, with the header `Content-Type: application/json`"
        raise RequestError.of("E700", f"the body is {request.content_type[:80]}, not JSON", hint=hint)
    body = await _read(request, limits)
    try:
        text = body.decode("utf-8")
        data = parse_json(text) if len(text) < LARGE else await asyncio.to_thread(parse_json, text)
    except UnicodeDecodeError as error:
        raise RequestError.of("E700", f"byte {error.start:,} of the body is not UTF-8") from error
    except Mismatch as error:
        raise RequestError.of("E700", f"the body cannot be read: {error}", hint="send one JSON object") from error
    if not isinstance(data, dict):
        raise RequestError.of("E700", f"the body is {kind_of(data)}, not an object", hint="send one JSON object")
    return data


async def _read(request: web.Request, limits: BodyLimits) -> bytes:
    too_large = RequestError.of(
        "E704", f"a body may have {limits.bytes:,} bytes", hint="send less, or raise --max-body"
    )
    if request.content_length is not None and request.content_length > limits.bytes:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.seconds):
            async for part in request.content.iter_any():
                size += len(part)
                if size > limits.bytes:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise RequestError.of("E705", f"the body has not arrived within {limits.seconds:g} seconds") from None
    except web.RequestPayloadError as error:
        raise RequestError.of("E700", "the body is not compressed as its headers say") from error
    return b"".join(parts)


def kind_of(data: Any) -> str:
    """Return what JSON data is, in words."""
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return kinds.get(type(data), "a number")


def member(data: dict[str, Any], name: str, *kinds: type, default: Any = None, where: str = "") -> Any:
    """Return a member of an object, the default if it is missing or null. Raises RequestError E700."""
    value = data.get(name)
    if value is None:
        return default
    if type(value) not in kinds:
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
        expected = " or ".join(names.get(kind, "an object") for kind in kinds)
        raise RequestError.of("E700", f"`{where}{name}` is {expected}, not {kind_of(value)}")
    return value
