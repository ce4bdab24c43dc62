"""What the built-ins share: how costs are named, sizes told beforehand, texts quoted."""

from __future__ import annotations

from rlmlang.runtime.meter import Meter

ONE = "1 step"
ELEMENTS = "1 step an element"
TEXT = "1 step for 16 characters"
SIZE = "1 step an element, 1 for 16 characters"
SORTING = "log n steps an element, as many for 16 characters"
"""Costs, as the table tells them."""


def quoted(text: str) -> str:
    """The text for a message, cut if it is long."""
    return repr(text if len(text) <= 40 else text[:39] + "…")


def room(meter: Meter) -> int:
    """How many elements may still be made: work that finds one more than these can stop."""
    return min(meter.max_steps - meter.steps, meter.max_bytes // 8)


_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def line_count(text: str) -> int:
    """The number of lines that `splitlines` finds, without making them."""
    ends = sum(map(text.count, _LINE_ENDS)) - text.count("\r\n")
    return ends + (not text.endswith(tuple(_LINE_ENDS)) and text != "")
