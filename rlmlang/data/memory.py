"""A bound on the rows of one value, so that a table which does not fit into memory ends with an error."""

from __future__ import annotations

import mmap
from pathlib import Path

from rlmlang.errors import UsageError

EVERY = 10_000
"""After how many rows the memory is looked at."""

COPIES = 2.0
"""How many times the memory of the rows read so far must still be free: a run makes a value of its own of them, checks
it, and keeps it as text in its store."""


class MemoryWatch:
    """Watches the memory that the rows of a table take; where the system does not tell it (`/proc`), it allows all."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = used()

    def check(self, rows: int) -> None:
        """Raise UsageError E604 if so many rows leave too little memory for a run with them."""
        if rows % EVERY:
            return
        free = available()
        if free is None or self._begun is None or (now := used()) is None:
            return
        if (now - self._begun) * COPIES > free:
            raise UsageError.of(
                "E604",
                f"{self._name} does not fit into memory: {rows:,} of its rows take "
                f"{(now - self._begun) // 10**6:,} MB, and {free // 10**6:,} MB are free",
                hint="run the program on each row, `rlmlang map PROGRAM ROWS`, or leave out columns and rows",
            )


def used() -> int | None:
    """Return the bytes of memory that this process takes, where the system tells."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
    except (OSError, ValueError, IndexError):
        return None


def available() -> int | None:
    """Return the bytes of memory that are free for processes, where the system tells; that of a container if less."""
    found = [each for each in (_of_machine(), _of_container()) if each is not None]
    return min(found, default=None)


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration):
        return None


def _of_container() -> int | None:
    folder = Path("/sys/fs/cgroup")
    try:
        return int((folder / "memory.max").read_text()) - int((folder / "memory.current").read_text())
    except (OSError, ValueError):  # there is none, or `max`
        return None
