"""Follows the statements of a program or function, with the branches and loops in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import define

from rlmlang.language import nodes
from rlmlang.language.check.body import names_bound_by
from rlmlang.language.check.checked import NativeTarget, Tables
from rlmlang.language.check.ownership.applications import ApplicationsWalk
from rlmlang.language.check.ownership.holders import (
    ChangedPath,
    Holder,
    LoopPlace,
    OwnershipContext,
    ResultSharing,
    ResultSource,
    element,
)
from rlmlang.language.check.ownership.shapes import ANY_SHAPE
from rlmlang.language.check.ownership.sharing import NOTHING, Contents, Sharing, bits, inner_of, top_of
from rlmlang.language.types import UNKNOWN, DictType, Type, item_type, without_none


@define(eq=False)
class LoopSharing:
    """What may be shared before a turn of a loop, where it is left, and at its end."""

    head: Sharing | None = None
    breaks: Sharing | None = None
    end: Sharing | None = None


class OwnershipWalk(ApplicationsWalk):
    """Follows the statements of a program or function."""

    def __init__(
        self, context: OwnershipContext, tables: Tables, owner: int = -1, bound: frozenset[str] | None = None
    ) -> None:
        super().__init__(context, tables, owner, bound)
        self.reachable = True
        self.loops: dict[int, LoopSharing] = {}
        """By the start of the loop. What was found in one turn of a loop around is kept for the next."""
        self.tries: dict[int, Sharing] = {}
        """What may be shared where the body of a `try` fails, by its start."""
        self.around: list[LoopSharing] = []
        self.continues: list[Sharing | None] = []
        self.tops: set[ResultSource] = set()
        self.inners: set[ResultSource] = set()
        self.repeats = 0
        self.is_lazy = False

    def resumed(
        self, context: OwnershipContext, tables: Tables, statements: Iterable[nodes.Statement]
    ) -> OwnershipWalk:
        """Return a walk that goes on from here with further statements, and leaves this one as it is."""
        bound = self.bound
        if bound is not None:
            bound = bound.union(name.id for name, _ in names_bound_by(statements))
        walk = OwnershipWalk(context, tables, self.owner, bound)
        walk.state, walk.reachable = self.state.copy(), self.reachable
        walk.views = self.views
        walk.holders, walk.keys, walk.numbers = list(self.holders), list(self.keys), dict(self.numbers)
        return walk

    def result(self) -> ResultSharing:
        """Return what was found out about a function."""
        changed = frozenset((source, *what) for source, what in self.changed.items())
        stored = frozenset(self.stored)
        return ResultSharing(frozenset(self.tops), frozenset(self.inners), self.repeats, self.is_lazy, changed, stored)

    def run(self, statements: Iterable[nodes.Statement]) -> None:
        for statement in statements:
            if not self.reachable or statement.span.start in self.tables.unreached:
                return
            self.place = statement.span
            self.statement(statement)
            self.forget_temporaries()

    def statement(self, node: nodes.Statement) -> None:
        match node:
            case nodes.ExprStatement():
                self.value(node.value)
            case nodes.Assign():
                self._assign(node)
            case nodes.AnnotatedAssign():
                if node.value is not None:
                    self.assign(node.name, self.value(node.value), self.type_of(node.value))
            case nodes.Input():
                self.assign(node.name, NOTHING, UNKNOWN)
            case nodes.AugmentedAssign():
                self._augmented(node)
            case nodes.If():
                self._if(node)
            case nodes.For():
                self._for(node)
            case nodes.While():
                self._while(node)
            case nodes.Try():
                self._try(node)
            case nodes.Return():
                self.give(NOTHING if node.value is None else self.value(node.value))
                self.reachable = False
            case nodes.Raise():
                if node.message is not None:
                    self.value(node.message)
                self.reachable = False
            case nodes.Assert():
                self.value(node.test)
                if node.message is not None:
                    self.value(node.message)
            case nodes.Break():
                loop = self.around[-1]
                loop.breaks = met(loop.breaks, self.state)
                self.reachable = False
            case nodes.Continue():
                self.continues[-1] = met(self.continues[-1], self.state)
                self.reachable = False

    def give(self, value: Contents) -> None:
        """Record what a function returns."""
        self.repeats |= value.repeats
        self.is_lazy = self.is_lazy or bool(self.state.reach(value.tops) & self.views)
        for parts, found in ((value.tops, self.tops), (value.inners, self.inners)):
            for bit in bits(self.state.reach(parts)):
                if self.holders[bit >> 1].is_permanent:
                    found.add((self.keys[bit >> 1], bit & 1))

    # Assignments

    def _assign(self, node: nodes.Assign) -> None:
        value, target = node.value, node.targets[0]
        if (
            len(node.targets) == 1
            and isinstance(value, nodes.TupleExpr)
            and isinstance(target, nodes.TupleTarget)
            and len(value.items) == len(target.items)
            and not any(isinstance(item, nodes.Starred) for item in value.items)
        ):
            if not _is_swap(target.items, value.items):
                self._assign_each(target.items, value.items)
                return
            for item in target.items:
                assert isinstance(item, nodes.Index)
                self._set_item(item, NOTHING)
            return
        found, type_ = self.value(value), self.type_of(value)
        if len(node.targets) > 1:
            found = self.hold(found, value)
        for target in node.targets:
            self.assign(target, found, type_)

    def _assign_each(self, targets: tuple[nodes.Target, ...], exprs: tuple[nodes.Expr, ...]) -> None:
        """Assign the items of a tuple, all of which are evaluated before."""
        held: list[Contents] = []
        for expr in exprs:
            value = self.value(expr)
            held.append(self.hold(value, expr) if value.parts else value)
        for number in self.temporaries:
            if self.holders[number].kind == "expression":
                self.check_held(number)
        for target, value, expr in zip(targets, held, exprs):
            self.assign(target, value, self.type_of(expr))

    def assign(self, target: nodes.Target, value: Contents, type_: Type) -> None:
        """Bind a target to a value."""
        match target:
            case nodes.Name():
                self.bind(self.named(target.id, target.span), self.fitting(value, type_))
            case nodes.Index():
                self._set_item(target, self.fitting(value, type_))
            case nodes.TupleTarget():
                holder = Holder("expression", target.span.text, target.span)
                source = self.temporary(("unpacked", id(target)), value, holder)
                self._unpack(target, source, type_)

    def _unpack(self, target: nodes.TupleTarget | nodes.Target, source: int, type_: Type) -> None:
        """Bind a target to an element of a container, and a tuple of targets to all of them."""
        for each, value, but, its_type in self.unpacked(target, source, type_):
            if isinstance(each, nodes.Name):
                self.bind(self.named(each.id, each.span), value, but)
            else:
                holder = Holder("expression", each.span.text, each.span)
                part = self.temporary(("part", id(each)), value, holder, but)
                self._set_item(each, self.fitting(Contents(top_of(part), inner_of(part), value.repeats), its_type))

    def _set_item(self, node: nodes.Index, value: Contents) -> None:
        path = self.path(node.value)
        pin = self.pin(path, [node.index], node) if path.depth or path.variable is None else None
        self.value(node.index)
        self.unpin(pin)
        change = self.change_of(path, node.span, self.type_of(node.value), is_assignment=True)
        self.change(path, change, [value], index=_name_of(node.index))

    def _augmented(self, node: nodes.AugmentedAssign) -> None:
        target = node.target
        type_ = self.type_of(target)
        if isinstance(target, nodes.Name):
            number = self.named(target.id, target.span)
            if not self.context.parts_of(type_)[0]:
                old = self.read(number, target.span)
                value = self.value(node.value)
                self.bind(number, self.collected([element(old), element(value)]))
                return
            path = ChangedPath(number, self.read(number, target.span), 0, self.steps_to(target))
            self._extend(path, node, self.value(node.value), type_)
            return
        path = self.path(target.value)
        pin = self.pin(path, [target.index, node.value], target)
        self.value(target.index)
        value = self.value(node.value)
        is_in_place = self.context.parts_of(type_)[0]
        if pin is not None and is_in_place:
            self.check_held(pin)  # Python stores the item again afterwards, in a container that may have lost it
        else:
            self.unpin(pin)
        change = self.change_of(path, node.span, self.type_of(target.value))
        index = _name_of(target.index)
        if is_in_place:
            self.change(path, change, index=index)
            within = ChangedPath(
                path.variable, element(path.value), path.depth + 1, (*path.steps, index) if index else ()
            )
            self._extend(within, node, value, type_)
        else:
            self.change(path, change, [self.fitting(element(value), type_)], index=index)

    def _extend(self, path: ChangedPath, node: nodes.AugmentedAssign, value: Contents, type_: Type) -> None:
        """Change a list, dict or set by the value of an augmented assignment."""
        stored = (
            Contents(0, path.value.inners, ANY_SHAPE) if node.op == "*" else Contents(0, value.inners, value.repeats)
        )
        during = 0 if node.value == node.target else value.tops
        change = self.change_of(path, node.span, type_)
        self.change(path, change, [self.fitting(stored, type_)], during)
        self.may_fail_within(path, change, [node.value])

    # Branches

    def _if(self, node: nodes.If) -> None:
        end: Sharing | None = None
        for branch in node.branches:
            if not self.reachable:
                break
            self.value(branch.test)
            self.forget_temporaries()
            decided = self.tables.decided.get(branch.test.node_id)
            if decided is False:
                continue
            before = self.state.copy()
            self.run(branch.body)
            end = self.ended(end)
            self.state, self.reachable = before, decided is None
        if self.reachable:
            self.run(node.orelse)
        self.go_on(self.ended(end))

    def ended(self, others: Sharing | None) -> Sharing | None:
        """Return what may be shared at this point or at the ends of other paths."""
        return met(others, self.state) if self.reachable else others

    def go_on(self, state: Sharing | None) -> None:
        self.reachable = state is not None
        if state is not None:
            self.state = state

    def _try(self, node: nodes.Try) -> None:
        failed = self.tries.setdefault(node.span.start, Sharing())
        self.handlers.append(failed)
        self.may_fail()
        self.run(node.body)
        self.handlers.pop()
        end = self.ended(None)
        for handler in node.handlers:
            self.go_on(failed.copy())
            if handler.name is not None:
                self.assign(handler.name, NOTHING, UNKNOWN)
            self.run(handler.body)
            end = self.ended(end)
        self.go_on(end)

    # Loops

    def _for(self, node: nodes.For) -> None:
        type_ = self.type_of(node.iterable)
        iterable = self.value(node.iterable)
        text = node.iterable.span.text
        iterator = self.variable(("loop", node.span.start), Holder("loop", text, node.iterable.span))
        self.bind(iterator, iterable)
        self.forget_temporaries()
        place = self._place_of(node, iterator, without_none(type_))
        item = item_type(without_none(type_)) or UNKNOWN

        def turn() -> None:
            self.read(iterator, node.iterable.span)
            self._unpack(node.target, iterator, item)
            self.forget_temporaries()
            if place is not None:
                self.progress.append(place)
            self.run(node.body)
            if place is not None:
                self.progress.pop()

        loop = self.loops.setdefault(node.span.start, LoopSharing())
        for _ in self._turns(loop):
            turn()
        self._after(loop, loop.head)
        self.state.drop(iterator)

    def _while(self, node: nodes.While) -> None:
        loop = self.loops.setdefault(node.span.start, LoopSharing())
        for _ in self._turns(loop):
            self.value(node.test)
            self.forget_temporaries()
            loop.end = met(loop.end, self.state)
            self.run(node.body)
        is_endless = isinstance(node.test, nodes.Constant) and bool(node.test.value)
        self._after(loop, None if is_endless else loop.end)

    def _after(self, loop: LoopSharing, end: Sharing | None) -> None:
        """Go on after a loop, from its end or from where it was left."""
        after = None if end is None else end.copy()
        self.go_on(after if loop.breaks is None else met(after, loop.breaks))

    def _turns(self, loop: LoopSharing) -> Iterator[None]:
        """Follow one turn after the other, as long as they find anything new."""
        grown = loop.head is None or loop.head.join(self.state)
        if loop.head is None:
            loop.head = self.state.copy()
        self.around.append(loop)
        while grown:
            self.state = loop.head.copy()
            self.continues.append(None)
            yield
            end = self.ended(self.continues.pop())
            grown = end is not None and loop.head.join(end)
            self.reachable = True
        self.around.pop()

    def _place_of(self, node: nodes.For, iterator: int, type_: Type) -> LoopPlace | None:
        """Return at which index or key the loop is in its turns, if a variable has it."""
        iterable, target = node.iterable, node.target
        over: nodes.Expr = iterable
        if isinstance(iterable, nodes.Apply):
            builtin = self.tables.targets.get(iterable.node_id)
            if not isinstance(builtin, NativeTarget) or len(builtin.args) != 1 or builtin.keywords:
                return None
            over = builtin.args[0]
            if builtin.builtin.name not in ("enumerate", "items", "keys"):
                return None
            if builtin.builtin.name != "keys":
                if not isinstance(target, nodes.TupleTarget) or len(target.items) != 2:
                    return None
                target = target.items[0]
        elif not isinstance(type_, DictType):
            return None
        steps = self.steps_to(over)
        bound = {name.id for name, _ in names_bound_by(node.body)}
        if not steps or not isinstance(target, nodes.Name) or bound & {*steps, target.id}:
            return None
        part = node.target.items[1] if isinstance(node.target, nodes.TupleTarget) else None
        holds = part.id if isinstance(part, nodes.Name) and part.id not in bound else None
        return LoopPlace(iterator, (*steps, target.id), holds)


def met(found: Sharing | None, state: Sharing) -> Sharing:
    """Add a state to those of other paths that lead to the same point."""
    if found is None:
        return state.copy()
    found.join(state)
    return found


def _name_of(index: nodes.Expr) -> str:
    return index.id if isinstance(index, nodes.Name) else ""


def _is_swap(targets: tuple[nodes.Target, ...], exprs: tuple[nodes.Expr, ...]) -> bool:
    """Return whether two elements of one variable change places, after which nothing is in there twice."""
    if len(targets) != 2 or targets[0] != exprs[1] or targets[1] != exprs[0]:
        return False
    roots = {_root_of(each) for each in targets}
    return len(roots) == 1 and None not in roots


def _root_of(target: nodes.Target) -> str | None:
    """Return the variable of an element, if the indexes surely do not change when it is assigned to."""
    indexes: list[nodes.Expr] = []
    node: nodes.Expr | nodes.TupleTarget = target
    while isinstance(node, nodes.Index):
        indexes.append(node.index)
        node = node.value
    if not indexes or not isinstance(node, nodes.Name):
        return None
    while indexes:
        each = indexes.pop()
        if isinstance(each, nodes.Binary):
            indexes += each.left, each.right
        elif isinstance(each, nodes.Unary):
            indexes.append(each.operand)
        elif not isinstance(each, (nodes.Name, nodes.Constant)) or each == node:
            return None
    return node.id
