"""`rlmlang models`: list the models that programs can run on."""

from __future__ import annotations

import click

from rlmlang.cli import output
from rlmlang.cli.options import json_option
from rlmlang.models.registry import available


@click.command("models")
@json_option
def command(as_json: bool) -> None:
    """List the models and whether they are ready.

    \b
    Examples:
      rlmlang models
      rlmlang models --json
    """
    rows = available()
    if as_json:
        names = ("name", "description", "ready", "why_not")
        output.write_json([dict(zip(names, (*row[:3], row[3] or None))) for row in rows])
        return
    width = max(len(name) for name, *_ in rows)
    for name, description, ready, why_not in rows:
        click.echo(f"{name:{width}}  {'ready' if ready else '-':5}  {description}")
        if why_not:
            click.echo(f"{'':{width}}         {why_not}")
