"""Rows of text that can be broken over lines.

A node becomes a row of pieces: plain text, brackets, and chains of operators. What fits on a line stays on it;
otherwise the first bracket that does not fit is broken, one item a line, and so on inside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Union

from attrs import frozen

WIDTH = 100
"""The columns that a line should not exceed."""

DEEPEST = WIDTH // 2
"""The indentation beyond which lines are not broken: the text would grow with the square of its depth."""


CLOSING = {"(": ")", "[": "]", "{": "}"}


@frozen
class Bracket:
    open: str
    items: list[PrintedRow]
    close: str
    comma: str
    """What follows each item when the bracket is broken: a comma or nothing."""
    flat: str


@frozen
class Chain:
    """A chain of operands, all but the first with their operator in front."""

    items: list[PrintedRow]
    flat: str


Piece = Union[str, Bracket, Chain]
PrintedRow = list[Piece]


def bracket(open_: str, items: Iterable[PrintedRow], close: str, comma: str = ",") -> Bracket:
    rows = list(items)
    return Bracket(open_, rows, close, comma, open_ + f"{comma} ".join(map(flat_text, rows)) + close)


def chain(items: Iterable[PrintedRow]) -> PrintedRow:
    rows = list(items)
    return [Chain(rows, " ".join(map(flat_text, rows)))]


def flat_text(row: PrintedRow) -> str:
    return "".join(piece if isinstance(piece, str) else piece.flat for piece in row)


def lay(row: PrintedRow, indent: int, after: int = 0) -> str:
    """Return the row as lines. The first starts at column `indent`; `after` columns must be free after the last."""
    if indent > DEEPEST:
        return flat_text(row)
    if isinstance(row[0], Chain) and len(row) == 1 and indent + len(row[0].flat) + after > WIDTH:
        last = len(row[0].items) - 1
        lines = (lay(item, indent, after * (i == last)) for i, item in enumerate(row[0].items))
        return ("\n" + " " * indent).join(lines)
    pieces = list(_inline(row))
    out = ""
    for i, piece in enumerate(pieces):
        if isinstance(piece, str):
            out += piece
            continue
        column = len(out) - (out.rfind("\n") + 1) + (0 if "\n" in out else indent)
        if not piece.items or fits(column, piece.flat + _until_break(pieces[i + 1 :], after)):
            out += piece.flat
            continue
        inner = indent + 4
        out += piece.open
        for item in piece.items:
            out += "\n" + " " * inner + lay(item, inner, len(piece.comma)) + piece.comma
        out += "\n" + " " * indent + piece.close
    return out


def _inline(row: PrintedRow) -> Iterator[str | Bracket]:
    for piece in row:
        if isinstance(piece, Chain):
            for i, item in enumerate(piece.items):
                yield " " * (i > 0)
                yield from _inline(item)
        else:
            yield piece


def _until_break(pieces: list[str | Bracket], after: int) -> str:
    """Return the text that must be on the same line, up to the next bracket that can be broken."""
    text = ""
    for piece in pieces:
        if isinstance(piece, Bracket) and piece.items:
            return text + piece.open
        text += piece if isinstance(piece, str) else piece.flat
    return text + " " * after


def fits(column: int, text: str) -> bool:
    first, *_, last = [*text.split("\n", 1), text.rpartition("\n")[2]]
    return column + len(first) <= WIDTH and len(last) <= WIDTH
