"""`rlmlang serve`: answer over HTTP what clients of OpenAI ask, and run programs for them."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import click

from rlmlang.cli.options import limit_options
from rlmlang.cli.serving import service_options, service_settings


@click.command("serve")
@service_options(port=8_000)
@click.option("--name", default="rlmlang", show_default=True, help="What clients call the model.")
@click.option("--quiet", "-q", is_flag=True, help="Do not print a line for each request.")
@limit_options
def command(host: str, port: int, grace: float, name: str, quiet: bool, **_: Any) -> int:
    """Serve a model, programs and runs over HTTP.

    Clients of OpenAI that are given http://HOST:PORT/v1 as base URL get a recursive model: long
    messages and files become inputs, a program is written and run, and its answer comes back.
    Programs are run at /programs/NAME, those of clients at /programs. The limits below are those
    of each request; a file of keys says what each client may spend (docs/serving.md). It stops on
    Ctrl-C or SIGTERM, once what has begun is done.

    \b
    Examples:
      rlmlang serve --model smollm2
      rlmlang serve -m openai:gpt-5@https://api.openai.com --programs tools --max-cost 0.5
      rlmlang serve -m smollm2 --host 0.0.0.0 --keys keys.toml
    """
    settings = service_settings("aiohttp", "serve", name=name)
    from rlmlang.serving.listening import serve

    def ready(addresses: list[str]) -> None:
        if not quiet:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
            logger = logging.getLogger("rlmlang")
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
        for address in addresses:
            click.echo(f"serving at {address}; give clients of OpenAI the base URL {address}/v1", err=True)

    asyncio.run(serve(settings, host, port, grace, ready))
    return 0
