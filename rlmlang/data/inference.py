"""Tables that no program declares, as lists of records: the types of columns are found from all of their cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rlmlang.data.cells import typed
from rlmlang.data.columns import field_names, is_number
from rlmlang.data.tables import Table
from rlmlang.errors import UsageError
from rlmlang.language.types import BOOL, FLOAT, INT, STR, ListType, RecordType, Type, optional
from rlmlang.runtime.inferred_records import record_name, typed_data
from rlmlang.runtime.values import MAX_INT_BITS, Mismatch, RecordValue

_MAX_DIGITS = MAX_INT_BITS * 3 // 10


def inferred(rows: Table, name: str) -> list[RecordValue]:
    """Return rows as records, named after the input `name`. Raises UsageError E603, E604.

    A column of text is of numbers or bools if all of its cells are; empty cells are None then, and empty texts
    otherwise. Numbers that begin with zeros, such as postal codes, are text. Columns of bytes are left out.
    """
    cells = list(rows)
    found = dict.fromkeys(column for row in cells for column in row)
    columns = [column for column in found if not any(isinstance(row.get(column), bytes) for row in cells)]
    if not columns:
        raise UsageError.of("E603", f"{rows.name} has no rows, by which the types of its columns could be found")
    fields = field_names(columns)
    types: list[Type] = []
    values: list[list[Any]] = []
    for column, field in zip(columns, fields):
        own = [row.get(column) for row in cells]
        try:
            type_, of = _text_column(own) if rows.only_text else _column(own, field)
        except Mismatch as error:
            raise UsageError.of("E603", f"{rows.name}, column `{column}`: {error}", hint=error.hint) from error
        types.append(type_)
        values.append(of)
    record = RecordType(record_name(name, set()), tuple(zip(fields, types)))
    return [RecordValue(record, row) for row in zip(*values)]


def _text_column(cells: list[str | None]) -> tuple[Type, list[Any]]:
    """Return the type of a column of text, and its values."""
    filled = [cell for cell in cells if cell is not None and cell.strip()]
    type_ = _type_of_texts(filled)
    if type_ == STR:
        return STR, [cell or "" for cell in cells]
    type_ = type_ if len(filled) == len(cells) else optional(type_)
    return type_, [typed(cell and cell.strip(), type_, True) for cell in cells]


def _type_of_texts(cells: Sequence[str]) -> Type:
    if not cells:
        return STR
    if all(map(is_number, cells)):
        numbers = [cell.strip().lstrip("+-") for cell in cells]
        if any(len(number) > 1 and number[0] == "0" and number[1].isdigit() for number in numbers):
            return STR
        if all(map(str.isdigit, numbers)):
            return INT if max(map(len, numbers)) < _MAX_DIGITS else STR
        return FLOAT if all(abs(float(number)) < float("inf") for number in numbers) else STR
    return BOOL if all(cell.strip().lower() in ("true", "false") for cell in cells) else STR


def _column(cells: list[Any], field: str) -> tuple[Type, list[Any]]:
    """Return the type of a column of data, and its values. Raises Mismatch."""
    data, type_ = typed_data(cells, field, set())
    assert isinstance(type_, ListType)
    return type_.item, data
