"""`rlmlang plan`: show what a run can cost, before it is made."""

from __future__ import annotations

from decimal import Decimal

import click

from rlmlang.api import Program
from rlmlang.calls.prices import money
from rlmlang.cli import output
from rlmlang.cli.files import read_given, read_source
from rlmlang.cli.options import (
    download_option,
    guidance_of,
    guidance_option,
    input_option,
    json_option,
    leaf_model_option,
    limit_options,
    limits_of,
    model_of,
    model_option,
    models_of,
    program_argument,
)
from rlmlang.cli.settings import find_settings
from rlmlang.language.check import check
from rlmlang.runtime.estimate import Interval, Money, SiteCost


@click.command("plan")
@program_argument
@input_option
@download_option
@model_option
@leaf_model_option
@guidance_option
@json_option
@limit_options
@click.pass_context
def command(
    ctx: click.Context,
    file: str,
    inputs: tuple[str, ...],
    allow_download: bool,
    model: str | None,
    leaf_model: str | None,
    guidance: str | None,
    as_json: bool,
) -> None:
    """Show what a run costs at least and at most. No model is called.

    With a model, its tokenizer counts the tokens of prompts, and its price in rlmlang.toml
    gives the money.

    \b
    Examples:
      rlmlang plan article.rlm --input document=@article.txt
      rlmlang plan article.rlm --input document=@article.txt --model smollm2 --json
    """
    settings = find_settings()
    program = Program(check(read_source(file)))
    name = model_of(model, settings)
    models = models_of(leaf_model, settings)
    limits = limits_of(ctx, settings, name)
    found = read_given(inputs, file)
    given = found.values(program.checked, allow_download)
    cost = program.cost(
        given,
        model=name,
        models=models,
        limits=limits,
        prices=settings.prices,
        guidance=guidance_of(guidance, settings),
    )
    if as_json:
        output.write_json(cost.to_json())
        return
    shown = ("calls", "depth", "prompt_tokens", "completion_tokens", "cost", "steps", "bytes")
    for what in (*shown, *(["function_calls"] if program.checked.host else [])):
        click.echo(f"{what.replace('_', ' '):17}  {_between(getattr(cost, what))}")
    if cost.model is not None and cost.sites:
        click.echo(f"{'answered by':17}  {output.one_line(cost.model, 80)}")
    for site in cost.sites:
        span = site.span
        click.echo(f"\n{span.source.name}:{span.line}: {output.one_line(span.text, 80)}\n    {_shown(site)}")
    for each in cost.functions:
        span = each.span
        parts = [f"{_between(each.calls)} of a function of the host", *([_SEQUENTIAL] if each.sequential else [])]
        click.echo(f"\n{span.source.name}:{span.line}: {output.one_line(span.text, 80)}\n    {', '.join(parts)}")


_SEQUENTIAL = "one after the other, since the loop may end after any turn"


def _shown(site: SiteCost) -> str:
    """Return what is known of a CALL in the text, on a line."""
    parts = [f"{_between(site.calls)} call{'' if site.calls == (1, 1) else 's'}"]
    parts += [f"{_between(site.prompt_tokens)} tokens in"] if site.prompt_tokens[1] is not None else []
    parts += [f"{_between(site.completion_tokens)} tokens out"] if site.completion_tokens[1] is not None else []
    parts += [_between(site.cost)] if site.cost[1] else []
    parts += [_SEQUENTIAL] if site.sequential else []
    return ", ".join(parts)


def _between(interval: Interval | Money) -> str:
    low, *high = (money(end) if isinstance(end, Decimal) else f"{end:,}" for end in interval if end is not None)
    return f"{low} or more" if not high else low if low == high[0] else f"{low} to {high[0]}"
