"""The type checker, applied to statements that are not finished (decision 46).

Holes stand for what is still to be written: names that start with `HOLE`. A hole fits everywhere, so nothing that
follows can repair an error that is found with holes in place. No rule of the language is repeated here: this is the
checker itself, except that it makes no messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TypeGuard

from attrs import evolve, field, frozen

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.placeholders import HOLE
from rlmlang.language import nodes
from rlmlang.language.check import check, library_function
from rlmlang.language.check.checked import CheckedFunction, NativeTarget, positional
from rlmlang.language.check.checker import Checker
from rlmlang.language.check.problems import Problems, TooManyProblems
from rlmlang.language.check.scope import Names, Referent, Scope, ScopeEntry, Unbound, Variable
from rlmlang.language.depth import deep_recursion
from rlmlang.language.parse import parse
from rlmlang.language.solving import variables
from rlmlang.language.source import Source, Span
from rlmlang.language.types import (
    UNKNOWN,
    DictType,
    FunctionType,
    ListType,
    LiteralType,
    Never,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    Unknown,
)

MAX_PROBLEMS = 21
"""Problems after which a statement is not checked any further."""

NOWHERE = Span(Source(""), 0, 0)


@frozen(eq=False, slots=False)
class Environment:
    """What the statements before have brought into scope, and what the constraint says about the rest."""

    entries: Mapping[str, ScopeEntry] = field(factory=dict)
    records: Mapping[str, RecordType] = field(factory=dict)
    expected: Type | None = None
    """The type of the program's value; None for any type."""
    calls: bool = True
    inputs: bool = True
    """Whether inputs may be declared."""
    used: frozenset[str] = frozenset()
    """The library functions that were applied: their names can no longer be bound."""

    @cached_property
    def optional(self) -> bool:
        """Return whether a value in scope may be None or contain None."""
        entries = self.entries.values()
        return any(isinstance(entry, RecordType) or "None" in str(getattr(entry, "type", "")) for entry in entries)

    @cached_property
    def constants(self) -> set[str]:
        """Return the strings in types in scope, and those that names are known to have as their value."""
        found: set[str] = set()
        todo: list[object] = [self.expected, *self.records.values()]
        for entry in self.entries.values():
            if isinstance(entry, Variable):
                found.update(value for value in entry.values or () if isinstance(value, str))
                todo.append(entry.type)
            elif isinstance(entry, CheckedFunction):
                todo += [*entry.params, entry.result]
        while todo:
            match todo.pop():
                case LiteralType(values=values):
                    found.update(value for value in values if isinstance(value, str))
                case ListType(item=item) | OptionalType(item=item):
                    todo.append(item)
                case DictType(value=item):
                    todo.append(item)
                case TupleType(items=items):
                    todo += items
                case RecordType(fields=fields):
                    todo += [type_ for _, type_ in fields]
                case FunctionType(params=params, result=result):
                    todo += [*params, result]
        return found

    def after(self, statement: nodes.Statement) -> Environment | None:
        """Return the environment after one more statement, or None if it does not check."""
        checker = PartialChecker(self)
        if not checker.accepts(statement) or checker.unknown:
            return None
        names = checker.names
        return evolve(self, entries=names.scope.entries, records=names.records, used=frozenset(names.used))


class PartialNames(Names):
    """The names of one statement with holes."""

    def __init__(self, problems: Problems, environment: Environment) -> None:
        super().__init__(problems, library_function)
        self.scope = Scope("program", entries=dict(environment.entries))
        self.records = dict(environment.records)
        self.used = set(environment.used)
        self.unknown: list[str] = []

    def lookup(self, node: nodes.Name) -> Referent | None:
        if is_hole(node):
            entry = self.scope.find(node.id)
            return Variable(UNKNOWN, NOWHERE) if entry is None or isinstance(entry, Unbound) else entry
        return super().lookup(node)

    def report_unknown(self, node: nodes.Name) -> None:
        self.unknown.append(node.id)

    def cannot_be_resolved(self, type_name: str) -> bool:
        return type_name.startswith(HOLE)


