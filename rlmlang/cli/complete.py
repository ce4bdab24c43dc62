"""`rlmlang complete`: have the model write a text in which it may call itself."""

from __future__ import annotations

from typing import Any

import click

from rlmlang.api import Completion, acomplete
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
from rlmlang.runtime.values import to_json


@click.command("complete")
@click.argument("prompt")
@text_input_option
@download_option
@click.option("--start", metavar="TEXT", default="", help="The beginning of the text, which may contain calls.")
@click.option(
    "--max-tokens",
    metavar="N",
    type=click.IntRange(1),
    help="At most so many tokens of text.  [default: --max-answer-tokens]",
)
@model_option
@leaf_model_option
@writing_option
@guidance_option
@functions_option
@store_options
@trace_option
@click.option("--show-program", is_flag=True, help="Print the calls as a program too, on standard error.")
@quiet_option
@json_option
@limit_options
@click.pass_context
def command(
    ctx: click.Context,
    prompt: str,
    inputs: tuple[str, ...],
    allow_download: bool,
    start: str,
    max_tokens: int | None,
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
    """Have the model write a text in which it may call itself.

    Where it writes CALL("instruction", name), the call is made at once and its answer inserted;
    the model continues after it. The functions of --functions are called likewise. A call that does
    not work is written again; after three attempts, the error is inserted in place of the answer. Of
    the inputs the model sees names, sizes and beginnings. With --max-depth above 1, calls may be
    answered by programs; with 0 there are no calls, and the model sees the whole inputs.

    \b
    Examples:
      rlmlang complete "What is the letter about?" -i letter=@letter.txt -m smollm2
      rlmlang complete "Sum it up." -i book=@book.txt -m smollm2 --start 'In short: CALL("Sum up", book[:2000]'
    """
    attempt = Attempt(
        need="a model writes the text"
    )  # which is not resumable: texts are not kept while they are written
    with attempt.caught():
        settings = find_settings()
        name = model_of(model, settings)
        models = models_of(leaf_model, settings)
        limits = limits_of(ctx, settings, name)
        if name is None:
            raise missing_model(attempt.need)
        place = store_for_run(store, no_store, settings)
        found = read_given(inputs, "")
        given, functions = found.values(allow_download=allow_download), functions_of(functions_file)
        attempt.run(
            lambda: acomplete(
                prompt, given, start=start, max_tokens=max_tokens, model=name, models=models, store=place,
                limits=limits, prices=settings.prices, writing=writing or settings.writing,
                guidance=guidance_of(guidance, settings), functions=functions, trace=attempt.trace,
            ),
            "the text", quiet, trace_file,
        )  # fmt: skip
    done, first = attempt.result, attempt.trace.first
    if isinstance(done, Completion):
        program = done.program.source.text
        if as_json:
            return attempt.end(quiet, as_json, answers=to_json(done.answers), program=program, finish=done.finish)
        if show_program:
            click.echo(output.visible(program), err=True)
        if done.finish == "length" and not quiet:
            click.echo("the text was truncated at its limit; raise --max-tokens", err=True)
    elif as_json:
        return attempt.end(quiet, as_json, partial=first.program if first else None)
    elif first is not None and first.program:
        click.echo(output.visible(first.program), err=True)
    return attempt.end(quiet, as_json)
