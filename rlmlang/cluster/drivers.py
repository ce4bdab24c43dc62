"""What has Ray Data run rows, in a process that is a part of the cluster: this one, or an actor for a client of Ray."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any, Protocol

from rlmlang.cluster.options import Cluster
from rlmlang.cluster.workers import CHUNKS_AT_ONCE, RowWorker
from rlmlang.data.libraries import library


class DrivesRows(Protocol):
    """Takes chunks of rows, and then gives what they gave. Its methods may wait, and raise what Ray raises."""

    def add(self, numbers: list[int], packed: list[bytes]) -> None:
        """Take a chunk of rows, pickled."""
        ...

    def next(self) -> bytes | None:
        """Return the next result of a chunk, pickled; None after the last."""
        ...

    def end(self) -> None:
        """End what runs, called while another thread may wait for results."""
        ...

    def close(self) -> None:
        """Let go of everything, called by the thread that took the results."""
        ...


class RowsDriver:
    """Runs rows by Ray Data: chunks in its object store, and a pool of actors that takes them."""

    def __init__(self, ray: Any, cluster: Cluster, sent: bytes, keeper: Any, ordered: bool) -> None:
        """Prepare to run a pickled job, with the actor that keeps the budget, if there is one."""
        self._ray, self._cluster, self._sent, self._keeper = ray, cluster, sent, keeper
        self._ordered = ordered
        self._blocks: list[Any] = []
        self._dataset: Any = None
        self._results: Generator[bytes, None, None] | None = None

    def add(self, numbers: list[int], packed: list[bytes]) -> None:
        arrow = library("pyarrow", "rows for a cluster")
        table = arrow.table({"row": numbers, "data": arrow.array(packed, arrow.large_binary())})
        self._blocks.append(self._ray.put(table))

    def next(self) -> bytes | None:
        if self._results is None:
            self._results = self._run()
        return next(self._results, None)

    def end(self) -> None:
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # threads of Ray that are ended report that as a fault
        executor = getattr(self._dataset, "_current_executor", None)
        if executor is not None:
            executor.shutdown(force=True)  # as Ray Data does itself when a dataset is not needed any more

    def close(self) -> None:
        if self._results is not None:
            self._results.close()

    def _run(self) -> Generator[bytes, None, None]:
        """Yield what chunks gave, pickled."""
        if not self._blocks:
            return
        data: Any = self._ray.data
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        context = data.DataContext.get_current().copy()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = self._ordered
        with data.DataContext.current(context):
            self._dataset = data.from_arrow_refs(self._blocks).map_batches(
                RowWorker, batch_size=None, batch_format="pyarrow", compute=self._pool(data),
                fn_constructor_args=(self._sent, self._keeper), num_cpus=self._cluster.cpus,
                num_gpus=self._cluster.gpus or None,
            )  # fmt: skip
            for row in self._dataset.iter_rows():
                yield row["part"]

    def _pool(self, data: Any) -> Any:
        nodes = sum(bool(each["Alive"]) for each in self._ray.nodes())
        least, most = self._cluster.bounds(nodes, self._ray.cluster_resources().get("CPU", 1))
        return data.ActorPoolStrategy(
            min_size=least, max_size=most, max_concurrent_calls_per_actor=CHUNKS_AT_ONCE,
            enable_true_multi_threading=True, max_tasks_in_flight_per_actor=2 * CHUNKS_AT_ONCE,
        )  # fmt: skip


class RemoteDriver(RowsDriver):
    """The same in an actor, which imports Ray itself."""

    def __init__(self, cluster: Cluster, sent: bytes, keeper: Any, ordered: bool) -> None:
        import ray.data

        super().__init__(ray, cluster, sent, keeper, ordered)


class DriverOfClient:
    """A driver in an actor of a cluster, as a client of Ray sees it."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor

    def add(self, numbers: list[int], packed: list[bytes]) -> None:
        self._ray.get(self._actor.add.remote(numbers, packed))

    def next(self) -> bytes | None:
        found: bytes | None = self._ray.get(self._actor.next.remote())
        return found

    def end(self) -> None:
        self._ray.get(self._actor.end.remote())

    def close(self) -> None:
        self._ray.get(self._actor.close.remote())
