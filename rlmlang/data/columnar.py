"""Tables of the Arrow family: Parquet files, and Arrow files and streams, which Feather files are too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rlmlang.data.cells import plain
from rlmlang.data.forms import DataForm
from rlmlang.data.libraries import library
from rlmlang.data.places import DataPlace
from rlmlang.data.tables import Table, TableRow

BATCH = 1_000
"""How many rows of a Parquet file are decoded at a time."""


def _parquet_rows(place: DataPlace) -> Table:
    """Return the rows of a Parquet file. Raises UsageError E604."""
    parquet = library("pyarrow.parquet", "Parquet files")

    def begin() -> Iterator[TableRow]:
        with place.library_reads("Parquet file"), place.seekable() as raw:
            for batch in parquet.ParquetFile(raw).iter_batches(BATCH):
                yield from _plain_rows(batch)

    with place.library_reads("Parquet file"), place.seekable() as raw:
        file = parquet.ParquetFile(raw)
        return Table(place.name, begin, tuple(file.schema_arrow.names), file.metadata.num_rows)


def _arrow_rows(place: DataPlace) -> Table:
    """Return the rows of an Arrow file or stream. Raises UsageError E604."""
    arrow = library("pyarrow", "Arrow files")
    is_file = place.head().startswith(b"ARROW1")

    def begin() -> Iterator[TableRow]:
        with place.library_reads("Arrow file"), place.seekable() as raw:
            if is_file:
                file = arrow.ipc.open_file(raw)
                for number in range(file.num_record_batches):
                    yield from _plain_rows(file.get_batch(number))
            else:
                for batch in arrow.ipc.open_stream(raw):
                    yield from _plain_rows(batch)

    with place.library_reads("Arrow file"), place.seekable() as raw:
        opened = arrow.ipc.open_file(raw) if is_file else arrow.ipc.open_stream(raw)
        return Table(place.name, begin, tuple(opened.schema.names))


def _plain_rows(batch: Any) -> Iterator[TableRow]:
    """Yield the rows of a batch of records, a part of them at a time: a batch may be the whole file.

    What the batch says about itself is checked before: a broken file would let Arrow read outside of its memory.
    """
    batch.validate(full=True)
    for start in range(0, batch.num_rows, BATCH):
        for row in batch.slice(start, BATCH).to_pylist():
            yield {column: plain(cell) for column, cell in row.items()}


PARQUET = DataForm("a Parquet file", lambda place: _parquet_rows(place).as_text(), _parquet_rows)
ARROW = DataForm("an Arrow file", lambda place: _arrow_rows(place).as_text(), _arrow_rows)
