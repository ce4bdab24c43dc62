"""Calls of the model: memo, store, budget, context, and the answer made a value.

A `Caller` serves one run, with all the programs that its callees write. Equal calls are
one call: answered from memory, from the call in flight, or from the store, in this order.
Leaf calls are done by a few workers that take them in order; calls that a program may
answer get a task each, since they wait for calls of their own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from attrs import define, evolve, field, frozen

from rlmlang import answers
from rlmlang.budget import Account
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import BudgetError, ModelError, RlmError, UsageError
from rlmlang.models.base import Model, Reply, Request
from rlmlang.pending import Pending
from rlmlang.prompt import PROMPT_VERSION, program_header
from rlmlang.render import render
from rlmlang.session import Session
from rlmlang.source import Source, Span
from rlmlang.store import Store
from rlmlang.trace import CallRecord, Trace
from rlmlang.types import Type, shape_of
from rlmlang.values import Mismatch, Value, canonical, from_json

LANGUAGE_VERSION = 1
"""Raised whenever the same program and answers could give another value."""

REPAIRS = 2
"""How often a callee's program that does not check or run is written again."""


@frozen(eq=False)
class Site:
    """A CALL in a program text, with what can be said of its key beforehand."""

    span: Span
    type: Type
    names: tuple[str | None, ...]
    """The names of its arguments after the instruction; None for one given by position."""
    within: str | None
    type_text: str
    shape: str
    """The structure of the type as JSON, fields of records included."""

    @classmethod
    def of(cls, span: Span, type_: Type, names: tuple[str | None, ...], within: str | None) -> Site:
        return cls(span, type_, names, within, str(type_), json.dumps(shape_of(type_)))


@define(eq=False)
class Entry:
    """A call in flight."""

    key: bytes
    site: Site
    args: tuple[Value, ...]
    sample: int
    level: int
    record: CallRecord
    account: Account
    """What it and the calls below it are paid from."""
    answer: Pending = field(factory=Pending)
    askers: list[Callable[[Entry, RlmError | None], None]] = field(factory=list)
    """Told once it has ended, after `answer` was resolved or with the error."""
    task: asyncio.Task[None] | None = None


ProgramRunner = Callable[[str, Request, Entry, Mapping[str, Value]], Awaitable[Value]]
"""Runs a callee's program text with the arguments of its call; gives the program's value. Names whose
values are known are not evaluated again."""

Writing = Literal["statements", "whole"]
"""How a callee writes a program: statement by statement, shown what each gives; or in one go."""


