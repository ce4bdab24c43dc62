"""The calls of a run, each made once: answered from memory, from the same call in flight, from the store, or made.

Calls are CALLs of the model, and applications of functions of the host. A `Caller` serves one run, with all the
programs that its callees write. A call that another process is making is waited for. An answer is only given to the
program when it is in the store.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from rlmlang.calls.answering import Answering
from rlmlang.calls.budget import Account
from rlmlang.calls.host import Host
from rlmlang.calls.in_flight import CallInFlight
from rlmlang.calls.keys import Keys
from rlmlang.calls.streaming import AnswerListener, is_answer_of_run
from rlmlang.calls.workers import Workers
from rlmlang.errors import BudgetError, ModelError, RlmError
from rlmlang.language.source import Source, Span
from rlmlang.language.types import STR, Type
from rlmlang.models.checks import described
from rlmlang.runtime.call_site import CallSite
from rlmlang.runtime.pending import Pending
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.steps import SHARED
from rlmlang.runtime.values import Value, canonical
from rlmlang.storage.journal import Journal
from rlmlang.trace.recorder import CallRecord

REMEMBERED = 50_000
"""Answers that are held in memory where a store has them all."""

LOOKUPS = 512
"""Calls that are looked up at once in a store over a network."""

Make = Callable[[], Awaitable["tuple[Value, str] | None"]]
"""Makes a call's value and status in some way; None if the call is continued by another task."""


