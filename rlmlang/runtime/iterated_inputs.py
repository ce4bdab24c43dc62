"""Which inputs a program only iterates over, so that they can be read while it runs (decision 137).

An input is one if its name stands nowhere but behind `in` of loops and comprehensions, there also in `enumerate`, and
as the argument of built-ins that go through it once. Whatever else is done with it, such as an index, a change, or
handing it to a function, may need all of it.
"""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked
from rlmlang.language.types import DictType, ListType, RecordType, SetType, Type, parts_of

GOING_THROUGH = frozenset({"len", "sum", "min", "max", "any", "all"})
"""The built-ins that go through their argument and keep nothing of it."""

IN_HEADS = frozenset({"enumerate"})
"""The built-ins that give a loop what they make of the elements of their argument, where they stand behind its `in`.
(`zip` does too, but its other arguments may have elements that are not there yet.)"""


def only_iterates(checked: Checked, name: str) -> bool:
    """Return whether a program does nothing with an input but iterate over it, however often."""
    builtins = GOING_THROUGH | IN_HEADS
    allowed: list[nodes.Node] = []
    found: list[nodes.Name] = []
    for node in nodes.nodes_in(*checked.module.statements):
        match node:
            case nodes.For() | nodes.ForClause():
                allowed.append(node.iterable)
                if isinstance(head := node.iterable, nodes.Apply) and _called(head) in IN_HEADS:
                    allowed += head.args
            case nodes.Apply() if _called(node) in builtins:
                allowed.append(node.callee)
                if _called(node) in GOING_THROUGH and len(node.args) == 1 and not node.keywords:
                    allowed += node.args
            case nodes.Input() | nodes.Param() if node.name.id == name:
                allowed.append(node.name)
            case nodes.Name() if node.id == name or node.id in builtins:
                found.append(node)
    places = {id(node) for node in allowed}
    return all(id(node) in places for node in found)


def _called(node: nodes.Apply) -> str:
    """Return the name of what is applied, empty if it has none."""
    return node.callee.id if isinstance(node.callee, nodes.Name) else ""


def has_fixed_elements(type_: Type) -> bool:
    """Return whether the elements of a list cannot be changed, so that each loop finds what the file has."""
    if not isinstance(type_, ListType):
        return False
    parts = parts_of(type_.item)
    for part in parts:  # grows meanwhile
        if isinstance(part, RecordType):
            parts += [each for _, field in part.fields for each in parts_of(field)]
    return not any(isinstance(part, (ListType, DictType, SetType)) for part in parts)
