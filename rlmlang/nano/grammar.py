"""The grammar of what nano may write: the language without built-ins, and with no operator but `+` (decision 84).

    program:  ("d = " expr "\\n")? expr
    expr:     term (" + " term)*
    term:     literal | name slice? | "[" expr "]" | "[]" | CALL(task, expr, …)

Types are part of it: calls have the arguments that their task takes, and each expression has the type that its place
expects. So a complete program always checks. (`decode.matcher` constrains any model to the whole language by asking
the checker, which takes a millisecond a token; for this part a stack of symbols is enough, and a token takes a few
microseconds.)
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from attrs import define, field, frozen

from rlmlang.nano.tasks import TASKS
from rlmlang.nano.tasks.base import NONE, STR
from rlmlang.nano.tokens import CALLS, END, ITEMS, LITERALS, NUMBERS, SLICES, TOKENS


@frozen
class Start:
    """The symbol of a whole program of a type."""

    type: str


@frozen
class Expression:
    """The symbol of an expression of a type."""

    type: str


@frozen
class MoreTerms:
    """The symbol of further terms of an expression, if any."""

    type: str


@frozen
class NamePart:
    """The symbol of a slice or item of a name, if any: from the type that the name has to the one expected."""

    has: str
    expected: str


@frozen
class CallRest:
    """The symbol of the rest of a call whose answer has a type."""

    type: str


Symbol = Start | Expression | MoreTerms | NamePart | CallRest | str
"""A symbol of the grammar; a text is a token."""
InputTypes = tuple[tuple[str, str], ...]
"""The inputs in scope, each with its type."""


@cache
def _beginnings(symbol: Symbol, names: InputTypes) -> dict[str, tuple[Symbol, ...]]:
    """Return the tokens that a symbol may begin with, each with the symbols that follow it."""
    match symbol:
        case Start(type_):
            return {"d = ": (Expression(STR), "\n", Expression(type_), END)} | {
                token: (*rest, END) for token, rest in _beginnings(Expression(type_), names).items()
            }
        case Expression(type_):
            more = MoreTerms(type_)
            found: dict[str, tuple[Symbol, ...]] = {
                token: (CallRest(type_), more) for token, of in CALLS.items() if of == type_
            }
            found |= {name: (NamePart(has, type_), more) for name, has in names if type_ in (has, STR)}
            if type_ == STR:
                return found | dict.fromkeys(LITERALS, (more,))
            return found | {NONE: (more,), "[": (Expression(STR), "]", more)}
        case MoreTerms(type_):
            return {" + ": (Expression(type_),)}
        case NamePart(has, expected):
            parts = (SLICES if has == expected else []) + (ITEMS if expected == STR else [])
            return dict.fromkeys(parts, ())
        case CallRest(type_):
            return {f'"{task.name}"': _arguments(task.name) for task in TASKS.values() if task.gives == type_}
    return {symbol: ()}


def _arguments(task: str) -> tuple[Symbol, ...]:
    kinds = range(len(TASKS[task].kinds))
    return (*(symbol for i in kinds for symbol in (", ", Expression(TASKS[task].takes(i)))), ")")


def _is_optional(symbol: Symbol) -> bool:
    return isinstance(symbol, MoreTerms) or (isinstance(symbol, NamePart) and symbol.has == symbol.expected)


@cache
def _tokens(symbols: tuple[Symbol, ...], names: InputTypes) -> np.ndarray[Any, np.dtype[np.int64]]:
    found = {token for symbol in symbols for token in _beginnings(symbol, names)}
    return np.array(sorted(NUMBERS[token] for token in found))


@define
class Writer:
    """A program that is being written."""

    names: InputTypes
    _rest: list[Symbol] = field()
    """The symbols that are still to be written, the next one last."""

    @classmethod
    def of(cls, names: Mapping[str, str], type_: str) -> Writer:
        """Return the writer of an empty program of a type; `names` are its inputs and their types."""
        return cls(tuple(names.items()), [Start(type_)])

    @property
    def done(self) -> bool:
        """Whether the program is complete."""
        return not self._rest

    def allowed(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the tokens that may follow, in order. The program must not be done."""
        at = len(self._rest) - 1
        while _is_optional(self._rest[at]):
            at -= 1
        return _tokens(tuple(self._rest[at:]), self.names)

    def write(self, number: int) -> None:
        """Write a token that is allowed."""
        token = TOKENS[number]
        while token not in (following := _beginnings(symbol := self._rest.pop(), self.names)):
            assert _is_optional(symbol)
        self._rest += reversed(following[token])
        if token == "\n":
            self.names = (*self.names, ("d", STR))
