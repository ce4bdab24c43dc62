"""A token that the grammar refuses, and what surrounds it."""

from __future__ import annotations

import keyword
import re
from functools import cached_property
from typing import Union

from attrs import frozen

Explanation = tuple[str, str, tuple[int, int], Union[str, None]]
"""Code, message, start and end, and hint of a syntax error."""

LINE_ENDS = ("_NL", "_IN")
"""Kinds of tokens at the end of a line: the next one is at the margin, or indented."""


@frozen(slots=False)
class Refused:
    """A statement, or the expression in a hole of an f-string, and the token that the grammar refuses."""

    text: str
    start: int
    end: int
    kind: str
    """The terminal, or nothing if the characters are those of no token."""
    expected: frozenset[str]
    """The terminals that could stand here: none if the expression of a hole could only end."""
    hole: bool

    @property
    def found(self) -> str:
        return self.text[self.start : self.end]

    @cached_property
    def line_start(self) -> int:
        """Where the line starts, after its indentation."""
        flat = _LONG_STRING.sub(lambda match: match[0].replace("\n", " "), self.text)
        start = flat.rfind("\n", 0, self.start) + 1
        return start + len(flat[start:]) - len(flat[start:].lstrip(" "))

    @property
    def line_end(self) -> int:
        end = self.text.find("\n", max(self.line_start, self.start))
        return end if end >= 0 else len(self.text)

    @property
    def line(self) -> str:
        return self.text[self.line_start : self.line_end]

    @property
    def before(self) -> str:
        """What stands before the token on its line."""
        return self.text[self.line_start : self.start]

    @property
    def last(self) -> str:
        """The last character but spaces before the token on its line, if there is one."""
        return self.before.rstrip(" ")[-1:]

    @property
    def whole(self) -> tuple[int, int]:
        """The line, without spaces and comments at its end."""
        end = self.start if self.kind in LINE_ENDS else self.line_end
        return self.line_start, max(end, self.line_start)

    @property
    def place(self) -> tuple[int, int]:
        return self.start, self.end

    @property
    def operand(self) -> bool:
        """Whether an expression could start here."""
        return "INT" in self.expected

    @property
    def a_name(self) -> bool:
        """Whether a name could stand here, and no other expression."""
        return "NAME" in self.expected and not self.operand


STRINGS = ("STRING", "RAW_STRING", "LONG_STRING", "FSTRING")

_LONG_STRING = re.compile(r'"""(?:[^"\\]|\\[\s\S]|"(?!""))*"""')


def last_word(text: str) -> str:
    """The letters, digits and underscores at the end. (A regular expression would take the square of the time.)"""
    start = len(text)
    while start and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    return text[start:]


_BRACKETS = re.compile(rf"{_LONG_STRING.pattern}|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[()\[\]{{}}]")


def opener_of(refused: Refused) -> int | None:
    """The bracket around the token."""
    openers: list[int] = []
    for match in _BRACKETS.finditer(refused.text, 0, refused.start):
        if match[0] in ("(", "[", "{"):
            openers.append(match.start())
        elif match[0] in (")", "]", "}"):
            openers.pop()  # layout has seen to it that they pair
    return openers[-1] if openers else None


def is_reserved(word: str) -> bool:
    return keyword.iskeyword(word) or word == "CALL"


def cannot_name(word: str, at: int) -> Explanation:
    return "E122", f"`{word}` is a reserved word", (at, at + len(word)), "choose another name"
