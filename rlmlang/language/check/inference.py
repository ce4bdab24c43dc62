"""The interface between the checker and its rules, and what several rules share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from rlmlang.language import nodes
from rlmlang.language.builtins import SpecialForm
from rlmlang.language.check.body import BodyCheck
from rlmlang.language.check.checked import NativeTarget, Tables
from rlmlang.language.check.problems import Problems
from rlmlang.language.check.scope import Instance, Names, Variable
from rlmlang.language.check.type_tests import instances, tested_names
from rlmlang.language.types import NEVER, NONE, UNKNOWN, OptionalType, Type, Unknown, parts_of


class Inference(Protocol):
    """The part of the checker that the rules use."""

    problems: Problems
    names: Names
    tables: Tables
    body: BodyCheck
    in_library: bool
    active: list[Instance]
    """The functions whose bodies are being checked, from outside to inside."""
    work: int
    """How many expressions have been checked; what takes longer counts as more of them."""

    def infer(self, node: nodes.Expr) -> Type:
        """Return the type of an expression, after its problems are reported."""

    def expect(self, node: nodes.Expr, expected: Type, what: str, code: str = "E210") -> Type:
        """Check an expression against a type, which is returned. Messages call the expression `what`."""

    def test(self, node: nodes.Expr) -> bool | None:
        """Check a condition: only its truth matters. Returns its value, if the types in it decide it."""

    def block(self, statements: Iterable[nodes.Statement]) -> None:
        """Check statements in order."""

    def decide(self, node: nodes.Expr) -> bool | None:
        """Note the value of a test that the types in it decide, and return it."""

    def is_constant(self, node: nodes.Expr) -> bool:
        """Return whether an expression may be a default."""


def may_be_none(check: Inference, node: nodes.Expr) -> Type:
    """Report that a value may be None where it must not be."""
    hint = "test it first: `if x is not None:`, `… if x is not None else …`, or `x or default`"
    return check.problems.error("E216", "this value may be None", node.span, hint)


def no_element(check: Inference, node: nodes.Expr) -> Type:
    """Report the use of an element of `[]` or `{}`."""
    message = "the type of this value is unknown: it is an element of an empty list or dict"
    return check.problems.error("E217", message, node.span)


def part_of_no_element(check: Inference, node: nodes.Expr) -> Type:
    """Return the type of a part of an element of `[]` or `{}`, or report it where nothing else can be meant.

    In a function that is applied to an empty container, or sees one outside, it is what other applications do; in a
    loop, it is what later turns do.
    """
    if check.body.loops:
        return NEVER
    if check.active:
        entries = (entry for seen in check.names.outer.seen.values() for entry in seen.values())
        types = [entry.type for entry in entries if isinstance(entry, Variable)]
        if any(NEVER in parts_of(type_) for type_ in (*check.active[-1].params, *types)):
            return NEVER
    return no_element(check, node)


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
        case nodes.Apply(args=(value, types)) if truth and is_type_test(check, test):
            path, type_ = path_of(value), check.tables.types.get(value.node_id, UNKNOWN)
            narrower = instances(type_, [name.id for name in tested_names(types) or ()])
            return {path: narrower} if path and narrower != type_ else {}
        case nodes.Unary(op="not"):
            return facts(check, test.operand, not truth)
        case nodes.Logic() if (test.op == "and") == truth:
            left = facts(check, test.left, truth)
            with check.names.inside("facts", left):
                return left | facts(check, test.right, truth)
    return {}


def is_type_test(check: Inference, node: nodes.Apply) -> bool:
    """Return whether an application that was checked is one of `isinstance`."""
    target = check.tables.targets.get(node.node_id)
    return isinstance(target, NativeTarget) and target.builtin.form is SpecialForm.ISINSTANCE


def _not_none(check: Inference, node: nodes.Expr) -> dict[str, Type]:
    path = path_of(node)
    type_ = check.tables.types.get(node.node_id)
    return {path: type_.item} if path and isinstance(type_, OptionalType) else {}


def truth_of(check: Inference, test: nodes.Expr) -> bool | None:
    """Return the value of a test that was checked, if the types in it decide it; None if they do not.

    The parts of a test have been noted by `decide`, so that a deep test takes no quadratic time.
    """
    match test:
        case nodes.IsNone():
            type_ = check.tables.types.get(test.value.node_id, UNKNOWN)
            if type_ in (NEVER, UNKNOWN) or isinstance(type_, (OptionalType, Unknown)):
                return None
            return (type_ == NONE) != test.negated
        case nodes.Unary(op="not"):
            inner = check.tables.decided.get(test.operand.node_id)
            return None if inner is None else not inner
        case nodes.Logic():
            stops = test.op == "or"
            left = check.tables.decided.get(test.left.node_id)
            if left is stops:
                return stops
            right = check.tables.decided.get(test.right.node_id)
            return right if right is stops or left is not None else None
        case nodes.Apply():
            return check.tables.decided.get(test.node_id)
    return None
