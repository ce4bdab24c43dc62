"""Speak the Model Context Protocol (modelcontextprotocol.io), over standard input and output or over HTTP.

The official package speaks it (decision 127).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mcp_types as types
from attrs import frozen
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn import Server as UvicornServer

from rlmlang import __version__
from rlmlang.errors import RequestError, UsageError
from rlmlang.serving.answers import outcome, working
from rlmlang.serving.clients import Clients, KeyHolder
from rlmlang.serving.failures import as_rlm_error, error_body, status_of
from rlmlang.serving.listening import on_signals, require_keys
from rlmlang.serving.service import ServedRun, ServerSettings, Service, opened
from rlmlang.serving.tools import Tool, text_of_result, tools_of

INSTRUCTIONS = """\
rlmlang runs programs that ask a language model about parts of their inputs, so that texts of any length can be \
read. `ask` writes and runs such a program for a question. The other tools run programs that are there already."""

PROGRESS = 0.5
"""Seconds between two notifications of progress, at least."""

CLIENT = "rlmlang.client"
"""Where a request over HTTP has whose it is."""

Context = ServerRequestContext[Any, Any]


@frozen
class ToolServer:
    """Answers the requests of clients."""

    service: Service
    tools: Mapping[str, Tool]

    def server(self) -> Server[Any]:
        """Return the protocol's side of it."""
        return Server(
            "rlmlang", version=__version__, instructions=INSTRUCTIONS, on_list_tools=self._list, on_call_tool=self._call
        )

    async def _list(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        only_reads = not self.service.settings.functions  # else whoever runs the server has given it effects
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=tool.name,
                    title=tool.title,
                    description=tool.description,
                    input_schema=tool.inputs,
                    output_schema=tool.outputs,
                    annotations=types.ToolAnnotations(read_only_hint=only_reads, open_world_hint=not only_reads),
                )
                for tool in self.tools.values()
            ]
        )

    async def _call(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        """Use a tool. What goes wrong is a result that says so, which models read; progress is told meanwhile."""
        client = self._client(context)
        try:
            if (tool := self.tools.get(params.name)) is None:
                hint = f"there are {', '.join(self.tools)}"
                raise RequestError.of("E703", f"there is no tool {params.name[:80]!r}", hint=hint)
            with self.service.begun(client, tool.name) as run:
                try:
                    async with working(tool.call(self.service, run, params.arguments or {})) as work:
                        await _tell(context, run, work)
                        result = await outcome(work)
                except Exception as error:
                    return _failure(error, run)
        except Exception as error:
            return _failure(error)
        text = types.TextContent(type="text", text=text_of_result(result))
        return types.CallToolResult(content=[text], structured_content=result)

    def _client(self, context: Context) -> KeyHolder:
        request = context.request
        found = request.scope.get(CLIENT) if isinstance(request, Request) else None
        return found if isinstance(found, KeyHolder) else self.service.settings.clients.everyone


async def _tell(context: Context, run: ServedRun, work: asyncio.Task[Any]) -> None:
    """Tell a client how far a run is until it ends: the calls that have ended, of at most so many."""
    told = 0
    while not (await asyncio.wait({work}, timeout=PROGRESS))[0]:
        progress = run.progress
        progress.sample(progress.seconds)
        ended = progress.ended.total() + progress.hits
        if ended > told:  # the protocol wants it to grow
            told, most = ended, run.trace.planned_calls[1]
            await context.session.report_progress(ended, most, progress.line(progress.seconds))


def _failure(error: Exception, run: ServedRun | None = None) -> types.CallToolResult:
    """Return the result for a tool that failed: the error with its code, its place and what to do instead."""
    told = error_body(as_rlm_error(error), None if run is None else run.trace.redactor)["error"]
    place = f" (line {told['line']}, column {told['column']})" if told.get("line") else ""
    hint = f"\n{told['hint']}" if told.get("hint") else ""
    more = [f"\n{each['code']}: {each['message']}" for each in told.get("diagnostics", [])[1:]]
    text = f"{told['code']}: {told['message']}{place}{hint}{''.join(more)}"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


# Transports ------------------------------------------------------------------------


async def serve_stdio(settings: ServerSettings) -> None:
    """Serve the client at standard input and output, until it closes them. Raises UsageError, ModelError E407."""
    tools = tools_of(settings)
    async with opened(settings) as service, stdio_server() as (reading, writing):
        server = ToolServer(service, tools).server()
        await server.run(reading, writing, server.create_initialization_options())


async def serve_http(
    settings: ServerSettings, host: str, port: int, grace: float, ready: Callable[[str], None]
) -> None:
    """Serve over HTTP at /mcp until SIGINT or SIGTERM. `ready` is told the address, once the server listens.

    Raises UsageError E605, E606, E607 (no keys, or an address that cannot be had), ModelError E407.
    """
    require_keys(host, settings)
    tools = tools_of(settings)
    async with opened(settings) as service:
        app = ToolServer(service, tools).server().streamable_http_app(
            host=host, max_request_body_size=settings.body.bytes
        )  # fmt: skip
        config = Config(
            _WithKeys(app, settings.clients), host=host, port=port, log_config=None, access_log=False,
            timeout_graceful_shutdown=int(grace),
        )  # fmt: skip
        try:
            listening = config.bind_socket()
        except SystemExit as error:
            hint = "choose another with --port"
            raise UsageError.of("E607", f"cannot listen on {host}:{port}", hint=hint) from error
        name, number = listening.getsockname()[:2]
        ready(f"http://[{name}]:{number}/mcp" if ":" in name else f"http://{name}:{number}/mcp")
        await _HttpServer(config).serve([listening])


class _HttpServer(UvicornServer):
    """A server that a signal ends as `rlmlang serve`. Uvicorn's own raises it again, so that the process dies of it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with on_signals(lambda: self.handle_exit(signal.SIGINT, None)):
            yield


@frozen
class _WithKeys:
    """An application whose requests need a key, where there are keys."""

    app: ASGIApp
    clients: Clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            given = headers.get(b"authorization")
            try:
                scope[CLIENT] = self.clients.of(None if given is None else given.decode("utf-8", "surrogateescape"))
            except RequestError as error:
                text = f"{error.first.code}: {error.first.message}; {error.first.hint}"
                await Response(text, status_of(error), media_type="text/plain")(scope, receive, send)
                return
        await self.app(scope, receive, send)
