"""Names in scope: what they refer to, how tests narrow their types, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Union

from attrs import define, field, frozen

from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, Builtin
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.check.problems import Problems, did_you_mean
from rlmlang.language.source import Span
from rlmlang.language.types import UNKNOWN, FunctionType, RecordType, Type

ConstantValue = Union[str, int, float, bool, None]


@frozen
class Variable:
    """A variable. `values` are the constants that it may have as its value, where they are known."""

    type: Type
    span: Span
    values: tuple[ConstantValue, ...] | None = None


@frozen
class Unbound:
    """A name that is bound later in this scope; until then it cannot be used."""

    span: Span


ScopeEntry = Union[Variable, Unbound, CheckedFunction, RecordType]
"""The entry of a name in a scope."""

Referent = Union[Variable, CheckedFunction, RecordType, Builtin]
"""What a usable name refers to."""

FindFunction = Callable[[str], Union[CheckedFunction, None]]
"""A function that finds a function of the standard library by its name."""


@define
class Scope:
    """The names of a program, function, lambda or comprehension, or facts about names of the scopes around it.

    `kind` is `program`, `function`, `lambda`, `comprehension` or `facts`.
    """

    kind: str
    parent: Scope | None = None
    entries: dict[str, ScopeEntry] = field(factory=dict)
    facts: dict[str, Type] = field(factory=dict)
    """Types narrowed by a test, by path: `x`, `x.field`."""

    def find(self, name: str) -> ScopeEntry | None:
        """Return the entry of a name in this scope or the nearest one around it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.entries:
                return scope.entries[name]
            scope = scope.parent
        return None

    def fact(self, path: str) -> Type | None:
        """Return the type of a path that a surrounding test has narrowed, if there is one."""
        scope: Scope | None = self
        root = path.partition(".")[0]
        while scope is not None:
            if path in scope.facts:
                return scope.facts[path]
            if root in scope.entries:
                return None
            scope = scope.parent
        return None

    def names(self) -> Iterator[str]:
        scope: Scope | None = self
        while scope is not None:
            yield from scope.entries
            scope = scope.parent


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
        self.later: dict[str, Span] = {}
        """Names of the program that are bound later."""
        self.inputs: frozenset[str] = frozenset()
        """Names of the program's inputs."""
        self.current_function: str | None = None
        self.used: set[str] = set()
        """Library functions that were applied."""

    def bind(self, name: nodes.Name, entry: ScopeEntry) -> bool:
        """Enter a name into the innermost scope, if it may be bound there."""
        error = self.problems.error
        here = self.scope.entries.get(name.id)
        outer = self.scope.parent.find(name.id) if self.scope.parent else None
        if name.id in BUILTINS:
            # Decision 17
            error("E229", f"`{name.id}` is a built-in and cannot be bound", name.span, "choose another name")
        elif here is not None and not isinstance(here, Unbound):
            first = _entry_span(here)
            notes = [("first bound here", first)] if first else []
            error("E201", f"`{name.id}` is already bound", name.span, "names are bound once; choose a new name", notes)
            return False
        elif isinstance(outer, (CheckedFunction, RecordType)):
            kind = "function" if isinstance(outer, CheckedFunction) else "record type"
            error("E201", f"`{name.id}` is a {kind}; its name cannot be bound again", name.span)
        elif name.id in self.used and self.scope.kind == "program":  # only where a checked beginning is extended
            problem = f"`{name.id}` is already used as a function of the standard library"
            error("E200", problem, name.span, "choose another name")
        else:
            self.scope.entries[name.id] = entry
            return True
        self.scope.entries[name.id] = Variable(UNKNOWN, name.span)  # so that it is reported once
        return False

    @contextmanager
    def inside(self, kind: str, facts: Mapping[str, Type] | None = None) -> Iterator[Scope]:
        """Check what follows in a scope of its own."""
        outer = self.scope
        self.scope = Scope(kind, outer, facts=dict(facts or {}))
        try:
            yield self.scope
        finally:
            self.scope = outer

    def lookup(self, node: nodes.Name) -> Referent | None:
        """Return what a name refers to; None after its error is reported."""
        entry = self.scope.find(node.id)
        if isinstance(entry, Unbound):
            notes = [("bound here", entry.span)]
            self.problems.error("E200", f"`{node.id}` is used before it is bound", node.span, None, notes)
            return None
        if entry is not None:
            return entry
        if node.id == self.current_function:
            hint = "functions cannot be recursive; use a comprehension, `reduce`, or CALL"
            self.problems.error("E202", f"`{node.id}` calls itself", node.span, hint)  # decision 6
            return None
        if node.id in self.later:
            self._bound_later(node)
            return None
        if node.id in BUILTINS:
            return BUILTINS[node.id]
        if node.id in self.damaged:
            return None
        if (function := self.library_function(node.id)) is not None:
            return function
        self.report_unknown(node)
        return None

    def _bound_later(self, node: nodes.Name) -> None:
        notes = [("defined here", self.later[node.id])]
        if node.id in self.inputs:
            message = f"the input `{node.id}` is used before its declaration"
            self.problems.error("E225", message, node.span, "declare inputs first", notes)  # decision 19
        else:
            code = "E202" if self.current_function else "E200"
            message = f"`{node.id}` is used before its definition"
            self.problems.error(code, message, node.span, "move its definition up", notes)

    def library_function(self, name: str) -> CheckedFunction | None:
        found = self.library(name)
        if found is not None:
            self.used.add(name)
        return found

    def report_unknown(self, node: nodes.Name) -> None:
        known = [*self.scope.names(), *BUILTINS]
        hint = _OF_PYTHON.get(node.id) or did_you_mean(node.id, known, cutoff=0.7)
        self.problems.error("E200", f"unknown name `{node.id}`", node.span, hint)

    def is_function(self, node: nodes.Expr) -> bool:
        """Return whether an expression is the name of a function or record type."""
        if not isinstance(node, nodes.Name):
            return False
        entry = self.scope.find(node.id)
        if entry is None:
            return node.id in BUILTINS or self.library_function(node.id) is not None
        return isinstance(entry, (CheckedFunction, RecordType)) or (
            isinstance(entry, Variable) and isinstance(entry.type, FunctionType)
        )

    def cannot_be_resolved(self, type_name: str) -> bool:
        """Return whether the definition of a type has an error, so that the type is not known."""
        return type_name in self.damaged


def _entry_span(entry: ScopeEntry) -> Span | None:
    match entry:
        case Variable() | Unbound():
            return entry.span
        case CheckedFunction():
            return entry.node.name.span
    return None


_OF_PYTHON = {
    "print": "the value of the program is its last expression",
    "open": "programs cannot read files; declare an input: `document: str`",
    "input": "declare an input: `question: str`",
    "sum_": "did you mean `sum`?",
    "eval": "text is not evaluated; see `run_program`",
    "exec": "text is not evaluated; see `run_program`",
    "isinstance": "every type is known before the program runs",
    "type": "every type is known before the program runs",
    "tuple": "a tuple has a fixed number of elements: write `(a, b)`, or keep the list",
    "frozenset": "write `set(…)`, a sorted list without repetition",
    "next": "write an index: `xs[0]`",
    "iter": "lists are iterated over by comprehensions",
    "llm_query": 'write `CALL("instruction", …)`',
    "call": 'write `CALL("instruction", …)`',
}
"""What to write instead of functions that Python or other runtimes have."""
