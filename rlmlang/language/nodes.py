"""The syntax tree: a frozen class for each kind of node, which has its span.

Spans do not take part in equality, so that trees with the same meaning are equal.
"""

from __future__ import annotations

from typing import Union

from attrs import field, fields, frozen

from rlmlang.language.source import Span


def _span() -> Span:
    span: Span = field(eq=False, repr=False, kw_only=True)
    return span


def _id() -> int:
    """Declare the number of an expression within its source, which the parser gives; -1 in trees made by hand."""
    number: int = field(default=-1, eq=False, repr=False, kw_only=True)
    return number


@frozen(eq=False, repr=False)
class Node:
    """The base class of nodes, with what attrs would generate for each class, which would slow down every start."""

    def _parts(self) -> dict[str, object]:
        return {part.name: getattr(self, part.name) for part in fields(type(self)) if part.eq}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and _equal(self, other)

    def __hash__(self) -> int:
        return hash((type(self), *self._parts().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={part!r}' for name, part in self._parts().items())})"


def _equal(a: Node, b: Node) -> bool:
    """Compare without recursion, since trees are deep. `1`, `1.0` and `True` are different values."""
    pairs: list[tuple[object, object]] = [(a, b)]
    while pairs:
        left, right = pairs.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, Node) and isinstance(right, Node):
            pairs.extend(zip(left._parts().values(), right._parts().values()))
        elif isinstance(left, tuple) and isinstance(right, tuple):
            if len(left) != len(right):
                return False
            pairs.extend(zip(left, right))
        elif left != right:
            return False
    return True


# Types, as written ---------------------------------------------------------------


@frozen(eq=False, repr=False)
class TypeName(Node):
    """`str`, `list[T]`, `Literal["a"]`, `None`: a head with arguments."""

    name: str
    args: tuple[TypeArg, ...] = ()
    span: Span = _span()


@frozen(eq=False, repr=False)
class TypeUnion(Node):
    """`T | None`"""

    left: TypeExpr
    right: TypeExpr
    span: Span = _span()


@frozen(eq=False, repr=False)
class TypeList(Node):
    """`[A, B]`, the parameter types in `Callable[[A, B], C]`."""

    items: tuple[TypeExpr, ...]
    span: Span = _span()


@frozen(eq=False, repr=False)
class TypeLiteral(Node):
    """A value in `Literal[...]`."""

    value: str | int | bool
    span: Span = _span()


TypeExpr = Union[TypeName, TypeUnion]
TypeArg = Union[TypeName, TypeUnion, TypeList, TypeLiteral]


# Expressions ---------------------------------------------------------------------


@frozen(eq=False, repr=False)
class Constant(Node):
    """A literal; `value` is its Python value."""

    value: str | int | float | bool | None
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Name(Node):
    id: str
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Hole(Node):
    """`{value!r:spec}` in an f-string. `conversion` is `""` or `"r"`."""

    value: Expr
    conversion: str
    spec: str
    span: Span = _span()


@frozen(eq=False, repr=False)
class FString(Node):
    """Literal texts and holes, in order."""

    parts: tuple[str | Hole, ...]
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class ListExpr(Node):
    items: tuple[Expr, ...]
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class TupleExpr(Node):
    items: tuple[Expr, ...]
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class SetExpr(Node):
    """`{a, b}`, with at least one element."""

    items: tuple[Expr, ...]
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Starred(Node):
    """`*value` among the elements of a list, tuple or set display, or the arguments of an application."""

    value: Expr
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class DictExpr(Node):
    items: tuple[tuple[Expr, Expr], ...]
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Walrus(Node):
    """`(target := value)`, as it is written: the parser makes assignments of it (`parse/lowering.py`)."""

    target: Name
    value: Expr
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Unary(Node):
    """`op` is `-`, `+`, `~` or `not`."""

    op: str
    operand: Expr
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Binary(Node):
    """`op` is one of `+ - * / // % ** << >> & | ^`."""

    op: str
    left: Expr
    right: Expr
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Logic(Node):
    """`op` is `and` or `or`; both operators yield one of their operands, as in Python."""

    op: str
    left: Expr
    right: Expr
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Compare(Node):
    """`first op1 e1 op2 e2 …`, a chain as in Python.

    The operators are `== != < <= > >= in`, `not in`.

    Alone, not in a chain, it is also `is` or `is not` before the constant True or False.
    """

    first: Expr
    rest: tuple[tuple[str, Expr], ...]
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class IsNone(Node):
    """`value is None`, or with `negated`, `value is not None`."""

    value: Expr
    negated: bool
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Conditional(Node):
    """`then if test else other`"""

    test: Expr
    then: Expr
    other: Expr
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Attribute(Node):
    value: Expr
    name: str
    name_span: Span = field(eq=False, repr=False)
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Index(Node):
    value: Expr
    index: Expr
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Slice(Node):
    """`value[start:stop:step]`"""

    value: Expr
    start: Expr | None
    stop: Expr | None
    step: Expr | None
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class TupleTarget(Node):
    items: tuple[Target, ...]
    span: Span = _span()


Target = Union[Name, Index, TupleTarget]
"""What a value is bound to. An `Index` occurs in assignments only, not in a `for`."""


@frozen(eq=False, repr=False)
class ForClause(Node):
    """`for target in iterable`, in a comprehension."""

    target: Target
    iterable: Expr
    span: Span = _span()


@frozen(eq=False, repr=False)
class IfClause(Node):
    """`if test`, in a comprehension."""

    test: Expr
    span: Span = _span()


@frozen(eq=False, repr=False)
class Comprehension(Node):
    """`kind` is `list`, `dict`, `set` or `generator`; `key` is set for `dict` only."""

    kind: str
    element: Expr
    clauses: tuple[ForClause | IfClause, ...]
    key: Expr | None = None
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Lambda(Node):
    params: tuple[Name, ...]
    body: Expr
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Keyword(Node):
    name: str
    value: Expr
    span: Span = _span()


@frozen(eq=False, repr=False)
class Apply(Node):
    """A call of a function, method, record constructor or built-in."""

    callee: Expr
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()
    span: Span = _span()
    node_id: int = _id()


@frozen(eq=False, repr=False)
class Call(Node):
    """`CALL[type]("instruction", …)`: what the model answers."""

    type: TypeExpr | None
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()
    span: Span = _span()
    node_id: int = _id()


Expr = Union[
    Constant, Name, FString, ListExpr, TupleExpr, SetExpr, Starred, DictExpr, Walrus, Unary, Binary, Logic, Compare,
    IsNone, Conditional, Attribute, Index, Slice, Comprehension, Lambda, Apply, Call,
]  # fmt: skip


# Statements ----------------------------------------------------------------------


@frozen(eq=False, repr=False)
class Input(Node):
    """`name: type`, or `name: type = default`, at the top of a script."""

    name: Name
    type: TypeExpr
    default: Expr | None
    span: Span = _span()


@frozen(eq=False, repr=False)
class Assign(Node):
    """`a = value`; `a, b = value` has one target, a tuple; `a = b = value` has two."""

    targets: tuple[Target, ...]
    value: Expr
    span: Span = _span()


@frozen(eq=False, repr=False)
class AnnotatedAssign(Node):
    """`name: type = value` in a body, or `name: type` alone."""

    name: Name
    type: TypeExpr
    value: Expr | None
    span: Span = _span()


@frozen(eq=False, repr=False)
class AugmentedAssign(Node):
    """`target op= value`; `op` is one of those of `Binary`. The target is a Name or an Index."""

    target: Name | Index
    op: str
    value: Expr
    span: Span = _span()


@frozen(eq=False, repr=False)
class Field(Node):
    name: Name
    type: TypeExpr
    default: Expr | None = None
    docstring: Constant | None = None
    """The string below it."""
    comment: str = field(default="", eq=False)
    """The text of the comment behind it."""
    span: Span = _span()


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
    span: Span = _span()


@frozen(eq=False, repr=False)
class Param(Node):
    """`name`, `name: type`, each also with `= default`; `*name` with `is_rest`, the last one."""

    name: Name
    type: TypeExpr | None
    default: Expr | None
    is_rest: bool = False
    span: Span = _span()


@frozen(eq=False, repr=False)
class Function(Node):
    """`def name(params) -> result:` and its body, below lines with decorators."""

    name: Name
    params: tuple[Param, ...]
    result: TypeExpr | None
    body: tuple[Statement, ...]
    decorators: tuple[Expr, ...] = ()
    span: Span = _span()

    @property
    def is_declared(self) -> bool:
        """Whether its body is `...`: whoever runs the program hands the function in."""
        return bool(self.body) and isinstance(self.body[-1], HostBody)


@frozen(eq=False, repr=False)
class HostBody(Node):
    """`...`, the last statement of a function of the host; only a docstring may stand before it."""

    span: Span = _span()


@frozen(eq=False, repr=False)
class Branch(Node):
    """`if test:` or `elif test:`, with its body."""

    test: Expr
    body: tuple[Statement, ...]
    span: Span = _span()


@frozen(eq=False, repr=False)
class If(Node):
    """An `if`, its `elif`s as further branches, and its `else`; `orelse` is empty if there is none."""

    branches: tuple[Branch, ...]
    orelse: tuple[Statement, ...]
    span: Span = _span()


@frozen(eq=False, repr=False)
class For(Node):
    """The statement `for target in iterable:`. A parsed program has no `orelse`: `parse/lowering.py` rewrites it."""

    target: Target
    iterable: Expr
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...] = ()
    span: Span = _span()


