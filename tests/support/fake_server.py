"""A server on this machine that gives prepared responses, and notes what went over the wire.

It has a thread and an event loop of its own, so that it answers also while a test waits.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import stamina
from aiohttp import web
from attrs import define, field, frozen

from rlmlang.models.base import Model
from rlmlang.models.registry import open_model
from rlmlang.models.servers import throttling


@frozen
class Answer:
    """An answer that is not simply JSON with status 200."""

    status: int = 200
    body: bytes | object = b""
    """Bytes as they are; anything else as JSON."""
    type: str = "application/json"
    headers: dict[str, str] = field(factory=dict)


@frozen
class Fault:
    """What happens instead of an answer: `hang`, `cut` before it, `half` of it, or `drip`, a byte now and then."""

    kind: str


HANG, CUT, HALF, DRIP = Fault("hang"), Fault("cut"), Fault("half"), Fault("drip")


@frozen
class Seen:
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    """The JSON data in it, None if it is empty."""
    url: str
    """The path as it was written, and the query."""
    connection: int
    """The same number for requests over the same connection."""


Script = object
"""JSON data, an `Answer`, a `Fault`, or a function of the request's body that gives or awaits one of these."""


@define(eq=False)
class FakeServer:
    """Answers each path by its script; the last entry of a script is repeated."""

    scripts: dict[str, list[Script]] = field(factory=dict)
    seen: list[Seen] = field(factory=list)
    arrived: threading.Semaphore = field(factory=lambda: threading.Semaphore(0))
    """Released once for each request."""
    dropped: threading.Event = field(factory=threading.Event)
    """Set when a client leaves before its answer."""
    url: str = ""
    tls: ssl.SSLContext | None = None
    """What encrypts its connections; None for plain HTTP."""
    elsewhere: Script = field(factory=lambda: Answer(404, {"detail": "Not Found"}))
    """What is answered at a path without a script."""
    _connections: list[object] = field(factory=list)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _thread: threading.Thread = field(init=False)
    _runner: web.AppRunner = field(init=False)

    def on(self, path: str, *script: Script) -> None:
        self.scripts[path] = list(script)

    def bodies(self, path: str) -> list[Any]:
        """What was sent to a path."""
        return [seen.body for seen in self.seen if seen.path == path]

    # Life

    def start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner = asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result()
        throttling._origins.pop(throttling.key_of(self.url), None)  # of a server that had the same port

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> web.AppRunner:
        app = web.Application(client_max_size=10**8)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"{'https' if self.tls else 'http'}://{host}:{port}"
        return runner

    # Requests

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        data = await request.read()
        body = json.loads(data) if data else None
        if request.transport not in self._connections:
            self._connections.append(request.transport)
        connection = self._connections.index(request.transport)
        self.seen.append(Seen(request.method, request.path, dict(request.headers), body, request.raw_path, connection))
        self.arrived.release()
        script = self.scripts.get(request.path, [self.elsewhere])
        response = script.pop(0) if len(script) > 1 else script[0]
        if callable(response):
            response = response(body)
        if isinstance(response, Awaitable):
            response = await response
        if isinstance(response, Fault):
            return await self._fail(response, request)
        answer = response if isinstance(response, Answer) else Answer(body=response)
        raw = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        return web.Response(status=answer.status, body=raw, content_type=answer.type, headers=answer.headers)

    async def _fail(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        if fault is HANG:
            try:
                await asyncio.Event().wait()
            finally:
                self.dropped.set()
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
        if fault is HALF:
            await response.prepare(request)
            await response.write(b'{"choices": [{"mess')
        if fault is DRIP:
            await response.prepare(request)
            for _ in range(1000):
                await response.write(b" ")
                await asyncio.sleep(0.02)
        request.transport.close()
        return response


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """A server, and retries that do not wait, two at most."""
    fake = FakeServer()
    fake.start()
    with stamina.set_testing(True, attempts=3, cap=True):
        yield fake
    fake.stop()


Open = Callable[[str], Any]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens models by name, and closes them in the end."""
    models: list[Model] = []

    def open_(name: str) -> Any:
        models.append(open_model(name))
        return models[-1]

    yield open_
    for model in models:
        asyncio.run(model.aclose())
