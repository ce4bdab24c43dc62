"""The checked beginning of a program, for programs that are written statement by statement (decision 94)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve, field, frozen

from rlmlang.language import nodes
from rlmlang.language.check.body import BodyCheck, hoist
from rlmlang.language.check.checked import Checked, CheckedFunction, Tables
from rlmlang.language.check.checker import Checker
from rlmlang.language.check.functions import check_the_others, define, is_open
from rlmlang.language.check.library import library_function
from rlmlang.language.check.ownership import Followed
from rlmlang.language.check.problems import TooManyProblems
from rlmlang.language.check.scope import Definition, Scope, ScopeEntry, Unbound, Variable
from rlmlang.language.depth import deep_recursion
from rlmlang.language.parse import parse
from rlmlang.language.source import Source, Span
from rlmlang.language.types import UNKNOWN, TupleType, Type


def _nothing() -> Checked:
    return Checked(nodes.Module((), (), span=Span(Source(""), 0, 0)), {}, {}, UNKNOWN, Tables())


@frozen(eq=False)
class Beginning:
    """Statements that have been parsed and checked, and what they have brought into scope.

    It is never changed: a statement that is added to it makes another one, and nothing is parsed or checked twice.

    It is the beginning of a script, or of the body of a function that ends the program, whose name cannot be used in
    it, since it is not complete.
    """

    checked: Checked = field(factory=_nothing)
    """The statements as a program; of the type UNKNOWN, if the last one is no expression. Where a function is open,
    the function with the statements of its body so far."""
    body: BodyCheck = field(factory=lambda: BodyCheck(Scope("program")))
    """The body that further statements belong to, at its end."""
    program: BodyCheck | None = None
    """The program around the function that is open."""
    typing: Mapping[str, str] = field(factory=dict)
    """What is imported from `typing`."""
    followed: Followed = field(factory=Followed)
    """Which variables hold the same values at its end."""

    @property
    def entries(self) -> Mapping[str, ScopeEntry]:
        """Return the names in scope."""
        outer = {} if self.program is None else self.program.scope.entries
        return {**outer, **self.body.scope.entries}

    @classmethod
    def of(cls, source: Source) -> Beginning:
        """Return the beginning that a text is. Raises ProgramError."""
        return cls().extended(parse(source))

    @classmethod
    @deep_recursion
    def of_function(cls, source: Source, expected: Type | None = None) -> Beginning:
        """Return the beginning that a text is whose last statement is the `def` that further statements belong to.

        Its parameters have types, and its result must be of the type `expected`, if one is given. Raises ProgramError.
        """
        module = parse(source)
        node = module.statements[-1]
        assert isinstance(node, nodes.Function)
        before = cls().extended(evolve(module, statements=module.statements[:-1]))
        check, program = before._resumed(None)
        program.scope.entries[node.name.id] = Unbound(node.name.span, "function")
        definition = define(check, node)
        declared = expected if is_open(definition.result) else definition.result
        scope = Scope("function", program.scope, owner=node.name.node_id)
        function = CheckedFunction(node, definition.params, declared or UNKNOWN, Tables())
        for param, type_ in zip(node.params, definition.params):
            scope.entries[param.name.id] = Variable(type_, param.name.span)
            function.tables.types[param.name.node_id] = type_
        check.problems.raise_any()
        program.definitions.pop(node.span.start)
        inputs = {param.name.id: type_ for param, type_ in zip(node.params, definition.params)}
        checked = evolve(
            before.checked,
            module=evolve(module, statements=(*module.statements[:-1], evolve(node, body=()))),
            inputs=inputs,
            type=function.result,
            entry=evolve(function, node=evolve(node, body=())),
        )
        begun = Beginning(checked, BodyCheck(scope, declared), program, dict(check.names.typing))
        return begun.extended(evolve(module, statements=node.body))

    @deep_recursion
    def extended(self, module: nodes.Module, expected: Type | None = None) -> Beginning:
        """Return the beginning with further statements, which were parsed from where it ends.

        In a script, an expression that ends them is the program's value, and must be of the type `expected`, if one is
        given. Raises ProgramError with every diagnostic found.
        """
        check, program = self._resumed(expected)
        if self.program is not None:
            return self._with_body(check, program, module)
        added = check.program(module, complete=False)
        check.problems.raise_any()
        followed = self._followed(check, module)
        before = self.checked
        statements = (*before.module.statements, *module.statements)
        checked = evolve(
            added,
            module=evolve(module, statements=statements),
            inputs={**before.inputs, **added.inputs},
            host={**before.host, **added.host},
        )
        return Beginning(checked, check.body, None, dict(check.names.typing), followed)

    def _with_body(self, check: Checker, program: BodyCheck, module: nodes.Module) -> Beginning:
        try:
            hoist(check.body.scope, module.statements)
            check.block(module.statements)
            check_the_others(check)
        except TooManyProblems:
            pass
        check.problems.raise_any()
        before = self.checked
        entry = before.entry
        assert entry is not None
        followed = self._followed(check, module)
        node = evolve(entry.node, body=(*entry.node.body, *module.statements))
        function = evolve(
            entry,
            node=node,
            tables=check.tables,
            result=check.body.result if check.body.declared is None else check.body.declared,
            reads=entry.reads | check.names.outer.reads,
            makes_calls=check.body.makes_calls,
            prints=check.body.prints,
        )
        statements = (*before.module.statements[:-1], node)
        checked = evolve(before, module=evolve(module, statements=statements), type=function.result, entry=function)
        return Beginning(checked, check.body, program, dict(check.names.typing), followed)

    def _followed(self, check: Checker, module: nodes.Module) -> Followed:
        """Follow further statements, which have no other mistakes. Raises ProgramError."""
        try:
            return self.followed.extended(module.statements, check.tables, check.problems, self.checked.entry)
        except TooManyProblems:
            return self.followed
        finally:
            check.problems.raise_any()

    def _resumed(self, expected: Type | None) -> tuple[Checker, BodyCheck]:
        """Return a checker that goes on where this ends, and the body of the program in it.

        What it changes is copied, since a statement may be rejected, and other statements may follow instead.
        """
        check = Checker(library_function, expected=expected)
        check.names.records = dict(self.checked.records)
        check.names.typing = dict(self.typing)
        tables = self.checked.tables if self.checked.entry is None else self.checked.entry.tables
        check.tables = tables.copy()  # copies, since the numbers of a rejected statement's expressions are used again
        outermost = _copied(self.body if self.program is None else self.program, None)
        check.body = outermost if self.program is None else _copied(self.body, outermost.scope)
        check.names.scope = check.body.scope
        return check, outermost

    def giving(self, names: Iterable[nodes.Name]) -> Checked:
        """Return the statements of a script as a program whose value is the tuple of these variables."""
        variables = tuple(names)
        module = self.checked.module
        value = nodes.ExprStatement(
            nodes.TupleExpr(variables, span=module.statements[-1].span), span=module.statements[-1].span
        )
        types = [entry.type for name in variables if isinstance(entry := self.entries[name.id], Variable)]
        return evolve(
            self.checked, module=evolve(module, statements=(*module.statements, value)), type=TupleType(tuple(types))
        )


def _copied(body: BodyCheck, parent: Scope | None) -> BodyCheck:
    """Return a copy of a body with a scope of its own, which its functions see."""
    entries, facts = dict(body.scope.entries), dict(body.scope.facts)
    scope = evolve(body.scope, parent=parent, entries=entries, facts=facts, tried=[], lent=dict(body.scope.lent))
    scopes = {body.scope: scope, body.scope.parent: parent}
    definitions = {start: evolve(each, scope=scope, instances={}) for start, each in body.definitions.items()}
    replaced = {body.definitions[start]: each for start, each in definitions.items()}

    def moved(entry: ScopeEntry | None) -> ScopeEntry | None:
        return replaced.get(entry, entry) if isinstance(entry, Definition) else entry

    for before, definition in replaced.items():
        for instance in (each for alike in before.instances.values() for each in alike):
            seen = {
                scopes.get(start) or start: {name: moved(entry) for name, entry in names.items()}
                for start, names in instance.seen.items()
            }
            copy = evolve(instance, definition=definition, seen=seen)
            definition.instances.setdefault(instance.params, []).append(copy)
    for name, entry in scope.entries.items():
        if isinstance(entry, Definition):
            scope.entries[name] = replaced.get(entry, entry)
    return evolve(body, scope=scope, definitions=definitions, loops=[], entry_states={}, growing={})
