"""`rlmlang mcp`: give programs and questions as tools to clients of the Model Context Protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from rlmlang.cli.options import limit_options
from rlmlang.cli.serving import service_options, service_settings


@click.command("mcp")
@click.option("--http", is_flag=True, help="Listen on an address, instead of standard input and output.")
@service_options(port=8_001)
@limit_options
def command(http: bool, host: str, port: int, grace: float, allow_programs: bool, **_: Any) -> int:
    """Serve tools by the Model Context Protocol (MCP).

    The tools are check, plan, run and ask, and each program of --programs under its own name, with
    the types of its inputs and of its value. The client, such as an editor or an assistant, starts
    this command and talks to its standard input and output; with --http it is asked at an address,
    and runs programs of clients only with --allow-programs. The limits below are those of each use
    of a tool.

    \b
    Examples:
      rlmlang mcp --model smollm2
      rlmlang mcp -m openai:gpt-5@https://api.openai.com --programs tools --max-cost 0.5
      rlmlang mcp -m smollm2 --http --port 8001
    """
    settings = service_settings("mcp", "mcp", allow_programs=allow_programs or not http)
    from rlmlang.serving.mcp import serve_http, serve_stdio

    def ready(address: str) -> None:
        click.echo(f"serving at {address}", err=True)

    asyncio.run(serve_http(settings, host, port, grace, ready) if http else serve_stdio(settings))
    return 0
