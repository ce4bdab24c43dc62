"""The values of numbers and strings, and the parts of f-strings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from math import isinf

from attrs import define

MAX_DIGITS = 3_900
"""The most digits of an integer literal."""

MAX_BITS = 12_956
"""The most bits of an integer literal, which is what as many decimal digits need."""


@define(eq=False, slots=False)
class Malformed(Exception):
    """An invalid literal; `start` and `end` are positions in the given text."""

    message: str
    start: int
    end: int
    hint: str | None = None


def integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise Malformed(f"integer literal of {len(text):,} digits; the limit is {MAX_DIGITS:,}", 0, len(text))
    value = int(text, 0)
    if value.bit_length() > MAX_BITS:
        raise Malformed("integer literal is too large", 0, len(text))
    return value


def real(text: str) -> float:
    value = float(text.replace("_", ""))
    if isinf(value):
        raise Malformed("float literal is too large", 0, len(text))
    return value


_ESCAPE = r"""(?x)
    \\(?: (?P<line>\r?\n) | (?P<plain>[\\'"abfnrtv]) | (?P<octal>[0-7]{1,3})
        | x(?P<two>[0-9a-fA-F]{2}) | u(?P<four>[0-9a-fA-F]{4}) | U(?P<eight>[0-9a-fA-F]{8})
        | N\{(?P<name>[^{}\n]+)\} | (?P<none>[xuUN]) | (?P<kept>[^xuUN]?) )
    | (?P<crlf>\r\n)"""
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_HINTS = {
    "x": "`\\x` is followed by two hexadecimal digits",
    "u": "`\\u` is followed by four hexadecimal digits",
    "U": "`\\U` is followed by eight hexadecimal digits",
    "N": "`\\N` is followed by a name in braces",
}
_BASES = {"octal": 8, "two": 16, "four": 16, "eight": 16}


def unescape(text: str) -> str:
    """Return the value of the text between the quotes of a string.

    `\\r\\n` is one line end, and a backslash that begins no escape denotes itself, as in CPython.
    """
    return re.sub(_ESCAPE, _unescaped, text) if "\\" in text or "\r" in text else text


def _unescaped(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    value = match[kind]
    if kind == "line":
        return ""
    if kind == "crlf":
        return "\n"
    if kind == "plain":
        return _PLAIN.get(value, value)
    if kind == "kept":
        return match[0]
    hint = _HINTS.get(value)
    if kind in _BASES:
        number, last = int(value, _BASES[kind]), 0xFF if kind == "octal" else 0x10FFFF
        if number > last:
            hint = "no such character exists" if kind == "eight" else "octal escapes end with `\\377`"
        elif 0xD800 <= number < 0xE000:
            hint = "write the character itself, or `\\U` and its eight digits"
        else:
            return chr(number)
    elif kind == "name":
        try:
            char = unicodedata.lookup(value)
        except KeyError:
            char = ""
        if len(char) == 1:  # not a named sequence, which Python refuses too
            return char
        hint = "unknown character name"
    raise Malformed(f"invalid escape sequence `{match[0]}`", *match.span(), hint)


# F-strings -----------------------------------------------------------------------

_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_CONVERSION = re.compile(r"(?:!(?P<conversion>[^:]*))?(?::(?P<spec>.*))?", re.DOTALL)


def parts(text: str) -> Iterator[tuple[str, int, bool]]:
    """Yield the pieces of an f-string: text, where it starts, and whether it is an expression."""
    done = 0
    for match in _HOLE.finditer(text):
        yield text[done : match.start()], done, False
        done = match.end()
        if match[1] is None:
            yield match[0][0], match.start(), False
        else:
            yield match[1], match.start() + 1, True
    yield text[done:], done, False


def hole(text: str) -> tuple[int, str, str, str]:
    """Return where the value in `value=!r:spec` ends, the text that `=` shows, the conversion and the format."""
    end = _end_of_value(text)
    if not text[:end].strip():
        raise Malformed("empty expression in an f-string", 0, len(text), "write `{{` for a literal brace")
    shown = ""
    start = end
    if text[end : end + 1] == "=":
        start = len(text) - len(text[end + 1 :].lstrip())
        shown = text[:start]
    match = _CONVERSION.fullmatch(text, start)
    if match is None or match["conversion"] not in (None, "r"):
        raise Malformed(f"unexpected `{text[start:]}` in an f-string", start, len(text), "the only conversion is `!r`")
    spec = match["spec"] or ""
    conversion = match["conversion"] or ("r" if shown and match["spec"] is None else "")
    return end, shown, conversion, spec


def _end_of_value(text: str) -> int:
    """Return the position of the first `!`, `:` or `=` outside brackets and strings, as CPython 3.11 does."""
    depth, quote, skip = 0, "", False
    for i, char in enumerate(text):
        if skip:
            skip = False
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif depth == 0 and char in "!=<>" and text[i + 1 : i + 2] == "=":
            skip = True
        elif depth == 0 and char in "!:=":
            return i
    return len(text)
