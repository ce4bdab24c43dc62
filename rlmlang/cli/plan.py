"""`rlmlang plan`: what a run must and may cost, before it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import click

from rlmlang.calls.budget import Limits
from rlmlang.calls.prices import Prices, price_of
from rlmlang.cli import output
from rlmlang.cli.files import read_given, read_source
from rlmlang.cli.options import (
    input_option,
    json_option,
    limit_options,
    limits_of,
    model_of,
    model_option,
    program_argument,
)
from rlmlang.cli.settings import find_settings
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked
from rlmlang.models.registry import open_model
from rlmlang.runtime.estimate import Cost, Interval, Money, SiteCost, estimate
from rlmlang.runtime.inputs import bind_inputs, read_inputs


@click.command("plan")
@program_argument
@input_option
@model_option
@json_option
@limit_options
@click.pass_context
def command(ctx: click.Context, file: str, inputs: tuple[str, ...], model: str | None, as_json: bool) -> None:
    """Show what a run must cost at least, and may cost at most. No model is called.

    With a model, its tokenizer counts the prompts, and its price in rlmlang.toml the money.

    \b
    Examples:
      rlmlang plan article.rlm --input document=@article.txt
      rlmlang plan article.rlm --input document=@article.txt --model smollm2 --json
    """
    settings = find_settings()
    checked = check(read_source(file))
    name = model_of(model, settings)
    limits = limits_of(ctx, settings, name)
    cost = asyncio.run(_estimate(checked, read_given(inputs, file), limits, name, settings.prices))
    if as_json:
        output.write_json(cost.to_json())
        return
    for name in ("calls", "depth", "prompt_tokens", "completion_tokens", "cost", "steps", "bytes"):
        click.echo(f"{name.replace('_', ' '):17}  {_between(getattr(cost, name))}")
    for site in cost.sites:
        span = site.span
        click.echo(f"\n{span.source.name}:{span.line}: {output.one_line(span.text, 80)}\n    {_shown(site)}")


def _shown(site: SiteCost) -> str:
    """What is known of a place that calls."""
    parts = [f"{_between(site.calls)} call{'' if site.calls == (1, 1) else 's'}"]
    parts += [f"{_between(site.prompt_tokens)} tokens in"] if site.prompt_tokens[1] is not None else []
    parts += [f"{_between(site.completion_tokens)} tokens out"] if site.completion_tokens[1] is not None else []
    parts += [_between(site.cost)] if site.cost[1] else []
    return ", ".join(parts)


async def _estimate(checked: Checked, given: dict[str, str], limits: Limits, name: str | None, prices: Prices) -> Cost:
    values = bind_inputs(checked, read_inputs(checked, given))
    if name is None:
        return estimate(checked, values, limits)
    model = open_model(name)
    try:
        return estimate(checked, values, limits, model, price_of(model, prices))
    finally:
        await model.aclose()


def _between(interval: Interval | Money) -> str:
    low, *high = (output.money(end) if isinstance(end, Decimal) else f"{end:,}" for end in interval if end is not None)
    return f"{low} or more" if not high else low if low == high[0] else f"{low} to {high[0]}"
