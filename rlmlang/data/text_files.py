"""Text files, and those whose text is data: JSON, and JSON Lines."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from rlmlang.data.forms import DataForm
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow
from rlmlang.errors import UsageError, unreadable
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.values import Mismatch


@contextmanager
def opened_text(place: DataPlace) -> Iterator[TextIO]:
    r"""Open a place as text with `\n` as its line ends, whose encoding is detected. Raises UsageError E604."""
    encoding = place.encoding()
    try:
        with place.open() as raw, io.TextIOWrapper(raw, encoding) as text:
            yield text
    except UnicodeDecodeError as error:
        raise unreadable(place.name, error) from error


def _json(place: DataPlace) -> Any:
    try:
        return parse_json(place.text())
    except Mismatch as error:
        raise UsageError.of(
            "E603", f"{place.name} is not JSON: {error}", hint="correct it, or read it as text"
        ) from error


def _json_rows(place: DataPlace) -> Table:
    """Return a list of objects as rows. Raises UsageError E603, E604."""
    data = _json(place)
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise UsageError.of(
            "E603", f"{place.name} is no list of objects", hint="write [{…}, {…}], or a file of JSON Lines"
        )
    return Table(place.name, lambda: iter(data), count=len(data))


def _jsonl_rows(place: DataPlace) -> Table:
    return Table(place.name, lambda: _lines_of_json(place))


def _lines_of_json(place: DataPlace) -> Iterator[TableRow]:
    """Yield the objects on the lines of a file. Raises UsageError E603, E604."""
    with opened_text(place) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                data = parse_json(line)
            except Mismatch as error:
                raise UsageError.of("E603", f"{place.name}, line {number:,}: {error}") from error
            if not isinstance(data, dict):
                raise UsageError.of("E603", f"{place.name}, line {number:,} is no object, such as {{…}}")
            yield cast(TableRow, data)


def _line_rows(place: DataPlace) -> Table:
    return Table(place.name, lambda: _lines(place), ("text",), only_text=True)


def _lines(place: DataPlace) -> Iterator[TableRow]:
    """Yield the lines of a file that are not blank. Raises UsageError E604."""
    with opened_text(place) as lines:
        for line in lines:
            if line.strip():
                yield {"text": line.rstrip("\n")}


TEXT = DataForm("text", DataPlace.text, by_type=True)
LINES = DataForm("text", DataPlace.text, _line_rows)
JSON = DataForm("JSON", DataPlace.text, _json_rows, _json, by_type=True)
JSONL = DataForm("JSON Lines", DataPlace.text, _jsonl_rows)
