"""What nano may write: a part of the language, without names of built-ins and without operators but `+` (decision 84).

    program:  ("d = " expr "\\n")? expr
    expr:     term (" + " term)*
    term:     literal | name slice? | "[" expr "]" | "[]" | CALL(task, expr, …)

It is held to types as well: calls have the arguments that their task takes, and an expression is of the
type that is wanted where it stands. So what is written to its end checks. (The masks of the language,
`decode.matcher`, hold any model to all of it and ask the checker, which takes a millisecond a token; for
this part of it a stack of symbols is enough, and a token takes a few microseconds.)
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
    """A whole program of a type."""

    type: str


@frozen
class Expression:
    type: str


@frozen
class MoreTerms:
    """Further terms of an expression, if any."""

    type: str


@frozen
class NamePart:
    """A slice or item of a name, if any: of what it has, what is wanted."""

    has: str
    wanted: str


@frozen
class CallRest:
    """The rest of a call that gives a type."""

    type: str


Symbol = Start | Expression | MoreTerms | NamePart | CallRest | str
"""What is still to be written; texts are tokens."""
InputTypes = tuple[tuple[str, str], ...]
"""InputTypes in scope, and their types."""


@cache
def _ways(symbol: Symbol, names: InputTypes) -> dict[str, tuple[Symbol, ...]]:
    """How a symbol may begin, and what follows that."""
    match symbol:
        case Start(type_):
            return {"d = ": (Expression(STR), "\n", Expression(type_), END)} | {
                token: (*rest, END) for token, rest in _ways(Expression(type_), names).items()
            }
        case Expression(type_):
            more = MoreTerms(type_)
            ways: dict[str, tuple[Symbol, ...]] = {
                token: (CallRest(type_), more) for token, of in CALLS.items() if of == type_
            }
            ways |= {name: (NamePart(has, type_), more) for name, has in names if type_ in (has, STR)}
            if type_ == STR:
                return ways | dict.fromkeys(LITERALS, (more,))
            return ways | {NONE: (more,), "[": (Expression(STR), "]", more)}
        case MoreTerms(type_):
            return {" + ": (Expression(type_),)}
        case NamePart(has, wanted):
            parts = (SLICES if has == wanted else []) + (ITEMS if wanted == STR else [])
            return dict.fromkeys(parts, ())
        case CallRest(type_):
            return {f'"{task.name}"': _arguments(task.name) for task in TASKS.values() if task.gives == type_}
    return {symbol: ()}


def _arguments(task: str) -> tuple[Symbol, ...]:
    kinds = range(len(TASKS[task].kinds))
    return (*(symbol for i in kinds for symbol in (", ", Expression(TASKS[task].takes(i)))), ")")


def _may_be_left_out(symbol: Symbol) -> bool:
    return isinstance(symbol, MoreTerms) or (isinstance(symbol, NamePart) and symbol.has == symbol.wanted)


@cache
def _tokens(symbols: tuple[Symbol, ...], names: InputTypes) -> np.ndarray[Any, np.dtype[np.int64]]:
    found = {token for symbol in symbols for token in _ways(symbol, names)}
    return np.array(sorted(NUMBERS[token] for token in found))


@define
class Writer:
    """One program that is being written."""

    names: InputTypes
    _rest: list[Symbol] = field()
    """What is still to be written, the next one last."""

    @classmethod
    def of(cls, names: Mapping[str, str], type_: str) -> Writer:
        """Before the first token of a program of a type; `names` are its inputs and their types."""
        return cls(tuple(names.items()), [Start(type_)])

    @property
    def done(self) -> bool:
        return not self._rest

    def allowed(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The tokens that may follow, in order; `done` is false."""
        at = len(self._rest) - 1
        while _may_be_left_out(self._rest[at]):
            at -= 1
        return _tokens(tuple(self._rest[at:]), self.names)

    def write(self, number: int) -> None:
        """Go on with a token that is allowed."""
        token = TOKENS[number]
        while token not in (ways := _ways(symbol := self._rest.pop(), self.names)):
            assert _may_be_left_out(symbol)
        self._rest += reversed(ways[token])
        if token == "\n":
            self.names = (*self.names, ("d", STR))
