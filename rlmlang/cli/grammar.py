"""`rlmlang grammar`: the grammar of the language, for other tools."""

from __future__ import annotations

import click

from rlmlang.resources import grammar_text


@click.command("grammar")
@click.option(
    "--format",
    "form",
    type=click.Choice(["lark", "llguidance"]),
    default="lark",
    show_default=True,
    help="lark: the grammar file; llguidance: with the line by which llama.cpp and other servers tell it.",
)
def command(form: str) -> None:
    """Print the grammar.

    \b
    Examples:
      rlmlang grammar > rlm.lark
      rlmlang grammar --format llguidance > rlm.llg
    """
    click.echo(("%llguidance {}\n\n" if form == "llguidance" else "") + grammar_text(), nl=False)