class Caller:
    """The calls of one run."""

    def __init__(self, answering: Answering, host: Host, journal: Journal | None = None, memo: bool = True) -> None:
        self.answering = answering
        self.roles = answering.roles
        self.host = host
        self.account = answering.account
        self.trace = answering.trace
        self.clock = answering.clock
        self.journal = journal if memo else None
        self.memo = memo
        self._keys = Keys(self.roles, self.account.limits, answering.writing, answering.guidance, host.given)
        self._workers = Workers(answering.concurrency, self._make_leaf)
        self._functions = Workers(host.concurrency, self._make_function)
        self._lookups = Workers(LOOKUPS, self._make_lookup)
        self._looks_up = self.journal is not None and self.journal.is_remote
        """Whether calls are looked up in the store while others go on, since it cannot answer at once."""
        self._known: OrderedDict[bytes, tuple[Value, CallRecord]] = OrderedDict()
        self._in_flight: dict[bytes, CallInFlight] = {}
        self._by_id: dict[int, CallInFlight] = {}
        """The calls in flight by the numbers of their records."""

    def key_of(self, type_: Type, names: tuple[str | None, ...], args: tuple[Value, ...], sample: int) -> bytes:
        """Return the key of a call of the run's own program."""
        return self._keys.of(CallSite.of(Span(Source(""), 0, 0), type_, names, None), args, sample, 1)

    def backpressure(self) -> Pending | None:
        """Return what to wait for before asking for more calls; None if there is no need to wait."""
        return self._workers.backpressure() or self._functions.backpressure() or self._lookups.backpressure()

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
        """Return the answer if it is known, else the call in flight.

        `args` are plain, the instruction first; `account` pays for the program that asks.
        Raises BudgetError E501, E502, E506, UsageError E606.
        """
        if site.params is not None:
            return self._apply(site, args, level, parent, account)
        limits = self.account.limits
        above = self._by_id.get(parent) if parent is not None and self.roles.is_recursive else None
        if above is not None:
            level = above.level + 1
        if level > limits.max_depth:
            raise self._too_deep(level)
        key = self._keys.of(site, args, sample, level)
        if self.memo:
            if (known := self._known.get(key)) is not None:
                self._count_hit(known[1], parent, site.span, account)
                return known[0]
            if (call := self._in_flight.get(key)) is not None:
                call.askers.append(parent)
                if above is not None:
                    above.below.append(call)
                    self._deepen(call, level)
                self._count_hit(call.record, parent, site.span, account)
                return call
        stored = self._stored(key)
        if stored is None and not self._looks_up:
            account.expect_call()
        form = "program" if level < limits.max_depth else "leaf"
        record = self._record(site, args, level, parent, form, key if self.memo else None, account)
        if stored is not None:
            return self._taken(stored, key, site, record, account)
        if level < limits.max_depth:
            account = account.below(level, args[0], site.span)
        call = self._begun(CallInFlight(key, site, args, sample, level, record, account))
        if above is not None:
            above.below.append(call)
        return call

    def _apply(
        self, site: CallSite, args: tuple[Value, ...], level: int, parent: int | None, account: Account
    ) -> Value | CallInFlight:
        """Return the result of a function of the host if it is known, else the call in flight.

        `args` are plain, the function's name first. Raises BudgetError E506, E511, UsageError E606.
        """
        function = self.host.given.by_name[args[0]]
        key = self._keys.of_function(site, function.version, args)
        stored = None
        if is_shared := self.memo and not function.is_volatile:
            if (known := self._known.get(key)) is not None:
                self._count_hit(known[1], parent, site.span, account)
                return known[0]
            if (call := self._in_flight.get(key)) is not None:
                self._count_hit(call.record, parent, site.span, account)
                return call
            stored = self._stored(key)
        if stored is None and not (is_shared and self._looks_up):
            account.expect_function_call()
        record = self._record(site, args, level, parent, "function", key if is_shared else None, account)
        if function.is_volatile:
            record.is_volatile = True
            self._depends_on(record, parent)
        if stored is not None:
            return self._taken(stored, key, site, record, account)
        return self._begun(CallInFlight(key, site, args, 0, level, record, account))

    def _stored(self, key: bytes) -> str | None:
        return None if self.journal is None or self._looks_up else self.journal.store.get(key)

    def _record(
        self,
        site: CallSite,
        args: tuple[Value, ...],
        level: int,
        parent: int | None,
        form: str,
        key: bytes | None,
        account: Account,
    ) -> CallRecord:
        """Return the record of a new call, added to the trace."""
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
            key,
            model="" if form == "function" else self.roles.of_form(form).model.name,
            form=form,
            row=account.of_row_number,
        )
        self.trace.start(record)
        return record

    def _taken(self, stored: str, key: bytes, site: CallSite, record: CallRecord, account: Account) -> Value:
        """Return the answer to a call that the store has."""
        value = from_json(json.loads(stored), site.type)
        self.trace.finish(record, "stored", record.started, value)
        account.count_hit()
        self._remember(key, value, record)
        self.trace.let_go(record)
        return value

    def _begun(self, call: CallInFlight) -> CallInFlight:
        """Put a call in flight, and have it made."""
        call.askers.append(call.record.parent)
        if call.record.key is None:
            call.key += call.record.id.to_bytes(8, "big")
        self._in_flight[call.key] = self._by_id[call.record.id] = call
        if self._looks_up and call.record.key is not None:
            call.record.status = "sought"
            self._lookups.add(call)
        else:
            self._begin(call)
        return call

    def _depends_on(self, record: CallRecord, parent: int | None) -> None:
        """Record that the answer of the call `parent`, and those that depend on it, depend on a call.

        If that is volatile, they are, and no store keeps them.
        """
        rest = [parent] if record.is_volatile else []
        while rest:
            number = rest.pop()
            call = None if number is None else self._by_id.get(number)
            if call is not None and not call.record.is_volatile:
                call.record.is_volatile = True
                rest += call.askers

    def _count_hit(self, record: CallRecord, parent: int | None, span: Span, account: Account) -> None:
        """Count that a call of this run is asked again. Raises BudgetError E506."""
        self._depends_on(record, parent)
        account.meter.charge(SHARED)
        account.count_hit()
        self.trace.hit(record, parent, span, self.clock(), account.of_row_number)

    def _deepen(self, call: CallInFlight, level: int) -> None:
        """Count a call as deeper, since one above it has come to wait for it, and what it waits for with it.

        So every call is deeper than those that wait for it, and calls that wait for each other, which
        would never end, come to be too deep. Raises BudgetError E502.
        """
        rest = deque([(call, level)])
        while rest:
            call, level = rest.popleft()
            if level > call.level and not call.answer.done:
                if level > self.account.limits.max_depth:
                    raise self._too_deep(level)
                call.level = level
                rest.extend((each, level + 1) for each in call.below)

    def _too_deep(self, level: int) -> BudgetError:
        return BudgetError.of(
            "E502",
            f"a CALL at level {level}; max_depth is {self.account.limits.max_depth}",
            hint="raise max_depth, or answer without CALL",
        )

    def _remember(self, key: bytes, value: Value, record: CallRecord) -> None:
        if record.key is not None:
            self._known[key] = (value, record)
            if self.journal is not None and len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    # Making

    def _begin(self, call: CallInFlight) -> None:
        """Have a call made: in a task of its own if a program answers it, else when its turn comes."""
        if call.record.form == "program":
            self._workers.spawn(call, self._settle(call, partial(self._made, call, self.answering.by_program)))
        elif call.record.form == "function":
            self._functions.add(call)
        else:
            self._workers.add(call)

    def _make_leaf(self, call: CallInFlight) -> Coroutine[Any, Any, None]:
        return self._settle(call, partial(self._made, call, partial(self.answering.directly, heard=self._heard(call))))

    def _heard(self, call: CallInFlight) -> AnswerListener | None:
        """Return who hears the answer to a call while it is written: somebody if it may be the answer to a question."""
        tell, first = self.trace.hear, self.trace.first
        if tell is None or first is None or call.site.type != STR:
            return None
        return AnswerListener(tell, lambda: is_answer_of_run(call, self._by_id, self._by_id.get(first.id)))

    def _make_function(self, call: CallInFlight) -> Coroutine[Any, Any, None]:
        return self._settle(call, partial(self._made, call, self._result))

    def _make_lookup(self, call: CallInFlight) -> Coroutine[Any, Any, None]:
        return self._settle(call, partial(self._looked_up, call))

    async def _looked_up(self, call: CallInFlight) -> tuple[Value, str] | None:
        """Return the call's value if the store has it; None if it is made now. Raises BudgetError E501, E511, E512."""
        assert self.journal is not None
        value = await self.journal.look(call.key)
        if value is not None:
            return self._from_store(call, value)
        if call.record.form == "function":
            call.account.expect_function_call()
        else:
            call.account.expect_call()
        call.record.status = "waiting"
        self._begin(call)
        return None

    async def _result(self, call: CallInFlight) -> Value:
        """Return the result of a function of the host. Raises what `Host.result` raises."""
        call.record.status, call.record.started = "running", self.clock()
        return await self.host.result(call)

    async def _made(
        self, call: CallInFlight, answer: Callable[[CallInFlight], Awaitable[Value]]
    ) -> tuple[Value, str] | None:
        """Return the call's value as this process makes it, and its status; None if another process is making it."""
        if self.journal is None or call.record.key is None:
            return await answer(call), "done"
        claimed = await self.journal.claim(call.key)
        if isinstance(claimed, str):
            return self._from_store(call, claimed)
        if not claimed:
            self._workers.spawn(call, self._settle(call, partial(self._made_elsewhere, call, self.journal)))
            return None
        value = await answer(call)
        if (self.answering.squeezed and call.record.form == "program") or call.record.is_volatile:
            return value, "done"
        record, written = call.record, canonical(value)
        self.trace.finish(record, "done", self.clock(), value)  # stored in one transaction with the answer
        tokens = record.prompt_tokens, record.completion_tokens
        kept = await self.journal.save(call.key, written, *tokens, record.model)  # decision 32
        return (value, "done") if kept == written else self._from_store(call, kept)

    async def _made_elsewhere(self, call: CallInFlight, journal: Journal) -> tuple[Value, str] | None:
        """Return the call's value as another process makes it; None if that gave up, and this one begins after all."""
        value = await journal.wait_for_other(call.key, partial(self._above, call))
        if value is None:
            self._begin(call)
            return None
        return self._from_store(call, value)

    def _above(self, call: CallInFlight) -> set[bytes]:
        """Return the keys of the calls that wait for a call, directly or not."""
        found: set[bytes] = set()
        rest = [*call.askers]
        while rest:
            number = rest.pop()
            asker = None if number is None else self._by_id.get(number)
            if asker is not None and asker.key not in found:
                found.add(asker.key)
                rest += asker.askers
        return found

    def _from_store(self, call: CallInFlight, value: str) -> tuple[Value, str]:
        call.account.count_hit()
        return from_json(json.loads(value), call.site.type), "stored"

    # Ending

    async def _settle(self, call: CallInFlight, make: Make) -> None:
        """Await a call's answer, and resolve it for all who wait for it. A backend's error of any kind ends it."""
        task = asyncio.current_task()
        assert task is not None
        try:
            made = await make()
        except asyncio.CancelledError:
            if call.given_up:
                if task.uncancel() > 0:  # not only this call, but the whole run
                    raise
            elif task.cancelling():
                self._end(call, "cancelled")
                raise
            else:
                self._fail(call, ModelError.of("E400", "the model failed: it gave the call up"))
        except RlmError as error:
            self._fail(call, error)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            if isinstance(error, GeneratorExit) and not _is_running(task):
                raise  # the backend did not raise it: the coroutine is being closed
            self._fail(call, ModelError.of("E400", f"the model failed: {described(error)}"))
        else:
            if made is not None:
                value, status = made
                self._remember(call.key, value, call.record)
                call.answer.resolve(value)
                self._end(call, status, value=value)

    def _fail(self, call: CallInFlight, error: RlmError) -> None:
        call.record.error = error.with_traceback(None)  # whose frames hold the call, and the trace would keep it
        call.record.defaulted = call.may_default and isinstance(error, ModelError)
        self._end(call, "failed", error.at(call.site.span))

    def _end(self, call: CallInFlight, status: str, error: RlmError | None = None, value: Value = None) -> None:
        if call.record.status == "waiting":
            call.account.withdraw(call.record.form)
        if self.journal is not None:
            self.journal.release(call.key)
        if call.record.status != status:
            self.trace.finish(call.record, status, self.clock(), value)
        del self._in_flight[call.key], self._by_id[call.record.id]
        for callback in call.on_end:
            callback(call, error)
        self.trace.let_go(call.record)

    def cancel(self, call: CallInFlight) -> None:
        """Give up one call, queued or in flight."""
        call.on_end.clear()
        call.given_up = True
        stored = call.record.status == "done"  # or about to be, whether anybody waits for it or not
        self._end(call, "done" if stored else "cancelled")
        if call.task is not None:
            call.task.cancel()

    async def close(self) -> None:
        """Cancel every call in flight, and wait until the workers have ended."""
        for call in list(self._in_flight.values()):
            self.cancel(call)
        await self._workers.close()
        await self._functions.close()
        await self._lookups.close()


def _is_running(task: asyncio.Task[Any]) -> bool:
    """Return whether this is the task that the event loop runs now."""
    try:
        return asyncio.current_task() is task
    except RuntimeError:
        return False
