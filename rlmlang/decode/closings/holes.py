"""Names for the holes of one line, and the line with lexemes that may contain holes."""

from __future__ import annotations

from rlmlang.decode.closings.fragments import requoted
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.recognizer import tables
from rlmlang.decode.state import LineState


class Holes:
    """The holes in closings of one unfinished line: each has a name of its own."""

    def __init__(self, state: LineState) -> None:
        self.state = state
        self.count = 0

    def numbered(self, lexeme: str, state: LineState | None) -> str:
        """Return a lexeme; a hole gets a number, and a name that says what it stands for: an expression, a type …"""
        if lexeme != HOLE or state is None or state.stack is None:
            return lexeme
        self.count += 1
        if tables().takes(state.stack, "FSTRING"):
            return f"{HOLE}{self.count}"
        if tables().takes(state.stack, "NONE"):
            return f"{HOLE}_type{self.count}"
        return f"{HOLE}_attribute" if state.last == "." else self.new_name()

    def new_name(self) -> str:
        """Return a name that is not in scope."""
        name = f"v{self.state.size}_{self.count}"
        while name in self.state.environment.entries:
            name += "_"
        return name

    def take(self, state: LineState | None, lexeme: str, out: list[str]) -> LineState | None:
        """Return the line with one more lexeme, which is added to those written."""
        if state is None:
            return None
        if state.inside is not None:
            lexeme = requoted(lexeme, state.inside.quote)
        out.append(lexeme)
        return state.next(lexeme)
