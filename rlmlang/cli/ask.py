"""`rlmlang ask`: a question answered by a program that the model writes."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import click
from attrs import evolve

from rlmlang.api import Program, Result
from rlmlang.calls.budget import Account, Usage
from rlmlang.cli import output
from rlmlang.cli.files import read_given
from rlmlang.cli.options import (
    input_option,
    json_option,
    limit_options,
    limits_of,
    model_of,
    model_option,
    quiet_option,
    store_options,
    trace_option,
    write_option,
)
from rlmlang.cli.run import failed, outcome, show, store_with_room, watched
from rlmlang.cli.settings import find_settings
from rlmlang.errors import RlmError, UsageError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.trace.recorder import Trace

QUESTION = "question__"
"""The input that the question is given as; no program binds such a name."""


@click.command("ask")
@click.argument("question")
@input_option
@click.option("--type", "wanted", metavar="TYPE", default="str", show_default=True, help="The type of the answer.")
@model_option
@write_option
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
    wanted: str,
    model: str | None,
    writing: Any,
    store: str | None,
    no_store: bool,
    trace_file: str | None,
    show_program: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Let a model write a program that answers a question, and run it.

    The model sees the inputs' names, types, sizes and beginnings; its program reads them, and may
    call the model on parts of them. --max-depth counts the levels below this program: with 1
    (the default) its calls are answered directly, with more by programs; with 0 there is no
    program, and the model answers the question itself.
    Inputs are text.

    \b
    Examples:
      rlmlang ask "How many chapters are there?" --input book=@book.txt --type int -m smollm2
      rlmlang ask "Who wrote this?" -i letter=@letter.txt -m gguf:model.gguf --json
    """
    trace = Trace(keep=False)
    account: Account | None = None
    result: Result | None = None
    failure: RlmError | None = None
    options: dict[str, Any] = {}
    try:
        settings = find_settings()
        name = model_of(model, settings)
        limits = limits_of(ctx, settings, name)
        account = Account(evolve(limits, max_depth=limits.max_depth + 1), share_from=2)
        given = read_given(inputs, "")
        program = asking(list(given), wanted)
        options |= {"model": name, "writing": writing, "prices": settings.prices}
        options["store"] = store_with_room(store, no_store, settings)
        values: dict[str, object] = {QUESTION: question, **given}
        work = partial(program.arun, values, trace=trace, account=account, command="ask", **options)
        result = asyncio.run(watched(work, program.source.name, trace, account, quiet, trace_file))
    except (Exception, KeyboardInterrupt) as error:
        failure = failed(error, trace, options)
    usage = account.usage if account else Usage()
    written = trace.first.program if trace.first else None
    if as_json:
        output.write_json(
            {"run_id": trace.run_id} | outcome(result, failure) | {"program": written, "usage": usage.to_json()}
        )
    else:
        if show_program and written:
            click.echo(output.visible(written), err=True)
        show(result, failure, None if quiet or not trace.count else usage)
    return failure.exit_code if failure else 0


def asking(names: list[str], wanted: str) -> Program:
    """The program of one call that a program answers."""
    if QUESTION in names:
        raise UsageError.of("E607", f"an input cannot be named {QUESTION}")
    declared = "".join(f"{name}: str\n" for name in names)
    arguments = "".join(f", {name}={name}" for name in names)
    text = f"{declared}{QUESTION}: str\nCALL[{wanted}]({QUESTION}{arguments})\n"
    return Program(check(Source(text, "the question")))
