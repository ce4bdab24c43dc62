"""Rewrite short forms as the statements that they are short for: `:=`, and the `else` of loops and of `try`.

Only the formatter sees them as they are written. A form that has no such statements is refused (decision 122).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, get_args

from attrs import evolve

from rlmlang.errors import ProgramError
from rlmlang.language import hidden_names, nodes
from rlmlang.language.parse.tree import Suite
from rlmlang.language.source import Span

_numbers = count(1 << 42)
"""Numbers of expressions that no text has."""


def lowered(statement: nodes.Statement, around: Sequence[nodes.Statement]) -> Suite:
    """Return a statement at the margin, which is among others, without short forms. Raises ProgramError E118."""
    return _Lowering(around).statement(statement)


class _Lowering:
    """Rewrites the statements of one function, or those at the margin."""

    def __init__(self, body: Sequence[nodes.Statement]) -> None:
        self.body = body

    def suite(self, statements: Sequence[nodes.Statement]) -> Suite:
        return tuple(made for each in statements for made in self.statement(each))

    def statement(self, node: nodes.Statement) -> Suite:
        match node:
            case nodes.Function():
                for part in (*node.params, *node.decorators):
                    self.refuse(part)
                return (evolve(node, body=_Lowering(node.body).suite(node.body)),)
            case nodes.If():
                return self.branches(node)
            case nodes.While():
                return self.while_loop(node)
            case nodes.For():
                before, iterable = self.lift(node.iterable)
                return (*before, *self.loop(evolve(node, iterable=iterable)))
            case nodes.Try():
                return self.attempt(node)
            case (
                nodes.Assign()
                | nodes.AnnotatedAssign()
                | nodes.ExprStatement()
                | nodes.Return()
                | nodes.AugmentedAssign()
            ):
                if node.value is None:
                    return (node,)
                read = [node.target] if isinstance(node, nodes.AugmentedAssign) else []
                before, value = self.lift(node.value, read)
                return (*before, evolve(node, value=value))
            case nodes.Assert():
                before, test = self.lift(node.test)
                node = evolve(node, test=test)
                self.refuse(node.message)
                return (*before, node)
        self.refuse(node)
        return (node,)

    def refuse(self, node: nodes.Node | None) -> None:
        if node is not None and (found := _walruses(node)):
            raise _refused(found[0], "bind the value on a line above")

    # Branches

    def branches(self, node: nodes.If) -> Suite:
        made: list[nodes.Branch] = []
        for place, branch in enumerate(node.branches):
            if place and _has_walrus(branch.test):
                rest = nodes.If(node.branches[place:], node.orelse, span=branch.span)
                return (nodes.If(tuple(made), self.branches(rest), span=node.span),)
            if not place and _has_walrus(branch.test):
                return self.first_branch(node)
            made.append(evolve(branch, body=self.suite(branch.body)))
        return (nodes.If(tuple(made), self.suite(node.orelse), span=node.span),)

    def first_branch(self, node: nodes.If) -> Suite:
        """Return an `if` whose first test has a `:=`; in `a and (x := b)`, that is evaluated only if `a` is true."""
        branch = node.branches[0]
        steps = self.steps(branch.test)
        if len(steps) > 1 and (len(node.branches) > 1 or node.orelse):
            raise _refused(
                _walruses(steps[1][1])[0] if _has_walrus(steps[1][1]) else branch.test, "bind the value above the `if`"
            )
        body = self.suite(branch.body)
        for before, test in reversed(steps[1:]):
            body = (*before, nodes.If((nodes.Branch(test, body, span=branch.span),), (), span=node.span))
        before, test = steps[0]
        first = nodes.Branch(test, body, span=branch.span)
        orelse: Suite = ()
        if len(node.branches) > 1:
            orelse = self.branches(nodes.If(node.branches[1:], node.orelse, span=node.branches[1].span))
        elif node.orelse:
            orelse = self.suite(node.orelse)
        return (*before, nodes.If((first,), orelse, span=node.span))

    def steps(self, test: nodes.Expr) -> list[tuple[Suite, nodes.Expr]]:
        """Return the parts of a test that are evaluated one after the other as long as they are true.

        Before each is what binds the names in it.
        """
        operands = _operands_of_and(test)
        found: list[tuple[Suite, nodes.Expr]] = []
        for operand in operands:
            before, value = self.lift(operand)
            if found and not before:
                earlier, left = found[-1]
                span = Span(left.span.source, left.span.start, value.span.end)
                both = nodes.Logic("and", left, value, span=span, node_id=next(_numbers))
                found[-1] = earlier, both
            else:
                found.append((before, value))
        return found

    # Loops

    def while_loop(self, node: nodes.While) -> Suite:
        if not _has_walrus(node.test):
            return self.loop(node)
        span = node.test.span
        tests: list[nodes.Statement] = []
        for before, test in self.steps(node.test):
            fails = nodes.Unary("not", test, span=test.span, node_id=next(_numbers))
            leaves = nodes.Branch(fails, (nodes.Break(span=test.span),), span=test.span)
            tests += [*before, nodes.If((leaves,), (), span=test.span)]
        always = nodes.Constant(True, span=span, node_id=next(_numbers))
        return self.with_end(evolve(node, test=always), self.suite(node.body), tests)

    def loop(self, node: nodes.For | nodes.While) -> Suite:
        return self.with_end(node, self.suite(node.body))

    def with_end(self, node: nodes.For | nodes.While, body: Suite, tests: Sequence[nodes.Statement] = ()) -> Suite:
        """Return a loop with a body, before which `tests` may end it, and its `else` after it."""
        if not node.orelse:
            return (evolve(node, body=(*tests, *body)),)
        end = node.body[-1].span.end
        flag = hidden_names.ended(end)
        whole = evolve(node, body=(*tests, *_with_breaks_noted(body, flag)), orelse=())
        return (
            _set(flag, True, Span(node.span.source, node.span.start, node.span.start)),
            whole,
            _if_set(flag, self.suite(node.orelse), end),
        )

    def attempt(self, node: nodes.Try) -> Suite:
        handlers = tuple(evolve(each, body=self.suite(each.body)) for each in node.handlers)
        body = self.suite(node.body)
        if not node.orelse:
            return (evolve(node, body=body, handlers=handlers),)
        end = node.handlers[-1].span.end
        flag = hidden_names.ended(end)
        last = node.body[-1].span.end
        noted = _set(flag, True, Span(node.span.source, last, last))
        return (
            _set(flag, False, Span(node.span.source, node.span.start, node.span.start)),
            evolve(node, body=(*body, noted), handlers=handlers, orelse=()),
            _if_set(flag, self.suite(node.orelse), end),
        )

    # Expressions

    def lift(self, node: nodes.Expr, read: Sequence[nodes.Expr] = ()) -> tuple[Suite, nodes.Expr]:
        """Return the assignments that an expression makes, and the expression after them; `read` is read before it."""
        if not _has_walrus(node):
            return (), node
        lifting = _Lifting(self.body)
        for each in read:
            lifting.take_note(each)
        value = lifting.expr(node)
        return tuple(lifting.made), value


class _Lifting:
    """Takes the assignments out of one expression, all of which are made whenever it is evaluated."""

    def __init__(self, body: Sequence[nodes.Statement]) -> None:
        self.body = body
        self.made: list[nodes.Assign] = []
        self.read: set[str] = set()
        """The names that are read before what comes next."""
        self.has_applied = False
        """Whether anything is applied before that, which may change values."""

    def take_note(self, node: nodes.Node) -> None:
        for each in nodes.nodes_in(node):
            if isinstance(each, nodes.Name):
                self.read.add(each.id)
            self.has_applied |= isinstance(each, (nodes.Apply, nodes.Call))

    def expr(self, node: nodes.Expr) -> nodes.Expr:
        if not _has_walrus(node):
            self.take_note(node)
            return node
        match node:
            case nodes.Walrus(target, value):
                if target.id in self.read or self.has_applied:
                    raise _refused(node, "bind the value on a line above")
                before = set(self.read)
                value = self.expr(value)
                self.made.append(nodes.Assign((target,), value, span=node.span))
                self.read, self.has_applied = before | {target.id}, False  # the value goes with the assignment
                return nodes.Name(target.id, span=target.span, node_id=next(_numbers))
            case nodes.Comprehension():
                return self.comprehension(node)
            case nodes.Logic():
                return evolve(node, left=self.expr(node.left), right=self.unconditional(node.right))
            case nodes.Conditional():
                test = self.expr(node.test)
                return evolve(node, test=test, then=self.unconditional(node.then), other=self.unconditional(node.other))
            case nodes.Compare(first, ((operator, second), *rest)):
                first, second = self.expr(first), self.expr(second)
                others = tuple((each, self.unconditional(operand)) for each, operand in rest)
                return evolve(node, first=first, rest=((operator, second), *others))
            case nodes.Lambda():
                raise _refused(_walruses(node)[0], "define a function with `def`")
        changed = {name: self.part(value) for name, value in _children(node)}
        return evolve(node, **changed)

    def part(self, value: Any) -> Any:
        """Return a part of an expression, which may be a tuple of parts."""
        if isinstance(value, tuple):
            return tuple(map(self.part, value))
        if isinstance(value, (nodes.Keyword, nodes.Hole)):
            return evolve(value, value=self.expr(value.value))
        if isinstance(value, get_args(nodes.Expr)):
            return self.expr(value)
        return value

    def unconditional(self, node: nodes.Expr) -> nodes.Expr:
        """Return an expression that is perhaps not evaluated, so that it cannot make assignments."""
        if _has_walrus(node):
            raise _refused(_walruses(node)[0], "bind the value on a line above")
        self.take_note(node)
        return node

    def comprehension(self, node: nodes.Comprehension) -> nodes.Comprehension:
        """Return a comprehension with a clause `for x in [value]` for each `(x := value)` in it.

        In Python `x` has its value outside of it too, so it must not be used there.
        """
        first, *others = node.clauses
        assert isinstance(first, nodes.ForClause)
        clauses: list[nodes.ForClause | nodes.IfClause] = [evolve(first, iterable=self.expr(first.iterable))]
        for clause in others:
            if isinstance(clause, nodes.IfClause):
                test = self.inside(clause.test, node, clauses)
                clauses.append(evolve(clause, test=test))
            else:
                clauses.append(evolve(clause, iterable=self.inside(clause.iterable, node, clauses)))
        key = None if node.key is None else self.inside(node.key, node, clauses)
        return evolve(node, element=self.inside(node.element, node, clauses), clauses=tuple(clauses), key=key)

    def inside(
        self, part: nodes.Expr, node: nodes.Comprehension, clauses: list[nodes.ForClause | nodes.IfClause]
    ) -> nodes.Expr:
        lifting = _Lifting(self.body)
        value = lifting.expr(part)
        for each in lifting.made:
            (target,) = each.targets
            assert isinstance(target, nodes.Name)
            if _count(self.body, target.id) > _count((node,), target.id):
                raise _refused(each, f"write a loop, since `{target.id}` is used outside of the comprehension too")
            one = nodes.ListExpr((each.value,), span=each.value.span, node_id=next(_numbers))
            clauses.append(nodes.ForClause(target, one, span=each.span))
        self.take_note(value)
        return value


def _refused(node: nodes.Node, hint: str) -> ProgramError:
    span: Span = node.span  # type: ignore[attr-defined]
    return ProgramError.of("E118", "`:=` cannot be used here", span, hint)


def _children(node: nodes.Node) -> Iterator[tuple[str, Any]]:
    """Yield the parts of an expression by name, in the order in which they are evaluated."""
    for name in nodes.PART_NAMES[type(node)]:
        value = getattr(node, name)
        if isinstance(value, (nodes.Node, tuple)):
            yield name, value


def _walruses(node: nodes.Node) -> list[nodes.Walrus]:
    return [each for each in nodes.nodes_in(node) if isinstance(each, nodes.Walrus)]


def _has_walrus(node: nodes.Node) -> bool:
    return any(isinstance(each, nodes.Walrus) for each in nodes.nodes_in(node))


def _count(roots: Sequence[nodes.Node], name: str) -> int:
    return sum(isinstance(each, nodes.Name) and each.id == name for each in nodes.nodes_in(*roots))


def _operands_of_and(node: nodes.Expr) -> list[nodes.Expr]:
    operands: list[nodes.Expr] = []
    while isinstance(node, nodes.Logic) and node.op == "and":
        operands.append(node.right)
        node = node.left
    return [node, *reversed(operands)]


# Flags ---------------------------------------------------------------------------


def _set(flag: str, value: bool, span: Span) -> nodes.Assign:
    target = nodes.Name(flag, span=span, node_id=next(_numbers))
    return nodes.Assign((target,), nodes.Constant(value, span=span, node_id=next(_numbers)), span=span)


def _if_set(flag: str, body: Suite, end: int) -> nodes.If:
    span = Span(body[0].span.source, end, body[-1].span.end)
    place = Span(span.source, end, end)
    return nodes.If(
        (nodes.Branch(nodes.Name(flag, span=place, node_id=next(_numbers)), body, span=span),), (), span=span
    )


def _with_breaks_noted(body: Suite, flag: str) -> Suite:
    """Return the body of a loop whose every `break` clears the flag before."""
    made: list[nodes.Statement] = []
    for each in body:
        match each:
            case nodes.Break():
                made.append(_set(flag, False, each.span))
            case nodes.If(branches, orelse):
                inner = tuple(evolve(branch, body=_with_breaks_noted(branch.body, flag)) for branch in branches)
                each = evolve(each, branches=inner, orelse=_with_breaks_noted(orelse, flag))
            case nodes.Try(tried, handlers):
                caught = tuple(evolve(handler, body=_with_breaks_noted(handler.body, flag)) for handler in handlers)
                each = evolve(each, body=_with_breaks_noted(tried, flag), handlers=caught)
        made.append(each)
    return tuple(made)
