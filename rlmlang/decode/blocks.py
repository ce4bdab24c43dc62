"""The blocks that are open where a line begins, and the statements that they become when they end.

A program is written line by line. A line is a statement, or the head of one: `if x:`, `else:`, `for x in xs:`. A head
opens a block, and a line that is indented less than a block ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from attrs import evolve, frozen

from rlmlang.decode.closings.constants import constant
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.recognizer import finished, tables
from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS, MODULES, Builtin
from rlmlang.language.check.body import bodies_of
from rlmlang.language.hidden_names import DELETE, DELETE_SLICE, SET_SLICE
from rlmlang.language.nodes import nodes_in
from rlmlang.language.parse.lowering import lowered
from rlmlang.language.source import Source, Span
from rlmlang.language.types import Type

MAX_LEVEL = 8
"""The most blocks inside each other."""

BlockKind = Literal["program", "def", "class", "if", "else", "for", "while", "try", "except"]


@frozen(eq=False)
class Default:
    """What ends a function that must end with a result: a `return` of a constant."""

    lexemes: tuple[str, ...]
    statement: nodes.Statement

    @classmethod
    def of(cls, type_: Type | None) -> Default:
        """Return the `return` of a function with a result of a type; None if it is found from what it returns.

        Then it is a `raise`, which leaves the result open.
        """
        lexemes = ("raise", "ValueError") if type_ is None else ("return", *constant(type_))
        stack = tables().start("start")
        statement = finished(stack, None, (*lexemes, "\n"))
        assert statement is not None, lexemes
        return cls(lexemes, statement)


@frozen(eq=False)
class WrittenBlock:
    """An open block, and what is written of it so far. Blocks do not change."""

    kind: BlockKind = "program"
    head: nodes.Statement | None = None
    """The statement that the block is the last part of, which so far contains a `pass` in its place."""
    outer: WrittenBlock | None = None
    """The block around it, without the head."""
    statements: tuple[nodes.Statement, ...] = ()
    level: int = 0
    """The indentation of its lines, in steps of four spaces."""
    default: Default | None = None
    """What the body of a function ends with, if it must end with a result."""
    decorator: nodes.Expr | None = None
    """What is written above the definition that must follow (decision 145)."""

    def added(self, statement: nodes.Statement) -> WrittenBlock:
        """Return the block with one more statement."""
        return evolve(self, statements=(*self.statements, statement))

    def opened(self, head: nodes.Statement, default: Default | None) -> WrittenBlock:
        """Return the block that a head opens in this one."""
        around = self
        if self.decorator is not None and isinstance(head, (nodes.Function, nodes.Record)):
            around = evolve(self, decorator=None)
            head = evolve(head, decorators=(self.decorator,))
        if (chain := continued(head)) is not None:
            around = evolve(self, statements=self.statements[:-1])
            head = with_beginning(chain, self.statements[-1])
        return WrittenBlock(kind_of(head), head, around, level=self.level + 1, default=default)

    def ended(self) -> WrittenBlock:
        """Return the block around this one, with the statement that ends with this one, which ends it in the text."""
        assert self.outer is not None
        assert self.head is not None
        return self.outer.added(with_body(self.head, self.statements or (_PASS,)))

    def closed(self) -> WrittenBlock:
        """Return the program after all blocks have ended, each function with the result that it must end with, and each
        `try` with the handler that it is closed with if it has none."""
        block = self._handled()
        while block.outer is not None:
            if block.default is not None and not ends(block.statements):
                block = block.added(block.default.statement)
            block = block.ended()._handled()
        return block

    def _handled(self) -> WrittenBlock:
        match self.statements:
            case (*before, nodes.Try(handlers=()) as last):
                return evolve(self, statements=(*before, evolve(last, handlers=(_HANDLER,))))
        return self

    def lowered(self) -> tuple[nodes.Statement, ...]:
        """Return the statements of a program without the `else` of loops and `try`, of which the checker knows none."""
        if not any(map(_has_short_form, self.statements)):
            return self.statements
        return tuple(made for each in self.statements for made in lowered(each, self.statements))

    @property
    def may_end(self) -> bool:
        """Return whether the block may end here, as a function does that returns where it must.

        One whose result has no written type returns None if it ends here. Another one may leave it to its caller that
        it does not come to that, if it returns anything at all (`for x in xs: if x > 0: return x`, decision 132).
        """
        if self.default is None or ends(self.statements) or isinstance(self.default.statement, nodes.Raise):
            return True
        return any(isinstance(each, nodes.Return) for each in self.all_statements)

    def at(self, level: int) -> WrittenBlock:
        """Return the block of a level, after the blocks in it have ended."""
        block = self
        while block.level > level:
            block = block.ended()
        return block

    def chain(self) -> nodes.If | nodes.For | nodes.While | nodes.Try | None:
        """Return the last statement if it may go on with `elif`, `else` or `except`."""
        if self.decorator is not None:
            return None
        match self.statements[-1:]:
            case ((nodes.If() | nodes.For() | nodes.While() | nodes.Try()) as last,) if not last.orelse:
                return last
        return None

    def within(self, kind: BlockKind) -> WrittenBlock | None:
        """Return the innermost block of a kind that belongs to the same function."""
        block: WrittenBlock | None = self
        while block is not None and block.kind != kind:
            block = block.outer if block.kind != "def" else None
        return block

    @property
    def is_looping(self) -> bool:
        """Return whether the block is part of the body of a loop."""
        return self.within("for") is not None or self.within("while") is not None

    @property
    def all_statements(self) -> Iterator[nodes.Statement]:
        """Yield the statements of the function that the block belongs to, those in other blocks too."""
        block: WrittenBlock | None = self
        while block is not None:
            todo = [*block.statements, *([] if block.head is None or block.kind == "def" else [block.head])]
            while todo:
                yield (statement := todo.pop())
                todo.extend(each for body in bodies_of(statement) for each in body)
            block = block.outer if block.kind != "def" else None


def kind_of(head: nodes.Statement) -> BlockKind:
    """Return the kind of the block that a statement ends with."""
    match head:
        case nodes.Function():
            return "def"
        case nodes.Record():
            return "class"
        case nodes.For(orelse=()):
            return "for"
        case nodes.While(orelse=()):
            return "while"
        case nodes.If(orelse=()):
            return "if"
        case nodes.Try(handlers=()):
            return "try"
        case nodes.Try(orelse=()):
            return "except"
        case nodes.If() | nodes.For() | nodes.While() | nodes.Try():
            return "else"
    raise AssertionError(head)


def is_head(statement: nodes.Statement) -> bool:
    """Return whether a statement ends with a block, as all do but those of one line, and functions of the host."""
    kinds = (nodes.Function, nodes.Record, nodes.For, nodes.While, nodes.If, nodes.Try)
    return isinstance(statement, kinds) and not (isinstance(statement, nodes.Function) and statement.is_declared)


def continued(head: nodes.Statement) -> nodes.Statement | None:
    """Return a head that belongs to the statement before it, `elif`, `else` or `except`; None for others.

    Such a line is parsed as a part of a statement which begins with `if ℋ:`, `while ℋ:` or `try:`.
    """
    match head:
        case nodes.For() | nodes.While() if head.orelse:
            return head
        case nodes.If(branches=branches, orelse=orelse) if len(branches) > 1 or orelse:
            return head
        case nodes.Try(handlers=handlers) if handlers:
            return head
    return None


def must_continue(block: WrittenBlock) -> bool:
    """Return whether a block must go on: with `except` after a `try`, or a field after what describes the record."""
    match block.statements[-1:]:
        case (nodes.Try(handlers=()),):
            return True
        case (nodes.ExprStatement(),):
            return block.kind == "class" and len(block.statements) == 1
    return False


def with_beginning(head: nodes.Statement, before: nodes.Statement) -> nodes.Statement:
    """Return the statement that a head makes of the statement before it."""
    match head, before:
        case nodes.If(branches=(_, *more), orelse=orelse), nodes.If(branches=branches):
            return evolve(before, branches=(*branches, *more), orelse=orelse)
        case nodes.While(orelse=orelse), nodes.For() | nodes.While():
            return evolve(before, orelse=orelse)
        case nodes.Try(orelse=(_, *_) as orelse), nodes.Try():
            return evolve(before, orelse=orelse)
        case nodes.Try(handlers=handlers), nodes.Try(handlers=earlier):
            return evolve(before, handlers=(*earlier, handlers[-1]))
    raise AssertionError(head)


def with_body(head: nodes.Statement, body: tuple[nodes.Statement, ...]) -> nodes.Statement:
    """Return the statement of a head with another last block."""
    match head:
        case nodes.Record():
            fields = (each for each in body if isinstance(each, nodes.AnnotatedAssign))
            made = (nodes.Field(each.name, each.type, each.value, span=each.span) for each in fields)
            return evolve(head, fields=tuple(made))  # without the strings that describe them
        case nodes.If(branches=(*others, last), orelse=()):
            return evolve(head, branches=(*others, evolve(last, body=body)))
        case nodes.If() | nodes.For(orelse=(_, *_)) | nodes.While(orelse=(_, *_)) | nodes.Try(orelse=(_, *_)):
            return evolve(head, orelse=body)
        case nodes.Try(handlers=(*handlers, handler)):
            return evolve(head, handlers=(*handlers, evolve(handler, body=body)))
        case nodes.Function() | nodes.For() | nodes.While() | nodes.Try():
            return evolve(head, body=body)
    raise AssertionError(head)


def with_open_tests(block: WrittenBlock) -> WrittenBlock:
    """Return a block whose end is reached: no test decides that it is not, and what leaves it does so under a test."""
    outer = with_open_tests(block.outer) if block.outer is not None else None
    head = _with_open_tests(block.head) if block.head is not None else None
    return evolve(block, head=head, outer=outer, statements=tuple(map(_with_open_tests, block.statements)))


def _with_open_tests(statement: nodes.Statement) -> nodes.Statement:
    opened: nodes.Statement = statement
    match statement:
        case nodes.If(branches=branches):
            opened = evolve(statement, branches=tuple(evolve(each, test=_OPEN_TEST) for each in branches))
        case nodes.While():
            opened = evolve(statement, test=_OPEN_TEST)
    if not leaves(opened):
        return opened
    span = statement.span
    return nodes.If((nodes.Branch(_OPEN_TEST, (opened,), span=span),), (), span=span)


def leaves(statement: nodes.Statement) -> bool:
    """Return whether nothing can be reached after a statement in its block."""
    match statement:
        case nodes.Return() | nodes.Break() | nodes.Continue() | nodes.Raise():
            return True
        case nodes.If(branches=branches, orelse=orelse):
            return bool(orelse) and all(ends(each.body) for each in branches) and ends(orelse)
        case nodes.While(test=nodes.Constant(value=True), body=body):
            return not _breaks(body)
        case nodes.Try(body=body, handlers=handlers, orelse=orelse):
            return bool(handlers) and (ends(body) or ends(orelse)) and all(ends(each.body) for each in handlers)
    return False


def _has_short_form(statement: nodes.Statement) -> bool:
    """Return whether a statement has a loop or `try` in it with an `else`."""
    if isinstance(statement, (nodes.For, nodes.While, nodes.Try)) and statement.orelse:
        return True
    bodies = (statement.body,) if isinstance(statement, nodes.Function) else bodies_of(statement)
    return any(_has_short_form(each) for body in bodies for each in body)


def ends(body: tuple[nodes.Statement, ...]) -> bool:
    """Return whether the end of a body is never reached."""
    return any(map(leaves, body))


def is_effect(statement: nodes.Statement) -> bool:
    """Return whether an expression statement is there for its effect, and so is not the value of a program.

    These are `print(…)` and the methods that change a variable.
    """
    match statement:
        case nodes.ExprStatement(value=nodes.Apply(callee=nodes.Name(id=name))):
            return name == "print" or name in _CHANGING_FUNCTIONS
        case nodes.ExprStatement(value=nodes.Apply(callee=nodes.Attribute(name=name))):
            return name in CHANGING
    return False


def changes(statement: nodes.Statement, is_plain: Callable[[str], bool]) -> bool:
    """Return whether a line may change a value that a variable holds.

    `is_plain` says of which variables the values cannot be changed.
    """
    match statement:
        case nodes.Assign(targets=targets) if any(isinstance(target, nodes.Index) for target in targets):
            return True
        case nodes.AugmentedAssign(target=nodes.Name(id=name)) if not is_plain(name):
            return True
        case nodes.AugmentedAssign(target=nodes.Index()):
            return True
    return any(isinstance(each, nodes.Apply) and _applied(each) in CHANGING for each in nodes_in(statement))


def _applied(node: nodes.Apply) -> str:
    """Return the name of the function or method that is applied."""
    match node.callee:
        case nodes.Attribute(name=name) | nodes.Name(id=name):
            return name
    return ""


def _changing(tables_: Iterable[Mapping[str, object]]) -> frozenset[str]:
    return frozenset(
        name for table in tables_ for name, row in table.items() if isinstance(row, Builtin) and row.changes
    )


_CHANGING_FUNCTIONS = _changing(MODULES.values())
CHANGING = _changing(METHODS.values()) | _CHANGING_FUNCTIONS | {DELETE, DELETE_SLICE, SET_SLICE}
"""The names of methods, and of functions of modules, that change a variable."""


def _breaks(body: tuple[nodes.Statement, ...]) -> bool:
    """Return whether a body may end the loop that it belongs to."""
    for statement in body:
        match statement:
            case nodes.Break():
                return True
            case nodes.If(branches=branches, orelse=orelse):
                if any(_breaks(each.body) for each in branches) or _breaks(orelse):
                    return True
            case nodes.Try(body=tried, handlers=handlers, orelse=orelse):
                if _breaks(tried) or any(_breaks(each.body) for each in handlers) or _breaks(orelse):
                    return True
            case nodes.For(orelse=orelse) | nodes.While(orelse=orelse):
                if _breaks(orelse):
                    return True
    return False


_NOWHERE = Source("")
_PASS = nodes.Pass(span=Span(_NOWHERE, 0, 0))
_HANDLER = nodes.Handler((), None, (_PASS,), span=_PASS.span)
_OPEN_TEST = nodes.Name(HOLE, span=Span(_NOWHERE, 2, 2))
PROBE = nodes.ExprStatement(nodes.Name(HOLE, span=Span(_NOWHERE, 1, 1)), span=Span(_NOWHERE, 1, 1))
"""A statement that marks the point where a line is to be written."""
