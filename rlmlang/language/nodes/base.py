"""What all nodes have: a span, parts, equality by their parts, and for expressions a number."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, fields, frozen

from rlmlang.language.source import Span


def span_field() -> Span:
    """Declare the place of a node in its source."""
    span: Span = field(eq=False, repr=False, kw_only=True)
    return span


def id_field() -> int:
    """Declare the number of an expression within its source, which the parser gives; -1 in trees made by hand."""
    number: int = field(default=-1, eq=False, repr=False, kw_only=True)
    return number


class _PartNames(dict[type, tuple[str, ...]]):
    def __missing__(self, kind: type) -> tuple[str, ...]:
        names = self[kind] = tuple(part.name for part in fields(kind) if part.eq)
        return names


PART_NAMES = _PartNames()
"""The names of the attributes in which each kind of node has its parts."""


@frozen(eq=False, repr=False)
class Node:
    """The base class of nodes, with what attrs would generate for each class, which would slow down every start."""

    def _parts(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in PART_NAMES[type(self)]}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and _equal(self, other)

    def __hash__(self) -> int:
        return hash((type(self), *self._parts().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={part!r}' for name, part in self._parts().items())})"


def nodes_in(*roots: object, outside_of: type[Node] | None = None) -> Iterator[Node]:
    """Yield nodes and all nodes in them, each before those in it; not what is in nodes of the kind `outside_of`."""
    todo: list[object] = [*roots]
    while todo:
        each = todo.pop()
        if isinstance(each, Node):
            yield each
            if outside_of is None or not isinstance(each, outside_of):
                todo.extend(getattr(each, name) for name in PART_NAMES[type(each)])
        elif isinstance(each, tuple):
            todo.extend(each)


def _equal(a: Node, b: Node) -> bool:
    """Compare without recursion, since trees are deep. `1`, `1.0` and `True` are different values."""
    pairs: list[tuple[object, object]] = [(a, b)]
    while pairs:
        left, right = pairs.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, Node) and isinstance(right, Node):
            pairs.extend(zip(left._parts().values(), right._parts().values()))
        elif isinstance(left, tuple) and isinstance(right, tuple):
            if len(left) != len(right):
                return False
            pairs.extend(zip(left, right))
        elif left != right:
            return False
    return True
