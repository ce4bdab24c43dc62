"""Names in scope: what they refer to, how tests narrow their types, and their errors (decision 96)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Union

from attrs import define, evolve, field, frozen

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, SYNTAX, Builtin, ModuleConstant
from rlmlang.language.check.checked import CheckedFunction, OuterVariable
from rlmlang.language.check.habits import unknown_name
from rlmlang.language.check.problems import Problems
from rlmlang.language.source import Span
from rlmlang.language.types import NEVER, UNKNOWN, FunctionType, RecordType, Type
from rlmlang.runtime.exceptions import CAUGHT

ConstantValue = Union[str, int, float, bool, None]


@frozen
class Variable:
    """A variable. `values` are the constants that it may have as its value, where they are known."""

    type: Type
    span: Span = field(eq=False)
    values: tuple[ConstantValue, ...] | None = None
    may_be_unbound: bool = False
    """Whether it is bound on some of the paths that lead here only; its use may be the run error E310."""
    origin: tuple[str, int] | None = None
    """The variable that its value was taken out of, and how deep in that it was."""
    is_lent: bool = False
    """Whether it is a parameter that may still have the argument, so that the caller sees what changes in it."""


@frozen
class Conflicted:
    """A variable that has types without a common one on the paths that lead here. Only its use is an error."""

    first: Variable
    second: Variable


@frozen
class Unbound:
    """A name that is bound later in this scope; until then it cannot be used."""

    span: Span = field(eq=False)
    kind: str = "variable"
    """What it will be: `variable`, `function`, `record` or `input`."""


@frozen
class ModuleEntry:
    """A module that a program imports."""

    name: str


@define(eq=False)
class Definition:
    """A function whose `def` has been reached. It is checked for the types that it is applied to."""

    node: nodes.Function
    scope: Scope
    """Where it is defined, and what it sees beyond its own variables."""
    params: tuple[Type, ...]
    """The types that are written at the parameters; UNKNOWN, or with UNKNOWN in them, where the argument decides."""
    result: Type
    in_library: bool = False
    is_in_loop: bool = False
    """Whether its `def` is in a loop, so that Python makes it anew in every turn."""
    instances: dict[tuple[Type, ...], list[Instance]] = field(factory=dict)
    """What it is checked for, by the types of its parameters."""
    is_applied: bool = False


@define(eq=False)
class Given:
    """A function that is passed for a parameter without a type: it is checked for the types that it is applied to."""

    node: nodes.Expr
    enter: Callable[[], AbstractContextManager[None]]
    """Brings the checker back to where the function is passed."""
    params: tuple[Type, ...] | None = None
    """The types that it is applied to; None before it is."""
    result: Type = NEVER
    changed: bool = False
    """Whether it is applied to wider types than where it was applied before."""


@define(eq=False)
class Instance:
    """A function as checked for some types."""

    definition: Definition
    function: CheckedFunction
    params: tuple[Type, ...]
    """The types that it is checked for."""
    given: dict[int, Given] = field(factory=dict)
    """The functions that are passed for parameters without a type, by the place of the parameter."""
    seen: Seen = field(factory=dict)
    """What the names from outside meant when it was checked."""
    problems: list[Diagnostic] = field(factory=list)
    in_progress: bool = True
    consulted: bool = False
    """Whether it was applied while it was being checked."""
    settled: bool = False
    """Whether what is said of its result is final."""
    head: Instance | None = None
    """The function in progress whose result this check had to assume."""
    guesses: list[Instance] = field(factory=list)
    """The functions whose check had to assume what this one, in progress, gives."""
    scope: Scope | None = None
    """The scope of its body in the last round."""
    widened: bool = False
    """Whether a variable outside got a wider type in this round, so that what was read before may have it too."""
    lent: dict[int, Type] = field(factory=dict)
    """The arguments that it changes, by the place of the parameter, with the types that they have afterwards."""
    applied_in_while: list[Span] = field(factory=list)
    """Where it, or a function that applies it, was applied in a `while` before it was known whether it makes calls."""
    applies_parameter_in_while: bool = False

    def still_holds(self) -> bool:
        """Return whether all names from outside mean what they meant."""
        return all(scope.means(seen) for scope, seen in self.seen.items())


ScopeEntry = Union[
    Variable, Conflicted, Unbound, Definition, CheckedFunction, RecordType, ModuleEntry, Builtin, ModuleConstant
]
"""The entry of a name in a scope."""

Seen = dict["Scope", dict[str, Union[ScopeEntry, None]]]
"""What names mean, by the scope that they are looked up from."""

Referent = Union[Variable, Definition, CheckedFunction, RecordType, Builtin, ModuleEntry, ModuleConstant]
"""What a usable name refers to."""

FindFunction = Callable[[str], Union[CheckedFunction, None]]
"""A function that finds a function of the standard library by its name."""


@define(eq=False)
class Scope:
    """The names of a program, function, lambda or comprehension, or facts about names of the scopes around it.

    `kind` is `program`, `function`, `lambda`, `comprehension` or `facts`. The entries of a program and of a function
    are those at the point that the checker has come to.
    """

    kind: str
    parent: Scope | None = None
    entries: dict[str, ScopeEntry] = field(factory=dict)
    facts: dict[str, Type] = field(factory=dict)
    """Types narrowed by a test, by path: `x`, `x.field`."""
    given: dict[str, Given] = field(factory=dict)
    """The functions that are passed for parameters without a type."""
    tried: list[dict[str, list[ScopeEntry]]] = field(factory=list)
    """For each `try` around the point, what has been bound in its body, by name."""
    owner: int = -1
    """The `node_id` of the name of the function, -1 for the program."""
    lent: dict[str, Type] = field(factory=dict)
    """The parameters of a function whose arguments it changes, with the types that these have afterwards."""

    def set(self, name: str, entry: ScopeEntry) -> None:
        """Let a name have an entry from this point on."""
        self.entries[name] = entry
        for bound in self.tried:
            known = bound.setdefault(name, [])
            if entry not in known:
                known.append(entry)

    def find(self, name: str) -> ScopeEntry | None:
        """Return the entry of a name in this scope or the nearest one around it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.entries:
                return scope.entries[name]
            scope = scope.parent
        return None

    def means(self, seen: dict[str, ScopeEntry | None]) -> bool:
        """Return whether all these names mean here what they meant when they were seen."""
        if self.parent is None and seen.items() <= self.entries.items():  # quick, as there may be thousands
            return True
        return all(self.find(name) == entry for name, entry in seen.items())

    def fact(self, path: str) -> Type | None:
        """Return the type of a path that a surrounding test has narrowed, if there is one."""
        scope: Scope | None = self
        root = path.partition(".")[0]
        while scope is not None:
            if path in scope.facts:
                return scope.facts[path]
            if root in scope.entries or scope.kind == "function":
                return None
            scope = scope.parent
        return None

    def names(self) -> Iterator[str]:
        scope: Scope | None = self
        while scope is not None:
            yield from scope.entries
            scope = scope.parent


