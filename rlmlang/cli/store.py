"""`rlmlang store`: look after the answers and runs that are kept."""

from __future__ import annotations

import click
from attrs import asdict

from rlmlang.cli import output
from rlmlang.cli.options import json_option, store_option
from rlmlang.cli.runs import opened_store
from rlmlang.cli.units import BYTES, SECONDS, amount
from rlmlang.errors import UsageError
from rlmlang.render import counted
from rlmlang.storage import upkeep


@click.group("store")
def command() -> None:
    """Look after the store: answers, runs and their traces.

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
    """Show what the store contains, and its size.

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
    """Check the answers and the file for damage.

    Every answer is compared with its digest. The exit code is 1 if anything is damaged. A damaged
    answer is never used; the model is asked again when it is needed.

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
        click.echo("damaged" if damaged else "intact", err=True)
    return 1 if damaged else 0


@command.command()
@click.option("--older-than", metavar="AGE", help="Remove what was not used for this long: 90d, 12h, 30m.")
@click.option(
    "--max-size", metavar="SIZE", help="Remove the least recently used until this size is reached: 2GB, 500MB."
)
@store_option
@json_option
def gc(older_than: str | None, max_size: str | None, store: str | None, as_json: bool) -> None:
    """Remove old answers and runs, and free their space.

    \b
    Examples:
      rlmlang store gc --older-than 30d
      rlmlang store gc --max-size 1GB
    """
    age, size = _amount("--older-than", older_than, SECONDS), _amount("--max-size", max_size, BYTES)
    if age is None and size is None:
        raise UsageError.of("E607", "there is no rule for what to remove", hint="give --older-than or --max-size")
    with opened_store(store) as kept:
        done = upkeep.collect(kept, age, None if size is None else int(size))
    if as_json:
        output.write_json(asdict(done))
    else:
        removed = f"{counted(done.answers, 'answer')} and {counted(done.runs, 'run')}"
        click.echo(f"removed {removed}; freed {done.freed_bytes:,} bytes")


@command.command()
@store_option
def export(store: str | None) -> None:
    """Print all answers and runs, one JSON object on each line.

    \b
    Example:
      rlmlang store export > store.jsonl
    """
    with opened_store(store) as kept:
        for line in upkeep.export(kept):
            output.write_text(line)


def _amount(option: str, text: str | None, units: dict[str, int]) -> float | None:
    """Return the amount that an option gives. Raises UsageError E607."""
    try:
        return None if text is None else amount(text, units)
    except ValueError as error:
        raise UsageError.of("E607", f"{option} is {error}") from error
