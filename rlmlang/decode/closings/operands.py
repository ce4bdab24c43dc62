"""What is known of an operand at once: whether its type, or one that it can become, fits what is written before it.

A search for a closing tries many texts before it gives up. Most of those that find nothing are for an operand that the
operator or display before it does not take, such as a dict after `1 -` or in `[1, `. Which types these take is asked of
the checker, once for each type; and what makes another type of an operand comes from the table of methods
(decision 131).
"""

from __future__ import annotations

from collections.abc import Iterator

from rlmlang.decode.closings.conversions import ways_to_become
from rlmlang.decode.closings.fragments import applications, function_named
from rlmlang.decode.partial import Environment
from rlmlang.decode.recognizer import finished, tables
from rlmlang.decode.state import LineState
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, Builtin
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.check.scope import Definition, Variable
from rlmlang.language.nodes import nodes_in
from rlmlang.language.types import BOOL, FLOAT, INT, STR, FunctionType, RecordType, Type

OF_ITS_ARGUMENTS = frozenset(
    ("zip", "map", "filter", "enumerate", "reversed", "sorted", "list", "tuple", "dict", "str")
)
"""Functions whose results are made of what they are applied to, and so of more types than are tried for names."""

_WIDE = (nodes.ListExpr, nodes.SetExpr, nodes.DictExpr, nodes.Logic, nodes.Conditional)
"""The expressions that an operand is a part of for good, also if a comparison follows it."""
_NARROW = (nodes.Binary, nodes.Compare, nodes.Unary)
"""Those that an operand is a part of for good if an attribute or index follows it."""

Way = tuple[str, ...]
"""Lexemes after an operand or the name of a function."""


class OperandPlace:
    """A place in a line where an operand is to be written."""

    def __init__(self, state: LineState, closing: list[str] | None) -> None:
        """`closing` completes the line with a hole in this place, which is its first lexeme."""
        self._environment = state.environment
        self._known: dict[Type, bool] = {}
        self._hole = closing[0] if closing else ""
        self._statement = finished(state.stack, state.inside, closing) if closing else None
        self._whole: nodes.Expr | None = None
        """The expression that the operand is a part of; None if it may be of any type."""
        if self._statement is not None and state.last not in ("(", "[", "{"):
            self._whole = self._around(self._statement)

    def _around(self, statement: nodes.Statement) -> nodes.Expr | None:
        for each in nodes_in(statement):
            if isinstance(each, (*_WIDE, *_NARROW)) and any(map(self._is_hole, _parts(each))):
                return each
        return None

    def _is_hole(self, part: object) -> bool:
        return isinstance(part, nodes.Name) and part.id == self._hole

    def ways(self, environment: Environment, lexeme: str, usual: Type | None) -> tuple[list[Way], bool]:
        """Return what makes an operand that begins with a lexeme fit, and whether nothing else does.

        The short ways come first. An operand of the type `usual` is known to fit.
        """
        types = types_of(environment, lexeme)
        compared = self._whole is None or isinstance(self._whole, _WIDE)
        found = [
            ((*applied, *way), other)
            for applied, type_ in types
            for way, other in ways_to_become(type_, compared)
            if (other == usual if self._whole is None else self._takes(other))
        ]
        found.sort(key=lambda way: (way[1] != usual, len(way[0])))
        return [way for way, _ in found], bool(types) and self._whole is not None

    def _takes(self, type_: Type) -> bool:
        known = self._known.get(type_)
        if known is None:
            known = self._known[type_] = self._find_whether_takes(type_)
        return known

    def _find_whether_takes(self, type_: Type) -> bool:
        assert self._statement is not None
        assert self._whole is not None
        checker = self._environment.with_variable(self._hole, type_).checker()
        checker.watched = self._whole
        checker.accepts(self._statement)
        return not checker.is_wrong_for_good


def _parts(node: nodes.Node) -> Iterator[object]:
    """Yield the parts of an expression that are no parts of others."""
    todo = list(node._parts().values())
    while todo:
        each = todo.pop()
        if isinstance(each, (list, tuple)):
            todo.extend(each)
        else:
            yield each


def types_of(environment: Environment, lexeme: str) -> list[tuple[Way, Type]]:
    """Return the types of what begins with a lexeme, a constant or name, each with what applies it if it is a function.

    There are none if too little is known.
    """
    if not lexeme.isidentifier() or lexeme in ("True", "False"):
        type_ = constant_type(lexeme)
        return [((), type_)] if type_ is not None else []
    match function_named(environment, lexeme):
        case Variable(type=type_) if not isinstance(type_, FunctionType):
            return [((), type_)]
        case Definition() | CheckedFunction() | RecordType() | Variable() | Builtin():
            return [*applications(environment, lexeme)]
        case None if lexeme in BUILTINS and lexeme not in OF_ITS_ARGUMENTS:
            return [*applications(environment, lexeme)]
    return []


def constant_type(lexeme: str) -> Type | None:
    """Return the type of a constant that is one lexeme; None of others."""
    return _CONSTANTS.get(tables().terminal(lexeme) or "")


_CONSTANTS = {"STRING": STR, "LONG_STRING": STR, "RAW_STRING": STR, "FSTRING": STR, "INT": INT, "FLOAT": FLOAT}
_CONSTANTS |= {"TRUE": BOOL, "FALSE": BOOL}
