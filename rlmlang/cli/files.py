"""Read the programs and inputs that the command line names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rlmlang.errors import UsageError, unreadable
from rlmlang.language.source import Source


def read(name: str) -> str:
    """Return the text of a file, `-` for standard input. Raises UsageError E604."""
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(name, error) from error


def read_source(name: str) -> Source:
    """Return the program text of a file. Raises UsageError E604."""
    return Source(read(name), "<stdin>" if name == "-" else name)


def read_given(pairs: Sequence[str], program: str) -> dict[str, str]:
    """Return the texts that `--input name=value`, `name=@file` and `name=-` give; `program` is the program's file.

    Raises UsageError E604, E607.
    """
    given: dict[str, str] = {}
    if (program == "-") + sum(pair.partition("=")[2] == "-" for pair in pairs) > 1:
        raise UsageError.of("E607", "standard input can be read only once")
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError.of(
                "E607",
                f"--input {pair}: expected a name before `=`",
                hint="write --input name=value, --input name=@FILE, or --input name=- for standard input",
            )
        if name in given:
            raise UsageError.of("E607", f"the input `{name}` is given twice")
        if value == "-":
            given[name] = read("-")
        elif value.startswith("@"):
            given[name] = read(value[1:])
        else:
            given[name] = value
    return given
