"""Exchange JSON with a server over HTTP.

A client has a thread with an event loop of its own (`connections`). Redirects are not followed, responses are read up
to a limit, uncompressed, and what may be over soon is tried again, a bounded number of times and for a bounded time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
import stamina
from attrs import frozen

from rlmlang.errors import ModelError, ModelFailed
from rlmlang.models.base import TextListener, Unsent
from rlmlang.models.servers.bodies import StreamedText, is_event_stream, joined, parsed
from rlmlang.models.servers.connections import ReservedAddress, Worker
from rlmlang.models.servers.endpoint import DIRECT, Route
from rlmlang.models.servers.server_errors import (
    OVERLOADED,
    TOO_MANY_TOKENS,
    TOO_SLOW,
    WRONG_PATH,
    ServerError,
    error_of,
    error_within,
)
from rlmlang.models.servers.throttling import origin_of
from rlmlang.redact import Redactor

T = TypeVar("T")

MAX_BODY = 16_000_000
"""The largest response that is read, in bytes."""

MAX_WAIT = 60.0
"""The longest wait, in seconds, that a server may demand before the next attempt; else there is no next attempt."""

QUICK = 10.0
"""The timeout, in seconds, of a connection, and of a request that a server answers without its model."""

LOOK_AGAIN = 1.0
"""The seconds between two requests to a server that is loading its model."""

UNKNOWN = 5
"""How often a request is sent, at most, to a server that has answered nothing yet, and perhaps never will."""

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


class StillLoading(TransientFailure):
    """The server has not loaded its model yet."""


class NotFound(ModelFailed):
    """The server has nothing at the path, or something other than the API."""


class RequestRefused(ModelFailed):
    """The server does not take a field of the request, or its value."""


@frozen(eq=False)
class Exchange:
    """A request, and what is known of the response to it."""

    method: str
    path: str
    data: bytes | None
    timeout: float
    key: str | None = None
    """What every right response has; None if nothing is known."""
    is_refusal: Callable[[ServerError], bool] = lambda error: False
    """Whether the server may take the request in another form, given its error."""
    listener: TextListener | None = None
    """Who hears the text of a stream while it comes."""


Attempted = Callable[[Exchange], Awaitable[Any]]


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
        retries: int = 10,
        secrets: Collection[str] = (),
        route: Route = DIRECT,
    ) -> None:
        self.root = root
        self._route = route
        self._origin = origin_of(root)
        self._headers = dict(headers)
        self._timeout = timeout
        self._retries = retries
        self._secrets = secrets
        self._worker: Worker | None = None

    async def request(
        self,
        method: str,
        path: str,
        body: object,
        key: str,
        is_refusal: Callable[[ServerError], bool],
        listener: TextListener | None = None,
    ) -> Any:
        """Send a request as soon as the server can take one more, and return the JSON of the response.

        `key` is what every right response has. Raises ModelError E400, E403, E409; `Unsent` if nothing was sent,
        `RequestRefused` for an error that `is_refusal`, and for any other with status 400 or 422.
        """
        exchange = Exchange(method, path, _encoded(body), self._timeout, key, is_refusal, listener)
        work = self._retried(exchange, self._retries, self._limited)
        return _raised(await asyncio.wrap_future(self._started().submit(work)))

    def request_now(self, method: str, path: str, body: object = None) -> Any:
        """Send a request that the server answers at once, and wait for the response without an event loop."""
        exchange = Exchange(method, path, _encoded(body), min(QUICK, self._timeout))
        retries = self._retries if self._origin.has_answered else min(1, self._retries)
        work = self._retried(exchange, retries, self._attempted)
        return _raised(self._started().submit(work).result())

    def look_at(self, path: str) -> Any:
        """Return the JSON at a path of the server; None if it answers in any other way.

        Raises ModelError E400 if it does not answer.
        """
        exchange = Exchange("GET", path, None, min(QUICK, self._timeout))
        work = self._retried(exchange, min(1, self._retries), self._looked)
        return _raised(self._started().submit(work).result())

    async def aclose(self) -> None:
        """Close the connections. A later request opens new ones."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await asyncio.to_thread(worker.close)

    def _started(self) -> Worker:
        if self._worker is None:
            self._worker = Worker(self._route)
        return self._worker

    async def _retried(self, exchange: Exchange, retries: int, attempt_once: Attempted) -> Any:
        """Attempt an exchange until it succeeds, as often and as long as that may help (decision 106)."""
        loop = asyncio.get_running_loop()
        last = loop.time() + max(self._timeout, MAX_WAIT)
        tries = 0
        sent = False

        def retry_after(error: Exception) -> bool | float:
            if not isinstance(error, TransientFailure) or loop.time() + (error.wait or 0) > last:
                return False
            if tries >= UNKNOWN and not self._origin.has_answered:
                return False
            return True if error.wait is None else error.wait

        try:
            async for attempt in stamina.retry_context(
                on=retry_after, attempts=retries + 1, timeout=None, wait_initial=0.5, wait_max=10.0, wait_jitter=0.5
            ):
                with attempt:
                    tries += 1
                    try:
                        return await self._when_loaded(exchange, attempt_once)
                    except TransientFailure as failure:
                        sent = sent or failure.sent
                        raise
        except TransientFailure as failure:
            error = failure.error if sent else Unsent(failure.error.diagnostics)
            raise error from failure.__cause__
        raise AssertionError("the last failure is raised")

    async def _when_loaded(self, exchange: Exchange, attempt_once: Attempted) -> Any:
        """Attempt an exchange until the server has loaded its model, for which it has as long as for an answer."""
        loop = asyncio.get_running_loop()
        last = loop.time() + self._timeout
        while True:
            try:
                return await attempt_once(exchange)
            except StillLoading as failure:
                wait = LOOK_AGAIN if failure.wait is None else failure.wait
                if loop.time() + wait > last:
                    raise failure.error.with_hint("raise `timeout`: the model is loaded within it") from None
                await asyncio.sleep(wait)

    async def _limited(self, exchange: Exchange) -> Any:
        async with self._origin.limiter.turn() as turn:
            try:
                return await self._attempted(exchange)
            except TransientFailure as failure:
                turn.overloaded = failure.overloaded
                raise

    async def _attempted(self, exchange: Exchange) -> Any:
        breaker = self._origin.breaker
        if wait := breaker.wait():
            raise TransientFailure(self._open_circuit(wait), wait, sent=False)
        try:
            response, body = await self._exchanged(exchange)
        except (ModelError, TransientFailure):
            breaker.failed()
            raise
        works = response.status < 500
        try:
            data = self._checked(exchange, response, body)
            self._origin.has_answered = True
        except (RequestRefused, StillLoading):
            works = True
            raise
        finally:
            (breaker.answered if works else breaker.failed)()
        return data

    async def _looked(self, exchange: Exchange) -> Any:
        response, body = await self._exchanged(exchange)
        try:
            return self._checked(exchange, response, body)
        except StillLoading:
            raise
        except (ModelError, TransientFailure):
            return None

    async def _exchanged(self, exchange: Exchange) -> tuple[aiohttp.ClientResponse, bytes]:
        """Return the response and its body, read to the end."""
        assert self._worker is not None
        data, timeout = exchange.data, exchange.timeout
        try:
            async with self._worker.session().request(
                exchange.method,
                self.root + exchange.path,
                data=data,
                headers={**self._headers, **({"Content-Type": "application/json"} if data else {})},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(QUICK, timeout)),
            ) as response:
                return response, await self._read(response, exchange.listener)
        except aiohttp.ConnectionTimeoutError as error:
            raise TransientFailure(self._failed("no connection within the time allowed"), sent=False) from error
        except TimeoutError as error:
            # No retry: the server may still be working on it.
            hint = "raise `timeout`" if timeout == self._timeout else None
            raise self._failed(f"no answer within {timeout:g} seconds", hint) from error
        except (aiohttp.ClientSSLError, aiohttp.InvalidURL) as error:
            raise self._failed(_description(error), kind=Unsent) from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, ReservedAddress):
                raise self._failed(_description(error), "name the server that has the model", Unsent) from error
            raise TransientFailure(self._failed(_description(error)), sent=False) from error
        except aiohttp.ClientError as error:
            raise TransientFailure(self._failed(_description(error))) from error

    async def _read(self, response: aiohttp.ClientResponse, listener: TextListener | None) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":  # decision 58
            response.close()
            raise self._failed("an answer that is compressed; few bytes could become any number of them")
        body = bytearray()
        heard = None if listener is None else StreamedText(listener)
        async for piece in response.content.iter_any():
            body += piece
            if heard is not None:
                heard.add(piece)
            if len(body) > MAX_BODY:
                response.close()
                raise self._failed(f"an answer of more than {MAX_BODY:,} bytes")
        return bytes(body)

    def _checked(self, exchange: Exchange, response: aiohttp.ClientResponse, body: bytes) -> Any:
        """Return the JSON of a response. Raises ModelError, TransientFailure."""
        if response.status != 200:
            data: object = body.decode("utf-8", "replace") if response.content_type == "text/plain" else None
            with suppress(ValueError):
                data = parsed(body)
            raise self._failure(exchange, error_of(response.status, data), response)
        kind = response.content_type
        is_stream = is_event_stream(kind, body)
        if not (is_stream or body.lstrip()[:1] in (b"{", b"[") or kind == "application/json" or kind.endswith("+json")):
            problem = f"an answer of type {kind} instead of JSON"
            raise self._failed(problem, "is the address that of the API?", NotFound)
        try:
            data = joined(kind, body) if is_stream else parsed(body)
        except ValueError as error:
            raise TransientFailure(self._failed(f"an answer that is not JSON: {error}")) from error
        if found := error_within(data, exchange.key):
            raise self._failure(exchange, found, response)
        return data

    def _failure(self, exchange: Exchange, error: ServerError, response: aiohttp.ClientResponse) -> Exception:
        """Return the exception for an error that the server reports."""
        wait = _retry_after_header(response.headers.get("Retry-After"))
        shown = self._shown(exchange, error, response.status)
        if error.is_loading:
            return StillLoading(shown, error.seconds if wait is None else wait)
        if exchange.is_refusal(error):
            return RequestRefused(shown.diagnostics)
        if error.may_pass and (wait is None or wait <= MAX_WAIT):
            return TransientFailure(shown, wait, overloaded=error.status in OVERLOADED)
        return shown

    @property
    def _key_hint(self) -> str:
        if "Authorization" in self._headers or "api-key" in self._headers or "x-api-key" in self._headers:
            return "check the API key"
        return "name the environment variable of the API key in the name of the model: `?key=NAME`"

    def _shown(self, exchange: Exchange, error: ServerError, status: int) -> ModelError:
        """Return what the user is told of an error that the server reports."""
        if error.is_overflow:
            return ModelError.of(
                "E403",
                f"{self.root}: {self.shown(error.message or 'the request is too large')}",
                hint="split the text with chunk(text, size) and give the model one piece at a time",
            )
        if error.is_filtered:
            return ModelError.of("E404", f"{self.root} refused the prompt: {self.shown(error.message)}")
        message = error.message
        hints = {401: self._key_hint, 403: "the API key does not allow this", 404: "check the address and the model"}
        hint = hints.get(error.status)
        if WRONG_PATH.search(message) and not exchange.path.startswith("/v1/"):
            hint = f"add /v1 to the address: {self.root}/v1"
        if error.status in TOO_SLOW:
            hint = "add `?stream=true` to the name of the model: an answer in pieces keeps the connection open"
        if TOO_MANY_TOKENS.search(message):
            hint = "lower max_answer_tokens"
        if 300 <= status < 400:
            message, hint = "redirects are not followed", "write the address it leads to"
        what = "an error with HTTP 200" if status == 200 else f"HTTP {status}"
        kinds = {404: NotFound, 405: NotFound, 400: RequestRefused, 422: RequestRefused}
        return self._failed(what + (f": {message}" if message else ""), hint, kinds.get(error.status, ModelFailed))

    def _open_circuit(self, wait: float) -> ModelError:
        return ModelError.of(
            "E409",
            f"{self.root} has failed {self._origin.breaker.failures} times in a row; "
            f"it is tried again in {wait:.1f} seconds",
            hint="check whether the server runs; finished calls are in the store, so the run can be resumed later",
        )

    def _failed(self, problem: str, hint: str | None = None, kind: type[ModelError] = ModelFailed) -> ModelError:
        return kind.of("E400", f"{self.root}: {self.shown(problem)}", hint=hint)

    def shown(self, text: str) -> str:
        """Return a text as part of a message: a short line without secrets."""
        text = " ".join(Redactor(self._secrets)(text).split())
        return text if len(text) <= 300 else text[:299] + "…"


def _raised(outcome: T | Exception) -> T:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _encoded(body: object) -> bytes | None:
    return None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _retry_after_header(header: str | None) -> float | None:
    """Return the seconds that a Retry-After header demands; None if it gives none."""
    if header is None:
        return None
    with suppress(ValueError):
        return max(0.0, float(header))
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    return None


def _description(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.strerror}"
    return str(error) or type(error).__name__
