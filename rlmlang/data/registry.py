"""Every form of data, and which of them a file has: by how it begins, or by its name.

A new form is a file with its `DataForm`, and its rows here (decision 126).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from zipfile import ZipFile

from rlmlang.data.encodings import beginning
from rlmlang.data.folders import folder_form, is_folder
from rlmlang.data.forms import DataForm
from rlmlang.data.places import DataPlace
from rlmlang.language.types import DictType, RecordType, Type

FORMS: Mapping[str, str] = {
    "text": "rlmlang.data.text_files:TEXT",
    "lines": "rlmlang.data.text_files:LINES",
    "json": "rlmlang.data.text_files:JSON",
    "jsonl": "rlmlang.data.text_files:JSONL",
    "yaml": "rlmlang.data.yaml_files:YAML",
    "csv": "rlmlang.data.delimited:CSV",
    "parquet": "rlmlang.data.columnar:PARQUET",
    "arrow": "rlmlang.data.columnar:ARROW",
    "excel": "rlmlang.data.spreadsheets:EXCEL",
    "sqlite": "rlmlang.data.databases:SQLITE",
    "pdf": "rlmlang.data.documents:PDF",
    "word": "rlmlang.data.documents:WORD",
    "html": "rlmlang.data.documents:HTML",
    "mail": "rlmlang.data.mail:MAIL",
}
"""Every form of files, by the name that may stand before a place (`csv:FILE`), and where it is defined."""

SUFFIXES: Mapping[str, str] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".db": "sqlite",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".pdf": "pdf",
    ".docx": "word",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".eml": "mail",
}
"""The forms of files by the ends of their names; any other is text."""

BEGINNINGS: Mapping[bytes, str] = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"SQLite format 3\0": "sqlite",
    b"%PDF-": "pdf",
}
"""The forms of files by their first bytes, whatever their names are."""

_ZIP = b"PK\x03\x04"
_PARTS = {"xl/workbook.xml": "excel", "word/document.xml": "word"}
"""The forms of archives, by a part that each has."""

_OLD = b"\xd0\xcf\x11\xe0"
"""How files of Word and Excel of before 2007 begin, and those with a password."""


def form_named(name: str) -> DataForm:
    """Return the form of a name."""
    module, _, constant = FORMS[name].partition(":")
    found: DataForm = getattr(import_module(module), constant)
    return found


def form_of(place: DataPlace) -> DataForm:
    """Return the form of the data at a place. Raises UsageError E604."""
    if is_folder(place):
        return folder_form(lambda file: form_of(file).text(file))
    head = place.head()
    for first, name in BEGINNINGS.items():
        if head.startswith(first):
            return form_named(name)
    if head.startswith(_OLD):
        raise place.broken(
            "it is of Word or Excel of before 2007, or has a password", "save it as .docx, .xlsx or .csv"
        )
    if head.startswith(_ZIP):
        return form_named(_form_of_archive(place))
    return form_named(SUFFIXES.get(place.suffix, "text"))


def _form_of_archive(place: DataPlace) -> str:
    """Return the name of the form of an archive. Raises UsageError E604."""
    with place.library_reads("archive"), place.seekable() as raw, ZipFile(raw) as archive:
        parts = archive.namelist()
    found = next((name for part, name in _PARTS.items() if part in parts), None)
    if found is None:
        raise place.broken("it is an archive", "unpack it, and name the folder")
    return found


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
