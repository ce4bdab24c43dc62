"""Make the nodes of statements and blocks, bottom-up while Lark reduces, so that nothing recurses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Union

from attrs import evolve, frozen

from rlmlang.language import hidden_names, nodes
from rlmlang.language.parse.tree_expressions import ExpressionBuilder, Items, parts
from rlmlang.language.source import Source, Span

Suite = tuple[nodes.Statement, ...]
"""A body."""

# Unfinished blocks are linked lists, since a parser that tries several continuations shares them.


@frozen(eq=False)
class Block:
    """The statements of one level so far: the last one, and the block above it."""

    last: nodes.Statement | nodes.Decorator
    above: Block | None


@frozen(eq=False)
class OpenIf:
    """A block whose last statement is an `if` that may go on: its last branch, and the ones before that."""

    branch: nodes.Branch
    before: OpenIf | None
    above: Block | None


@frozen(eq=False)
class OpenTry:
    """A block whose last statement is a `try` that may go on: its last handler, and what comes before that."""

    handler: nodes.Handler
    before: OpenTry | OpenBody
    above: Block | None


@frozen(eq=False)
class OpenBody:
    """A `try` and its body, without handlers."""

    body: Suite
    span: Span


OpenBlock = Union[Block, OpenIf, OpenTry]


class Builder(ExpressionBuilder):
    """Makes the nodes of one parse."""

    def __init__(self, source: Source, first_id: int = 0, in_body: bool = False) -> None:
        super().__init__(source, first_id)
        self.in_body = in_body
        """Whether the statements of the text are those of a function's body."""

    # Blocks

    def start(self, items: Items) -> Items:
        """Return the statements of a text."""
        statements = list(self.statements(*parts(items)))
        if not self.in_body:
            return [_declared(statement) for statement in statements]
        for statement in statements:
            if isinstance(statement, nodes.Record):
                message = "records are defined at the margin only"
                raise self.fail("E121", message, statement.span, "move it out of the function")
            if isinstance(statement, nodes.Function) and statement.is_declared:
                message = "functions of the host are declared at the margin only"
                raise self.fail("E126", message, statement.span, "leave it out, or write what it does")
        return statements

    def above(self, items: Items) -> Block:
        return self.closed(items[0])

    def lines(self, items: Items) -> Suite:
        return tuple(self.statements(self.closed(items[1])))

    def one_line(self, items: Items) -> Suite:
        return tuple(self.statements(Block(items[0], None)))

    def statements(self, block: Block | None = None) -> Iterator[nodes.Statement]:
        """Yield the statements of a block from first to last. Raises ProgramError for a decorator of nothing."""
        found: list[nodes.Statement] = []
        while block is not None:
            last = block.last
            if isinstance(last, nodes.Decorator):
                below = found[-1] if found else None
                if not isinstance(below, (nodes.Function, nodes.Record)):
                    raise self.fail("E116", "there is no function below this decorator", last.span)
                found[-1] = evolve(below, decorators=(last.value, *below.decorators))
            else:
                found.append(last)
            block = block.above
        return reversed(found)

    def line(self, items: Items) -> Block:
        above, statement = items
        return Block(statement, above)

    def compound(self, items: Items) -> Block:
        above, head, _, body = items
        return Block(evolve(head, body=body, span=self.at([head, body])), above)

    def record(self, items: Items) -> Block:
        above, *items = items
        docstring: nodes.Constant | None = None
        fields: list[nodes.Field] = []
        described = False
        for item in items:
            if isinstance(item, nodes.Field):
                fields.append(item)
                described = False
            elif isinstance(item, nodes.Constant):
                if described:
                    message = "a string in a record describes what is above it, which has one"
                    raise self.fail("E121", message, item.span, "write one string for each field")
                if fields:
                    fields[-1] = evolve(fields[-1], docstring=item)
                else:
                    docstring = item
                described = True
        if not fields:
            raise self.fail("E121", "a record has fields", self.at(items), "write each as `name: type` on its own line")
        record = nodes.Record(self.name_of(items[1]), tuple(fields), docstring=docstring, span=self.at(items))
        return Block(record, above)

    def declared(self, items: Items) -> Block:
        """Return a function of the host, whose body is `...` behind a docstring or not. Raises ProgramError E126."""
        above, head, _, *rest, dots = items
        before = tuple(self.statements(rest[-1])) if rest else ()
        span = self.at([dots])
        if not isinstance(head, nodes.Function):
            raise self.fail("E126", "`...` is the body of a function of the host only", span, "write `pass`")
        if before and not (len(before) == 1 and is_docstring(before[0])):
            message = "a function of the host has no body but `...`, with a docstring before it at most"
            raise self.fail("E126", message, before[0].span, "leave the statements out, or the `...`")
        body = (*before, nodes.HostBody(span=span))
        return Block(evolve(head, body=body, span=self.at([head, body])), above)

    def if_(self, items: Items) -> OpenIf:
        above, *items = items
        return OpenIf(self.branch(items), None, above)

    def elif_(self, items: Items) -> OpenIf:
        before, _, *items = items
        return OpenIf(self.branch(items), before, before.above)

    def branch(self, items: Items) -> nodes.Branch:
        _, test, _, body = items
        return nodes.Branch(test, body, span=self.at(items))

    def loop_else(self, items: Items) -> Block:
        before, *_, body = items
        self.is_written_short = True
        loop = before.last
        return Block(evolve(loop, orelse=body, span=self.at([loop, body])), before.above)

    def try_else(self, items: Items) -> Block:
        before, *_, body = items
        self.is_written_short = True
        block = self.closed_try(before)
        return Block(evolve(block.last, orelse=body, span=self.at([block.last, body])), block.above)

    def else_(self, items: Items) -> Block:
        before, *_, body = items
        return self.closed_if(before, body)

    def try_(self, items: Items) -> OpenTry:
        above, word, colon, body, _, *handler = items
        return OpenTry(self.handled(handler), OpenBody(body, self.at([word, colon, body])), above)

    def except_(self, items: Items) -> OpenTry:
        before, _, *handler = items
        return OpenTry(self.handled(handler), before, before.above)

    def handled(self, items: Items) -> nodes.Handler:
        handler, _, body = items
        made: nodes.Handler = evolve(handler, body=body, span=self.at([handler, body]))
        return made

    def closed(self, block: OpenBlock) -> Block:
        """Return a block whose last statement is over."""
        if isinstance(block, OpenIf):
            return self.closed_if(block, ())
        return self.closed_try(block) if isinstance(block, OpenTry) else block

    def closed_if(self, last: OpenIf, orelse: Suite) -> Block:
        branches: list[nodes.Branch] = []
        each: OpenIf | None = last
        while each is not None:
            branches.append(each.branch)
            each = each.before
        branches.reverse()
        span = self.at([branches[0], orelse or branches[-1]])
        return Block(nodes.If(tuple(branches), orelse, span=span), last.above)

    def closed_try(self, last: OpenTry) -> Block:
        handlers: list[nodes.Handler] = []
        each: OpenTry | OpenBody = last
        while isinstance(each, OpenTry):
            handlers.append(each.handler)
            each = each.before
        handlers.reverse()
        return Block(nodes.Try(each.body, tuple(handlers), span=self.at([each, handlers[-1]])), last.above)

    # Statements of one line

    def value(self, items: Items) -> nodes.ExprStatement:
        return nodes.ExprStatement(items[0], span=self.at(items))

    def assign(self, items: Items) -> nodes.Assign | nodes.ExprStatement:
        *targets, value = parts(items)
        span = self.at(items)
        if len(targets) == 1 and isinstance(targets[0], nodes.Slice):
            return self.changed(targets[0], hidden_names.SET_SLICE, (value,), span)
        for target in targets:
            self.no_slice(target)
        first = targets[0]
        if isinstance(first, nodes.TupleTarget) and any(isinstance(item, nodes.Starred) for item in first.items):
            if len(targets) > 1:
                raise self.fail("E117", "a starred target is in the only list of targets", first.span)
            targets, value = [without_star(first)], self.unpacked(first, value)
        return nodes.Assign(tuple(targets), value, span=span)

    def unpacked(self, target: nodes.TupleTarget, value: nodes.Expr) -> nodes.Apply:
        """Return the application that takes a value apart for targets one of which is starred. Raises ProgramError."""
        stars = [place for place, item in enumerate(target.items) if isinstance(item, nodes.Starred)]
        name = hidden_names.unpacking(stars[0], len(target.items) - stars[0] - 1)
        if len(stars) > 1 or name is None:
            message = f"one of at most {hidden_names.MOST_TARGETS} targets may be starred"
            raise self.fail("E117", message, target.items[stars[-1]].span)
        callee = nodes.Name(name, span=value.span, node_id=next(self._ids))
        return self.node(nodes.Apply(callee, (value,), span=value.span, node_id=next(self._ids)), [value])

    def inner_targets(self, items: Items) -> nodes.TupleTarget:
        """Return targets in brackets, which the grammar reads as expressions. Raises ProgramError."""
        return self.as_targets(parts(items), self.at(items))

    def as_targets(self, items: Items, span: Span) -> nodes.TupleTarget:
        targets: Items = []
        for item in items:
            match item:
                case nodes.Name() | nodes.Index():
                    targets.append(item)
                case nodes.TupleExpr(inner) | nodes.ListExpr(inner):
                    targets.append(self.as_targets([*inner], item.span))
                case nodes.Starred():
                    raise self.fail("E117", "a starred target is in the only list of targets", item.span)
                case _:
                    message = "this cannot be assigned to"
                    raise self.fail("E100", message, item.span, "write names and items before `=`")
        return self.node(nodes.TupleTarget(tuple(targets), span=span), targets)

    def decorator(self, items: Items) -> nodes.Decorator:
        return nodes.Decorator(items[1], span=self.at(items))

    def no_slice(self, target: nodes.Target | nodes.Slice | nodes.Starred) -> None:
        """Refuse a slice among several targets. Raises ProgramError E120."""
        for each in target.items if isinstance(target, nodes.TupleTarget) else (target,):
            if isinstance(each, nodes.Slice):
                hint = "write a statement for the slice: `xs[i:j] = ys`"
                raise self.fail("E120", "a slice is assigned alone", each.span, hint)

    def assign_lambda(self, items: Items) -> nodes.Function:
        """Return `f = lambda x: e` as the function that it defines."""
        name, _, value = items
        if not isinstance(name, nodes.Name):
            raise self.fail("E124", "a lambda is given to a name or as an argument", value.span)
        params = tuple(nodes.Param(each, None, None, span=each.span) for each in value.params)
        body = nodes.Return(value.body, span=value.body.span)
        return nodes.Function(name, params, None, (body,), span=self.at(items))

    def delete(self, items: Items) -> nodes.ExprStatement:
        target = self.index(items[1:])
        method = hidden_names.DELETE if isinstance(target, nodes.Index) else hidden_names.DELETE_SLICE
        return self.changed(target, method, (), self.at(items))

    def changed(
        self, target: nodes.Index | nodes.Slice, method: str, args: tuple[nodes.Expr, ...], span: Span
    ) -> nodes.ExprStatement:
        """Return a change of an element or a slice as the application of the method that does it."""
        if isinstance(target, nodes.Index):
            args = (target.index, *args)
        else:
            bounds = (target.start, target.stop, target.step)
            args = (*args, *(self.bound(bound, target.span) for bound in bounds))  # the new elements come first
        callee = nodes.Attribute(target.value, method, target.span, span=target.span, node_id=next(self._ids))
        made = nodes.Apply(callee, args, span=span, node_id=next(self._ids))
        return nodes.ExprStatement(self.node(made, [target.value, *args]), span=span)

    def bound(self, bound: nodes.Expr | None, span: Span) -> nodes.Expr:
        return nodes.Constant(None, span=span, node_id=next(self._ids)) if bound is None else bound

    def starred_target(self, items: Items) -> nodes.Starred:
        return nodes.Starred(self.name_of(items[1]), span=self.at(items))

    def augment(self, items: Items) -> nodes.AugmentedAssign:
        target, operator, value = items
        if isinstance(target, nodes.Slice):
            hint = "write `xs[i:j] = xs[i:j] + ys`"
            raise self.fail("E120", "a slice cannot be changed by an augmented assignment", target.span, hint)
        return nodes.AugmentedAssign(target, str(operator)[:-1], value, span=self.at(items))

    def annotate(self, items: Items) -> nodes.AnnotatedAssign:
        name, _, type_, _, value = items
        return nodes.AnnotatedAssign(self.name_of(name), type_, value, span=self.at(items))

    def return_(self, items: Items) -> nodes.Return:
        return nodes.Return(items[1], span=self.at(items))

    def pass_(self, items: Items) -> nodes.Pass:
        return nodes.Pass(span=self.at(items))

    def break_(self, items: Items) -> nodes.Break:
        return nodes.Break(span=self.at(items))

    def continue_(self, items: Items) -> nodes.Continue:
        return nodes.Continue(span=self.at(items))

    def assert_(self, items: Items) -> nodes.Assert:
        _, test, _, message = items
        return nodes.Assert(test, message, span=self.at(items))

    def raise_(self, items: Items) -> nodes.Raise:
        _, name, _, message, _ = items
        error = None if name is None else self.name_of(name)
        return nodes.Raise(error, message, span=self.at(items))

    def import_(self, items: Items) -> nodes.Import:
        return nodes.Import(tuple(parts(items)), span=self.at(items))

    def from_(self, items: Items) -> nodes.Import:
        _, module, _, names = items
        start, end = self.edges(items[0])[0], names[-1]
        return nodes.Import(names[:-1], str(module), span=Span(self.source, start, end))

    def aliases(self, items: Items) -> Any:
        """Return the names that are imported, and where their list ends."""
        return *parts(items), self.edges(items[-1])[1]

    def everything(self, items: Items) -> Any:
        return nodes.Imported("*", None, span=self.at(items)), self.edges(items[0])[1]

    def module(self, items: Items) -> nodes.Imported:
        name, _, alias = items
        return nodes.Imported(str(name), None if alias is None else self.name_of(alias), span=self.at(items))

    def alias(self, items: Items) -> nodes.Imported:
        return self.module(items)

    # Heads: statements without their bodies

    def for_(self, items: Items) -> nodes.For:
        _, target, _, iterable = items
        return nodes.For(target, iterable, (), span=self.at(items))

    def while_(self, items: Items) -> nodes.While:
        return nodes.While(items[1], (), span=self.at(items))

    def def_(self, items: Items) -> nodes.Function:
        _, name, _, params, _, _, result = items
        return nodes.Function(self.name_of(name), params or (), result, (), span=self.at(items))

    def handler(self, items: Items) -> nodes.Handler:
        _, errors, _, name = items
        return nodes.Handler(errors or (), None if name is None else self.name_of(name), (), span=self.at(items[:1]))

    def errors(self, items: Items) -> Any:
        return self.names(items)

    def params(self, items: Items) -> Any:
        return tuple(parts(items))

    def param(self, items: Items) -> nodes.Param:
        name, _, type_, _, default = items
        return nodes.Param(self.name_of(name), type_, default, span=self.at(items))

    def rest(self, items: Items) -> nodes.Param:
        _, name, _, type_ = items
        return nodes.Param(self.name_of(name), type_, None, True, span=self.at(items))

    def field(self, items: Items) -> nodes.Field:
        name, _, type_, _, default = items
        return nodes.Field(self.name_of(name), type_, default, span=self.at(items))


def without_star(target: nodes.TupleTarget) -> nodes.TupleTarget:
    """Return targets with a star before none of them."""
    items: list[Any] = [item.value if isinstance(item, nodes.Starred) else item for item in target.items]
    return evolve(target, items=tuple(items))


def is_docstring(statement: nodes.Statement) -> bool:
    """Return whether a statement is a text alone."""
    match statement:
        case nodes.ExprStatement(value=nodes.Constant(value=str())):
            return True
    return False


def _declared(statement: nodes.Statement) -> nodes.Statement:
    """Return a statement at the margin, where an annotated name is an input."""
    if isinstance(statement, nodes.AnnotatedAssign):
        return nodes.Input(statement.name, statement.type, statement.value, span=statement.span)
    return statement
