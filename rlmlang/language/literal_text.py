"""Constants as text: quotes and escapes in their canonical form."""

from __future__ import annotations

import re

from rlmlang.language import nodes


def constant_text(node: nodes.Constant) -> str:
    """Return the text of a constant. Long and raw strings remain so where that makes them shorter."""
    value = node.value
    written = node.span.text
    if not isinstance(value, str):
        return written.lower() if type(value) is int and written[1:2].isalpha() else repr(value)
    if written.startswith(('"""', "'''")) and "\n" in value:
        return f'"""{long_text(value)}"""'
    if written.startswith("r") and "\\" in value and '"' not in value and value.isprintable():
        return f'r"{value}"'
    return string_text(value)


def string_text(value: str) -> str:
    """Return a string in double quotes."""
    return f'"{escaped(value, chr(34))}"'


def long_text(value: str) -> str:
    """Return what stands between the quotes of a long string."""
    inside = "\n".join(escaped(line, "") for line in value.split("\n"))
    return re.sub(r'"(?="|\Z)', r"\"", inside)


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escaped(text: str, quote: str) -> str:
    """Return the text with escapes for backslashes, for `quote`, and for invisible characters."""
    return "".join(
        f"\\{char}" if char == quote else _ESCAPES.get(char) or (char if char.isprintable() else _code(char))
        for char in text
    )


def _code(char: str) -> str:
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
