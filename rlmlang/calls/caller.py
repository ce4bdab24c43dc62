"""Calls of the model: memo, store, budget, context, and the answer made a value.

A `Caller` serves one run, with all the programs that its callees write. Equal calls are
one call: answered from memory, from the call in flight, or from the store, in this order; one that
another process is making is waited for. An answer is handed on only once it is kept.
Leaf calls are done by a few workers that take them in order; calls that a program may
answer get a task each, since they wait for calls of their own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Literal

from attrs import define, evolve, field

from rlmlang.calls import answer_format
from rlmlang.calls.budget import Account
from rlmlang.calls.prompt import PROMPT_VERSION, program_header
from rlmlang.calls.session import Session
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import BudgetError, ModelError, RlmError, UsageError
from rlmlang.language.source import Source, Span
from rlmlang.language.types import Type
from rlmlang.models.base import Model, Reply, Request, Teller, Told, Unsent
from rlmlang.render import render
from rlmlang.runtime.call_site import CallSite, InFlight
from rlmlang.runtime.pending import Pending
from rlmlang.runtime.values import Mismatch, Value, canonical, from_json
from rlmlang.storage.journal import Journal
from rlmlang.trace.recorder import CallRecord, Trace

LANGUAGE_VERSION = 1
"""Raised whenever the same program and answers could give another value."""

REPAIRS = 2
"""How often a callee's program that does not check or run is written again."""

CROWD = 10_000
"""Calls that wait for their turn before comprehensions hold back with asking for more."""

REMEMBERED = 50_000
"""Answers that are held in memory where a store has them all."""


@define(eq=False)
class CallInFlight(InFlight):
    """A call in flight: what it asks, and how far it has come."""

    key: bytes
    site: CallSite
    args: tuple[Value, ...]
    sample: int
    level: int
    record: CallRecord
    account: Account
    """What it and the calls below it are paid from."""
    below: list[CallInFlight] = field(factory=list)
    """The calls that it waits for or has waited for, where its level may still change."""
    task: asyncio.Task[None] | None = None
    given_up: bool = False


ProgramRunner = Callable[[str, Request, CallInFlight, Mapping[str, Value]], Awaitable[Value]]
"""Runs a callee's program text with the arguments of its call; gives the program's value. Names whose
values are known are not evaluated again."""

Make = Callable[[], Awaitable["tuple[Value, str] | None"]]
"""Makes a call's value and status in some way; None if the call goes on elsewhere."""

Writing = Literal["statements", "whole"]
"""How a callee writes a program: statement by statement, shown what each gives; or in one go."""


def way_of_writing(model: Model) -> Writing:
    """By statements, but for engines that cannot be held to one, or read everything again for each."""
    able = model.capabilities
    return "statements" if able.continues and able.grammar != "none" else "whole"


