"""What `rlmlang.cluster.engine` uses of Ray, played in this process: two workers that take blocks in turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import define, field

from rlmlang.cluster import engine
from rlmlang.cluster.options import Cluster

WORKERS = 2


class _Method:
    """A method of an actor that plays one."""

    def __init__(self, method: Any) -> None:
        self._method = method

    def remote(self, *args: Any) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        result = self._method(*args)
        if asyncio.iscoroutine(result):
            return asyncio.ensure_future(result)
        done = loop.create_future()
        done.set_result(result)
        return done


class PlayedActor:
    """An object whose methods are called as those of an actor are, on the event loop of whoever calls."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def __getattr__(self, name: str) -> Any:
        return _Method(getattr(self.actor, name))


class _ActorOfLoop:
    """The same, on an event loop of its own, for callers on several."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any) -> Any:
            found = getattr(self._actor, name)(*args)
            return await found if asyncio.iscoroutine(found) else found

        return SimpleNamespace(
            remote=lambda *args: asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(*args), self._loop))
        )

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@define
class PlayedRay:
    """Ray, as far as rows need it."""

    blocks: list[Any] = field(factory=list)
    options: dict[str, Any] = field(factory=dict)
    """What `map_batches` was given."""
    in_order: bool | None = None
    actors: list[_ActorOfLoop] = field(factory=list)
    cloudpickle: Any = field(init=False)
    data: Any = field(init=False)
    util: Any = SimpleNamespace(client=SimpleNamespace(ray=SimpleNamespace(is_connected=lambda: False)))

    def __attrs_post_init__(self) -> None:
        import pickle

        context = SimpleNamespace(execution_options=SimpleNamespace(preserve_order=False))
        context.copy = lambda: context
        self.cloudpickle = SimpleNamespace(dumps=pickle.dumps, register_pickle_by_value=lambda module: None)
        self.data = SimpleNamespace(
            DataContext=SimpleNamespace(get_current=lambda: context, current=lambda _: nullcontext()),
            ActorPoolStrategy=lambda **given: given,
            from_arrow_refs=lambda blocks: SimpleNamespace(
                map_batches=lambda kind, **given: self._mapped(kind, blocks, given, context)
            ),
        )

    def put(self, block: Any) -> Any:
        self.blocks.append(block)
        return block

    def remote(self, kind: Any) -> Any:
        def made(*args: Any) -> _ActorOfLoop:
            self.actors.append(_ActorOfLoop(kind(*args)))
            return self.actors[-1]

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=made))

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True}, {"Alive": True}, {"Alive": False}]

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 8.0}

    def _mapped(self, kind: Any, blocks: list[Any], given: dict[str, Any], context: Any) -> Any:
        self.options, self.in_order = given, context.execution_options.preserve_order
        workers = [kind(*given["fn_constructor_args"]) for _ in range(WORKERS)]

        def rows() -> Iterator[dict[str, Any]]:
            try:
                for number, block in enumerate(blocks):
                    yield from workers[number % WORKERS](block).to_pylist()
            finally:
                for worker in workers:
                    worker.close()

        return SimpleNamespace(iter_rows=rows)


@pytest.fixture
def ray_played(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedRay]:
    """Ray for maps that run on a cluster in this test."""
    played = PlayedRay()

    @contextmanager
    def connected(_: Cluster) -> Iterator[PlayedRay]:
        yield played

    monkeypatch.setattr(engine, "_connected", connected)
    yield played
    for actor in played.actors:
        actor.stop()
