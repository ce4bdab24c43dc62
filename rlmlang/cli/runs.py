"""`rlmlang runs`: list, resume or replay recorded runs."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from rlmlang.api import areplay, aresume
from rlmlang.calls.roles import LEAF
from rlmlang.cli import output
from rlmlang.cli.functions import functions_of, functions_option
from rlmlang.cli.options import (
    json_option,
    leaf_model_option,
    limit_options,
    limits_given,
    model_option,
    quiet_option,
    store_option,
    trace_option,
)
from rlmlang.cli.running import Attempt, store_place
from rlmlang.cli.settings import find_settings
from rlmlang.errors import UsageError
from rlmlang.render import counted
from rlmlang.storage.runs import find_run
from rlmlang.storage.store import RunRow, Store


@click.group("runs")
def command() -> None:
    """List, resume or replay recorded runs.

    A run is named by a prefix of its id, or `last` for the latest.

    \b
    Examples:
      rlmlang runs list
      rlmlang runs show last
      rlmlang runs resume 3f2a --max-calls 5000
      rlmlang runs replay 3f2a --json
    """


run_argument = click.argument("run")


@command.command("list")
@click.option(
    "--limit", metavar="N", type=click.IntRange(1), default=20, show_default=True, help="How many runs to list."
)
@store_option
@json_option
def list_(limit: int, store: str | None, as_json: bool) -> None:
    """List the runs, the latest first.

    \b
    Example:
      rlmlang runs list --limit 5
    """
    with opened_store(store) as kept:
        rows = kept.runs()[:limit]
    if as_json:
        output.write_json([_row_json(row) for row in rows])
        return
    for row in rows:
        calls = counted(row.usage["calls"], "call") if "calls" in row.usage else ""
        name = output.one_line(str(row.spec.get("name", "")), 40)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.begun))
        click.echo(f"{row.id}  {when}  {row.status:11}  {row.spec.get('command', ''):8}  {name}  {calls}".rstrip())
    if not rows:
        click.echo("no runs yet", err=True)


@command.command("show")
@run_argument
@store_option
@json_option
def show_(run: str, store: str | None, as_json: bool) -> None:
    """Show a run: its program, inputs, model, limits, usage and error.

    `rlmlang trace show` shows its calls.

    \b
    Example:
      rlmlang runs show last
    """
    with opened_store(store) as kept:
        row = find_run(kept, run)
        error = _error_of(kept, row)
    if as_json:
        output.write_json(_row_json(row) | {"error": error, "spec": row.spec})
        return
    lines = {
        "run": row.id,
        "status": row.status,
        **({"error": f"{error['code']}: {error['message']}"} if error else {}),
        "begun": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.begun)),
        "ended": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.ended)) if row.ended else "-",
        "command": row.spec.get("command"),
        "program": row.spec.get("name"),
        "model": row.spec.get("model"),
        **({"leaf model": leaf} if (leaf := row.spec.get("leaf_model")) else {}),
        **{
            f"input {name}": json.dumps(value, ensure_ascii=False) for name, value in row.spec.get("inputs", {}).items()
        },
        **{name: value for name, value in row.spec.get("limits", {}).items() if value is not None},
        **{f"used {name}": value for name, value in row.usage.items()},
    }
    for name, value in lines.items():
        click.echo(f"{name:24}  {output.one_line(str(value), 70)}")


@command.command("resume")
@run_argument
@model_option
@leaf_model_option
@functions_option
@store_option
@trace_option
@quiet_option
@json_option
@limit_options
@click.pass_context
def resume_(
    ctx: click.Context,
    run: str,
    model: str | None,
    leaf_model: str | None,
    functions_file: str | None,
    store: str | None,
    trace_file: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Resume a run.

    Its program is evaluated again, and the model asked only for what is missing. The limits are
    those of the run, except for those that are given here.

    \b
    Examples:
      rlmlang runs resume last
      rlmlang runs resume 3f2a --max-calls 5000
    """
    limits, models = limits_given(ctx), {LEAF: leaf_model}
    attempt = Attempt(is_resumable=True)
    with attempt.caught(), opened_store(store) as kept:
        row = find_run(kept, run)
        attempt.trace.run_id = row.id
        prices = find_settings().prices
        attempt.run(
            lambda: aresume(
                row.id, store=kept, model=model, models=models, limits=limits, prices=prices,
                functions=functions_of(functions_file), trace=attempt.trace,
            ),
            str(row.spec.get("name")), quiet, trace_file,
        )  # fmt: skip
    return attempt.end(quiet, as_json)


@command.command("replay")
@run_argument
@store_option
@trace_option
@quiet_option
@json_option
def replay_(run: str, store: str | None, trace_file: str | None, quiet: bool, as_json: bool) -> int:
    """Replay a run offline, from its stored answers.

    It is an error (E410) if an answer is missing.

    \b
    Example:
      rlmlang runs replay last
    """

    attempt = Attempt(is_resumable=True)
    with attempt.caught(), opened_store(store) as kept:
        row = find_run(kept, run)
        attempt.trace.run_id = row.id
        attempt.run(
            lambda: areplay(row.id, store=kept, trace=attempt.trace), str(row.spec.get("name")), quiet, trace_file
        )
    return attempt.end(quiet, as_json)


@contextmanager
def opened_store(option: str | None) -> Iterator[Store]:
    """Open the store that an option or the settings name. Raises UsageError E606."""
    place = store_place(option, find_settings())
    if place is None:
        raise UsageError.of("E606", "rlmlang.toml says that there is no store", hint="name one with --store")
    named = option or os.environ.get("RLMLANG_STORE")
    if named and "://" not in named and not os.path.exists(named):
        which = named if option else f"{named}, which $RLMLANG_STORE names"
        raise UsageError.of("E606", f"there is no store {which}", hint="a run makes it: rlmlang run --store FILE")
    with Store(place) as store:
        yield store


def _error_of(kept: Store, row: RunRow) -> dict[str, Any] | None:
    """Return the error that a run ended with, as its last event has it; None if there is none."""
    last = deque(kept.events(row.id), 1)
    return json.loads(last[0]).get("error") if last and row.status != "done" else None


def _row_json(row: RunRow) -> dict[str, Any]:
    return {
        "run_id": row.id,
        "status": row.status,
        "begun": row.begun,
        "ended": row.ended,
        "command": row.spec.get("command"),
        "program": row.spec.get("name"),
        "model": row.spec.get("model"),
        "leaf_model": row.spec.get("leaf_model"),
        "usage": row.usage,
    }
