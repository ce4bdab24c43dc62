"""What is served: a model, a store, programs, limits; and the runs that are made for clients."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from time import time
from typing import Any

from aiohttp import web
from attrs import asdict, define, evolve, field, frozen

from rlmlang.api import Program, Result, open_model
from rlmlang.calls.budget import Account
from rlmlang.calls.host_functions import FunctionsLike
from rlmlang.calls.limits import LimitRange, Limits
from rlmlang.calls.prices import Prices
from rlmlang.calls.roles import LEAF, Roles
from rlmlang.calls.writing import Writing
from rlmlang.errors import BudgetError, RequestError
from rlmlang.execution import Options
from rlmlang.opening import ModelLike, ModelsLike, asked_in_loop, leaf_of, model_of
from rlmlang.serving.bodies import BodyLimits
from rlmlang.serving.clients import Clients, KeyHolder, midnight
from rlmlang.storage.run_records import usage_since
from rlmlang.storage.sessions import forget_sessions_of_clients
from rlmlang.storage.store import Store
from rlmlang.trace.progress import Progress
from rlmlang.trace.recorder import Trace

SERVICE: web.AppKey[Service] = web.AppKey("service")
"""Where an application has its service."""

CLIENT: web.RequestKey[KeyHolder] = web.RequestKey("client", KeyHolder)
"""Where a request has whose it is."""

KEPT_SESSIONS = 30 * 86_400
"""Seconds for which it is kept what responses, conversations and chats have bound, as OpenAI does."""

KEPT_RUNS, KEPT_EVENTS = 50, 64_000_000
"""Without a store, the traces of so many runs are kept, the latest; and of each, so many characters."""


@frozen(kw_only=True)
class ServerSettings:
    """How runs are made, and what a client may ask for."""

    model: ModelLike | None = None
    models: ModelsLike | None = None
    place: str | Path | None = None
    """Where the store is; None for none."""
    limits: Limits = field(factory=Limits)
    """Those of each request."""
    prices: Prices | None = None
    writing: Writing | None = None
    guidance: str = ""
    functions: FunctionsLike | None = None
    programs: Mapping[str, Program] = field(factory=dict)
    """By the names under which they are served."""
    clients: Clients = field(factory=Clients)
    allow_programs: bool = False
    """Whether clients may send programs of their own."""
    name: str = "rlmlang"
    """The name of the model that is served."""
    body: BodyLimits = field(factory=BodyLimits)
    max_requests: int = 256
    """Requests of all clients that are carried out at once."""


@define(eq=False)
class ServedRun:
    """A run that is made for a client, while it goes on, and without a store for some time after."""

    client: KeyHolder
    title: str
    trace: Trace
    progress: Progress = field(init=False)
    log: list[str] = field(factory=list)
    """Its events as JSON texts, if there is no store."""
    task: asyncio.Task[Any] | None = None
    ended: asyncio.Event = field(factory=asyncio.Event)
    said: str = ""
    """The beginning of its answer, if a model is writing that."""
    more: asyncio.Event = field(factory=asyncio.Event)
    """Set when there is more of it."""
    _logged: int = 0

    @progress.default
    def _(self) -> Progress:
        return Progress(self.trace)

    @property
    def id(self) -> str:
        return self.trace.run_id

    def hear(self, text: str) -> None:
        """Take the beginning of the answer, as what hears a trace."""
        self.said = text
        self.more.set()

    def keep(self, _: int, event: str) -> None:
        """Keep an event, as a sink of the trace."""
        self._logged += len(event)
        if self._logged <= KEPT_EVENTS:
            self.log.append(event)


@define(eq=False)
class Service:
    """A server's state. The model and the store are open as long as it is used (decision 130)."""

    settings: ServerSettings
    store: Store | None = None
    runs: OrderedDict[str, ServedRun] = field(factory=OrderedDict)
    """Those that go on, by id; without a store also the latest that have ended."""
    stopping: asyncio.Event = field(factory=asyncio.Event)
    """Set once no further request is taken."""
    begun_at: float = field(factory=time)
    drawing: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(2))
    """Held while a page is made: that of a large run takes seconds of a processor, and memory."""
    requests: int = 0
    """Those that are being carried out."""
    streams: bool = True
    """Whether answers are streamed while they are written. Not any more once one has turned out to be another."""

    @contextmanager
    def request(self, client: KeyHolder) -> Iterator[None]:
        """Count a request that makes a run. Raises RequestError E706, E708."""
        if self.stopping.is_set():
            raise RequestError.of("E708", "the server is stopping")
        if self.requests >= self.settings.max_requests:
            raise RequestError.of("E706", f"the server carries out {self.requests:,} requests already")
        self.requests += 1
        try:
            with client.request():
                yield
        finally:
            self.requests -= 1

    async def run(
        self,
        run: ServedRun,
        work: Callable[[Options], Awaitable[Result]],
        changes: Mapping[str, Any],
        guidance: str = "",
    ) -> Result:
        """Make a run: what `work` does with its options. Raises RlmError, RequestError E700, E707."""
        settings = self.settings
        options = Options(
            model=settings.model, models=settings.models, store=self.store, prices=settings.prices,
            limits=run.client.within(lowered(settings.limits, changes)), writing=settings.writing,
            guidance="\n\n".join(filter(None, (settings.guidance, guidance))), trace=run.trace,
            functions=settings.functions, shared=run.client.account,
        )  # fmt: skip
        run.task = asyncio.current_task()
        try:
            return await work(options)
        except BudgetError:
            run.client.within(options.limits)  # says so if it is the key that has nothing left
            raise
        finally:
            run.client.ended(run.trace.usage)

    @contextmanager
    def begun(self, client: KeyHolder, title: str) -> Iterator[ServedRun]:
        """A run that can be seen while it is made. Raises RequestError E706, E708."""
        with self.request(client):
            run = ServedRun(client, title, Trace(run_id=client.new_run_id(), keep=False))
            if self.store is None:
                run.trace.sinks.append(run.keep)
            self.runs[run.id] = run
            try:
                yield run
            finally:
                run.ended.set()
                self._forget(run)

    def _forget(self, run: ServedRun) -> None:
        if self.store is not None:
            del self.runs[run.id]
            return
        self.runs.move_to_end(run.id)
        ended = [each for each in self.runs.values() if each.ended.is_set()]
        for old in ended[:-KEPT_RUNS]:
            del self.runs[old.id]

    def stop(self) -> None:
        """Take no further request; the second time, cancel those that are being carried out."""
        if self.stopping.is_set():
            for run in self.runs.values():
                if run.task is not None:
                    run.task.cancel()
        self.stopping.set()


