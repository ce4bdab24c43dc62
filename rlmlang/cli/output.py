"""What commands print: values, JSON, diagnostics; nothing that could act on a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, TextIO

import click

from rlmlang.errors import RlmError

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls but newline and tab, bidirectional marks, line separators, halves of pairs."""


def visible(text: str) -> str:
    """The text with characters that could act on a terminal written as escapes."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def one_line(text: str, width: int) -> str:
    """The text on one line of at most `width` characters."""
    text = visible(" ".join(text[: 4 * width].split()))
    return text if len(text) <= width else text[: width - 1] + "…"


def colored(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ


def write_text(text: str) -> None:
    """A line of text to standard output, as it is unless that is a terminal."""
    sys.stdout.write((visible(text) if sys.stdout.isatty() else text) + "\n")


def write_json(data: Any) -> None:
    """One JSON object on one line of standard output."""
    write_text(json.dumps(data, ensure_ascii=False))


def show_error(error: RlmError) -> None:
    """The diagnostics of an error, on standard error."""
    from rlmlang.render import render

    click.echo(render(error.diagnostics, color=colored(sys.stderr)), err=True)


def error_json(error: RlmError) -> dict[str, Any]:
    """The first diagnostic of an error, as commands with `--json` print it."""
    data = error.first.to_json()
    return {name: data[name] for name in ("code", "message", "file", "line", "column", "hint")}
