"""`rlmlang complete`: a text that the model writes, with calls of itself in it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import click

from rlmlang.calls.budget import Account, Usage
from rlmlang.calls.inline import Completion, acompletion
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
from rlmlang.cli.run import failed, no_model, store_with_room, summary, watched
from rlmlang.cli.settings import find_settings
from rlmlang.errors import RlmError
from rlmlang.runtime.values import to_json
from rlmlang.trace.recorder import Trace


@click.command("complete")
@click.argument("prompt")
@input_option
@click.option("--start", metavar="TEXT", default="", help="What the text begins with; calls may stand in it.")
@click.option("--max-tokens", metavar="N", type=click.IntRange(1), help="Of the text.  [default: --max-answer-tokens]")
@model_option
@write_option
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
    start: str,
    max_tokens: int | None,
    model: str | None,
    writing: Any,
    store: str | None,
    no_store: bool,
    trace_file: str | None,
    show_program: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Let a model write a text, and call itself in it.

    Where it writes CALL("instruction", name), the call is made at once, and its answer put behind it;
    the model goes on from there. A call that does not work is written again; after three attempts,
    what is wrong stands in the place of the answer. Of the inputs, which are text, the model sees
    names, sizes and beginnings. With --max-depth more than 1, calls may be answered by programs; with 0
    there are none, and the model is shown the inputs whole.

    \b
    Examples:
      rlmlang complete "What is the letter about?" -i letter=@letter.txt -m smollm2
      rlmlang complete "Sum it up." -i book=@book.txt -m smollm2 --start 'In short: CALL("Sum up", book[:2000]'
    """
    trace = Trace(keep=False)
    account: Account | None = None
    done: Completion | None = None
    failure: RlmError | None = None
    options: dict[str, Any] = {}
    try:
        settings = find_settings()
        name = model_of(model, settings)
        account = Account(limits_of(ctx, settings, name))
        options |= {"model": name, "writing": writing, "prices": settings.prices}
        if options["model"] is None:
            raise no_model()
        options["store"] = store_with_room(store, no_store, settings)
        given = read_given(inputs, "")
        options |= {"inputs": given, "start": start, "max_tokens": max_tokens, "trace": trace, "account": account}
        work = partial(acompletion, prompt, **options)
        done = asyncio.run(watched(work, "the text", trace, account, quiet, trace_file))
    except (Exception, KeyboardInterrupt) as error:
        failure = failed(error, trace, {"model": options.get("model")})  # texts are not resumed
    usage = account.usage if account else Usage()
    so_far = trace.first.program if trace.first else None
    if as_json:
        told: dict[str, Any] = {"run_id": trace.run_id}
        if failure is not None:
            told |= {"error": output.error_json(failure), "response": so_far}
        if done is not None:
            told |= {"response": done.response, "values": to_json(done.values), "program": done.program}
            told["finish"] = done.finish
        output.write_json(told | {"usage": usage.to_json()})
        return failure.exit_code if failure else 0
    if done is not None:
        output.write_text(done.response)
        if show_program:
            click.echo(output.visible(done.program), err=True)
        if done.finish == "length" and not quiet:
            click.echo("the text was cut off at its limit; raise --max-tokens", err=True)
    if failure is not None:
        if so_far:
            click.echo(output.visible(so_far), err=True)
        output.show_error(failure)
    if usage.calls and not quiet:
        click.echo(summary(usage), err=True)
    return failure.exit_code if failure else 0
