"""Statements that can never be reached: they are not checked, but for what is wrong in any place."""

from __future__ import annotations

from collections.abc import Iterable

from rlmlang.language import nodes
from rlmlang.language.check.body import bodies_of
from rlmlang.language.check.inference import Inference


def leave_out(check: Inference, statements: Iterable[nodes.Statement], in_loop: bool = False) -> None:
    """Record that statements can never be reached."""
    _leave_out(check, statements, in_loop or bool(check.body.loops), check.body.is_function)


def _leave_out(check: Inference, statements: Iterable[nodes.Statement], in_loop: bool, in_function: bool) -> None:
    for each in statements:
        check.tables.unreached.add(each.span.start)
        match each:
            case nodes.Break() | nodes.Continue() if not in_loop:
                misplaced(check, each)
            case nodes.Return() if not in_function:
                misplaced(check, each)
            case nodes.Function():
                _leave_out(check, each.body, False, True)
        is_loop = isinstance(each, (nodes.For, nodes.While))
        for body in bodies_of(each):
            _leave_out(check, body, in_loop or is_loop, in_function)


def misplaced(check: Inference, node: nodes.Break | nodes.Continue | nodes.Return) -> None:
    """Report a `break` or `continue` outside of loops, or a `return` outside of functions."""
    if isinstance(node, nodes.Return):
        hint = "a script ends with an expression, its value"
        check.problems.error("E123", "`return` is not in a function", node.span, hint)
    else:
        word = "break" if isinstance(node, nodes.Break) else "continue"
        check.problems.error("E123", f"`{word}` is not in a loop", node.span)
