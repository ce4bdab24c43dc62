"""Where a map runs besides this process: on a cluster of Ray, and on how many of its workers."""

from __future__ import annotations

import math
import re
from typing import Any, Union

from attrs import evolve, field, frozen

from rlmlang.calls.limits import Limits
from rlmlang.errors import UsageError
from rlmlang.execution import Options
from rlmlang.models.functions import FunctionModel, is_function
from rlmlang.models.open_model import OpenModel
from rlmlang.opening import ModelLike
from rlmlang.storage.store import Store
from rlmlang.trace.recorder import Trace

_ADDRESS = re.compile(r"ray|auto|(ray://)?([^\s/:@]+)(?::([0-9]{1,5}))?")

_CLIENT_PORT = 10_001
"""Where Ray listens for clients, unless it is told otherwise."""

_WORKERS = re.compile(r"([0-9]+)(?:-([0-9]+))?")

SHARED_LIMITS = ("max_calls", "max_prompt_tokens", "max_completion_tokens", "max_cost")
"""The limits of all rows together that all workers spend from, one budget for all."""


@frozen
class Cluster:
    """A cluster of Ray, and the workers on it. Raises UsageError E607 for what none can be."""

    address: str = "ray"
    """`ray` for a cluster on this machine alone, `auto` for the one that it is part of, `HOST:PORT` for another, or
    `ray://HOST:PORT` for one whose machines this is none of."""
    workers: Union[int, tuple[int, int], None] = None
    """How many, or the fewest and the most; None for one on each machine, and up to as many as there are processors; on
    this machine alone, for as many."""
    cpus: float = field(default=1.0, kw_only=True)
    """Processors that Ray holds for each worker."""
    gpus: float = field(default=0.0, kw_only=True)
    """Graphics processors that Ray holds for each worker, as for a model that it loads."""

    def __attrs_post_init__(self) -> None:
        found = _ADDRESS.fullmatch(self.address) if isinstance(self.address, str) else None
        if found is None or (found[2] is not None and found[1] is None and found[3] is None):
            hint = "ray for this machine alone, auto, HOST:PORT or ray://HOST:PORT"
            raise UsageError.of("E607", f"there is no cluster at {self.address!r:.60}", hint=hint)
        bounds = self.workers if isinstance(self.workers, tuple) else (self.workers, self.workers)
        if self.workers is not None and not (
            len(bounds) == 2 and all(type(each) is int and each > 0 for each in bounds) and bounds[0] <= bounds[1]  # type: ignore[operator]
        ):
            message = f"workers are a number from 1, or the fewest and the most, not {self.workers!r:.60}"
            raise UsageError.of("E607", message, hint="such as 4, or 2-16 on the command line")
        for name, each in (("cpus", self.cpus), ("gpus", self.gpus)):
            if type(each) not in (int, float) or not 0 <= each < math.inf:
                raise UsageError.of("E607", f"{name} of a worker are a number from 0, not {each!r:.60}")

    @property
    def host(self) -> tuple[str, int] | None:
        """The host and port of a cluster that is reached by them."""
        found = _ADDRESS.fullmatch(self.address)
        return (found[2], int(found[3] or _CLIENT_PORT)) if found is not None and found[2] is not None else None

    def bounds(self, nodes: int, processors: float) -> tuple[int, int]:
        """Return the fewest and the most workers on a cluster of so many machines and processors."""
        if isinstance(self.workers, int):
            return self.workers, self.workers
        if self.workers is not None:
            return self.workers
        if self.address == "ray":
            nodes = int(processors // (self.cpus or 1))
        return max(nodes, 1), max(nodes, int(processors // (self.cpus or 1)), 1)


def cluster_of(on: Union[str, Cluster, None]) -> Cluster | None:
    """Return the cluster that is meant. Raises UsageError E607."""
    return Cluster(on) if isinstance(on, str) else on if on is None or isinstance(on, Cluster) else _no_cluster(on)


def _no_cluster(on: object) -> Cluster:
    raise UsageError.of("E607", f"on is 'ray', the address of a cluster, or a Cluster, not {on!r:.60}")


def workers_of(text: str) -> int | tuple[int, int]:
    """Return the workers that a text such as `4` or `2-16` means. Raises ValueError."""
    if not (found := _WORKERS.fullmatch(text)):
        raise ValueError(f"{text}: expected a number of workers such as 4, or the fewest and the most, such as 2-16")
    least, most = int(found[1]), int(found[2] or found[1])
    return least if least == most else (least, most)


def sent_options(options: Options) -> Options:
    """Return the options that workers run rows with.

    The limits of all rows together are left out: they are held in one place for all workers. Raises UsageError E607
    for what cannot be used on other machines.
    """
    if options.store is not None and (isinstance(options.store, Store) or not _is_database(str(options.store))):
        name = options.store.name if isinstance(options.store, Store) else f"the store {options.store}"
        problem = "is open in this process" if isinstance(options.store, Store) else "is a file of this machine"
        raise UsageError.of(
            "E607",
            f"{name} {problem}, which the workers of a cluster cannot share",
            hint="give postgresql://HOST/NAME as the store, or run without one: --no-store, store=None",
        )
    if options.limits.max_function_calls is not None:
        hint = "limit those of each row: row_limits={'max_function_calls': …}"
        message = "calls of functions of all rows together cannot be limited on a cluster: each worker makes its own"
        raise UsageError.of("E607", message, hint=hint)
    return evolve(
        options,
        model=_sent(options.model),
        models=None if options.models is None else {name: _sent(each) for name, each in options.models.items()},
        limits=worker_limits(options.limits),
        trace=Trace(options.trace.run_id, keep=False),
    )


def worker_limits(limits: Limits) -> Limits:
    """Return the limits of all rows without those that are held elsewhere."""
    unlimited: dict[str, Any] = dict.fromkeys((*SHARED_LIMITS, "max_seconds"))
    return evolve(limits, **unlimited)


def _is_database(place: str) -> bool:
    return place.startswith(("postgresql://", "postgres://"))


def _sent(model: ModelLike | None) -> ModelLike | None:
    """Return a model that workers can open. A function gets its identity here, so that it is one model for all."""
    if isinstance(model, OpenModel):
        message = f"the model {model.name} is open in this process, and cannot be used on other machines"
        raise UsageError.of("E607", message, hint="give its name, or the model before it is opened")
    return FunctionModel(model) if is_function(model) else model
