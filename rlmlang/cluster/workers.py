"""A worker of a cluster: an actor of Ray that keeps models, store and memo open from one chunk of rows to the next."""

from __future__ import annotations

import asyncio
import pickle
import secrets
import threading
from contextlib import suppress
from typing import Any

from attrs import asdict

from rlmlang.calls.budget import Account, Caps, Usage
from rlmlang.calls.evaluate import ActiveRun
from rlmlang.calls.host_functions import functions_for, host_functions
from rlmlang.cluster.jobs import ChunkResult, RowsJob, unpacked
from rlmlang.cluster.spending import KeptBudget
from rlmlang.cluster.traces import RowEvents
from rlmlang.data.tables import TableRow
from rlmlang.errors import RlmError
from rlmlang.execution import begin
from rlmlang.mapping.rows import RowResult, RowRuns

CHUNKS_AT_ONCE = 4
"""Chunks that a worker runs at the same time, so that calls of the next go on while the last rows of one end."""


PATIENCE = 10.0
"""Seconds in which models and store are closed."""


class RowWorker:
    """Runs chunks of rows, called by Ray from several threads; all of them run on one event loop."""

    def __init__(self, job: bytes, keeper: Any) -> None:
        """Take a pickled job, and the actor that keeps the budget of all workers, if there is one."""
        self._sent, self._keeper = job, keeper
        self._name = secrets.token_hex(8)
        self._serial = 0
        self._opening: asyncio.Task[_Opened] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rlmlang-rows", daemon=True)
        self._thread.start()

    def __call__(self, block: Any) -> Any:
        """Return what the rows of a block gave, as a block of one row; both are tables of pyarrow."""
        rows = unpacked(block["row"].to_pylist(), block["data"].to_pylist())
        part = asyncio.run_coroutine_threadsafe(self._part(rows), self._loop).result()
        return type(block).from_pydict({"part": [pickle.dumps(part, pickle.HIGHEST_PROTOCOL)]})

    def close(self) -> None:
        """Close models and store."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(PATIENCE)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()

    def __del__(self) -> None:
        """Close it, as Ray Data lets go of it when there are no more rows."""
        with suppress(Exception):
            self.close()

    async def _close(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _part(self, rows: list[tuple[int, TableRow]]) -> ChunkResult:
        results: list[RowResult] = []
        failure: RlmError | None = None
        opened: _Opened | None = None
        numbers = [number for number, _ in rows]
        try:
            if self._opening is None:
                self._opening = asyncio.ensure_future(_open(self._sent, self._keeper, self._name))
            opened = await asyncio.shield(self._opening)
            opened.events.begin(numbers)
            runs = opened.runs_of(rows)
            working = asyncio.ensure_future(runs.run(opened.run))
            while batch := await runs.results():
                results += batch
            await working
        except RlmError as error:
            failure = error
        self._serial += 1
        results.sort(key=lambda each: each.number)
        if opened is None:
            return ChunkResult(self._name, self._serial, numbers[0], results, failure, Usage())
        usage, events = Usage(**asdict(opened.run.account.usage, recurse=False)), opened.events
        return ChunkResult(
            self._name, self._serial, numbers[0], results, failure, usage, events.take(numbers), events.header
        )


class _Opened:
    """A job with its models and store open."""

    def __init__(self, job: RowsJob) -> None:
        self._job = job
        self.binder = job.binder()
        self._scorer = job.scorer(self.binder)
        self.events = RowEvents()
        self.run: ActiveRun
        self.holding: asyncio.Task[None]

    def runs_of(self, rows: list[tuple[int, TableRow]]) -> RowRuns:
        """Return the runs of a chunk of rows."""
        job = self._job
        return RowRuns(
            iter(rows), self.binder, job.row_limits, ordered=False, at_once=job.rows_at_once, scorer=self._scorer
        )

    async def hold(self, ready: asyncio.Event, keeper: Any, name: str) -> None:
        """Open models and store, and keep them open until the process ends. Raises UsageError, ModelError."""
        job = self._job
        functions = functions_for(self.binder.checked, host_functions(job.options.functions))
        source = self.binder.checked.module.span.source
        if job.is_traced:
            job.options.trace.sinks.append(self.events.add)
        async with begin(job.options, source.name, source.text, {}, {}, functions, {}) as (run, _):
            roles = run.caller.roles
            Account(job.limits).charge_for(roles)
            run.account.of_row(0, job.row_limits, Caps.of(job.row_limits)).charge_for(roles)
            if keeper is not None:
                run.account.shared = KeptBudget(keeper, name)
            self.run = run
            ready.set()
            await asyncio.Event().wait()


async def _open(sent: bytes, keeper: Any, name: str) -> _Opened:
    """Open a job. Raises UsageError, ModelError, as often as it is asked for."""
    opened, ready = _Opened(pickle.loads(sent)), asyncio.Event()
    opened.holding = asyncio.ensure_future(opened.hold(ready, keeper, name))
    waiting = asyncio.ensure_future(ready.wait())
    await asyncio.wait([opened.holding, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if opened.holding.done():
        opened.holding.result()
    return opened
