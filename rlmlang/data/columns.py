"""Names and types of the columns of tables that no program declares."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from keyword import iskeyword

NUMBER = re.compile(r"\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*", re.ASCII)
"""A number as it is written in cells of tables."""


def is_number(cell: str) -> bool:
    """Return whether a cell is a number."""
    return NUMBER.fullmatch(cell) is not None


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of columns without spaces around them, each once.

    The second of equal ones ends with `_2`, and an empty one is called by its place.
    """
    found: dict[str, None] = {}
    for number, written in enumerate(names, 1):
        name = plain = written.strip() or f"column_{number}"
        again = 1
        while name in found:
            again += 1
            name = f"{plain}_{again}"
        found[name] = None
    return tuple(found)


def field_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Return for each column the name that a field of a record can have: `Review text` is `review_text`."""
    return unique(_field_name(column) or f"column_{number}" for number, column in enumerate(columns, 1))


def _field_name(column: str) -> str:
    if column.isidentifier() and column.isascii() and column[0] != "_" and not iskeyword(column):
        return column
    plain = unicodedata.normalize("NFKD", column.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_").lower()
    if name[:1].isdigit():
        name = f"column_{name}"
    return f"{name}_" if iskeyword(name) else name
