"""Diagnostics as text for people: place and message, the line with carets below, notes, a hint.

What is shown may come from anybody. Characters that could act on a terminal, or make a
line look like another one, are written as escapes; a long line is truncated to a window around
its carets; a wide character counts as the two columns that it fills.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from rlmlang.diagnostics import Diagnostic
from rlmlang.language.source import Span

WIDTH = 100
"""The greatest width of the line in an excerpt, in columns, where no other is given."""

GUTTER = 9
"""The columns that an excerpt needs besides: the number of the line, and marks of what is left out."""

_BOLD, _RED, _BLUE, _GREEN = "1", "1;31", "34", "32"


def render(diagnostics: Iterable[Diagnostic], color: bool = False, width: int = WIDTH) -> str:
    """Return the diagnostics as text, with an empty line between two, and no newline at the end."""
    return "\n\n".join(_Painter(color, width).diagnostic(diagnostic) for diagnostic in diagnostics)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: `1 argument`, `2 arguments`."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


class _Painter:
    """Writes diagnostics as text, in color or without."""

    def __init__(self, color: bool, width: int) -> None:
        self.color = color
        self.width = width

    def paint(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.color else text

    def diagnostic(self, diagnostic: Diagnostic) -> str:
        kind = self.paint(_RED, f"{diagnostic.severity}[{diagnostic.code}]")
        title = f"{kind}: {self.paint(_BOLD, _paragraph(diagnostic.message))}"
        if diagnostic.span is None:
            parts = [title]
        else:
            parts = [f"{_place(diagnostic.span)}: {title}", *self.excerpt(diagnostic.span, _RED)]
        for text, span in diagnostic.notes:
            parts += [f"{_place(span)}: {self.paint(_BLUE, 'note')}: {_paragraph(text)}", *self.excerpt(span, _BLUE)]
        if diagnostic.hint is not None:
            parts.append(f"{self.paint(_GREEN, 'hint')}: {_paragraph(diagnostic.hint)}")
        return "\n".join(parts)

    def excerpt(self, span: Span, style: str) -> list[str]:
        """Return the first line of the span, and carets below the part that belongs to it."""
        line, column = span.source.position(span.start)
        text = span.source.line(line).removesuffix("\r")
        start = min(column - 1, len(text))
        end = max(start, min(start + span.end - span.start, len(text)))
        first, last = _window(text, start, self.width)
        before = ("…" if first else "") + _visible(text[first:start])
        marked = _visible(text[start : min(end, last)])
        after = _visible(text[min(end, last) : last]) + ("…" if last < len(text) else "")
        gutter = f"{line:>4} | "
        blank = " " * (len(gutter) - 2) + "| "
        carets = "^" * max(1, _columns(marked))
        return [
            self.paint(_BLUE, gutter) + (before + marked + after).rstrip(),
            self.paint(_BLUE, blank) + " " * _columns(before) + self.paint(style, carets),
        ]


def _place(span: Span) -> str:
    return f"{_visible(span.source.name)}:{span.line}:{span.column}"


def _paragraph(text: str) -> str:
    """Return the text with further lines indented, so that none of them looks like another diagnostic."""
    return "\n    ".join(_visible(line) for line in text.split("\n"))


def _window(text: str, at: int, width: int) -> tuple[int, int]:
    """Return the part of a line to show: all of it, or a part that fits, with the place `at` in its first half."""
    if len(text) <= width and _columns(_visible(text)) <= width:
        return 0, len(text)
    first, space = at, width // 2
    while first > 0 and (space := space - _columns(_visible(text[first - 1]))) >= 0:
        first -= 1
    last, space = first, width
    while last < len(text) and (space := space - _columns(_visible(text[last]))) >= 0:
        last += 1
    return first, last


def _visible(text: str) -> str:
    """Return the text with tabs as spaces, and control, format and surrogate characters as escapes."""
    return text if text.isascii() and text.isprintable() else "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char == "\t":
        return "    "
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        number = ord(char)
        return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
    return char


def _columns(text: str) -> int:
    """Return how many columns of a terminal the text fills."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(char) in ("Mn", "Me") else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
