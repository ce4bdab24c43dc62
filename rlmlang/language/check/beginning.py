"""The checked beginning of a program, for programs that are written statement by statement (decision 94)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve, field, frozen

from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, Tables
from rlmlang.language.check.checker import Checker
from rlmlang.language.check.library import library_function
from rlmlang.language.check.scope import Scope, ScopeEntry, Variable
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
    """

    checked: Checked = field(factory=_nothing)
    """The statements as a program; of the type UNKNOWN, if the last one is no expression."""
    entries: Mapping[str, ScopeEntry] = field(factory=dict)
    """The names in scope."""
    used: frozenset[str] = frozenset()
    """The library functions that were applied: their names can no longer be bound."""

    @classmethod
    def of(cls, source: Source) -> Beginning:
        """Return the beginning that a text is. Raises ProgramError."""
        return cls().extended(parse(source))

    @deep_recursion
    def extended(self, module: nodes.Module, expected: Type | None = None) -> Beginning:
        """Return the beginning with further statements, which were parsed from where it ends.

        An expression that ends them is the program's value, and must be of the type `expected`, if one is given.
        Raises ProgramError with every diagnostic found.
        """
        before = self.checked
        checker = Checker(library_function, expected=expected)
        names = checker.names
        names.scope = Scope("program", entries=dict(self.entries))
        names.records = dict(before.records)
        names.used = set(self.used)
        checker.tables = Tables(
            dict(before.tables.types), dict(before.tables.targets), dict(before.tables.references)
        )  # copies, since the numbers of a rejected statement's expressions are used again
        added = checker.program(module, complete=False)
        checker.problems.raise_any()
        statements = (*before.module.statements, *module.statements)
        checked = evolve(added, module=evolve(module, statements=statements), inputs={**before.inputs, **added.inputs})
        return Beginning(checked, names.scope.entries, frozenset(names.used))

    def giving(self, names: Iterable[nodes.Name]) -> Checked:
        """Return the statements as a program whose value is the tuple of these variables."""
        variables = tuple(names)
        module = self.checked.module
        value = nodes.ExprStatement(
            nodes.TupleExpr(variables, span=module.statements[-1].span), span=module.statements[-1].span
        )
        types = [entry.type for name in variables if isinstance(entry := self.entries[name.id], Variable)]
        return evolve(
            self.checked, module=evolve(module, statements=(*module.statements, value)), type=TupleType(tuple(types))
        )
