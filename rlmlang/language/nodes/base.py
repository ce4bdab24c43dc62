"""What all nodes have: a span, equality without it, and for expressions a number."""

from __future__ import annotations

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


@frozen(eq=False, repr=False)
class Node:
    """The base class of nodes, with what attrs would generate for each class, which would slow down every start."""

    def _parts(self) -> dict[str, object]:
        return {part.name: getattr(self, part.name) for part in fields(type(self)) if part.eq}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and _equal(self, other)

    def __hash__(self) -> int:
        return hash((type(self), *self._parts().values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={part!r}' for name, part in self._parts().items())})"


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
