"""The state of following a program before a run: variables, conditions, and pure work on known values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from attrs import define

from rlmlang.calls.budget import Limits
from rlmlang.errors import BudgetError, RunError, StepsExhausted
from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked
from rlmlang.language.types import TupleType, Type, without_none
from rlmlang.runtime.estimate.intervals import UnknownValue, all_known, build, elements_of
from rlmlang.runtime.estimate.tally import CallTally
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.steps import function_steps, turn_steps
from rlmlang.runtime.values import Value

MAX_STEPS = 600_000
"""Steps after which following a program is given up; the upper bounds are then left open."""


@define(eq=False)
class Env:
    """The variables of one application, turn or program."""

    variables: dict[str, Value]
    outer: Env | None = None

    def find(self, name: str) -> Value:
        env = self
        while name not in env.variables:
            assert env.outer is not None
            env = env.outer
        return env.variables[name]


FunctionEstimate = Callable[[list[Value]], Value]
"""Follows one application of a function on arguments."""


class Follower(ABC):
    """Evaluates a program as far as it can without a model, and counts what it meets."""

    def __init__(self, checked: Checked, limits: Limits, tally: CallTally) -> None:
        self.checked = checked
        self.tables = checked.tables
        self.limits = limits
        self.tally = tally
        self.meter = Meter(min(limits.max_steps, MAX_STEPS), limits.max_bytes)
        self.root = Env({})
        self.factor: float = 1
        """How often at most the part being followed is evaluated."""
        self.conditions = 0
        """How many conditions that only a run can decide determine whether it is evaluated at all."""
        self.open = False
        """Whether estimating was given up, so that there are no upper bounds."""
        self.steps: dict[int, list[int]] = {}
        """Steps of turns and of applications, by `id` of the comprehension or function, so that each is found once."""
        self.least_steps = 0
        self.least_bytes = 0

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

    def try_value(self, node: nodes.Expr, env: Env) -> Value:
        """Follow a part that may not be evaluated at all, so that its failure does not count."""
        with self.maybe():
            return self.value(node, env)

    def bind(self, node: nodes.Binding, env: Env) -> None:
        value = self.value(node.value, env)
        if len(node.names) == 1:
            env.variables[node.names[0].id] = value
        else:
            self.unpack(tuple(node.names), value, env, self.tables.types[node.value.node_id])

    @abstractmethod
    def value(self, node: nodes.Expr, env: Env) -> Value:
        """Return the value of an expression, as far as it is known."""

    def unknown(self, node: nodes.Expr, *bounds: float) -> UnknownValue:
        return UnknownValue(self.tables.types[node.node_id], *bounds)

    def pure(self, node: nodes.Expr, work: Callable[..., Value], *values: Value) -> Value:
        """Do work on known values. Where a run may not come to it, a failure makes the value unknown."""
        try:
            return self.measured(lambda: work(self.meter, *values))
        except (RunError, BudgetError) as error:
            if self.sure or isinstance(error, StepsExhausted):
                raise error.at(node.span) from None
            return self.unknown(node)

    def guarded(self, work: Callable[[], Value], type_: Type) -> Value:
        try:
            return self.measured(work)
        except (RunError, BudgetError) as error:
            if self.sure or isinstance(error, StepsExhausted):
                raise
            return UnknownValue(type_)

    def measured(self, work: Callable[[], Value]) -> Value:
        """Do work whose steps and sizes count for the minimum if it is done in any case."""
        meter = self.meter
        before, meter.largest = meter.steps, 0
        value = work()
        if self.sure:
            self.least_steps += meter.steps - before
            self.least_bytes = max(self.least_bytes, meter.largest)
        return value

    def charge(self, steps: int) -> None:
        """Count steps, for the minimum too if they are taken in any case."""
        self.meter.charge(steps)
        if not self.conditions:
            self.least_steps += steps

    def turn_steps(self, node: nodes.Comprehension) -> list[int]:
        """Return the steps of one turn of each `for` of a comprehension."""
        found = self.steps.get(id(node))
        if found is None:
            found = self.steps[id(node)] = turn_steps(node)
        return found

    def function_steps(self, node: nodes.Function | nodes.Lambda) -> int:
        """Return the steps of one application of a function."""
        found = self.steps.get(id(node))
        if found is None:
            found = self.steps[id(node)] = [function_steps(node)]
        return found[0]

    def dict_of(self, node: nodes.Expr, pairs: list[tuple[Value, Value]]) -> Value:
        if not all_known(*(key for key, _ in pairs)):
            return self.unknown(node, min(1, len(pairs)), len(pairs))
        items = dict(pairs)
        names = list(items)
        return build(list(items.values()), lambda parts: dict(zip(names, parts)))

    def assign(self, target: nodes.Target, value: Value, env: Env) -> None:
        if isinstance(target, nodes.Name):
            env.variables[target.id] = value
        else:
            self.unpack(target.items, value, env, None)

    def unpack(self, names: Sequence[nodes.Target], value: Value, env: Env, type_: Type | None) -> None:
        if isinstance(value, UnknownValue):
            type_ = without_none(value.type if type_ is None else type_)
            assert isinstance(type_, TupleType)
            parts: list[Value] = [UnknownValue(item) for item in type_.items]
        else:
            parts = elements_of(value)
        for name, part in zip(names, parts):
            self.assign(name, part, env)
