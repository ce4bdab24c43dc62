"""One trace of all workers: each sends the events of a chunk with its results, and they are merged by row.

What a killed worker had not sent yet is lost with it; its rows are run again, and those of their calls that were
answered by then are `stored` in the trace.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterable
from typing import IO, Any

from attrs import asdict

from rlmlang.calls.limits import Limits
from rlmlang.cluster.jobs import ChunkResult
from rlmlang.errors import RlmError
from rlmlang.trace.codec import from_data
from rlmlang.trace.events import KINDS, EndEvent, Event
from rlmlang.trace.recorder import Trace, event_error

_IDS = ("id", "parent", "of", "call")
"""The fields of events that are ids of calls."""

_TIMES = ("time", "asked", "started", "finished")
"""The fields of events that are seconds since the run began."""

Events = list[dict[str, Any]]
"""Events as JSON data, in the order in which they happened."""


class RowEvents:
    """The events of a worker, until they are sent with the chunk of their rows."""

    def __init__(self) -> None:
        self.header: dict[str, Any] | None = None
        """How the worker began."""
        self._events: Events = []
        self._in_work: set[int] = set()

    def add(self, _: int, text: str) -> None:
        """Take an event, a sink of the worker's trace."""
        event = json.loads(text)
        if event["kind"] == "run":
            self.header = event
        elif event["kind"] != "end":
            self._events.append(event)

    def begin(self, rows: Iterable[int]) -> None:
        """Record that a chunk of rows is in work."""
        self._in_work.update(rows)

    def take(self, rows: Iterable[int]) -> Events:
        """Return the events of rows that have ended, and those of none."""
        self._in_work.difference_update(rows)
        found: Events = []
        kept: Events = []
        for event in self._events:
            (kept if event.get("row") in self._in_work else found).append(event)
        self._events = kept
        return found


class MergedTrace:
    """The trace of a map, of what all workers send."""

    def __init__(self, trace: Trace, limits: Limits, file: IO[bytes]) -> None:
        """Merge into a trace what is kept in a file until all is there."""
        self._trace, self._limits, self._file = trace, limits, file
        self._places: list[tuple[int, int, str, float]] = []
        """The first row of each chunk, where its events are, its worker, and when that began."""
        self._header: dict[str, Any] | None = None
        self._ids: dict[tuple[str, int], int] = {}
        self._texts: set[str] = set()

    def add(self, chunk: ChunkResult) -> None:
        """Keep the events of a chunk."""
        if (header := chunk.header) is None:
            return
        if self._header is None or header["started"] < self._header["started"]:
            self._header = header
        self._places.append((chunk.first, self._file.tell(), chunk.worker, header["started"]))
        pickle.dump(chunk.events, self._file, pickle.HIGHEST_PROTOCOL)

    def finish(self, status: str, failure: RlmError | None) -> None:
        """Write all events, by the numbers of their rows."""
        if self._header is None:
            return
        self._emit(self._header | {"limits": asdict(self._limits)})
        for _, place, worker, started in sorted(self._places):
            self._file.seek(place)
            shift = started - self._header["started"]
            for event in sorted(pickle.load(self._file), key=_row):
                if event["kind"] != "text":
                    self._emit(self._moved(event, worker, shift))
                elif event["digest"] not in self._texts:
                    self._texts.add(event["digest"])
                    self._emit(event)
        usage = self._trace.usage
        end = EndEvent(status=status, time=usage.seconds, usage=usage.to_json(), error=event_error(failure))
        self._trace.emit(end)

    def _emit(self, event: dict[str, Any]) -> None:
        kind: type[Event] = KINDS[event["kind"]]
        self._trace.emit(from_data(event, kind))

    def _moved(self, event: dict[str, Any], worker: str, shift: float) -> dict[str, Any]:
        """Return an event with ids that no other worker has, and times since the first worker began."""
        for name in _IDS:
            if (id := event.get(name)) is not None:
                event[name] = self._ids.setdefault((worker, id), len(self._ids))
        for name in _TIMES:
            if name in event:
                event[name] = round(event[name] + shift, 6)
        return event


def _row(event: dict[str, Any]) -> int:
    return event.get("row") or 0
