"""Which variables may hold the same list, dict or set: the relation that `ownership` follows through a program.

Of each variable two things are followed: the container that it holds, its *top*, and all containers that can be
reached below that, its *inner*. A list of numbers has a top only, a tuple of lists an inner only. Each is a bit in
masks: variable `v` has the bits `1 << 2 * v` and `1 << 2 * v + 1`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from attrs import define, field, frozen

from rlmlang.language.source import Span


@frozen(eq=False)
class ValueChange:
    """A change of a value in the program."""

    span: Span
    variable: str | None
    """The name of the variable that is changed; None if it is a value without a name."""
    kind: str
    """What is changed: `list`, `dict` or `set`."""
    depth: int
    """0 if it is what the variable holds, more if it is in there."""
    is_assignment: bool = False
    """Whether the place is the target of an assignment."""
    in_part: bool = False
    """Whether it is the change that an exception leaves half done."""
    shapes: int = -1
    """The mask of the shapes that it may have."""


class Contents(NamedTuple):
    """What an expression gives: of which variables its containers may be."""

    tops: int = 0
    """The tops and inners among which its top may be. None stands for a container that is nobody else's."""
    inners: int = 0
    """Likewise for the containers below."""
    repeats: int = 0
    """The shapes of the containers that may be in it more than once."""
    top_shapes: int = -1
    """The shapes of its top, as far as they do not come from variables."""
    inner_shapes: int = -1
    """Likewise of the containers below."""

    @property
    def parts(self) -> int:
        return self.tops | self.inners


NOTHING = Contents()
"""A value without containers, or one of containers that are nobody else's."""


def top_of(variable: int) -> int:
    return 1 << 2 * variable


def inner_of(variable: int) -> int:
    return 2 << 2 * variable


def all_of(variable: int) -> int:
    return 3 << 2 * variable


def bits(mask: int) -> Iterator[int]:
    """Give the places of the bits of a mask."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def variables_in(mask: int) -> Iterator[int]:
    """Give the variables of which a mask has a part, each once."""
    last = -1
    for bit in bits(mask):
        if bit >> 1 != last:
            last = bit >> 1
            yield last


@define(eq=False)
class Sharing:
    """What may be shared at one point of a program.

    The relation is symmetric and says "may be the same container"; it is not transitive.
    """

    partners: dict[int, int] = field(factory=dict)
    """For each bit the mask of what it may share with."""
    repeated: dict[int, int] = field(factory=dict)
    """For each inner the shapes of the containers that may be in there more than once."""
    shapes: dict[int, int] = field(factory=dict)
    """For each bit the shapes that its containers had where they were made, or where nothing else held them (see
    `shapes`). What has none may be of any shape."""
    stale: dict[int, ValueChange] = field(factory=dict)
    """Variables that hold, in CPython, what has been changed by way of another one. They must not be read."""
    views: int = 0
    """The tops of what CPython computes later on. Each evaluation makes a new one, so that what has the one of an
    earlier evaluation in it, as in an earlier turn of a loop, does not have this one."""

    def copy(self) -> Sharing:
        return Sharing(dict(self.partners), dict(self.repeated), dict(self.shapes), dict(self.stale), self.views)

    def join(self, other: Sharing) -> bool:
        """Add what may be so on another path. Returns whether anything was new."""
        grown = False
        for own, others in (
            (self.partners, other.partners),
            (self.repeated, other.repeated),
            (self.shapes, other.shapes),
        ):
            for bit, mask in others.items():
                known = own.get(bit, 0)
                if mask | known != known:
                    own[bit] = mask | known
                    grown = True
        for variable, change in other.stale.items():
            if variable not in self.stale:
                self.stale[variable] = change
                grown = True
        return grown

    def reach(self, mask: int) -> int:
        """Return everything that may share with what is in the mask, and that itself."""
        found = mask
        for bit in bits(mask):
            found |= self.partners.get(bit, 0)
        return found

    def overlap(self, a: int, b: int) -> bool:
        """Return whether a container may be in both."""
        return bool(self.reach(a) & b)

    def repeats(self, mask: int) -> int:
        """Return the shapes of the containers that one of these inners may hold more than once."""
        return self._any_of(self.repeated, mask, 0)

    def shapes_of(self, mask: int) -> int:
        """Return the shapes that the containers in a mask may have."""
        return self._any_of(self.shapes, mask, -1)

    def _any_of(self, known: dict[int, int], mask: int, default: int) -> int:
        found = 0
        for bit in bits(mask):
            found |= known.get(bit, default)
        return found

    def is_shared(self, bit: int) -> bool:
        """Return whether anything else may hold what is here."""
        return bit in self.partners or bit in self.repeated

    def repeat(self, bit: int, shapes: int) -> None:
        """Record that containers may be in an inner more than once."""
        if shapes:
            self.repeated[bit] = self.repeated.get(bit, 0) | shapes

    def connect(self, bit: int, mask: int) -> None:
        """Let a part of a variable share with others."""
        if mask:
            self.partners[bit] = self.partners.get(bit, 0) | mask
            for other in bits(mask & ~self.views):
                self.partners[other] = self.partners.get(other, 0) | 1 << bit

    def drop(self, variable: int) -> None:
        """Forget what a variable holds."""
        self.stale.pop(variable, None)
        for bit in (2 * variable, 2 * variable + 1):
            self.repeated.pop(bit, None)
            self.shapes.pop(bit, None)
            for other in bits(self.partners.pop(bit, 0)):
                rest = self.partners.get(other, 0) & ~(1 << bit)
                if rest:
                    self.partners[other] = rest
                else:
                    self.partners.pop(other, None)

    def bind(self, variable: int, value: Contents, alike: Callable[[int], int], but: int = 0) -> int:
        """Let a variable hold a value; it shares with all that the parts of that share with, but not with `but`.

        `alike` gives the shapes that containers of some shapes may have as well. Returns with how many it shares.
        """
        gone = but | all_of(variable)
        tops, inners = self.reach(value.tops) & ~gone, self.reach(value.inners) & ~gone
        repeats = value.repeats | self.repeats(value.inners)
        shapes = self.all_shapes(value, alike)
        self.drop(variable)
        self.shapes[2 * variable], self.shapes[2 * variable + 1] = shapes
        self.connect(2 * variable, tops)
        self.connect(2 * variable + 1, inners)
        self.repeat(2 * variable + 1, repeats)
        return tops.bit_count() + inners.bit_count()

    def all_shapes(self, value: Contents, alike: Callable[[int], int]) -> tuple[int, int]:
        """Return the shapes of the top of a value and of what is below, where they were made.

        What CPython computes later on holds containers of other types than its own.
        """
        top, inner = (
            -1 if self.reach(parts) & self.views else shapes | self.shapes_of(parts) & alike(shapes)
            for parts, shapes in ((value.tops, value.top_shapes), (value.inners, value.inner_shapes))
        )
        return top, inner

    def store(self, containers: int, value: Contents, alike: Callable[[int], int]) -> None:
        """Let containers, which are all that may be the same, hold a value as well."""
        added = self.reach(value.parts)
        top, inner = self.all_shapes(value, alike)
        for variable in variables_in(containers):
            bit = 2 * variable + 1
            self.repeat(bit, value.repeats | (top | inner if added >> bit & 1 else 0))
            self.connect(bit, added & ~(1 << bit))
            if bit in self.shapes:
                self.shapes[bit] |= top | inner
