"""Join strings that stand side by side, as Python does, before the grammar sees them (decision 108)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lark import Token
from lark.exceptions import UnexpectedInput

F_STRINGS = ("FSTRING", "LONG_FSTRING")
STRINGS = ("STRING", "RAW_STRING", "LONG_STRING", *F_STRINGS)


class JoinedStrings(Token):
    """Strings side by side as one token: an f-string if one of them is, else a string."""

    pieces: list[Token]


class StringJoiner:
    """What Lark calls between its lexer and its parser."""

    always_accept = ()

    def process(self, stream: Iterable[Token]) -> Iterator[Token]:
        """Yield the tokens, with strings that follow each other joined."""
        strings: list[Token] = []
        tokens = iter(stream)
        while True:
            try:
                token = next(tokens)
            except StopIteration:
                break
            except UnexpectedInput:
                if strings:  # which may be what is wrong
                    yield _joined(strings)
                raise
            if token.type in STRINGS and not (strings and _is_torn(strings[-1], token)):
                strings.append(token)
                continue
            if strings:
                yield _joined(strings)
                strings = []
            yield token
        if strings:
            yield _joined(strings)


def _is_torn(before: Token, token: Token) -> bool:
    """Return whether a string in three quotes was read as an empty one and what follows, as its inside is malformed."""
    return before.end_pos == token.start_pos and before.endswith(token[0] * 2) and before[0] in "rf"


def _joined(strings: list[Token]) -> Token:
    first, last = strings[0], strings[-1]
    if first is last:
        return first
    kind = "FSTRING" if any(each.type in F_STRINGS for each in strings) else "STRING"
    token = JoinedStrings(
        kind, "".join(strings), first.start_pos, first.line, first.column, last.end_line, last.end_column, last.end_pos
    )
    token.pieces = strings
    return token
