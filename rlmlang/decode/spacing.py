"""The spaces between lexemes that a mask allows: those that the formatter writes, and those that programmers leave out.

Around operators and after commas a space may be missing. `f (x)`, `x=1` as a statement, `( a )` and two spaces are
refused: where a model could write them, they are a way out for what it may not write (decision 100).
"""

from __future__ import annotations

import re

from rlmlang.decode.recognizer import tables
from rlmlang.decode.state import LineState

NONE, ONE, MAYBE = (0, 0), (1, 1), (0, 1)
"""The least and the most spaces."""

_WORD = re.compile(r"\w")
_OPENING = ("(", "[", "{")


def gap(state: LineState, lexeme: str) -> tuple[int, int]:
    """Return the least and the most spaces before a lexeme that follows."""
    last, frame = state.last, state.frame
    first = lexeme[0]
    if not state.size or first == "\n" or last[-1] == "\n":
        return NONE
    if frame is not None and frame.kind == "fstring" and (first in "}:" or (first == "!" and lexeme[1:2] != "=")):
        return NONE
    slices = frame is not None and frame.kind == "index" and ":" in (lexeme, last) and last not in ("[", ",")
    if first in ")]},:." and lexeme != "..." and not lexeme[1:2].isdigit():
        return MAYBE if slices and lexeme == ":" else NONE
    if last[-1] in "([{." or state.leans:
        return ONE if _runs_together(last, lexeme) else NONE
    if slices:
        return MAYBE
    if lexeme == "=" or last == "=":
        kind = frame.kind if frame is not None else ""
        return NONE if kind == "call" else MAYBE if kind == "params" else ONE
    if lexeme == "->" or last == "->" or _augments(lexeme) or _augments(last):
        return ONE
    if _is_keyword(last):
        return MAYBE if first in _OPENING or first == "\n" else ONE
    if first in "([" and last != "," and _applies(state, lexeme):
        return NONE
    if last[-1] in ")]}" and _WORD.match(first):
        return ONE
    return ONE if _runs_together(last, lexeme) else MAYBE


def is_usual(state: LineState, lexeme: str) -> bool:
    """Return whether the formatter writes a space before a lexeme that follows."""
    least, most = gap(state, lexeme)
    if least == most:
        return least == 1
    kind = state.frame.kind if state.frame is not None else ""
    if kind == "index" and ":" in (lexeme, state.last):
        return False
    return not (kind == "params" and "=" in (lexeme, state.last))


def joined(state: LineState, lexemes: tuple[str, ...], space: bool = False) -> str:
    """Return the text of lexemes that follow, with the usual spaces; with `space`, one is already there."""
    text = ""
    at: LineState | None = state
    for lexeme in lexemes:
        assert at is not None, (state.last, lexemes)
        if not space and is_usual(at, lexeme):
            text += " "
        space = False
        text += lexeme
        at = at.step(lexeme)
    return text


def _applies(state: LineState, bracket: str) -> bool:
    """Return whether a bracket follows what it is applied to."""
    return not state.takes_operand or (bracket == "[" and state.last == "CALL")


def _augments(lexeme: str) -> bool:
    return len(lexeme) > 1 and lexeme[-1] == "=" and tables().terminal(lexeme) == "AUGMENTED"


def _is_keyword(lexeme: str) -> bool:
    return lexeme.isalpha() and lexeme not in ("None", "True", "False", "CALL") and lexeme in tables().fixed


def _runs_together(last: str, lexeme: str) -> bool:
    """Return whether two lexemes need a space between them."""
    if _WORD.match(last[-1]) and (_WORD.match(lexeme[0]) or (lexeme[0] in "\"'." and lexeme != ".")):
        return True
    return last[-1] in "\"'" and (lexeme[0] in "\"'" or lexeme[0].isalnum())
