"""Exchange JSON with a server over HTTP.

A client has a thread with an event loop of its own. So its connections outlive the event loops of single runs, and
tokens can be counted where nothing can be awaited. Cookies, redirects and proxies are not used; responses are read up
to a limit, uncompressed, and nothing is sent to reserved addresses.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import re
import socket
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
import stamina
from attrs import frozen

from rlmlang.errors import ModelError, ModelFailed
from rlmlang.models.base import Unsent
from rlmlang.models.servers.endpoint import is_reserved_address
from rlmlang.models.servers.pace import origin_of
from rlmlang.redact import Redactor

T = TypeVar("T")

MAX_BODY = 16_000_000
"""The largest response that is read, in bytes."""

MAX_PARTS = 100_000
"""The most lists and objects in a response. Each takes up to twenty times the memory of its text."""

MAX_WAIT = 60.0
"""The longest wait, in seconds, that a server may demand before the next attempt; else there is no next attempt."""

QUICK = 10.0
"""The timeout, in seconds, of a connection, and of a request that a server answers without its model."""

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""The statuses after which the same request may succeed."""

OVERLOADED = frozenset({429, 503, 529})
"""The statuses by which a server says that it is overloaded."""

logging.getLogger("stamina").addHandler(logging.NullHandler())  # without a handler, each retry is printed


@frozen(eq=False)
class TransientFailure(Exception):
    """A failure that may be over at the next attempt."""

    error: ModelError
    wait: float | None = None
    """The seconds to wait before the next attempt; None for the usual backoff."""
    sent: bool = True
    """Whether the server may have received the request."""
    overloaded: bool = False
    """Whether the server is overloaded."""


class NotFound(ModelFailed):
    """The server has nothing at the path, or something other than the API."""


class RequestRefused(ModelFailed):
    """The server does not take a field of the request, or its value."""


class Client:
    """The connections to one server, kept between requests.

    `headers` are sent with every request. A request takes at most `timeout` seconds from when it is sent, and is sent
    again up to `retries` times where that may help.
    """

    def __init__(
        self,
        root: str,
        headers: Mapping[str, str],
        *,
        timeout: float = 600,
        retries: int = 4,
        secrets: Collection[str] = (),
    ) -> None:
        self.root = root
        self._origin = origin_of(root)
        self._headers = dict(headers)
        self._timeout = timeout
        self._retries = retries
        self._secrets = secrets
        self._worker: _Worker | None = None

    async def request(self, method: str, path: str, body: object = None) -> Any:
        """Send a request as soon as the server can take one more, and return the JSON of the response.

        Raises ModelError E400, E403, E409; `Unsent` if nothing was sent.
        """
        work = self._retried(method, path, body, self._timeout, self._retries, self._limited)
        return _raised(await asyncio.wrap_future(self._started().submit(work)))

    def request_now(self, method: str, path: str, body: object = None) -> Any:
        """Send a request that the server answers at once, and wait for the response without an event loop."""
        work = self._retried(method, path, body, min(QUICK, self._timeout), min(1, self._retries), self._attempted)
        return _raised(self._started().submit(work).result())

    async def aclose(self) -> None:
        """Close the connections. A later request opens new ones."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.to_thread(worker.close)

    def _started(self) -> _Worker:
        if self._worker is None:
            self._worker = _Worker(self._headers)
        return self._worker

    async def _retried(
        self,
        method: str,
        path: str,
        body: object,
        timeout: float,
        retries: int,
        attempt_once: Callable[..., Awaitable[Any]],
    ) -> Any:
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        sent = False
        try:
            async for attempt in stamina.retry_context(
                on=_retry_after, attempts=retries + 1, timeout=None, wait_initial=0.5, wait_max=20.0, wait_jitter=0.5
            ):
                with attempt:
                    try:
                        return await attempt_once(method, path, data, timeout)
                    except TransientFailure as failure:
                        sent = sent or failure.sent
                        raise
        except TransientFailure as failure:
            error = failure.error if sent else Unsent(failure.error.diagnostics)
            raise error from failure.__cause__
        raise AssertionError("the last failure is raised")

    async def _limited(self, method: str, path: str, data: bytes | None, timeout: float) -> Any:
        async with self._origin.limiter.turn() as turn:
            try:
                return await self._attempted(method, path, data, timeout)
            except TransientFailure as failure:
                turn.overloaded = failure.overloaded
                raise

    async def _attempted(self, method: str, path: str, data: bytes | None, timeout: float) -> Any:
        breaker = self._origin.breaker
        if wait := breaker.wait():
            raise TransientFailure(self._open_circuit(wait), wait, sent=False)
        try:
            response, body = await self._exchanged(method, path, data, timeout)
        except (ModelError, TransientFailure):
            breaker.failed()
            raise
        if response.status < 500:
            breaker.answered()
        else:
            breaker.failed()
        return self._checked_json(response, body)

    async def _exchanged(
        self, method: str, path: str, data: bytes | None, timeout: float
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Return the response and its body, read to the end."""
        assert self._worker is not None
        try:
            async with self._worker.session().request(
                method,
                self.root + path,
                data=data,
                headers={"Content-Type": "application/json"} if data else None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(QUICK, timeout)),
            ) as response:
                return response, await self._read(response)
        except aiohttp.ConnectionTimeoutError as error:
            raise TransientFailure(self._failed("no connection within the time allowed"), sent=False) from error
        except TimeoutError as error:
            # No retry: the server may still be working on it.
            hint = "raise `timeout`" if timeout == self._timeout else None
            raise self._failed(f"no answer within {timeout:g} seconds", hint) from error
        except (aiohttp.ClientSSLError, aiohttp.InvalidURL) as error:
            raise self._failed(_description(error), kind=Unsent) from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _ReservedAddress):
                raise self._failed(_description(error), "name the server that has the model", Unsent) from error
            raise TransientFailure(self._failed(_description(error)), sent=False) from error
        except aiohttp.ClientError as error:
            raise TransientFailure(self._failed(_description(error))) from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":  # decision 58
            response.close()
            raise self._failed("an answer that is compressed; few bytes could become any number of them")
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > MAX_BODY:
                response.close()
                raise self._failed(f"an answer of more than {MAX_BODY:,} bytes")
        return bytes(body)

    def _checked_json(self, response: aiohttp.ClientResponse, body: bytes) -> Any:
        status = response.status
        if status != 200:
            error = self._refused(status, body)
            if status in AGAIN and '"insufficient_quota"' not in body.decode("utf-8", "replace"):
                wait = _retry_after_header(response.headers.get("Retry-After"))
                if wait is None or wait <= MAX_WAIT:
                    raise TransientFailure(error, wait, overloaded=status in OVERLOADED)
            raise error
        kind = response.content_type
        if kind != "application/json" and not kind.endswith("+json"):
            problem = f"an answer of type {kind} instead of JSON"
            raise self._failed(problem, "is the address that of the API?", NotFound)
        try:
            return _parsed(body)
        except ValueError as error:
            raise TransientFailure(self._failed(f"an answer that is not JSON: {error}")) from error

    def _refused(self, status: int, body: bytes) -> ModelError:
        """Return the error of a status other than 200."""
        message = _message(body)
        if status < 500 and _OVERFLOW.search(message):
            return ModelError.of(
                "E403",
                f"{self.root}: {self._clean(message)}",
                hint="split the text with chunk(text, size) and give the model one piece at a time",
            )
        hints = {401: "set the API key", 403: "the API key does not allow this", 404: "check the address and the model"}
        hint = hints.get(status)
        if 300 <= status < 400:
            message, hint = "redirects are not followed", "write the address it leads to"
        kind = {404: NotFound, 405: NotFound, 400: RequestRefused, 422: RequestRefused}.get(status, ModelFailed)
        return self._failed(f"HTTP {status}" + (f": {message}" if message else ""), hint, kind)

    def _open_circuit(self, wait: float) -> ModelError:
        return ModelError.of(
            "E409",
            f"{self.root} has failed {self._origin.breaker.failures} times in a row; "
            f"it is tried again in {wait:.1f} seconds",
            hint="check whether the server runs; finished calls are in the store, so the run can be resumed later",
        )

    def _failed(self, problem: str, hint: str | None = None, kind: type[ModelError] = ModelFailed) -> ModelError:
        return kind.of("E400", f"{self.root}: {self._clean(problem)}", hint=hint)

    def _clean(self, text: str) -> str:
        """Return a text as part of a message: a short line without secrets."""
        text = " ".join(Redactor(self._secrets)(text).split())
        return text if len(text) <= 300 else text[:299] + "…"


