"""The line of a results file that one row becomes: its columns, and what it gave."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from rlmlang.data.tables import TableRow
from rlmlang.mapping.rows import RowResult
from rlmlang.runtime.values import to_json

TAKEN_COLUMNS = ("calls", "prompt_tokens", "completion_tokens", "cost")
"""What a row took. Of rows that share a call, the one that came first took it, which may be another the next time; all
other columns are the same wherever the rows run."""

RESULT_COLUMNS = ("row", "value", "error", "message", "score", *TAKEN_COLUMNS)
"""What a results file says of a row, besides the row's own columns."""

GIVEN = "_given"
"""What is added to the name of a row's own column where a result has the name."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def record_of(result: RowResult, columns: Collection[str] | None = None) -> dict[str, Any]:
    """Return what a results file says of a row, with all of its own columns, or only some."""
    usage, error = result.usage, result.error
    found: dict[str, Any] = {"row": result.number, **own_columns(result.row, columns)}
    found["value"] = to_json(result.value) if error is None else None
    found["error"] = None if error is None else error.first.code
    found["message"] = None if error is None else error.first.message
    found["score"] = result.score
    found["calls"] = usage.calls
    found["prompt_tokens"] = usage.prompt_tokens
    found["completion_tokens"] = usage.completion_tokens
    found["cost"] = None if usage.cost is None else float(usage.cost)
    return found


def own_columns(row: TableRow, columns: Collection[str] | None = None) -> dict[str, Any]:
    """Return a row's own columns, or some of them, by the names that they have in a results file."""
    return {
        name + GIVEN if name in RESULT_COLUMNS else name: cell
        for name, cell in row.items()
        if columns is None or name in columns
    }


def line_of(record: dict[str, Any]) -> bytes:
    """Return a record as a line of JSON; half a surrogate pair is an escape in it."""
    return _encode(record).encode("utf-8", "backslashreplace") + b"\n"
