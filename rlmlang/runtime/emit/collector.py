"""Pause Python's collector of cycles while code is emitted.

Emission makes many objects that live on, and no cycles. The collector would look through all of them again and again,
which takes more time than the emission of a large program itself.
"""

from __future__ import annotations

import gc
from threading import Lock


class _Paused:
    """A context in which no cycles are collected; it can be nested, and be used in several threads.

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
"""Use as `with paused_collector:`."""
