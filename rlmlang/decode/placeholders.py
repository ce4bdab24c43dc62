"""Lexemes that stand for any name or string while a closing is searched, and that no program can contain.

The first letter of a placeholder name is not ASCII, so the grammar cannot produce it and no name of a user equals it.
Likewise, no escape denotes a lone surrogate, so no string of a program equals `FREE_TEXT`.
"""

from __future__ import annotations

import re

HOLE = "ℋ"
"""The start of the name of a hole: an expression, type, attribute or new name that is still to be written."""

FRESH = "ℱ"
"""A name that is bound nowhere, for finding out whether a new name may follow."""

PLACEHOLDER_NAME = re.compile(rf"{HOLE}\w*|_?{FRESH}")

FREE_TEXT = "\udfff"
"""The text of a string that equals no other string."""

FREE = f'"{FREE_TEXT}"'

FREE_INT = 7919
"""The value of an integer that may be any other one: where the value decides a type, it is refused."""
