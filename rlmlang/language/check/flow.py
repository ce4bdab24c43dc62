"""What is known of the variables of a function at one point of it, and how that joins where paths meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import evolve, field, frozen

from rlmlang.language.check.constants import MAX_CONSTANTS
from rlmlang.language.check.scope import Conflicted, Definition, Scope, ScopeEntry, Unbound, Variable
from rlmlang.language.types import UNKNOWN, Type, fits, join


@frozen
class State:
    """The entries and facts of a scope at one point. The point is unreachable where there is no State but None."""

    entries: Mapping[str, ScopeEntry] = field(factory=dict)
    facts: Mapping[str, Type] = field(factory=dict)

    @classmethod
    def of(cls, scope: Scope) -> State:
        """Return the state that a scope is in."""
        return cls(dict(scope.entries), dict(scope.facts))

    def enter(self, scope: Scope) -> None:
        """Bring a scope into this state."""
        scope.entries = dict(self.entries)
        scope.facts = dict(self.facts)


def joined(states: Iterable[State | None]) -> State | None:
    """Return what is known where paths with these states meet."""
    result: State | None = None
    for state in states:
        if state is not None:
            result = state if result is None else _join_two(result, state)
    return result


def where_it_fails(before: State, bound: Mapping[str, Sequence[ScopeEntry]]) -> State:
    """Return what is known where a body may have been left anywhere, from what it has bound by then."""
    entries = dict(before.entries)
    for name, found in bound.items():
        entry: ScopeEntry | None = entries.get(name)
        for each in found:
            entry = _join_entries(each, None) if entry is None else _join_entries(entry, each)
        if entry is not None:
            entries[name] = entry
    return State(entries, {path: type_ for path, type_ in before.facts.items() if path.partition(".")[0] not in bound})


def _join_two(a: State, b: State) -> State:
    if a is b:
        return a
    entries = {name: _join_entries(entry, b.entries.get(name)) for name, entry in a.entries.items()}
    for name, entry in b.entries.items():
        if name not in entries:
            entries[name] = _join_entries(entry, None)
    facts: dict[str, Type] = {}
    for path, type_ in a.facts.items():
        other = b.facts.get(path)
        wider = None if other is None else join_types(type_, other)
        if wider is not None:
            facts[path] = wider
    return State(entries, facts)


def _join_entries(a: ScopeEntry, b: ScopeEntry | None) -> ScopeEntry:
    if a == b or isinstance(a, Conflicted):
        return a
    if isinstance(b, Conflicted):  # nothing is to be known of a variable whose type grows
        return a if isinstance(a, Variable) and a.type == UNKNOWN else b
    if isinstance(a, Variable):
        return _join_variables(a, b) if isinstance(b, Variable) else evolve(a, may_be_unbound=True)
    if isinstance(b, Variable):
        return evolve(b, may_be_unbound=True)
    if isinstance(a, Definition):  # there is no function that is known to have been reached
        return Unbound(a.node.name.span, "function")
    if isinstance(a, Unbound) and b is not None and not isinstance(b, Definition):
        return b  # what is imported on the other path
    return a


def _join_variables(a: Variable, b: Variable) -> Variable | Conflicted:
    type_ = join_types(a.type, b.type)
    if type_ is None:
        return Conflicted(a, b)
    return Variable(
        type_,
        a.span if type_ == a.type else b.span,
        _join_values(a, b),
        a.may_be_unbound or b.may_be_unbound,
        a.origin if a.origin == b.origin else None,
        a.is_lent or b.is_lent,
    )


def _join_values(a: Variable, b: Variable) -> tuple[str | int | float | bool | None, ...] | None:
    if a.values is None or b.values is None:
        return None
    values = tuple({(type(value), value): value for value in (*a.values, *b.values)}.values())
    return values if len(values) <= MAX_CONSTANTS else None


def join_types(a: Type, b: Type) -> Type | None:
    """Return the join of two types, which is `a` wherever `b` fits it, so that repeated joins come to an end."""
    if UNKNOWN in (a, b):
        return UNKNOWN
    return a if fits(b, a) else join(a, b)
