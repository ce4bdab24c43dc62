"""Positions in a text, between any two characters: a prefix and a part of the lexeme that follows.

Positions inside strings and comments differ only by what their last characters can become part of, so there are few
of them, and what is found out about one is cached for all. At the start of a line, what is partly written is the
line end: blank lines, comments, and the indentation of the line.
"""

from __future__ import annotations

import re

from rlmlang.decode.lexemes import NUMBER, canonical, fits, is_viable, may_continue, read_lexeme
from rlmlang.decode.placeholders import FREE, FREE_INT
from rlmlang.decode.prefix import Prefix
from rlmlang.decode.recognizer import fits_hole, tables
from rlmlang.decode.spacing import gap
from rlmlang.decode.state import LINE

MAX_MARGIN = 24
"""The most spaces before a line within brackets."""

MAX_LINES = 4
"""The most line ends in a row. After a comment they are counted anew."""

_COMMENT = re.compile(r"(#[^\n]*)?(\n)?")
_RUN = re.compile(r"(?:(?:#[^\n]*)?\n(?: *(?:#[^\n]*)?\n)*)( *)(#[^\n]*)?")
_STRING = re.compile(r"[fr]?[\"']")


class Position:
    """A position in a text, and what may follow there."""

    __slots__ = ("_next", "lines", "mask", "partial", "prefix", "spaces")

    def __init__(self, prefix: Prefix, partial: str = "", spaces: int = 0, lines: int = 0) -> None:
        self.prefix = prefix
        self.partial = partial
        """The start of a lexeme that may still get longer."""
        self.spaces = spaces
        """The number of spaces before that, or before this position."""
        self.lines = lines
        """The number of line ends within brackets before this position."""
        self.mask: object = None
        """The cache of `decode.mask`."""
        self._next: dict[str, Position | None] = {}

    def advance(self, text: str) -> Position | None:
        """Return the position after some more text, or None if it cannot follow."""
        try:
            return self._next[text]
        except KeyError:
            found = _read(self, self.partial + text)
            if found is not None:
                found = _interned(found)
            self._next[text] = found
            return found

    @property
    def ended(self) -> bool:
        """Return whether nothing may follow."""
        return self.prefix.ended

    @property
    def may_end(self) -> bool:
        """Return whether the text may end here."""
        if self.prefix.ended:
            return True
        if self.partial[:1] in ("\n", "#") and self.partial[-1] == "\n":
            ending = self.prefix.ending
            return ending is not None and ending.may_end
        return False


def _interned(position: Position) -> Position:
    """Return the one object that stands for all positions equal to this one."""
    positions = position.prefix.positions
    return positions.setdefault((position.partial, position.spaces, position.lines), position)  # type: ignore[return-value]


def _read(position: Position, text: str) -> Position | None:
    prefix, spaces, lines = position.prefix, position.spaces, position.lines
    at = 0
    while at < len(text):
        if prefix.ended:
            return None
        rest = text[at:]
        char = rest[0]
        bracketed = prefix.frame is not None and prefix.inside is None
        if char == "\n" and bracketed and lines == 0:
            spaces, lines = 0, 1
            at += 1
            continue
        if char == " ":
            spaces += 1
            at += 1
            if spaces > (MAX_MARGIN if lines else 2) or not (lines or _takes_space(prefix, spaces)):
                return None
            continue
        if char == "#" and bracketed and lines:
            match = _COMMENT.match(rest)
            assert match is not None
            if not _comment_fits(match[1]):
                return None
            if match[2] is None:
                return Position(prefix, _shortened(match[1]), 0, lines)
            spaces, lines = 0, 1
            at += match.end()
            continue
        if char in "\n#" and prefix.inside is None and not bracketed:
            if (char == "\n") == bool(spaces) and not (at == 0 and position.partial):
                return None  # a space at the end of a line, or none before a comment
            found = _line_end(prefix, rest)
            if found is None or isinstance(found, Position):
                return found
            prefix, used = found
            at += used
            spaces = lines = 0
            continue
        result = read_lexeme(prefix, rest)
        if result is None:
            return None
        lexeme, length = result
        if prefix.inside is not None and _STRING.match(rest) and not fits_hole(rest[:length], prefix.inside.quote):
            return None
        before = spaces if not lines else gap(prefix, lexeme or rest)[0]
        if length == len(rest) and may_continue(prefix, rest):
            return Position(prefix, canonical(prefix, rest), before) if is_viable(prefix, rest, before) else None
        if lexeme is None or (NUMBER.match(rest) and re.match(r"[A-Za-z_.]", rest[length:])):
            return None
        if not fits(prefix, rest[:length], before):
            return None
        child = prefix.child(lexeme)
        if child is None:
            return None
        prefix, spaces, lines = child, 0, 0
        at += length
    return Position(prefix, "", spaces, lines)


