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
from rlmlang.storage.runs import find_run


@click.group("store")
def command() -> None:
    """Look after the store: answers, runs and their traces.

    \b
    Examples:
      rlmlang store stats
      rlmlang store gc --older-than 30d
      rlmlang store forget --run last --call 12
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
@click.option("--run", metavar="RUN", help="A run with its trace, and the answers that it made.")
@click.option("--call", metavar="N", type=click.IntRange(0), help="With --run: the answer of one call, by its number.")
@click.option("--model", "-m", metavar="MODEL", help="All answers of a model.")
@click.option("--key", metavar="HEX", help="The answer whose key begins so, as `store export` shows it.")
@store_option
@json_option
def forget(
    run: str | None, call: int | None, model: str | None, key: str | None, store: str | None, as_json: bool
) -> None:
    """Drop one answer, those of a model, or those of a run.

    A program that needs a dropped answer asks the model again. RUN is a prefix of a run's id, or
    `last` for the latest; `rlmlang trace show` has the numbers of its calls.

    \b
    Examples:
      rlmlang store forget --run last
      rlmlang store forget --run 3f2a --call 12
      rlmlang store forget --model openai:small-model
    """
    if [run, model, key].count(None) != 2 or (call is not None and run is None):
        raise UsageError.of("E607", "it is not clear what to forget", hint="give one of --run, --model and --key")
    with opened_store(store) as kept:
        if run is not None:
            row = find_run(kept, run)
            done = upkeep.forget_run(kept, row) if call is None else upkeep.forget_call(kept, row, call)
        elif model is not None:
            done = upkeep.forget_model(kept, model)
        else:
            assert key is not None
            done = upkeep.forget_answer(kept, key)
    if as_json:
        output.write_json(asdict(done))
    else:
        click.echo(f"dropped {counted(done.answers, 'answer')}" + f" and {counted(done.runs, 'run')}" * bool(done.runs))


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
