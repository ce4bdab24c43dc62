"""Tables that no program declares, as lists of records: the types of columns are found from all of their cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlmlang.data.columns import field_names, is_number
from rlmlang.data.memory import MemoryWatch
from rlmlang.data.tables import Table
from rlmlang.errors import UsageError
from rlmlang.language.types import BOOL, FLOAT, INT, STR, ListType, RecordType, Type, optional
from rlmlang.runtime.inferred_records import record_name, typed_data
from rlmlang.runtime.values import MAX_INT_BITS, Mismatch, RecordValue, canonical

_MAX_DIGITS = MAX_INT_BITS * 3 // 10


def inferred(rows: Table, name: str) -> list[RecordValue]:
    """Return rows as records, named after the input `name`. Raises UsageError E603, E604.

    A column of text is of numbers or bools if all of its cells are; empty cells are None then, and empty texts
    otherwise. Numbers that begin with zeros, such as postal codes, are text. A column of data that mixes texts with
    numbers or bools, as where `n/a` is for a missing number, is of text. Columns of bytes are left out.
    """
    cells: dict[str, list[Any]] = {}
    memory = MemoryWatch(rows.name)
    count = 0
    for count, row in enumerate(rows, 1):
        for column in (name for name in row if name not in cells):
            cells[column] = [None] * (count - 1)
        for column, of in cells.items():
            of.append(row.get(column))
        memory.check(count)
    cells = {column: of for column, of in cells.items() if not any(isinstance(cell, bytes) for cell in of)}
    if not count or not cells:
        raise UsageError.of("E603", f"{rows.name} has no rows, by which the types of its columns could be found")
    class_name = record_name(name, set())
    taken = {class_name}
    fields: list[tuple[str, Type]] = []
    values: list[list[Any]] = []
    for column, field in zip(cells, field_names(tuple(cells))):
        try:
            type_, of = (
                _text_column(cells[column]) if rows.only_text else _column(cells[column], f"{name}_{field}", taken)
            )
        except Mismatch as error:
            raise UsageError.of("E603", f"{rows.name}, column `{column}`: {error}", hint=error.hint) from error
        fields.append((field, type_))
        values.append(of)
    record = RecordType(class_name, tuple(fields))
    return [RecordValue(record, row) for row in zip(*values)]


_READ: Mapping[Type, Callable[[str], Any]] = {
    INT: int,
    FLOAT: float,
    BOOL: lambda cell: cell.strip().lower() == "true",
}
"""How cells of text are read, once all of a column are known to be of a type."""


def _text_column(cells: list[str | None]) -> tuple[Type, list[Any]]:
    """Return the type of a column of text, and its values."""
    filled = [cell for cell in cells if cell is not None and cell.strip()]
    type_ = _type_of_texts(filled)
    if type_ == STR:
        return STR, [cell or "" for cell in cells]
    read: Callable[[str], Any] = _READ[type_]
    type_ = type_ if len(filled) == len(cells) else optional(type_)
    return type_, [read(cell) if cell and not cell.isspace() else None for cell in cells]


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


def _column(cells: list[Any], field: str, taken: set[str]) -> tuple[Type, list[Any]]:
    """Return the type of a column of data, and its values: texts, if one is. Raises Mismatch."""
    if any(isinstance(cell, str) for cell in cells):
        cells = [canonical(cell) if isinstance(cell, bool | int | float) else cell for cell in cells]
    data, type_ = typed_data(cells, field, taken)
    assert isinstance(type_, ListType)
    return type_.item, data
