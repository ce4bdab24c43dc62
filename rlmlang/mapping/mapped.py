"""A program mapped over rows: the results of `Program.map`, for `async for` and `for`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager, nullcontext
from itertools import chain, islice
from typing import Any, TypeVar, Union

from attrs import evolve, fields_dict

from rlmlang.calls.budget import Caps, Usage
from rlmlang.calls.host_functions import functions_for, host_functions
from rlmlang.calls.limits import Limits
from rlmlang.cluster.jobs import RowsJob
from rlmlang.cluster.options import Cluster, sent_options
from rlmlang.data import Table
from rlmlang.data import rows as rows_at
from rlmlang.data.places import STANDARD_INPUT
from rlmlang.data.tables import TableRow
from rlmlang.errors import InputMismatch, RlmError, UsageError
from rlmlang.execution import LimitsLike, Options, begin, default_limits, limits_with
from rlmlang.language.check.checked import Checked
from rlmlang.language.depth import deep_recursion
from rlmlang.language.types import Type
from rlmlang.mapping.binding import RowBinder
from rlmlang.mapping.planning import RowsCost, cost_of_rows
from rlmlang.mapping.read_ahead import ReadAhead
from rlmlang.mapping.rows import RowResult, RowRuns
from rlmlang.mapping.scoring import ReadyScorer, Scorer
from rlmlang.models.open_model import OpenModel, refuse_in_event_loop
from rlmlang.opening import ModelLike, leaf_of, opened_to_count
from rlmlang.runtime.python_values import data_of
from rlmlang.runtime.values import Mismatch

T = TypeVar("T")

RowsLike = Union[Iterable[object], str]
"""Rows: mappings, objects with fields, or a table of a library; or the place of a file of rows."""

NumberedRow = tuple[int, TableRow]

LOOKED_AT = 10
"""So many rows are bound before anything runs; if none of them fits, nothing does."""

OF_ROWS = (
    "max_calls", "max_prompt_tokens", "max_completion_tokens", "max_cost", "max_seconds", "max_steps", "max_bytes",
    "max_function_calls",
)  # fmt: skip
"""The limits that a row can have of its own."""


class Mapped:
    """The results of a program on rows, each as soon as it is there, or in order.

    They come once, by `async for`, or outside of event loops by `for`.
    """

    def __init__(
        self,
        checked: Checked,
        rows: RowsLike,
        given: Mapping[str, object],
        options: Options,
        row_limits: Mapping[str, Any] | None = None,
        *,
        ordered: bool = True,
        max_errors: int | None = None,
        rows_at_once: int | None = None,
        scorer: Scorer | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        """Prepare to run a program, in this process or on a cluster.

        Raises ProgramError, and UsageError E601–E604 where the columns do not fit the inputs, E607.
        """
        self._options, self._cluster = options, cluster
        sent = None if cluster is None else sent_options(options)
        self._limits = limits_of_rows(options.limits, row_limits)
        self._ordered, self._max_errors, self._rows_at_once = ordered, max_errors, rows_at_once
        self.is_done: Callable[[int, TableRow], bool] = lambda number, row: False
        """Whether a row is left out, since it is done already."""
        table = table_of(rows)
        self._are_read = isinstance(rows, str | Table) and table.name != STANDARD_INPUT
        fixed = table.columns  # reading gives it those of the first row
        self._rows = _numbered(table)
        first = list(islice(self._rows, LOOKED_AT))
        self._rows = chain(first, self._rows)
        self._is_taken = False
        self.first: TableRow = first[0][1] if first else {}
        """The first row; empty if there is none."""
        self.columns = columns = fixed or tuple(dict.fromkeys(name for _, row in first for name in row))
        """The columns of the table, or of the first rows where rows may differ; none of a table without rows."""
        self._binder = RowBinder(checked, given, columns, table.only_text, fixed is None) if columns or first else None
        self._scorer: ReadyScorer | None = None
        if self._binder is not None:
            _refuse_unfit(self._binder.bind, first)
            if scorer is not None:
                self._scorer = scorer.ready(table, columns, self._binder.checked.type, self._limits)
                _refuse_unfit(self._scorer.check, first)
        self._job: RowsJob | None = None
        """What workers of a cluster are sent, if there is one."""
        if sent is not None and self._binder is not None:
            self._job = RowsJob.of(
                checked, given, table, columns, fixed is None, (sent, options.limits), self._limits, rows_at_once,
                scorer,
            )  # fmt: skip

    @property
    def type(self) -> Type | None:
        """The type of the values; None for a program without one of its own."""
        return None if self._binder is None else self._binder.checked.type

    @property
    def usage(self) -> Usage:
        """What all rows have taken so far."""
        return self._options.trace.usage

    def _begin(self, rows: Iterator[NumberedRow] | ReadAhead[NumberedRow]) -> tuple[RowRuns, Coroutine[Any, Any, None]]:
        """Return the runs of the rows, and the work that makes them."""
        assert self._binder is not None
        binder = self._binder
        runs = RowRuns(
            rows, binder, self._limits,
            ordered=self._ordered, max_errors=self._max_errors, at_once=self._rows_at_once,
            scorer=self._scorer,
        )  # fmt: skip
        source = binder.checked.module.span.source
        functions = functions_for(binder.checked, host_functions(self._options.functions))

        async def work() -> None:
            async with begin(self._options, source.name, source.text, {}, {}, functions, {}) as (run, _):
                run.account.of_row(0, self._limits, Caps.of(self._limits)).charge_for(run.caller.roles)
                await runs.run(run)

        return runs, work()

    def _left(self) -> Iterator[tuple[int, TableRow]]:
        """Yield the rows that are not done, with their numbers."""
        return (each for each in self._rows if not self.is_done(*each))

    def cost(self, sample: int | None = None) -> RowsCost:
        """Return what the rows take at least and at most, without calling a model.

        Of more rows than a `sample` has, it is about what they take, from a sample. Raises UsageError.
        """
        self._take()
        if self._binder is None:
            return RowsCost()
        options, binder = self._options, self._binder
        rows = (row for _, row in self._rows)
        model, leaf = options.model, leaf_of(options.models)
        if leaf is not None and options.limits.max_depth <= 1:
            model, leaf = leaf, None  # nothing else is asked
        with nullcontext() if model is None else opened_to_count(model, leaf, options.prices) as roles, deep_recursion:
            return cost_of_rows(binder, rows, self._limits, roles, options.guidance, sample)

    def _take(self) -> None:
        """Raise UsageError E607 if the rows have been taken already."""
        if self._is_taken:
            raise UsageError.of("E607", "the results have been taken already", hint="call map(…) again")
        self._is_taken = True

    async def batches(self) -> AsyncIterator[list[RowResult]]:
        """Yield results, as many at once as there are. Raises what ends all rows, after the results before it."""
        self._take()
        if self._binder is None:
            return
        if self._cluster is not None and self._job is not None:
            from rlmlang.cluster.engine import results_on

            job = evolve(self._job, is_traced=bool(self._options.trace.sinks))
            shared = results_on(self._cluster, job, self._left(), self._options.trace, self._ordered, self._max_errors)
            async with aclosing(shared):
                async for batch in shared:
                    yield batch
            return
        reading = ReadAhead(self._left()) if self._are_read else None
        runs, work = self._begin(reading or self._left())
        running = asyncio.ensure_future(work)
        running.add_done_callback(lambda _: runs.end())
        try:
            while batch := await runs.results():
                yield batch
            await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            if reading is not None:
                reading.close()

    async def __aiter__(self) -> AsyncIterator[RowResult]:
        batches = self.batches()
        try:
            async for batch in batches:
                for each in batch:
                    yield each
        finally:
            await batches.aclose()  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[RowResult]:
        refuse_in_event_loop("for … in program.map(…)", "async for … in program.map(…)")
        with _loop_for(self._options) as run:
            batches = self.batches()

            async def following() -> list[RowResult]:
                return await anext(batches, [])

            try:
                while batch := run(following()):
                    yield from batch
            finally:
                run(batches.aclose())  # type: ignore[attr-defined]


def limits_of_all(changes: LimitsLike | None, model: ModelLike | None) -> Limits:
    """Return the limits of all rows together: without one of calls, unless it is given. Raises UsageError E607."""
    if isinstance(changes, Limits):
        return changes
    return limits_with(changes, evolve(default_limits(model), max_calls=None, max_function_calls=None))


def limits_of_rows(of_all: Limits, changes: Mapping[str, Any] | None) -> Limits:
    """Return the limits of one row: those of a usual run, with changes. Raises UsageError E607."""
    if not isinstance(changes, Mapping | None):
        raise UsageError.of("E607", f"row_limits is a mapping of limits by name, or None, not {changes!r:.60}")
    for name in changes or ():
        if name in fields_dict(Limits) and name not in OF_ROWS:
            hint = f"those of rows are {', '.join(OF_ROWS)}"
            raise UsageError.of("E607", f"`{name}` is no limit of single rows: give it in limits", hint=hint)
    usual = Limits()
    defaults = evolve(
        of_all,
        max_calls=usual.max_calls, max_function_calls=usual.max_function_calls,
        max_prompt_tokens=None, max_completion_tokens=None, max_cost=None, max_seconds=None,
    )  # fmt: skip
    return limits_with(changes or {}, defaults)


def table_of(rows: RowsLike) -> Table:
    """Return rows as a table. Raises UsageError E603, E604, E607."""
    if isinstance(rows, Table):
        return rows
    if isinstance(rows, str):
        return rows_at(rows)
    if hasattr(rows, "columns"):  # a table of a library
        try:
            rows = data_of(rows, "rows")
        except Mismatch as error:
            raise InputMismatch.of("E603", str(error), hint=error.hint) from error
    if isinstance(rows, Mapping) or not isinstance(rows, Iterable):
        hint = "give a list of dicts, a table, or the path of a file"
        raise UsageError.of("E607", f"rows are several rows, not {rows!r:.60}", hint=hint)
    given = rows
    return Table("rows", lambda: map(_row, given))


def _row(given: object) -> dict[str, Any]:
    """Return a row as a dict. Raises UsageError E603."""
    if isinstance(given, dict):
        return given
    try:
        data = data_of(given, "the row")
    except Mismatch as error:
        raise InputMismatch.of("E603", str(error), hint=error.hint) from error
    if not isinstance(data, dict):
        hint = 'give dicts, such as {"text": …}, or objects with fields'
        raise InputMismatch.of("E603", f"a row is {given!r:.60}, which has no columns", hint=hint)
    return data


def _numbered(rows: Table) -> Iterator[tuple[int, TableRow]]:
    return enumerate(rows, 1)


def _refuse_unfit(test: Callable[[TableRow], object], first: Iterable[tuple[int, TableRow]]) -> None:
    """Raise the first error if none of the first rows passes a test. Raises ProgramError, UsageError E601, E603."""
    failure = None
    for _, row in first:
        try:
            test(row)
        except RlmError as error:
            failure = failure or error
        else:
            return
    if failure is not None:
        raise failure


@contextmanager
def _loop_for(options: Options) -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    """What runs coroutines one after the other on one event loop, which is that of the open models in the options."""
    given = [options.model, *(options.models or {}).values()]
    opened = [model for model in given if isinstance(model, OpenModel)]
    if opened:
        yield lambda work: opened[0].run(work, *opened[1:])
        return
    with asyncio.Runner() as runner:
        yield runner.run