@frozen(eq=False, repr=False)
class While(Node):
    test: Expr
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...] = ()
    span: Span = _span()


@frozen(eq=False, repr=False)
class Return(Node):
    """`return value`, or `return` alone, which gives None."""

    value: Expr | None
    span: Span = _span()


@frozen(eq=False, repr=False)
class Break(Node):
    span: Span = _span()


@frozen(eq=False, repr=False)
class Continue(Node):
    span: Span = _span()


@frozen(eq=False, repr=False)
class Pass(Node):
    span: Span = _span()


@frozen(eq=False, repr=False)
class Assert(Node):
    test: Expr
    message: Expr | None
    span: Span = _span()


@frozen(eq=False, repr=False)
class Raise(Node):
    """`raise Error("message")`, also `raise Error` and `raise Error()`; a `raise` alone has no `error`."""

    error: Name | None
    message: Expr | None
    span: Span = _span()


@frozen(eq=False, repr=False)
class Handler(Node):
    """`except errors as name:` with its body. No errors are a bare `except:`, which catches what `Exception` does."""

    errors: tuple[Name, ...]
    name: Name | None
    body: tuple[Statement, ...]
    span: Span = _span()


@frozen(eq=False, repr=False)
class Try(Node):
    body: tuple[Statement, ...]
    handlers: tuple[Handler, ...]
    orelse: tuple[Statement, ...] = ()
    span: Span = _span()


