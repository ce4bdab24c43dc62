"""The formats of results files: JSON Lines, CSV and Parquet, by the end of the file's name."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any

from rlmlang.data.libraries import library
from rlmlang.errors import UsageError
from rlmlang.mapping.records import line_of

Records = Callable[[], Iterator[dict[str, Any]]]
"""Gives all results, any number of times."""

ResultsWriter = Callable[[IO[bytes], Records], None]
"""Writes all results to a file."""

BATCH = 1_000
"""Rows of a Parquet file that are written at once."""


def writer_for(path: Path) -> ResultsWriter:
    """Return what writes the format that the name of a file ends with. Raises UsageError E607, E604."""
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        known = ", ".join(_WRITERS)
        raise UsageError.of("E607", f"--out {path}: results are written to {known}", hint=f"such as {path.stem}.jsonl")
    if suffix == ".parquet":
        library("pyarrow", f"{path}")  # now, and not after all rows
    return _WRITERS[suffix]


def _json_lines(file: IO[bytes], records: Records) -> None:
    for record in records():
        file.write(line_of(record))


def columns_of(records: Records) -> list[str]:
    """Return the columns of results: those of the first row that has each, with new ones behind."""
    found: dict[str, None] = {}
    for record in records():
        if not record.keys() <= found.keys():
            found |= dict.fromkeys(record)
    return [*found]


def _csv(file: IO[bytes], records: Records) -> None:
    text = TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="", write_through=True)
    columns = columns_of(records)
    writer = csv.writer(text)
    writer.writerow(map(_csv_cell, columns))
    for record in records():
        writer.writerow([_csv_cell(record.get(column)) for column in columns])
    text.detach()


def _csv_cell(value: Any) -> str:
    """Return the text of a cell of CSV, in which the character 0 is an escape: readers take it for a broken file."""
    return cell_text(value).replace("\0", "\\x00")


def cell_text(value: Any) -> str:
    """Return a value as the text of a cell: text as it is, nothing for None, JSON for everything else."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parquet(file: IO[bytes], records: Records) -> None:
    arrow, parquet = library("pyarrow", "results"), library("pyarrow.parquet", "results")
    kinds: dict[str, set[str]] = {}
    for record in records():
        for name, value in record.items():
            kinds.setdefault(name, set()).add(_kind(value))
    types = {
        name: {"bool": arrow.bool_(), "int": arrow.int64(), "float": arrow.float64()}.get(
            _common(found), arrow.string()
        )
        for name, found in kinds.items()
    }
    as_text = {name for name, found in kinds.items() if _common(found) == "json"}
    schema = arrow.schema([*types.items()])
    with parquet.ParquetWriter(file, schema) as writer:
        found = records()
        while rows := list(islice(found, BATCH)):
            columns = {name: [_cell(row.get(name), name in as_text) for row in rows] for name in types}
            writer.write_table(arrow.table(columns, schema=schema))


def _kind(value: Any) -> str:
    """Return what kind of column a value needs; empty for None, which every column takes."""
    match value:
        case None:
            return ""
        case bool():
            return "bool"
        case int():
            return "int" if -(2**63) <= value < 2**63 else "json"
        case float():
            return "float"
        case str():
            return "str"
    return "json"


def _common(kinds: set[str]) -> str:
    """Return the kind of a column of values of some kinds: JSON texts where nothing else takes them all."""
    found = kinds - {""}
    if found == {"int", "float"}:
        return "float"
    return found.pop() if len(found) == 1 else "json" if found else "str"


def _cell(value: Any, as_json: bool) -> Any:
    if value is None:
        return None
    cell = cell_text(value) if as_json else value
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell


_WRITERS: dict[str, ResultsWriter] = {".jsonl": _json_lines, ".csv": _csv, ".parquet": _parquet}
