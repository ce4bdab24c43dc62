"""Names in scope: what they stand for, what a test has told of them, and their errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Union

from attrs import define, field, frozen

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, Builtin
from rlmlang.language.check.checked import CheckedFunction, Tables
from rlmlang.language.source import Span
from rlmlang.language.types import MAX_SIZE, UNKNOWN, RecordType, Type, Unknown

Constant = Union[str, int, float, bool, None]


@frozen
class Variable:
    """A name for a value. `values` are the constants it may be, where they are known."""

    type: Type
    span: Span
    values: tuple[Constant, ...] | None = None


@frozen
class Unbound:
    """A name that this scope binds further on; until then it cannot be used."""

    span: Span


ScopeEntry = Union[Variable, Unbound, CheckedFunction, RecordType]


@define
class Scope:
    """`kind` is `program`, `function`, `lambda` or `comprehension`."""

    kind: str
    parent: Scope | None = None
    entries: dict[str, ScopeEntry] = field(factory=dict)
    facts: dict[str, Type] = field(factory=dict)
    """Types narrowed by a test, by the path they hold for: `x`, `x.field`."""

    def find(self, name: str) -> ScopeEntry | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.entries:
                return scope.entries[name]
            scope = scope.parent
        return None

    def fact(self, path: str) -> Type | None:
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


MAX_PROBLEMS = 50
"""Errors told at once."""


class Enough(Exception):
    """So much is wrong that checking ends."""


def closest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The name that was probably meant, if there are not too many to look at."""
    known = [each for each in names if abs(len(each) - len(name)) <= 3][:200]
    near = get_close_matches(name, known, 1, cutoff) if len(name) <= 100 else []
    return near[0] if near else None


Library = Callable[[str], Union[CheckedFunction, None]]
"""Finds a function of the standard library."""


