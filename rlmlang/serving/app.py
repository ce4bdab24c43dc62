"""The web application: its addresses, who may ask, and what is answered when something is wrong."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

from aiohttp import web

from rlmlang.errors import RequestError
from rlmlang.serving import chat, conversations, programs, responses, runs
from rlmlang.serving.failures import as_rlm_error, error_response, json_response
from rlmlang.serving.service import CLIENT, SERVICE, Service

RouteHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger("rlmlang")

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names by which a server on this machine is asked."""

_ADDRESSES = (
    ("GET", "/v1/models", chat.models),
    ("GET", "/v1/models/{name}", chat.model),
    ("POST", "/v1/chat/completions", chat.chat),
    ("POST", "/v1/responses", responses.responses),
    ("DELETE", "/v1/responses/{id}", conversations.forget),
    ("POST", "/v1/conversations", conversations.create),
    ("DELETE", "/v1/conversations/{id}", conversations.forget),
    ("GET", "/programs", programs.programs),
    ("POST", "/programs", programs.run_text),
    ("GET", "/programs/{name}", programs.program),
    ("POST", "/programs/{name}", programs.run_named),
    ("GET", "/openapi.json", programs.openapi),
    ("GET", "/runs/{id}", runs.page),
    ("GET", "/runs/{id}/events", runs.events),
)


def application(service: Service) -> web.Application:
    """Return the application that serves what a service has."""
    app = web.Application(middlewares=[_answered, _identified], client_max_size=service.settings.body.bytes)
    app[SERVICE] = service
    app.router.add_get("/", _addresses)
    app.router.add_get("/health", _health)
    for method, path, handler in _ADDRESSES:
        app.router.add_route(method, path, handler)
    return app


async def _addresses(request: web.Request) -> web.Response:
    return json_response({"addresses": [f"{method} {path}" for method, path, _ in _ADDRESSES]})


async def _health(request: web.Request) -> web.Response:
    service = request.app[SERVICE]
    status = "stopping" if service.stopping.is_set() else "ok"
    return json_response({"status": status, "requests": service.requests})


@web.middleware
async def _answered(request: web.Request, handler: RouteHandler) -> web.StreamResponse:
    """Answer every error with its status and a JSON object, and log each request: never what it or its headers hold."""
    began, status = perf_counter(), 0
    try:
        response = await handler(request)
        status = response.status
        return response
    except ConnectionError:  # the client has gone away while it was answered
        raise
    except Exception as error:
        failure = as_rlm_error(error)
        found = error_response(failure, None, _challenge(request, failure.first.code))
        if found.status in (408, 413):
            found.force_close()  # what follows on this connection is the rest of the body
        status = found.status
        return found
    finally:
        client = request[CLIENT].name if CLIENT in request else "-"
        path = request.path[:200].encode("unicode_escape").decode()
        took = perf_counter() - began
        logger.info("%s %s %s %s %.3f s", request.method, path, status or "gone", client, took)


def _challenge(request: web.Request, code: str) -> dict[str, str]:
    """Return the headers by which a browser asks its user for a key, as the password of any name."""
    if code != "E701":
        return {}
    is_page = "text/html" in request.headers.get("Accept", "")
    return {"WWW-Authenticate": 'Basic realm="rlmlang: the key is the password"' if is_page else "Bearer"}


@web.middleware
async def _identified(request: web.Request, handler: RouteHandler) -> web.StreamResponse:
    """Find out whose request it is. Raises RequestError E701, E702.

    Without keys, only names of this machine are answered to: else the page of another site could, by a name that
    it makes point here, read what this server says.
    """
    clients = request.app[SERVICE].settings.clients
    if request.path != "/health":
        if not clients.by_key and not _is_loopback(request.host):
            hint = "ask it as localhost, or start it with --keys"
            raise RequestError.of("E702", "this server is for its own machine", hint=hint)
        request[CLIENT] = clients.of(request.headers.get("Authorization"))
    return await handler(request)


def _is_loopback(host: str) -> bool:
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower() in LOOPBACK
