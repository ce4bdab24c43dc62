"""A server of rlmlang in a thread of its own, and requests to it that may be anything."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web
from attrs import define, field

from rlmlang.serving.app import application
from rlmlang.serving.service import ServerSettings, Service, opened
from tests.support.waiting import PATIENCE


@define
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def data(self) -> Any:
        return json.loads(self.text)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.data["error"]
        return found


@define(eq=False)
class Served:
    """A server that runs."""

    service: Service
    port: int
    loop: asyncio.AbstractEventLoop
    headers: dict[str, str] = field(factory=dict)
    """Sent with each request."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, data: Any = None, **headers: str) -> Answer:
        """Send a request whose body is JSON, or the bytes that are given."""
        body = data if isinstance(data, bytes | None) else json.dumps(data).encode()
        sent = {"Content-Type": "application/json"} if body is not None else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            more = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {**sent, **self.headers, **more})
            reply = connection.getresponse()
            return Answer(reply.status, dict(reply.getheaders()), reply.read().decode())
        finally:
            connection.close()

    def chat(self, question: Any, **more: Any) -> Answer:
        """Ask a question; `more` are further members of the body."""
        body = {"model": "rlmlang", "messages": [{"role": "user", "content": question}], **more}
        return self.ask("POST", "/v1/chat/completions", body)

    def inside(self, work: Callable[[], Any]) -> Any:
        """Return what a function gives in the thread of the server."""

        async def done() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(done(), self.loop).result(PATIENCE)


@contextmanager
def served(settings: ServerSettings, idle: float = 75.0) -> Iterator[Served]:
    """Serve in a thread as long as the context lasts."""
    ready: list[Served] = []
    up, down = threading.Event(), asyncio.Event()

    async def main() -> None:
        async with opened(settings) as service:
            runner = web.AppRunner(
                application(service), handler_cancellation=True, access_log=None, shutdown_timeout=1,
                keepalive_timeout=idle,
            )  # fmt: skip
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            ready.append(Served(service, runner.addresses[0][1], asyncio.get_running_loop()))
            up.set()
            await down.wait()
            await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=[main()])
    thread.start()
    assert up.wait(PATIENCE)
    try:
        yield ready[0]
    finally:
        ready[0].loop.call_soon_threadsafe(down.set)
        thread.join()


def chunks(answer: Answer) -> list[Any]:
    """The data of the events of a stream; that which is no JSON as text."""
    found = [part.partition("data: ")[2] for part in answer.text.split("\n\n") if "data: " in part]
    return [each if each == "[DONE]" else json.loads(each) for each in found]
