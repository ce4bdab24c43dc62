"""How much work something is, on whatever machine, and whatever that does besides."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

USUAL = 0.008
"""The seconds that `_yardstick` takes on the machine for which tests have their bounds."""

TRACED = 4
"""How much slower code is while its branches are measured."""


def seconds_of(work: Callable[[], T]) -> tuple[float, T]:
    """Return how long a piece of work keeps a usual machine busy, and what it gives.

    A machine that is slower, or shared with others, takes longer for this and for the yardstick alike.
    """
    before = _yardstick()
    start = time.process_time()
    result = work()
    took = time.process_time() - start
    slowness = max(before, _yardstick(), USUAL) / USUAL
    return took / slowness / (TRACED if sys.gettrace() is not None else 1), result


def _yardstick() -> float:
    start = time.process_time()
    assert sum(number * number % 7 for number in range(200_000)) > 0
    return time.process_time() - start
