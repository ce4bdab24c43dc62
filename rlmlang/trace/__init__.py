"""What happened in a run: one record a call, in the order of starting.

Calls form a tree: `parent` is the call whose program made this one, None for calls of the
program itself. Records are filled in while the run goes on, so that a live view can read
them at any time.
"""

from __future__ import annotations

import secrets
from typing import Any, Protocol

from attrs import define, field

from rlmlang.source import Span


@define(eq=False)
class CallRecord:
    """One call of the model, with all its attempts. Times are seconds since the run began."""

    id: int
    parent: int | None
    level: int
    instruction: str
    type: str
    span: Span
    started: float
    """When its turn came; until then, when it was asked."""
    within: str | None = None
    """The function, or for a call of the program's own text the binding, that it stands in."""
    finished: float | None = None
    status: str = "waiting"
    """`waiting` for its turn, `running`, `done`, `stored` (answered by the store), `failed` or `cancelled`."""
    kind: str = "leaf"
    """`leaf`; `program` for a call answered by a program; `text` for a text in which calls stand."""
    hits: int = 0
    """How many further equal calls were answered by this one."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    error: str | None = None
    program: str | None = None
    """The program, or the text, that was written."""

    def to_json(self) -> dict[str, Any]:
        """The record as JSON data; `line` is the line of the CALL."""
        names = (
            "id", "parent", "level", "kind", "instruction", "type", "within", "status", "hits",
            "prompt_tokens", "completion_tokens", "started", "finished", "error", "program",
        )  # fmt: skip
        return {"line": self.span.line} | {name: getattr(self, name) for name in names}


class Watcher(Protocol):
    """Is told of the calls of a run as they come and go."""

    def started(self, record: CallRecord) -> None: ...

    def finished(self, record: CallRecord) -> None: ...

    def hit(self, record: CallRecord) -> None:
        """A call was answered by an equal one, whose record this is."""
        ...


@define(eq=False)
class Trace:
    """The calls of a run."""

    run_id: str = field(factory=lambda: secrets.token_hex(8))
    calls: list[CallRecord] = field(factory=list)
    active: dict[int, CallRecord] = field(factory=dict)
    watchers: list[Watcher] = field(factory=list)

    def start(self, record: CallRecord) -> None:
        self.calls.append(record)
        self.active[record.id] = record
        for watcher in self.watchers:
            watcher.started(record)

    def hit(self, record: CallRecord) -> None:
        record.hits += 1
        for watcher in self.watchers:
            watcher.hit(record)

    def finish(self, record: CallRecord, status: str, now: float) -> None:
        record.status, record.finished = status, now
        self.active.pop(record.id, None)
        for watcher in self.watchers:
            watcher.finished(record)
