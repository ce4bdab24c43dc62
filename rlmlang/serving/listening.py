"""Listen on an address until the process is told to stop, and then let what has begun come to its end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from aiohttp import web

from rlmlang.errors import UsageError
from rlmlang.serving.app import LOOPBACK, application
from rlmlang.serving.service import ServerSettings, opened

IDLE = 75.0
"""Seconds after which a connection is closed that says nothing, or has not said all headers of its first request."""

_unheard = logging.getLogger("rlmlang.http")
"""Takes what aiohttp says of requests that are no HTTP: anybody could fill a log with it."""
_unheard.setLevel(logging.CRITICAL)


def require_keys(host: str, settings: ServerSettings) -> None:
    """Raise UsageError E607 for a server that others could reach, and that has no keys."""
    if host not in LOOPBACK and not settings.clients.by_key:
        hint = "give each client a key with --keys FILE (docs/serving.md), or listen on 127.0.0.1"
        raise UsageError.of("E607", f"a server on {host} can be used by everyone who reaches it", hint=hint)


async def serve(
    settings: ServerSettings, host: str, port: int, grace: float, ready: Callable[[list[str]], None]
) -> None:
    """Serve until SIGINT or SIGTERM. `ready` is told the addresses, once the server listens.

    Requests that have begun then have `grace` seconds; a second signal cancels them.
    Raises UsageError E605, E606, E607 (no keys, or an address that cannot be had), E608, ModelError E407.
    """
    require_keys(host, settings)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(opened(settings))
        runner = web.AppRunner(
            application(service), handler_cancellation=True, access_log=None, keepalive_timeout=IDLE,
            shutdown_timeout=grace, logger=_unheard,
        )  # fmt: skip
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.enter_context(on_signals(service.stop))
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            hint = "choose another with --port"
            raise UsageError.of("E607", f"cannot listen on {host}:{port}: {error.strerror}", hint=hint) from error
        ready([_address(*address[:2]) for address in runner.addresses])
        await service.stopping.wait()


@contextmanager
def on_signals(stop: Callable[[], object]) -> Iterator[None]:
    """Have SIGINT and SIGTERM call a function in the event loop, in place of what they did."""
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}
    for sign in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(sign, stop)
        except NotImplementedError:  # loops of Windows have none
            before[sign] = signal.signal(sign, lambda *_: loop.call_soon_threadsafe(stop))
    try:
        yield
    finally:
        for sign in (signal.SIGINT, signal.SIGTERM):
            if sign in before:
                signal.signal(sign, before[sign])
            else:
                loop.remove_signal_handler(sign)


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
