"""What holds a value, what a result may be, and what is changed: what the parts of `ownership` tell one another."""

from __future__ import annotations

from typing import Any, Protocol

from attrs import frozen

from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.check.ownership.shapes import ContainerShapes
from rlmlang.language.check.ownership.sharing import Contents, ValueChange
from rlmlang.language.source import Span
from rlmlang.language.types import (
    DictType,
    FunctionType,
    ListType,
    Never,
    OpenTupleType,
    RecordType,
    SetType,
    TupleType,
    Type,
    TypeVar,
    Unknown,
    without_none,
)


@frozen
class Holder:
    """What holds a value: a variable, or something that has none."""

    kind: str
    """`variable`, `loop` (over its iterable), `expression` (still to be evaluated), `caller`, `default`,
    `outer` or `kept` (the results of a function under `@cache`); the last four hold their values for ever. Of a refusal
    it may also be what else forbids the change."""
    name: str
    span: Span | None = None

    @property
    def is_permanent(self) -> bool:
        return self.kind in ("caller", "default", "outer", "kept")


ResultSource = tuple[tuple[Any, ...], int]
"""A part of what is outside of a function: of `("caller", place)` for a parameter, `("outer", name)`,
`("default", param, holder)` or `("kept", function, holder)`; and 0 for the top of that or 1 for its inner."""


@frozen
class ResultSharing:
    """What the result of a function may share with arguments and variables outside, and what it changes there."""

    tops: frozenset[ResultSource] = frozenset()
    inners: frozenset[ResultSource] = frozenset()
    repeats: int = 0
    is_lazy: bool = False
    """Whether it may be what CPython computes later on."""
    changed: frozenset[tuple[ResultSource, str, int]] = frozenset()
    """What it changes, which kind of container that is, and the shapes that it may have."""
    stored: frozenset[tuple[ResultSource, ResultSource]] = frozenset()
    """What may hold, afterwards, which of the others."""


class OwnershipContext(Protocol):
    """What a body needs to know of the rest of the program."""

    waits: bool
    """Whether the program makes a CALL, so that some of it may wait for an answer."""
    shapes: ContainerShapes
    """The shapes of the containers of the program."""

    def result_of(self, function: CheckedFunction) -> ResultSharing:
        """Return what is known of a function so far."""

    def refuse(self, change: ValueChange, holder: Holder, read: Span | None) -> None:
        """Report a change of what something else holds as well, and where that is read later on."""

    def spend(self, work: int, place: Span | None) -> None:
        """Record work that grows with what is shared. Raises TooManyProblems if there is too much of it."""

    def parts_of(self, type_: Type) -> tuple[bool, bool]:
        """Return whether values of the type have a top, and whether they have an inner."""


def find_parts(type_: Type) -> tuple[bool, bool]:
    """Return whether values of a type are containers that can be changed, and whether they hold such containers."""
    inner = without_none(type_)
    match inner:
        case Unknown() | Never() | TypeVar():
            return True, True
        case ListType():
            return True, any(find_parts(inner.item))
        case DictType():
            return True, any(find_parts(inner.value))
        case SetType():
            return True, False
        case OpenTupleType():
            return False, any(find_parts(inner.item))
        case TupleType():
            return False, any(any(find_parts(item)) for item in inner.items)
        case RecordType():
            return False, any(any(find_parts(item)) for _, item in inner.fields)
        case FunctionType():
            return True, True
    return False, False


@frozen
class ChangedPath:
    """What a change goes to: a variable or what is in it, or the value of any other expression."""

    variable: int | None
    value: Contents
    depth: int = 0
    """0 for a variable itself, more for what is in it."""
    steps: tuple[str, ...] = ()
    """The name of the variable and of the indexes, where all of them are names."""


@frozen
class LoopPlace:
    """A `for` that goes over a container and is at one of its indexes or keys, as `for i, x in enumerate(xs)`.

    What is changed at this index does not disturb the loop, since it has been there.
    """

    iterator: int
    place: tuple[str, ...]
    """The steps to the element: of `grid[i]` they are `grid` and `i`."""
    element: str | None
    """The variable that holds the element."""


def element(value: Contents) -> Contents:
    """Return what an element of a container may be."""
    return Contents(value.inners, value.inners, value.repeats, value.inner_shapes, value.inner_shapes)


def either(a: Contents, b: Contents) -> Contents:
    """Return what may be either value."""
    return Contents(*(one | other for one, other in zip(a, b)))
