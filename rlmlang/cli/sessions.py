"""`rlmlang sessions`: what the sessions of `rlmlang ask --session` have bound."""

from __future__ import annotations

import time

import click

from rlmlang.cli import output
from rlmlang.cli.options import json_option, store_option
from rlmlang.cli.runs import opened_store
from rlmlang.errors import UsageError
from rlmlang.render import counted
from rlmlang.runtime.values import preview, to_json
from rlmlang.storage.sessions import forget_session, sessions, values_in
from rlmlang.storage.store import Store


@click.group("sessions")
def command() -> None:
    """List, show or forget sessions of questions.

    `rlmlang ask --session NAME` begins one, or goes on with it.

    \b
    Examples:
      rlmlang sessions list
      rlmlang sessions show contracts
      rlmlang sessions forget contracts
    """


@command.command("list")
@store_option
@click.option("--all", "all_", is_flag=True, help="Also those that `rlmlang serve` keeps for its clients.")
@json_option
def list_(store: str | None, all_: bool, as_json: bool) -> None:
    """List the sessions, the latest first.

    \b
    Example:
      rlmlang sessions list --json
    """
    with opened_store(store) as kept:
        rows = [row for row in sessions(kept) if all_ or ":" not in row.name]
    if as_json:
        output.write_json([{"name": row.name, "values": row.values, "changed": row.changed} for row in rows])
        return
    for row in rows:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.changed))
        click.echo(f"{when}  {row.name}  {counted(row.values, 'value')}")
    if not rows:
        click.echo("no sessions yet", err=True)


@command.command("show")
@click.argument("name")
@store_option
@json_option
def show_(name: str, store: str | None, as_json: bool) -> None:
    """Show what a session has bound: names, types, values, and what was asked.

    \b
    Example:
      rlmlang sessions show contracts
    """
    with opened_store(store) as kept:
        found = values_in(kept, name)
        if not found:
            raise _unknown(kept, name)
    if as_json:
        rows = [
            {"name": each.name, "type": str(each.type), "value": to_json(each.value), "question": each.about or None}
            for each in found.values()
        ]
        output.write_json(rows)
        return
    for each in found.values():
        click.echo(output.visible(f"{each.name}: {each.type} = {preview(each.value, 80)}"))
        if each.about:
            click.echo(f"  {output.one_line(each.about, 90)}")


@command.command("forget")
@click.argument("name")
@store_option
def forget(name: str, store: str | None) -> None:
    """Forget what a session has bound. Answers stay in the store.

    \b
    Example:
      rlmlang sessions forget contracts
    """
    with opened_store(store) as kept:
        count = forget_session(kept, name)
        if not count:
            raise _unknown(kept, name)
    click.echo(f"forgot {counted(count, 'value')}", err=True)


def _unknown(store: Store, name: str) -> UsageError:
    names = ", ".join(row.name for row in sessions(store)[:5])
    hint = f"there are {names}" if names else "`rlmlang ask --session NAME` begins one"
    return UsageError.of("E610", f"there is no session {name[:80]!r} in {store.name}", hint=hint)
