"""Comments behind the fields of records, which describe them (SPEC.md, 4.4; decision 121)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.source import Span

_NO_DESCRIPTION = re.compile(r"=>|!|~|(noqa|type|fmt|pragma|pylint|mypy|ruff)\b *:|noqa\b")
"""How comments begin that are for tools."""


def described(statements: list[nodes.Statement], comments: Sequence[nodes.Comment]) -> list[nodes.Statement]:
    """Return statements whose records have the comments behind their heads and fields."""
    if not comments or not any(isinstance(statement, nodes.Record) for statement in statements):
        return statements
    behind: dict[int, str] = {}
    for comment in comments:
        if not comment.own_line and not _NO_DESCRIPTION.match(comment.text):
            behind[_line(comment.span, comment.span.start)] = comment.text.strip()
    return [_described(each, behind) if isinstance(each, nodes.Record) else each for each in statements]


def _described(record: nodes.Record, behind: dict[int, str]) -> nodes.Record:
    fields = tuple(evolve(each, comment=behind.get(_line(each.span, each.span.end), "")) for each in record.fields)
    return evolve(record, fields=fields, comment=behind.get(_line(record.name.span, record.name.span.end), ""))


def _line(span: Span, at: int) -> int:
    """Return where the line of a position in a source starts."""
    return span.source.text.rfind("\n", 0, at)
