"""Record a run while it is evaluated: a log of events (`events.py`), and the records of its calls.

Calls form a tree: `parent` is the call whose program made this one, None for calls of the
program itself. A record is updated while its call is in flight, so that a live view can read it at
any time; when the call has ended, an event is added to the log.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol

from attrs import define, field

from rlmlang.calls.budget import Account, Usage
from rlmlang.errors import RlmError
from rlmlang.language.source import Span
from rlmlang.language.types import Type
from rlmlang.models.base import RenderedPrompt, Reply, Request
from rlmlang.redact import Redactor
from rlmlang.runtime.values import Value, excerpt
from rlmlang.trace.codec import to_data
from rlmlang.trace.events import (
    ArgumentPreview,
    CallEvent,
    Event,
    EventError,
    GenerationEvent,
    HitEvent,
    PrintEvent,
    PromptMessage,
    TextEvent,
)

MAX_VALUE = 2_000
"""Characters of an answer, or of the value of a run, that an event shows."""

MAX_INSTRUCTION = 400
"""Characters of the instruction of a call that has ended that are held in memory, where calls are not kept."""

MAX_ARGUMENT = 200
"""Characters of an argument that an event shows."""


@define(eq=False)
class CallRecord:
    """A call of the model with all its attempts, or of a function of the host.

    Times are seconds since the run began.
    """

    id: int
    parent: int | None
    level: int
    instruction: str
    """Or the name of the function."""
    type: str
    span: Span
    started: float
    """When its turn came; until then, when it was asked."""
    within: str | None = None
    """The function that it is in, or the binding in the program's own statements."""
    arguments: Sequence[tuple[str | None, Value]] = ()
    key: bytes | None = None
    """What equal calls share across runs; None for a call that is never shared."""
    asked: float = field()
    finished: float | None = None
    status: str = "waiting"
    """`sought` in a store over a network, `waiting` for its turn, `running`, `done`, `stored` (answered by the store),
    `failed` or `cancelled`."""
    model: str = ""
    """The name of the model that answers it, or writes its program or text."""
    form: str = "leaf"
    """`leaf` for a direct answer; `program` for an answer by a program; `text` for a text with calls in it; `function`
    for a function of the host."""
    hits: int = 0
    """How many equal calls were answered by this one."""
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal | None = None
    """US dollars; None if no price is known."""
    error: RlmError | None = None
    defaulted: bool = False
    """Whether a program took the default of its CALL, since this failed."""
    program: str | None = None
    """The program, or the text with calls, that the model wrote."""
    bound: Sequence[tuple[str, Type, Value]] = ()
    """The names, types and values of the variables that this program has bound, for a call that no other made."""
    row: int | None = None
    """The number of the row of a data set that made it."""
    is_volatile: bool = False
    """Whether its answer depends on a volatile function of the host, so that no store keeps it."""

    @asked.default
    def _(self) -> float:
        return self.started

    def pay(self, cost: Decimal | None) -> None:
        """Add the cost of a generation."""
        if cost is not None:
            self.cost = cost if self.cost is None else self.cost + cost


class Watcher(Protocol):
    """An observer of the calls of a run, such as a live view. Its methods are called as things happen."""

    def started(self, record: CallRecord) -> None:
        """Note a new call."""
        ...

    def hit(self, record: CallRecord) -> None:
        """Note that a call has answered an equal one."""
        ...

    def finished(self, record: CallRecord) -> None:
        """Note that a call has ended."""
        ...


_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a surrogate pair, which UTF-8 cannot encode."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Sink = Callable[[int, str], None]
"""A function that takes an event: its number, and its JSON text."""


