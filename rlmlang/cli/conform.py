"""`rlmlang conform`: run one case of the conformance suite from standard input."""

from __future__ import annotations

import json

import click

from rlmlang.cli import output
from rlmlang.cli.files import read
from rlmlang.errors import UsageError
from rlmlang.testing.conformance import run_case


@click.command("conform")
def command() -> None:
    """Run one conformance case, a JSON object on standard input.

    Prints {"value", "type", "calls"}, or {"error": {"code", "line", "column"}}. The format of
    a case is in tests/conformance/README.md.

    \b
    Example:
      echo '{"program": "1 + 2"}' | rlmlang conform
    """
    try:
        case = json.loads(read("-"))
    except ValueError as error:
        raise UsageError.of("E607", f"the case is not JSON: {error}") from error
    if not isinstance(case, dict):
        raise UsageError.of("E607", "the case is not a JSON object")
    output.write_json(run_case(case))
