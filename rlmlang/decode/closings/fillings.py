"""Constants and types that the holes of a closing may be filled with, the likely ones first (decision 139)."""

from __future__ import annotations

from collections.abc import Iterator

from rlmlang.decode.closings.constants import constant, written
from rlmlang.decode.closings.fragments import instances, types_of
from rlmlang.decode.partial import PartialChecker
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.state import LineState, names_in
from rlmlang.language import nodes
from rlmlang.language.check.scope import Definition, ModuleEntry, Variable
from rlmlang.language.nodes import nodes_in
from rlmlang.language.type_variables import solve
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NEVER,
    NONE,
    STR,
    UNKNOWN,
    CounterType,
    DefaultDictType,
    DequeType,
    DictType,
    FunctionType,
    IterableType,
    ListType,
    LiteralType,
    OptionalType,
    Primitive,
    SetType,
    TupleType,
    Type,
    Unknown,
)

CONSTANTS: tuple[Type, ...] = (
    STR,
    INT,
    ListType(STR),
    BOOL,
    FLOAT,
    ListType(INT),
    DictType(STR, STR),
    NONE,
    TupleType((STR, STR)),
    TupleType((INT, STR)),
    TupleType((STR, STR, STR)),
    ListType(TupleType((STR, STR))),
    ListType(ListType(STR)),
    ListType(TupleType((INT, STR))),
    ListType(TupleType((INT, INT))),
    ListType(TupleType((STR, INT))),
    ListType(TupleType((INT, INT, INT))),
    ListType(TupleType((STR, STR, STR))),
    ListType(FLOAT),
    ListType(BOOL),
    ListType(DictType(STR, STR)),
    DictType(STR, ListType(STR)),
    DictType(STR, INT),
    ListType(ListType(INT)),
)
"""The types of constants that are tried in a hole of unknown type."""

_TYPES = (
    ["str"],
    ["None"],
    ["int"],
    ["bool"],
    ["list", "[", "str", "]"],
    ["tuple", "[", "str", ",", "str", "]"],
    ["tuple", "[", "str", ",", "str", ",", "str", "]"],
)
"""The types that are tried where a type is to be written."""


def fillings(
    state: LineState, hole: str, expected: Type | None, before: str, checker: PartialChecker
) -> Iterator[list[str]]:
    """Yield lexemes to fill a hole with; `expected` is its type, if known, and `before` the lexeme before it."""
    if hole.startswith(f"{HOLE}_type"):
        yield from map(written, _parts(state.goal))
        yield from _TYPES
        return
    goals = [*_parts(state.goal), *_parts(state.environment.body.declared)]
    if expected is not None and not isinstance(expected, Unknown):
        yield from _variables(state, expected)
        seen = dict.fromkeys(part for each in checker.part_types() for part in _parts(each) if part != NONE)
        held = (each for each in types_of(state.environment) if isinstance(each, Primitive))
        for type_ in instances(expected, [*goals, *held, *seen]):
            yield constant(type_)
        return
    arithmetic = ("-", "*", "/", "//", "%", "**")
    yield from _variables(state, None)
    if before in ("(", ","):
        yield from _lent(state, checker)
    likely: list[Type] = [INT, FLOAT] if before in arithmetic else [] if expected is None else [STR]
    likely += [*_target_types(checker, hole)[:1], *_bound_types(checker)]
    if before == "in" and state.last in arithmetic:
        likely = [ListType(INT)]
    parts = _parts(state.goal)
    if isinstance(checker.checked, nodes.Assign) and any(
        isinstance(each, nodes.Index) for each in checker.checked.targets
    ):
        likely += [*goals[1:], *types_of(state.environment)]  # of which other lines expect one
    if before == "in":
        if state.goal == ListType(NEVER):
            yield ["[", "]"]
        yield from _matches(state)
        likely += [ListType(item) for item in _target_types(checker, hole)]
        likely += [ListType(item) for each in reversed(parts) for item in (each, TupleType((INT, each)))]
    for type_ in dict.fromkeys(
        [*likely, *parts, *checker.part_types(), *CONSTANTS[:4], *types_of(state.environment), *CONSTANTS]
    ):
        yield constant(type_)


