"""The type checker, applied to statements that are not finished (decision 46).

Holes stand for what is still to be written: names that start with `HOLE`. A hole fits everywhere, so nothing that
follows can repair an error that is found with holes in place. No rule of the language is repeated here: this is the
checker itself, except that it makes no messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property
from typing import Any

from attrs import evolve, field, frozen

from rlmlang.decode.blocks import PROBE, Default, WrittenBlock, changes, is_effect, with_body
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.unfinished import chain_of, copied, is_free, is_hole, is_plain, texts_in, with_field
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS
from rlmlang.language.check import functions, library_function, library_names
from rlmlang.language.check.annotations import resolve
from rlmlang.language.check.body import BodyCheck, hoist
from rlmlang.language.check.checked import CheckedFunction, NativeTarget, positional
from rlmlang.language.check.checker import Checker
from rlmlang.language.check.flow import State
from rlmlang.language.check.ownership import Followed, check_ownership
from rlmlang.language.check.problems import Problems, TooManyProblems
from rlmlang.language.check.scope import (
    Conflicted,
    Definition,
    Instance,
    Names,
    Referent,
    Scope,
    ScopeEntry,
    Unbound,
    Variable,
)
from rlmlang.language.depth import deep_recursion
from rlmlang.language.hidden_names import is_hidden
from rlmlang.language.source import Source, Span
from rlmlang.language.type_variables import variables
from rlmlang.language.types import (
    NONE,
    UNKNOWN,
    FunctionType,
    Never,
    RecordType,
    TupleType,
    Type,
    Unknown,
    fits,
)

MAX_PROBLEMS = 21
"""Problems after which a statement is not checked any further."""

MAX_INSTANCES = 50
"""For how many combinations of types a function is kept as checked for lines that were tried; the checker has a limit.
"""

NOWHERE = Span(Source(""), 0, 0)

_FOR_GOOD = frozenset(("E212", "E213", "E219"))
"""What is wrong with operands of types that do not fit each other. A test for None may still mend other problems."""


@frozen(eq=False, slots=False)
class Environment:
    """The checker's state at a point of a program, and what the constraint says about the rest."""

    scopes: tuple[tuple[Scope, State], ...]
    """The scopes around the point, the innermost first, each with its state there."""
    body: BodyCheck
    """The function or program that the point is in, as far as it is checked."""
    active: tuple[Instance, ...] = ()
    definitions: tuple[tuple[Definition, bool, Mapping[tuple[Type, ...], list[Instance]]], ...] = ()
    """The functions in scope, each with whether it has been applied, and the types that it was checked for."""
    records: Mapping[str, RecordType] = field(factory=dict)
    typing: Mapping[str, str] = field(factory=dict)
    """What is imported from `typing`."""
    followed: Followed = field(factory=Followed)
    """Which variables of the program hold the same values."""
    changed: bool = False
    """Whether a value may have been changed before, so that variables of one type differ in how they may be used."""
    expected: Type | None = None
    """The type of the program's value; None for any type."""
    calls: bool = True
    inputs: bool = True
    """Whether inputs may be declared."""
    is_outside: bool = True
    """Whether the point is in no block, so that an expression there is the value of the program."""
    record: nodes.Record | None = None
    """The record whose fields are being written, with those that are."""

    @classmethod
    def new(cls, **others: Any) -> Environment:
        """Return the environment at the start of a program."""
        scope = Scope("program")
        return cls(((scope, State.of(scope)),), BodyCheck(scope), **others)

    @classmethod
    def at(cls, checker: PartialChecker, **others: Any) -> Environment:
        """Return the environment at the point that a checker has come to."""
        scopes = tuple((scope, State.of(scope)) for scope in chain_of(checker.names.scope))
        active = tuple(checker.active)
        names = checker.names
        entries = (entry for _, state in scopes for entry in state.entries.values())
        found = (each for each in (*checker.body.definitions.values(), *entries) if isinstance(each, Definition))
        definitions = tuple((each, each.is_applied, dict(each.instances)) for each in dict.fromkeys(found))
        return cls(
            scopes, copied(checker.body), active, definitions, dict(names.records), dict(names.typing), **others
        )  # fmt: skip

    @cached_property
    def entries(self) -> Mapping[str, ScopeEntry]:
        """Return the names in scope that can be used or bound again."""
        found: dict[str, ScopeEntry] = {}
        for _, state in reversed(self.scopes):
            found.update(state.entries)
        usable = (each for each in found.items() if not isinstance(each[1], (Unbound, Conflicted)))
        return {name: entry for name, entry in usable if not is_hidden(name)}

    def is_plain(self, name: str) -> bool:
        """Return whether a name is a variable whose value cannot be changed."""
        return is_plain(self.entries.get(name))

    def with_variable(self, name: str, type_: Type) -> Environment:
        """Return the environment with one more variable."""
        (scope, state), *others = self.scopes
        entries = {**state.entries, name: Variable(type_, NOWHERE)}
        return evolve(self, scopes=((scope, evolve(state, entries=entries)), *others))

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
            elif isinstance(entry, (CheckedFunction, Definition)):
                todo += [*entry.params, entry.result]
        return found | texts_in(todo)

    # What follows

    def checker(self) -> PartialChecker:
        """Return a checker at this point."""
        for scope, state in self.scopes:
            state.enter(scope)
        for definition, is_applied, instances in self.definitions:  # lines that were tried may have applied them
            definition.is_applied = is_applied
            if len(definition.instances) > MAX_INSTANCES:
                definition.instances = dict(instances)
        return PartialChecker(self)

    def after(self, block: WrittenBlock) -> PartialChecker | None:
        """Return the checker after all blocks have ended, or None if something is wrong with them."""
        checker = self.checker()
        statements = block.closed().lowered()
        for statement in statements:
            if not checker.accepts(statement, is_whole=True) or checker.unknown:
                return None
        try:
            functions.check_the_others(checker)
            if not checker.problems:
                checker.follow(statements)
        except TooManyProblems:
            return None
        return None if checker.problems or checker.unknown else checker

    def accepts(self, block: WrittenBlock) -> bool:
        """Return whether what is written of a block checks, with all blocks closed."""
        return self.after(block) is not None

    def at_end_of(self, block: WrittenBlock) -> Environment | None:
        """Return what is in scope at the end of an open block; None if what is written does not check, or the end is
        never reached."""
        if block.outer is None:
            checker = self.after(block)
            if checker is None or not checker.body.reachable:
                return None
            here = checker.environment_here()
            changed = self.changed or any(changes(each, here.is_plain) for each in block.all_statements)
            return evolve(here, changed=changed)
        if isinstance(block.head, nodes.Record):
            around = self.at_end_of(block.outer)
            record = with_body(block.head, block.statements)
            assert isinstance(record, nodes.Record)
            return None if around is None else evolve(around, record=record)
        return self._at_probe(block.added(PROBE))

    def in_chain_of(self, block: WrittenBlock) -> Environment | None:
        """Return what is in scope in an `elif` or `else` that continues the last statement of a block."""
        *before, last = block.statements
        assert isinstance(last, (nodes.If, nodes.For, nodes.While))
        return self._at_probe(evolve(block, statements=(*before, evolve(last, orelse=(PROBE,)))))

    def _at_probe(self, block: WrittenBlock) -> Environment | None:
        checker = self.after(block)
        return checker.probed if checker is not None else None