@frozen(eq=False, repr=False)
class Imported(Node):
    """`name`, or `name as alias`; `name` may have dots in an `import`, and `*` means all names of a module."""

    name: str
    alias: Name | None
    span: Span = _span()


@frozen(eq=False, repr=False)
class Import(Node):
    """`import math, re`; with a `module`, `from module import name`."""

    names: tuple[Imported, ...]
    module: str | None = None
    span: Span = _span()


@frozen(eq=False, repr=False)
class Decorator(Node):
    """A line `@value`, until the definition below it is parsed, which then has it."""

    value: Expr
    span: Span = _span()


@frozen(eq=False, repr=False)
class ExprStatement(Node):
    """An expression statement. The last one of a script is its value."""

    value: Expr
    span: Span = _span()


Statement = Union[
    Input, Assign, AnnotatedAssign, AugmentedAssign, Record, Function, If, For, While, Return, Break, Continue, Pass,
    Assert, Raise, Try, Import, ExprStatement, HostBody,
]  # fmt: skip


@frozen(eq=False, repr=False)
class Comment(Node):
    """A comment, `# text`. `own_line` is false if it follows code."""

    text: str
    own_line: bool
    span: Span = _span()


@frozen(eq=False, repr=False)
class Module(Node):
    """A whole program: its statements in order, and its comments, which the formatter keeps."""

    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...] = field(default=(), eq=False, repr=False)
    span: Span = _span()
