"""What happens in a run: a log of events (docs/trace.md), and the records of its calls.

Calls form a tree: `parent` is the call whose program made this one, None for calls of the
program itself. A record is filled in while its call goes on, so that a live view can read it at
any time; when the call has ended, an event tells of it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, field

from rlmlang.calls.prompt import program_text
from rlmlang.errors import RlmError
from rlmlang.language.source import Span
from rlmlang.redact import redacted_data, redactor
from rlmlang.runtime.values import Value, excerpt

if TYPE_CHECKING:
    from rlmlang.models.base import RenderedPrompt, Reply, Request

VERSION = 1
"""Of the events; raised when one changes its meaning."""

SHOWN, GLANCE = 2_000, 200
"""Characters of an answer and of an argument that an event shows."""


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
    arguments: Sequence[tuple[str | None, Value]] = ()
    key: bytes | None = None
    """What equal calls share, across runs; None for one that is answered on its own."""
    asked: float = field()
    finished: float | None = None
    status: str = "waiting"
    """`waiting` for its turn, `running`, `done`, `stored` (answered by the store), `failed` or `cancelled`."""
    form: str = "leaf"
    """`leaf`; `program` for a call answered by a program; `text` for a text in which calls stand."""
    hits: int = 0
    """How many further equal calls were answered by this one."""
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None
    """US dollars; None where no price is known."""
    error: RlmError | None = None
    program: str | None = None
    """The program, or the text, that was written."""
    header: str = ""
    """The declarations that were put before it to run it."""

    @asked.default
    def _(self) -> float:
        return self.started

    def pay(self, cost: Decimal | None) -> None:
        """Add the cost of a generation."""
        if cost is not None:
            self.cost = cost if self.cost is None else self.cost + cost


class Watcher(Protocol):
    """Follows the calls of a run, as a live view does."""

    def started(self, record: CallRecord) -> None: ...

    def hit(self, record: CallRecord) -> None: ...

    def finished(self, record: CallRecord) -> None: ...


_HALF = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair."""

Sink = Callable[[int, str], None]
"""Takes an event: its number, and its JSON text."""


@define(eq=False)
class Trace:
    """The calls of a run."""

    run_id: str = field(factory=lambda: secrets.token_hex(8))
    keep: bool = True
    """Whether `calls` keeps those that have ended; where they are millions, only the log should."""
    calls: list[CallRecord] = field(factory=list)
    active: dict[int, CallRecord] = field(factory=dict)
    first: CallRecord | None = None
    """The call that was asked first: of a question or a text, the one that all others are made for."""
    count: int = 0
    """Calls so far, earlier parts of a resumed run included."""
    watchers: list[Watcher] = field(factory=list)
    sinks: list[Sink] = field(factory=list)
    _redact: Callable[[str], str] = field(factory=redactor)
    _seq: int = 0
    _texts: set[str] = field(factory=set)
    """Digests of the texts that the log has."""

    # The log

    def go_on_from(self, seq: int, calls: int) -> None:
        """Number events and calls behind those of the run's earlier parts."""
        self._seq, self.count = seq, calls

    def emit(self, kind: str, **fields: Any) -> None:
        """Add an event to the log."""
        if self.sinks:
            event = {"seq": self._seq, "kind": kind, **fields}
            text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            if self._redact(text) != text:
                text = json.dumps(redacted_data(event, self._redact), ensure_ascii=False, separators=(",", ":"))
            if _HALF.search(text):  # which no UTF-8 holds
                text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            for sink in self.sinks:
                sink(self._seq, text)
            self._seq += 1

    def _text(self, text: str) -> str:
        """The digest under which the log has a text."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        if digest not in self._texts:
            self._texts.add(digest)
            self.emit("text", digest=digest, text=text)
        return digest

    # Calls

    def start(self, record: CallRecord) -> None:
        self.count += 1
        self.first = self.first or record
        if self.keep:
            self.calls.append(record)
        self.active[record.id] = record
        for watcher in self.watchers:
            watcher.started(record)

    def hit(self, record: CallRecord, parent: int | None, span: Span, now: float) -> None:
        """An equal call was asked again."""
        record.hits += 1
        for watcher in self.watchers:
            watcher.hit(record)
        if self.sinks:
            self.emit("hit", of=record.id, parent=parent, source=span.source.name, line=span.line, time=_round(now))

    def generated(
        self,
        record: CallRecord,
        request: Request,
        rendered: RenderedPrompt,
        began: float,
        now: float,
        cost: Decimal | None,
        reply: Reply | None,
        error: RlmError | None = None,
    ) -> None:
        """The model has answered once, or failed. (Without sinks, this would write prompts for nobody.)"""
        prompt: list[dict[str, str]] = []
        for message in rendered.messages:
            if message.role == "system":
                prompt.append({"role": message.role, "digest": self._text(message.content)})
            else:
                prompt.append({"role": message.role, "content": message.content})
        self.emit(
            "generation",
            call=record.id,
            attempt=record.attempts - 1,
            prompt=prompt,
            opening=reply.opening if reply else rendered.opening,
            written=request.written,
            grammar=request.constraint_digest,
            output=reply.text if reply else None,
            finish=reply.finish if reply else None,
            started=_round(began),
            finished=_round(now),
            prompt_tokens=reply.prompt_tokens if reply else 0,
            completion_tokens=reply.completion_tokens if reply else 0,
            cached_tokens=reply.cached_tokens if reply else 0,
            forced_tokens=reply.forced_tokens if reply else 0,
            cost=_dollars(cost),
            error=problem_of(error),
        )

    def finish(self, record: CallRecord, status: str, now: float, value: Value = None) -> None:
        """A call has ended, with a value if it is `done` or `stored`; or after all in another way than was told."""
        record.status, record.finished = status, now
        if self.active.pop(record.id, None) is not None:
            for watcher in self.watchers:
                watcher.finished(record)
        if self.sinks:
            self._tell(record, value)

    def _tell(self, record: CallRecord, value: Value) -> None:
        answered = record.status in ("done", "stored")
        span = record.span
        self.emit(
            "call",
            id=record.id,
            parent=record.parent,
            level=record.level,
            form=record.form,
            source=span.source.name,
            line=span.line,
            span=[span.start, span.end],
            within=record.within,
            instruction=record.instruction,
            arguments=[{"name": name, "preview": excerpt(each, GLANCE)} for name, each in record.arguments],
            type=record.type,
            key=record.key.hex() if record.key else None,
            status=record.status,
            asked=_round(record.asked),
            started=_round(record.started),
            finished=_round(record.finished or record.started),
            prompt_tokens=record.prompt_tokens,
            completion_tokens=record.completion_tokens,
            cost=_dollars(record.cost),
            answer=excerpt(value, SHOWN) if answered else None,
            error=problem_of(record.error),
            program=_run_text(record),
        )


def _run_text(record: CallRecord) -> str | None:
    """The text in which the places of calls count."""
    if record.form == "program" and record.program is not None:
        return record.header + program_text(record.program)
    return record.program


def problem_of(error: RlmError | None) -> dict[str, str] | None:
    """An error as events tell it."""
    return None if error is None else {"code": error.first.code, "message": error.first.message}


def _dollars(cost: Decimal | None) -> float | None:
    return None if cost is None else float(cost)


def _round(seconds: float) -> float:
    return round(seconds, 6)
