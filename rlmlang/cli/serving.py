"""What the commands `serve` and `mcp` have in common: their options, and the settings that these make."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rlmlang.cli.functions import functions_of, functions_option
from rlmlang.cli.options import (
    guidance_of,
    guidance_option,
    leaf_model_option,
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

if TYPE_CHECKING:
    from rlmlang.serving.service import ServerSettings

F = TypeVar("F", bound=Callable[..., Any])


def _bytes(ctx: click.Context, param: click.Parameter, value: str) -> int:
    try:
        return int(amount(value, BYTES))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def service_options(port: int) -> Callable[[F], F]:
    """Add the options of servers, for one that listens on a port unless told otherwise."""
    own = [
        click.option(
            "--host", metavar="NAME", default="127.0.0.1", show_default=True, help="The address to listen on."
        ),
        click.option(
            "--port", metavar="N", type=click.IntRange(0, 65_535), default=port, show_default=True, help="The port."
        ),
        click.option("--keys", metavar="FILE", help="Who may ask, and how much: a table for each client."),
        click.option("--programs", metavar="FOLDER", help="Run the programs of a folder, by their names."),
        click.option("--allow-programs", is_flag=True, help="Run programs that clients send, too."),
        click.option(
            "--max-requests", metavar="N", type=click.IntRange(1), default=256, show_default=True,
            help="Requests at once.",
        ),
        click.option(
            "--max-body", metavar="SIZE", default="16 MB", show_default=True, callback=_bytes,
            help="The size of a request.",
        ),
        click.option(
            "--grace", metavar="SECONDS", type=click.FloatRange(0), default=10.0, show_default=True,
            help="When it is to stop, the time for requests that have begun.",
        ),
        model_option, leaf_model_option, writing_option, guidance_option, functions_option, store_options,
    ]  # fmt: skip

    def add(command: F) -> F:
        for option in reversed(own):
            command = option(command)
        return command

    return add


def service_settings(package: str, extra: str, **more: Any) -> ServerSettings:
    """Return the settings that the options of the current command make. Raises UsageError, ProgramError."""
    if find_spec(package) is None or find_spec("aiohttp") is None:
        raise UsageError.of("E607", f"serving needs the package {package}", hint=f"pip install 'rlmlang[{extra}]'")
    from rlmlang.serving.bodies import BodyLimits
    from rlmlang.serving.clients import Clients, read_keys
    from rlmlang.serving.programs import load_programs
    from rlmlang.serving.service import ServerSettings

    ctx, found = click.get_current_context(), find_settings()
    given = ctx.params
    model, functions = model_of(given["model"], found), functions_of(given["functions_file"])
    if model is None and given["programs"] is None:
        raise missing_model("there are no --programs to serve")
    settings = {
        "model": model,
        "models": models_of(given["leaf_model"], found),
        "place": store_for_run(given["store"], given["no_store"], found),
        "limits": limits_of(ctx, found, model),
        "prices": found.prices,
        "writing": given["writing"] or found.writing,
        "guidance": guidance_of(given["guidance"], found),
        "functions": functions,
        "programs": load_programs(given["programs"], functions) if given["programs"] else {},
        "clients": read_keys(given["keys"]) if given["keys"] else Clients(),
        "allow_programs": given["allow_programs"],
        "body": BodyLimits(given["max_body"]),
        "max_requests": given["max_requests"],
    }
    return ServerSettings(**settings | more)
