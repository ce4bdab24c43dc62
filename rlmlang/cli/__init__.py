"""The command line. Each command is a module here, imported when it is used."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, by default the program's own. Gives the exit code."""
    if argv is None:
        # What modules make stays: to look for garbage among it takes a fifth of a short command.
        # The collector starts again in `commands`, once the command is loaded.
        gc.disable()
    from rlmlang.cli.commands import run

    return run(sys.argv[1:] if argv is None else list(argv))
