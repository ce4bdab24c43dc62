"""The syntax tree: one frozen class a node, each with its span.

Spans take no part in equality, so that trees compare by what they mean.
"""

from __future__ import annotations

from typing import Union

from attrs import field, frozen

from rlmlang.source import Span


def _span() -> Span:
    span: Span = field(eq=False, repr=False, kw_only=True)
    return span


# Types, as written ---------------------------------------------------------------


@frozen
class TypeName:
    """`str`, `list[T]`, `Literal["a"]`, `None`: a head with arguments."""

    name: str
    args: tuple[TypeArg, ...] = ()
    span: Span = _span()


@frozen
class TypeUnion:
    """`T | None`"""

    left: TypeExpr
    right: TypeExpr
    span: Span = _span()


@frozen
class TypeList:
    """`[A, B]`, the parameter types in `Callable[[A, B], C]`."""

    items: tuple[TypeExpr, ...]
    span: Span = _span()


@frozen
class TypeLiteral:
    """A value in `Literal[...]`."""

    value: str | int | bool
    span: Span = _span()


TypeExpr = Union[TypeName, TypeUnion]
TypeArg = Union[TypeName, TypeUnion, TypeList, TypeLiteral]


# Expressions ---------------------------------------------------------------------


@frozen
class Constant:
    """A literal; `value` is the Python value it denotes."""

    value: str | int | float | bool | None
    span: Span = _span()

    def __eq__(self, other: object) -> bool:  # 1, 1.0 and True are different literals
        return isinstance(other, Constant) and type(self.value) is type(other.value) and self.value == other.value

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@frozen
class Name:
    id: str
    span: Span = _span()


@frozen
class Hole:
    """`{value!r:spec}` in an f-string. `conversion` is `""` or `"r"`."""

    value: Expr
    conversion: str
    spec: str
    span: Span = _span()


@frozen
class FString:
    """Literal texts and holes, in order."""

    parts: tuple[str | Hole, ...]
    span: Span = _span()


@frozen
class ListExpr:
    items: tuple[Expr, ...]
    span: Span = _span()


@frozen
class TupleExpr:
    items: tuple[Expr, ...]
    span: Span = _span()


@frozen
class DictExpr:
    items: tuple[tuple[Expr, Expr], ...]
    span: Span = _span()


@frozen
class Unary:
    """`op` is `-`, `+` or `not`."""

    op: str
    operand: Expr
    span: Span = _span()


@frozen
class Binary:
    """`op` is one of `+ - * / // % **`."""

    op: str
    left: Expr
    right: Expr
    span: Span = _span()


@frozen
class Logic:
    """`op` is `and` or `or`; both operators yield one of their operands, as in Python."""

    op: str
    left: Expr
    right: Expr
    span: Span = _span()


@frozen
class Compare:
    """`first op1 e1 op2 e2 …`, a chain as in Python. `ops` from `== != < <= > >= in`, `not in`."""

    first: Expr
    rest: tuple[tuple[str, Expr], ...]
    span: Span = _span()


@frozen
class IsNone:
    """`value is None`, or with `negated`, `value is not None`."""

    value: Expr
    negated: bool
    span: Span = _span()


@frozen
class Conditional:
    """`then if test else other`"""

    test: Expr
    then: Expr
    other: Expr
    span: Span = _span()


@frozen
class Attribute:
    value: Expr
    name: str
    name_span: Span = field(eq=False, repr=False)
    span: Span = _span()


@frozen
class Index:
    value: Expr
    index: Expr
    span: Span = _span()


@frozen
class Slice:
    """`value[start:stop:step]`"""

    value: Expr
    start: Expr | None
    stop: Expr | None
    step: Expr | None
    span: Span = _span()


@frozen
class TupleTarget:
    items: tuple[Target, ...]
    span: Span = _span()


Target = Union[Name, TupleTarget]


@frozen
class For:
    target: Target
    iterable: Expr
    span: Span = _span()


@frozen
class If:
    test: Expr
    span: Span = _span()


@frozen
class Comprehension:
    """`kind` is `list`, `dict` or `generator`; `key` is set for `dict` only."""

    kind: str
    element: Expr
    clauses: tuple[For | If, ...]
    key: Expr | None = None
    span: Span = _span()


@frozen
class Lambda:
    params: tuple[Name, ...]
    body: Expr
    span: Span = _span()


@frozen
class Keyword:
    name: str
    value: Expr
    span: Span = _span()


@frozen
class Apply:
    """A call of a function, method, record constructor or built-in."""

    callee: Expr
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()
    span: Span = _span()


@frozen
class Call:
    """`CALL[type]("instruction", …)`: the one effect."""

    type: TypeExpr | None
    args: tuple[Expr, ...]
    keywords: tuple[Keyword, ...] = ()
    span: Span = _span()


Expr = Union[
    Constant, Name, FString, ListExpr, TupleExpr, DictExpr, Unary, Binary, Logic, Compare,
    IsNone, Conditional, Attribute, Index, Slice, Comprehension, Lambda, Apply, Call,
]  # fmt: skip


# Statements ----------------------------------------------------------------------


@frozen
class Input:
    """`name: type`, or `name: type = default`."""

    name: Name
    type: TypeExpr
    default: Expr | None
    span: Span = _span()


@frozen
class Binding:
    """`name = value`, or `a, b = value`."""

    names: tuple[Name, ...]
    value: Expr
    span: Span = _span()


@frozen
class Field:
    name: Name
    type: TypeExpr
    span: Span = _span()


@frozen
class Record:
    """`class Name:` and its fields."""

    name: Name
    fields: tuple[Field, ...]
    span: Span = _span()


@frozen
class Param:
    name: Name
    type: TypeExpr
    default: Expr | None
    span: Span = _span()


@frozen
class Function:
    """`def name(params) -> result:`, bindings, then `return value`."""

    name: Name
    params: tuple[Param, ...]
    result: TypeExpr
    body: tuple[Binding, ...]
    value: Expr
    span: Span = _span()


@frozen
class Value:
    """An expression statement: the program's value."""

    value: Expr
    span: Span = _span()


Statement = Union[Input, Binding, Record, Function, Value]


@frozen
class Comment:
    """`# text`; `own_line` tells it from one behind code."""

    text: str
    own_line: bool
    span: Span = _span()


@frozen
class Module:
    """A whole text: statements in order, and its comments, which the formatter keeps."""

    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...] = field(default=(), eq=False, repr=False)
    span: Span = _span()
