"""Compile looking up a part of a container, other parts of which may be pending."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rlmlang.errors import RlmError
from rlmlang.language import nodes
from rlmlang.language.types import DictType, SetType
from rlmlang.runtime.change_paths import path_of
from rlmlang.runtime.changes import ChangeOperation, changing
from rlmlang.runtime.closures import Code, Compiler, when_known
from rlmlang.runtime.frames import Frame
from rlmlang.runtime.operators import COMPARISONS, index_into
from rlmlang.runtime.pending import UNRESOLVED, Partial, Pending, resolved
from rlmlang.runtime.scheduler import PlacedError
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.values import Value

Look = Callable[..., Value]
"""`look(meter, container, *operands)` looks at the parts at known keys and at no other."""


def lookup(
    compiler: Compiler, node: nodes.Expr, container: nodes.Expr, operands: Sequence[nodes.Expr], look: Look
) -> Code:
    """Compile looking up a part of a container by operands.

    Changes of a variable that is pending wait until what is before them has been looked up. So nothing is copied for
    that, and counting in a dict by answers takes time in proportion to the answers.
    """
    whole, codes = compiler.code(container), compiler.codes(operands)
    finish = when_known(compiler, node, [container, *operands], look)
    site, span = node.span.end, node.span
    in_turn: Code | None = None
    if isinstance(container, nodes.Name) and compiler.depth_of(container.id) == 0 and compiler.changeable(container):
        in_turn = changing(node, path_of(compiler, container), codes, _operation(look))

    def run(frame: Frame) -> Value:
        value = resolved(whole(frame))
        if in_turn is not None and value.__class__ is Pending:
            return in_turn(frame)
        values = [resolved(code(frame)) for code in codes]
        if value.__class__ is not Partial or any(each.__class__ in UNRESOLVED for each in values):
            return finish(frame, [value, *values])
        try:
            return look(frame.evaluation.meter, value.parts, *values)
        except RlmError as error:
            raise PlacedError(error.at(span), Place(frame, site)) from None

    return run


def _operation(look: Look) -> ChangeOperation:
    def work(frame: Frame, container: Value, *operands: Value) -> Value:
        return look(frame.evaluation.meter, container, *operands)

    return ChangeOperation(work, moves=True, note=lambda container, operands: None)


def index(compiler: Compiler, node: nodes.Index) -> Code:
    return lookup(compiler, node, node.value, [node.index], index_into)


def membership(compiler: Compiler, node: nodes.Compare) -> Code | None:
    """Compile `in` or `not in` a dict or set; None for anything else."""
    if len(node.rest) > 1:
        return None
    ((op, container),) = node.rest
    if op not in ("in", "not in") or not isinstance(compiler.tables.types.get(container.node_id), (DictType, SetType)):
        return None
    test = COMPARISONS[op]
    return lookup(compiler, node, container, [node.first], lambda meter, inside, part: test(meter, part, inside))
