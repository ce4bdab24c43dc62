"""The interface between the checker and its rules for each kind of expression, and what several rules share."""

from __future__ import annotations

from typing import Protocol

from rlmlang.language import nodes
from rlmlang.language.check.checked import Tables
from rlmlang.language.check.problems import Problems
from rlmlang.language.check.scope import Names
from rlmlang.language.types import OptionalType, Type


class Inference(Protocol):
    """The part of the checker that the rules use."""

    problems: Problems
    names: Names
    tables: Tables

    def infer(self, node: nodes.Expr) -> Type:
        """Return the type of an expression, after its problems are reported."""

    def expect(self, node: nodes.Expr, expected: Type, what: str, code: str = "E210") -> Type:
        """Check an expression against a type, which is returned. Messages call the expression `what`."""

    def test(self, node: nodes.Expr) -> None:
        """Check a condition: only its truth matters."""


def may_be_none(check: Inference, node: nodes.Expr) -> Type:
    """Report that a value may be None where it must not be."""
    hint = "test it first: `… if x is not None else …`, or `x or default`"
    return check.problems.error("E216", "this value may be None", node.span, hint)


def no_element(check: Inference, node: nodes.Expr) -> Type:
    """Report the use of an element of `[]` or `{}`."""
    message = "the type of this value is unknown: it is an element of an empty list or dict"
    return check.problems.error("E217", message, node.span)


def path_of(node: nodes.Expr) -> str | None:
    """Return `x` or `x.field.field` as text, if the type of the expression can be narrowed by a test."""
    if isinstance(node, nodes.Name):
        return node.id
    if isinstance(node, nodes.Attribute) and (inner := path_of(node.value)):
        return f"{inner}.{node.name}"
    return None


def facts(check: Inference, test: nodes.Expr, truth: bool) -> dict[str, Type]:
    """Return the narrowed types of optional values, by path, where a test has the truth value `truth`."""
    match test:
        case nodes.IsNone() if test.negated == truth:
            return _not_none(check, test.value)
        case nodes.Compare(first=value, rest=(("!=" | "==" as op, nodes.Constant(value=None)),)):
            return _not_none(check, value) if (op == "!=") == truth else {}
        case nodes.Name() | nodes.Attribute() if truth:
            return _not_none(check, test)
        case nodes.Unary(op="not"):
            return facts(check, test.operand, not truth)
        case nodes.Logic() if (test.op == "and") == truth:
            left = facts(check, test.left, truth)
            with check.names.inside("facts", left):
                return left | facts(check, test.right, truth)
    return {}


def _not_none(check: Inference, node: nodes.Expr) -> dict[str, Type]:
    path = path_of(node)
    type_ = check.tables.types.get(node.node_id)
    return {path: type_.item} if path and isinstance(type_, OptionalType) else {}
