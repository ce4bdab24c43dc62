"""Statements, comments and whole programs."""

from __future__ import annotations

from typing import Union

from attrs import field, frozen

from rlmlang.language.nodes.base import Node, span_field
from rlmlang.language.nodes.expressions import Constant, Expr, Index, Name, Target, TypeExpr
from rlmlang.language.source import Span


@frozen(eq=False, repr=False)
class Input(Node):
    """`name: type`, or `name: type = default`, at the top of a script."""

    name: Name
    type: TypeExpr
    default: Expr | None
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Assign(Node):
    """`a = value`; `a, b = value` has one target, a tuple; `a = b = value` has two."""

    targets: tuple[Target, ...]
    value: Expr
    span: Span = span_field()


@frozen(eq=False, repr=False)
class AnnotatedAssign(Node):
    """`name: type = value` in a body, or `name: type` alone."""

    name: Name
    type: TypeExpr
    value: Expr | None
    span: Span = span_field()


@frozen(eq=False, repr=False)
class AugmentedAssign(Node):
    """`target op= value`; `op` is one of those of `Binary`. The target is a Name or an Index."""

    target: Name | Index
    op: str
    value: Expr
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Field(Node):
    name: Name
    type: TypeExpr
    default: Expr | None = None
    docstring: Constant | None = None
    """The string below it."""
    comment: str = field(default="", eq=False)
    """The text of the comment behind it."""
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Record(Node):
    """`class Name:` and its fields."""

    name: Name
    fields: tuple[Field, ...]
    decorators: tuple[Expr, ...] = ()
    docstring: Constant | None = None
    """The string before its fields."""
    comment: str = field(default="", eq=False)
    """The text of the comment behind its head."""
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Param(Node):
    """`name`, `name: type`, each also with `= default`; `*name` with `is_rest`, the last one."""

    name: Name
    type: TypeExpr | None
    default: Expr | None
    is_rest: bool = False
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Function(Node):
    """`def name(params) -> result:` and its body, below lines with decorators."""

    name: Name
    params: tuple[Param, ...]
    result: TypeExpr | None
    body: tuple[Statement, ...]
    decorators: tuple[Expr, ...] = ()
    span: Span = span_field()

    @property
    def is_declared(self) -> bool:
        """Whether its body is `...`: whoever runs the program hands the function in."""
        return bool(self.body) and isinstance(self.body[-1], HostBody)


@frozen(eq=False, repr=False)
class HostBody(Node):
    """`...`, the last statement of a function of the host; only a docstring may stand before it."""

    span: Span = span_field()


@frozen(eq=False, repr=False)
class Branch(Node):
    """`if test:` or `elif test:`, with its body."""

    test: Expr
    body: tuple[Statement, ...]
    span: Span = span_field()


@frozen(eq=False, repr=False)
class If(Node):
    """An `if`, its `elif`s as further branches, and its `else`; `orelse` is empty if there is none."""

    branches: tuple[Branch, ...]
    orelse: tuple[Statement, ...]
    span: Span = span_field()


@frozen(eq=False, repr=False)
class For(Node):
    """The statement `for target in iterable:`. A parsed program has no `orelse`: `parse/lowering.py` rewrites it."""

    target: Target
    iterable: Expr
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...] = ()
    span: Span = span_field()


@frozen(eq=False, repr=False)
class While(Node):
    test: Expr
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...] = ()
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Return(Node):
    """`return value`, or `return` alone, which gives None."""

    value: Expr | None
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Break(Node):
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Continue(Node):
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Pass(Node):
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Assert(Node):
    test: Expr
    message: Expr | None
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Raise(Node):
    """`raise Error("message")`, also `raise Error` and `raise Error()`; a `raise` alone has no `error`."""

    error: Name | None
    message: Expr | None
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Handler(Node):
    """`except errors as name:` with its body. No errors are a bare `except:`, which catches what `Exception` does."""

    errors: tuple[Name, ...]
    name: Name | None
    body: tuple[Statement, ...]
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Try(Node):
    body: tuple[Statement, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Statement, ...] = ()
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Imported(Node):
    """`name`, or `name as alias`; `name` may have dots in an `import`, and `*` means all names of a module."""

    name: str
    alias: Name | None
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Import(Node):
    """`import math, re`; with a `module`, `from module import name`."""

    names: tuple[Imported, ...]
    module: str | None = None
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Decorator(Node):
    """A line `@value`, until the definition below it is parsed, which then has it."""

    value: Expr
    span: Span = span_field()


@frozen(eq=False, repr=False)
class ExprStatement(Node):
    """An expression statement. The last one of a script is its value."""

    value: Expr
    span: Span = span_field()


Statement = Union[
    Input, Assign, AnnotatedAssign, AugmentedAssign, Record, Function, If, For, While, Return, Break, Continue, Pass,
    Assert, Raise, Try, Import, ExprStatement, HostBody,
]  # fmt: skip


@frozen(eq=False, repr=False)
class Comment(Node):
    """A comment, `# text`. `own_line` is false if it follows code."""

    text: str
    own_line: bool
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Module(Node):
    """A whole program: its statements in order, and its comments, which the formatter keeps."""

    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...] = field(default=(), eq=False, repr=False)
    span: Span = span_field()
