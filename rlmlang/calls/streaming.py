"""Stream the answer of a run: what a model has written of it so far, for whoever shows it before it is whole.

Only the text of one call can be shown: that whose answer is the value of the run, as that of a CALL at the end of a
program. Which call it is follows from how unresolved values wait for each other (decision 136).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

from attrs import define, field

from rlmlang.calls.answer_reading import beginning_of_text
from rlmlang.calls.in_flight import CallInFlight
from rlmlang.runtime.pending import leads_to

EVERY = 0.05
"""Seconds between two looks at what is written."""

Tell = Callable[[str], None]
"""Takes the beginning of an answer."""


@define(eq=False)
class AnswerListener:
    """Hears what a model writes as the answer to a call, and tells the beginning of the run's answer."""

    tell: Tell
    is_answer: Callable[[], bool]
    """Whether the answer to the call is that of the run."""
    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.get_running_loop)
    _pieces: list[str] = field(factory=list)
    _is_due: bool = False

    def begin(self) -> None:
        """Record that the text is written from its beginning, perhaps again."""
        self._pieces = []

    def add(self, piece: str) -> None:
        """Hear a piece, in any thread."""
        self._pieces.append(piece)
        if not self._is_due:
            self._is_due = True
            with suppress(RuntimeError):  # the loop may have ended, and nobody listens any more
                self._loop.call_soon_threadsafe(self._loop.call_later, EVERY, self._look)

    def _look(self) -> None:
        self._is_due = False
        if self.is_answer():
            self.tell(beginning_of_text("".join(self._pieces)))


def is_answer_of_run(call: CallInFlight, in_flight: Mapping[int, CallInFlight], run: CallInFlight | None) -> bool:
    """Return whether the answer to a call is, unchanged, that of the call `run`.

    It is if programs return it, each as the answer to the call that it answers.
    """
    found = [call]
    for each in found:
        if each is run:
            return True
        for asker in each.askers:
            above = None if asker is None else in_flight.get(asker)
            if above is not None and above not in found and above.result is not None:
                if each.site.type == above.site.type and leads_to(each.answer, above.result):
                    found.append(above)
    return False