class Scoping:
    """The part of the checker that knows the names; `library` finds standard-library functions."""

    def __init__(self, damaged: frozenset[str], library: Library) -> None:
        self.problems: list[Diagnostic] = []
        self.tables = Tables()
        self.scope = Scope("program")
        self.records: dict[str, RecordType] = {}
        self.damaged = damaged
        """Names whose bindings could not be parsed."""
        self.library = library
        self.later: dict[str, Span] = {}
        """Names of the program that are bound further on."""
        self.inputs: frozenset[str] = frozenset()
        """Names of the program's inputs."""
        self.current_function: str | None = None
        self.used: set[str] = set()
        """Library functions that were applied."""

    def bind(self, name: nodes.Name, entry: ScopeEntry) -> bool:
        """Enter a name into the innermost scope, if it may be bound there."""
        here = self.scope.entries.get(name.id)
        outer = self.scope.parent.find(name.id) if self.scope.parent else None
        if name.id in BUILTINS:
            self.error("E229", f"`{name.id}` is a built-in and cannot be bound", name.span, "choose another name")
        elif here is not None and not isinstance(here, Unbound):
            first = _entry_span(here)
            notes = [("first bound here", first)] if first else []
            hint = "names are bound once; choose a new name"
            self.error("E201", f"`{name.id}` is bound already", name.span, hint, notes)
            return False
        elif isinstance(outer, (CheckedFunction, RecordType)):
            self.error("E201", f"`{name.id}` is a {_kind(outer)}; its name cannot be bound again", name.span)
        elif name.id in self.used and self.scope.kind == "program":  # only where a checked beginning is extended
            problem = f"`{name.id}` was used before as a function of the standard library"
            self.error("E200", problem, name.span, "choose another name")
        else:
            self.scope.entries[name.id] = entry
            return True
        self.scope.entries[name.id] = Variable(UNKNOWN, name.span)  # so that it is told once
        return False

    @contextmanager
    def inside(self, kind: str, facts: Mapping[str, Type] | None = None) -> Iterator[Scope]:
        outer = self.scope
        self.scope = Scope(kind, outer, facts=dict(facts or {}))
        try:
            yield self.scope
        finally:
            self.scope = outer

    def lookup(self, node: nodes.Name) -> Variable | CheckedFunction | RecordType | Builtin | None:
        """What a name stands for; None once its error is reported."""
        entry = self.scope.find(node.id)
        if isinstance(entry, Unbound):
            self.error(
                "E200",
                f"`{node.id}` is used before it is bound",
                node.span,
                None,
                [("bound here", entry.span)],
            )
            return None
        if entry is not None:
            return entry
        if node.id == self.current_function:
            self.error(
                "E202",
                f"`{node.id}` calls itself",
                node.span,
                "there is no recursion among functions; use a comprehension, `reduce`, or CALL",
            )
            return None
        if node.id in self.later:
            code = "E202" if self.current_function else "E200"
            note = [("defined here", self.later[node.id])]
            if node.id in self.inputs:
                self.error(
                    "E225", f"the input `{node.id}` is declared further on", node.span, "declare inputs first", note
                )
                return None
            self.error(code, f"`{node.id}` is defined further on", node.span, "move its definition up", note)
            return None
        if node.id in BUILTINS:
            return BUILTINS[node.id]
        if node.id in self.damaged:
            return None
        if (function := self.from_library(node.id)) is not None:
            return function
        self.unknown_name(node)
        return None

    def from_library(self, name: str) -> CheckedFunction | None:
        found = self.library(name)
        if found is not None:
            self.used.add(name)
        return found

    def unknown_name(self, node: nodes.Name) -> None:
        known = [*self.scope.names(), *BUILTINS]
        hint = _FOREIGN.get(node.id)
        if hint is None:
            near = closest(node.id, known, 0.7)
            hint = f"did you mean `{near}`?" if near else None
        self.error("E200", f"unknown name `{node.id}`", node.span, hint)

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        hint: str | None = None,
        notes: Iterable[tuple[str, Span]] = (),
    ) -> Unknown:
        self.problems.append(Diagnostic(code, _shortened(message), span, hint, notes=tuple(notes)))
        if len(self.problems) >= MAX_PROBLEMS:
            raise Enough
        return UNKNOWN

    def bounded(self, type_: Type, span: Span) -> Type:
        """The type, unless it is too large to be worked with."""
        if type_.size <= MAX_SIZE:
            return type_
        hint = "bind fewer values together, or keep them in a list"
        return self.error("E230", f"a type of more than {MAX_SIZE:,} parts", span, hint)


def _shortened(message: str) -> str:
    """Names and types in a message may be as long as the program."""
    return message if len(message) <= 400 else message[:300] + " … " + message[-90:]


def _entry_span(entry: ScopeEntry) -> Span | None:
    match entry:
        case Variable() | Unbound():
            return entry.span
        case CheckedFunction():
            return entry.node.name.span
    return None


def _kind(entry: ScopeEntry) -> str:
    return "function" if isinstance(entry, CheckedFunction) else "record type"


_FOREIGN = {
    "print": "the value of the program is its last expression",
    "open": "programs read no files; declare an input: `document: str`",
    "input": "declare an input: `question: str`",
    "map": "write a comprehension: `[f(x) for x in xs]`",
    "filter": "write a comprehension: `[x for x in xs if …]`",
    "sum_": "did you mean `sum`?",
    "eval": "text is never run; see `run_program`",
    "exec": "text is never run; see `run_program`",
    "isinstance": "every type is known before the program runs",
    "type": "every type is known before the program runs",
    "tuple": "write `(a, b)`",
    "frozenset": "write `set(…)`, a sorted list without repetition",
    "next": "write an index: `xs[0]`",
    "iter": "lists are iterated over by comprehensions",
    "pow": "write `a ** b`",
    "divmod": "write `a // b` and `a % b`",
    "llm_query": 'write `CALL("instruction", …)`',
    "call": 'write `CALL("instruction", …)`',
}
