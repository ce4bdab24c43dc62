"""Read the log of a run (docs/trace.md) as JSON data. A log may come from anybody, so all of it is checked.
(Decision 76.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from math import isfinite
from typing import Any

from rlmlang.errors import UsageError, unreadable

MAX_LINE = 128_000_000
"""Bytes of one event: prompts and answers are as large as values may be, and JSON makes them longer."""

MAX_DEPTH = 8
"""Brackets within brackets in an event; those of the schema are three deep."""


def read_log(path: str) -> Iterator[dict[str, Any]]:
    """Yield the events of a file, one JSON object on each line. An incomplete last line is left out.

    Raises UsageError E604 if the file cannot be read, E609 if a line is not an event.
    """
    try:
        with open(path, "rb") as file:
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise not_a_trace(f"line {number} of {path} is longer than {MAX_LINE:,} bytes")
                try:
                    event = _parse(line)
                except ValueError as error:
                    if not line.endswith(b"\n"):
                        return
                    raise not_a_trace(f"line {number} of {path} is not an event: {error}") from None
                yield event
    except OSError as error:
        raise unreadable(path, error) from error


def read_events(texts: Iterable[str], place: str) -> Iterator[dict[str, Any]]:
    """Yield the events of JSON texts, such as a store holds. Raises UsageError E609 if one is not an event."""
    for number, text in enumerate(texts):
        try:
            yield _parse(text.encode())
        except ValueError as error:
            raise not_a_trace(f"event {number} of {place} is not an event: {error}") from None


def not_a_trace(message: str) -> UsageError:
    """Return the error E609."""
    return UsageError.of("E609", message)


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


_DECODER = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)


def _parse(line: bytes) -> dict[str, Any]:
    """Return the event on a line. Raises ValueError."""
    try:
        data = _DECODER.decode(line.decode("utf-8"))
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None
    if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
        raise ValueError("it is not an object with a `kind`")
    _check_depth(data, MAX_DEPTH)
    return data


def _check_depth(value: Any, left: int) -> None:
    if not left:
        raise ValueError("brackets are nested too deeply")
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            _check_depth(each, left - 1)
