"""Table of tables as records and other elements of lists, by the types that a program declares."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from rlmlang.data.cells import typed
from rlmlang.data.columns import field_names
from rlmlang.data.memory import Room
from rlmlang.data.tables import Table, TableRow
from rlmlang.errors import UsageError
from rlmlang.language.types import STR, DictType, OptionalType, RecordType, Type
from rlmlang.runtime.values import Mismatch, RecordValue, Value

SHOWN = 3
"""How many rows that do not fit an error shows."""


def fit_row(row: Mapping[str, Any], types: Mapping[str, Type], only_text: bool) -> dict[str, Value]:
    """Return the values of a row by the names of `types`; other columns are left out, and None is what is missing.

    A column has the name itself, or one that is it as the name of a field, in any case: `Review text` is `review_text`.
    With `only_text`, cells are texts meant for the types. Raises Mismatch.
    """
    found: dict[str, Value] = {}
    own = None
    for name, type_ in types.items():
        column = name
        if name not in row:
            own = own or dict(zip(map(str.lower, field_names(tuple(row))), row))
            if name.lower() not in own:
                if not isinstance(type_, OptionalType):
                    raise Mismatch(f"the column `{name}` is missing", _meant(name, row))
                found[name] = None
                continue
            column = own[name.lower()]
        try:
            found[name] = typed(row[column], type_, only_text)
        except Mismatch as error:
            raise Mismatch(f"column `{column}` {error}", error.hint) from None
    return found


def _meant(name: str, row: Mapping[str, Any]) -> str:
    near = get_close_matches(name, row, 1)
    return f"the column may be `{near[0]}`" if near else f"the columns are {', '.join(row)}"


def fitted(rows: Table, item: Type, wanted: str) -> list[Value]:
    """Return rows as the elements of a list. Raises UsageError E603, which shows the first rows that do not fit.

    `wanted` says in an error what was wanted, such as "`rows: list[Review]`".
    """
    found: list[Value] = []
    problems: list[str] = []
    hint = None
    room = Room(rows.name)
    for number, row in enumerate(rows, 1):
        try:
            found.append(_element(row, item, rows.only_text))
            room.check(number)
        except Mismatch as error:
            problems.append(f"row {number:,}, {error}")
            hint = hint or error.hint
            if len(problems) == SHOWN:
                break
    if problems:
        shown = "\n  ".join([f"{rows.name} does not fit {wanted}:", *problems])
        raise UsageError.of("E603", shown, hint=hint or "correct these cells, or declare a type that they have")
    return found


def _element(row: TableRow, item: Type, only_text: bool) -> Value:
    """Return a row as a value of a type. Raises Mismatch."""
    match item:
        case RecordType():
            values = fit_row(row, dict(item.fields), only_text)
            return RecordValue(item, tuple(values.values()))
        case DictType() if item.key == STR:
            return fit_row(row, dict.fromkeys(row, item.value), only_text)
        case _:
            column = next(iter(row)) if len(row) == 1 else "text"
            if column not in row:
                message = f"it has {len(row)} columns, of which none is `text`, and {item} is one value"
                raise Mismatch(message, "declare a record with these fields")
            return fit_row(row, {column: item}, only_text)[column]
