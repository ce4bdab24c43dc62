"""Read the programs and inputs that the command line names (decision 120)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen

from rlmlang.errors import FileUnreadable, UsageError, unreadable
from rlmlang.files import text_of
from rlmlang.language.source import Source
from rlmlang.runtime.inputs import json_input


def read(name: str) -> str:
    """Return the text of a file, `-` for standard input. Raises UsageError E604."""
    try:
        return text_of(sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes())
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from error


def read_source(name: str) -> Source:
    """Return the program text of a file. Raises UsageError E604."""
    return Source(read(name), "<stdin>" if name == "-" else name)


@frozen
class GivenInputs:
    """The inputs of a command line."""

    texts: Mapping[str, str]
    """Those that are given as text, by `name=`."""
    data: Mapping[str, object]
    """Those that are given as JSON, by `name:=`."""


def read_given(pairs: Sequence[str], program: str) -> GivenInputs:
    """Return the inputs that `--input` gives; `program` is the program's file.

    Behind `name=` is a text, and behind `name:=` the JSON of any value. Either may be in a file, `@FILE`, or come from
    standard input, `-`. A text that begins with `@` is written with `@@`. Raises UsageError E603, E604, E607.
    """
    given: dict[str, tuple[bool, str]] = {}
    if (program == "-") + sum(pair.partition("=")[2] == "-" for pair in pairs) > 1:
        raise UsageError.of("E607", "standard input can be read only once")
    for pair in pairs:
        written, equals, value = pair.partition("=")
        name = written.removesuffix(":")
        if not equals or not name.isidentifier():
            raise UsageError.of(
                "E607",
                f"--input {pair}: expected a name before `=`",
                hint="write --input name=value, --input name=@FILE, or --input name=- for standard input",
            )
        if name in given:
            raise UsageError.of("E607", f"the input `{name}` is given twice")
        given[name] = name != written, _value(name, value)
    return GivenInputs(
        {name: text for name, (is_json, text) in given.items() if not is_json},
        {name: json_input(name, text) for name, (is_json, text) in given.items() if is_json},
    )


def _value(name: str, value: str) -> str:
    """Return the text that is meant, which may be in a file. Raises UsageError E604."""
    if value == "-":
        return read("-")
    if value.startswith("@@") or not value.startswith("@"):
        return value.removeprefix("@") if value.startswith("@") else value
    try:
        return read(value[1:])
    except FileUnreadable as error:
        if any(sign in value for sign in "./\\"):
            raise  # it is meant to be a file
        more = f"a text that begins with @ is written with two: {name}=@{value}"
        raise error.with_hint("\n".join(filter(None, (error.first.hint, more)))) from error
