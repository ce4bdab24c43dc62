"""Run rows on a cluster of Ray: Ray Data hands chunks of rows to a pool of actors, and gives back what they gave.

Placement, the size of the pool, and what happens when a worker or a machine dies are Ray's. (Decision 135.)
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import socket
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from attrs import fields_dict

from rlmlang.calls.budget import Account, Usage
from rlmlang.cluster.drivers import DriverOfClient, DrivesRows, RemoteDriver, RowsDriver
from rlmlang.cluster.jobs import ChunkResult, RowsJob, chunks
from rlmlang.cluster.options import SHARED_LIMITS, Cluster
from rlmlang.cluster.spending import BudgetKeeper
from rlmlang.cluster.traces import MergedTrace
from rlmlang.data.tables import TableRow
from rlmlang.errors import BudgetError, ClusterUnusable, RlmError, UsageError
from rlmlang.mapping.rows import RowResult, too_many_errors
from rlmlang.trace.recorder import Trace

AHEAD = 16
"""Results of chunks that wait to be taken before no more are asked for."""

PATIENCE = 10.0
"""Seconds in which Ray ends what it runs."""

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ENABLE_AUTO_CONNECT": "0",  # else a thread of Ray that has not seen its end begins a cluster of its own
}
"""How Ray is set unless the environment says otherwise."""


async def results_on(
    cluster: Cluster,
    job: RowsJob,
    rows: Iterator[tuple[int, TableRow]],
    trace: Trace,
    ordered: bool,
    max_errors: int | None,
) -> AsyncGenerator[list[RowResult], None]:
    """Yield the results of rows, those of a chunk at a time, in order or as chunks end.

    Raises what ends all rows, after the results before it; UsageError E614 if the cluster cannot be used.
    """
    account = trace.account = Account(job.limits)
    spent, loop = WorkersUsage(account.usage), asyncio.get_running_loop()
    begin, failed = loop.time(), 0
    status = "interrupted"
    failure: RlmError | None = None
    with _connected(cluster) as ray, tempfile.TemporaryFile() as file:
        merged = MergedTrace(trace, job.limits, file)
        keeper = _keeper(ray, job)
        driver = _driver(ray, cluster, _pickled(ray.cloudpickle, job), keeper, ordered)
        found = _ResultsFromRay(driver, rows, job.limits.max_seconds, begin)
        try:
            while (chunk := await found.next()) is not None:
                spent.add(chunk)
                merged.add(chunk)
                account.usage.seconds = loop.time() - begin
                if chunk.results:
                    yield chunk.results
                if chunk.failure is not None:
                    raise chunk.failure
                for each in chunk.results:
                    failed += each.error is not None
                    if max_errors is not None and each.error is not None and failed > max_errors:
                        raise too_many_errors(failed, max_errors, each)
            status = "done"
        except RlmError as error:
            status, failure = "failed", error
            raise
        finally:
            await asyncio.to_thread(found.end)
            account.usage.seconds = loop.time() - begin
            if keeper is not None:
                with suppress(Exception):
                    spent.correct(await asyncio.wait_for(keeper.usage.remote(), PATIENCE))
            merged.finish(status, failure)
        trace.check()


class WorkersUsage:
    """What all workers have spent, by what each has said last."""

    def __init__(self, usage: Usage) -> None:
        """Keep the sum in `usage`."""
        self._usage = usage
        self._last: dict[str, tuple[int, Usage]] = {}

    def add(self, chunk: ChunkResult) -> None:
        """Record what a worker had spent by the end of a chunk."""
        serial, _ = self._last.get(chunk.worker, (0, None))
        if serial < chunk.serial:
            self._last[chunk.worker] = chunk.serial, chunk.usage
            self._sum([usage for _, usage in self._last.values()])

    def _sum(self, found: list[Usage]) -> None:
        usage = self._usage
        for name in fields_dict(Usage):
            if name not in ("cost", "bytes", "seconds"):
                setattr(usage, name, sum(getattr(each, name) for each in found))
        usage.bytes = max(each.bytes for each in found)
        costs = [each.cost for each in found if each.cost is not None]
        usage.cost = sum(costs[1:], costs[0]) if len(costs) == len(found) else None

    def correct(self, kept: Usage) -> None:
        """Take over what the budget of all workers says, which knows of workers that died too."""
        usage = self._usage
        usage.calls, usage.cached_tokens = kept.calls, kept.cached_tokens
        usage.prompt_tokens, usage.completion_tokens = kept.prompt_tokens, kept.completion_tokens
        usage.cost = kept.cost if usage.cost is not None else None


class _ResultsFromRay:
    """Results that a thread takes from Ray, whose iterators wait where an event loop would be blocked."""

    def __init__(
        self, driver: DrivesRows, rows: Iterator[tuple[int, TableRow]], limit: float | None, begin: float
    ) -> None:
        """Begin to run rows, which may take so many seconds from a time of the loop."""
        self._driver, self._rows = driver, rows
        self._limit, self._until = limit, None if limit is None else begin + limit
        self._loop = asyncio.get_running_loop()
        self._found: asyncio.Queue[ChunkResult | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(AHEAD)
        self._has_ended = False
        self._thread = threading.Thread(target=self._follow, name="rlmlang-results", daemon=True)
        self._thread.start()

    async def next(self) -> ChunkResult | None:
        """Return the next result of a chunk, None after the last.

        Raises BudgetError E505 when their time is over, UsageError E614, and what is raised while rows are read.
        """
        try:
            async with asyncio.timeout_at(self._until):
                found = await self._found.get()
        except TimeoutError:
            message = f"the rows took more than {self._limit:g} seconds"
            raise BudgetError.of("E505", message, hint="raise max_seconds") from None
        self._room.release()
        if isinstance(found, BaseException):
            raise _explained(found)
        return found

    def end(self) -> None:
        """Have Ray end what it runs, and wait for that."""
        self._has_ended = True
        self._room.release()
        if self._thread.is_alive():
            self._driver.end()
        self._thread.join(PATIENCE)

    def _follow(self) -> None:
        last: BaseException | None = None
        try:
            for chunk in chunks(self._rows):
                self._driver.add(*chunk)
                if self._has_ended:
                    return
            while (part := self._driver.next()) is not None:
                self._room.acquire()
                if self._has_ended:
                    return
                self._put(pickle.loads(part))
        except BaseException as error:
            last = error
        finally:
            with suppress(Exception):
                self._driver.close()
            self._put(last)

    def _put(self, found: ChunkResult | BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._found.put_nowait, found)


def _pickled(cloudpickle: Any, job: RowsJob) -> bytes:
    """Return a job as workers are sent it. Raises UsageError E607 for a model or function that cannot be sent."""
    for name, module in list(sys.modules.items()):
        if name.startswith("rlmlang_file_"):  # made of a file that the user named, which workers do not have
            cloudpickle.register_pickle_by_value(module)
    try:
        sent: bytes = cloudpickle.dumps(job)
    except Exception as error:
        message = f"the model or a function cannot be sent to other machines: {error}".partition("\n")[0]
        raise UsageError.of("E607", message, hint="give a model by its name, or as a function") from error
    return sent


def _keeper(ray: Any, job: RowsJob) -> Any:
    """Return the actor that keeps the budget of all workers, None if nothing limits them together."""
    if all(getattr(job.limits, name) is None for name in SHARED_LIMITS):
        return None
    kept = ray.remote(BudgetKeeper)
    return kept.options(num_cpus=0, max_concurrency=10_000).remote(job.limits)


def _driver(ray: Any, cluster: Cluster, sent: bytes, keeper: Any, ordered: bool) -> DrivesRows:
    """Return what has Ray Data run rows: in this process, or for a client of Ray, which cannot, in an actor."""
    if not ray.util.client.ray.is_connected():
        return RowsDriver(ray, cluster, sent, keeper, ordered)
    actor = ray.remote(RemoteDriver).options(num_cpus=0, max_concurrency=2)
    return DriverOfClient(ray, actor.remote(cluster, sent, keeper, ordered))


@contextmanager
def _connected(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected to a cluster, unless this process is connected to one already. Raises UsageError E614."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray.cloudpickle
        import ray.data
    except ImportError as error:
        raise ClusterUnusable.of(
            "E614", f"to run on a cluster, Ray is needed: {error}", hint="pip install 'rlmlang[ray]'"
        ) from error
    if ray.is_initialized():
        yield ray
        return
    is_local = cluster.address == "ray"
    try:
        if cluster.host is not None:
            socket.create_connection(cluster.host, PATIENCE).close()  # Ray itself tries for minutes
        ray.init(
            "local" if is_local else cluster.address,
            include_dashboard=False if is_local else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # of many kinds, by what is wrong
        said = " ".join(f"{error}".split())[:200] or type(error).__name__
        raise ClusterUnusable.of(
            "E614", f"the cluster {cluster.address} cannot be reached: {said}", hint="`ray status` shows what there is"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _explained(error: BaseException) -> BaseException:
    """Return what Ray raises as UsageError E614, and everything else as it is."""
    if isinstance(error, RlmError) or not type(error).__module__.startswith("ray."):
        return error
    said = f"{error}".strip().rpartition("\n")[2][:200] or type(error).__name__
    return ClusterUnusable.of(
        "E614", f"the cluster cannot go on: {said}", hint="begin again with --resume"
    ).with_traceback(error.__traceback__)
