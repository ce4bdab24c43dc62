"""Constants that can be seen in the text of an expression."""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.check.scope import ConstantValue, Scope, Variable

MAX_CONSTANTS = 100
"""The most constants that are remembered for a name."""


def is_constant(node: nodes.Expr) -> bool:
    """Return whether an expression may be a default: a literal, or a container of literals."""
    match node:
        case nodes.Constant():
            return True
        case nodes.Unary(op="-" | "+", operand=nodes.Constant()):
            return True
        case nodes.ListExpr(items=items) | nodes.TupleExpr(items=items) | nodes.SetExpr(items=items):
            return all(map(is_constant, items))
        case nodes.DictExpr(items=pairs):
            return all(is_constant(key) and is_constant(value) for key, value in pairs)
    return False


def constants(node: nodes.Expr, scope: Scope) -> tuple[ConstantValue, ...] | None:
    """Return the constants that an expression may evaluate to, where its text shows them (decision 20)."""
    match node:
        case nodes.Constant():
            return (node.value,)
        case nodes.Name():
            entry = scope.find(node.id)
            return entry.values if isinstance(entry, Variable) else None
        case nodes.Conditional():
            then, other = constants(node.then, scope), constants(node.other, scope)
            if then is None or other is None or len(then) + len(other) > MAX_CONSTANTS:
                return None
            return then + other
        case nodes.Unary(op="-", operand=nodes.Constant(value=int() as value)):
            return (-value,)
    return None


def constant_int(node: nodes.Expr, scope: Scope) -> int | None:
    """Return the int that an expression is, where its text shows it."""
    match constants(node, scope):
        case (int() as value,):
            return value
    return None
