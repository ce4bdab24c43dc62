"""Expressions, and types as they are written."""

from __future__ import annotations

from typing import Union

from attrs import field, frozen

from rlmlang.language.nodes.base import Node, id_field, span_field
from rlmlang.language.source import Span

# Types, as written ---------------------------------------------------------------


@frozen(eq=False, repr=False)
class TypeName(Node):
    """`str`, `list[T]`, `Literal["a"]`, `None`: a head with arguments."""

    name: str
    args: tuple[TypeArg, ...] = ()
    span: Span = span_field()


@frozen(eq=False, repr=False)
class TypeUnion(Node):
    """`T | None`"""

    left: TypeExpr
    right: TypeExpr
    span: Span = span_field()


@frozen(eq=False, repr=False)
class TypeList(Node):
    """`[A, B]`, the parameter types in `Callable[[A, B], C]`."""

    items: tuple[TypeExpr, ...]
    span: Span = span_field()


@frozen(eq=False, repr=False)
class TypeLiteral(Node):
    """A value in `Literal[...]`."""

    value: str | int | bool
    span: Span = span_field()


TypeExpr = Union[TypeName, TypeUnion]
TypeArg = Union[TypeName, TypeUnion, TypeList, TypeLiteral]


# Expressions ---------------------------------------------------------------------


@frozen(eq=False, repr=False)
class Constant(Node):
    """A literal; `value` is its Python value."""

    value: str | int | float | bool | None
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Name(Node):
    id: str
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Hole(Node):
    """`{value!r:spec}` in an f-string. `conversion` is `""` or `"r"`."""

    value: Expr
    conversion: str
    spec: str
    span: Span = span_field()


@frozen(eq=False, repr=False)
class FString(Node):
    """Literal texts and holes, in order."""

    parts: tuple[str | Hole, ...]
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class ListExpr(Node):
    items: tuple[Expr, ...]
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class TupleExpr(Node):
    items: tuple[Expr, ...]
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class SetExpr(Node):
    """`{a, b}`, with at least one element."""

    items: tuple[Expr, ...]
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Starred(Node):
    """`*value` among the elements of a list, tuple or set display, or the arguments of an application."""

    value: Expr
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class DictExpr(Node):
    items: tuple[tuple[Expr, Expr], ...]
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Walrus(Node):
    """`(target := value)`, as it is written: the parser makes assignments of it (`parse/lowering.py`)."""

    target: Name
    value: Expr
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Unary(Node):
    """`op` is `-`, `+`, `~` or `not`."""

    op: str
    operand: Expr
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Binary(Node):
    """`op` is one of `+ - * / // % ** << >> & | ^`."""

    op: str
    left: Expr
    right: Expr
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Logic(Node):
    """`op` is `and` or `or`; both operators yield one of their operands, as in Python."""

    op: str
    left: Expr
    right: Expr
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Compare(Node):
    """`first op1 e1 op2 e2 …`, a chain as in Python.

    The operators are `== != < <= > >= in`, `not in`.

    Alone, not in a chain, it is also `is` or `is not` before the constant True or False.
    """

    first: Expr
    rest: tuple[tuple[str, Expr], ...]
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class IsNone(Node):
    """`value is None`, or with `negated`, `value is not None`."""

    value: Expr
    negated: bool
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Conditional(Node):
    """`then if test else other`"""

    test: Expr
    then: Expr
    other: Expr
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Attribute(Node):
    value: Expr
    name: str
    name_span: Span = field(eq=False, repr=False)
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Index(Node):
    value: Expr
    index: Expr
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Slice(Node):
    """`value[start:stop:step]`"""

    value: Expr
    start: Expr | None
    stop: Expr | None
    step: Expr | None
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class TupleTarget(Node):
    items: tuple[Target, ...]
    span: Span = span_field()


Target = Union[Name, Index, TupleTarget]
"""What a value is bound to. An `Index` occurs in assignments only, not in a `for`."""


@frozen(eq=False, repr=False)
class ForClause(Node):
    """`for target in iterable`, in a comprehension."""

    target: Target
    iterable: Expr
    span: Span = span_field()


@frozen(eq=False, repr=False)
class IfClause(Node):
    """`if test`, in a comprehension."""

    test: Expr
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Comprehension(Node):
    """`kind` is `list`, `dict`, `set` or `generator`; `key` is set for `dict` only."""

    kind: str
    element: Expr
    clauses: tuple[ForClause | IfClause, ...]
    key: Expr | None = None
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Lambda(Node):
    params: tuple[Name, ...]
    body: Expr
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Keyword(Node):
    name: str
    value: Expr
    span: Span = span_field()


@frozen(eq=False, repr=False)
class Apply(Node):
    """A call of a function, method, record constructor or built-in."""

    callee: Expr
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()
    span: Span = span_field()
    node_id: int = id_field()


@frozen(eq=False, repr=False)
class Call(Node):
    """`CALL[type]("instruction", …)`: what the model answers."""

    type: TypeExpr | None
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()
    span: Span = span_field()
    node_id: int = id_field()


Expr = Union[
    Constant, Name, FString, ListExpr, TupleExpr, SetExpr, Starred, DictExpr, Walrus, Unary, Binary, Logic, Compare,
    IsNone, Conditional, Attribute, Index, Slice, Comprehension, Lambda, Apply, Call,
]  # fmt: skip
