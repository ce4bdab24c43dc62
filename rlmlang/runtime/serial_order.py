"""Where work is in the serial order of evaluation, and how much of a loop's work may wait for answers at a time."""

from __future__ import annotations

from rlmlang.runtime.pending import Pending

MOST_WAITING = 2_000  # decision 101
"""Pieces of work that may wait before the loop that left them pauses; it goes on when half of them are left."""


AFTER = 1
"""The turn after the only one of what has no turns."""


class Window:
    """The pieces of work that the turns of one loop have left waiting, those of loops inside it among them.

    While there are many, the loop pauses. They come before its other turns in the serial order of evaluation, and
    therefore end without them.
    """

    __slots__ = ("_relief", "outer", "waiting")

    def __init__(self, outer: Window | None) -> None:
        self.outer = outer
        self.waiting = 0
        self._relief: Pending | None = None

    def enter(self) -> None:
        """Count one more piece of work."""
        window: Window | None = self
        while window is not None:
            window.waiting += 1
            window = window.outer

    def leave(self) -> None:
        """Count one piece less, and let the loops go on of which few are left."""
        window: Window | None = self
        while window is not None:
            window.waiting -= 1
            if window._relief is not None and window.waiting <= MOST_WAITING // 2:
                relief, window._relief = window._relief, None
                relief.resolve(None)
            window = window.outer

    def relief(self) -> Pending | None:
        """Return what to wait for before the next turn begins; None if it may begin now."""
        if self._relief is None and self.waiting >= MOST_WAITING:
            self._relief = Pending()
        return self._relief


class Place:
    """A point in the serial order of evaluation, which decides which of several failures is the first.

    `turn` counts the iterations at one `site` of the `outer` place. A site is an offset in the source: of an operation,
    its end, since its operands are evaluated before it. What comes after all that is inside of a place, as the end of a
    statement does, is at turn `AFTER` of its site.
    """

    __slots__ = ("outer", "site", "turn", "window")

    def __init__(self, outer: Place | None, site: int, turn: int = 0) -> None:
        self.outer = outer
        self.site = site
        self.turn = turn
        self.window: Window | None = None if outer is None else outer.window
        """Where work at this place is counted while it waits: in the window of the innermost loop around it."""

    def path(self) -> list[tuple[int, int]]:
        """Return site and turn of each place from the outermost to this one."""
        steps: list[tuple[int, int]] = []
        place: Place | None = self
        while place is not None:
            steps.append((place.site, place.turn))
            place = place.outer
        return steps[::-1]

    def __lt__(self, other: Place) -> bool:
        return self.path() < other.path()
