"""The process that reads documents for `isolated_reading.py`: they come by standard input, and go out as JSON."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rlmlang.data.documents import page_text, pdf_pages, word_text
from rlmlang.data.places import DataPlace
from rlmlang.data.spreadsheets import sheet_columns, sheet_rows
from rlmlang.errors import RlmError

MOST_MEMORY = 8_000_000_000
"""The most bytes of memory that it may take, where the system can bound it."""

FORMS: Mapping[str, Callable[[DataPlace], Iterator[Any]]] = {
    "pdf": pdf_pages,
    "word": word_text,
    "html": page_text,
    "columns": sheet_columns,
    "rows": sheet_rows,
}
"""What gives the parts of documents, by the names of their forms."""


def main() -> None:
    """Read documents until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever has begun it ends it
    _bound_memory()
    take, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints is no part
    while line := take.readline():
        about = json.loads(line)
        place = DataPlace(about["name"], None, about["part"], take.read(about["size"]))
        for message in _messages(about["form"], place):
            out.write(json.dumps(message).encode() + b"\n")
            out.flush()


def _messages(form: str, place: DataPlace) -> Iterator[dict[str, Any]]:
    """Yield the parts of a document, and at last what is wrong with it, or nothing."""
    try:
        for each in FORMS[form](place):
            yield {"part": each}
        yield {}
    except RlmError as error:
        yield {"code": error.first.code, "said": error.first.message, "hint": error.first.hint}


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:  # on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
