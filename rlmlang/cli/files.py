"""Read the programs and inputs that the command line names (decision 120)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from rlmlang.errors import FileUnreadable, UsageError, unreadable
from rlmlang.files import text_of
from rlmlang.language.check.checked import Checked
from rlmlang.language.source import Source
from rlmlang.language.types import STR, Type
from rlmlang.runtime.inputs import json_input, read_inputs


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
    places: Mapping[str, str]
    """Where those are that are in files or come from standard input, by `name=@FILE` and `name=-`."""

    def values(self, checked: Checked | None = None, allow_download: bool = False) -> dict[str, object]:
        """Return all inputs, read as a program declares them, or by their forms where there is no program.

        Raises UsageError E603, E604, E607.
        """
        found = {**(self.texts if checked is None else read_inputs(checked, self.texts)), **self.data}
        for name, place in self.places.items():
            expected = None if checked is None else checked.inputs.get(name, STR)
            found[name] = _read_place(name, place, expected, allow_download)
        return found


def read_given(pairs: Sequence[str], program: str) -> GivenInputs:
    """Return the inputs that `--input` gives; `program` is the program's file.

    Behind `name=` is a text, and behind `name:=` the JSON of any value. Either may be in a file, `@FILE`, or come from
    standard input, `-`. A text that begins with `@` is written with `@@`. Raises UsageError E603, E604, E607.
    """
    texts: dict[str, str] = {}
    data: dict[str, object] = {}
    places: dict[str, str] = {}
    if (program == "-") + sum(pair.partition("=")[2] in ("-", "@-") for pair in pairs) > 1:
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
        if name in texts or name in data or name in places:
            raise UsageError.of("E607", f"the input `{name}` is given twice")
        if value == "@":
            hint = f"write {written}=@FILE; the text `@` is written with two: {name}=@@"
            raise UsageError.of("E607", f"--input {pair}: no file is named behind `@`", hint=hint)
        place = _place(value)
        if name != written:
            data[name] = json_input(name, value if place is None else _read_text(name, place))
        elif place is None:
            texts[name] = value.removeprefix("@")
        else:
            places[name] = place
    return GivenInputs(texts, data, places)


def _place(value: str) -> str | None:
    """Return the file that a value names, `-` for standard input; None for a text."""
    if value == "-":
        return value
    return value[1:] if value.startswith("@") and not value.startswith("@@") else None


def _read_text(name: str, place: str) -> str:
    with _explained(name, place):
        return read(place)


def _read_place(name: str, place: str, expected: Type | None, allow_download: bool) -> object:
    from rlmlang.data.reading import read_value  # imported here: most inputs are short texts

    with _explained(name, place):
        return read_value(place, expected, name, download=allow_download)


@contextmanager
def _explained(name: str, place: str) -> Iterator[None]:
    """Add to the error of a file that cannot be read how a text is written that begins with `@`."""
    try:
        yield
    except FileUnreadable as error:
        if any(sign in place for sign in "./\\"):
            raise  # it is meant to be a file
        more = f"a text that begins with @ is written with two: {name}=@@{place}"
        raise error.with_hint("\n".join(filter(None, (error.first.hint, more)))) from error
