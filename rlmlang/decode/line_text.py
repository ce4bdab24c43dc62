"""Read whole lines: the statement that a line is, and the lines of a text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import evolve

from rlmlang.decode.lines import Ending
from rlmlang.decode.recognizer import OpenFString, Stack, finished, tables
from rlmlang.decode.state import BODY, LINE
from rlmlang.language import nodes


def line_of(
    stack: Stack, inside: OpenFString | None, last: str, words: Sequence[str]
) -> nodes.Statement | nodes.Decorator | None:
    """Return the statement that a line is, or its head with a body in place of its own; None if it is not complete.

    `last` is the last lexeme of the line, and `words` begins with the first one.
    """
    if words[:1] == ("@",):
        below = ("def", "x", "(", ")", ":", BODY, "pass", LINE)
        function = finished(stack, inside, (LINE, *below))
        if not isinstance(function, nodes.Function):
            return None
        (decorator,) = function.decorators
        return nodes.Decorator(decorator, span=function.span)
    if last != ":" or not tables().takes(stack, "_NL1"):
        return finished(stack, inside, (LINE,))
    if words[:1] == ("try",):
        statement = finished(stack, inside, (BODY, "pass", LINE, "except", ":", BODY, "pass", LINE))
        return evolve(statement, handlers=()) if isinstance(statement, nodes.Try) else None
    body = ("x", ":", "str") if words[:1] == ("class",) else ("pass",)
    return finished(stack, inside, (BODY, *body, LINE))


def read_lines(ending: Ending, text: str, at: int) -> tuple[Ending, int]:
    """Read the whole lines of a text from an offset on, after the end of a line.

    Returns the end of the last one, and the offset behind it.
    """
    while True:
        begin = re.compile(r"(?: *(?:#[^\n]*)?\n)*( *)").match(text, at)
        assert begin is not None
        point = ending.at(len(begin[1]) // 4)
        found = _read_line(point.stack, text, begin.end()) if point is not None else None
        if point is None or found is None:
            return ending, at
        statement, words, end = found
        after = point.after(statement, words)
        if after is None:
            return ending, at
        ending, at = after, end


def _read_line(
    stack: Stack, text: str, at: int
) -> tuple[nodes.Statement | nodes.Decorator, tuple[str, ...], int] | None:
    """Return the statement of the line at an offset, its lexemes, and the offset after its line end.

    None if the line is not whole.
    """
    words: list[str] = []
    depth = 0
    while at < len(text) and (text[at] != "\n" or depth):
        if text[at] == "#":
            at = text.find("\n", at)
            if at < 0:
                return None
        elif text[at] in " \n":
            at += 1
        else:
            lexeme = tables().lexeme(text, at)
            found = tables().step(stack, None, lexeme) if lexeme is not None else None
            if lexeme is None or found is None:
                return None
            stack = found[0]
            words.append(lexeme)
            at += len(lexeme)
            depth += (lexeme in "([{") - (lexeme in ")]}")
    if at == len(text) or not words:
        return None
    statement = line_of(stack, None, words[-1], tuple(words))
    return (statement, tuple(words), at + 1) if statement is not None else None
