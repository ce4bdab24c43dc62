"""Escapes in strings that are being written: whether they denote something, and how they may end."""

from __future__ import annotations

import re

from rlmlang.language.parse import literals

ESCAPE_ENDS = ("", "n", "0", "00", "000", "0000", "00000", "000000", "0000000", "00000000")
"""Texts that complete an unfinished escape."""

_ESCAPE = re.compile(r"\\(?:[0-7]{0,2}|x[0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7})\Z")


def escapes_right(text: str) -> bool:
    """Return whether each `\\` in the inside of a string is part of an escape."""
    try:
        literals.unescape(text)
    except literals.Malformed:
        return False
    return True


def open_escape(content: str) -> str:
    """Return the escape at the end of a text that is incomplete or may become longer; empty if there is none."""
    match = _ESCAPE.search(content)
    if match is None:
        return ""
    before = content[: match.start()]
    return "" if (len(before) - len(before.rstrip("\\"))) % 2 else match[0]
