"""Frames: the variables of a program while it runs, and how code that runs later takes them along."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from attrs import frozen

from rlmlang.errors import BudgetError
from rlmlang.language.source import Span
from rlmlang.runtime.exceptions import unbound
from rlmlang.runtime.pending import UNBOUND, Pending, Unsure, copied
from rlmlang.runtime.scheduler import Evaluation, PlacedError
from rlmlang.runtime.serial_order import Place, Window
from rlmlang.runtime.values import Value


class Frame(Place):
    """The variables of one application, turn of a comprehension or program, and its place in the order of evaluation.

    The turns of a loop have frames of their own, which share the variables of the frame around them.
    """

    __slots__ = ("depth", "evaluation", "ordered", "scope", "variables")

    def __init__(
        self,
        evaluation: Evaluation,
        scope: Frame | None,
        variables: dict[str, Value],
        outer: Place | None = None,
        site: int = 0,
        turn: int = 0,
    ) -> None:
        super().__init__(outer, site, turn)
        self.evaluation = evaluation
        self.scope = scope
        self.variables = variables
        self.depth: int = outer.depth if isinstance(outer, Frame) else 0
        """How many applications of recursive functions it is inside of."""
        self.ordered: Checkpoint | None = None
        """In the body of a `try`, whose statements wait for each other, the variables at the end of the last one."""

    def around(self, depth: int) -> Frame:
        """Return the frame so many frames out, in which a variable is."""
        frame = self
        for _ in range(depth):
            assert frame.scope is not None
            frame = frame.scope
        return frame

    def inside(self, site: int, turn: int = 0, window: Window | None = None) -> Frame:
        """Return a frame of the same variables for what has places of its own: with a `window`, the turn of a loop."""
        frame = Frame(self.evaluation, self.scope, self.variables, self, site, turn)
        frame.ordered = self.ordered
        if window is not None:
            frame.window = window
        return frame

    def counted(self, window: Window) -> Frame:
        """Return this frame for the turns of a loop, whose work is counted in a window while it waits."""
        frame = self.with_variables(self.scope, self.variables)
        frame.window = window
        return frame

    def kept(self, capture: Capture) -> Frame:
        """Return a frame with the values that variables have now, for code that runs later."""
        scope = self.scope if self.scope is None else self.scope.kept(capture)
        return self.with_variables(scope, capture.taken(self.variables, self.evaluation))

    def with_variables(self, scope: Frame | None, variables: dict[str, Value]) -> Frame:
        """Return a frame with other variables at the same place."""
        frame = Frame(self.evaluation, scope, variables, self.outer, self.site, self.turn)
        frame.depth, frame.ordered, frame.window = self.depth, self.ordered, self.window
        return frame


class Checkpoint:
    """The variables before each of the last statements, of which those before the first have ended."""

    __slots__ = ("_taken",)

    def __init__(self, frame: Frame) -> None:
        self._taken: list[tuple[Place, dict[str, Value]]] = []
        self.take(frame, 0)

    def take(self, frame: Frame, start: int, all_ended: bool = True) -> None:
        """Note the variables as they are before the statement that starts at an offset."""
        if all_ended:
            self._taken.clear()
        self._taken.append((Place(frame, start), dict(frame.variables)))

    def before(self, failure: list[tuple[int, int]]) -> dict[str, Value]:
        """Return the variables as they were before the statement that has failed, by the path of the failure."""
        for place, variables in reversed(self._taken):
            if place.path() <= failure:
                return variables
        return self._taken[0][1]


@frozen
class Capture:
    """The variables that code which runs later takes with it."""

    names: frozenset[str]
    copies: Mapping[str, int]
    """Those among them whose values may be changed in the meantime, and how many levels are copied."""

    def taken(self, variables: Mapping[str, Value], evaluation: Evaluation) -> dict[str, Value]:
        """Return the variables among those of a frame."""
        taken = {name: variables[name] for name in self.names if name in variables}
        for name, size in self.copies.items():
            if name in taken:
                taken[name] = copied(taken[name], size, evaluation.meter)
        return taken


def read(frame: Frame, name: str, span: Span, depth: int) -> Value:
    """Return the value of a variable some frames out. Raises PlacedError with RunError E310."""
    value = frame.around(depth).variables.get(name, UNBOUND)
    if value.__class__ is Unsure:
        pending = value.pending
        if not pending.done:
            place = Place(frame, span.end)
            return frame.evaluation.defer([pending], place, partial(_sure, pending, frame, name, span), whole=False)
        value = pending.value
    if value is UNBOUND:
        raise _unbound(frame, name, span)
    return value


def _sure(pending: Pending, frame: Frame, name: str, span: Span) -> Value:
    if pending.value is UNBOUND:
        raise _unbound(frame, name, span)
    return pending.value


def _unbound(frame: Frame, name: str, span: Span) -> PlacedError:
    return PlacedError(unbound(name).at(span), Place(frame, span.end))


def promise(frame: Frame, names: frozenset[str]) -> dict[str, Pending]:
    """Make variables pending, which `settle` resolves to their values in another frame."""
    promised = {name: Pending() for name in names}
    variables = frame.variables
    for name, pending in promised.items():
        is_bound = name in variables and variables[name].__class__ is not Unsure
        variables[name] = pending if is_bound else Unsure(pending)
    return promised


def settle(frame: Frame, promised: Mapping[str, Pending]) -> None:
    """Resolve promised variables to their values in a frame."""
    for name, pending in promised.items():
        value = frame.variables.get(name, UNBOUND)
        pending.resolve(value.pending if value.__class__ is Unsure else value)


def charge(frame: Frame, steps: int, span: Span, site: int, turn: int) -> None:
    """Charge steps to the run. Raises PlacedError with BudgetError E506."""
    try:
        frame.evaluation.meter.charge(steps)
    except BudgetError as error:
        raise PlacedError(error.at(span), Place(frame, site, turn)) from None
