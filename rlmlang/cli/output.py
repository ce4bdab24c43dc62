"""Print values, JSON and diagnostics, without characters that could act on a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from functools import partial
from shutil import get_terminal_size
from typing import Any, TextIO

import click
from attrs import evolve

from rlmlang.errors import Diagnostic, RlmError
from rlmlang.redact import Redactor
from rlmlang.render import GUTTER, WIDTH, render

_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Control characters except newline and tab, bidirectional marks, line separators, annotations, surrogates, and the
tag characters, in which a whole text can be hidden."""


def visible(text: str) -> str:
    """Return the text with characters that could act on a terminal as JSON escapes."""
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return re.sub("(....)", r"\\u\1", match[0].encode("utf-16-be", "surrogatepass").hex())


def one_line(text: str, width: int) -> str:
    """Return the text on one line of at most `width` characters."""
    text = visible(" ".join(text[: 4 * width].split()))
    return text if len(text) <= width else text[: width - 1] + "…"


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is there, and is a terminal; Python has None for one that was closed."""
    return stream is not None and stream.isatty()


def colored(stream: TextIO | None) -> bool:
    """Return whether to use colors on a stream."""
    return is_terminal(stream) and "NO_COLOR" not in os.environ


def rendered(diagnostics: Iterable[Diagnostic], stream: TextIO | None) -> str:
    """Return diagnostics as text for a stream: as wide as a terminal is, and in its colors."""
    width = max(40, get_terminal_size().columns - GUTTER) if is_terminal(stream) else WIDTH
    return render(diagnostics, colored(stream), width)


def write_text(text: str) -> None:
    """Write a line of text to standard output, as it is unless that is a terminal."""
    sys.stdout.write((visible(text) if is_terminal(sys.stdout) else text) + "\n")


def write_json(data: Any) -> None:
    """Write one JSON object on one line of standard output."""
    write_text(json.dumps(data, ensure_ascii=False))


def show_error(error: RlmError, redactor: Redactor | None = None) -> None:
    """Print the diagnostics of an error on standard error, without secrets."""
    clean = partial(_without_secrets, redactor=redactor or Redactor())
    click.echo(rendered(map(clean, error.diagnostics), sys.stderr), err=True)


def error_json(error: RlmError, redactor: Redactor | None = None) -> dict[str, Any]:
    """Return the first diagnostic of an error, as commands with `--json` print it, without secrets."""
    data = _without_secrets(error.first, redactor or Redactor()).to_json()
    return {name: data[name] for name in ("code", "message", "file", "line", "column", "hint")}


def _without_secrets(diagnostic: Diagnostic, redactor: Redactor) -> Diagnostic:
    hint = None if diagnostic.hint is None else redactor(diagnostic.hint)
    return evolve(diagnostic, message=redactor(diagnostic.message), hint=hint)