# Spaces and line ends --------------------------------------------------------------


def _takes_space(prefix: Prefix, spaces: int) -> bool:
    """Return whether a lexeme may follow that has a space before it, or a comment, which may have two."""
    if spaces == 1 and spaced(prefix) is not None:
        return True
    return prefix.frame is None and prefix.ending is not None


def spaced(prefix: Prefix) -> str | None:
    """Return a lexeme that may follow with a space before it, the first one of the closing if possible."""
    if "spaced" not in prefix.positions:
        prefix.positions["spaced"] = _find_spaced(prefix)
    found = prefix.positions["spaced"]
    return found if isinstance(found, str) else None


def _find_spaced(prefix: Prefix) -> str | None:
    if not prefix.size or not prefix.prove():
        return None
    if gap(prefix, prefix.closing[0])[1]:
        return prefix.closing[0]
    takes, stack = tables().takes, prefix.stack
    further = [text for text, terminal in tables().fixed.items() if takes(stack, terminal)]
    if prefix.takes_operand or takes(stack, "STRING"):
        further = [FREE, str(FREE_INT), *prefix.literals, *prefix.names.candidates, *further]
    elif takes(stack, "NAME"):
        further += prefix.names.candidates
    return next((text for text in further if gap(prefix, text)[1] and prefix.child(text) is not None), None)


def _comment_fits(comment: str | None) -> bool:
    """Return whether a comment may be written: any but those that results are inserted as."""
    return comment is None or not comment.startswith("#=>")


def _shortened(comment: str) -> str:
    return comment[:2] if len(comment) <= 2 else "# x"


def _line_end(prefix: Prefix, rest: str) -> Position | tuple[Prefix, int] | None:
    """Read the line end after a statement or its head, up to the first character of the next line.

    Returns the prefix at the start of the next line and the length of the line end, or a position within it, or None
    if it cannot follow.
    """
    ending = prefix.ending
    if ending is None or any(not _comment_fits(comment) for comment in re.findall(r"#[^\n]*", rest)):
        return None
    match = _RUN.match(rest)
    if match is None:
        return Position(prefix, _shortened(rest))
    whole = match[0][: match.start(2)] if match[2] is not None else match[0]
    lines = whole[whole.rfind("#") + 1 :].count("\n")
    if ending.is_last:
        over = prefix.child(LINE)
        return (over, match.end()) if over is not None and match.end() == rest.index("\n") + 1 else None
    if lines > MAX_LINES or max(map(len, re.findall(r"\n( *)", match[0]))) > 4 * max(ending.levels, default=0):
        return None
    if match[2] is not None:
        return Position(prefix, "\n" * lines + _shortened(match[2])) if lines < MAX_LINES else None
    margin = len(match[1])
    if match.end() == len(rest):
        return Position(prefix, "\n" * lines + " " * margin)
    line = prefix.child(LINE + " " * margin) if margin % 4 == 0 else None
    return (line, match.end()) if line is not None else None