@define(eq=False)
class Trace:
    """The trace of a run: the records of its calls, and the log of events that it writes to its sinks."""

    run_id: str = field(factory=lambda: secrets.token_hex(8))
    keep: bool = True
    """Whether `calls` keeps the calls that have ended; where they are millions, only the log should."""
    calls: list[CallRecord] = field(factory=list)
    active: dict[int, CallRecord] = field(factory=dict)
    first: CallRecord | None = None
    """The call that was asked first; for a question or a text, all others are made for it."""
    count: int = 0
    """The number of calls so far, including those before the run was resumed."""
    account: Account | None = None
    """The limits of the run and what it has spent, once it has begun."""
    printed: list[tuple[int | None, str]] = field(factory=list)
    """What programs have printed, each with the id of the call that it answers; None for the program of the run."""
    planned_calls: tuple[int, int | None] = (0, None)
    """The least and most calls that its own program makes if no limit ends it, once that is estimated."""
    watchers: list[Watcher] = field(factory=list)
    binds: bool = False
    """Whether the variables of the program that answers a question are wanted, as a session does."""
    hear: Callable[[str], None] | None = None
    """Takes the beginning of the answer to a question, if that is text, each time that more of it is written."""
    sinks: list[Sink] = field(factory=list)
    failure: Exception | None = None
    """What the first sink that failed has raised. It ends the run, and the sink gets nothing more."""
    on_failure: Callable[[], None] | None = None
    """Ends the run while it goes on, since whoever adds an event may be a task that nobody waits for."""
    redactor: Redactor = field(factory=Redactor)
    """What takes secrets out of the log; once the run has begun, those of its model too."""
    _seq: int = 0
    _texts: set[str] = field(factory=set)
    """The digests of the texts that are in the log."""

    @property
    def usage(self) -> Usage:
        """What the run has spent so far."""
        return self.account.usage if self.account is not None else Usage()

    # The log

    def resume_at(self, seq: int, calls: int) -> None:
        """Number events and calls from here on, since the log has those of the run before it was resumed."""
        self._seq, self.count = seq, calls

    def emit(self, event: Event) -> None:
        """Add an event to the log. A sink that fails ends the run, whoever adds the event: see `check`."""
        if self.sinks:
            seq = self._seq
            self._seq += 1
            data = {"seq": seq, "kind": event.kind, **to_data(event)}
            text = _encode(data)
            if self.redactor(text) != text:
                text = _encode(self.redactor.data(data))
            if _SURROGATE.search(text):
                text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            for sink in tuple(self.sinks):
                try:
                    sink(seq, text)
                except Exception as error:
                    self.sinks.remove(sink)
                    self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self.failure is None:
            self.failure = error
            if self.on_failure is not None:
                self.on_failure()

    def check(self) -> None:
        """Raise what a sink has raised, if one has failed."""
        if self.failure is not None:
            raise self.failure

    def _share_text(self, text: str) -> str:
        """Return the digest of a text, and add the text to the log if it is not there yet."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        if digest not in self._texts:
            self._texts.add(digest)
            self.emit(TextEvent(digest=digest, text=text))
        return digest

    # Calls

    def start(self, record: CallRecord) -> None:
        """Add a new call."""
        self.count += 1
        self.first = self.first or record
        if self.keep:
            self.calls.append(record)
        self.active[record.id] = record
        for watcher in self.watchers:
            watcher.started(record)

    def hit(self, record: CallRecord, parent: int | None, span: Span, now: float, row: int | None = None) -> None:
        """Record that an equal call was asked again."""
        record.hits += 1
        for watcher in self.watchers:
            watcher.hit(record)
        if self.sinks:
            source, line = span.source.name, span.line
            self.emit(HitEvent(of=record.id, parent=parent, source=source, line=line, time=_round(now), row=row))

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
        """Record that the model has generated once, or failed to.

        It takes prompts, which cost time to write, so it is to be called only if there are sinks.
        """
        event = GenerationEvent(
            call=record.id,
            attempt=record.attempts - 1,
            prompt=[
                PromptMessage(role=message.role, digest=self._share_text(message.content))
                if message.role == "system"
                else PromptMessage(role=message.role, content=message.content)
                for message in rendered.messages
            ],
            opening=reply.opening if reply else rendered.opening,
            written=request.written,
            grammar=request.constraint_digest,
            started=_round(began),
            finished=_round(now),
            cost=_dollars(cost),
            error=event_error(error),
            row=record.row,
        )
        if reply is not None:
            event.output = reply.text
            event.finish = reply.finish
            event.prompt_tokens = reply.prompt_tokens
            event.completion_tokens = reply.completion_tokens
            event.cached_tokens = reply.cached_tokens
            event.forced_tokens = reply.forced_tokens
        self.emit(event)

    def show(self, call: int | None, printed: Sequence[str]) -> None:
        """Record what a program has printed, which answers a call or is that of the run."""
        if printed:
            self.printed.append((call, "".join(printed)))
            self.emit(PrintEvent(call=call, text="".join(printed)))

    def finish(self, record: CallRecord, status: str, now: float, value: Value = None) -> None:
        """Record that a call has ended, with a value if it is `done` or `stored`; or that it ended in another way
        than was recorded before."""
        record.status, record.finished = status, now
        if self.active.pop(record.id, None) is not None:
            for watcher in self.watchers:
                watcher.finished(record)
        if self.sinks:
            self._emit_call(record, status, value)

    def let_go(self, record: CallRecord) -> None:
        """Forget what a call that has ended was given, unless calls are kept: an equal one may be asked much later."""
        if not self.keep:
            record.arguments, record.instruction = (), record.instruction[:MAX_INSTRUCTION]

    def _emit_call(self, record: CallRecord, status: str, value: Value) -> None:
        span = record.span
        self.emit(
            CallEvent(
                id=record.id,
                parent=record.parent,
                level=record.level,
                form=record.form,
                model=record.model,
                source=span.source.name,
                line=span.line,
                span=(span.start, span.end),
                within=record.within,
                instruction=record.instruction,
                arguments=[
                    ArgumentPreview(name=name, preview=excerpt(each, MAX_ARGUMENT)) for name, each in record.arguments
                ],
                type=record.type,
                key=record.key.hex() if record.key else None,
                status=status,
                asked=_round(record.asked),
                started=_round(record.started),
                finished=_round(record.finished or record.started),
                prompt_tokens=record.prompt_tokens,
                completion_tokens=record.completion_tokens,
                cost=_dollars(record.cost),
                answer=excerpt(value, MAX_VALUE) if status in ("done", "stored") else None,
                error=event_error(record.error),
                defaulted=record.defaulted,
                program=record.program,
                row=record.row,
            )
        )


def event_error(error: RlmError | None) -> EventError | None:
    """Return an error as events show it."""
    return None if error is None else EventError(code=error.first.code, message=error.first.message)


def _dollars(cost: Decimal | None) -> float | None:
    return None if cost is None else float(cost)


def _round(seconds: float) -> float:
    return round(seconds, 6)
