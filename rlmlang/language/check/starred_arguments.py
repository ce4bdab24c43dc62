"""Arguments for `*args`, and starred arguments: which parameter of a function of the program gets what."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.check.inference import Inference
from rlmlang.language.check.scope import Definition
from rlmlang.language.hidden_names import MOST_TARGETS, exactly
from rlmlang.language.source import Span
from rlmlang.language.types import TupleType

_numbers = count(1 << 43)
"""Numbers of expressions that no text has."""


def spread(check: Inference, node: nodes.Apply, definition: Definition) -> nodes.Apply:
    """Return an application with an argument for each parameter: one tuple for `*args`, and none of them starred."""
    params = definition.node.params
    rest = params[-1] if params and params[-1].is_rest else None
    if rest is None and not any(isinstance(arg, nodes.Starred) for arg in node.args):
        return node
    fixed = params if rest is None else params[:-1]
    given = {keyword.name for keyword in node.keywords}
    args: list[nodes.Expr] = []
    for place, arg in enumerate(node.args):
        if not isinstance(arg, nodes.Starred) or len(args) >= len(fixed):
            args.append(arg)
            continue
        others = len(node.args) - place - 1
        wanted = [param for param in fixed[len(args) : len(fixed) - others] if param.name.id not in given]
        parts = _parts(check, arg, wanted, rest is not None)
        if parts is None:
            return evolve(node, args=tuple(args))
        args += parts
    if rest is None:
        return evolve(node, args=tuple(args))
    more = tuple(args[len(fixed) :])
    span = Span(node.span.source, more[0].span.start, more[-1].span.end) if more else node.span
    packed = nodes.TupleExpr(more, span=span, node_id=next(_numbers))
    keyword = nodes.Keyword(rest.name.id, packed, span=span)
    return evolve(node, args=tuple(args[: len(fixed)]), keywords=(*node.keywords, keyword))


def _parts(
    check: Inference, arg: nodes.Starred, wanted: Sequence[nodes.Param], takes_more: bool
) -> list[nodes.Expr] | None:
    """Return the elements of a starred argument, one for each parameter; None after an error."""
    type_ = check.infer(arg.value)
    if not _is_path(arg.value):
        _refuse(check, arg, "bind the value to a name first")
        return None
    if isinstance(type_, TupleType):
        return [_element(arg.value, place) for place in range(len(type_.items))]
    if takes_more or any(param.default is not None for param in wanted) or not 0 < len(wanted) < MOST_TARGETS:
        _refuse(check, arg, "write the arguments one by one")
        return None
    span = arg.span
    callee = nodes.Name(exactly(len(wanted)), span=span, node_id=next(_numbers))
    whole = nodes.Apply(callee, (arg.value,), span=span, node_id=next(_numbers))
    return [_element(whole, place) for place in range(len(wanted))]


def _refuse(check: Inference, arg: nodes.Starred, hint: str) -> None:
    check.problems.error("E117", "a starred expression is not allowed here", arg.span, hint)


def _element(value: nodes.Expr, place: int) -> nodes.Expr:
    number = nodes.Constant(place, span=value.span, node_id=next(_numbers))
    return nodes.Index(value, number, span=value.span, node_id=next(_numbers))


def _is_path(node: nodes.Expr) -> bool:
    """Return whether an expression may as well be evaluated several times."""
    while isinstance(node, (nodes.Index, nodes.Attribute)):
        if isinstance(node, nodes.Index) and not isinstance(node.index, (nodes.Name, nodes.Constant)):
            return False
        node = node.value
    return isinstance(node, nodes.Name)
