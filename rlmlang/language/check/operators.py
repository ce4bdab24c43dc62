"""The result types of operators, and the problems with their operands."""

from __future__ import annotations

from rlmlang.diagnostics import Diagnostic
from rlmlang.language import nodes
from rlmlang.language.check.habits import answer_hint
from rlmlang.language.source import Span
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    MAX_SIZE,
    NEVER,
    STR,
    UNKNOWN,
    CounterType,
    DictType,
    ListType,
    OpenTupleType,
    OptionalType,
    SetType,
    TupleType,
    Type,
    base_of,
    fits,
    hashable,
    join,
    open_tuple,
    ordered,
)

_READ_NUMBER = "write `int(…)` or `float(…)` to read a number from text"

_BITS = frozenset({"&", "|", "^", "<<", ">>"})


def number_type(type_: Type) -> Type | None:
    """Return the type of `-x` and `+x`, or None if x is not a number. A bool is counted as 0 or 1, as in Python."""
    base = base_of(type_)
    return INT if base == BOOL else base if base in (INT, FLOAT, UNKNOWN, NEVER) else None


def unary_type(op: str, type_: Type) -> Type | None:
    """Return the type of `-x`, `+x` or `~x`, or None if the operator is not defined for x."""
    found = number_type(type_)
    return None if op == "~" and found == FLOAT else found


def number_hint(type_: Type) -> str | None:
    """Return a hint at how to make a number of an operand of another type."""
    return _READ_NUMBER if base_of(type_) == STR else None


def binary_type(op: str, left: Type, right: Type, right_node: nodes.Expr) -> Type | None:
    """Return the type of `left op right`, or None if the operator is not defined for them.

    The types of the operands are without literal values.
    """
    if UNKNOWN in (left, right):
        return UNKNOWN
    if NEVER in (left, right):
        return NEVER  # it is never evaluated
    if left == right == BOOL and op in ("&", "|", "^"):
        return BOOL
    if (number := number_type(left)) is not None and (other := number_type(right)) is not None:
        return _number(op, number, other, right_node)
    match op, left, right:
        case ("%", _, _) if left == STR:
            return STR
        case ("+", TupleType(), TupleType()):
            return TupleType(left.items + right.items)
        case ("+", TupleType() | OpenTupleType(), TupleType() | OpenTupleType()):
            return open_tuple(left, right)
        case ("+", ListType(), ListType()):
            return join(left, right)
        case ("+", _, _) if left == right == STR:
            return STR
        case ("*", _, _) if right in (INT, BOOL):
            return _repeated(left, right_node)
        case ("*", _, _) if left in (INT, BOOL):
            return _repeated(right, None)
        case ("-", SetType(), SetType()):
            return left
        case ("+" | "-" | "&", CounterType(), CounterType()):
            return join(left, right)
        case ("&", SetType(), SetType()):
            return left if join(left, right) is not None else None
        case ("|" | "^", SetType(), SetType()) | ("|", DictType(), DictType()):
            return join(left, right)
    return None


def _number(op: str, left: Type, right: Type, right_node: nodes.Expr) -> Type | None:
    """Return the type of an operator's result for two numbers."""
    if op in _BITS:
        return INT if left == right == INT else None
    if op == "/" or FLOAT in (left, right):
        return FLOAT
    if op == "**":  # decision 9
        exponent = right_node.value if isinstance(right_node, nodes.Constant) else -1
        return INT if isinstance(exponent, int) and exponent >= 0 else FLOAT
    return INT


def _repeated(type_: Type, count: nodes.Expr | None) -> Type | None:
    """Return the type of a text, list or tuple that is repeated."""
    if type_ == STR or isinstance(type_, (ListType, OpenTupleType)):
        return type_
    if not isinstance(type_, TupleType):
        return None
    if isinstance(count, nodes.Constant) and isinstance(count.value, int):
        items = type_.items * max(0, min(count.value, MAX_SIZE))
        return TupleType(items)
    return open_tuple(type_)


def binary_problem(node: nodes.Binary, left: Type, right: Type) -> Diagnostic:
    """Return why the operator is not defined for the operands, neither of which is optional."""
    hint = answer_hint(node.left, right) or answer_hint(node.right, left)
    if hint is not None:
        pass
    elif node.op == "+" and STR in (left, right):
        hint = "write `str(…)` or an f-string to join text with other values"
    elif node.op == "+" and isinstance(left, SetType) and isinstance(right, SetType):
        hint = "write `|` for the union of sets"
    elif node.op == "+" and isinstance(left, DictType) and isinstance(right, DictType):
        hint = "write `|` for a dict with the keys of both"
    elif STR in (left, right) and (number_type(left) or number_type(right)) is not None:
        hint = _READ_NUMBER
    return Diagnostic("E212", f"`{node.op}` is not defined for {left} and {right}", node.span, hint)


def can_be_ordered(a: Type, b: Type) -> bool:
    """Return whether `<` is defined for values of two types."""
    joined = join(a, b)
    return joined is not None and (ordered(joined) or isinstance(joined, SetType))


def order_problem(op: str, a: Type, b: Type, span: Span, hint: str | None) -> Diagnostic:
    return Diagnostic("E212", f"`{op}` is not defined for {a} and {b}", span, hint or number_hint(a) or number_hint(b))


def can_be_in(item: Type, container: Type) -> bool | None:
    """Return whether `item in container` can hold; None if the container cannot be searched."""
    match container:
        case ListType(item=element) | OpenTupleType(item=element):
            return join(item, element) is not None
        case TupleType(items=elements):
            return any(join(item, element) is not None for element in elements)
        case SetType(item=element) | DictType(key=element):
            return hashable(item) and join(item, element) is not None
        case _ if container == STR:
            return fits(item, STR)
    return None


def first_optional(*operands: tuple[Type, nodes.Expr]) -> nodes.Expr | None:
    """Return the first operand that may be None."""
    return next((node for type_, node in operands if isinstance(type_, OptionalType)), None)