class Caller:
    """The calls of one run. `run_program` is handed in by the interpreter, which uses the caller."""

    def __init__(
        self,
        model: Model,
        account: Account,
        store: Store | None,
        trace: Trace,
        clock: Callable[[], float],
        run_program: ProgramRunner,
        memo: bool = True,
        writing: Writing | None = None,
    ) -> None:
        self.model = model
        self.account = account
        self.store = store
        self.trace = trace
        self.clock = clock
        self.memo = memo
        able = model.capabilities
        self.writing = writing or ("statements" if able.continues and able.grammar != "none" else "whole")
        """Engines that cannot be held to a statement, or read everything again for each, write in one go."""
        self._run_program = run_program
        self._known: dict[bytes, tuple[Value, CallRecord]] = {}
        self._flying: dict[bytes, Entry] = {}
        self._queue: deque[Entry] = deque()
        self._concurrency = account.limits.concurrency or model.concurrency
        self._slots = asyncio.Semaphore(self._concurrency)
        self._workers: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._flushing = False
        self._waiting = 0
        """Calls asked for that have not been counted yet."""
        self._squeezed = False
        """Whether a program was written with fewer tokens than it may have: engines bring it to an end in time,
        so the answer might be another. From then on no answer of a program is kept."""
        self._heads: dict[tuple[str, int, tuple[str | None, ...]], hashlib._Hash] = {}

    # Keys

    def _key(self, site: Site, args: tuple[Value, ...], sample: int, level: int) -> bytes:
        """SHA-256 over everything that can change the answer (SPEC.md, "CALL").

        The part that the calls of a site share is digested once.
        """
        limits = self.account.limits
        depth_left = limits.max_depth - level
        head = self._heads.get((site.shape, depth_left, site.names))
        if head is None:
            shared = [
                LANGUAGE_VERSION, PROMPT_VERSION, self.model.identity, site.shape, depth_left,
                limits.max_answer_tokens, site.names, depth_left and self.writing,
            ]  # fmt: skip
            head = hashlib.sha256(json.dumps(shared).encode())
            self._heads[site.shape, depth_left, site.names] = head
        digest = head.copy()
        digest.update(canonical([sample, *args]).encode("utf-8", "surrogatepass"))
        return digest.digest()

    def kept(self, type_: Type, names: tuple[str | None, ...], args: tuple[Value, ...], sample: int) -> bool:
        """Whether the store holds the answer to a call of the run's own program. Raises UsageError E606."""
        assert self.store is not None
        site = Site.of(Span(Source(""), 0, 0), type_, names, None)
        return self.store.get(self._key(site, args, sample, 1)) is not None

    # Asking

    def ask(
        self,
        site: Site,
        args: tuple[Value, ...],
        sample: int,
        level: int,
        parent: int | None,
        account: Account,
    ) -> Value | Entry:
        """The answer if it is known, else the call in flight. `args` are plain, the instruction first;
        `account` is what the program that asks is paid from.

        Raises BudgetError E501, E502, UsageError E606.
        """
        limits, usage = self.account.limits, self.account.usage
        if level > limits.max_depth:
            raise BudgetError.of(
                "E502",
                f"a CALL at level {level}; max_depth is {limits.max_depth}",
                hint="raise max_depth, or answer without CALL",
            )
        key = self._key(site, args, sample, level)
        if self.memo:
            if (known := self._known.get(key)) is not None:
                usage.memo_hits += 1
                self.trace.hit(known[1])
                return known[0]
            if (entry := self._flying.get(key)) is not None:
                usage.memo_hits += 1
                self.trace.hit(entry.record)
                return entry
        stored = self.store.get(key) if self.memo and self.store is not None else None
        if stored is None and limits.max_calls is not None and usage.calls + self._waiting >= limits.max_calls:
            raise self.account.no_calls_left()  # at once, or a program could ask for calls without end
        record = CallRecord(
            len(self.trace.calls),
            parent,
            level,
            args[0],
            site.type_text,
            site.span,
            self.clock(),
            site.within,
        )
        self.trace.start(record)
        if stored is not None:
            value = from_json(json.loads(stored), site.type)
            self.trace.finish(record, "stored", record.started)
            usage.memo_hits += 1
            self._known[key] = (value, record)
            return value
        if not self.memo:
            key += record.id.to_bytes(8, "big")
        if level < limits.max_depth:
            account = account.below(level, args[0], site.span)
        entry = Entry(key, site, args, sample, level, record, account)
        self._flying[key] = entry
        self._waiting += 1
        if level < limits.max_depth:
            record.kind = "program"
            entry.task = asyncio.ensure_future(self._finish(entry, self._program))
            self._tasks.add(entry.task)
            entry.task.add_done_callback(self._tasks.discard)
        else:
            self._queue.append(entry)
            if self._idle:
                self._idle.pop().set_result(None)
            elif len(self._workers) < self._concurrency:
                self._workers.add(asyncio.ensure_future(self._work()))
        return entry

    # Working

    async def _work(self) -> None:
        """Do leaf calls, one after another."""
        done = 0
        while True:
            while not self._queue:
                idle = asyncio.get_running_loop().create_future()
                self._idle.append(idle)
                await idle
            entry = self._queue.popleft()
            if entry.record.status == "cancelled":
                continue
            entry.task = asyncio.current_task()
            await self._finish(entry, self._leaf)
            entry.task = None
            done += 1
            if done % 64 == 0:  # a model that answers at once must not keep others from running
                await asyncio.sleep(0)

    async def _finish(self, entry: Entry, answer: Callable[[Entry], Awaitable[Value]]) -> None:
        """Await an answer and tell everyone who waits for it."""
        try:
            value = await answer(entry)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            if entry.record.status == "cancelled":
                if task.uncancel() > 0:  # not only this call, but the whole run
                    raise
            elif task.cancelling():
                self._end(entry, "cancelled")
                raise
            else:
                entry.record.error = "E400"
                fault = ModelError.of("E400", "the model failed: it gave the call up")
                self._end(entry, "failed", fault.at(entry.site.span))
        except RlmError as error:
            entry.record.error = error.first.code
            self._end(entry, "failed", error.at(entry.site.span))
        except Exception as error:  # a fault of a backend must not hang the run
            entry.record.error = "E400"
            fault = ModelError.of("E400", f"the model failed: {type(error).__name__}: {error}")
            self._end(entry, "failed", fault.at(entry.site.span))
        else:
            if self.memo:
                self._known[entry.key] = (value, entry.record)
            entry.answer.resolve(value)
            self._end(entry, "done")

    def _end(self, entry: Entry, status: str, error: RlmError | None = None) -> None:
        if entry.record.status == "waiting":
            self._waiting -= 1
        self.trace.finish(entry.record, status, self.clock())
        del self._flying[entry.key]
        for asker in entry.askers:
            asker(entry, error)

    async def generate(self, record: CallRecord, request: Request, account: Account) -> Reply:
        """One generation within budget and context; it may be cut off. Raises BudgetError, ModelError E403, E404."""
        prompt = self.model.count_tokens(request)
        if prompt >= self.model.context:
            raise ModelError.of(
                "E403",
                f"the prompt of this call takes {prompt:,} tokens; the context of {self.model.name} "
                f"holds {self.model.context:,}",
                hint="split the text with chunk(text, size) and give the model one piece at a time",
            )
        wanted = min(request.max_tokens, self.model.context - prompt)
        reserved = await account.reserve(prompt, wanted)
        granted = reserved.completion_tokens
        if reserved.short is not None and request.constraint is not None:
            self._squeezed = True
        if record.status == "waiting":
            self._waiting -= 1
            record.status, record.started = "running", self.clock()
        spent: tuple[int, int, int] | None = None
        try:
            reply = await self.model.generate(
                request if granted == request.max_tokens else evolve(request, max_tokens=granted)
            )
            spent = (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens)
        finally:
            account.settle(reserved, spent)
        record.prompt_tokens += reply.prompt_tokens
        record.completion_tokens += reply.completion_tokens
        if reply.finish == "length" and reserved.short is not None:
            raise reserved.short
        if reply.finish == "refusal":
            raise ModelError.of("E404", f"the model refused: {_short(reply.text)}")
        return reply

    async def _generate(self, entry: Entry, request: Request) -> Reply:
        """A whole answer. Raises ModelError E402 if it was cut off, and what `generate` raises."""
        reply = await self.generate(entry.record, request, entry.account)
        if reply.finish == "length":
            raise ModelError.of(
                "E402",
                f"the answer was cut off after {reply.completion_tokens:,} tokens",
                hint="ask for less at a time, or raise max_answer_tokens",
            )
        return reply

    def _request(self, entry: Entry, program: bool) -> Request:
        request = Request(
            instruction=entry.args[0],
            arguments=tuple(zip(entry.site.names, entry.args[1:])),
            type=entry.site.type,
            program=program,
            level=entry.level,
            max_tokens=self.account.limits.max_answer_tokens,
            sample=entry.sample,
        )
        if not program:
            return request
        return evolve(request, constraint=Constraint(program_header(request), entry.site.type))

    async def _leaf(self, entry: Entry) -> Value:
        reply = await self._generate(entry, self._request(entry, program=False))
        most = self.account.limits.max_bytes
        if len(reply.text) > most:
            raise BudgetError.of(
                "E507", f"an answer of {len(reply.text):,} characters; the limit is {most:,}", hint="raise max_bytes"
            )
        try:
            value = answers.parse_answer(reply.text, entry.site.type)
        except Mismatch as mismatch:
            raise ModelError.of(
                "E401",
                f"the answer is not of type {entry.site.type}: {mismatch}",
                hint=f"the model said: {_short(reply.text)}",
            ) from mismatch
        self._keep(entry, value)
        return value

    async def _program(self, entry: Entry) -> Value:
        """An answer by a program that the model writes: by statements, or in one go, repaired a few times."""
        request = self._request(entry, program=True)
        if self.writing == "statements":
            return await self._by_statements(entry, request)
        problem: RlmError | None = None
        for _ in range(REPAIRS + 1):
            async with self._slots:
                reply = await self._generate(entry, request)
            entry.record.program = reply.text
            try:
                value = await self._run_program(reply.text, request, entry, {})
            except (BudgetError, UsageError):
                raise
            except RlmError as error:
                problem = error
                request = evolve(request, repair=(reply.text, render(error.diagnostics)))
                continue
            self._keep(entry, value)
            return value
        assert problem is not None
        raise ModelError.of(
            "E405",
            f"the model's program failed {REPAIRS + 1} times, last with {problem.first.code}: {problem.first.message}",
            hint="lower max_depth so that the model answers directly, or give it a smaller task",
            notes=[("in its program", problem.first.span)] if problem.first.span else [],
        ) from problem

    async def _by_statements(self, entry: Entry, request: Request) -> Value:
        async def generate(asked: Request) -> Reply:
            async with self._slots:
                return await self._generate(entry, asked)

        async def run(text: str, type_: Type, known: Mapping[str, Value]) -> Value:
            return await self._run_program(text, evolve(request, type=type_), entry, known)

        session = Session(request, generate, run)
        try:
            value = await session.write()
        finally:
            entry.record.program = session.written
        self._keep(entry, value)
        return value

    # Keeping

    def _keep(self, entry: Entry, value: Value) -> None:
        """Put the value into the store; what arrives in one turn of the loop is committed together."""
        if self.store is None or not self.memo or (self._squeezed and entry.level < self.account.limits.max_depth):
            return
        record = entry.record
        self.store.put(entry.key, canonical(value), record.prompt_tokens, record.completion_tokens)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self.store is not None:
            self.store.commit()

    # Ending

    def cancel(self, entry: Entry) -> None:
        """Give up one call, queued or in flight."""
        entry.askers.clear()
        self._end(entry, "cancelled")
        if entry.task is not None:
            entry.task.cancel()

    async def close(self) -> None:
        """End everything that still runs, and write what is finished to the store."""
        for entry in list(self._flying.values()):
            self.cancel(entry)
        tasks = [*self._workers, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._flush()


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"