class _Worker:
    """A thread that runs an event loop with one session of connections."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
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
                    headers={"Accept-Encoding": "identity", **self._headers},
                    connector=aiohttp.TCPConnector(limit=0, socket_factory=_socket),  # `pace` limits the requests
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


def _raised(outcome: T | Exception) -> T:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


class _ReservedAddress(OSError):
    """A connection to a reserved address was refused."""


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Return a socket for the address that a name has resolved to, which no earlier check has seen."""
    family, kind, protocol, _, (host, *_) = address
    if is_reserved_address(str(host)):
        raise _ReservedAddress(errno.EACCES, f"{host} is a reserved address (link-local or cloud metadata)")
    return socket.socket(family, kind, protocol)


# Failures ------------------------------------------------------------------------

_OVERFLOW = re.compile(r"context[ _](length|size|window|limit)|maximum model length|prompt is too long", re.IGNORECASE)
"""The phrases by which servers say that a prompt is too long."""


def _retry_after(error: Exception) -> bool | float:
    """Return whether to retry, or after how many seconds."""
    if not isinstance(error, TransientFailure):
        return False
    return True if error.wait is None else error.wait


def _retry_after_header(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header demands; None if it gives none."""
    if header is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(header))
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return None


def _parsed(body: bytes) -> Any:
    """Return JSON data. Raises ValueError for anything else, and for what takes too much memory."""
    if body.count(b"[") + body.count(b"{") > MAX_PARTS:
        raise ValueError(f"more than {MAX_PARTS:,} lists and objects")
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _message(body: bytes) -> str:
    """Return the message in the body of an error, in any of the usual forms."""
    try:
        data = _parsed(body)
    except ValueError:
        return ""
    for _ in range(3):
        if isinstance(data, dict):
            data = next((data[key] for key in ("error", "message", "detail") if data.get(key)), "")
    return data if isinstance(data, str) else json.dumps(data)


def _description(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.strerror}"
    return str(error) or type(error).__name__
