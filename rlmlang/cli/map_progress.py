"""Show on a terminal how far a map is: rows, errors, pace, money and the time to go."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from attrs import define, field

from rlmlang.calls.prices import money
from rlmlang.render import counted
from rlmlang.trace.progress import duration
from rlmlang.trace.recorder import Trace

WINDOW = 30.0
"""The latest seconds, over which the pace is measured."""


@define(eq=False)
class RowsProgress:
    """How far a map is."""

    trace: Trace
    total: int | None = None
    """The number of rows, if it is known."""
    done: int = 0
    failed: int = 0
    _samples: deque[tuple[float, int]] = field(factory=deque)

    def add(self, done: int, failed: int) -> None:
        """Count rows that have ended."""
        self.done += done
        self.failed += failed

    def pace(self, now: float) -> float:
        """Return how many rows a second have ended lately."""
        self._samples.append((now, self.done))
        while len(self._samples) > 2 and now - self._samples[0][0] > WINDOW:
            self._samples.popleft()
        then, before = self._samples[0]
        return (self.done - before) / (now - then) if now > then else 0.0

    def line(self, now: float) -> str:
        """Return how far the map is at a time, on one line."""
        pace, usage = self.pace(now), self.trace.usage
        of = "" if self.total is None else f" of {self.total:,}"
        parts = [f"{self.done:,}{of} rows"]
        if self.total is not None and pace and self.done < self.total:
            parts.append(f"{duration((self.total - self.done) / pace)} to go")
        parts += [counted(self.failed, "error")] if self.failed else []
        parts += [money(usage.cost)] if usage.cost else []
        parts += [f"{pace:,.1f} a second"] if pace else []
        return " · ".join(parts)


@contextmanager
def shown(title: str, progress: RowsProgress) -> Iterator[None]:
    """Show how far a map is on standard error, a terminal, while it runs; the last state stays on the screen."""
    from rich.console import Console
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    def picture() -> Table:
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(progress.total, progress.done, width=16, pulse=progress.total is None)
        text = Text(progress.line(perf_counter()), no_wrap=True, overflow="ellipsis")
        grid.add_row(Text(title, style="bold"), bar, text)
        return grid

    console = Console(stderr=True, highlight=False)
    with Live(
        console=console, get_renderable=picture, refresh_per_second=4, redirect_stdout=False, redirect_stderr=False
    ):
        yield
