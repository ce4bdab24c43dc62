"""Every form of data, and which of them a file has: by its name, or by how it begins."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from rlmlang.data.encodings import beginning
from rlmlang.data.forms import DataForm
from rlmlang.data.places import DataPlace
from rlmlang.language.types import DictType, RecordType, Type

FORMS: Mapping[str, str] = {
    "text": "rlmlang.data.texts:TEXT",
    "lines": "rlmlang.data.texts:LINES",
    "json": "rlmlang.data.texts:JSON",
    "jsonl": "rlmlang.data.texts:JSONL",
    "csv": "rlmlang.data.delimited:CSV",
}
"""Every form, by the name that may stand before a place (`csv:FILE`), and where it is defined."""

SUFFIXES: Mapping[str, str] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
}
"""The forms of files by the ends of their names; any other is text, unless it begins like a binary form."""


def form_named(name: str) -> DataForm:
    """Return the form of a name."""
    module, _, constant = FORMS[name].partition(":")
    found: DataForm = getattr(import_module(module), constant)
    return found


def form_of(place: DataPlace) -> DataForm:
    """Return the form of the data at a place, by its name and how it begins. Raises UsageError E604."""
    return form_named(SUFFIXES.get(place.suffix, "text"))


def table_in_text(place: DataPlace, item: Type | None = None) -> DataForm:
    """Return the form of rows in a text of which nothing else is known, for elements of a type.

    Raises UsageError E604.
    """
    begins = beginning(place.head(), place.name).lstrip()[:1]
    if begins == "[":
        return form_named("json")
    if isinstance(item, (RecordType, DictType)) or item is None:
        return form_named("jsonl" if begins == "{" else "csv")
    return form_named("lines")
