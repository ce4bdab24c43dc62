"""Prefixes of lines, lexeme by lexeme, that are known to have a completion.

A `Prefix` keeps a closing: lexemes that complete its line, with which it was parsed and checked. A lexeme may follow
if a closing is found for the longer prefix. So whatever is accepted can be ended at any time, and what is accepted to
its end parses and checks. The closing is searched with holes first, which settles most questions at once; then each
hole is filled with a constant of a fitting type (`decode.completions`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from attrs import evolve

from rlmlang.decode.completions import Search
from rlmlang.decode.conversions import can_become
from rlmlang.decode.fragments import applications, attributes, function_named, parameters
from rlmlang.decode.lines import Ending, Point, line_of
from rlmlang.decode.placeholders import FREE, FREE_TEXT, FRESH
from rlmlang.decode.recognizer import tables
from rlmlang.decode.state import LINE, LineState, constants_in, module_of, names_in
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, ModuleConstant
from rlmlang.language.check import library_names
from rlmlang.language.check.annotations import TYPE_NAMES, TYPING_NAMES
from rlmlang.language.check.scope import ModuleEntry, Variable
from rlmlang.language.types import UNKNOWN, FunctionType, OptionalType, Type
from rlmlang.runtime.exceptions import CAUGHT, RAISED

MAX_LEXEMES = 1000
"""The most lexemes of one line; after that only its closing may follow."""


MAX_NESTING = 20
"""The most brackets that may be open at once."""

CONTINUATIONS = ("elif", "else", "except")
"""Words that begin a line which continues the statement before it."""

_TESTING = ("if", "elif", "while", "assert", "and", "or", "not")
"""After these words something may be tested for None, so an operand may fit where one of unknown type does not."""


class Prefix(LineState):
    """The start of a line that can be completed. Prefixes do not change; what is found out about one is cached."""

    point: Point
    ended: bool
    """Whether nothing may follow."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ended = False
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
        made.point, made.ending = ending.point, ending
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
        if self.ended or (lexeme == "CALL" and not self.environment.calls):
            return None
        if lexeme[0] == "\n":
            return self._next(lexeme)
        if self.opens:
            return None  # a body begins on a line of its own
        follows = self.closing[:1] == (lexeme,)
        if not follows and self.size >= MAX_LEXEMES:
            return None
        grown = self.step(lexeme)
        if grown is None or not (self.size or self.point.may_begin(lexeme)):
            return None
        grown.point = self.point
        if not self.size and lexeme in CONTINUATIONS:
            if self.point.chained is None:
                return None
            grown.environment = self.point.chained
        if self.point.unit == "call" and lexeme == ")" and grown.frame is None:
            # The closing may have continued after the bracket, so the call is checked as it is.
            grown.ended = True
            return grown if Search(grown).checks((LINE,)) else None
        if follows:
            grown.closing = self.closing[1:]
            return grown
        if grown.frame is not None and grown.frame.depth > MAX_NESTING:
            return None
        if lexeme.isidentifier() and lexeme not in self.environment.entries and self.names.rules_out(lexeme):
            return None
        hints = [self.closing[1:], self.closing]
        if self.closing and lexeme.isidentifier() and self.closing[0].isidentifier():
            hints.insert(0, tuple(lexeme if word == self.closing[0] else word for word in self.closing[1:]))
        if lexeme.isidentifier() and "names" in self.__dict__:
            hints = [*self.names.closings(lexeme), *hints]
        closing = Search(grown, self.point.verdict).closing(hints)
        if closing is None:
            return None
        grown.closing = closing
        return grown

    # The end of the line

    @property
    def opens(self) -> bool:
        """Return whether the line is the whole head of a block."""
        return self.last == ":" and self.frame is None and tables().takes(self.stack, "_NL1")

    @cached_property
    def ending(self) -> Ending | None:
        """Return how the line ends here, or None if it may not."""
        statement = line_of(self.stack, self.inside, self.last, self.words[:1])
        return self.point.after(statement) if statement is not None else None

    def _next(self, lexeme: str) -> Prefix | None:
        """Return the prefix at the start of the next line, or None if this line may not end so."""
        ending = self.ending
        if ending is None:
            return None
        if ending.is_last:
            over = Prefix(self.environment, self.stack)
            over.point, over.ended = ending.point, True
            return over if lexeme == LINE else None
        point = ending.at((len(lexeme) - 1) // 4)
        return Prefix.of(point) if point is not None else None

    # What may follow

    @cached_property
    def names(self) -> NextNames:
        """Return the names that may follow."""
        return NextNames(self)

    @cached_property
    def receiver(self) -> Type | None:
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


class NextNames:
    """The names that may follow a prefix. What is found out about one holds for all names of its type."""

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix
        self._known: dict[str, bool] = {}
        self._representatives: dict[Type, str] = {}
        """By type, the variable of that type that all others of the type follow."""
        self._verdicts: dict[Type, tuple[str, ...] | None] = {}
        self._expected: list[Type] | None = None
        self._keywords: frozenset[str] = frozenset()
        """The parameters of the function whose arguments are being written."""
        self._binds: bool | None = None
        """Whether a new name may be written where an operand is expected, as a comprehension may bind it."""
        self._only_listed = False
        """Whether no other names than the candidates may follow, as in an import."""
        self.candidates, self._judge = self._role()
        self._candidates = frozenset(self.candidates)

    def _role(self) -> tuple[tuple[str, ...], Callable[[str], bool]]:
        """Return the candidates, and the function that says whether one may follow."""
        prefix, takes = self.prefix, tables().takes
        words = [word for word in (*tables().fixed, *prefix.closing[:1]) if word.isidentifier()]
        if not takes(prefix.stack, "NAME"):
            return tuple(words), self._child
        if prefix.last == ".":
            return tuple(_attribute_names(prefix)), self._child
        if prefix.takes_type:
            return (*words, *_type_names(prefix)), self._child
        if (listed := _listed_names(prefix)) is not None:
            self._only_listed = True
            return (*words, *listed), self._child
        known = dict.fromkeys([*words, *prefix.environment.entries, *names_in(prefix)])
        if prefix.frame is not None and prefix.frame.kind == "call":
            self._keywords = frozenset(parameters(prefix))
            known.update(dict.fromkeys(self._keywords))
        if not prefix.takes_operand:
            return tuple(known), self._child
        known.update(dict.fromkeys([*BUILTINS, *library_names()]))
        return tuple(known), self._operand

    @property
    def fresh(self) -> bool:
        """Return whether a new name may follow."""
        return self.prefix.last != "." and self._child(FRESH)

    @property
    def fresh_hidden(self) -> bool:
        """Return whether a new name that starts with `_` may follow. Fields have no such names."""
        return self._child(f"_{FRESH}")

    def rules_out(self, name: str) -> bool:
        """Return whether a name cannot follow for a reason that is quickly found."""
        if self.prefix.last == "." or self._only_listed:
            return name not in self._candidates
        frame = self.prefix.frame
        if self.prefix.last == "=" and frame is None:
            return name not in self._candidates  # `x = y = 1`, but only for a `y` that there is
        if frame is None or self._judge != self._operand or name in self._candidates:
            return False  # without a bracket it may be a name that is being bound
        if self._binds is None:
            keyword = frame.kind == "call" and frame.callee is None
            self._binds = keyword or bool(Search(self.prefix).binders())
        return not self._binds

    @property
    def allowed(self) -> list[str]:
        return [name for name in self.candidates if self.may_follow(name)]

    def may_follow(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self.prefix.closing[:1] == (name,) or self._judge(name)
        return known

    def starts(self, text: str) -> bool:
        """Return whether a name with this start may follow."""
        return any(name.startswith(text) and self.may_follow(name) for name in self.candidates)

    def _child(self, name: str) -> bool:
        return self.prefix.child(name) is not None

    def _operand(self, name: str) -> bool:
        if name in tables().fixed or name in self._keywords:
            return self._child(name)
        frame = self.prefix.frame
        if frame is not None and frame.callee == "isinstance" and frame.commas:
            return self._child(name)
        if self.prefix.last not in _TESTING and self.closing_of(UNKNOWN) is None:  # no operand could be completed
            return False
        entry = function_named(self.prefix.environment, name)
        match entry:
            case Variable(type=type_, values=None) if not isinstance(type_, (FunctionType, OptionalType)):
                if self.prefix.point.tells_names_apart:
                    return self._child(name)
                return self._child(self._representatives.setdefault(type_, name))
            case Variable(type=type_) if not isinstance(type_, FunctionType):
                return self._child(name)
            case ModuleConstant() | ModuleEntry():
                return self._child(name)
            case None if name not in BUILTINS:  # a name that the statement itself binds
                return self._child(name)
        if any(self.closing_of(type_) is not None for _, type_ in applications(self.prefix.environment, name)):
            return self._child(name)
        return self._expects_function() and self._child(name)

    @property
    def expected(self) -> list[Type]:
        """Return the types that an operand may have here; none if they are not known."""
        if self._expected is None:
            self._expected = Search(self.prefix).expected_types()
        return self._expected

    def _expects_function(self) -> bool:
        if self.prefix.frame is None:
            return False
        return not self.expected or any(isinstance(type_, FunctionType) for type_ in self.expected)

    def _may_become_expected(self, type_: Type) -> bool:
        return not self.expected or any(can_become(type_, expected) for expected in self.expected)

    def closing_of(self, type_: Type) -> tuple[str, ...] | None:
        """Return the closing after an operand of a type; None if no such operand may follow."""
        try:
            return self._verdicts[type_]
        except KeyError:
            if not self._may_become_expected(type_):
                self._verdicts[type_] = None
                return None
            prefix = self.prefix
            twin = type(prefix)(
                prefix.environment.with_variable(FRESH, type_), prefix.stack, prefix.frame, prefix.last, prefix.size,
                prefix.words, prefix.inside, prefix.leans,
            )  # fmt: skip
            twin.point = evolve(prefix.point, judges=False)
            twin.closing = self._verdicts.get(UNKNOWN) or prefix.closing
            child = twin.child(FRESH)
            found = self._verdicts[type_] = child.closing if child is not None else None
            return found

    def closings(self, name: str) -> Iterator[tuple[str, ...]]:
        """Yield closings that may follow a name, from those that are known for its type."""
        entry = function_named(self.prefix.environment, name)
        if isinstance(entry, Variable) and not isinstance(entry.type, FunctionType):
            if (closing := self._verdicts.get(entry.type)) is not None:
                yield closing
        elif entry is not None or name in BUILTINS:
            for arguments, type_ in applications(self.prefix.environment, name):
                if (closing := self._verdicts.get(type_)) is not None:
                    yield (*arguments, *closing)


def _listed_names(prefix: Prefix) -> list[str] | None:
    """Return the names that may follow where only some can: modules, what they have, and errors; None elsewhere."""
    match (*prefix.words, prefix.last):
        case ("raise", "raise"):
            return list(RAISED)
        case ("except", *_, "except" | "(" | ","):
            return list(CAUGHT)
        case ("import", *_, "import" | ",") | ("from", "from"):
            return [*MODULES, "typing"]
        case ("from", module, "import" | "," | "("):
            return list(TYPING_NAMES if module == "typing" else MODULES.get(module, ()))
    return None


def _type_names(prefix: Prefix) -> list[str]:
    environment = prefix.environment
    return [*(name for name in TYPE_NAMES if name != "None"), *environment.records, *environment.typing]


def _attribute_names(prefix: Prefix) -> list[str]:
    if module := module_of(prefix, prefix.stack.below):
        return list(MODULES[module])
    type_ = prefix.receiver
    if type_ is None:
        names = [name for record in prefix.environment.records.values() for name, _ in record.fields]
        return list(dict.fromkeys([*names, *(name for methods in METHODS.values() for name in methods)]))
    return list(attributes(type_.item if isinstance(type_, OptionalType) else type_))
