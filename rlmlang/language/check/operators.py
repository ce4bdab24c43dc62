"""The result types of operators, and the problems with their operands."""

from __future__ import annotations

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.source import Span
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NEVER,
    STR,
    UNKNOWN,
    DictType,
    ListType,
    OptionalType,
    TupleType,
    Type,
    base_of,
    fits,
    join,
    ordered,
)

_READ_NUMBER = "write `int(…)` or `float(…)` to read a number from text"
_BOOL = "bool is not a number here; write `1 if … else 0`"


def number_type(type_: Type) -> Type | None:
    """Return the type of `-x` and `+x`, or None if x is not a number."""
    base = base_of(type_)
    return base if base in (INT, FLOAT, UNKNOWN, NEVER) else None


def number_hint(type_: Type) -> str | None:
    """Return a hint at how to make a number of an operand of another type."""
    base = base_of(type_)
    return _READ_NUMBER if base == STR else _BOOL if base == BOOL else None


def binary_type(node: nodes.Binary, left: Type, right: Type) -> Type | None:
    """Return the type of `left op right`, or None if the operator is not defined for them."""
    op = node.op
    if UNKNOWN in (left, right):
        return UNKNOWN
    if NEVER in (left, right):
        return NEVER  # it is never evaluated
    if left in (INT, FLOAT) and right in (INT, FLOAT):
        if op == "/" or FLOAT in (left, right):
            return FLOAT
        if op == "**":  # decision 9
            exponent = node.right.value if isinstance(node.right, nodes.Constant) else -1
            return INT if isinstance(exponent, int) and exponent >= 0 else FLOAT
        return INT
    match op, left, right:
        case ("+", TupleType(), TupleType()):
            return TupleType(left.items + right.items)
        case ("+", ListType(), ListType()):
            return join(left, right)
        case ("+", _, _) if left == right == STR:
            return STR
        case ("*", _, _) if right == INT and (left == STR or isinstance(left, ListType)):
            return left
        case ("*", _, _) if left == INT and (right == STR or isinstance(right, ListType)):
            return right
    return None


def binary_problem(node: nodes.Binary, left: Type, right: Type) -> Diagnostic:
    """Return why the operator is not defined for the operands, neither of which is optional."""
    hint = None
    if node.op == "+" and STR in (left, right):
        hint = "write `str(…)` or an f-string to join text with other values"
    elif node.op == "%" and left == STR:
        hint = 'write an f-string: f"{x}"'
    elif BOOL in (left, right):
        hint = _BOOL
    elif STR in (left, right) and (INT in (left, right) or FLOAT in (left, right)):
        hint = _READ_NUMBER
    return Diagnostic("E212", f"`{node.op}` is not defined for {left} and {right}", node.span, hint)


def can_be_ordered(a: Type, b: Type) -> bool:
    """Return whether `<` is defined for values of two types."""
    joined = join(a, b)
    return joined is not None and ordered(joined)


def order_problem(op: str, a: Type, b: Type, span: Span) -> Diagnostic:
    return Diagnostic("E212", f"`{op}` is not defined for {a} and {b}", span, number_hint(a) or number_hint(b))


def can_be_in(item: Type, container: Type) -> bool | None:
    """Return whether `item in container` can hold; None if the container cannot be searched."""
    match container:
        case ListType(item=element):
            return join(item, element) is not None
        case TupleType(items=elements):
            return any(join(item, element) is not None for element in elements)
        case DictType():
            return fits(item, STR)
        case _ if container == STR:
            return fits(item, STR)
    return None


def first_optional(*operands: tuple[Type, nodes.Expr]) -> nodes.Expr | None:
    """Return the first operand that may be None."""
    return next((node for type_, node in operands if isinstance(type_, OptionalType)), None)
