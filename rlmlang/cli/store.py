"""`rlmlang store`: what is kept across runs."""

from __future__ import annotations

import click
from attrs import asdict

from rlmlang.cli import output
from rlmlang.cli.options import json_option, store_option
from rlmlang.cli.runs import opened_store
from rlmlang.cli.units import BYTES, SECONDS, amount
from rlmlang.errors import UsageError
from rlmlang.storage import upkeep


@click.group("store")
def command() -> None:
    """Look after what is kept across runs: answers, runs and their traces.

    \b
    Examples:
      rlmlang store stats
      rlmlang store gc --older-than 30d
      rlmlang store export > answers.jsonl
    """


@command.command()
@store_option
@json_option
def stats(store: str | None, as_json: bool) -> None:
    """Show what the store holds, and how large it is.

    \b
    Example:
      rlmlang store stats --json
    """
    with opened_store(store) as kept:
        found = asdict(upkeep.stats(kept))
    if as_json:
        output.write_json(found)
        return
    for name, value in found.items():
        shown = value if isinstance(value, str) else f"{value:,}"
        click.echo(f"{name.replace('_', ' '):13}  {output.visible(shown)}")


@command.command()
@store_option
@json_option
def verify(store: str | None, as_json: bool) -> int:
    """Check every answer against its digest, and the file itself; exit with 1 if something is damaged.

    What is damaged is never used; it is made again when it is needed.

    \b
    Example:
      rlmlang store verify
    """
    with opened_store(store) as kept:
        damaged = upkeep.verify(kept)
    if as_json:
        output.write_json({"damaged": damaged})
    else:
        for what in damaged:
            click.echo(f"damaged: {output.visible(what)}")
        click.echo("damaged" if damaged else "whole", err=True)
    return 1 if damaged else 0


@command.command()
@click.option("--older-than", metavar="AGE", help="Drop what was not used for so long: 90d, 12h, 30m.")
@click.option("--max-size", metavar="SIZE", help="Drop what was used longest ago until it fits: 2GB, 500MB.")
@store_option
@json_option
def gc(older_than: str | None, max_size: str | None, store: str | None, as_json: bool) -> None:
    """Drop old answers and runs, and give back their space.

    \b
    Examples:
      rlmlang store gc --older-than 30d
      rlmlang store gc --max-size 1GB
    """
    age, size = _amount("--older-than", older_than, SECONDS), _amount("--max-size", max_size, BYTES)
    if age is None and size is None:
        raise UsageError.of("E607", "nothing says what may go", hint="give --older-than or --max-size")
    with opened_store(store) as kept:
        done = upkeep.collect(kept, age, None if size is None else int(size))
    if as_json:
        output.write_json(asdict(done))
    else:
        click.echo(
            f"dropped {done.answers:,} answers and {done.runs:,} runs; {done.freed_bytes:,} bytes are free again"
        )


@command.command()
@store_option
def export(store: str | None) -> None:
    """Print all answers and runs, a JSON object on a line.

    \b
    Example:
      rlmlang store export > store.jsonl
    """
    with opened_store(store) as kept:
        for line in upkeep.export(kept):
            output.write_text(line)


def _amount(option: str, text: str | None, units: dict[str, int]) -> float | None:
    """What an option gives. Raises UsageError E607."""
    try:
        return None if text is None else amount(text, units)
    except ValueError as error:
        raise UsageError.of("E607", f"{option} is {error}") from error
