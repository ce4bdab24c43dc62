"""Bind the columns of rows to the inputs of a program, which is checked and compiled once for all rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from rlmlang.data.cells import typed
from rlmlang.data.columns import field_names
from rlmlang.errors import InputMismatch, MissingInput
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked
from rlmlang.language.types import STR, UNKNOWN, OptionalType, Type
from rlmlang.runtime.compiler import CompiledProgram
from rlmlang.runtime.inputs import (
    bind_inputs,
    bound_value,
    constant_value,
    declarations,
    refuse_unknown,
    with_input_types,
)
from rlmlang.runtime.python_values import data_of
from rlmlang.runtime.value_types import type_of
from rlmlang.runtime.values import Mismatch, Value

KNOWN_FORMS = 64
"""A program whose inputs have no types is kept checked and compiled for so many combinations of types."""

SHOWN_COLUMNS = 20
"""So many columns are listed in an error."""

_PLAIN = {str, int, float, bool, type(None)}
"""The types of cells that are data as they are."""

_NONE = object()
"""What a row has where it lacks a column."""


@frozen(eq=False)
class BoundRow:
    """A program with the values of its inputs in one row."""

    checked: Checked
    program: CompiledProgram
    values: dict[str, Value]


@frozen(eq=False)
class _Column:
    """The column that an input is bound to."""

    name: str
    """Of the column."""
    declaration: nodes.Input | nodes.Param
    type: Type


class RowBinder:
    """Binds rows to a program. Inputs that are given are the same for all rows, and count more than columns."""

    def __init__(
        self,
        checked: Checked,
        given: Mapping[str, object],
        columns: Iterable[str],
        only_text: bool = False,
        may_have_others: bool = False,
    ) -> None:
        """Prepare a program for rows with these columns.

        A column is that of an input if it has its name, or has it once it is written as a name: `Review text` is
        `review_text`. With `only_text`, cells are texts that are meant for the types of the inputs. Where rows
        `may_have_others`, an input with a default is also that of a later row that has its name. Raises ProgramError,
        UsageError E602 or E603 for what is given, and E601 for an input that no column has.
        """
        names = tuple(columns)
        columns_by_input = dict(zip(field_names(names), names)) | dict(zip(names, names))
        self.checked = checked = _with_parameters(checked, columns_by_input.keys() | given.keys())
        refuse_unknown(checked, given)
        self._only_text = only_text
        self._columns: dict[str, _Column] = {}
        self._same: dict[str, Value] = {}
        for declaration in declarations(checked):
            name, type_ = declaration.name.id, checked.inputs[declaration.name.id]
            if name in given:
                self._same[name] = given[name] if type_ == UNKNOWN else bound_value(declaration, type_, given[name])
            elif name in columns_by_input:
                self._columns[name] = _Column(columns_by_input[name], declaration, type_)
            elif declaration.default is None:
                raise _no_column(declaration, type_, names)
            elif may_have_others:
                self._columns[name] = _Column(name, declaration, type_)
            else:
                self._same[name] = constant_value(declaration.default)
        self._untyped = [name for name, each in self._columns.items() if each.type == UNKNOWN]
        self._is_typed = UNKNOWN not in checked.inputs.values()
        self._typed_program = CompiledProgram(checked) if self._is_typed else None
        self._programs: dict[tuple[Type, ...], tuple[Checked, CompiledProgram]] = {}

    @property
    def columns(self) -> dict[str, str]:
        """The names of the columns that inputs are bound to, by the names of the inputs."""
        return {name: each.name for name, each in self._columns.items()}

    def bind(self, row: Mapping[str, Any]) -> BoundRow:
        """Return the program with the values of a row. Raises ProgramError, UsageError E601 or E603."""
        values = self._same.copy()
        for name, column in self._columns.items():
            cell = row.get(column.name, _NONE)
            if cell.__class__ is str and column.type == STR:
                values[name] = cell
            else:
                values[name] = self._value(name, column, cell)
        if self._typed_program is not None:
            return BoundRow(self.checked, self._typed_program, values)
        return self._bound_by_values(values)

    def _value(self, name: str, column: _Column, cell: Any) -> Value:
        """Return a cell as the value of an input. Raises UsageError E601 or E603."""
        type_ = column.type
        try:
            if cell is _NONE:
                if column.declaration.default is not None:
                    return constant_value(column.declaration.default)
                if not isinstance(type_, OptionalType):
                    message = f"the row has no column `{column.name}`, which is the input `{name}: {type_}`"
                    raise MissingInput.of("E601", message)
                return None
            data = cell if cell.__class__ in _PLAIN else data_of(cell, f"column `{column.name}`")
            return data if type_ == UNKNOWN else typed(data, type_, self._only_text)
        except Mismatch as error:
            raise InputMismatch.of("E603", f"column `{column.name}`: {error}", hint=error.hint) from None

    def _bound_by_values(self, values: dict[str, Value]) -> BoundRow:
        """Return the program as it is checked for the types of the values. Raises ProgramError, UsageError E603."""
        types = tuple(type_of(values[name]) for name in self._untyped)
        found = self._programs.get(types)
        if found is None:
            checked = with_input_types(self.checked, values)
            if len(self._programs) == KNOWN_FORMS:
                del self._programs[next(iter(self._programs))]
            found = self._programs[types] = checked, CompiledProgram(checked)
        checked, program = found
        return BoundRow(checked, program, bind_inputs(checked, values))


def _with_parameters(checked: Checked, names: Iterable[str]) -> Checked:
    """Return the program, as a function of what is given where expressions below a function only try it out."""
    functions = [each for each in checked.module.statements if isinstance(each, nodes.Function)]
    if checked.entry is not None or checked.inputs or not functions:
        return checked
    known = {param.name.id for param in functions[-1].params}.intersection(names)
    return check(checked.module.span.source, None, dict.fromkeys(known, UNKNOWN)) if known else checked


def _no_column(declaration: nodes.Input | nodes.Param, type_: Type, columns: tuple[str, ...]) -> MissingInput:
    name = declaration.name.id
    shown = ", ".join(columns[:SHOWN_COLUMNS]) + ", …" * (len(columns) > SHOWN_COLUMNS)
    return MissingInput.of(
        "E601",
        f"no column is the input `{name}{'' if type_ == UNKNOWN else f': {type_}'}`; there are {shown or 'none'}",
        declaration.span,
        hint=f"rename a column, or give a value for all rows: {name}=…",
    )
