"""Solve the type variables of signatures for the types of arguments."""

from __future__ import annotations

from rlmlang.language.types import (
    NEVER,
    NONE,
    UNKNOWN,
    DictType,
    FunctionType,
    IterableType,
    ListType,
    Never,
    OpenTupleType,
    OptionalType,
    SetType,
    TupleType,
    Type,
    TypeVar,
    Unknown,
    fits,
    hashable,
    item_type,
    join,
    optional,
    ordered,
    without_none,
)

Solution = dict[str, Type]
"""The types of the type variables of a signature, as far as they are known."""


def solve(expected: Type, found: Type, solution: Solution) -> bool:
    """Match `found` against the signature type `expected`, widening `solution` as needed.

    Returns whether `found` fits. Variables take the join of all that they met.
    """
    match expected, found:
        case (TypeVar(), _):
            joined = join(solution.get(expected.name, NEVER), found)
            if joined is None or (expected.ordered and not ordered(joined)):
                return False
            if expected.hashed and not hashable(joined):
                return False
            solution[expected.name] = joined
            return True
        case (_, Unknown()):
            for name in variables(expected):
                solution.setdefault(name, found)
            return True
        case (_, Never()):
            return True
        case (IterableType(), _):
            item = item_type(found)
            if item is None:
                return isinstance(found, TupleType) and expected.item == UNKNOWN
            return solve(expected.item, item, solution)
        case (ListType(), ListType()) if type(expected) in (ListType, type(found)):
            return solve(expected.item, found.item, solution)
        case (SetType(), SetType()):
            return solve(expected.item, found.item, solution)
        case (OpenTupleType(), TupleType() | OpenTupleType()):
            item = item_type(found)
            return item is not None and solve(expected.item, item, solution)
        case (DictType(), DictType()) if type(expected) in (DictType, type(found)):
            return solve(expected.key, found.key, solution) and solve(expected.value, found.value, solution)
        case (TupleType(), TupleType()):
            return len(expected.items) == len(found.items) and all(
                solve(w, f, solution) for w, f in zip(expected.items, found.items)
            )
        case (OptionalType(), _):
            return found == NONE or solve(expected.item, without_none(found), solution)
        case (FunctionType(), FunctionType()):
            if len(expected.params) != len(found.params):
                return False
            return all(
                solve(w, f, solution) if has_variables(w) else fits(w, f) for w, f in zip(expected.params, found.params)
            ) and solve(expected.result, found.result, solution)
    return fits(found, expected)


def substitute(type_: Type, solution: Solution) -> Type:
    """Return the type with the solved variables substituted."""
    match type_:
        case TypeVar():
            return solution.get(type_.name, type_)
        case ListType():
            return type(type_)(substitute(type_.item, solution))
        case SetType():
            return SetType(substitute(type_.item, solution))
        case OpenTupleType():
            return OpenTupleType(substitute(type_.item, solution))
        case IterableType():
            return IterableType(substitute(type_.item, solution))
        case DictType():
            return type(type_)(substitute(type_.key, solution), substitute(type_.value, solution))
        case TupleType():
            return TupleType(tuple(substitute(item, solution) for item in type_.items))
        case OptionalType():
            return optional(substitute(type_.item, solution))
        case FunctionType():
            params = tuple(substitute(p, solution) for p in type_.params)
            return FunctionType(params, substitute(type_.result, solution))
    return type_


def variables(type_: Type) -> frozenset[str]:
    """Return the names of the type variables in a type."""
    match type_:
        case TypeVar():
            return frozenset({type_.name})
        case ListType() | SetType() | OpenTupleType() | OptionalType() | IterableType():
            return variables(type_.item)
        case DictType():
            return variables(type_.key) | variables(type_.value)
        case TupleType():
            return frozenset().union(*map(variables, type_.items))
        case FunctionType():
            return variables(type_.result).union(*map(variables, type_.params))
    return frozenset()


def has_variables(type_: Type) -> bool:
    return bool(variables(type_))
