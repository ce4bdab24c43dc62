"""Prefixes of lines, lexeme by lexeme, that are known to have a completion.

A `Prefix` keeps a closing: lexemes that complete its line, with which it was parsed and checked. A lexeme may follow
if a closing is found for the longer prefix. So whatever is accepted can be ended at any time, and what is accepted to
its end parses and checks. The closing is searched with holes first, which settles most questions at once; then each
hole is filled with a constant of a fitting type (`decode.closings.search`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from rlmlang.decode.closings.fragments import requoted
from rlmlang.decode.closings.operands import OperandPlace, constant_type
from rlmlang.decode.closings.search import ANY_ITERABLE, Search
from rlmlang.decode.decorators import is_field, made_by_field, rests
from rlmlang.decode.line_text import line_of
from rlmlang.decode.lines import Ending, Point
from rlmlang.decode.names import NamedLine, NextNames
from rlmlang.decode.placeholders import FREE, FREE_TEXT
from rlmlang.decode.recognizer import tables
from rlmlang.decode.shapes import shape_of
from rlmlang.decode.state import LINE, constants_in
from rlmlang.language import nodes
from rlmlang.language.parse.tree import is_docstring
from rlmlang.language.types import BOOL, FLOAT, Type

MAX_LEXEMES = 1000
"""The most lexemes of one line; after that only its closing may follow."""


MAX_CLOSINGS = 200_000
"""The most shapes of lines whose closings are known at a time."""

_closings: dict[int, tuple[str, ...] | None] = {}
"""By shape, what completes a line; None if nothing does."""

MAX_PROVEN = 20_000
"""The most beginnings of lines, each in its text, of which is known that their closings check."""

_proven: set[tuple[int, tuple[str, ...], tuple[str, ...]]] = set()
"""The text before a line, its lexemes and its closing, where that has been checked (decision 143)."""

MAX_WAYS = 4
"""The most ways in which an operand is made fit that are tried before others."""

MAX_NESTING = 20
"""The most brackets that may be open at once."""

UNWRITTEN = frozenset((":=", "finally"))
"""Lexemes of forms that are read, but that no mask writes: the parser makes other statements of them (decision 125)."""

CONTINUATIONS = ("elif", "else", "except")
"""Words that begin a line which continues the statement before it."""


class Prefix(NamedLine):
    """The start of a line that can be completed. Prefixes do not change; what is found out about one is cached."""

    judgements: ClassVar[int] = 0
    """How often it has mattered so far which other lines there are."""

    point: Point
    ended: bool
    """Whether nothing may follow."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ended = False
        self.is_proven = not self.size
        """Whether the closing has been checked."""
        self.twin_of: Prefix | None = None
        """The line that this one is equal to but for one more variable in scope."""
        self.lexemes: tuple[str, ...] = ()
        """All lexemes of the line so far."""
        self.positions: dict[object, object] = {}
        """What `decode.position` has found out about positions after this prefix."""
        self._children: dict[str, Prefix | None] = {}

    @classmethod
    def of(cls, point: Point) -> Prefix:
        """Return the start of a line, which is kept with the point."""
        made = point.__dict__.get("prefix")
        if made is None:
            assert point.environment is not None
            made = cls(point.environment, point.stack)
            made.point = point
            point.__dict__["prefix"] = made
        assert isinstance(made, Prefix)
        return made

    @classmethod
    def after(cls, ending: Ending) -> Prefix:
        """Return a line of which only the end is known."""
        made = cls(ending.point.base, tables().start("start"))
        made.point, made.ending, made.lexemes = ending.point, ending, (LINE,)
        return made

    def child(self, lexeme: str) -> Prefix | None:
        """Return the prefix with one more lexeme, or None if it cannot follow.

        A line end has the indentation of the next line behind it.
        """
        try:
            return self._children[lexeme]
        except KeyError:
            found = self._children[lexeme] = self._grow(lexeme)
            return found

    # Growing

    def _grow(self, lexeme: str) -> Prefix | None:
        if self.ended or lexeme in UNWRITTEN or (lexeme == "CALL" and not self.environment.calls):
            return None
        if lexeme == self.last and self.leans and str(self.stack.below and self.stack.below.value) == lexeme:
            return None  # nobody writes `---x`, though tokens of many signs could be its start
        if lexeme == "lambda" and self.frame is None:
            return None  # `f = lambda x: e` defines a function, whose line would be the head of one
        if lexeme[0] == "\n":
            return self._next(lexeme)
        if self.opens and not (lexeme == "..." and self.point.may_declare):
            return None  # a body begins on a line of its own
        follows = self.closing[:1] == (lexeme,)
        if not follows and self.size >= MAX_LEXEMES:
            return None
        grown = self.step(lexeme)
        if grown is None or not (self.size or self.point.may_begin(lexeme)):
            return None
        grown.point, grown.lexemes = self.point, (*self.lexemes, lexeme)
        if not self.size and lexeme in CONTINUATIONS:
            if self.point.chained is None:
                return None
            grown.environment = self.point.chained
        if self.point.unit == "call" and lexeme == ")" and grown.frame is None:
            # The closing may have continued after the bracket, so the call is checked as it is.
            grown.ended = grown.is_proven = True
            return grown if Search(grown).checks((LINE,)) else None
        if follows:
            grown.closing, grown.is_proven = self.closing[1:], self.is_proven
            return grown
        if grown.frame is not None and grown.frame.depth > MAX_NESTING:
            return None
        if grown.words[0] == "@":
            return grown._decorating()
        if lexeme.isidentifier() and lexeme not in self.environment.entries and self.names.rules_out(lexeme):
            return None
        return grown if grown._close(self._hints(lexeme), self) else None

    def _decorating(self) -> Prefix | None:
        """Return the prefix of a decorator if it can be completed."""
        if not (found := rests(self.environment, self.lexemes, self.point.defining_words)):
            return None
        self.closing, self.is_proven = (*min(found, key=len), LINE), True
        return self

    def _hints(self, lexeme: str) -> list[tuple[str, ...]]:
        """Return closings that may complete the line after one more lexeme."""
        before = self.closing
        hints = [before[1:], before]
        if is_field(self.environment, lexeme):
            hints = [("(", "default", "=", *before[:-1], ")", LINE), *((*made, LINE) for made in made_by_field())]
        if lexeme in before:
            hints.insert(0, before[before.index(lexeme) + 1 :])
        if before and lexeme.isidentifier() and before[0].isidentifier():
            exchanged = {before[0]: lexeme, lexeme: before[0]}
            hints.insert(0, tuple(exchanged.get(word, word) for word in before[1:]))
        if lexeme.isidentifier() and "names" in self.__dict__:
            hints = [*self.names.closings(lexeme), *hints]
            if self.takes_operand:
                hints.append(_after_operand(before))
        return hints

    def _close(self, hints: Sequence[tuple[str, ...]], before: Prefix) -> bool:
        """Find a closing, or one that lines of the same shape have; return whether there is one.

        `before` is the prefix without the last lexeme.
        """
        shape = self.shape
        own = self.point.closings
        if shape in own:
            Prefix.judgements += 1
            found = own[shape]
        elif shape in _closings:
            found = _closings[shape]
        else:
            search = Search(self, self.point.verdict)
            found = search.closing(hints, lambda: before._suggested(self))
            self.is_proven = found is not None
            Prefix.judgements += search.is_judged
            closings = own if search.is_judged else _closings
            if len(closings) >= MAX_CLOSINGS:
                closings.clear()
            closings[shape] = found
        if found is None:
            return False
        self.closing = found
        return True

    @cached_property
    def place(self) -> OperandPlace:
        """Return the place after the prefix, where an operand may follow."""
        return OperandPlace(self, Search(self).around_operand()) if self.twin_of is None else self.twin_of.place

    def _suggested(self, grown: Prefix) -> tuple[list[tuple[str, ...]], bool]:
        """Return closings for a prefix with one more lexeme that begins an operand, and whether there are no others.

        They make the type of the operand one that fits here.
        """
        if not self.takes_operand:
            return [], False
        if self.names.expected == [ANY_ITERABLE] and constant_type(grown.last) in (FLOAT, BOOL):
            return [], True
        usual = constant_type(self.closing[0]) if self.closing else None
        ways, are_all = self.place.ways(grown.environment, grown.last, usual)
        rest = _after_operand(self.closing)
        quote = grown.inside.quote if grown.inside is not None else "'"
        closings = [(*(requoted(lexeme, quote) for lexeme in way), *rest) for way in ways[:MAX_WAYS]]
        return closings, are_all and not closings

    @cached_property
    def shape(self) -> int:
        """Return the number of the line's shape."""
        return shape_of(self, self.point.tells_names_apart, self.point.flags)

    def prove(self) -> bool:
        """Return whether the line can be completed, for which the closing is checked if that has not been done yet.

        Until then it is known of a line of the same shape alone.
        """
        if self.is_proven:
            return True
        key = (self.point.content, self.lexemes, self.closing)
        self.is_proven = key in _proven
        if not self.is_proven:
            found = Search(self, self.point.verdict).closing([self.closing])
            self.is_proven = found is not None
            if found == self.closing and self.point.judges:
                if len(_proven) >= MAX_PROVEN:
                    _proven.clear()
                _proven.add(key)
            self.closing = found if found is not None else self.closing
        return self.is_proven

    # The end of the line

    @property
    def opens(self) -> bool:
        """Return whether the line is the whole head of a block."""
        return self.last == ":" and self.frame is None and tables().takes(self.stack, "_NL1")

    @cached_property
    def ending(self) -> Ending | None:
        """Return how the line ends here, or None if it may not."""
        statement = line_of(self.stack, self.inside, self.last, self.words[:1])
        if self.point.block.kind == "class" and not isinstance(statement, nodes.AnnotatedAssign):
            if not (isinstance(statement, nodes.ExprStatement) and is_docstring(statement)):
                return None  # only fields, and what describes them, are written in a record
        return self.point.after(statement, self.lexemes) if statement is not None else None

    def _next(self, lexeme: str) -> Prefix | None:
        """Return the prefix at the start of the next line, or None if this line may not end so."""
        ending = self.ending
        if ending is None:
            return None
        if ending.is_last:
            over = Prefix(self.environment, self.stack)
            over.point, over.ended, over.is_proven = ending.point, True, True
            return over if lexeme == LINE else None
        point = ending.at((len(lexeme) - 1) // 4)
        return Prefix.of(point) if point is not None else None

    # What may follow

    @cached_property
    def names(self) -> NextNames:
        """Return the names that may follow."""
        return NextNames(self)

    @cached_property
    def receiver(self) -> Type | None:  # type: ignore[override]
        """Return the type of the operand before the dot that was written last, if it is known."""
        return Search(self).receiver()

    @cached_property
    def literals(self) -> tuple[str, ...]:
        """Return the strings that may follow and that differ from any other string, such as those of a `Literal`."""
        values = (self.environment.constants | constants_in(self)) - {FREE_TEXT}
        texts = [text for value in sorted(values) for text in (json.dumps(value, ensure_ascii=False), repr(value))]
        free = self.child(FREE)
        return tuple(text for text in dict.fromkeys(texts) if not self.alike(text, free))

    def alike(self, lexeme: str, other: Prefix | None) -> bool:
        """Return whether a constant has the closing of another prefix, so that the two are equivalent."""
        child = self.child(lexeme)
        return child is None or (other is not None and child.closing == other.closing)


def _after_operand(closing: tuple[str, ...]) -> tuple[str, ...]:
    """Return a closing without the operand that it starts with, if it does."""
    if closing[:1] and closing[0] in (")", "]", "}"):
        return closing  # after a comma
    depth = 0
    for i, lexeme in enumerate(closing):
        depth += (lexeme in ("(", "[", "{")) - (lexeme in (")", "]", "}"))
        if depth <= 0:
            return closing[i + 1 :]
    return closing
