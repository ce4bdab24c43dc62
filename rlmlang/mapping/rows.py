"""The runs of a program on the rows of a data set: on one caller, one memo and one budget.

A window of rows is in work at once, so that memory does not grow with their number. Each row has an account of its own
below that of all rows, and fails on its own; only what would fail every row after it ends the rest. A row may wait for
a call that an equal one of another row makes. If that ends by a limit of the other row, this one is run again: what
was answered is known, so that only this call is made, under its own limits. (Decision 128.)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Iterator
from time import perf_counter
from typing import Any

from attrs import field, frozen

from rlmlang.calls.budget import Account, Caps, Usage
from rlmlang.calls.evaluate import ActiveRun
from rlmlang.calls.limits import Limits
from rlmlang.data.tables import TableRow
from rlmlang.errors import (
    BudgetError,
    DepthExhausted,
    InputMismatch,
    MissingInput,
    ModelNotLoaded,
    RlmError,
    RowExhausted,
    RunError,
    ServerUnavailable,
    ShareExhausted,
    StepsExhausted,
    UnknownInput,
    UsageError,
    ValueTooLarge,
)
from rlmlang.mapping.binding import RowBinder
from rlmlang.mapping.read_ahead import ReadAhead
from rlmlang.mapping.scoring import ReadyScorer
from rlmlang.render import counted
from rlmlang.runtime.values import Value
from rlmlang.trace.events import PrintEvent

OF_A_ROW = (DepthExhausted, RowExhausted, ShareExhausted, StepsExhausted, ValueTooLarge)
"""Budgets that end a row; every other one is that of all rows."""


@frozen(eq=False)
class RowResult:
    """What a row gave: a value, or the error that ended it."""

    number: int
    """Its place among the rows, from 1."""
    row: TableRow = field(repr=False)
    """Its columns."""
    value: Value
    error: RlmError | None
    usage: Usage = field(repr=False)
    """What it took. A call that equal rows share counts for the row that made it."""
    printed: str = field(default="", repr=False)
    """What the program printed."""
    score: float | None = None
    """How right the value is, from 0 to 1, where something is expected."""

    def to(self, kind: Any) -> Any:
        """Return the value as an object of a Python type. Raises the error of the row, or UsageError E607, E611."""
        if self.error is not None:
            raise self.error
        from rlmlang.structuring import structured  # imported here, since few programs need cattrs

        return structured(self.value, kind)


class RowRuns:
    """The rows of a data set in work, and the results that are ready."""

    def __init__(
        self,
        rows: Iterator[tuple[int, TableRow]] | ReadAhead[tuple[int, TableRow]],
        binder: RowBinder,
        limits: Limits,
        *,
        ordered: bool = True,
        max_errors: int | None = None,
        at_once: int | None = None,
        scorer: ReadyScorer | None = None,
    ) -> None:
        """Prepare to run numbered rows. `limits` are those of a row; more than `max_errors` failed rows end the rest.

        Rows `at_once` are in work, by default twice as many as the model answers at once; four times as many are held
        back for the order, or until they are taken.
        """
        self._rows = rows
        self._binder = binder
        self._limits, self._caps = limits, Caps.of(limits)
        self._ordered = ordered
        self._max_errors = max_errors
        self._at_once = at_once
        self._scorer = scorer
        self._ready: deque[RowResult] = deque()
        self._early: dict[int, RowResult] = {}
        """Results that wait for those before them."""
        self._begun = self._next = self.failed = 0
        self._news = asyncio.Event()
        self._has_ended = False
        self._failure: RlmError | None = None
        """What ends all rows; those that are in work may still end by themselves."""

    def end(self) -> None:
        """Record that no more results will come."""
        self._has_ended = True
        self._news.set()

    async def results(self) -> list[RowResult]:
        """Wait for results, and return those that are ready; none when all have been returned."""
        while not self._ready and not self._has_ended:
            self._news.clear()
            await self._news.wait()
        found = [*self._ready]
        self._ready.clear()
        for _ in found:
            self._room.release()
        return found

    async def run(self, run: ActiveRun) -> None:
        """Run all rows. Raises BudgetError of all rows, UsageError, ModelError E407 or E409, RunError E316."""
        at_once = self._at_once or max(16, 2 * run.caller.answering.concurrency)
        self._room = asyncio.Semaphore(4 * at_once)
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(at_once):
                    tasks.create_task(self._work(run))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._ready += [result for _, result in sorted(self._early.items())]  # behind one that did not end
            self._early.clear()
            self.end()
        if self._failure is not None:
            raise self._failure

    async def _work(self, run: ActiveRun) -> None:
        """Run one row after another, until there are no more or something ends them all."""
        try:
            while True:
                await self._room.acquire()
                begun = None if self._failure is not None else await self._begin()
                if begun is None:
                    break
                place = self._begun
                self._begun += 1
                self._add(place, await self._result(run, *begun))
        except RlmError as error:
            self._failure = self._failure or error
        self._room.release()  # for others, who may wait in vain now

    async def _begin(self) -> tuple[int, TableRow] | None:
        """Return the next row. Nothing else runs between that and its return, so that rows are begun in order."""
        return await self._rows.next() if isinstance(self._rows, ReadAhead) else next(self._rows, None)

    def _add(self, place: int, result: RowResult) -> None:
        """Make a result ready, and those that have waited for it. Raises RunError E316."""
        if self._ordered:
            self._early[place] = result
            while self._next in self._early:
                self._ready.append(self._early.pop(self._next))
                self._next += 1
        else:
            self._ready.append(result)
        self._news.set()
        if result.error is not None:
            self.failed += 1
            if self._max_errors is not None and self.failed > self._max_errors:
                raise too_many_errors(self.failed, self._max_errors, result)

    async def _result(self, run: ActiveRun, number: int, row: TableRow) -> RowResult:
        """Return what a row gives. Raises what ends all rows."""
        while True:
            account = run.account.of_row(number, self._limits, self._caps)
            began = perf_counter()
            evaluation = run.evaluation(account, 0, None)
            value, failure = None, None
            try:
                bound = self._binder.bind(row)
                value = await self._in_time(account, bound.program.evaluate(evaluation, bound.values))
            except RlmError as error:
                if _ends_all(error):
                    raise
                if isinstance(error, BudgetError) and not account.has_refused(error):
                    continue
                failure = error.with_traceback(None)
            printed = "".join(evaluation.printed)
            if printed:
                run.trace.emit(PrintEvent(call=None, text=printed, row=number))
            usage, meter = account.usage, account.meter
            usage.seconds, usage.steps, usage.bytes = perf_counter() - began, meter.steps, meter.largest
            run.account.meter.owe(meter.steps)
            score = None if self._scorer is None else await self._score(self._scorer, run, number, row, value, failure)
            return RowResult(number, row, value, failure, usage, printed, score)

    async def _score(
        self, scorer: ReadyScorer, run: ActiveRun, number: int, row: TableRow, value: Value, failure: RlmError | None
    ) -> float | None:
        """Return the score of a row, 0 for one that failed; None if it has none. Raises what ends all rows."""
        if not scorer.expects(row):
            return None
        if failure is not None:
            return 0.0
        try:
            return await scorer.score(run, number, row, value)
        except RlmError as error:
            if _ends_all(error):
                raise
            return None

    async def _in_time(self, account: Account, work: Awaitable[Value]) -> Value:
        """Return the value of a row. Raises BudgetError E512 if it takes too long, and what its program raises."""
        limit = self._limits.max_seconds
        if limit is None:
            return await work
        try:
            async with asyncio.timeout(limit):
                return await work
        except TimeoutError:
            raise account.over("max_seconds", f"it took more than {limit:g} seconds") from None


def _ends_all(error: RlmError) -> bool:
    """Return whether an error would end all rows that come after."""
    if isinstance(error, UsageError):
        return not isinstance(error, (InputMismatch, MissingInput, UnknownInput))
    if isinstance(error, BudgetError):
        return not isinstance(error, OF_A_ROW)
    return isinstance(error, (ModelNotLoaded, ServerUnavailable))


def too_many_errors(failed: int, most: int, last: RowResult) -> RunError:
    """Return the error E316 of rows of which more than `most` failed."""
    assert last.error is not None
    first = last.error.first
    return RunError.of(
        "E316",
        f"{counted(failed, 'row')} failed, and max_errors is {most:,}; "
        f"the last is row {last.number:,}: {first.code} {first.message}",
        hint="raise max_errors, or correct what fails",
    )
