"""Which containers the value of an expression may be or hold.

`ContentsWalk` follows the expressions of one body in the order in which Python evaluates them; `applications` adds what
is applied and changed, and `statements` the statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rlmlang.language import nodes
from rlmlang.language.check.checked import Tables
from rlmlang.language.check.constants import constant_int
from rlmlang.language.check.ownership.holders import Holder, OwnershipContext, either, element
from rlmlang.language.check.ownership.shapes import ANY_SHAPE
from rlmlang.language.check.ownership.sharing import NOTHING, Contents, Sharing, all_of, inner_of, top_of
from rlmlang.language.check.scope import Scope
from rlmlang.language.source import Span
from rlmlang.language.types import UNKNOWN, TupleType, Type, item_type, without_none

MAX_TURNS = 50
"""How many turns of a comprehension are followed; none finds anything new after a few."""

MAX_COMPREHENSIONS = 4
"""Comprehensions in comprehensions up to which it is found out whether an element is in the result twice."""


class ContentsWalk:
    """Follows the expressions of a program or function. `state` is what may be shared at the point it has come to."""

    def __init__(self, context: OwnershipContext, tables: Tables, owner: int, bound: frozenset[str] | None) -> None:
        self.context = context
        self.tables = tables
        self.owner = owner
        """The `node_id` of the name of the function, -1 for the program."""
        self.bound = bound
        """The names that the function binds; None for the program."""
        self.place: Span | None = None
        """The statement that it has come to."""
        self.state = Sharing()
        self.holders: list[Holder] = []
        self.keys: list[tuple[Any, ...]] = []
        self.numbers: dict[tuple[Any, ...], int] = {}
        """What variables are asked for with, and their numbers, which are their places in `holders` and `keys`."""
        self.scopes: list[dict[str, int]] = []
        """The names of the comprehensions and lambdas around."""
        self.temporaries: list[int] = []
        self.handlers: list[Sharing] = []
        """For each `try` around, what may be shared where its body fails."""
        self.mentioned = 0
        """All variables that were read since it was last set to 0."""
        self.changes = 0
        """How many changes were followed."""
        self.views = 0
        """The tops of what CPython computes later on, so that changes show in it there which do not here."""
        self.lambdas = 0
        """How many lambdas are around."""
        self.generators = 0
        """How many generators are around that may be used at any time."""
        self.used_up: set[int] = set()
        """The generators that are used where they are made, by their `node_id`."""

    # Variables

    def variable(self, key: tuple[Any, ...], holder: Holder) -> int:
        """Return the number of a variable, which it gets when it is first asked for."""
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.holders)
            self.holders.append(holder)
            self.keys.append(key)
        return number

    def named(self, name: str, span: Span) -> int:
        """Return the variable that a name means here."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        if self.bound is None or name in self.bound:
            return self.variable((self.owner, name), Holder("variable", name, span))
        return self.outer(name)

    def outer(self, name: str) -> int:
        """Return a variable of a function around this one, or of the program."""
        return self.variable(("outer", name), Holder("outer", name))

    def temporary(self, key: tuple[Any, ...], value: Contents, holder: Holder, but: int = 0) -> int:
        """Keep a value until the statement ends."""
        number = self.variable(key, holder)
        self.bind(number, value, but)
        self.temporaries.append(number)
        return number

    def forget_temporaries(self) -> None:
        for number in self.temporaries:
            self.state.drop(number)
        self.temporaries.clear()

    def bind(self, number: int, value: Contents, but: int = 0) -> None:
        self.context.spend(self.state.bind(number, value, self.context.shapes.alike, but), self.place)
        self.may_fail()

    def may_fail(self) -> None:
        """Record that a `try` may be left at this point."""
        for handler in self.handlers:
            handler.join(self.state)

    def read(self, number: int, span: Span) -> Contents:
        """Return what a variable holds; what was changed by way of another variable is reported."""
        self.mentioned |= all_of(number)
        change = self.state.stale.get(number)
        if change is not None:
            self.context.refuse(change, self.holders[number], span)
        inner = inner_of(number)
        return Contents(top_of(number), inner, self.state.repeats(inner))

    def named_value(self, node: nodes.Name) -> Contents:
        """Return what a name that is read holds. What nothing else holds has the shapes of its type from here on."""
        number, type_ = self.named(node.id, node.span), self.type_of(node)
        value = self.fitting(self.read(number, node.span), type_)
        holder, known = self.holders[number], self.state.shapes
        for bit, shapes in zip((2 * number, 2 * number + 1), self.context.shapes.of(type_)):
            if self.lambdas:
                continue
            if holder.kind == "outer":
                known[bit] = known.get(bit, 0) | shapes
            elif not self.state.is_shared(bit):
                known[bit] = shapes
        return value

    # Expressions

    def value(self, node: nodes.Expr) -> Contents:
        """Evaluate an expression."""
        return self.fitting(self._evaluate(node), self.type_of(node))

    def type_of(self, node: nodes.Expr) -> Type:
        return self.tables.types.get(node.node_id, UNKNOWN)

    def fitting(self, value: Contents, type_: Type) -> Contents:
        """Leave out of a value what a value of the type does not have."""
        has_top, has_inner = self.context.parts_of(type_)
        top, inner = self.context.shapes.of(type_)
        if self.lambdas:  # the types in there are those of one of its applications
            top, inner = -1 if top else 0, -1 if inner else 0
        repeats = value.repeats & self.context.shapes.alike(inner) if has_inner else 0
        return Contents(value.tops if has_top else 0, value.inners if has_inner else 0, repeats, top, inner)

    def _evaluate(self, node: nodes.Expr) -> Contents:
        match node:
            case nodes.Constant():
                return NOTHING
            case nodes.Name():
                before = self.mentioned
                value = self.named_value(node)
                if not any(self.context.parts_of(self.type_of(node))):  # a number holds nothing, whoever reads it later
                    self.mentioned = before
                return value
            case nodes.Apply():
                return self.application(node)
            case nodes.Attribute():
                return element(self.value(node.value))
            case nodes.Index(value=nodes.TupleExpr(items=items)) if (place := _place_in(items, node.index)) is not None:
                return self.values(items)[place]
            case nodes.Index():
                container, _ = self.values([node.value, node.index])
                return element(container)
            case nodes.Slice():
                bounds = [each for each in (node.start, node.stop, node.step) if each is not None]
                container, *_ = self.values([node.value, *bounds])
                return Contents(0, container.inners, container.repeats)
            case nodes.ListExpr() | nodes.TupleExpr() | nodes.SetExpr():
                return self._display(node.items)
            case nodes.DictExpr():
                return self._display([part for pair in node.items for part in pair])
            case nodes.Binary():
                left, right = self.values([node.left, node.right])
                is_twice = node.op == "*" or self.state.overlap(left.inners, right.inners)
                repeats = left.repeats | right.repeats | (ANY_SHAPE if is_twice else 0)
                return Contents(0, left.inners | right.inners, repeats)
            case nodes.Logic():
                return self._logic(node)
            case nodes.Conditional():
                return self._conditional(node)
            case nodes.Comprehension():
                return self._comprehension(node)
            case nodes.Starred():
                return self.value(node.value)
            case nodes.FString():
                self.values([part.value for part in node.parts if isinstance(part, nodes.Hole)])
            case nodes.Unary():
                self.value(node.operand)
            case nodes.IsNone():
                self.value(node.value)
            case nodes.Compare():
                self.values([node.first, *(operand for _, operand in node.rest)])
            case nodes.Call():
                self.values([*node.args, *(keyword.value for keyword in node.keywords)])
        return NOTHING

    def values(self, exprs: Sequence[nodes.Expr]) -> list[Contents]:
        """Evaluate expressions one after the other; none may be changed before the last is evaluated."""
        simple_from = len(exprs)
        while simple_from > 0 and is_simple(exprs[simple_from - 1]):
            simple_from -= 1
        found: list[Contents] = []
        held: list[int] = []
        for place, node in enumerate(exprs):
            value = self.value(node)
            if place < simple_from - 1 and value.parts:
                value = self.hold(value, node)
                held.append(self.temporaries[-1])
            found.append(value)
        for number in held:
            self.check_held(number)
        return found

    def hold(self, value: Contents, node: nodes.Expr) -> Contents:
        """Keep the value of an expression whose operands are not all evaluated yet."""
        number = self.temporary(("held", id(node)), value, Holder("expression", node.span.text, node.span))
        return value._replace(tops=top_of(number), inners=inner_of(number))

    def check_held(self, number: int) -> None:
        holder = self.holders[number]
        change = self.state.stale.get(number)
        if change is not None:
            self.context.refuse(change, holder, holder.span)

    def view(self, node: nodes.Expr) -> int:
        """Return the top of what CPython computes later on."""
        number = self.variable(("view", id(node)), Holder("view", node.span.text, node.span))
        self.views |= top_of(number)
        self.state.views |= top_of(number)
        return top_of(number)

    def application(self, node: nodes.Apply) -> Contents:
        """Evaluate an application."""
        raise NotImplementedError

    def _display(self, items: Sequence[nodes.Expr]) -> Contents:
        parts = [
            element(part) if isinstance(item, nodes.Starred) else part for item, part in zip(items, self.values(items))
        ]
        return self.collected(parts)

    def collected(self, parts: Iterable[Contents]) -> Contents:
        """Return a new container of values."""
        inners, repeats, shapes = 0, 0, 0
        for part in parts:
            repeats |= part.repeats | (ANY_SHAPE if self.state.overlap(inners, part.parts) else 0)
            inners |= part.parts
            shapes |= part.top_shapes | part.inner_shapes
        return Contents(0, inners, repeats, inner_shapes=shapes)

    def _logic(self, node: nodes.Logic) -> Contents:
        left = self.value(node.left)
        decided = self.tables.decided.get(node.left.node_id)
        if decided is not None and decided == (node.op == "or"):
            return left
        if left.parts:
            left = self.hold(left, node.left)
        before = self.state.copy()
        right = self.value(node.right)
        self.state.join(before)
        return either(left, right)

    def _conditional(self, node: nodes.Conditional) -> Contents:
        self.value(node.test)
        decided = self.tables.decided.get(node.test.node_id)
        if decided is not None:
            return self.value(node.then if decided else node.other)
        before = self.state.copy()
        then = self.value(node.then)
        after, self.state = self.state, before
        other = self.value(node.other)
        self.state.join(after)
        return either(then, other)

    # Comprehensions

    def _comprehension(self, node: nodes.Comprehension) -> Contents:
        first = node.clauses[0]
        assert isinstance(first, nodes.ForClause)
        before, self.mentioned = self.mentioned, 0
        start = self.value(first.iterable)
        empty = Contents(top_shapes=0, inner_shapes=0)
        made = self.temporary(("made", id(node)), empty, Holder("expression", "the comprehension", node.span))
        self.scopes.append({})
        _, has_inner = self.context.parts_of(self.type_of(node))
        is_deep = len(self.scopes) > MAX_COMPREHENSIONS
        is_lazy = node.kind == "generator" and node.node_id not in self.used_up
        self.generators += is_lazy
        end, changes = self.state.copy(), self.changes
        for _ in range(1 if is_deep else MAX_TURNS):
            for clause in node.clauses:
                if isinstance(clause, nodes.IfClause):
                    self.value(clause.test)
                    continue
                iterable = start if clause is first else self.value(clause.iterable)
                self._turn(clause, iterable)
            if node.key is not None:
                self.value(node.key)
            self.state.store(top_of(made), self.value(node.element), self.context.shapes.alike)
            for clause in node.clauses:
                self.check_held(self.numbers.get(("over", id(clause)), made))
            has_grown = end.join(self.state)
            self.state = end.copy()
            if not has_grown or not (has_inner or self.changes > changes):
                break
        self.generators -= is_lazy
        self.scopes.pop()
        repeats = ANY_SHAPE if is_deep else self.state.repeats(inner_of(made))
        captured = self.mentioned if node.kind == "generator" else 0
        if captured:
            captured |= self.view(node)
        self.mentioned |= before
        return Contents(captured, inner_of(made), repeats)

    def _turn(self, clause: nodes.ForClause, iterable: Contents) -> None:
        """Bind the target of a clause to an element."""
        source = self.temporary(
            ("over", id(clause)), iterable, Holder("loop", clause.iterable.span.text, clause.iterable.span)
        )
        type_ = item_type(without_none(self.type_of(clause.iterable))) or UNKNOWN
        for name, value, but, _ in self.unpacked(clause.target, source, type_):
            assert isinstance(name, nodes.Name)
            number = self.temporary((id(name), name.id), value, Holder("variable", name.id, name.span), but)
            self.scopes[-1][name.id] = number

    def unpacked(
        self, target: nodes.Target, source: int, type_: Type
    ) -> list[tuple[nodes.Name | nodes.Index, Contents, int, Type]]:
        """Return for each target in a target what it gets of a container, what it does not share with, and its type.

        The elements of a container, and the parts of one, share nothing with each other unless it repeats.
        """
        inner = inner_of(source)
        repeats = self.state.repeats(inner)
        found: list[tuple[nodes.Name | nodes.Index, Contents, int, Type]] = []
        due: list[tuple[nodes.Target, Type]] = [(target, type_)]
        while due:
            each, its_type = due.pop()
            if isinstance(each, nodes.TupleTarget):
                types = _item_types(its_type, len(each.items))
                due.extend(reversed(list(zip(each.items, types))))
            else:
                value = self.fitting(Contents(inner, inner, repeats), its_type)
                is_twice = repeats & self.context.shapes.alike(value.top_shapes | value.inner_shapes)
                found.append((each, value, 0 if is_twice else inner, its_type))
        return found


def _place_in(items: tuple[nodes.Expr, ...], index: nodes.Expr) -> int | None:
    """Return which item of a tuple an index takes, where the text shows it."""
    if any(isinstance(item, nodes.Starred) for item in items):
        return None
    return constant_int(index, Scope("program"))


def is_simple(node: nodes.Expr) -> bool:
    """Return whether the evaluation of an expression certainly changes nothing."""
    return isinstance(node, (nodes.Name, nodes.Constant))


def _item_types(type_: Type, count: int) -> list[Type]:
    """Return the types of the parts of a value that is unpacked."""
    if isinstance(type_, TupleType) and len(type_.items) == count:
        return list(type_.items)
    return [item_type(type_) or UNKNOWN] * count
