"""`rlmlang explain`: show what a program becomes before it runs."""

from __future__ import annotations

import click

from rlmlang.cli.files import read_source
from rlmlang.errors import UsageError
from rlmlang.language.check import check


@click.command("explain")
@click.argument("file", metavar="FILE", type=click.Path(allow_dash=True))
@click.option("--python", "as_python", is_flag=True, help="Show the Python code that is emitted.")
def command(file: str, as_python: bool) -> None:
    """Show what a program becomes before it runs.

    With --python, what makes no CALL and prints nothing is shown as the Python code that runs in its place. Its
    names are generated, so a comment says what each means: m is the meter of steps, d the depth of recursion.
    FILE may be - for standard input.

    \b
    Examples:
      rlmlang explain --python article.rlm
    """
    from rlmlang.runtime.emit.listing import listing

    if not as_python:
        raise UsageError.of("E607", "say what to show", hint="write `rlmlang explain --python FILE`")
    click.echo(listing(check(read_source(file))), nl=False)
