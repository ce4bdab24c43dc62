"""A number for each thing that is compared often, such as the shape of a line or a text before one."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import count

MAX_NUMBERS = 500_000
"""The most things whose numbers are known at a time."""

_numbers: dict[Hashable, int] = {}
_counter = count()


def number_of(thing: Hashable) -> int:
    """Return a number: the same for equal things, and another one for all others."""
    found = _numbers.get(thing)
    if found is None:
        if len(_numbers) > MAX_NUMBERS:
            _numbers.clear()  # numbers are not given again, so those that are still in use mean what they meant
        found = _numbers[thing] = next(_counter)
    return found