def _variables(state: LineState, expected: Type | None) -> Iterator[list[str]]:
    """Yield a variable of each type that has no constants, such as a Counter, where one of that type may fit."""
    entries = state.environment.entries.items()
    found = {entry.type: name for name, entry in entries if isinstance(entry, Variable) and _has_none(entry.type)}
    for type_, name in found.items():
        if expected is None or type(type_) is type(expected) or solve(expected, type_, {}):
            yield [name]


def _matches(state: LineState) -> Iterator[list[str]]:
    """Yield what gives matches, which have no constants, if `re` is imported."""
    for name, entry in state.environment.entries.items():
        if isinstance(entry, ModuleEntry) and entry.name == "re":
            yield [name, ".", "finditer", "(", '""', ",", '""', ")"]


def _lent(state: LineState, checker: PartialChecker) -> Iterator[list[str]]:
    """Yield a variable of each type, containers first, for the arguments of a function without types in the line.

    It may change its arguments: only what a variable holds can be lent to it, and to one argument alone, so variables
    that the line does not use come first.
    """
    entries = state.environment.entries
    functions = (entries.get(name) for name in (state.last, *names_in(state)))
    if not any(isinstance(each, Definition) and UNKNOWN in each.params for each in functions):
        return
    held = {name: entry.type for name, entry in entries.items() if isinstance(entry, Variable)}
    distinct = {(type_, name if type_ == UNKNOWN else ""): name for name, type_ in held.items()}
    used = {each.id for each in nodes_in(checker.checked) if isinstance(each, nodes.Name)} if checker.checked else set()
    plain = (Primitive, LiteralType, FunctionType)
    order = sorted(distinct.values(), key=lambda name: (held[name] == UNKNOWN) + 2 * isinstance(held[name], plain))
    yield from ([name] for name in sorted(order[:8], key=lambda name: name in used))


def _has_none(type_: Type) -> bool:
    """Return whether a type has no constants."""
    return isinstance(type_, (CounterType, DequeType, DefaultDictType)) or str(type_) in ("Match", "Pattern")


def _target_types(checker: PartialChecker, hole: str) -> list[Type]:
    """Return types that fit the nested targets of a hole: of the elements of a loop's iterable, or of what is bound."""
    targets: list[nodes.Target] = []
    for each in nodes_in(checker.checked) if checker.checked is not None else ():
        match each:
            case nodes.For() | nodes.ForClause() if isinstance(each.iterable, nodes.Name) and each.iterable.id == hole:
                targets.append(each.target)
            case nodes.Assign(targets=bound, value=nodes.Name(id=name)) if name == hole:
                targets += bound
    tuples = (target for target in targets if isinstance(target, nodes.TupleTarget))
    nested = (target for target in tuples if any(isinstance(item, nodes.TupleTarget) for item in target.items))
    return [_shaped(target, type_) for target in nested for type_ in (INT, STR)]


def _shaped(target: nodes.Target, item: Type) -> Type:
    if isinstance(target, nodes.TupleTarget):
        return TupleType(tuple(_shaped(each, item) for each in target.items))
    return item


def _bound_types(checker: PartialChecker) -> list[Type]:
    """Return the type of the variable that the line binds, if it has one, or the tuple of those of several."""
    if not isinstance(checker.checked, nodes.Assign):
        return []
    target = checker.checked.targets[0]
    names = target.items if isinstance(target, nodes.TupleTarget) else (target,)
    entries = [checker.environment.entries.get(each.id) if isinstance(each, nodes.Name) else None for each in names]
    types = [entry.type if isinstance(entry, Variable) else None for entry in entries]
    if isinstance(target, nodes.TupleTarget):
        return [TupleType(tuple(type_ or STR for type_ in types))]
    return [type_ for type_ in types if type_ is not None]


def _parts(whole: Type | None) -> list[Type]:
    """Return a type and the types that it is made of."""
    found: list[Type] = []
    todo: list[Type | None] = [whole]
    while todo:
        type_ = todo.pop()
        if type_ is not None and type_ not in found:
            found.append(type_)
            if isinstance(type_, (ListType, SetType, IterableType, OptionalType)):
                todo.append(type_.item)
            elif isinstance(type_, DictType):
                todo += (type_.value, type_.key)
            elif isinstance(type_, TupleType):
                todo += type_.items
    return found
