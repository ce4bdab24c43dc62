"""Connections to a server, kept in a thread with an event loop of its own.

So they outlive the event loops of single runs, and can be used where nothing can be awaited. Cookies are
not used, responses are not decompressed, and nothing is connected to reserved addresses.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import weakref
from collections.abc import Awaitable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import aiohttp

from rlmlang.models.servers.endpoint import Route, is_reserved_address

T = TypeVar("T")


class Worker:
    """A thread that runs an event loop with one session of connections."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._loop = asyncio.new_event_loop()
        self._sessions: list[aiohttp.ClientSession] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="rlmlang-http", daemon=True)
        self._thread.start()
        self.close = weakref.finalize(self, _close, self._loop, self._thread, self._sessions)

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T | Exception]:
        """Start some work in the thread."""
        return asyncio.run_coroutine_threadsafe(_caught(work), self._loop)

    def session(self) -> aiohttp.ClientSession:
        """Return the session. It may be used only in the thread."""
        if not self._sessions:
            self._sessions.append(
                aiohttp.ClientSession(
                    headers={"Accept-Encoding": "identity"},  # a proxy gets them too, so no key is among them
                    connector=aiohttp.TCPConnector(
                        limit=0,  # `pace` limits the requests
                        socket_factory=_socket,
                        ssl=self._route.tls or True,
                    ),
                    proxy=self._route.proxy,
                    auto_decompress=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                )
            )
        return self._sessions[0]


def _close(loop: asyncio.AbstractEventLoop, thread: threading.Thread, sessions: list[aiohttp.ClientSession]) -> None:
    """Cancel what is in flight, and close the connections and the thread."""

    async def end() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for session in sessions:
            await session.close()

    asyncio.run_coroutine_threadsafe(end(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _caught(work: Awaitable[T]) -> T | Exception:
    """Return the result of some work, or its error. (One raised while the work is cancelled would be printed.)"""
    try:
        return await work
    except Exception as error:
        return error


class ReservedAddress(OSError):
    """A connection to a reserved address was refused."""


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Return a socket for the address that a name has resolved to, which no earlier check has seen."""
    family, kind, protocol, _, (host, *_) = address
    if is_reserved_address(str(host)):
        raise ReservedAddress(errno.EACCES, f"{host} is a reserved address (link-local or cloud metadata)")
    return socket.socket(family, kind, protocol)
