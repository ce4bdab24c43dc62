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
    limits_given,
    limits_of,
    model_of,
    model_option,
    models_of,
    program_argument,
)
from rlmlang.cli.settings import find_settings
from rlmlang.data import rows as rows_at
from rlmlang.errors import UsageError
from rlmlang.language.check import check
from rlmlang.mapping.planning import SUMS, RowsCost
from rlmlang.runtime.estimate import Interval, Money, SiteCost


@click.command("plan")
@program_argument
@input_option
@click.option("--rows", metavar="ROWS", help="Plan a map over the rows of this file, as `rlmlang map` makes it.")
@click.option(
    "--sample", metavar="N", type=click.IntRange(1), help="Look at so many of the rows.  [default: at all of them]"
)
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
    rows: str | None,
    sample: int | None,
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
      rlmlang plan classify.rlm --rows tickets.csv --sample 1000 --model smollm2
    """
    settings = find_settings()
    program = Program(check(read_source(file)))
    name = model_of(model, settings)
    models = models_of(leaf_model, settings)
    found = read_given(inputs, file)
    given = found.values(program.checked, allow_download)
    if rows is None and sample is not None:
        raise UsageError.of("E607", "there are no rows to look at a sample of", hint="name their file: --rows ROWS")
    if rows is not None:
        mapped = program.map(
            rows_at(rows, download=allow_download), given, model=name, models=models, prices=settings.prices,
            limits={**settings.limits, **limits_given(ctx)}, guidance=guidance_of(guidance, settings),
        )  # fmt: skip
        _show_rows(mapped.cost(sample), as_json)
        return
    limits = limits_of(ctx, settings, name)
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


def _show_rows(cost: RowsCost, as_json: bool) -> None:
    """Print what the rows of a data set take."""
    if as_json:
        output.write_json(cost.to_json())
        return
    sample = f"; what follows is about right, from a sample of {cost.looked_at:,}" if cost.is_sample else ""
    click.echo(f"{'rows':17}  {cost.rows:,}{sample}")
    for count, what in ((cost.unfit, "do not fit the inputs"), (cost.failing, "fail whatever a model answers")):
        if count:
            click.echo(f"{'':17}  {count:,} of them {what}")
    for what in SUMS:
        click.echo(f"{what.replace('_', ' '):17}  {_between(cost.of(what))}")


_SEQUENTIAL = "one after the other, since the loop may end after any turn"


def _shown(site: SiteCost) -> str:
    """Return what is known of a CALL in the text, on a line."""
    parts = [f"{_between(site.calls)} call{'' if site.calls == (1, 1) else 's'}"]
    parts += [f"{_between(site.prompt_tokens)} tokens in"] if site.prompt_tokens[1] is not None else []
    parts += [f"{_between(site.completion_tokens)} tokens out"] if site.completion_tokens[1] is not None else []
    parts += [_between(site.cost)] if site.cost[1] else []
    parts += [_SEQUENTIAL] if site.sequential else []
    return ", ".join(parts)


def _between(interval: Interval | Money | tuple[int | Decimal, int | Decimal | None]) -> str:
    low, *high = (money(end) if isinstance(end, Decimal) else f"{end:,}" for end in interval if end is not None)
    return f"{low} or more" if not high else low if low == high[0] else f"{low} to {high[0]}"
