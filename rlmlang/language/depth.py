"""Allow deep recursion for as long as deep programs are being worked on."""

from __future__ import annotations

import sys
from contextlib import ContextDecorator
from threading import Lock

FRAMES = 60_000
"""Frames allowed while programs are worked on. A tree is at most `MAX_DEPTH` levels deep, each of which takes a few
frames, and a type has at most `MAX_SIZE` levels; the rest is for functions that are applied in functions. Calls of
Python functions by Python functions live on the heap, so a high limit costs nothing."""


class _DeepRecursion(ContextDecorator):
    """A context in which the recursion limit is at least `FRAMES`; it can be nested, and be used in several threads.

    The limit belongs to the whole process: the first to enter raises it, and the last to leave gives it back.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self._before, FRAMES))

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and sys.getrecursionlimit() == FRAMES:  # else someone has set another since
                sys.setrecursionlimit(self._before)


deep_recursion = _DeepRecursion()
"""Use as `with deep_recursion:` or `@deep_recursion`."""
