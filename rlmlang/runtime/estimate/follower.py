"""The state of following a program before a run: conditions, counts, and pure work on known values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, TypeVar

from attrs import frozen

from rlmlang.calls.limits import Limits
from rlmlang.errors import BudgetError, RunError, StepsExhausted
from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, CheckedFunction
from rlmlang.language.source import Span
from rlmlang.runtime.emit.programs import emitted_program
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.flow import Flow
from rlmlang.runtime.estimate.host import FunctionTally
from rlmlang.runtime.estimate.intervals import UnknownValue, all_known, build
from rlmlang.runtime.estimate.tally import CallTally
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import Value

MAX_STEPS = 400_000
"""Steps after which following a program is given up; the upper bounds are then left open."""

MAX_EMITTED_STEPS = 5_000_000
"""Steps that emitted code may take before the run."""

AT_FIRST = 5_000
"""Steps for which a part is followed before it is run in its emitted form, which takes a while to make."""

SHARE = 4
"""What one part that makes no calls, or applies itself, may take of the steps that are left: one of so many parts."""


@frozen(eq=False)
class Application:
    """An application of a function that is being followed, and the conditions under which it began."""

    function: CheckedFunction
    args: list[Value]
    conditions: int


FunctionEstimate = Callable[[list[Value]], Value]
"""Follows one application of a function on arguments."""

_Result = TypeVar("_Result")

_RESTORED = ("factor", "conditions", "unrolled", "tables", "sites")
"""What goes back to what it was when following a part is given up."""


class Follower(ABC):
    """Evaluates a program as far as it can without a model, and counts what it meets."""

    def __init__(self, checked: Checked, limits: Limits, tally: CallTally) -> None:
        self.checked = checked
        self.tables = checked.tables
        self.limits = limits
        self.tally = tally
        self.functions = FunctionTally(tally.sequential)
        self.meter = Meter(MAX_STEPS, limits.max_bytes)
        self.emitted = emitted_program(checked)
        self.emitted_meter = Meter(min(limits.max_steps, MAX_EMITTED_STEPS), limits.max_bytes)
        self.factor: float = 1
        """How often at most the part being followed is evaluated."""
        self.conditions = 0
        """How many conditions that only a run can decide determine whether it is evaluated at all."""
        self.failures: list[bool] = []
        """For each `try` whose body is being followed, whether what was followed of it may have failed."""
        self.unrolled: float = 1
        """How many turns of loops over unknown numbers of items are being followed one by one."""
        self.stack: list[Application] = []
        """The applications of functions that are being followed."""
        self.parents: dict[int, int] = {}
        """The owner of the variables around each function that is inside of another, by the `node_id` of its name."""
        self.too_long: dict[int, int] = {}
        """How often following a part took too many steps, by the `id` of its node."""
        self.heavy: set[int] = set()
        """The parts that are run in their emitted form at once, since they took long, by the `id` of their node."""
        self.is_shared = False
        """Whether the part being followed has no more than a share of the steps."""
        self.open = False
        """Whether estimating was given up, so that there are no upper bounds."""
        self.facts: dict[tuple[Any, ...], Any] = {}
        """What was found out of nodes."""
        self.sites: set[Span] = set()
        """The places of the calls that were met in the innermost loop that is being followed."""
        self.least_steps = 0
        self.least_bytes = 0

    @abstractmethod
    def value(self, node: nodes.Expr, env: Env) -> Value:
        """Return the value of an expression, as far as it is known."""

    @abstractmethod
    def statement(self, node: nodes.Statement, env: Env) -> Flow | None:
        """Follow a statement, which changes the environment. Returns where it may lead, None for the next statement."""

    @property
    def depth(self) -> int:
        """How many applications of recursive functions are being followed inside each other."""
        return sum(each.function.is_recursive for each in self.stack)

    # Conditions

    @property
    def sure(self) -> bool:
        """Whether the part being followed is evaluated in any case."""
        return self.conditions == 0

    @contextmanager
    def maybe(self, factor: float = 1, sure: bool = False) -> Iterator[None]:
        """Follow something that is evaluated up to `factor` times, and at least once if `sure`."""
        before = self.factor
        self.factor *= factor
        self.conditions += not sure
        yield
        self.factor = before
        self.conditions -= not sure

    def may_fail(self) -> None:
        """Note that what was followed may fail; in a `try`, what follows it may then not be evaluated."""
        if self.failures and not self.failures[-1]:
            self.failures[-1] = True
            self.conditions += 1

    def shared(
        self,
        node: nodes.Node,
        follow: Callable[[], _Result],
        otherwise: Callable[[], _Result],
        run: Callable[[], list[_Result]] | None = None,
    ) -> _Result:
        """Return the result of following a part with a share of the steps, or of `otherwise` if they do not suffice.

        Parts within the part have the same share. A part that makes no calls, and of which all is known, is not
        followed for long: `run` returns its result in a list, empty if it is not such a part.
        """
        if self.is_shared:
            return follow()
        failures = self.too_long.get(id(node), 0)
        share = (self.meter.max_steps - self.meter.steps) // SHARE ** (failures + 1)
        if run is not None:
            if found := self._within(min(share, AT_FIRST), follow)[0]:
                return found[0]
            if found := run():
                self.heavy.add(id(node))
                return found[0]
        found, reached = self._within(share, follow)
        if found:
            return found[0]
        self.too_long[id(node)] = failures + 1
        result = otherwise()
        self.least_steps = max(self.least_steps, reached)
        return result

    def _within(self, steps: int, follow: Callable[[], _Result]) -> tuple[list[_Result], int]:
        """Follow a part for no more than so many steps.

        Returns the result in a list, which is empty if they do not suffice, and the minimum of steps so far.
        """
        meter, limit, go_back = self.meter, self.meter.max_steps, self.mark()
        least = self.least_steps, self.least_bytes
        meter.max_steps = min(meter.steps + steps, limit)
        self.is_shared = True
        try:
            return [follow()], self.least_steps
        except StepsExhausted:
            reached = self.least_steps
            go_back()
            self.least_steps, self.least_bytes = least
            return [], reached
        finally:
            meter.max_steps = limit
            self.is_shared = False

    def mark(self) -> Callable[[], None]:
        """Return what goes back, after an error, to following the part that is being followed now."""
        state = {name: getattr(self, name) for name in _RESTORED}
        failures, depth = [*self.failures], len(self.stack)

        def go_back() -> None:
            for name, value in state.items():
                setattr(self, name, value)
            self.failures = failures
            del self.stack[depth:]

        return go_back

    # Pure work

    def unknown(self, low: float = -inf, high: float = inf) -> UnknownValue:
        """Return an unknown value of an expression that may fail."""
        self.may_fail()
        return UnknownValue(low, high)

    def pure(self, node: nodes.Expr | nodes.Statement, work: Callable[..., Value], *values: Value) -> Value:
        """Do work on known values. Where a run may not come to it, a failure makes the value unknown."""
        try:
            return self.measured(lambda: work(self.meter, *values))
        except (RunError, BudgetError) as error:
            if self.sure or isinstance(error, StepsExhausted):
                raise error.at(node.span) from None
            return self.unknown()

    def moved(self, node: nodes.Expr | nodes.Statement, work: Callable[..., Value], *values: Value) -> Value:
        """Do work that only moves what is unknown of the values; a run may do it in another way, for fewer steps."""
        with self.maybe():
            return self.pure(node, work, *values)

    def measured(self, work: Callable[[], Value]) -> Value:
        """Do work whose steps and sizes count for the minimum if it is done in any case."""
        meter = self.meter
        before, meter.largest = meter.steps, 0
        value = work()
        self.add_least(meter.steps - before, meter.largest)
        return value

    def charge(self, steps: int) -> None:
        """Count steps, for the minimum too if they are taken in any case."""
        self.meter.charge(steps)
        self.add_least(steps)

    def add_least(self, steps: int, size: int = 0) -> None:
        """Count steps, and the size of a value, for the minima if they are taken in any case."""
        if self.conditions:
            return
        if self.least_steps + steps > self.limits.max_steps:
            raise StepsExhausted.of("E506", "the program takes more steps than max_steps in any case")
        self.least_steps += steps
        self.least_bytes = max(self.least_bytes, size)

    def dict_of(self, node: nodes.Expr, pairs: list[tuple[Value, Value]]) -> Value:
        if not all_known(*(key for key, _ in pairs)):
            return self.unknown(min(1, len(pairs)), len(pairs))
        self.pure(node, Meter.put_all, [key for key, _ in pairs])
        items = dict(pairs)
        return build(list(items.values()), lambda parts: dict(zip(items, parts)))

    # What is found out of nodes once

    def fact(self, find: Callable[..., _Result], node: object, *more: object) -> _Result:
        """Return what a function finds out of a node, and what else it needs, which is done once for each node."""
        key = find, id(node), *map(id, more)
        if key not in self.facts:
            self.facts[key] = find(node, *more)
        found: _Result = self.facts[key]
        return found
