"""What iterating over a value and unpacking it give, and what can be a key."""

from __future__ import annotations

from attrs import evolve

from rlmlang.language import nodes
from rlmlang.language.builtins.sequence_functions import RANGE, RANGE_OF_TURNS
from rlmlang.language.check.checked import NativeTarget
from rlmlang.language.check.inference import Inference, may_be_none
from rlmlang.language.check.problems import Problems
from rlmlang.language.source import Span
from rlmlang.language.types import INT, ListType, OptionalType, TupleType, Type, base_of, hashable, item_type


def element_of(check: Inference, type_: Type, node: nodes.Expr) -> Type:
    """Return the type of the elements of an iterable."""
    if isinstance(type_, OptionalType):
        return may_be_none(check, node)
    item = item_type(type_)
    if item is not None:
        return item
    hint = "write `range(…)`" if base_of(type_) == INT else None
    return check.problems.error("E210", f"{type_} is not iterable", node.span, hint)


def take_in_turns(check: Inference, node: nodes.Expr) -> None:
    """Let `range(…)` in the head of a loop, which may end early, be charged as the turns run (decision 129)."""
    target = check.tables.targets.get(node.node_id) if isinstance(node, nodes.Apply) else None
    if isinstance(target, NativeTarget) and target.builtin is RANGE:
        check.tables.targets[node.node_id] = evolve(target, builtin=RANGE_OF_TURNS)


def unpack(problems: Problems, type_: Type, count: int, span: Span) -> tuple[Type, ...]:
    """Return the types of the `count` names that a value is unpacked into."""
    match type_:
        case TupleType(items=items) if len(items) == count:
            return items
        case TupleType(items=items):
            failed = problems.error("E218", f"cannot unpack {len(items)} elements into {count} names", span)
        case OptionalType():
            failed = problems.error("E216", "this value may be None", span, "test it first: `if x is not None:`")
        case _ if (item := item_type(type_)) is not None:
            return (item,) * count
        case _:
            failed = problems.error("E218", f"{type_} cannot be unpacked", span)
    return (failed,) * count


def hashed(check: Inference, type_: Type, node: nodes.Expr, what: str) -> Type:
    """Return the type of keys or elements of a set, or report that it cannot be one."""
    if hashable(type_):
        return type_
    hint = "write a tuple" if isinstance(type_, ListType) else "keys are texts, numbers, bools, and tuples of them"
    return check.problems.error("E210", f"{what} is {type_}, which cannot be a key", node.span, hint)
