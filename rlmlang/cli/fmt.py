"""`rlmlang fmt`: format programs."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import click

from rlmlang.cli.files import read_source
from rlmlang.cli.output import show_error
from rlmlang.errors import ProgramError, unwritable
from rlmlang.language.parse import MAX_SOURCE, parse_as_written
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source


@click.command("fmt")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a file is not formatted.")
@click.option("--diff", is_flag=True, help="Change nothing; print what would change.")
def command(files: tuple[str, ...], check: bool, diff: bool) -> int:
    """Format programs in place.

    FILE may be - for standard input; the formatted text then goes to standard output.

    \b
    Examples:
      rlmlang fmt article.rlm
      rlmlang fmt --check examples/*.rlm
      rlmlang fmt --diff article.rlm
      rlmlang fmt - < article.rlm
    """
    failed = False
    for file in files:
        source = read_source(file)
        try:
            text = format_module(parse_as_written(source))
            if len(text) > MAX_SOURCE:  # the formatted text could not be parsed again
                parse_as_written(Source(text, source.name))
        except ProgramError as error:
            show_error(error)
            failed = True
            continue
        if diff:
            click.echo(_diff(source, text), nl=False)
        if file == "-" and not (check or diff):
            click.echo(text, nl=False)
        if text == source.text:
            continue
        failed = failed or check
        if check:
            click.echo(f"would reformat {source.name}", err=True)
        elif not diff and file != "-":
            _write(file, text)
            click.echo(f"reformatted {source.name}", err=True)
    return int(failed)


def _diff(source: Source, text: str) -> str:
    old, new = source.text.splitlines(keepends=True), text.splitlines(keepends=True)
    lines = unified_diff(old, new, source.name, source.name)
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def _write(name: str, text: str) -> None:
    try:
        Path(name).write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise unwritable(name, error) from error
