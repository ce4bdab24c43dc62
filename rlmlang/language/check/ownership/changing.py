"""Changes: what is changed, who else sees it, and what a function changes outside of it (decision 118)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve, frozen

from rlmlang.language import nodes
from rlmlang.language.check.checked import CheckedFunction, NativeTarget, Tables
from rlmlang.language.check.ownership.contents import MAX_COMPREHENSIONS, ContentsWalk, is_simple
from rlmlang.language.check.ownership.holders import (
    ChangedPath,
    Holder,
    LoopPlace,
    OwnershipContext,
    ResultSource,
    element,
)
from rlmlang.language.check.ownership.shapes import ANY_SHAPE
from rlmlang.language.check.ownership.sharing import (
    Contents,
    ValueChange,
    all_of,
    bits,
    inner_of,
    top_of,
    variables_in,
)
from rlmlang.language.source import Span
from rlmlang.language.types import DictType, SetType, Type, without_none

LAZY = frozenset({"map", "filter", "zip", "enumerate", "reversed", "keys", "values", "items"})
"""Built-ins that give a list here, and in CPython something that still reads from its arguments later on."""


@frozen
class Loan:
    """What a function that is applied may change: the value of an argument, or of a variable outside of it."""

    variable: int | None
    """The variable that has it; None if it is a value without a name."""
    value: Contents
    depth: int = 0
    """0 for what the variable holds, more for what is in that."""
    steps: tuple[str, ...] = ()
    is_simple: bool = True
    """Whether the path to it has only names and constants in it."""

    def part(self, level: int) -> int:
        """Return its top, or at level 1 its inner."""
        return self.value.inners if level else self.value.tops


class ChangesWalk(ContentsWalk):
    """Follows changes as well."""

    def __init__(self, context: OwnershipContext, tables: Tables, owner: int, bound: frozenset[str] | None) -> None:
        super().__init__(context, tables, owner, bound)
        self.progress: list[LoopPlace] = []
        """The loops around."""
        self.makes_calls = False
        """Whether it is a function that may wait for an answer, which therefore changes nothing outside."""
        self.lenders: dict[int, int] = {}
        """The parameters, by the variable: what holds the argument outside."""
        self.changed: dict[ResultSource, tuple[str, int]] = {}
        """What is changed outside, which kind of container that is, and the shapes that it may have."""
        self.stored: set[tuple[ResultSource, ResultSource]] = set()
        """What outside may hold which of the others."""

    def bind(self, number: int, value: Contents, but: int = 0) -> None:
        lender = self.lenders.get(number)
        if lender is not None and self.state.overlap(value.parts, all_of(lender)):
            del self.lenders[number]  # it may hold the argument again, but in another way than the caller knows
        super().bind(number, value, but)

    def changed_by(self, node: nodes.Apply, target: NativeTarget) -> tuple[ChangedPath, Contents]:
        """Apply a method that changes its receiver. Returns what is changed, and the result."""
        raise NotImplementedError

    def path(self, node: nodes.Expr) -> ChangedPath:
        """Evaluate what is changed."""
        match node:
            case nodes.Name():
                value = self.named_value(node)
                return ChangedPath(self.named(node.id, node.span), value, 0, self.steps_to(node))
            case nodes.Index(value=container, index=index):
                return self.step(self.path(container), index, self.type_of(node), pinned=True)
            case nodes.Attribute(value=container):
                return self.step(self.path(container), None, self.type_of(node))
            case nodes.Apply() if isinstance(node.callee, nodes.Attribute) and node.callee.name == "setdefault":
                target = self.tables.targets.get(node.node_id)
                if isinstance(target, NativeTarget):
                    path, value = self.changed_by(node, target)
                    return ChangedPath(path.variable, value, path.depth + 1)
        return ChangedPath(None, self.value(node))

    def steps_to(self, node: nodes.Expr) -> tuple[str, ...]:
        """Return the names of the variable and the indexes that lead to a value; none if there are other steps.

        A variable that holds the element of a loop is the place of that element.
        """
        if isinstance(node, nodes.Index):
            return _further(self.steps_to(node.value), node.index)
        if not isinstance(node, nodes.Name) or self.scopes:
            return ()
        for each in self.progress:
            if each.element == node.id:
                return each.place
        return (node.id,)

    def step(self, path: ChangedPath, index: nodes.Expr | None, type_: Type, pinned: bool = False) -> ChangedPath:
        """Go on from a container to what is in it. Where it is pinned, the index may not change anything on the way."""
        if index is not None:
            if pinned:
                with_pin = self.pin(path, [index], index)
                self.value(index)
                self.unpin(with_pin)
            else:
                self.value(index)
        steps = _further(path.steps, index)
        return ChangedPath(path.variable, self.fitting(element(path.value), type_), path.depth + 1, steps)

    def pin(self, path: ChangedPath, later: Iterable[nodes.Expr], node: nodes.Expr) -> int | None:
        """Hold what is on the way to a container until the expressions that follow are evaluated."""
        if all(map(is_simple, later)):
            return None
        parts = path.value.parts if path.variable is None else all_of(path.variable)
        self.hold(Contents(parts, parts), node)
        return self.temporaries[-1]

    def unpin(self, number: int | None) -> None:
        if number is not None and self.context.waits:
            self.check_held(number)

    def change(
        self, path: ChangedPath, change: ValueChange, stored: Iterable[Contents] = (), during: int = 0, index: str = ""
    ) -> None:
        """Change a container, in which values are stored.

        `during` is what is read while it is changed, and `index` the name of the index that is assigned to.
        """
        self.changes += 1
        refuse = self.context.refuse
        container = path.value.tops
        reached = self._alike(self.state.reach(container), change)
        if path.variable is not None and path.depth:
            if self.state.repeats(inner_of(path.variable)) & self.context.shapes.alike(change.shapes):
                refuse(change, Holder("itself", self.holders[path.variable].name), None)
        if during & reached:
            refuse(change, Holder("argument", ""), None)
        place = (*path.steps, index) if path.steps and index else path.steps
        past = {each.iterator for each in self.progress if each.place == place[: len(each.place)]}
        lender = path.variable if path.variable is None else self.lenders.get(path.variable, path.variable)
        for number in variables_in(reached):
            holder = self.holders[number]
            if number == lender and holder.is_permanent:
                self._change_outside(number, reached, change)
            elif number == path.variable or number in past:
                continue
            elif self._sees_the_change(number, path, reached, change):
                if holder.is_permanent:
                    self._change_outside(number, reached, change)
            elif holder.is_permanent:
                refuse(change, holder, None)
            else:
                self.state.stale.setdefault(number, change)
        for value in stored:
            if self._alike(self.state.reach(value.parts) & container, change) and self._may_be(value, change):
                refuse(change, Holder("within", ""), None)
            self.store(reached, value)
        self.may_fail()

    def _may_be(self, value: Contents, change: ValueChange) -> bool:
        """Return whether something in a value has a shape like that of what is changed."""
        top, inner = self.state.all_shapes(value, self.context.shapes.alike)
        return bool((top | inner) & self.context.shapes.alike(change.shapes))

    def _alike(self, mask: int, change: ValueChange) -> int:
        """Leave out of a mask what cannot be the container that is changed, since nothing in it has such a shape."""
        shapes = self.context.shapes.alike(change.shapes)
        found = 0
        for bit in bits(mask):
            if self.state.shapes.get(bit, ANY_SHAPE) & shapes:
                found |= 1 << bit
        return found

    def _sees_the_change(self, number: int, path: ChangedPath, reached: int, change: ValueChange) -> bool:
        """Return whether a change of what is in a variable shows in the variable, and the reverse, here as in CPython.

        So it is between an element and what it is in, where nothing waits and both have the type of after the change.
        """
        holder, changed = self.holders[number], path.variable
        if self.context.waits or changed is None or holder.kind not in ("variable", "loop", "caller", "outer"):
            return False
        if self.state.partners.get(2 * number + 1, 0) & self.views:
            return False  # what CPython computes from it later on sees the change, and what is computed here does not
        is_in = self.state.partners.get(2 * changed, 0) & inner_of(number) and not reached & top_of(number)
        partners = self.state.partners.get(2 * number, 0)
        contains = path.depth and partners & inner_of(changed) and not partners & self.views and holder.kind != "loop"
        if not is_in and not contains:
            return False
        for bit in bits(reached & all_of(number)):
            if not self.context.shapes.agree(self.state.shapes.get(bit, ANY_SHAPE), change.shapes):
                return False
        widened = self.tables.widened.get(change.span.start)
        names = {holder.name}
        if holder.kind == "caller":
            lent = [each for each, lender in self.lenders.items() if lender == number]
            if not lent:
                return False
            names = {self.holders[each].name for each in lent}
        return widened is None or holder.kind == "loop" or bool(names & widened)

    def _change_outside(self, number: int, reached: int, change: ValueChange) -> None:
        """Record that a function changes what a variable outside of it holds, or an argument."""
        holder = self.holders[number]
        if self.makes_calls:
            self.context.refuse(change, evolve(holder, kind="waiting") if holder.kind == "outer" else holder, None)
            return
        for level, part in enumerate((top_of(number), inner_of(number))):
            if reached & part:
                key = (self.keys[number], level)
                kind, shapes = self.changed.get(key, (change.kind, 0))
                self.changed[key] = kind, shapes | change.shapes

    def store(self, containers: int, value: Contents) -> None:
        """Let containers, which are all that may be the same, hold a value as well."""
        self.state.store(containers, value, self.context.shapes.alike)
        holding = self._outside(containers)
        held = self._outside(self.state.reach(value.parts))
        for source in holding:
            self.stored.update((source, each) for each in held)
            if value.repeats:
                self.stored.add((source, (source[0], 1)))

    def _outside(self, mask: int) -> list[ResultSource]:
        """Return which parts in a mask are outside of the function."""
        return [(self.keys[bit >> 1], bit & 1) for bit in bits(mask) if self.holders[bit >> 1].is_permanent]

    # What functions change that are applied

    def read_by(self, function: CheckedFunction, name: str) -> list[int]:
        """Return the variables of a name that a function reads from outside, of which there may be more than one."""
        owners = [owner for owner, each in function.reads if each == name]
        return [
            self.variable((owner, name), Holder("variable", name)) if owner == self.owner else self.outer(name)
            for owner in owners
        ]

    def lend(
        self,
        node: nodes.Apply,
        function: CheckedFunction,
        args: Sequence[nodes.Expr],
        given: Sequence[Contents],
        captured: int,
    ) -> None:
        """Follow what a function changes of its arguments and of variables outside of it, where it is applied.

        `captured` is what the functions among its arguments read.
        """
        known = self.context.result_of(function)
        if not known.changed:
            return
        loans: dict[tuple[Any, ...], list[Loan]] = {}
        for place, (arg, value) in enumerate(zip(args, given)):
            loans["caller", place] = [self._loan_of(arg, value)]
        for _, name in function.reads:
            loans["outer", name] = [
                Loan(number, Contents(top_of(number), inner_of(number), self.state.repeats(inner_of(number))))
                for number in self.read_by(function, name)
            ]
        for (key, level), kind, shapes in sorted(known.changed, key=str):
            for loan in loans.get(key, ()):
                others = [each for other in loans if other != key for each in loans[other]]
                change = ValueChange(node.span, self._name_of(loan), kind, loan.depth + level, shapes=shapes)
                self._change_loan(node, loan, level, change, others, captured)
        for (key, level), (other, part) in known.stored:
            for loan in loans.get(key, ()):
                for each in loans.get(other, ()):
                    self.store(self.state.reach(loan.part(level)), Contents(0, each.part(part)))
        self.may_fail()

    def _loan_of(self, arg: nodes.Expr, value: Contents) -> Loan:
        """Return what is lent with an argument: the variable that has it afterwards, if it is a path."""
        depth, node = 0, arg
        while isinstance(node, (nodes.Index, nodes.Attribute)):
            node, depth = node.value, depth + 1
        if not isinstance(node, nodes.Name):
            return Loan(None, value)
        return Loan(self.named(node.id, node.span), value, depth, self.steps_to(arg), is_simple_path(arg))

    def _change_loan(
        self, node: nodes.Apply, loan: Loan, level: int, change: ValueChange, others: Iterable[Loan], captured: int
    ) -> None:
        """Follow the change of one of the values that are lent to a function."""
        refuse = self.context.refuse
        mask = loan.part(level)
        name = change.variable
        is_deep = len(self.scopes) > MAX_COMPREHENSIONS
        for reason, holds in (("lambda", self.lambdas), ("generator", self.generators), ("deep", is_deep)):
            if holds:
                refuse(change, Holder(reason, name or ""), None)
        if self.context.waits:
            refuse(change, Holder("waits", name or ""), None)
        if level and loan.value.repeats & self.context.shapes.alike(change.shapes):
            refuse(change, Holder("itself", name or node.span.text), None)
        for other in others:
            if self.state.overlap(mask, other.value.parts):
                refuse(change, Holder("lent", self._name_of(other) or ""), None)
        path = ChangedPath(loan.variable, Contents(mask, loan.value.inners), loan.depth + level, loan.steps)
        self.change(path, change, during=captured)
        for number in variables_in(self._alike(self.state.reach(mask), change)):
            if 2 * number + 1 in self.state.shapes:  # what the function puts in is known by its types in there
                self.state.shapes[2 * number + 1] = ANY_SHAPE

    def _name_of(self, loan: Loan) -> str | None:
        return None if loan.variable is None else self.holders[loan.variable].name

    def may_fail_within(self, path: ChangedPath, change: ValueChange, args: Iterable[nodes.Expr]) -> None:
        """Record that a change may be half done where a `try` is left, since an argument is computed meanwhile."""
        if self.handlers and path.variable is not None and any(map(self._is_lazy, args)):
            half = self.state.copy()
            half.stale[path.variable] = evolve(change, in_part=True)
            for handler in self.handlers:
                handler.join(half)

    def _is_lazy(self, node: nodes.Expr) -> bool:
        if isinstance(node, nodes.Apply):
            target = self.tables.targets.get(node.node_id)
            return isinstance(target, NativeTarget) and target.builtin.name in LAZY
        return isinstance(node, nodes.Comprehension) and node.kind == "generator"

    def change_of(self, path: ChangedPath, span: Span, type_: Type, is_assignment: bool = False) -> ValueChange:
        name = None if path.variable is None else self.holders[path.variable].name
        shapes = self.context.shapes.of(type_).top or ANY_SHAPE
        return ValueChange(span, name, _kind_of(type_), path.depth, is_assignment, shapes=shapes)


def is_simple_path(node: nodes.Expr) -> bool:
    """Return whether an expression is a variable, or an element or field that names and constants lead to."""
    while isinstance(node, (nodes.Index, nodes.Attribute)):
        if isinstance(node, nodes.Index) and not is_simple(node.index):
            return False
        node = node.value
    return isinstance(node, nodes.Name)


def _further(steps: tuple[str, ...], index: nodes.Expr | None) -> tuple[str, ...]:
    return (*steps, index.id) if steps and isinstance(index, nodes.Name) else ()


def _kind_of(type_: Type) -> str:
    """Return what to call a container in a message."""
    match without_none(type_):
        case DictType():
            return "dict"
        case SetType():
            return "set"
    return "list"
