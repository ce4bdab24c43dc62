"""`rlmlang complete`: a text that the model writes, with calls of itself in it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from rlmlang.budget import Account, Usage
from rlmlang.cli import output
from rlmlang.cli.failures import as_error
from rlmlang.cli.files import read_given
from rlmlang.cli.options import (
    input_option,
    json_option,
    limit_options,
    limits_of,
    model_of,
    model_option,
    write_option,
)
from rlmlang.cli.run import no_model, store_of, summary, usage_json
from rlmlang.cli.settings import find_settings
from rlmlang.errors import RlmError
from rlmlang.inline import Completion, acompletion
from rlmlang.trace import Trace
from rlmlang.values import to_json


@click.command("complete")
@click.argument("prompt")
@input_option
@click.option("--start", metavar="TEXT", default="", help="What the text begins with; the model goes on from there.")
@click.option("--max-tokens", metavar="N", type=click.IntRange(1), help="Of the text.  [default: --max-answer-tokens]")
@model_option
@write_option
@click.option("--store", metavar="PATH", type=click.Path(), help="The file that keeps answers.")
@click.option("--no-store", is_flag=True, help="Keep no answers, and use none kept before.")
@click.option("--show-program", is_flag=True, help="Print the calls as a program too, on standard error.")
@click.option("--quiet", "-q", is_flag=True, help="Show neither the calls while they run nor the summary.")
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
    show_program: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Let a model write a text, and call itself in it.

    Where it writes CALL("instruction", name), the call is made at once, and its answer put behind it;
    the model goes on from there. Of the inputs, which are text, it sees names, sizes and beginnings.
    With --max-depth 0 there are no calls; with more than 1, calls may be answered by programs.

    \b
    Examples:
      rlmlang complete "What is the letter about?" -i letter=@letter.txt -m smollm2
      rlmlang complete "Sum it up." -i book=@book.txt -m smollm2 --start 'In short: CALL("Sum up", book[:2000]'
    """
    trace = Trace()
    account: Account | None = None
    done: Completion | None = None
    failure: RlmError | None = None
    named: str | None = None
    try:
        settings = find_settings()
        account = Account(limits_of(ctx, settings))
        named = model_of(model, settings)
        if named is None:
            raise no_model()
        options: dict[str, Any] = {
            "model": named,
            "inputs": read_given(inputs, ""),
            "start": start,
            "max_tokens": max_tokens,
            "store": None if no_store else store_of(store, settings),
            "writing": writing,
        }
        done = asyncio.run(_written(prompt, trace, account, not quiet and sys.stderr.isatty(), options))
    except (Exception, KeyboardInterrupt) as error:
        failure = as_error(error)
    usage = account.usage if account else Usage()
    if as_json:
        told: dict[str, Any] = {"run_id": trace.run_id}
        if failure is not None:
            told["error"] = output.error_json(failure)
        if done is not None:
            told |= {"response": done.response, "values": to_json(done.values), "program": done.program}
            told["finish"] = done.finish
        output.write_json(told | {"usage": usage_json(usage)})
        return failure.exit_code if failure else 0
    if done is not None:
        output.write_text(done.response)
        if show_program:
            click.echo(output.visible(done.program), err=True)
        if done.finish == "length" and not quiet:
            click.echo("the text was cut off at its limit; raise --max-tokens", err=True)
    if failure is not None:
        output.show_error(failure)
    if usage.calls and not quiet:
        click.echo(summary(usage), err=True)
    return failure.exit_code if failure else 0


async def _written(prompt: str, trace: Trace, account: Account, watched: bool, options: dict[str, Any]) -> Completion:
    if not watched:
        return await acompletion(prompt, trace=trace, account=account, **options)
    from rlmlang.cli.live import watch

    async with watch("the text", trace, account):
        return await acompletion(prompt, trace=trace, account=account, **options)