class Caller:
    """The calls of one run. `run_program` is handed in by the interpreter, which uses the caller."""

    def __init__(
        self,
        model: Model,
        account: Account,
        trace: Trace,
        clock: Callable[[], float],
        run_program: ProgramRunner,
        journal: Journal | None = None,
        memo: bool = True,
        writing: Writing | None = None,
    ) -> None:
        self.model = model
        self.account = account
        self.journal = journal if memo else None
        self.trace = trace
        self.clock = clock
        self.memo = memo
        self.writing = writing or way_of_writing(model)
        self._run_program = run_program
        self._known: OrderedDict[bytes, tuple[Value, CallRecord]] = OrderedDict()
        self._flying: dict[bytes, CallInFlight] = {}
        self._making: dict[int, CallInFlight] = {}
        """The same calls by the numbers of their records."""
        self._queue: deque[CallInFlight] = deque()
        self._concurrency = account.limits.concurrency or model.concurrency
        self._slots = asyncio.Semaphore(self._concurrency)
        self._workers: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._room: Pending | None = None
        self._waiting = 0
        """Calls asked for that have not been counted yet."""
        self._squeezed = False
        """Whether a program was written with fewer tokens than it may have: engines bring it to an end in time,
        so the answer might be another. From then on no answer of a program is kept."""
        self._heads: dict[tuple[str, int, tuple[str | None, ...]], hashlib._Hash] = {}

    # Keys

    def _key(self, site: CallSite, args: tuple[Value, ...], sample: int, level: int) -> bytes:
        """SHA-256 over everything that can change the answer (SPEC.md, "CALL").

        The part that the calls of a site share is digested once.
        """
        limits = self.account.limits
        depth_left = limits.max_depth - level
        if self.model.capabilities.recursive:
            depth_left = min(depth_left, 1)
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
        assert self.journal is not None
        site = CallSite.of(Span(Source(""), 0, 0), type_, names, None)
        return self.journal.store.get(self._key(site, args, sample, 1)) is not None

    # Asking

    def ask(
        self,
        site: CallSite,
        args: tuple[Value, ...],
        sample: int,
        level: int,
        parent: int | None,
        account: Account,
    ) -> Value | CallInFlight:
        """The answer if it is known, else the call in flight. `args` are plain, the instruction first;
        `account` is what the program that asks is paid from.

        Raises BudgetError E501, E502, UsageError E606.
        """
        limits, usage = self.account.limits, self.account.usage
        above = self._making.get(parent) if parent is not None and self.model.capabilities.recursive else None
        if above is not None:
            level = above.level + 1
        if level > limits.max_depth:
            raise self._too_deep(level)
        key = self._key(site, args, sample, level)
        if self.memo:
            if (known := self._known.get(key)) is not None:
                usage.memo_hits += 1
                self.trace.hit(known[1], parent, site.span, self.clock())
                return known[0]
            if (entry := self._flying.get(key)) is not None:
                if above is not None:
                    above.below.append(entry)
                    self._deepen(entry, level)
                usage.memo_hits += 1
                self.trace.hit(entry.record, parent, site.span, self.clock())
                return entry
        stored = self.journal.store.get(key) if self.journal is not None else None
        if stored is None and limits.max_calls is not None and usage.calls + self._waiting >= limits.max_calls:
            raise self.account.no_calls_left()  # at once, or a program could ask for calls without end
        record = CallRecord(
            self.trace.count,
            parent,
            level,
            args[0],
            site.type_text,
            site.span,
            self.clock(),
            site.within,
            tuple(zip(site.names, args[1:])),
            key if self.memo else None,
            form="program" if level < limits.max_depth else "leaf",
        )
        self.trace.start(record)
        if stored is not None:
            value = from_json(json.loads(stored), site.type)
            self.trace.finish(record, "stored", record.started, value)
            usage.memo_hits += 1
            self._remember(key, value, record)
            return value
        if not self.memo:
            key += record.id.to_bytes(8, "big")
        if level < limits.max_depth:
            account = account.below(level, args[0], site.span)
        entry = CallInFlight(key, site, args, sample, level, record, account)
        self._flying[key] = self._making[record.id] = entry
        if above is not None:
            above.below.append(entry)
        self._waiting += 1
        self._begin(entry)
        return entry

    def _deepen(self, entry: CallInFlight, level: int) -> None:
        """Count a call as deeper, since one above it has come to wait for it, and what it waits for with it.

        So every call is deeper than those that wait for it, and calls that wait for each other, which
        would never end, come to be too deep. Raises BudgetError E502.
        """
        rest = deque([(entry, level)])
        while rest:
            entry, level = rest.popleft()
            if level > entry.level and not entry.answer.done:
                if level > self.account.limits.max_depth:
                    raise self._too_deep(level)
                entry.level = level
                rest.extend((call, level + 1) for call in entry.below)

    def _too_deep(self, level: int) -> BudgetError:
        return BudgetError.of(
            "E502",
            f"a CALL at level {level}; max_depth is {self.account.limits.max_depth}",
            hint="raise max_depth, or answer without CALL",
        )

    def _begin(self, entry: CallInFlight) -> None:
        """Have a call made: in a task of its own if a program answers it, else when its turn comes."""
        if entry.record.form == "program":
            self._spawn(entry, partial(self._made, entry, self._program))
            return
        self._queue.append(entry)
        if self._idle:
            self._idle.pop().set_result(None)
        elif len(self._workers) < self._concurrency:
            self._workers.add(asyncio.ensure_future(self._work()))

    def _spawn(self, entry: CallInFlight, make: Make) -> None:
        entry.task = asyncio.ensure_future(self._settle(entry, make))
        self._tasks.add(entry.task)
        entry.task.add_done_callback(self._tasks.discard)

    def backpressure(self) -> Pending | None:
        """What to wait for before asking for more, if too many calls wait for their turn."""
        if self._room is None and len(self._queue) >= CROWD:
            self._room = Pending()
        return self._room

    def _remember(self, key: bytes, value: Value, record: CallRecord) -> None:
        if self.memo:
            self._known[key] = (value, record)
            if self.journal is not None and len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

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
            if self._room is not None and len(self._queue) <= CROWD // 2:
                room, self._room = self._room, None
                room.resolve(None)
            if entry.given_up:
                continue
            entry.task = asyncio.current_task()
            await self._settle(entry, partial(self._made, entry, self._leaf))
            if entry.task is asyncio.current_task():
                entry.task = None
            done += 1
            if done % 64 == 0:  # a model that answers at once must not keep others from running
                await asyncio.sleep(0)

    async def _made(
        self, entry: CallInFlight, answer: Callable[[CallInFlight], Awaitable[Value]]
    ) -> tuple[Value, str] | None:
        """The call's value as this process makes it, and its status; None if another process is at it."""
        if self.journal is None:
            return await answer(entry), "done"
        claimed = await self.journal.claim(entry.key)
        if isinstance(claimed, str):
            return self._read(entry, claimed)
        if not claimed:
            self._spawn(entry, partial(self._followed, entry, self.journal))
            return None
        value = await answer(entry)
        if self._squeezed and entry.record.form == "program":
            return value, "done"
        record, written = entry.record, canonical(value)
        self.trace.finish(record, "done", self.clock(), value)  # to be kept with the answer, or not at all
        kept = await self.journal.keep(entry.key, written, record.prompt_tokens, record.completion_tokens)
        return (value, "done") if kept == written else self._read(entry, kept)

    async def _followed(self, entry: CallInFlight, journal: Journal) -> tuple[Value, str] | None:
        """The call's value as another process makes it; None if that gave up, and we make it after all."""
        value = await journal.elsewhere(entry.key)
        if value is None:
            self._begin(entry)
            return None
        return self._read(entry, value)

    def _read(self, entry: CallInFlight, value: str) -> tuple[Value, str]:
        self.account.usage.memo_hits += 1
        return from_json(json.loads(value), entry.site.type), "stored"

    async def _settle(self, entry: CallInFlight, make: Make) -> None:
        """Await an answer and tell everyone who waits for it."""
        try:
            made = await make()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            if entry.given_up:
                if task.uncancel() > 0:  # not only this call, but the whole run
                    raise
            elif task.cancelling():
                self._end(entry, "cancelled")
                raise
            else:
                self._fail(entry, ModelError.of("E400", "the model failed: it gave the call up"))
        except RlmError as error:
            self._fail(entry, error)
        except Exception as error:  # a fault of a backend must not hang the run
            self._fail(entry, ModelError.of("E400", f"the model failed: {type(error).__name__}: {error}"))
        else:
            if made is not None:
                value, status = made
                self._remember(entry.key, value, entry.record)
                entry.answer.resolve(value)
                self._end(entry, status, value=value)

    def _fail(self, entry: CallInFlight, error: RlmError) -> None:
        entry.record.error = error
        self._end(entry, "failed", error.at(entry.site.span))

    def _end(self, entry: CallInFlight, status: str, error: RlmError | None = None, value: Value = None) -> None:
        if entry.record.status == "waiting":
            self._waiting -= 1
        if self.journal is not None:
            self.journal.release(entry.key)
        if entry.record.status != status:
            self.trace.finish(entry.record, status, self.clock(), value)
        del self._flying[entry.key], self._making[entry.record.id]
        for callback in entry.on_end:
            callback(entry, error)

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
        async with self._slots:
            return await self._generated(record, request, account, prompt, wanted)

    async def _generated(
        self, record: CallRecord, request: Request, account: Account, prompt: int, wanted: int
    ) -> Reply:
        reserved = await account.reserve(prompt, wanted)
        if reserved.short is not None and request.constraint is not None:
            self._squeezed = True
        if record.status == "waiting":
            self._waiting -= 1
            record.status, record.started = "running", self.clock()
        granted = reserved.completion_tokens
        asked = request if granted == request.max_tokens else evolve(request, max_tokens=granted)
        began, record.attempts = self.clock(), record.attempts + 1
        try:
            reply = await self.model.generate(asked)
        except BaseException as error:
            cost = account.settle(reserved, None, called=not isinstance(error, Unsent))
            record.pay(cost)
            if isinstance(error, RlmError) and self.trace.sinks:
                self.trace.generated(record, asked, self._told(asked), began, self.clock(), cost, None, error)
            raise
        cost = account.settle(reserved, (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens))
        record.pay(cost)
        if self.trace.sinks:
            self.trace.generated(record, asked, self._told(asked), began, self.clock(), cost, reply)
        record.prompt_tokens += reply.prompt_tokens
        record.completion_tokens += reply.completion_tokens
        if reply.finish == "length" and reserved.short is not None:
            raise reserved.short
        if reply.finish == "refusal":
            raise ModelError.of("E404", f"the model refused: {_short(reply.text)}")
        return reply

    def _told(self, request: Request) -> Told:
        """How the model has read a request."""
        return self.model.told(request) if isinstance(self.model, Teller) else Told(request.messages)

    async def _generate(self, entry: CallInFlight, request: Request) -> Reply:
        """A whole answer. Raises ModelError E402 if it was cut off, and what `generate` raises."""
        reply = await self.generate(entry.record, request, entry.account)
        if reply.finish == "length":
            raise ModelError.of(
                "E402",
                f"the answer was cut off after {reply.completion_tokens:,} tokens",
                hint="ask for less at a time, or raise max_answer_tokens",
            )
        return reply

    def _request(self, entry: CallInFlight, program: bool) -> Request:
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
        return evolve(request, constraint=Constraint(program_header(request.arguments, request.type), entry.site.type))

    async def _leaf(self, entry: CallInFlight) -> Value:
        reply = await self._generate(entry, self._request(entry, program=False))
        most = self.account.limits.max_bytes
        if len(reply.text) > most:
            raise BudgetError.of(
                "E507", f"an answer of {len(reply.text):,} characters; the limit is {most:,}", hint="raise max_bytes"
            )
        try:
            value = answer_format.parse_answer(reply.text, entry.site.type)
        except Mismatch as mismatch:
            raise ModelError.of(
                "E401",
                f"the answer is not of type {entry.site.type}: {mismatch}",
                hint=f"the model said: {_short(reply.text)}",
            ) from mismatch
        return value

    async def _program(self, entry: CallInFlight) -> Value:
        """An answer by a program that the model writes: by statements, or in one go, repaired a few times."""
        request = self._request(entry, program=True)
        assert request.constraint is not None
        entry.record.header = request.constraint.program
        if self.writing == "statements":
            return await self._by_statements(entry, request)
        problem: RlmError | None = None
        for _ in range(REPAIRS + 1):
            reply = await self._generate(entry, request)
            entry.record.program = reply.text
            try:
                return await self._run_program(reply.text, request, entry, {})
            except (BudgetError, UsageError):
                raise
            except RlmError as error:
                problem = error
                request = evolve(request, repair=(reply.text, render(error.diagnostics)))
        assert problem is not None
        raise ModelError.of(
            "E405",
            f"the model's program failed {REPAIRS + 1} times, last with {problem.first.code}: {problem.first.message}",
            hint="lower max_depth so that the model answers directly, or give it a smaller task",
            notes=[("in its program", problem.first.span)] if problem.first.span else [],
        ) from problem

    async def _by_statements(self, entry: CallInFlight, request: Request) -> Value:
        async def generate(asked: Request) -> Reply:
            return await self._generate(entry, asked)

        async def run(text: str, type_: Type, known: Mapping[str, Value]) -> Value:
            return await self._run_program(text, evolve(request, type=type_), entry, known)

        session = Session(request, generate, run)
        try:
            return await session.write()
        finally:
            entry.record.program = session.written

    # Ending

    def cancel(self, entry: CallInFlight) -> None:
        """Give up one call, queued or in flight."""
        entry.on_end.clear()
        entry.given_up = True
        kept = entry.record.status == "done"  # and will be, whether it is wanted or not
        self._end(entry, "done" if kept else "cancelled")
        if entry.task is not None:
            entry.task.cancel()

    async def close(self) -> None:
        """End everything that still runs."""
        for entry in list(self._flying.values()):
            self.cancel(entry)
        tasks = [*self._workers, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"
