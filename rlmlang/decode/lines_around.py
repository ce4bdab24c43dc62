"""Whether it matters to a line that checks by itself which lines are around it."""

from __future__ import annotations

from functools import cached_property

from attrs import frozen

from rlmlang.decode.blocks import MAX_LEVEL, WrittenBlock, changes, is_head, leaves
from rlmlang.decode.partial import PartialChecker
from rlmlang.decode.unfinished import is_plain
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS
from rlmlang.language.check.body import names_bound_by
from rlmlang.language.check.scope import Definition, Variable
from rlmlang.language.nodes import nodes_in
from rlmlang.language.types import LiteralType, Primitive


@frozen(eq=False, slots=False)
class LinesAround:
    """The lines before one, and the blocks that it is in."""

    block: WrittenBlock
    """The innermost open block."""
    tells_names_apart: bool
    """Whether variables of one type may differ in what may be done with them, as they may share values."""

    def matter_to(self, statement: nodes.Statement, checker: PartialChecker) -> bool:
        """Return whether a line may be wrong because of other lines.

        What is bound in a loop has to fit the lines before it in the next turn; a function cannot use a name from
        outside and bind it, too; and changes of values depend on who else holds them.
        """
        scope = checker.names.scope
        if changes(statement, lambda name: is_plain(scope.find(name))) or isinstance(
            statement, (nodes.Function, nodes.Record, nodes.Import, nodes.Try)
        ):
            return True
        if is_head(statement) and self.block.level >= MAX_LEVEL:
            return True
        if leaves(statement) and not self._returns_plainly(statement, checker):
            return True
        if not checker.body.reachable:
            return True
        names = {name.id for name, _ in names_bound_by([statement])}
        waiting = any(not each.is_applied for each in checker.body.definitions.values())
        if waiting and any(checker.may_differ(name, frozenset()) for name in names):
            return True  # functions that nothing has applied are checked with what the name is at the end
        if self.tells_names_apart:
            if checker.body.makes_calls and not checker.environment.body.makes_calls:
                return True  # what makes a CALL changes nothing that is outside of it
            used = {each.id for each in nodes_in(statement) if isinstance(each, nodes.Name)}
            entries = (each for name in used for each in (scope.find(name), checker.environment.entries.get(name)))
            if not all(is_plain(entry) or not isinstance(entry, (Variable, Definition)) for entry in entries):
                return True  # it may change, or be given a function that does
        if self.block.outer is None:
            return False
        if any(isinstance(each, nodes.Name) and each.id in self._unsettled for each in nodes_in(statement)):
            return True
        if self.block.is_looping and any(checker.may_differ(name, self._used_as_constants) for name in names):
            return True
        (_, own), *_ = checker.environment.scopes
        outside = {name for name in names if not isinstance(own.entries.get(name), Variable)}
        return self.block.within("def") is not None and not outside.isdisjoint(self._used)

    @cached_property
    def _used_as_constants(self) -> frozenset[str]:
        """Return the variables whose known values may decide whether a line checks."""
        found: set[str] = set()
        for statement in self.block.all_statements:
            for each in nodes_in(statement):
                if isinstance(each, nodes.Apply):
                    matters = not isinstance(each.callee, nodes.Name) or each.callee.id not in BUILTINS
                else:
                    matters = isinstance(each, (nodes.Index, nodes.Slice, nodes.Call, nodes.AnnotatedAssign))
                if matters:
                    found.update(part.id for part in nodes_in(each) if isinstance(part, nodes.Name))
        return frozenset(found)

    @cached_property
    def _unsettled(self) -> frozenset[str]:
        """Return the names of which more is known once all of the blocks is written.

        They are those of the functions that are being written, and what a `try` around one binds, which may mean
        something else where the `try` fails.
        """
        found, block, in_function = set(), self.block, False
        while block.outer is not None:
            if isinstance(block.head, nodes.Function):
                found.add(block.head.name.id)
                in_function = True
            elif in_function and block.kind == "try":
                found.update(name.id for name, _ in names_bound_by(block.statements))
            block = block.outer
        return frozenset(found)

    @cached_property
    def _used(self) -> frozenset[str]:
        """Return the names that the function uses so far."""
        every = (each for statement in self.block.all_statements for each in nodes_in(statement))
        return frozenset(each.id for each in every if isinstance(each, nodes.Name))

    def _returns_plainly(self, statement: nodes.Statement, checker: PartialChecker) -> bool:
        """Return whether a line returns a value of the type that is written at its function, which nothing shares."""
        if not isinstance(statement, nodes.Return) or checker.body.declared is None:
            return False
        return not self.tells_names_apart or isinstance(checker.body.declared, (Primitive, LiteralType))
