"""Pause Python's collector of cycles during work that makes many objects and no cycles."""

from __future__ import annotations

import gc
from contextlib import ContextDecorator
from threading import Lock


class _Paused(ContextDecorator):
    """A context in which no cycles are looked for; it can be nested, and be used in several threads.

    The objects that masks and emitted code are made of are freed by their counts, or stay. Looking for cycles among all
    objects of the process again and again took half of the time (decision 124).

    The collector belongs to the whole process: the first to enter stops it, and the last to leave starts it again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._was_on = False

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._was_on = gc.isenabled()
                gc.disable()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._was_on:
                gc.enable()


paused_collector = _Paused()
"""Use as `with paused_collector:` or `@paused_collector`."""
