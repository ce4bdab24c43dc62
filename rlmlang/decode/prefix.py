"""Prefixes of programs, lexeme by lexeme, that are known to have a completion.

A `Prefix` keeps a closing: lexemes that complete its statement, with which it was parsed and checked. A lexeme may
follow if a closing is found for the longer prefix. So whatever is accepted can be ended at any time, and what is
accepted to its end parses and checks. The closing is searched with holes first, which settles most questions at once;
then each hole is filled with a constant of a fitting type (`decode.completions`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from attrs import evolve

from rlmlang.decode.completions import Search
from rlmlang.decode.conversions import can_become
from rlmlang.decode.fragments import applications, attributes, function_named, parameters
from rlmlang.decode.partial import NOWHERE, Environment
from rlmlang.decode.placeholders import FREE, FREE_TEXT, FRESH
from rlmlang.decode.recognizer import OpenFString, Stack, tables
from rlmlang.decode.state import LINE, BracketFrame, State, constants_in, names_in
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, METHODS
from rlmlang.language.check import library_names
from rlmlang.language.check.annotations import TYPE_NAMES
from rlmlang.language.check.scope import Variable
from rlmlang.language.types import UNKNOWN, FunctionType, OptionalType, Type

MAX_LEXEMES = 1000
"""The most lexemes of one statement; after that only its closing may follow."""


MAX_NESTING = 20
"""The most brackets that may be open at once."""


_TESTING = ("if", "and", "or", "not")
"""After these words something may be tested for None, so an operand may fit where one of unknown type does not."""


class Prefix(State):
    """The start of a statement that can be completed. Prefixes do not change; what is found out about one is cached."""

    __slots__ = ("_children", "_literals", "_names", "_receiver", "positions")

    def __init__(
        self,
        environment: Environment,
        unit: str,
        stack: Stack | None,
        frame: BracketFrame | None = None,
        last: str = "",
        size: int = 0,
        words: tuple[str, ...] = (),
        inside: OpenFString | None = None,
    ) -> None:
        super().__init__(environment, unit, stack, frame, last, size, words, inside)
        self._children: dict[str, Prefix | None] = {}
        self._names: NextNames | None = None
        self._receiver: Type | None = None
        self._literals: tuple[str, ...] | None = None
        self.positions: dict[object, object] = {}
        """What `decode.position` has found out about positions after this prefix."""

    @property
    def ended(self) -> bool:
        """Return whether nothing may follow."""
        return self.stack is None

    def child(self, lexeme: str) -> Prefix | None:
        """Return the prefix with one more lexeme, or None if it cannot follow."""
        try:
            return self._children[lexeme]
        except KeyError:
            found = self._children[lexeme] = self._grow(lexeme)
            return found

    # Growing

    def _grow(self, lexeme: str) -> Prefix | None:
        if self.stack is None:
            return None
        if lexeme == "CALL" and not self.environment.calls:
            return None
        follows = self.closing[:1] == (lexeme,)
        if not follows and self.size >= MAX_LEXEMES:
            return None
        grown = self.step(lexeme)
        if grown is None:
            return None
        if lexeme == LINE:
            return grown._next()
        if self.unit == "call" and lexeme == ")" and grown.frame is None:
            # The closing may have continued after the bracket, so the call is checked as it is.
            return Prefix(self.environment, self.unit, None) if Search(grown).checks((LINE,)) else None
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
        if self._names is not None and lexeme.isidentifier():
            hints = [*self._names.closings(lexeme), *hints]
        closing = Search(grown).closing(hints)
        if closing is None:
            return None
        grown.closing = closing
        return grown

    def _next(self) -> Prefix | None:
        """Return the prefix after the line end that ends this statement, or None if it does not check."""
        assert self.stack is not None
        found = tables().finish(self.stack, "start")
        if not found:
            return None
        statement = found[0]
        environment = self.environment.after(statement)
        if environment is None:
            return None
        over = self.unit == "statement" or isinstance(statement, nodes.ExprStatement)
        return Prefix(environment, self.unit, None if over else tables().start("start"))

    # What may follow

    @property
    def names(self) -> NextNames:
        """Return the names that may follow."""
        if self._names is None:
            self._names = NextNames(self)
        return self._names

    def receiver(self) -> Type | None:
        """Return the type of the operand before the dot that was written last, if it is known."""
        if self._receiver is None:
            self._receiver = Search(self).receiver()
        return self._receiver

    @property
    def literals(self) -> tuple[str, ...]:
        """Return the strings that may follow and that differ from any other string, such as those of a `Literal`."""
        if self._literals is None:
            values = (self.environment.constants | constants_in(self)) - {FREE_TEXT}
            texts = [text for value in sorted(values) for text in (json.dumps(value, ensure_ascii=False), repr(value))]
            free = self.child(FREE)
            self._literals = tuple(text for text in dict.fromkeys(texts) if not self.alike(text, free))
        return self._literals

    def alike(self, lexeme: str, other: Prefix | None) -> bool:
        """Return whether a constant has the closing of another prefix, so that the two are equivalent."""
        child = self.child(lexeme)
        return child is None or (other is not None and child.closing == other.closing)


class NextNames:
    """The names that may follow a prefix. What is found out about one holds for all names of its type."""

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix
        self._known: dict[str, bool] = {}
        self._verdicts: dict[Type, tuple[str, ...] | None] = {}
        self._expected: list[Type] | None = None
        self._keywords: frozenset[str] = frozenset()
        """The parameters of the function whose arguments are being written."""
        self._binds: bool | None = None
        """Whether a new name may be written where an operand is expected, as a comprehension may bind it."""
        self.candidates, self._judge = self._role()
        self._candidates = frozenset(self.candidates)

    def _role(self) -> tuple[tuple[str, ...], Callable[[str], bool]]:
        """Return the candidates, and the function that says whether one may follow."""
        prefix, takes = self.prefix, tables().takes
        if prefix.stack is None:
            return (), self._child
        words = [word for word in (*tables().fixed, *prefix.closing[:1]) if word.isidentifier()]
        if not takes(prefix.stack, "NAME"):
            return tuple(words), self._child
        if prefix.last == ".":
            return tuple(_attribute_names(prefix)), self._child
        if takes(prefix.stack, "NONE") and not takes(prefix.stack, "FSTRING"):
            return (*words, *(name for name in TYPE_NAMES if name != "None"), *prefix.environment.records), self._child
        known = dict.fromkeys([*words, *prefix.environment.entries, *names_in(prefix)])
        if prefix.frame is not None and prefix.frame.kind == "call":
            self._keywords = frozenset(parameters(prefix))
            known.update(dict.fromkeys(self._keywords))
        if not takes(prefix.stack, "FSTRING"):
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
        if self.prefix.last == ".":
            return name not in self._candidates
        frame = self.prefix.frame
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
            known = self._known[name] = self._judge(name)
        return known

    def starts(self, text: str) -> bool:
        """Return whether a name with this start may follow."""
        return any(name.startswith(text) and self.may_follow(name) for name in self.candidates)

    def _child(self, name: str) -> bool:
        return self.prefix.child(name) is not None

    def _operand(self, name: str) -> bool:
        if name in tables().fixed or name in self._keywords:
            return self._child(name)
        if self.prefix.last not in _TESTING and self.closing_of(UNKNOWN) is None:  # no operand could be completed
            return False
        entry = function_named(self.prefix.environment, name)
        match entry:
            case Variable(type=type_, values=None) if not isinstance(type_, (FunctionType, OptionalType)):
                return self.closing_of(type_) is not None
            case Variable(type=type_) if not isinstance(type_, FunctionType):
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
            entries = {**prefix.environment.entries, FRESH: Variable(type_, NOWHERE)}
            twin = Prefix(
                evolve(prefix.environment, entries=entries), prefix.unit, prefix.stack, prefix.frame,
                prefix.last, prefix.size, prefix.words, prefix.inside,
            )  # fmt: skip
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


def _attribute_names(prefix: Prefix) -> list[str]:
    type_ = prefix.receiver()
    if type_ is None:
        names = [name for record in prefix.environment.records.values() for name, _ in record.fields]
        return list(dict.fromkeys([*names, *(name for methods in METHODS.values() for name in methods)]))
    return list(attributes(type_.item if isinstance(type_, OptionalType) else type_))
