"""Cells of tables as values of declared types."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from rlmlang.data.columns import NUMBER
from rlmlang.language.types import BOOL, FLOAT, INT, NONE, STR, OptionalType, Type, base_of
from rlmlang.runtime.inputs import constant_value
from rlmlang.runtime.reading import from_json, with_left_out
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.values import Mismatch, Value

TRUTHS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
"""How bools are written in cells of text, in any case."""


_INTEGER = re.compile(r"[+-]?[0-9]{1,100}")
_PLAIN_BITS = 1_000


def plain(cell: Any) -> Any:
    """Return a cell as a library gives it as data: dates as ISO texts, decimals as floats, NaN as None.

    Bytes are text if they are UTF-8, and stay bytes if not, which fit no type.
    """
    match cell:
        case None | str() | bool() | int() | bytes():
            return _decoded(cell) if isinstance(cell, bytes) else cell
        case float():
            return None if math.isnan(cell) else cell
        case Decimal():
            return None if cell.is_nan() else float(cell)
        case datetime() | date() | time():
            return cell.isoformat()
        case timedelta():
            return cell.total_seconds()
        case list() | tuple():
            return [plain(each) for each in cell]
        case dict():
            return {str(key): plain(each) for key, each in cell.items()}
    return str(cell)


def _decoded(cell: bytes) -> str | bytes:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell


def typed(cell: Any, type_: Type, only_text: bool) -> Value:
    """Return a cell as a value of a type. Raises Mismatch, whose message goes on after the place: `is "x", not int`.

    With `only_text`, the cell is text that is meant for the type: `5` for an int, and an empty one for None.
    """
    if type(cell) is str:  # most cells by far: without the steps of the general way
        if type_ is STR:
            return cell
        if only_text and type_ is INT and _INTEGER.fullmatch(cell):
            return int(cell)
    elif type_ is INT and type(cell) is int and cell.bit_length() < _PLAIN_BITS:
        return cell
    if isinstance(type_, OptionalType):
        return None if cell is None or (only_text and cell == "") else typed(cell, type_.item, only_text)
    if only_text and isinstance(cell, str):
        return _from_text(cell, type_)
    if base_of(type_) == INT and isinstance(cell, float) and cell.is_integer():  # workbooks know floats alone
        cell = int(cell)
    if cell is None and type_ != NONE:
        raise _empty(type_)
    if isinstance(cell, bytes):
        raise Mismatch(f"has {len(cell):,} bytes that are no text, not {type_}")
    return _checked(cell, type_)


def _from_text(cell: str, type_: Type) -> Value:
    base = base_of(type_)
    if base == STR:
        return _checked(cell, type_)
    written = cell.strip()
    if not written:
        raise _empty(type_)
    if base == BOOL:
        return _checked(TRUTHS.get(written.lower(), cell), type_)
    if base in (INT, FLOAT):
        number = _number(written, base) if NUMBER.fullmatch(written) else cell
        return number if type_ is FLOAT and type(number) is float and math.isfinite(number) else _checked(number, type_)
    if type_ == NONE:
        raise Mismatch(f"is {cell[:60]!r}, not None")
    try:
        data = parse_json(cell)
    except Mismatch as error:
        raise Mismatch(f"is not the JSON of {type_}: {error}") from None
    return _checked(data, type_)


def _empty(type_: Type) -> Mismatch:
    return Mismatch(f"is empty, not {type_}", f"declare it `{type_} | None`, if it may be empty")


def _number(written: str, base: Type) -> object:
    if base == FLOAT:
        return float(written)
    digits, _, zeros = written.partition(".")
    try:
        return written if zeros.strip("0") else int(digits)
    except ValueError:  # it has an exponent, or thousands of digits
        return written


def _checked(data: object, type_: Type) -> Value:
    try:
        return from_json(with_left_out(data, type_, constant_value), type_, "")
    except Mismatch as error:
        raise Mismatch(str(error).strip(), error.hint) from None
