"""What rows of built-ins share: names of costs, bounds on results, counting and quoting of texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.table import Bounds
from rlmlang.runtime.meter import Meter

ONE = "1 step"
ELEMENTS = "1 step an element"
TEXT = "1 step for 16 characters"
SIZE = "1 step an element, 1 for 16 characters"
SORTING = "log n steps an element, as many for 16 characters"
"""Costs, as rows describe them."""


MAX_DIGITS = 3_900
"""The most digits that `int` reads; such a number is always below `values.MAX_INT_BITS`."""


# Numbers -----------------------------------------------------------------------


def checked_number(meter: Meter, work: Callable[[], Any]) -> Any:
    """Return the number that the work gives. Raises RunError E306 if it is too large or not finite."""
    try:
        value = work()
    except OverflowError:
        value = math.inf
    if isinstance(value, int):
        return meter.number(value)
    if not math.isfinite(value):
        raise RunError.of("E306", "the number is too large for a float, or not a finite real number")
    return value


# Bounds of a result --------------------------------------------------------------


def same_length(args: Sequence[Bounds]) -> Bounds:
    """As long as the first argument."""
    return args[0]


def up_to_length(args: Sequence[Bounds]) -> Bounds:
    """At most as long as the first argument, and empty only if that is."""
    low, high = args[0]
    return min(low, 1), high


def filtered_length(args: Sequence[Bounds]) -> Bounds:
    """At most as long as the last argument."""
    return 0, args[-1][1]


def shortest_length(args: Sequence[Bounds]) -> Bounds:
    """As long as the shortest argument."""
    return min(low for low, _ in args), min(high for _, high in args)


def taken_length(args: Sequence[Bounds]) -> Bounds:
    """As long as the first argument, but at most as the second says."""
    (low, high), (low_n, high_n) = args
    return max(0, min(low, low_n)), max(0, min(high, high_n))


def dropped_length(args: Sequence[Bounds]) -> Bounds:
    """As long as the first argument without as many elements as the second says."""
    (low, high), (low_n, high_n) = args
    return max(0, low - max(0, high_n)), max(0, high - max(0, low_n))


def range_length(args: Sequence[Bounds]) -> Bounds:
    """As long as the only argument says."""
    if len(args) != 1:
        return 0, inf
    low, high = args[0]
    return max(0, low), max(0, high)


# Texts and sizes -----------------------------------------------------------------


def quoted(text: str) -> str:
    """Return the text for a message, truncated if it is long."""
    return repr(text if len(text) <= 40 else text[:39] + "…")


def quoted_number(number: int) -> str:
    """Return the integer for a message, or its size if it is long."""
    return str(number) if number.bit_length() <= 128 else f"an integer of {number.bit_length():,} bits"


def charge_for_sorting(meter: Meter, values: list[Any]) -> None:
    """Charge for sorting values, before that is done."""
    before = meter.steps
    meter.walk(values)
    meter.charge((meter.steps - before) * len(values).bit_length())


def most_elements(meter: Meter) -> int:
    """Return how many elements may still be made; work that finds one more than these can stop."""
    return min(meter.max_steps - meter.steps, meter.max_bytes // 8)


_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def line_count(text: str) -> int:
    """Return the number of lines that `splitlines` finds, without making them."""
    ends = sum(map(text.count, _LINE_ENDS)) - text.count("\r\n")
    return ends + (not text.endswith(tuple(_LINE_ENDS)) and text != "")