class PartialNames(Names):
    """The names of one statement with holes."""

    def __init__(self, problems: Problems, environment: Environment) -> None:
        super().__init__(problems, library_function)
        self.scope = environment.scopes[0][0]
        self.records = dict(environment.records)
        self.typing = dict(environment.typing)
        self.unknown: list[str] = []

    def lookup(self, node: nodes.Name) -> Referent | None:
        if is_hole(node):
            entry = self.scope.find(node.id)
            return entry if isinstance(entry, Variable) else Variable(UNKNOWN, NOWHERE)
        return super().lookup(node)

    def report_unknown(self, node: nodes.Name) -> None:
        self.unknown.append(node.id)

    def cannot_be_resolved(self, type_name: str) -> bool:
        return type_name.startswith(HOLE)


class PartialChecker(Checker):
    """Checks statements with holes in an environment."""

    def __init__(self, environment: Environment) -> None:
        problems = Problems(MAX_PROBLEMS, brief=True)
        names = PartialNames(problems, environment)
        super().__init__(library_function, expected=environment.expected, problems=problems, names=names)
        self.unknown = names.unknown
        """The names that are not bound yet: a comprehension that is being written may still bind them."""
        self.body = copied(environment.body)
        self.active = list(environment.active)
        self.environment = environment
        self.followed = environment.followed
        self.probed: Environment | None = None
        """The environment at the probe."""
        self.hole_expectations: dict[str, Type] = {}
        """By hole, the type that its position requires, where there is one."""
        self.checked: nodes.Statement | None = None
        """The statement that was accepted last."""
        self.receiver: Type | None = None
        """The type of the operand whose attribute is a hole."""
        self.watched: nodes.Expr | None = None
        """An expression of which it is asked whether it can be right."""
        self.is_wrong_for_good = False
        """Whether the operands of the expression that is watched do not fit each other, whatever follows."""

    def environment_here(self, is_outside: bool = True) -> Environment:
        """Return the environment at the point that the checker has come to."""
        settings = self.environment
        return Environment.at(
            self, followed=self.followed, changed=settings.changed, expected=settings.expected, calls=settings.calls,
            inputs=settings.inputs and is_outside, is_outside=is_outside and settings.is_outside,
        )  # fmt: skip

    def default_of(self, statement: nodes.Statement, expected: Type | None = None) -> Default | None:
        """Return what ends the body of a function, if it must end with a result.

        Without a written type, the result is expected to be of the type `expected`.
        """
        if not isinstance(statement, nodes.Function):
            return None
        type_ = expected if statement.result is None else resolve(statement.result, self.names, open_parts=True)
        return None if type_ is not None and fits(NONE, type_) else Default.of(type_)

    @deep_recursion
    def follow(self, statements: Sequence[nodes.Statement]) -> None:
        """Report changes of values that something else holds.

        A function at the end may not be applied yet. If all its types are written, it is followed as it is. Without
        them nothing is known of what it changes, and it is followed where it is applied.
        """
        self.followed = self.followed.extended(statements, self.tables, self.problems)
        last = statements[-1] if statements else None
        if isinstance(last, nodes.Function) and not self.is_open(last):
            self.follow_program(last)

    def is_open(self, function: nodes.Function) -> bool:
        """Return whether a function that is defined has parameters of which the types are not written."""
        definition = self.names.scope.find(function.name.id)
        return isinstance(definition, Definition) and any(map(functions.is_open, definition.params))

    def result_of(self, function: nodes.Function) -> Type | None:
        """Return the type of the result of a function that is the program; None if it has none."""
        definition = self.names.scope.find(function.name.id)
        if not isinstance(definition, Definition):
            return None
        instances = definition.instances.get(definition.params, ())
        return instances[-1].function.result if instances else None

    @deep_recursion
    def follow_program(self, function: nodes.Function) -> None:
        """Report changes in the function that is the program of values that something else holds."""
        definition = self.names.scope.find(function.name.id)
        known = definition.instances.values() if isinstance(definition, Definition) else ()
        for instances in filter(None, known):
            check_ownership((), self.tables, self.problems, instances[-1].function)

    @deep_recursion
    def accepts(self, statement: nodes.Statement, is_whole: bool = False) -> bool:
        """Check a statement, and return whether nothing is wrong with it, apart from names in `unknown`.

        Unless it `is_whole`, a `pass` may stand for the body of a function that is still to be written.
        """
        try:
            if (record := self.environment.record) is not None:
                statement = with_field(record, statement)
            hoist(self.body.scope, [statement])
            match statement:
                case nodes.Input() if not self.environment.inputs:
                    self.problems.error("E607", "", statement.span)
                case nodes.AnnotatedAssign() if self.environment.is_outside:
                    return self.accepts(
                        nodes.Input(statement.name, statement.type, statement.value, span=statement.span)
                    )
                case nodes.Function(body=(nodes.Pass(),)) if not is_whole and (default := self.default_of(statement)):
                    self.statement(evolve(statement, body=(default.statement,)))
                case nodes.ExprStatement() if self.environment.is_outside and not is_effect(statement):
                    self.value(statement.value)
                case _:
                    self.statement(statement)
        except TooManyProblems:
            return False
        self.checked = statement
        return not self.problems

    def may_differ(self, name: str, used_as_constants: Set[str]) -> bool:
        """Return whether a name may mean something else after the statement than to the lines before it.

        Of those that are `used_as_constants` it matters which value they have.
        """
        (_, before), *_ = self.environment.scopes
        old, new = before.entries.get(name), self.names.scope.entries.get(name)
        if old is None:
            return name in BUILTINS or name in library_names()
        if not (isinstance(old, Variable) and isinstance(new, Variable) and old.type == new.type):
            return True
        return old.values is not None and name in used_as_constants

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
        if node is PROBE.value:
            self.probed = self.environment_here(is_outside=False)
            return NONE
        if node is self.watched:
            known = len(self.problems)
            type_ = super().type_of(node)
            found = () if self.problems.provisional else self.problems.found[known:]
            self.is_wrong_for_good = any(each.code in _FOR_GOOD for each in found)
            return type_
        match node:
            case nodes.Attribute() if node.name.startswith(HOLE):
                self.receiver = self.infer(node.value)
                return UNKNOWN
            case nodes.Call() if not self.environment.calls:
                return self.problems.error("E214", "", node.span)
            case nodes.Slice(value=value, start=start, stop=stop, step=step):
                type_ = super().type_of(node)
                return self._unless_free(node, self.tables.types.get(value.node_id), type_, (start, stop, step))
            case nodes.Binary(op="*", left=left, right=right):
                type_ = super().type_of(node)
                return self._unless_free(node, type_, type_, (left, right))
        return super().type_of(node)

    def _unless_free(
        self, node: nodes.Expr, decided: Type | None, type_: Type, parts: Iterable[nodes.Expr | None]
    ) -> Type:
        """Return a type, unless the values of integers decide how long a tuple is and one of them may be any."""
        if isinstance(decided, TupleType) and any(map(is_free, parts)):
            return self.problems.error("E212", "", node.span)
        return type_

    def expect(self, node: nodes.Expr, expected: Type, what: str, code: str = "E210") -> Type:
        if is_hole(node):
            self.hole_expectations.setdefault(node.id, expected)
            return expected
        return super().expect(node, expected, what, code)

    def is_constant(self, node: nodes.Expr) -> bool:
        return is_hole(node) or super().is_constant(node)
