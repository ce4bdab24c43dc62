"""Read documents of complicated forms in a process of its own, which is ended if it takes too long.

Libraries for PDF, Office files and pages have no limits of time, and cannot be stopped within a process: a few hundred
bytes can keep one busy for hours, or crash it. A process is kept for the next document once one is read.
(Decision 138.)
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

from attrs import define, field

from rlmlang.data.places import DataPlace
from rlmlang.errors import UsageError

WITHIN = 30.0
"""Seconds within which a document gives its next part: a page, some rows, or all of it."""

IN_ALL = 600.0
"""Seconds that all parts of a document may take together."""

KEPT = 2
"""How many processes wait for the next document."""

_ROOT = str(Path(__file__).parents[2])
_BEGIN = "import sys; sys.path.insert(0, sys.argv[1]); from rlmlang.data.reader_process import main; main()"

_idle: list[_ReaderProcess] = []


def parts(place: DataPlace, form: str, data: bytes, part: str = "") -> Iterator[Any]:
    """Yield the parts of a document, whose bytes are given, as a function of `reader_process.FORMS` reads them.

    Raises UsageError E604, also if it takes too long.
    """
    try:
        reader = _idle.pop() if _idle else _ReaderProcess()
    except OSError as error:
        raise place.broken(f"no process can be begun that reads it: {error.strerror}") from error
    is_done, spent = False, 0.0
    try:
        reader.send({"form": form, "name": place.name, "part": part}, data)
        while True:
            began = time.monotonic()
            found = reader.next_part(min(WITHIN, IN_ALL - spent))
            spent += time.monotonic() - began
            if found is None:
                raise _too_slow(place) if reader.is_late else place.broken("the process that reads it has ended")
            if "part" not in found:
                break
            yield found["part"]
        is_done = True
        if "code" in found:
            raise UsageError.of(found["code"], found["said"], hint=found["hint"])
    finally:
        if is_done and len(_idle) < KEPT:
            _idle.append(reader)
        else:
            reader.end()


def _too_slow(place: DataPlace) -> UsageError:
    return place.broken(
        f"it gave no text within {WITHIN:g} seconds", "save it again with another program, or as text or CSV"
    )


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-c", _BEGIN, _ROOT]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


@define(eq=False)
class _ReaderProcess:
    """A process that reads documents, one after the other."""

    process: subprocess.Popen[bytes] = field(factory=_start)
    is_late: bool = False
    """Whether it was ended because it took too long."""

    def send(self, about: dict[str, Any], data: bytes) -> None:
        """Give it a document. It may have ended meanwhile, which is found when it is asked for the first part."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({**about, "size": len(data)}).encode() + b"\n" + data)
            self.process.stdin.flush()

    def next_part(self, seconds: float) -> dict[str, Any] | None:
        """Return what it says next, None if it has ended, as it does after so many seconds."""
        assert self.process.stdout is not None
        watch = Timer(max(0.0, seconds), self._late)
        watch.daemon = True
        watch.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watch.cancel()
        found: dict[str, Any] | None = json.loads(line) if line.endswith(b"\n") else None
        return found

    def _late(self) -> None:
        self.is_late = True
        self.process.kill()

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


@atexit.register
def end_readers() -> None:
    """End the processes that wait for documents."""
    while _idle:
        _idle.pop().end()
