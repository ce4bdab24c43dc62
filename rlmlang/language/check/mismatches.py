"""Report expressions that do not have the expected type, with a hint at how to convert them."""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.builtins import METHODS
from rlmlang.language.check.habits import GIVES_NONE
from rlmlang.language.check.problems import Problems
from rlmlang.language.type_variables import has_variables
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    IterableType,
    LiteralType,
    OptionalType,
    Type,
    fits,
    item_type,
    ordered,
)
from rlmlang.runtime.values import preview


def mismatch(problems: Problems, node: nodes.Expr, found: Type, expected: Type, what: str, code: str) -> Type:
    """Report that an expression is not of the expected type. Messages call it `what`."""
    if problems.brief:  # this is asked often, and types take time to write
        return problems.error(code, what, node.span)
    if isinstance(found, OptionalType) and fits(found.item, expected):
        message = f"{what} may be None; expected {expected}"
        return problems.error("E216", message, node.span, "test it first: `… if x is not None else …`")
    if isinstance(expected, IterableType):
        return _not_iterable(problems, node, found, expected, what)
    message = f"{what} is {described(node, found)}; expected {expected}"
    return problems.error(code, message, node.span, _conversion_hint(node, found, expected, code == "E227"))


def _conversion_hint(node: nodes.Expr, found: Type, expected: Type, is_result: bool) -> str | None:
    if found == NONE and (isinstance(node, nodes.Name) or _changes_a_value(node)):
        return GIVES_NONE
    if found == NONE and is_result:
        return f"write `-> {expected} | None`, or raise an error"
    if isinstance(node, nodes.Call) and not has_variables(expected):
        return f"write `CALL[{expected}](…)` for an answer of this type"
    if expected == STR:
        return "write `str(…)` or an f-string to turn it into text"
    if expected == INT and found == FLOAT:
        return "write `round(…)` or `int(…)`"
    if expected in (INT, FLOAT) and fits(found, STR):
        return f"write `{expected}(…)` to read a number from text"
    if expected == BOOL:
        return "write a comparison, or `bool(…)`"
    if isinstance(expected, LiteralType) and fits(found, expected.base):
        return f"the checker must be able to see that it is one of {', '.join(map(_shown, expected.values))}"
    return None


def _not_iterable(problems: Problems, node: nodes.Expr, found: Type, expected: IterableType, what: str) -> Type:
    item = item_type(found)
    if item is None:
        hint = GIVES_NONE if found == NONE else None
        if fits(found, INT):
            hint = "write `range(…)` for the numbers below it, or `str(…)` for its digits"
        return problems.error("E210", f"{what} is {found}; expected a list, str, dict or tuple", node.span, hint)
    needed = "be orderable" if has_variables(expected.item) and not ordered(item) else f"be {expected.item}"
    hint = f"write `map(str, {node.span.text[:40]})`" if expected.item == STR else None
    return problems.error("E210", f"{what} is {found}; its elements must {needed}", node.span, hint)


def _changes_a_value(node: nodes.Expr) -> bool:
    """Return whether an expression applies a method that changes its receiver."""
    match node:
        case nodes.Apply(callee=nodes.Attribute(name=name)):
            return any(name in methods and methods[name].changes for methods in METHODS.values())
    return False


def described(node: nodes.Expr, type_: Type) -> str:
    """Return a constant as text, or else the type of the expression."""
    return _shown(node.value) if isinstance(node, nodes.Constant) else str(type_)


def _shown(value: object) -> str:
    return preview(value, 40)