class PartialChecker(Checker):
    """Checks one statement with holes in an environment."""

    names: PartialNames

    def __init__(self, environment: Environment) -> None:
        problems = Problems(MAX_PROBLEMS, brief=True)
        names = PartialNames(problems, environment)
        super().__init__(library_function, expected=environment.expected, problems=problems, names=names)
        self.environment = environment
        self.hole_expectations: dict[str, Type] = {}
        """By hole, the type that its position requires, where there is one."""
        self.receiver: Type | None = None
        """The type of the operand whose attribute is a hole."""

    @property
    def unknown(self) -> list[str]:
        """The names that are not bound yet: a comprehension that is being written may still bind them."""
        return self.names.unknown

    @deep_recursion
    def accepts(self, statement: nodes.Statement) -> bool:
        """Check a statement, and return whether nothing is wrong with it, apart from names in `unknown`."""
        try:
            match statement:
                case nodes.Input() if not self.environment.inputs:
                    self.problems.error("E607", "", statement.span)
                case nodes.Input():
                    self.input(statement)
                case nodes.Binding():
                    self.binding(statement)
                case nodes.Record():
                    self.record(statement)
                case nodes.Function():
                    self.function(statement)
                case nodes.ExprStatement():
                    self.value(statement.value)
        except TooManyProblems:
            return False
        return not self.problems

    def hole_types(self) -> dict[str, Type]:
        """Return the types that holes must have, by hole, as far as they are known."""
        found = dict(self.hole_expectations)
        for target in self.tables.targets.values():
            if isinstance(target, NativeTarget):
                args = [*target.args, *(node for _, node in target.keywords)]
                for node, type_ in zip(args, target.parameter_types):
                    if is_hole(node):
                        found.setdefault(node.id, type_)
        return found

    def expected_types(self, hole: str) -> list[Type]:
        """Return the types that a hole may have, one for each overload of the function that it is an argument of; none
        if they are not known."""
        if hole in self.hole_expectations:
            return [self.hole_expectations[hole]]
        found: list[Type] = []
        for target in self.tables.targets.values():
            if isinstance(target, NativeTarget):
                for signature in target.builtin.signatures:
                    for param, node in zip(positional(signature, len(target.args)), target.args):
                        if isinstance(node, nodes.Name) and node.id == hole:
                            found.append(param.type)
                    for name, node in target.keywords:
                        if isinstance(node, nodes.Name) and node.id == hole:
                            found += [param.type for param in signature.params if param.name == name]
        return found

    def part_types(self) -> list[Type]:
        """Return the types of the parts of the statement."""
        types = dict.fromkeys(self.tables.types.values())
        return [
            type_ for type_ in types if not isinstance(type_, (Unknown, Never, FunctionType)) and not variables(type_)
        ]

    # What differs from checking a whole program

    def type_of(self, node: nodes.Expr) -> Type:
        match node:
            case nodes.Attribute() if node.name.startswith(HOLE):
                self.receiver = self.infer(node.value)
                return UNKNOWN
            case nodes.Call() if not self.environment.calls:
                return self.problems.error("E214", "", node.span)
        return super().type_of(node)

    def expect(self, node: nodes.Expr, expected: Type, what: str, code: str = "E210") -> Type:
        if is_hole(node):
            self.hole_expectations.setdefault(node.id, expected)
            return expected
        return super().expect(node, expected, what, code)

    def is_constant(self, node: nodes.Expr) -> bool:
        return is_hole(node) or super().is_constant(node)


def is_hole(node: nodes.Expr) -> TypeGuard[nodes.Name]:
    """Return whether an expression is still to be written."""
    return isinstance(node, nodes.Name) and node.id.startswith(HOLE)


def environment_of(constraint: Constraint) -> Environment:
    """Return the environment after the program so far. Raises ProgramError if it does not check."""
    expected = None if constraint.unit == "call" else constraint.expected
    environment = Environment(expected=expected, calls=constraint.calls)
    if not constraint.program.strip():
        return evolve(environment, inputs=constraint.unit == "program")
    if (begun := constraint.beginning) is not None:
        return evolve(environment, entries=begun.entries, records=begun.checked.records, used=begun.used, inputs=False)
    for statement in parse(Source(constraint.program)).statements:
        if not isinstance(statement, nodes.ExprStatement):
            grown = environment.after(statement)
            if grown is None:
                check(Source(constraint.program + "None\n"))  # raises the diagnostics
                raise AssertionError(constraint.program)
            environment = grown
    return evolve(environment, inputs=False)


def after(environment: Environment, text: str) -> Environment:
    """Return the environment after the text of a statement."""
    grown: Environment | None = environment
    for statement in parse(Source(text)).statements:
        grown = grown.after(statement) if grown is not None else None
    assert grown is not None, text
    return grown
