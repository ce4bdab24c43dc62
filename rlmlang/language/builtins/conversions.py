"""Built-in functions that read a value from another one, or write it as text."""

from __future__ import annotations

import math
import re
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import (
    MAX_DIGITS,
    ONE,
    SIZE,
    TEXT,
    checked_number,
    quoted,
    quoted_number,
)  # fmt: skip
from rlmlang.language.builtins.table import builtin
from rlmlang.runtime.arithmetic import INFINITE
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import Value, canonical

# Reading and writing values ------------------------------------------------------


@builtin(
    "bool(x: T = False) -> bool",
    doc="whether a value is true: neither False, None, 0 nor empty",
    examples=['bool("a")', "not bool([])", "not bool(0)"],
    cost=ONE,
)
def _bool(meter: Meter, x: Any = False) -> bool:
    meter.charge(1)
    return bool(x)


@builtin(
    'str(x: T = "") -> str',
    doc="the value as text, as Python prints it",
    examples=['str(1.5) == "1.5"', 'str("a") == "a"', 'str(["a"]) == "[\'a\']"'],
    cost=SIZE,
)
def _str(meter: Meter, x: Any = "") -> str:
    meter.walk(x)
    text = str(x)
    meter.text(len(text))
    return text


@builtin(
    "repr(x: T) -> str",
    doc="the value as text, as Python writes it in a program",
    examples=['repr("a") == "\'a\'"', 'repr([1, None]) == "[1, None]"'],
    cost=SIZE,
)
def _repr(meter: Meter, x: Any) -> str:
    meter.walk(x)
    text = repr(x)
    meter.text(len(text))
    return text


@builtin(
    "to_json(x: T) -> str",
    doc="the value as JSON without spaces",
    examples=["to_json([1, None]) == '[1,null]'", 'to_json({"a": True}) == \'{"a":true}\''],
    cost=SIZE,
)
def _to_json(meter: Meter, x: Value) -> str:
    meter.walk(x)
    text = canonical(x)
    meter.text(len(text))
    return text


_DIGITS = re.compile(r"\d+(?:_\d+)*")
_LETTERS = re.compile(r"[^\W_]+(?:_[^\W_]+)*")


def _too_long(text: str, base: int) -> bool:
    """Return whether a text is an integer of more digits than may be read."""
    if len(text) <= MAX_DIGITS or (base & (base - 1) == 0 and base):  # powers of 2 are read in linear time
        return False
    text = text.strip()
    digits = text[text[:1] in ("+", "-") :]
    return (
        len(digits) - digits.count("_") > MAX_DIGITS
        and (_DIGITS if base in (0, 10) else _LETTERS).fullmatch(digits) is not None
    )


@builtin(
    "int(x: str) -> int",
    "int(x: str, base: int) -> int",
    "int(x: float = 0) -> int",
    "int(x: bool) -> int",
    doc="a whole number, from text, in base 10 if there is no other, or from a number by dropping its fraction",
    examples=['int(" 42 ") == 42', "int(-2.7) == -2", "int(True) == 1", 'int("ff", 16) == 255', 'int("0b11", 0) == 3'],
    cost=TEXT,
)
def _int(meter: Meter, x: Any = 0, base: int = 10) -> int:
    if not isinstance(x, str):
        meter.charge(1)
        if x in INFINITE:
            raise RunError.of("E306", "an infinite number has no integer")
        return int(x)
    if base != 0 and not 2 <= base <= 36:
        raise RunError.of("E308", f"`base` is {quoted_number(base)}; it must be 0, or from 2 to 36")
    found = _read_int(meter, x, base)
    if found is not None:
        meter.charge(len(x) // 8)  # digits of large numbers are read in quadratic time
        return meter.number(found)
    if _too_long(x, base):
        raise RunError.of("E306", f"an integer of more than {MAX_DIGITS:,} digits")
    if base == 10:
        raise RunError.of("E304", f"{quoted(x)} is not an integer", hint="`int_or_none` returns None instead")
    raise RunError.of("E304", f"{quoted(x)} is not an integer in base {base}")


def _read_int(meter: Meter, text: str, base: int) -> int | None:
    meter.charge(1 + len(text) // 16)
    try:
        return None if _too_long(text, base) else int(text, base)
    except ValueError:
        return None


@builtin(
    "int_or_none(x: str) -> int | None",
    doc=f"the whole number that a text is, of at most {MAX_DIGITS:,} digits; None if it is none",
    examples=['int_or_none("7") == 7', 'int_or_none("seven") is None'],
    cost=TEXT,
)
def _int_or_none(meter: Meter, x: str) -> int | None:
    return _read_int(meter, x, 10)


@builtin(
    "float(x: str) -> float",
    "float(x: float = 0) -> float",
    "float(x: bool) -> float",
    doc="a number with a fraction, from text or another number",
    examples=['float(" 2.5 ") == 2.5', 'float("inf") > 10**9', 'float("1e3") == 1000', "float(2) == 2"],
    cost=TEXT,
)
def _float(meter: Meter, x: Any = 0) -> float:
    meter.charge(1 + (len(x) // 16 if isinstance(x, str) else 0))
    if x in INFINITE or (isinstance(x, str) and re.fullmatch(r"\s*[+-]?inf(inity)?\s*", x, re.IGNORECASE)):
        return float(x)
    try:
        value: float = checked_number(meter, lambda: float(x))
    except ValueError:
        raise RunError.of("E304", f"{quoted(x)} is not a number", hint="`float_or_none` returns None instead") from None
    return value


@builtin(
    "float_or_none(x: str) -> float | None",
    doc="the number that a text is; None if it is none, or not a finite one",
    examples=['float_or_none("0.5") == 0.5', 'float_or_none("half") is None'],
    cost=TEXT,
)
def _float_or_none(meter: Meter, x: str) -> float | None:
    meter.charge(1 + len(x) // 16)
    try:
        value = float(x)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
