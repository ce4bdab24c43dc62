"""The token that the grammar refuses, with the text around it."""

from __future__ import annotations

import keyword
import re
from functools import cached_property
from typing import Union

from attrs import frozen

from rlmlang.language.parse.tables import LINE_ENDS

Explanation = tuple[str, str, tuple[int, int], Union[str, None]]
"""The code, message, start and end, and hint of a syntax error."""


@frozen(slots=False)
class RefusedToken:
    """The token that the grammar refuses, in a statement or in an expression of an f-string."""

    text: str
    start: int
    end: int
    kind: str
    """The terminal; empty if the characters form no token."""
    expected: frozenset[str]
    """The terminals that are possible here; none if an expression of an f-string could only end."""
    hole: bool

    @property
    def found(self) -> str:
        return self.text[self.start : self.end]

    @cached_property
    def _flat(self) -> str:
        """Return the text with spaces in place of the line ends inside strings."""
        return _LONG_STRING.sub(lambda match: match[0].replace("\n", " "), self.text)

    @property
    def long_string(self) -> tuple[int, int] | None:
        """Return the range of the string in three quotes that the token is in, if it is in one."""
        for match in _LONG_STRING.finditer(self.text):
            if match.start() <= self.start < match.end():
                return match.span()
        return None

    @cached_property
    def line_start(self) -> int:
        """Return where the line starts, after its indentation."""
        start = self._flat.rfind("\n", 0, self.start) + 1
        while self._flat[start : start + 1] == " ":
            start += 1
        return start

    @property
    def next_line(self) -> int:
        """Return where the line after a line end starts, without blank lines, comments and indentation."""
        match = re.compile(r"(?: *(?:#[^\n]*)?\n)* *").match(self.text, self.start)
        assert match is not None
        return match.end()

    @property
    def word_above(self) -> str:
        """Return the first word of the last line above that is indented like this one."""
        indent = self.line_start - self._flat.rfind("\n", 0, self.line_start) - 1
        lines = re.findall(rf"(?m)^ {{{indent}}}(\w+)", self._flat[: self.line_start])
        return lines[-1] if lines else ""

    @property
    def line_end(self) -> int:
        end = self.text.find("\n", max(self.line_start, self.start))
        return end if end >= 0 else len(self.text)

    @property
    def line(self) -> str:
        return self.text[self.line_start : self.line_end]

    @property
    def before(self) -> str:
        """Return the text before the token on its line."""
        return self.text[self.line_start : self.start]

    @property
    def rest(self) -> str:
        """Return the text from the token to the end of its line."""
        return self.text[self.start : self.line_end]

    @property
    def last(self) -> str:
        """Return the last character before the token on its line that is no space, or an empty text."""
        return self.before.rstrip(" ")[-1:]

    @property
    def line_range(self) -> tuple[int, int]:
        """Return where the line starts and ends, without its indentation."""
        end = self.start if self.kind in LINE_ENDS else self.line_end
        return self.line_start, max(end, self.line_start)

    @property
    def token_range(self) -> tuple[int, int]:
        return self.start, self.end

    @property
    def expects_expression(self) -> bool:
        """Return whether an expression could start here."""
        return "INT" in self.expected

    @property
    def expects_name(self) -> bool:
        """Return whether a name is possible here, but no other expression."""
        return "NAME" in self.expected and not self.expects_expression


_LONG_STRING = re.compile(
    r"""\"{3}(?:[^"\\]|\\[\s\S]|"(?!""))*\"{3} | '{3}(?:[^'\\]|\\[\s\S]|'(?!''))*'{3}""", re.VERBOSE
)


def last_word(text: str) -> str:
    """Return the letters, digits and underscores at the end. A regular expression would take quadratic time."""
    start = len(text)
    while start and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    return text[start:]


_BRACKETS = re.compile(
    rf"{_LONG_STRING.pattern} | \"(?:[^\"\\\n]|\\.)*\" | '(?:[^'\\\n]|\\.)*' | [()\[\]{{}}]", re.VERBOSE
)


def opener_of(refused: RefusedToken) -> int | None:
    """Return where the innermost open bracket before the token is."""
    openers: list[int] = []
    for match in _BRACKETS.finditer(refused.text, 0, refused.start):
        if match[0] in ("(", "[", "{"):
            openers.append(match.start())
        elif match[0] in (")", "]", "}"):
            openers.pop()  # the layout has checked that they match
    return openers[-1] if openers else None


def is_reserved(word: str) -> bool:
    return keyword.iskeyword(word) or word == "CALL"


def cannot_name(word: str, at: int) -> Explanation:
    return "E122", f"`{word}` is a reserved word", (at, at + len(word)), "choose another name"
