"""Pause Python's collector of cycles, or let it look less often, during work that makes many objects and few cycles.

The collector belongs to the whole process, so the first to enter changes it, and the last to leave changes it back.
"""

from __future__ import annotations

import gc
from contextlib import ContextDecorator
from threading import Lock

YOUNG = 50_000
"""How many more objects there are, while runs go on, before cycles are looked for among the youngest (decision 134)."""


class _WhileUsed(ContextDecorator):
    """A context that changes the collector; it can be nested, and be used in several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._change()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._change_back()

    def _change(self) -> None:
        raise NotImplementedError

    def _change_back(self) -> None:
        raise NotImplementedError


class _Paused(_WhileUsed):
    """A context in which no cycles are looked for.

    The objects that masks and emitted code are made of are freed by their counts, or stay. Looking for cycles among all
    objects of the process again and again took half of the time (decision 124).
    """

    _was_on = False

    def _change(self) -> None:
        self._was_on = gc.isenabled()
        gc.disable()

    def _change_back(self) -> None:
        if self._was_on:
            gc.enable()


class _Rare(_WhileUsed):
    """A context in which cycles are looked for after more new objects than usual; never, if the user wants that."""

    _before = (0, 0, 0)

    def _change(self) -> None:
        young, *older = self._before = gc.get_threshold()
        if 0 < young < YOUNG:
            gc.set_threshold(YOUNG, *older)

    def _change_back(self) -> None:
        if gc.get_threshold()[0] == YOUNG:
            gc.set_threshold(*self._before)


paused_collector = _Paused()
"""Use as `with paused_collector:` or `@paused_collector`."""

rare_collector = _Rare()
"""Use as `with rare_collector:`."""
