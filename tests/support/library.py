"""The functions of the standard library, with the assertions in their comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from rlmlang.files import stdlib_dir
from rlmlang.language import nodes
from rlmlang.language.parse import parse
from rlmlang.language.source import Source

FILES = sorted(stdlib_dir().glob("*.rlm"))


@frozen
class Assertion:
    text: str
    replies: tuple[tuple[str, str], ...]
    """Pattern and answer, the one that counts first."""
    calls: str
    """What is said of the number of calls."""


@frozen
class Documented:
    """A library function and the comment above it."""

    name: str
    node: nodes.Function
    comment: tuple[str, ...]

    @property
    def prose(self) -> list[str]:
        """The comment without assertions, replies and counts."""
        return [line for line in self.comment if not re.match("(>>>|model:|calls:)", line)]

    @property
    def assertions(self) -> Iterator[Assertion]:
        replies: tuple[tuple[str, str], ...] = ()
        for i, line in enumerate(self.comment):
            if match := re.fullmatch("model: (.+?) -> (.*)", line):
                replies = ((match[1], match[2]), *replies)
            elif line.startswith(">>> "):
                after = self.comment[i + 1] if i + 1 < len(self.comment) else ""
                yield Assertion(line[4:], replies, after.removeprefix("calls: ") if after.startswith("calls: ") else "")


def documented(path: Path) -> Iterator[Documented]:
    text = path.read_text(encoding="utf-8")
    above = text.split("\n")
    for statement in parse(Source(text, path.name)).statements:
        assert isinstance(statement, nodes.Function), f"{path.name} holds more than functions"
        comment: list[str] = []
        line = statement.span.line - 2
        while above[line].startswith("#"):
            comment.insert(0, above[line].removeprefix("#").removeprefix(" "))
            line -= 1
        yield Documented(statement.name.id, statement, tuple(comment))


FUNCTIONS = [function for path in FILES for function in documented(path)]


ASSERTIONS = [
    pytest.param(assertion, id=f"{function.name}-{i}")
    for function in FUNCTIONS
    for i, assertion in enumerate(function.assertions)
]