@asynccontextmanager
async def opened(settings: ServerSettings) -> AsyncIterator[Service]:
    """A service whose models and store are open. Raises UsageError E605, E606, E608, ModelError E407."""
    async with AsyncExitStack() as stack:
        leaf = leaf_of(settings.models)
        if leaf is not None and leaf != settings.model:
            settings = evolve(settings, models={LEAF: await stack.enter_async_context(open_model(leaf))})
        if settings.model is not None:
            model = await stack.enter_async_context(open_model(settings.model))
            settings = evolve(settings, model=model, models=settings.models if leaf != settings.model else None)
        _require_prices(settings)
        store = None if settings.place is None else await stack.enter_async_context(asked_in_loop(settings.place))
        if store is not None:
            await store.aside(lambda: forget_sessions_of_clients(store, KEPT_SESSIONS))
            if settings.clients.by_key:
                settings.clients.count(await store.ask(lambda: usage_since(midnight())))
        yield Service(settings, store)


def _require_prices(settings: ServerSettings) -> None:
    """Raise UsageError E608 if money is limited, for requests or a key, and the price of a model is not known."""
    if settings.model is None:
        return
    leaf = leaf_of(settings.models)
    roles = Roles.of(model_of(settings.model)[0], None if leaf is None else model_of(leaf)[0], settings.prices)
    for account in (Account(settings.limits), *(client.account for client in settings.clients.by_key)):
        account.charge_for(roles)


def lowered(limits: Limits, changes: Mapping[str, Any]) -> Limits:
    """Return limits with some that a client has lowered. Raises RequestError E700 for what is no limit, or higher."""
    known = asdict(limits)
    for name, value in changes.items():
        if name not in known:
            raise RequestError.of("E700", f"there is no limit `{name[:80]}`", hint=f"limits are {', '.join(known)}")
        range_ = LimitRange.of(name)
        if value is None or not range_.admits(value):
            raise RequestError.of("E700", f"`{name}` is {range_.about}")
        most = known[name]
        if most is not None and value > most:
            raise RequestError.of("E700", f"`{name}` is at most {most:,}", hint="the server does not allow more")
    return evolve(limits, **changes)
