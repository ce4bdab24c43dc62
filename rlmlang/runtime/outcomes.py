"""How statements are left, and what is done about those of which an answer decides it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Union

from rlmlang.runtime.frames import Capture, Frame, promise, settle
from rlmlang.runtime.pending import Pending
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.values import Value


class Returned:
    """The function is left with a value, resolved or not."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value


class _Left:
    """The loop or its turn is left."""


BREAK_LOOP, NEXT_TURN = _Left(), _Left()


class Waiting:
    """It is not known yet how a statement is left: `resume` goes on with it in a frame once `value` is known."""

    __slots__ = ("begin", "exits", "kind", "place", "resume", "value")

    def __init__(self, value: Pending | None, place: Place, resume: Run, exits: int, kind: str = "value") -> None:
        self.value = value
        self.place = place
        self.resume = resume
        self.exits = exits
        """The ways in which it may be left other than to the next statement, as bits."""
        self.kind = kind
        """What it waits for: a `value`, `relief` where too many calls are queued, or that all is `quiet`."""
        self.begin = 0
        """The number of the statement that waits, in the body that it is in."""

    def then(self, go_on: Callable[[Frame, Outcome], Outcome], exits: int, begin: int) -> Waiting:
        """Return what waits likewise, and then does what `go_on` says about how this is left."""
        resume = self.resume
        waiting = Waiting(self.value, self.place, lambda frame: go_on(frame, resume(frame)), exits, self.kind)
        waiting.begin = begin
        return waiting


Outcome = Union[None, Returned, _Left, Waiting]
"""How a statement is left: None leads to the next one."""

Run = Callable[[Frame], Outcome]
"""A compiled statement, or several."""


def go_on_later(frame: Frame, waiting: Waiting, finish: Callable[[Any], None]) -> None:
    """Go on with what waits when it can, in a frame of its own, and finish when it is known how it is left."""

    def job() -> None:
        outcome = waiting.resume(frame)
        if outcome.__class__ is Waiting:
            go_on_later(frame, outcome, finish)
        else:
            finish(outcome)

    match waiting.kind:
        case "relief":
            assert waiting.value is not None
            frame.evaluation.hold_back(waiting.value, waiting.place, job)
        case "quiet":
            frame.evaluation.in_order(waiting.place, job, last=True)
        case _:
            frame.evaluation.later([waiting.value], waiting.place, job, whole=False)


def leave_behind(frame: Frame, waiting: Waiting, capture: Capture, assigned: frozenset[str]) -> None:
    """Let what waits go on by itself: it takes variables with it, and those it may change are pending until then."""
    then = frame.kept(capture)
    promised = promise(frame, assigned)
    go_on_later(then, waiting, lambda outcome: settle(then, promised))
