"""Rows of tables as records and other elements of lists, by the types that a program declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches

from rlmlang.data.cells import typed
from rlmlang.data.columns import field_names
from rlmlang.data.memory import MemoryWatch
from rlmlang.data.tables import Table, TableRow
from rlmlang.errors import UsageError
from rlmlang.language import nodes
from rlmlang.language.types import STR, DictType, OptionalType, RecordType, TupleType, Type
from rlmlang.runtime.inputs import constant_value
from rlmlang.runtime.values import Mismatch, RecordValue, Value

SHOWN = 3
"""How many rows that do not fit an error shows."""


class RowConverter:
    """Gives rows as values of types by name; other columns are left out, and what is missing is its default or None.

    A column has the name itself, or one that is it as the name of a field, in any case: `Review text` is `review_text`.
    With `only_text`, cells are texts meant for the types.
    """

    def __init__(self, types: Mapping[str, Type], only_text: bool, defaults: Mapping[str, nodes.Expr] = {}) -> None:
        self._types, self._only_text, self._defaults = types, only_text, defaults
        self._columns: tuple[str, ...] | None = None
        self._parts: list[tuple[str, str | None, Type]] = []

    def __call__(self, row: TableRow) -> tuple[Value, ...]:
        """Return the values of a row, in the order of the types. Raises Mismatch."""
        columns = tuple(row)
        if columns != self._columns:
            self._parts = [(name, self._column(name, type_, row), type_) for name, type_ in self._types.items()]
            self._columns = columns
        found: list[Value] = []
        for name, column, type_ in self._parts:
            try:
                found.append(self._left_out(name) if column is None else typed(row[column], type_, self._only_text))
            except Mismatch as error:
                raise Mismatch(f"column `{column}` {error}", error.hint) from None
        return tuple(found)

    def _left_out(self, name: str) -> Value:
        """Return the value of a column that is missing and may be, a new one for each row."""
        return constant_value(self._defaults[name]) if name in self._defaults else None

    def _column(self, name: str, type_: Type, row: TableRow) -> str | None:
        """Return the column of a name; None if it is missing and may be. Raises Mismatch."""
        if name in row:
            return name
        fields = dict(zip(map(str.lower, field_names(tuple(row))), row))
        column = fields.get(name.lower())
        if column is None and name not in self._defaults and not isinstance(type_, OptionalType):
            near = get_close_matches(name, row, 1)
            hint = f"the column may be `{near[0]}`" if near else f"the columns are {', '.join(row)}"
            raise Mismatch(f"the column `{name}` is missing", hint)
        return column


def fitted(rows: Table, item: Type, wanted: str) -> list[Value]:
    """Return rows as the elements of a list. Raises UsageError E603, which shows the first rows that do not fit.

    `wanted` says in an error what was wanted, such as "`rows: list[Review]`".
    """
    found: list[Value] = []
    memory = MemoryWatch(rows.name)
    for number, value in enumerate(elements(rows, item, wanted), 1):
        found.append(value)
        memory.check(number)
    return found


def elements(rows: Table, item: Type, wanted: str) -> Iterator[Value]:
    """Yield rows as elements of a list. Raises UsageError E603 as `fitted` does, when it has found some."""
    problems: list[str] = []
    hint = None
    element = _reader_of_elements(item, rows.only_text)
    for number, row in enumerate(rows, 1):
        try:
            value = element(row)
        except Mismatch as error:
            problems.append(f"row {number:,}, {error}")
            hint = hint or error.hint
            if len(problems) == SHOWN:
                break
        else:
            yield value
    if problems:
        shown = "\n  ".join([f"{rows.name} does not fit {wanted}:", *problems])
        raise UsageError.of("E603", shown, hint=hint or "correct these cells, or declare a type that they have")


def _reader_of_elements(item: Type, only_text: bool) -> Callable[[TableRow], Value]:
    """Return what gives a row as a value of a type, or raises Mismatch."""
    if isinstance(item, RecordType):
        fit = RowConverter(dict(item.fields), only_text, item.defaults)
        return lambda row: RecordValue(item, fit(row))
    if isinstance(item, DictType) and item.key == STR:
        return lambda row: dict(zip(row, RowConverter(dict.fromkeys(row, item.value), only_text)(row)))

    if isinstance(item, TupleType):
        return lambda row: RowConverter(dict(zip(row, item.items)), only_text)(_of_length(row, item))

    def only_cell(row: TableRow) -> Value:
        column = next(iter(row)) if len(row) == 1 else "text"
        if column not in row:
            message = f"it has {len(row)} columns, of which none is `text`, and {item} is one value"
            raise Mismatch(message, "declare a record with these fields")
        return RowConverter({column: item}, only_text)(row)[0]

    return only_cell


def _of_length(row: TableRow, type_: TupleType) -> TableRow:
    """Return a row with as many columns as a tuple has parts. Raises Mismatch."""
    if len(row) != len(type_.items):
        raise Mismatch(f"it has {len(row)} columns, and {type_} has {len(type_.items)}", "declare a record")
    return row
