"""The types that an operand can become by what follows it: methods, indexes, operators.

They are derived from types alone, and generously within the number of steps that `decode.closings.search` takes: for
a type out of reach, no closing would be found.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from rlmlang.decode.closings.constants import constant, spread
from rlmlang.decode.placeholders import HOLE
from rlmlang.language import nodes
from rlmlang.language.check.expressions import methods_of
from rlmlang.language.check.operators import binary_type, can_be_ordered
from rlmlang.language.source import Source, Span
from rlmlang.language.type_variables import Solution, solve, substitute, variables
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NEVER,
    NONE,
    STR,
    UNKNOWN,
    DictType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    base_of,
)

STEPS = 2
"""The number of methods, indexes or operators in a row."""


@lru_cache(maxsize=4096)
def operator_fits(op: str, left: Type) -> bool:
    """Return whether there is a right operand for a binary operator after an operand of a type."""
    if isinstance(left, OptionalType):
        return True  # it may be tested later
    base = base_of(left)
    if op in ("<", "<=", ">", ">="):
        return base in (UNKNOWN, NEVER) or can_be_ordered(base, base)
    if op == "*" and isinstance(base, TupleType):
        return True  # with a constant number
    return any(binary_type(op, base, right, _RIGHT) is not None for right in (base, INT, FLOAT, STR, BOOL))


_RIGHT = nodes.Name(HOLE, span=Span(Source(""), 0, 0))


def can_become(type_: Type, expected: Type) -> bool:
    """Return whether an operand of a type may begin an expression of the expected type."""
    found = reachable_types(type_)
    if UNKNOWN in found:
        return True
    if isinstance(expected, TupleType) and any(isinstance(each, TupleType) for each in found):
        return True  # tuples of all lengths are made with `+`
    return any(solve(expected, each, {}) for each in found)


def reachable_types(type_: Type) -> tuple[Type, ...]:
    """Return the types that an operand can become, its own first."""
    return tuple(type_ for _, type_ in ways_to_become(type_))


def ways_to_become(type_: Type, compared: bool = True) -> tuple[tuple[tuple[str, ...], Type], ...]:
    """Return the types that an operand can become, its own first, each with lexemes after it that make it so.

    Comparisons are among them if they are `compared` (decision 131).
    """
    return _ways_to_become(type_, compared, repr(type_))  # records are equal by name alone, so their fields matter


@lru_cache(maxsize=4096)
def _ways_to_become(type_: Type, compared: bool, _key: str) -> tuple[tuple[tuple[str, ...], Type], ...]:
    found: dict[Type, tuple[str, ...]] = {type_: ()}
    for _ in range(STEPS):
        for before, way in list(found.items()):
            for step, after in _steps(before):
                found.setdefault(after, (*way, *step))
    if compared:
        found.setdefault(BOOL, ("==", *constant(type_)))
    return tuple((way, type_) for type_, way in found.items())


def _steps(type_: Type) -> Iterator[tuple[tuple[str, ...], Type]]:
    match type_:
        case LiteralType():
            yield (), type_.base
        case OptionalType():
            yield (), type_.item  # once it is tested
            yield (), NONE
        case RecordType():
            yield from (((".", name), each) for name, each in type_.fields)
            return
        case ListType():
            yield ("[", "0", "]"), type_.item
            yield (), ListType(UNKNOWN) if type_.item == NEVER else type_
        case DictType():
            yield ("[", *constant(type_.key), "]"), type_.value
        case TupleType():
            yield from ((("[", str(at), "]"), each) for at, each in enumerate(type_.items))
        case _ if type_ == INT:
            yield ("+", "0.5"), FLOAT
    for name, method in methods_of(type_).items():
        for signature in method.signatures if not method.changes else ():
            solution: Solution = {}
            receiver, *params = signature.params
            if solve(receiver.type, type_, solution):
                free = dict.fromkeys(variables(signature.result), UNKNOWN)
                needed = [substitute(each.type, solution) for each in params if each.required]
                arguments = spread([constant(each) for each in needed])
                yield (".", name, "(", *arguments, ")"), substitute(signature.result, free | solution)
