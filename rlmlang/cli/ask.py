"""`rlmlang ask`: have the model write a program that answers a question."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import click

from rlmlang.api import QUESTION_SOURCE, Result, aask
from rlmlang.cli import output
from rlmlang.cli.files import read_given
from rlmlang.cli.functions import functions_of, functions_option
from rlmlang.cli.options import (
    download_option,
    guidance_of,
    guidance_option,
    json_option,
    leaf_model_option,
    limit_options,
    limits_of,
    model_of,
    model_option,
    models_of,
    quiet_option,
    store_options,
    text_input_option,
    trace_option,
    writing_option,
)
from rlmlang.cli.running import Attempt, missing_model, store_for_run
from rlmlang.cli.settings import find_settings
from rlmlang.errors import UsageError
from rlmlang.sessions import Session


@click.command("ask")
@click.argument("question")
@text_input_option
@download_option
@click.option("--session", metavar="NAME", help="Continue from the inputs, variables and answers of earlier questions.")
@click.option("--type", "type_", metavar="TYPE", default="str", show_default=True, help="The type of the answer.")
@model_option
@leaf_model_option
@writing_option
@guidance_option
@functions_option
@store_options
@trace_option
@click.option("--show-program", is_flag=True, help="Print the program too, on standard error.")
@quiet_option
@json_option
@limit_options
@click.pass_context
def command(
    ctx: click.Context,
    question: str,
    inputs: tuple[str, ...],
    session: str | None,
    allow_download: bool,
    type_: str,
    model: str | None,
    leaf_model: str | None,
    writing: Any,
    guidance: str | None,
    functions_file: str | None,
    store: str | None,
    no_store: bool,
    trace_file: str | None,
    show_program: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Answer a question by a program that the model writes.

    The model sees the inputs' names, types, sizes and
    beginnings; its program reads them, and may call the model on parts of them. --max-depth
    counts the levels below this program: with 1 (the default) its calls are answered directly,
    with more by programs; with 0 there is no program, and the model answers the question itself.

    \b
    Examples:
      rlmlang ask "How many chapters are there?" --input book=@book.txt --type int -m smollm2
      rlmlang ask "Who wrote this?" -i letter=@letter.txt -m gguf:model.gguf --json
      rlmlang ask "Who are the parties?" -i contract=@contract.pdf -m smollm2 --session contract
      rlmlang ask "Which of them may terminate?" -m smollm2 --session contract
      rlmlang ask "Which amounts are odd?" -i rows=@rows.xlsx -m smollm2
    """
    attempt = Attempt(need="a model answers the question")
    with attempt.caught():
        settings = find_settings()
        name = model_of(model, settings)
        models = models_of(leaf_model, settings)
        limits = limits_of(ctx, settings, name)
        functions = functions_of(functions_file)
        found = read_given(inputs, "")
        given = found.values(allow_download=allow_download)
        if name is None:
            raise missing_model(attempt.need)
        place = store_for_run(store, no_store, settings)
        attempt.is_resumable = place is not None
        asking: Callable[..., Coroutine[Any, Any, Result]] = partial(aask, store=place)
        if session is not None:
            if place is None:
                raise UsageError.of(
                    "E607", "a session is kept in a store, and there is none", hint="leave out --no-store"
                )
            asking = Session(session, store=place).aask
            attempt.again = "ask again in the session"  # a run that is resumed binds nothing there
        attempt.run(
            lambda: asking(
                question, given, type=type_, model=name, models=models, limits=limits,
                prices=settings.prices, writing=writing or settings.writing, guidance=guidance_of(guidance, settings),
                functions=functions, trace=attempt.trace,
            ),
            QUESTION_SOURCE, quiet, trace_file,
        )  # fmt: skip
    span = None if attempt.failure is None else attempt.failure.first.span
    if attempt.failure is not None and span is not None and span.source.name == QUESTION_SOURCE:
        attempt.failure = attempt.failure.without_place()
    written = attempt.trace.first.program if attempt.trace.first else None
    if show_program and written and not as_json:
        click.echo(output.visible(written), err=True)
    return attempt.end(quiet, as_json, program=written)
