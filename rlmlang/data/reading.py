"""Read data at a place as the value of an input, or as rows."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from rlmlang.data.downloads import downloaded, is_address
from rlmlang.data.forms import DataForm
from rlmlang.data.inference import inferred
from rlmlang.data.large_files import is_large, lazy_rows
from rlmlang.data.places import DataPlace, place_of
from rlmlang.data.registry import FORMS, form_named, form_of, table_in_text
from rlmlang.data.row_conversion import fitted
from rlmlang.data.tables import Table
from rlmlang.errors import InputMismatch, UsageError
from rlmlang.language.types import UNKNOWN, ListType, OpenTupleType, OptionalType, RecordType, SetType, Type
from rlmlang.runtime.inputs import is_bare, written_input
from rlmlang.runtime.iterated_inputs import has_fixed_elements


def rows(place: str, *, download: bool = False) -> Table:
    """Return the rows of the table at a place: a file, `-` for standard input, an address if `download` allows it.

    `FORM:` before it says what form the data has, such as `csv:-`. Raises UsageError E603, E604, E607.
    """
    found, form = _found(place, download)
    if form.rows is None and form.by_type:
        form = table_in_text(found)
    if form.rows is None:
        raise UsageError.of("E603", f"{found.name} is {form.name}, which has no rows")
    return form.rows(found)


def read_value(place: str, expected: Type | None = None, name: str = "value", *, download: bool = False) -> object:
    """Return the data at a place as a value of the expected type; `name` is that of the input, for messages.

    The rows of a large file are `LazyRows`, which a program that only iterates over them takes as they are.
    Without a type, tables become lists of records whose fields have the types of their columns, JSON its data, and
    everything else text. Raises UsageError E603, E604, E607.
    """
    found, form = _found(place, download)
    type_ = expected.item if isinstance(expected, OptionalType) else expected
    if type_ is None:
        return _untyped(found, form, name)
    if (type_ == UNKNOWN and form.by_type) or is_bare(type_):
        return _written(found, form, expected, name)
    if type_ == UNKNOWN:
        return _untyped(found, form, name)
    wanted = f"`{name}: {expected}`"
    if isinstance(type_, (ListType, SetType, OpenTupleType)):
        if form.rows is None and form.by_type:
            form = table_in_text(found, type_.item)
        if form.data is not None:
            data = _written(found, form, expected, name) if form.by_type else form.data(found)
            if not (
                isinstance(type_.item, RecordType) and isinstance(data, list) and data and all(map(_is_object, data))
            ):
                return data
            return fitted(Table(found.name, lambda: iter(data)), type_.item, wanted)
        if form.rows is not None and is_large(found) and isinstance(type_, ListType) and has_fixed_elements(type_):
            return lazy_rows(found, form.rows(found), type_, wanted)
        if form.rows is not None:
            return fitted(form.rows(found), type_.item, wanted)
    if form.by_type:
        return _written(found, form, expected, name)
    if form.data is not None:
        return form.data(found)
    if form.rows is not None and isinstance(type_, RecordType):
        return _only_row(form.rows(found), type_, wanted)
    hint = f"declare `{name}: str`" + (", or a list of records" if form.rows is not None else "")
    raise UsageError.of("E603", f"{found.name} is {form.name}, which does not fit {wanted}", hint=hint)


def _found(place: str, allowed: bool) -> tuple[DataPlace, DataForm]:
    """Return a place, which may be downloaded if that is allowed, and the form of its data. Raises UsageError."""
    named, colon, rest = place.partition(":")
    is_named = bool(colon) and named in FORMS and not Path(place).exists()
    where = rest if is_named else place
    found = downloaded(where, allowed) if is_address(where) else place_of(where)
    return found, form_named(named) if is_named else form_of(found)


def _written(found: DataPlace, form: DataForm, expected: Type | None, name: str) -> object:
    """Return the value that a text is for a type. Raises UsageError E603 with the place, E604."""
    try:
        return written_input(name, form.text(found), expected)
    except InputMismatch as error:
        raise InputMismatch.of("E603", f"{found.name}: {error.first.message}", hint=error.first.hint) from error


def _is_object(data: object) -> bool:
    return isinstance(data, dict)


def _untyped(found: DataPlace, form: DataForm, name: str) -> object:
    if form.data is not None:
        return form.data(found)
    return form.text(found) if form.rows is None else inferred(form.rows(found), name)


def _only_row(table: Table, type_: RecordType, wanted: str) -> object:
    """Return the only row of a table as a record. Raises UsageError E603."""
    first = list(islice(table, 2))
    if len(first) != 1:
        many = "no rows" if not first else "several rows"
        raise UsageError.of("E603", f"{table.name} has {many}, and {wanted} is one", hint=f"declare `list[{type_}]`")
    return fitted(Table(table.name, lambda: iter(first), only_text=table.only_text), type_, wanted)[0]