@define(eq=False)
class Outer:
    """What a function has used from outside."""

    seen: Seen = field(factory=dict)
    reads: set[OuterVariable] = field(factory=set)


class Names:
    """The names that are visible where the checker is, and how they are bound and looked up."""

    def __init__(self, problems: Problems, library: FindFunction, damaged: frozenset[str] = frozenset()) -> None:
        self.problems = problems
        self.library = library
        self.damaged = damaged
        """Names whose bindings could not be parsed."""
        self.scope = Scope("program")
        self.records: dict[str, RecordType] = {}
        self.typing: dict[str, str] = {}
        """The names of `typing` by the names that they are imported by; for `import typing` there is `typing.`."""
        self.outer = Outer()
        """What the function that is being checked has used from outside."""
        self.widenings = 0
        """How often a variable got a wider type since a function changes what it holds."""

    @property
    def later(self) -> dict[str, Span]:
        """Return where the records are defined whose definition has not been reached yet."""
        return {
            name: entry.span
            for name, entry in self.scope.entries.items()
            if isinstance(entry, Unbound) and entry.kind == "record"
        }

    # Binding

    def bind(self, name: nodes.Name, entry: ScopeEntry) -> bool:
        """Enter a name into the innermost scope, if it may be bound there. What was known of it is forgotten."""
        error = self.problems.error
        here = self.scope.entries.get(name.id)
        is_fixed = isinstance(entry, (Definition, CheckedFunction, RecordType))
        if name.id in RESERVED_NAMES:
            error("E229", f"`{name.id}` is {RESERVED_NAMES[name.id]}", name.span, "choose another name")
        elif isinstance(here, (Definition, CheckedFunction, RecordType)) and here is not entry:
            kind = "record type" if isinstance(here, RecordType) else "function"
            first = None if isinstance(here, RecordType) else here.node.name.span
            notes = [("defined here", first)] if first else []
            message = f"`{name.id}` is a {kind}; its name cannot be bound again"
            error("E201", message, name.span, "choose another name", notes)
            return False
        elif is_fixed and isinstance(here, (Variable, Conflicted)):
            first = here.span if isinstance(here, Variable) else here.first.span
            notes = [("first bound here", first)]
            error("E201", f"`{name.id}` is already bound", name.span, "choose another name", notes)
        else:
            self._forget_facts(name.id)
            self.scope.set(name.id, entry)
            return True
        self.scope.entries[name.id] = Variable(UNKNOWN, name.span)  # so that it is reported once
        return False

    def _forget_facts(self, name: str) -> None:
        for path in [path for path in self.scope.facts if path.partition(".")[0] == name]:
            del self.scope.facts[path]

    def narrow(self, facts: Mapping[str, Type]) -> None:
        """Take what a test has shown as known from here on."""
        for path, type_ in facts.items():
            entry = self.scope.entries.get(path)
            if isinstance(entry, Variable):
                values = None if entry.values is None else tuple(value for value in entry.values if value is not None)
                self.scope.entries[path] = evolve(entry, type=type_, values=values)
            else:
                self.scope.facts[path] = type_

    @contextmanager
    def inside(self, kind: str, facts: Mapping[str, Type] | None = None) -> Iterator[Scope]:
        """Check what follows in a scope of its own."""
        outer = self.scope
        self.scope = Scope(kind, outer, facts=dict(facts or {}))
        try:
            yield self.scope
        finally:
            self.scope = outer

    # Looking up

    def find(self, name: str) -> ScopeEntry | None:
        """Return the entry of a name, and note that a function which is being checked uses it if it is from outside."""
        scope: Scope | None = self.scope
        while scope is not None:
            if name in scope.entries:
                return scope.entries[name]
            parent = scope.parent
            if scope.kind == "function" and parent is not None:
                return self._find_outside(parent, name)
            scope = parent
        return None

    def _find_outside(self, start: Scope, name: str) -> ScopeEntry | None:
        scope: Scope | None = start
        while scope is not None and name not in scope.entries:
            scope = scope.parent
        entry = None if scope is None else scope.entries[name]
        self.outer.seen.setdefault(start, {})[name] = entry
        if scope is not None and isinstance(entry, Variable):
            self.outer.reads.add((scope.owner, name))
        return entry

    def lookup(self, node: nodes.Name) -> Referent | None:
        """Return what a name refers to; None after its error is reported."""
        entry = self.find(node.id)
        match entry:
            case None | Unbound():
                return self._without_entry(node, entry)
            case Conflicted(first=first, second=second):
                message = f"`{node.id}` is {first.type} or {second.type}, depending on the path that leads here"
                notes = [(f"{first.type} here", first.span), (f"{second.type} here", second.span)]
                self.problems.error("E232", message, node.span, "use a name for each", notes)
                return None
            case Variable(may_be_unbound=True) if node.id in BUILTINS and self.scope.find(node.id) is entry:
                if self._is_of_program(node.id):  # in a function the name is that of a local variable, as in Python
                    message = f"`{node.id}` is a built-in or a variable, depending on the path that leads here"
                    self.problems.error("E232", message, node.span, "use another name", [("bound here", entry.span)])
                    return None
        return entry

    def is_bound(self, name: str) -> bool:
        """Return whether a name of Python's means something of the program here: in a function, all through it."""
        entry = self.find(name)
        return entry is not None and not (isinstance(entry, Unbound) and self._is_of_program(name))

    def _is_of_program(self, name: str) -> bool:
        scope: Scope | None = self.scope
        while scope is not None and name not in scope.entries:
            scope = scope.parent
        return scope is not None and scope.kind == "program"

    def _without_entry(self, node: nodes.Name, entry: Unbound | None) -> Referent | None:
        if node.id in self.damaged:
            return None
        if node.id in SYNTAX[""]:
            return SYNTAX[""][node.id]
        if entry is None or self._is_of_program(node.id):
            if node.id in BUILTINS:
                return BUILTINS[node.id]
            if (entry is None or entry.kind != "function") and (function := self.library(node.id)) is not None:
                return function
        if entry is None:
            self.report_unknown(node)
        else:
            self._bound_later(node, entry)
        return None

    def _bound_later(self, node: nodes.Name, entry: Unbound) -> None:
        notes = [("bound here", entry.span)]
        if entry.kind == "input":
            message = f"the input `{node.id}` is used before its declaration"
            self.problems.error("E225", message, node.span, "declare inputs first", notes)  # decision 19
        elif entry.kind == "variable":
            hint = None
            if node.id in BUILTINS:
                hint = f"the function binds `{node.id}`, so it is a variable in all of it; use another name"
            self.problems.error("E200", f"`{node.id}` is used before it is bound", node.span, hint, notes)
        else:
            notes = [("defined here", entry.span)]
            message = f"`{node.id}` is used before its definition"
            self.problems.error("E202", message, node.span, "move its definition up", notes)

    def report_unknown(self, node: nodes.Name) -> None:
        if node.id in CAUGHT:
            message = f"`{node.id}` is a kind of errors, not a value"
            self.problems.error("E215", message, node.span, f'write `raise {node.id}("…")` or `except {node.id}:`')
            return
        known = [*self.scope.names(), *BUILTINS]
        self.problems.error("E200", f"unknown name `{node.id}`", node.span, unknown_name(node.id, known))

    def is_function(self, node: nodes.Expr) -> bool:
        """Return whether an expression is the name of a function or record type."""
        if not isinstance(node, nodes.Name):
            return False
        entry = self.find(node.id)
        if entry is None or (isinstance(entry, Unbound) and self._is_of_program(node.id)):
            is_later = entry is not None and entry.kind == "function"
            return is_later or node.id in BUILTINS or self.library(node.id) is not None
        return isinstance(entry, (Definition, CheckedFunction, RecordType, Builtin)) or (
            isinstance(entry, Variable) and isinstance(entry.type, FunctionType)
        )

    def cannot_be_resolved(self, type_name: str) -> bool:
        """Return whether the definition of a type has an error, so that the type is not known."""
        return type_name in self.damaged


RESERVED_NAMES = {"CALL": "how a program calls the model, and no name"}
"""Names that cannot be bound, each with what it is."""
