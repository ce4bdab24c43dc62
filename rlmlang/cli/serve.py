"""`rlmlang serve`: answer over HTTP what clients of OpenAI ask, and run programs for them."""

from __future__ import annotations

import asyncio
import logging
from importlib.util import find_spec
from typing import Any

import click

from rlmlang.cli.functions import functions_of, functions_option
from rlmlang.cli.options import (
    guidance_of,
    guidance_option,
    leaf_model_option,
    limit_options,
    limits_of,
    model_of,
    model_option,
    models_of,
    store_options,
    writing_option,
)
from rlmlang.cli.running import missing_model, store_for_run
from rlmlang.cli.settings import find_settings
from rlmlang.cli.units import BYTES, amount
from rlmlang.errors import UsageError


def _bytes(ctx: click.Context, param: click.Parameter, value: str) -> int:
    try:
        return int(amount(value, BYTES))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


@click.command("serve")
@click.option("--host", metavar="NAME", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65_535), default=8_000, show_default=True, help="The port.")
@click.option("--keys", metavar="FILE", help="Who may ask, and how much: a table for each client (docs/serving.md).")
@click.option("--programs", metavar="FOLDER", help="Run the programs of a folder: POST /programs/NAME.")
@click.option("--allow-programs", is_flag=True, help="Run programs that clients send, too: POST /programs.")
@click.option("--name", default="rlmlang", show_default=True, help="What clients call the model.")
@click.option(
    "--max-requests", metavar="N", type=click.IntRange(1), default=256, show_default=True, help="Requests at once."
)
@click.option(
    "--max-body", metavar="SIZE", default="16 MB", show_default=True, callback=_bytes, help="The size of a request."
)
@click.option(
    "--grace", metavar="SECONDS", type=click.FloatRange(0), default=10.0, show_default=True,
    help="When it is to stop, the time for requests that have begun.",
)  # fmt: skip
@model_option
@leaf_model_option
@writing_option
@guidance_option
@functions_option
@store_options
@click.option("--quiet", "-q", is_flag=True, help="Do not print a line for each request.")
@limit_options
@click.pass_context
def command(
    ctx: click.Context,
    host: str,
    port: int,
    keys: str | None,
    programs: str | None,
    allow_programs: bool,
    name: str,
    max_requests: int,
    max_body: int,
    grace: float,
    model: str | None,
    leaf_model: str | None,
    writing: Any,
    guidance: str | None,
    functions_file: str | None,
    store: str | None,
    no_store: bool,
    quiet: bool,
) -> int:
    """Serve a model, programs and runs over HTTP.

    Clients of OpenAI that are given http://HOST:PORT/v1 as base URL get a recursive model: long
    messages and files become inputs, a program is written and run, and its answer comes back. The
    limits below are those of each request; a file of keys says what each client may spend. It
    stops on Ctrl-C or SIGTERM, once what has begun is done.

    \b
    Examples:
      rlmlang serve --model smollm2
      rlmlang serve -m openai:gpt-5@https://api.openai.com --programs tools --max-cost 0.5
      rlmlang serve -m smollm2 --host 0.0.0.0 --keys keys.toml
    """
    if find_spec("aiohttp") is None:
        raise UsageError.of("E607", "serving needs the package aiohttp", hint="pip install 'rlmlang[serve]'")
    from rlmlang.serving.bodies import BodyLimits
    from rlmlang.serving.clients import Clients, read_keys
    from rlmlang.serving.listening import serve
    from rlmlang.serving.programs import load_programs
    from rlmlang.serving.service import ServerSettings

    found = find_settings()
    model_name = model_of(model, found)
    functions = functions_of(functions_file)
    if model_name is None and programs is None:
        raise missing_model()
    settings = ServerSettings(
        model=model_name, models=models_of(leaf_model, found), place=store_for_run(store, no_store, found),
        limits=limits_of(ctx, found, model_name), prices=found.prices, writing=writing or found.writing,
        guidance=guidance_of(guidance, found), functions=functions,
        programs=load_programs(programs, functions) if programs else {},
        clients=read_keys(keys) if keys else Clients(), allow_programs=allow_programs, name=name,
        body=BodyLimits(max_body), max_requests=max_requests,
    )  # fmt: skip

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
