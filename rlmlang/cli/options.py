"""The options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from typing import Any, TypeVar, get_args
from urllib.parse import parse_qsl

import click
from attrs import fields_dict

from rlmlang.calls.limits import Limits
from rlmlang.calls.roles import LEAF
from rlmlang.calls.writing import Writing
from rlmlang.cli.files import read
from rlmlang.cli.settings import FILE, Settings, limit
from rlmlang.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])

LIMITS = {
    "max_calls": "Calls of the model.",
    "max_depth": "Levels of models below the program.",
    "max_prompt_tokens": "Tokens that the model reads.",
    "max_completion_tokens": "Tokens that the model writes.",
    "max_answer_tokens": "Tokens of one answer.",
    "repairs": "How often the model is asked again for an answer that is not of its type.",
    "max_cost": "Money, in US dollars.",
    "max_share": "Share of calls, tokens and money that one call may take, with all calls below it.",
    "max_seconds": "Wall time.",
    "max_steps": "Steps of the program's own work.",
    "max_bytes": "Size of any one value.",
    "max_function_calls": "Calls of functions of your own.",
    "concurrency": "Calls that run at once.",
}


def limit_options(command: Command, unlimited: Collection[str] = ()) -> Command:
    """Add `--max-calls` and the other limits, whose values are kept in `ctx.meta` for `limits_of`.

    The command has no limit of those that are `unlimited`, if none is given.
    """

    def note(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
        if value is not None and param.name is not None:
            try:
                ctx.meta[f"limit.{param.name}"] = limit(param.name, value)
            except ValueError as error:
                raise click.BadParameter(str(error), ctx, param) from error

    for name, text in reversed(LIMITS.items()):
        default = fields_dict(Limits)[name].default
        shown = "none" if default is None or name in unlimited else f"{default:,}"
        if name == "concurrency":
            shown = "set by the model"
        option = click.option(
            "--" + name.replace("_", "-"),
            metavar="N",
            callback=note,
            expose_value=False,
            help=f"{text}  [default: {shown}]",
        )
        command = option(command)
    return command


def limits_of(ctx: click.Context, settings: Settings, model: str | None) -> Limits:
    """Return the limits given by the options, else the settings, else the defaults for the model."""
    from rlmlang.models.registry import usual_limits

    return Limits(**{**usual_limits(model), **settings.limits, **limits_given(ctx)})


def limits_given(ctx: click.Context) -> dict[str, Any]:
    """Return the limits that options give."""
    return {name: ctx.meta[f"limit.{name}"] for name in LIMITS if f"limit.{name}" in ctx.meta}


store_option = click.option(
    "--store",
    metavar="PLACE",
    help="Where answers and runs are kept: a file, or a postgresql:// URL.  "
    "[default: rlmlang/store.db in $XDG_DATA_HOME or ~/.local/share]",
)


def store_options(command: Command) -> Command:
    """Add `--store` and `--no-store`."""
    without = "Neither keep answers nor use kept ones."
    return store_option(click.option("--no-store", is_flag=True, help=without)(command))


trace_option = click.option(
    "--trace",
    "trace_file",
    metavar="PATH",
    type=click.Path(),
    help="Write the events of the run to a file, one JSON object on each line (docs/trace.md).",
)


def model_of(option: str | None, settings: Settings) -> str | None:
    """Return the name of the model to use, if one is given anywhere.

    Raises UsageError E607 for a server that the settings do not allow, and for a model that only the user may name.
    """
    named = option or os.environ.get("RLMLANG_MODEL")
    return _permitted(named, settings.model, settings, "--model or in $RLMLANG_MODEL")


def models_of(leaf: str | None, settings: Settings) -> dict[str, str]:
    """Return the names of the models for parts of the work: that for direct answers, if one is given anywhere.

    Raises what `model_of` raises.
    """
    named = leaf or os.environ.get("RLMLANG_LEAF_MODEL")
    name = _permitted(named, settings.leaf_model, settings, "--leaf-model or in $RLMLANG_LEAF_MODEL")
    return {} if name is None else {LEAF: name}


def guidance_of(option: str | None, settings: Settings) -> str:
    """Return what models are told with every prompt, from the file that is named. Raises UsageError E604."""
    place = option or settings.guidance
    return "" if place is None else read(str(place)).strip()


def _permitted(named: str | None, configured: str | None, settings: Settings, how: str) -> str | None:
    """Return the name of a model: by the user, for which `how` says the ways, or by the settings.

    Raises UsageError E607.
    """
    name = named or configured
    if name is None:
        return None
    from rlmlang.models.registry import address_of
    from rlmlang.models.servers.endpoint import ALLOW, is_loopback, permit

    url = address_of(name)
    if url is not None and settings.allow is not None:
        permit(url, settings.allow, FILE)
    if not named:
        hint = f"name the model with {how}, if you trust it"
        if name.startswith("scripted:") and name.endswith(".py"):
            raise UsageError.of("E607", f"{FILE} names a model that is Python code: {name}", hint=hint)
        taken = {key for key, _ in parse_qsl(name.partition("?")[2], keep_blank_values=True)} & {"proxy", "ca"}
        if taken:
            raise UsageError.of(
                "E607", f"{FILE} names whom to trust on the way to a server: {', '.join(sorted(taken))}", hint=hint
            )
        known = url is None or is_loopback(url) or url == address_of(name.partition("@")[0])
        if not known and ALLOW not in os.environ:
            raise UsageError.of(
                "E607", f"{FILE} names a server: {url}", hint=f"{hint}; or allow the server in ${ALLOW}"
            )
    return name


input_option = click.option(
    "--input",
    "-i",
    "inputs",
    multiple=True,
    metavar="NAME=VALUE",
    help="An input: a value, @FILE, or - for standard input; text for str, JSON for every other type. "
    "Files may be tables and others (docs/data.md). NAME:=JSON is JSON for any type. A text that begins with @ is "
    "written with @@.",
)

text_input_option = click.option(
    "--input",
    "-i",
    "inputs",
    multiple=True,
    metavar="NAME=TEXT",
    help="An input: its text, @FILE, or - for standard input. Tables are lists of records, with the types of their "
    "columns (docs/data.md). NAME:=JSON gives another value than text. "
    "A text that begins with @ is written with @@.",
)

download_option = click.option(
    "--allow-download",
    is_flag=True,
    help="Let inputs be read from the web: @https://…, at most 200 MB and 2 minutes each.",
)


def _model_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of models for completion in shells, up to the path that follows."""
    from rlmlang.models.registry import available

    names = [form.partition(":")[0] + (":" if ":" in form else "") for form, *_ in available()]
    return [name for name in names if name.startswith(incomplete)]


program_argument = click.argument("file", type=click.Path(allow_dash=True))
model_option = click.option(
    "--model",
    "-m",
    metavar="MODEL",
    shell_complete=_model_names,
    help="The model, such as smollm2 or gguf:PATH (see `rlmlang models`).",
)
leaf_model_option = click.option(
    "--leaf-model",
    metavar="MODEL",
    shell_complete=_model_names,
    help="The model for direct answers, so that a cheap one reads where --model writes programs.  [default: --model]",
)
writing_option = click.option(
    "--writing",
    metavar="WAY",
    type=click.Choice(get_args(Writing)),
    help="How models write programs: by `statements`, each shown the values so far; in `turns` of a chat, each a block "
    "of statements; or `whole`.  [default: whichever suits the model]",
)
guidance_option = click.option(
    "--guidance",
    metavar="FILE",
    help="Your own instructions for the models, added to every prompt of the run.",
)
quiet_option = click.option(
    "--quiet", "-q", is_flag=True, help="Show neither the calls while they run nor the summary."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for other programs.")
