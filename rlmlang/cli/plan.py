"""`rlmlang plan`: what a run must and may cost, before it."""

from __future__ import annotations

import asyncio

import click

from rlmlang.budget import Limits
from rlmlang.check import check
from rlmlang.check.checked import Checked
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
from rlmlang.cost import Cost, Interval, estimate
from rlmlang.inputs import bind_inputs, read_inputs
from rlmlang.models import open_model


@click.command("plan")
@program_argument
@input_option
@model_option
@json_option
@limit_options
@click.pass_context
def command(ctx: click.Context, file: str, inputs: tuple[str, ...], model: str | None, as_json: bool) -> None:
    """Show what a run must cost at least, and may cost at most. No model is called.

    With a model, its tokenizer counts the prompts.

    \b
    Examples:
      rlmlang plan article.rlm --input document=@article.txt
      rlmlang plan article.rlm --input document=@article.txt --model smollm2 --json
    """
    settings = find_settings()
    checked = check(read_source(file))
    limits = limits_of(ctx, settings)
    cost = asyncio.run(_estimate(checked, read_given(inputs, file), limits, model_of(model, settings)))
    if as_json:
        output.write_json(cost.to_json())
        return
    for name in ("calls", "depth", "prompt_tokens", "completion_tokens"):
        click.echo(f"{name.replace('_', ' '):17}  {_between(getattr(cost, name))}")
    if cost.sites:
        click.echo()
    for span, calls in cost.sites:
        unit = "call" if calls == (1, 1) else "calls"
        click.echo(f"{span.source.name}:{span.line}  {_between(calls)} {unit}  {output.one_line(span.text, 60)}")


async def _estimate(checked: Checked, given: dict[str, str], limits: Limits, name: str | None) -> Cost:
    values = bind_inputs(checked, read_inputs(checked, given))
    if name is None:
        return estimate(checked, values, limits)
    model = open_model(name)
    try:
        return estimate(checked, values, limits, model)
    finally:
        await model.aclose()


def _between(interval: Interval) -> str:
    low, high = interval
    return f"{low:,}" if low == high else f"{low:,} to {'any number' if high is None else f'{high:,}'}"
