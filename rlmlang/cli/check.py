"""`rlmlang check`: check programs, and show every error."""

from __future__ import annotations

import sys
from typing import Any

import click

from rlmlang.cli import output
from rlmlang.cli.files import read_source
from rlmlang.errors import ProgramError
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked, CheckedFunction
from rlmlang.language.check.type_report import inferred_types


@click.command("check")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on a line for each file.")
@click.option("--explain", is_flag=True, help="Show the types of variables and functions.")
def command(files: tuple[str, ...], as_json: bool, explain: bool) -> int:
    """Check programs without running them.

    Every error of a file is shown, with its place and what to write instead. FILE may be -
    for standard input.

    \b
    Examples:
      rlmlang check article.rlm
      rlmlang check examples/*.rlm
      rlmlang check --explain answer.rlm
      rlmlang check --json - < article.rlm
    """
    failed = False
    for file in files:
        source = read_source(file)
        try:
            checked = check(source)
        except ProgramError as error:
            failed = True
            if as_json:
                diagnostics = [diagnostic.to_json() for diagnostic in error.diagnostics]
                output.write_json({"diagnostics": diagnostics, "inputs": None, "type": None})
            else:
                click.echo(output.rendered(error.diagnostics, sys.stdout))
        else:
            if as_json:
                notes = [note.to_json() for note in checked.notes]
                types = {"types": inferred_types(checked)} if explain else {}
                described = {"diagnostics": notes, "inputs": _inputs(checked), "type": str(checked.type)}
                declared = {"functions": [*map(_head, checked.host.values())]} if checked.host else {}
                output.write_json({**described, **declared, **types})
            else:
                if checked.notes:
                    click.echo(output.rendered(checked.notes, sys.stdout))
                click.echo(f"{source.name}: {_summary(checked)}")
                for function in checked.host.values():
                    click.echo(f"  is to be given: {_head(function)}")
                if explain:
                    for line in inferred_types(checked):
                        click.echo(f"  {line}".rstrip())
    return int(failed)


def _inputs(checked: Checked) -> dict[str, dict[str, Any]]:
    """Return the type of each input, and its default if it has one."""
    from rlmlang.runtime.inputs import constant_value, declarations

    described: dict[str, dict[str, Any]] = {}
    for node in declarations(checked):
        name = node.name.id
        described[name] = {"type": str(checked.inputs[name])}
        if node.default is not None:
            described[name]["default"] = constant_value(node.default)
    return described


def _summary(checked: Checked) -> str:
    """Return the program's signature: its inputs and the type of its value."""
    from rlmlang.runtime.inputs import declarations

    inputs = (
        f"{node.name.id}: {checked.inputs[node.name.id]}"
        + (f" = {output.one_line(node.default.span.text, 30)}" if node.default else "")
        for node in declarations(checked)
    )
    return f"({', '.join(inputs)}) -> {checked.type}"


def _head(function: CheckedFunction) -> str:
    """Return the name, parameters and result of a function of the host."""
    params = (f"{param.name.id}: {type_}" for param, type_ in zip(function.node.params, function.params))
    return f"{function.node.name.id}({', '.join(params)}) -> {function.result}"
