"""The body of a function, or of the program, while it is being checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define, field

from rlmlang.language import nodes
from rlmlang.language.check.flow import State, joined
from rlmlang.language.check.scope import Definition, Scope, Unbound
from rlmlang.language.source import Span
from rlmlang.language.types import NEVER, Type


@define
class LoopEnds:
    """The states in which the turns of a loop were left by `break` and by `continue`."""

    breaks: State | None = None
    continues: State | None = None


@define(eq=False)
class BodyCheck:
    """What is known of the body so far. The checker is at a point that can be reached as long as `reachable` holds."""

    scope: Scope
    declared: Type | None = None
    """The type that each result must have, where it is written."""
    reachable: bool = True
    result: Type = NEVER
    """The join of the results so far."""
    result_span: Span | None = None
    exits: State | None = None
    """The join of the states in which the body was left."""
    loops: list[LoopEnds] = field(factory=list)
    """The loops around the point, from outside to inside."""
    entry_states: dict[int, State] = field(factory=dict)
    """The state before each turn of a loop, by the start of the loop."""
    growing: dict[int, list[str]] = field(factory=dict)
    """The variables whose types grow with every turn of a loop, by the start of the loop."""
    whiles: int = 0
    """How many `while` loops are around the point."""
    handlers: int = 0
    """How many `except` clauses are around the point."""
    definitions: dict[int, Definition] = field(factory=dict)
    """The functions defined in it, by the start of their `def`."""
    guessing: bool = False
    """Whether the result of a function in progress had to be assumed."""
    makes_calls: bool = False
    prints: bool = False
    has_infinity: bool = False
    """Whether `float("inf")` or `math.inf` is in it: a float that it gives may be an int that was found instead."""
    whole: set[int] = field(factory=set)
    """The results whose values must be ints although their types are not, by the start of the `return`."""
    applies_parameter_in_while: bool = False

    @property
    def is_function(self) -> bool:
        return self.scope.kind == "function"

    def state(self) -> State | None:
        """Return the state at this point; None if it cannot be reached."""
        return State.of(self.scope) if self.reachable else None

    def go_on(self, state: State | None) -> None:
        """Go on from a state; from None, nothing can be reached."""
        self.reachable = state is not None
        if state is not None:
            state.enter(self.scope)

    def leave(self) -> None:
        """Record that the body is left here."""
        self.exits = joined((self.exits, self.state()))
        self.reachable = False


def hoist(scope: Scope, statements: Iterable[nodes.Statement]) -> None:
    """Enter the names that statements bind, as not bound yet."""
    for name, kind in names_bound_by(statements):
        scope.entries.setdefault(name.id, Unbound(name.span, kind))


def names_bound_by(statements: Iterable[nodes.Statement]) -> Iterator[tuple[nodes.Name, str]]:
    """Yield the names that statements bind, with the kind of what they bind, those in loops and branches too."""
    for statement in statements:
        match statement:
            case nodes.Assign():
                for target in statement.targets:
                    for name in names_in(target):
                        yield name, "variable"
            case nodes.AnnotatedAssign(name=name) | nodes.AugmentedAssign(target=nodes.Name() as name):
                yield name, "variable"
            case nodes.Input():
                yield statement.name, "input"
            case nodes.Record():
                yield statement.name, "record"
            case nodes.Function():
                yield statement.name, "function"
            case nodes.Import():
                for imported in statement.names:
                    yield bound_name(imported), "variable"
            case nodes.For():
                for name in names_in(statement.target):
                    yield name, "variable"
            case nodes.Try():
                for handler in statement.handlers:
                    if handler.name is not None:
                        yield handler.name, "variable"
        for body in bodies_of(statement):
            yield from names_bound_by(body)


def bound_name(imported: nodes.Imported) -> nodes.Name:
    """Return the name that is bound to what is imported."""
    return imported.alias or nodes.Name(imported.name.partition(".")[0], span=imported.span)


def bodies_of(statement: nodes.Statement) -> Iterator[tuple[nodes.Statement, ...]]:
    """Yield the bodies in a statement that belong to the same function as itself."""
    match statement:
        case nodes.If():
            for branch in statement.branches:
                yield branch.body
            yield statement.orelse
        case nodes.For() | nodes.While():
            yield statement.body
            yield statement.orelse
        case nodes.Try():
            yield statement.body
            for handler in statement.handlers:
                yield handler.body
            yield statement.orelse


def names_in(target: nodes.Target) -> Iterator[nodes.Name]:
    """Yield the names that a target binds."""
    if isinstance(target, nodes.Name):
        yield target
    elif isinstance(target, nodes.TupleTarget):
        for item in target.items:
            yield from names_in(item)
