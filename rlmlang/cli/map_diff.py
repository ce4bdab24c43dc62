"""`rlmlang map diff`: compare the results of two maps."""

from __future__ import annotations

import click

from rlmlang.cli import output
from rlmlang.cli.options import json_option
from rlmlang.mapping.compare import SHOWN, RowOutcome, compare
from rlmlang.mapping.results_file import read_results
from rlmlang.render import counted

WIDTH = 36
"""Characters of a value in the table."""


@click.command("diff")
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@json_option
def command(a: str, b: str, as_json: bool) -> None:
    """Compare the results of two maps of the same rows.

    A and B are results files of any format. Rows are compared by their numbers; where both
    are scored, it says how many became right or wrong, and how likely that is by chance.

    \b
    Examples:
      rlmlang map diff before.jsonl after.jsonl
      rlmlang map diff before.csv after.parquet --json
    """
    found = compare(read_results(a), read_results(b))
    if as_json:
        output.write_json(found.to_json())
        return
    click.echo(f"{counted(found.same, 'row')} the same, {len(found.changed):,} changed")
    if found.better or found.worse:
        click.echo(
            f"{found.better:,} got right, {found.worse:,} got wrong; "
            f"by chance so unequal with a probability of {found.chance:.2g}"
        )
    for count, name in ((found.only_before, a), (found.only_after, b)):
        if count:
            click.echo(f"{counted(count, 'row')} only in {name}")
    worst_first = sorted(found.changed, key=lambda change: (change.gain, change.row))
    for change in worst_first[:SHOWN]:
        mark = "-" if change.gain < 0 else "+" if change.gain > 0 else " "
        click.echo(f"{mark} row {change.row:<8,} {_shown(change.before)} -> {_shown(change.after)}")
    if len(worst_first) > SHOWN:
        click.echo(f"  and {len(worst_first) - SHOWN:,} more; --json lists them")


def _shown(outcome: RowOutcome) -> str:
    return output.one_line(outcome.value, WIDTH) or "nothing"
