"""Follows whole programs, and the functions that they apply until what is known of their results does not change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.check.body import bodies_of, names_bound_by
from rlmlang.language.check.checked import CheckedFunction, NativeTarget, Tables, applied_functions
from rlmlang.language.check.ownership.holders import Holder, ResultSharing, find_parts
from rlmlang.language.check.ownership.refusals import refusal
from rlmlang.language.check.ownership.shapes import ContainerShapes
from rlmlang.language.check.ownership.sharing import NOTHING, Contents, ValueChange, inner_of, top_of
from rlmlang.language.check.ownership.statements import OwnershipWalk
from rlmlang.language.check.problems import Problems, TooManyProblems
from rlmlang.language.source import Span
from rlmlang.language.types import UNKNOWN, Type

MAX_WORK = 1_500_000
"""How many pairs of variables that share something are followed."""


class Ownership:
    """What is known of the functions of a program, and what is wrong with its changes."""

    def __init__(
        self,
        problems: Problems,
        waits: bool,
        since: int = 0,
        results: Mapping[CheckedFunction, ResultSharing] | None = None,
        shapes: ContainerShapes | None = None,
    ) -> None:
        self.shapes = shapes or ContainerShapes()
        self.problems = problems
        self.waits = waits
        self.since = since
        """Where the text begins in which problems are reported; what is before it was found to be right."""
        self.results = dict(results or {})
        self._refused: set[tuple[int, int]] = set()
        self._work = 0
        self._parts: dict[Type, tuple[bool, bool]] = {}

    def result_of(self, function: CheckedFunction) -> ResultSharing:
        """Return what is known of the result of a function so far."""
        return self.results.get(function, ResultSharing())

    def refuse(self, change: ValueChange, holder: Holder, read: Span | None) -> None:
        """Report a change of what something else holds as well, once for each change."""
        place = (change.span.start, change.span.end)
        if place not in self._refused:
            self._refused.add(place)
            self.problems.add(refusal(change, holder, read, self.since))

    def spend(self, work: int, place: Span | None) -> None:
        """Record work that grows with what is shared. Raises TooManyProblems if there is too much of it."""
        self._work += work
        if self._work > MAX_WORK:
            message = "too many variables hold the same values to find out where a change of one shows"
            self.problems.add(Diagnostic("E231", message, place, "use fewer variables, or bind copies to them"))
            raise TooManyProblems

    def parts_of(self, type_: Type) -> tuple[bool, bool]:
        """Return whether values of the type have a top, and whether they have an inner."""
        found = self._parts.get(type_)
        if found is None:
            found = self._parts[type_] = find_parts(type_)
        return found

    def follow_functions(self, functions: Iterable[CheckedFunction]) -> None:
        """Follow functions that are applied, until what their results share does not change any more."""
        new = [function for function in functions if function not in self.results]
        is_new = True
        while is_new:
            is_new = False
            for function in new:
                walk = self.begin(function, "caller")
                walk.run(function.node.body)
                found = walk.result()
                is_new = is_new or found != self.result_of(function)
                self.results[function] = found

    def begin(self, function: CheckedFunction, holder: str | None) -> OwnershipWalk:
        """Return a walk at the beginning of a function. The arguments are held by the `caller` or nobody else."""
        node = function.node
        names = {param.name.id for param in node.params} | {name.id for name, _ in names_bound_by(node.body)}
        walk = OwnershipWalk(self, function.tables, node.name.node_id, frozenset(names))
        walk.place, walk.makes_calls = node.name.span, function.makes_calls
        for place, (param, type_) in enumerate(zip(node.params, function.params)):
            value = NOTHING
            is_kept = param.default is not None and not self._is_memo(function, place)
            kind = holder or ("default" if is_kept else None)
            if kind is not None:
                outside = walk.variable((kind, place), Holder(kind, param.name.id, param.span))
                value = walk.fitting(Contents(top_of(outside), inner_of(outside)), type_)
                if kind == "caller":
                    walk.state.shapes.update(zip((2 * outside, 2 * outside + 1), self.shapes.of(type_)))
            walk.assign(param.name, value, type_)
            if kind == "caller":
                walk.lenders[walk.named(param.name.id, param.span)] = outside
        return walk

    def _is_memo(self, function: CheckedFunction, place: int) -> bool:
        """Return whether a default is `{}` that a recursive function passes on to itself and never gives back.

        One run of a program applies it once without that argument, so that nobody sees what is in it afterwards.
        """
        default, known = function.node.params[place].default, self.result_of(function)
        is_given = (("caller", place), 0) in known.tops | known.inners
        return function.is_recursive and isinstance(default, nodes.DictExpr) and not default.items and not is_given


def check_ownership(
    statements: Sequence[nodes.Statement], tables: Tables, problems: Problems, entry: CheckedFunction | None = None
) -> None:
    """Report the changes in a program, which has no other mistakes, of what something else holds as well.

    The arguments of the function that is the program are nobody else's, unless it also applies itself.
    """
    functions = _applied_in(tables, *([] if entry is None else [entry.tables]))
    bodies = [(statements, tables), *((each.node.body, each.tables) for each in functions)]
    if entry is not None and entry not in functions:
        bodies.append((entry.node.body, entry.tables))
    if not any(_has_changes(*body) for body in bodies):
        return
    waits = bool(tables.answers) or any(each.makes_calls for each in [*functions, *([] if entry is None else [entry])])
    ownership = Ownership(problems, waits)
    ownership.follow_functions(functions)
    if entry is not None:
        ownership.begin(entry, None).run(entry.node.body)
    OwnershipWalk(ownership, tables).run(statements)


def check_library_ownership(functions: Sequence[CheckedFunction], problems: Problems) -> None:
    """Report the changes in functions of the standard library of what something else holds as well."""
    if any(_has_changes(each.node.body, each.tables) for each in functions):
        Ownership(problems, True).follow_functions([*_applied_in(*(each.tables for each in functions)), *functions])


@frozen(eq=False)
class Followed:
    """How far a program is followed that is written statement by statement. It is never changed."""

    walk: OwnershipWalk | None = None
    results: Mapping[CheckedFunction, ResultSharing] = field(factory=dict)
    waits: bool = False
    """Whether it makes a CALL so far."""
    shapes: ContainerShapes = field(factory=ContainerShapes)
    """Those that are numbered so far; further ones may be added."""

    def extended(
        self,
        statements: Sequence[nodes.Statement],
        tables: Tables,
        problems: Problems,
        function: CheckedFunction | None = None,
    ) -> Followed:
        """Follow further statements of a program, or of the body of the function that ends it."""
        since = statements[0].span.start if statements else 0
        functions = _applied_in(tables)
        waits = self.waits or bool(tables.answers) or any(each.makes_calls for each in functions)
        ownership = Ownership(problems, waits, since, self.results, self.shapes)
        ownership.follow_functions(functions)
        if self.walk is not None:
            walk = self.walk.resumed(ownership, tables, statements)
        elif function is not None:
            walk = ownership.begin(function, None).resumed(ownership, tables, statements)
        else:
            walk = OwnershipWalk(ownership, tables)
        walk.run(statements)
        return Followed(walk, ownership.results, waits, self.shapes)


def _applied_in(*tables: Tables) -> list[CheckedFunction]:
    """Return all functions that are applied, those first that others apply."""
    return list(reversed(applied_functions(*tables)))


def _has_changes(statements: Iterable[nodes.Statement], tables: Tables) -> bool:
    """Return whether anything is changed in a body."""
    if any(isinstance(target, NativeTarget) and target.builtin.changes for target in tables.targets.values()):
        return True
    due = list(statements)
    while due:
        statement = due.pop()
        match statement:
            case nodes.Assign(targets=targets):
                if any(_sets_item(target) for target in targets):
                    return True
            case nodes.AugmentedAssign(target=target):
                if isinstance(target, nodes.Index) or find_parts(tables.types.get(target.node_id, UNKNOWN))[0]:
                    return True
        for body in bodies_of(statement):
            due.extend(body)
    return False


def _sets_item(target: nodes.Target) -> bool:
    if isinstance(target, nodes.TupleTarget):
        return any(map(_sets_item, target.items))
    return isinstance(target, nodes.Index)
