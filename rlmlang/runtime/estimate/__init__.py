"""What a program must and may take: an interval for calls, depth, tokens, money and pure work, before any call.

The program is evaluated with its real inputs as far as they reach. What depends on a
model's answer is `UnknownValue`: a type with bounds on its length (on its value for an int).
Both branches of an unknown test are followed; the body of a comprehension over an unknown
list is followed once and counted as often as the list may be long.

The upper bound counts every call that may be made. The lower bound counts calls that are
made in any case, equal ones once; calls of one kind whose arguments are unknown might all
be equal, so together they count as one. Of pure work, the lower bounds are what is done with
known values in any case, and the upper bounds the limits. Nothing is said of time: models
differ, and so do machines. Always: min ≤ actual ≤ max.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha256
from math import inf
from typing import Any, Union

from attrs import define, field, frozen

from rlmlang.calls.budget import Caps, Limits
from rlmlang.calls.prices import Price
from rlmlang.errors import BudgetError, RunError, StepsExhausted
from rlmlang.language import nodes
from rlmlang.language.check.checked import (
    Checked,
    CheckedFunction,
    FunctionTarget,
    NativeTarget,
    ParameterTarget,
    RecordTarget,
)
from rlmlang.language.depth import deep_recursion
from rlmlang.language.source import Span
from rlmlang.language.types import (
    BOOL,
    STR,
    DictType,
    FunctionType,
    ListType,
    LiteralType,
    RecordType,
    TupleType,
    Type,
    without_none,
)
from rlmlang.models.base import Model, Request
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.operators import COMPARISONS, OPERATORS, cut, fill, index_into
from rlmlang.runtime.values import RecordValue, Value, canonical

Interval = tuple[int, Union[int, None]]
"""From, to; None is no finite maximum."""

Money = tuple[Decimal, Union[Decimal, None]]
"""Likewise, in US dollars."""

MAX_STEPS = 600_000
"""Steps of estimating; beyond them the upper bounds are left open."""

ITERATION, APPLICATION = 2, 8
"""What an iteration and an application of a function take, besides a step for each expression."""


@frozen
class Cost:
    """Intervals of what a run takes if it ends well."""

    calls: Interval
    depth: Interval
    prompt_tokens: Interval
    completion_tokens: Interval
    cost: Money
    """From 0 without end if the price is not known."""
    steps: Interval
    """Of pure work."""
    bytes: Interval
    """Of the largest value."""
    sites: tuple[SiteCost, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `plan --json` prints."""
        names = ("calls", "depth", "prompt_tokens", "completion_tokens", "cost", "steps", "bytes")
        return {name: _json(getattr(self, name)) for name in names} | {"sites": [site.to_json() for site in self.sites]}


@frozen
class SiteCost:
    """What one CALL in the text takes; equal calls made elsewhere are not taken off.

    If programs may answer it, tokens and money are those of the calls below it too.
    """

    span: Span
    calls: Interval
    prompt_tokens: Interval
    completion_tokens: Interval
    cost: Money

    def to_json(self) -> dict[str, Any]:
        names = ("calls", "prompt_tokens", "completion_tokens", "cost")
        where = {"line": self.span.line, "column": self.span.column, "text": self.span.text}
        return where | {name: _json(getattr(self, name)) for name in names}


def _json(interval: Interval | Money) -> list[float | None]:
    return [float(bound) if isinstance(bound, Decimal) else bound for bound in interval]


Kept = Callable[[Type, tuple[Union[str, None], ...], tuple[Value, ...], int], bool]
"""Whether the answer to a call is kept: by type, names of arguments, instruction and arguments, and sample."""


@deep_recursion
def estimate(
    checked: Checked,
    inputs: dict[str, Value],
    limits: Limits,
    model: Model | None = None,
    price: Price | None = None,
    kept: Kept | None = None,
) -> Cost:
    """The cost of a run on these inputs. With a model, prompts are counted by its tokenizer.

    With `kept`, the minima are those of a run that need not make kept calls again; calls whose arguments are
    not known might be among them.
    Raises RunError, BudgetError if the run fails in any case, and what `kept` raises.
    """
    estimator = _Estimator(checked, limits, model, price, kept)
    estimator.program(inputs)
    return estimator.cost()


@frozen(eq=False)
class UnknownValue:
    """A value that only the run will tell: its type, and bounds on its length or int value."""

    type: Type
    low: float = field()
    high: float = inf

    @low.default
    def _(self) -> float:
        type_ = without_none(self.type)
        type_ = type_.base if isinstance(type_, LiteralType) else type_
        return 0 if type_ == STR or isinstance(type_, (ListType, DictType, TupleType)) else -inf


@frozen(eq=False)
class Mixed:
    """A container of known shape, some of whose parts are unknown."""

    parts: list[Value]
    remake: Callable[[list[Value]], Value]


_LATE = (UnknownValue, Mixed)


def _build(parts: list[Value], remake: Callable[[list[Value]], Value]) -> Value:
    return Mixed(parts, remake) if any(isinstance(p, _LATE) for p in parts) else remake(parts)


def _known(*values: Value) -> bool:
    return not any(isinstance(value, _LATE) for value in values)


@define(eq=False)
class _Env:
    variables: dict[str, Value]
    outer: _Env | None = None

    def find(self, name: str) -> Value:
        env = self
        while name not in env.variables:
            assert env.outer is not None
            env = env.outer
        return env.variables[name]


FunctionEstimate = Callable[[list[Value]], Value]


@define(eq=False)
class _Site:
    """What is known of the calls of one CALL in the text."""

    most: float = 0
    most_prompt: float = 0
    most_completion: float = 0
    sure: bool = False
    keys: dict[bytes, int] = field(factory=dict)
    """Prompt tokens of the distinct calls that are made in any case."""

    @property
    def least(self) -> int:
        return max(int(self.sure), len(self.keys))

    @property
    def least_prompt(self) -> int:
        return sum(self.keys.values()) or int(self.sure)


class _Estimator:
    def __init__(
        self, checked: Checked, limits: Limits, model: Model | None, price: Price | None, kept: Kept | None
    ) -> None:
        self.checked = checked
        self.tables = checked.tables
        self.limits = limits
        self.model = model
        self.price = price
        self.kept = kept
        self.meter = Meter(min(limits.max_steps, MAX_STEPS), limits.max_bytes)
        self.root = _Env({})
        self.factor: float = 1
        """How often at most what is being followed is evaluated."""
        self.conditions = 0
        """How many conditions that only the run will tell decide whether it is evaluated at all."""
        self.open = False
        """Whether estimating was given up, so that there are no upper bounds."""
        self.least_steps = 0
        self.least_bytes = 0
        self.sites: dict[int, tuple[Span, _Site]] = {}
        self.groups: dict[Any, _Site] = {}
        """Calls that might be equal, so that the lower bound counts the distinct ones."""

    @property
    def sure(self) -> bool:
        """Whether what is being followed is evaluated in any case."""
        return self.conditions == 0

    def program(self, inputs: dict[str, Value]) -> None:
        self.root.variables.update(inputs)
        try:
            for statement in self.checked.module.statements:
                if isinstance(statement, nodes.Binding):
                    self.bind(statement, self.root)
                elif isinstance(statement, nodes.ExprStatement):
                    self.value(statement.value, self.root)
        except StepsExhausted:
            self.open = True
        except RecursionError:
            self.open = True

    def cost(self) -> Cost:
        limits, caps = self.limits, Caps.of(self.limits)
        sites, groups = [site for _, site in self.sites.values()], self.groups.values()
        least, least_prompt = sum(group.least for group in groups), sum(group.least_prompt for group in groups)
        if limits.max_depth > 1:  # programs that answer calls make others
            for site in sites:
                site.most_prompt = site.most_completion = inf
        most, most_prompt, most_completion = (
            inf if self.open else sum(getattr(site, name) for site in sites)
            for name in ("most", "most_prompt", "most_completion")
        )
        return Cost(
            calls=(least, _cap(inf if limits.max_depth > 1 and most else most, caps.calls)),
            depth=(min(least, 1), limits.max_depth if most else 0),
            prompt_tokens=(least_prompt, _cap(most_prompt, caps.prompt_tokens)),
            completion_tokens=(0, _cap(most_completion, caps.completion_tokens)),
            cost=self.money(least_prompt, most_prompt, most_completion, caps.cost),
            steps=(self.least_steps, limits.max_steps),
            bytes=(self.least_bytes, limits.max_bytes),
            sites=tuple(self.site_cost(*entry) for entry in self.sites.values()),
        )

    def site_cost(self, span: Span, site: _Site) -> SiteCost:
        calls, prompt, completion = (
            inf if self.open else most for most in (site.most, site.most_prompt, site.most_completion)
        )
        return SiteCost(
            span,
            (site.least, _cap(calls, None)),
            (site.least_prompt, _cap(prompt, None)),
            (0, _cap(completion, None)),
            self.money(site.least_prompt, prompt, completion, None),
        )

    def money(self, least_prompt: int, most_prompt: float, most_completion: float, cap: Decimal | None) -> Money:
        """What tokens cost: at least prompts that were all cached, at most ones that were not."""
        price = self.price
        if price is None:
            return Decimal(0), cap
        least = price.of(least_prompt, 0, least_prompt)
        if (price.input and most_prompt == inf) or (price.output and most_completion == inf):
            return least, cap
        most = price.of(*(0 if tokens == inf else int(tokens) for tokens in (most_prompt, most_completion)))
        return least, most if cap is None else min(most, cap)

    @contextmanager
    def maybe(self, factor: float = 1, sure: bool = False) -> Iterator[None]:
        """Follow something that is evaluated up to `factor` times, and at least once if `sure`."""
        before = self.factor
        self.factor *= factor
        self.conditions += not sure
        yield
        self.factor = before
        self.conditions -= not sure

    def try_value(self, node: nodes.Expr, env: _Env) -> Value:
        """A part that may not be evaluated at all: its failure tells nothing."""
        with self.maybe():
            return self.value(node, env)

    # Statements and expressions

    def bind(self, node: nodes.Binding, env: _Env) -> None:
        value = self.value(node.value, env)
        if len(node.names) == 1:
            env.variables[node.names[0].id] = value
        else:
            self.unpack(tuple(node.names), value, env, self.tables.types[id(node.value)])

    def value(self, node: nodes.Expr, env: _Env) -> Value:
        self.meter.charge(1)
        return _VALUE[type(node)](self, node, env)

    def unknown(self, node: nodes.Expr, *bounds: float) -> UnknownValue:
        return UnknownValue(self.tables.types[id(node)], *bounds)

    def pure(self, node: nodes.Expr, work: Callable[..., Value], *values: Value) -> Value:
        """Work on known values; where it may never be done, its failure makes the value unknown."""
        try:
            return self.measured(lambda: work(self.meter, *values))
        except (RunError, BudgetError) as error:
            if self.sure or isinstance(error, StepsExhausted):
                raise error.at(node.span) from None
            return self.unknown(node)

    def measured(self, work: Callable[[], Value]) -> Value:
        """Work, whose steps and sizes count for the minimum if it is done in any case."""
        meter = self.meter
        before, meter.largest = meter.steps, 0
        value = work()
        if self.sure:
            self.least_steps += meter.steps - before
            self.least_bytes = max(self.least_bytes, meter.largest)
        return value

    def charge(self, steps: int) -> None:
        self.meter.charge(steps)
        self.least_steps += steps if self.sure else 0

    def constant(self, node: nodes.Constant, env: _Env) -> Value:
        return node.value

    def name(self, node: nodes.Name, env: _Env) -> Value:
        return env.find(node.id)

    def fstring(self, node: nodes.FString, env: _Env) -> Value:
        values = [self.value(part.value, env) for part in node.parts if isinstance(part, nodes.Hole)]
        if not _known(*values):
            return self.unknown(node, sum(len(part) for part in node.parts if isinstance(part, str)))
        return self.pure(node, lambda meter: fill(meter, node, values))

    def of_list(self, node: nodes.ListExpr, env: _Env) -> Value:
        return _build([self.value(item, env) for item in node.items], list)

    def of_tuple(self, node: nodes.TupleExpr, env: _Env) -> Value:
        return _build([self.value(item, env) for item in node.items], tuple)

    def of_dict(self, node: nodes.DictExpr, env: _Env) -> Value:
        pairs = [(self.value(key, env), self.value(value, env)) for key, value in node.items]
        return self.dict_of(node, pairs)

    def dict_of(self, node: nodes.Expr, pairs: list[tuple[Value, Value]]) -> Value:
        if not _known(*(key for key, _ in pairs)):
            return self.unknown(node, min(1, len(pairs)), len(pairs))
        items = dict(pairs)
        names = list(items)
        return _build(list(items.values()), lambda parts: dict(zip(names, parts)))

    def unary(self, node: nodes.Unary, env: _Env) -> Value:
        value = self.value(node.operand, env)
        if not _known(value):
            return self.unknown(node)
        if node.op == "not":
            return not value
        return -value if node.op == "-" else value

    def binary(self, node: nodes.Binary, env: _Env) -> Value:
        a, b = self.value(node.left, env), self.value(node.right, env)
        if _known(a, b):
            return self.pure(node, OPERATORS[node.op], a, b)
        type_ = self.tables.types[id(node)]
        if isinstance(type_, TupleType) and not isinstance(a, UnknownValue) and not isinstance(b, UnknownValue):
            return _build([*_parts(a), *_parts(b)], tuple)
        (low_a, high_a), (low_b, high_b) = _bounds(a), _bounds(b)
        if node.op == "+":
            return UnknownValue(type_, low_a + low_b, high_a + high_b)
        if node.op == "-":
            return UnknownValue(type_, low_a - high_b, high_a - low_b)
        return UnknownValue(type_)

    def logic(self, node: nodes.Logic, env: _Env) -> Value:
        left = self.value(node.left, env)
        if _known(left):
            return left if bool(left) is (node.op == "or") else self.value(node.right, env)
        return self.either(node, left, self.try_value(node.right, env))

    def conditional(self, node: nodes.Conditional, env: _Env) -> Value:
        test = self.value(node.test, env)
        if _known(test):
            return self.value(node.then if test else node.other, env)
        return self.either(node, self.try_value(node.then, env), self.try_value(node.other, env))

    def either(self, node: nodes.Expr, a: Value, b: Value) -> Value:
        (low_a, high_a), (low_b, high_b) = _bounds(a), _bounds(b)
        return self.unknown(node, min(low_a, low_b), max(high_a, high_b))

    def compare(self, node: nodes.Compare, env: _Env) -> Value:
        left = self.value(node.first, env)
        result: Value = True
        before = self.conditions
        for op, operand in node.rest:
            right = self.value(operand, env)
            holds = self.pure(node, COMPARISONS[op], left, right) if _known(left, right) else UnknownValue(BOOL)
            if not _known(holds):
                self.conditions, result = before + 1, holds  # the rest is looked at only if it holds
            elif not holds:
                result = holds
                break
            left = right
        self.conditions = before
        return result

    def is_none(self, node: nodes.IsNone, env: _Env) -> Value:
        value = self.value(node.value, env)
        if isinstance(value, UnknownValue):
            return UnknownValue(BOOL)
        return (value is None) is not node.negated

    def attribute(self, node: nodes.Attribute, env: _Env) -> Value:
        value = self.value(node.value, env)
        type_ = self.tables.types[id(node.value)]
        assert isinstance(type_, RecordType)
        if isinstance(value, UnknownValue):
            return self.unknown(node)
        return _parts(value)[[name for name, _ in type_.fields].index(node.name)]

    def index(self, node: nodes.Index, env: _Env) -> Value:
        value, index = self.value(node.value, env), self.value(node.index, env)
        if isinstance(value, UnknownValue) or not _known(index):
            return self.unknown(node)
        if isinstance(value, Mixed):
            shape = value.remake(value.parts)
            return self.pure(node, index_into, shape, index)
        return self.pure(node, index_into, value, index)

    def of_slice(self, node: nodes.Slice, env: _Env) -> Value:
        value = self.value(node.value, env)
        bounds = [None if b is None else self.value(b, env) for b in (node.start, node.stop, node.step)]
        if _known(*bounds) and not isinstance(value, UnknownValue):
            part = self.pure(node, cut, value.remake(value.parts) if isinstance(value, Mixed) else value, *bounds)
            if isinstance(value, Mixed) and isinstance(part, (list, tuple)):
                return _build(list(part), type(part))
            return part
        _, high = _bounds(value)
        stop = bounds[1]
        if isinstance(stop, int) and stop >= 0 and bounds[2] is None:
            high = min(high, stop)
        return self.unknown(node, 0, high)

    # Comprehensions

    def comprehension(self, node: nodes.Comprehension, env: _Env) -> Value:
        out: list[Value] = []
        low, high = self.clauses(node, 0, env, lambda inner: out.append(self.element(node, inner)))
        if low == high == len(out):
            return self.dict_of(node, out) if node.key is not None else _build(out, list)
        if node.key is not None:
            return self.unknown(node, min(low, 1), high)
        return self.unknown(node, low, high)

    def element(self, node: nodes.Comprehension, env: _Env) -> Value:
        if node.key is None:
            return self.value(node.element, env)
        return self.value(node.key, env), self.value(node.element, env)

    def clauses(
        self, node: nodes.Comprehension, level: int, env: _Env, emit: Callable[[_Env], object]
    ) -> tuple[float, float]:
        """Follow the clauses from one on. Returns how many elements they give."""
        if level == len(node.clauses):
            emit(env)
            return 1, 1
        clause = node.clauses[level]
        if isinstance(clause, nodes.If):
            test = self.value(clause.test, env)
            if _known(test):
                return self.clauses(node, level + 1, env, emit) if test else (0, 0)
            with self.maybe():
                _, high = self.clauses(node, level + 1, env, emit)
            return 0, high
        items = self.value(clause.iterable, env)
        item_type = _item_type(self.tables.types[id(clause.iterable)])
        if isinstance(items, UnknownValue):
            if items.high == 0:
                return 0, 0
            with self.maybe(items.high, items.low >= 1):
                inner = _Env({}, env)
                self.assign(clause.target, UnknownValue(item_type), inner)
                low, high = self.clauses(node, level + 1, inner, emit)
            # emitted once, whatever the count: never taken for the elements themselves
            return low * max(items.low, 0), max(_times(high, items.high), 1.5 if items.high == 1 else 0)
        lows, highs = 0.0, 0.0
        for item in _parts(items):
            self.charge(ITERATION)
            inner = _Env({}, env)
            self.assign(clause.target, item, inner)
            low, high = self.clauses(node, level + 1, inner, emit)
            lows, highs = lows + low, highs + high
        return lows, highs

    def assign(self, target: nodes.Target, value: Value, env: _Env) -> None:
        if isinstance(target, nodes.Name):
            env.variables[target.id] = value
        else:
            self.unpack(target.items, value, env, None)

    def unpack(self, names: Sequence[nodes.Target], value: Value, env: _Env, type_: Type | None) -> None:
        if isinstance(value, UnknownValue):
            type_ = without_none(value.type if type_ is None else type_)
            assert isinstance(type_, TupleType)
            parts: list[Value] = [UnknownValue(item) for item in type_.items]
        else:
            parts = _parts(value)
        for name, part in zip(names, parts):
            self.assign(name, part, env)

    # Applications

    def apply(self, node: nodes.Apply, env: _Env) -> Value:
        target = self.tables.targets[id(node)]
        match target:
            case NativeTarget():
                return self.native(node, target, env)
            case RecordTarget():
                type_ = target.type
                parts = [self.value(arg, env) for arg in target.args]
                return _build(parts, lambda parts: RecordValue(type_, tuple(parts)))
            case FunctionTarget():
                args = [
                    self.function(arg, env) if isinstance(type_, FunctionType) else self.value(arg, env)
                    for arg, type_ in zip(target.args, target.function.params)
                ]
                return self.enter(target.function, args)
            case ParameterTarget():
                function: FunctionEstimate = env.find(target.name)
                return function([self.value(arg, env) for arg in target.args])

    def enter(self, function: CheckedFunction, args: list[Value]) -> Value:
        """The value of an application of a function."""
        self.charge(APPLICATION)
        node = function.node
        own = node.span.source is self.checked.module.span.source
        args = [*args, *(self.value(p.default, self.root) for p in node.params[len(args) :] if p.default)]
        env = _Env(dict(zip((param.name.id for param in node.params), args)), self.root if own else None)
        for local in node.body:
            self.bind(local, env)
        return self.value(node.value, env)

    def function(self, node: nodes.Expr, env: _Env) -> FunctionEstimate:
        """An argument that is a function."""
        if isinstance(node, nodes.Lambda):
            names = [param.id for param in node.params]

            def apply(args: list[Value]) -> Value:
                self.charge(APPLICATION)
                return self.value(node.body, _Env(dict(zip(names, args)), env))

            return apply
        assert isinstance(node, nodes.Name)
        reference = self.tables.references.get(id(node))
        match reference:
            case CheckedFunction():
                return lambda args: self.enter(reference, args)
            case RecordType():
                return lambda args: _build(args, lambda parts: RecordValue(reference, tuple(parts)))
            case NativeTarget():
                result = reference.signature.result
                code = reference.builtin.code
                return lambda args: (
                    self.guarded(lambda: code(self.meter, *args), result) if _known(*args) else UnknownValue(result)
                )
        function: FunctionEstimate = env.find(node.id)
        return function

    def guarded(self, work: Callable[[], Value], type_: Type) -> Value:
        try:
            return self.measured(work)
        except (RunError, BudgetError) as error:
            if self.sure or isinstance(error, StepsExhausted):
                raise
            return UnknownValue(type_)

    def native(self, node: nodes.Apply, target: NativeTarget, env: _Env) -> Value:
        name = target.builtin.name
        args = [*target.args, *(value for _, value in target.keywords)]
        if name == "run_program":
            for each in args:
                self.value(each, env)
            self.open = True
            return self.unknown(node)
        if name == "reduce":
            return self.reduce(node, target, env)
        if name in ("any", "all") and isinstance(args[0], nodes.Comprehension) and args[0].kind == "generator":
            return self.quantifier(args[0], name == "any", env)
        types = target.parameter_types
        values: list[Value] = []
        for each, type_ in zip(args, types):
            if isinstance(type_, FunctionType):
                values.append(self.mapped(self.function(each, env), values[0]))
            else:
                values.append(self.value(each, env))
        count = len(target.args)
        if _known(*values):
            keywords = dict(zip((keyword for keyword, _ in target.keywords), values[count:]))
            code = target.builtin.code
            return self.pure(node, lambda meter: code(meter, *values[:count], **keywords))
        if name not in _LENGTHS:
            return self.unknown(node)
        low, high = _LENGTHS[name](values)
        return int(low) if name == "len" and low == high else self.unknown(node, low, high)

    def mapped(self, function: FunctionEstimate, items: Value) -> Value:
        """What a function gives for every element."""
        if isinstance(items, UnknownValue):
            with self.maybe(items.high, items.low >= 1):
                result = function([UnknownValue(_item_type(items.type))])
            type_ = result.type if isinstance(result, UnknownValue) else STR
            return UnknownValue(ListType(type_), items.low, items.high)
        return _build([function([item]) for item in _parts(items)], list)

    def reduce(self, node: nodes.Apply, target: NativeTarget, env: _Env) -> Value:
        by_name = target.by_name
        function = self.function(by_name["step"], env)
        items, state = self.value(by_name["xs"], env), self.value(by_name["start"], env)
        if isinstance(items, UnknownValue):
            with self.maybe(items.high, items.low >= 1):
                function([self.unknown(node), UnknownValue(_item_type(items.type))])
            return self.unknown(node)
        for item in _parts(items):
            self.charge(ITERATION)
            state = function([state, item])
        return state

    def quantifier(self, generator: nodes.Comprehension, stop: bool, env: _Env) -> Value:
        """`any` and `all` over a generator stop at the first element that settles them."""
        before = self.conditions
        settled = unknown = False

        def emit(inner: _Env) -> None:
            nonlocal settled, unknown
            value = self.value(generator.element, inner)
            if _known(value) and bool(value) is not stop:
                return
            settled = settled or (_known(value) and self.conditions == before)
            if not unknown:
                unknown = True
                self.conditions += 1  # what comes after it may not be evaluated

        low, high = self.clauses(generator, 0, env, emit)
        self.conditions = before
        if settled:
            return stop
        return UnknownValue(BOOL) if unknown or low != high else not stop

    # The model

    def call(self, node: nodes.Call, env: _Env) -> Value:
        args = [self.value(arg, env) for arg in node.args]
        names: list[str | None] = [None] * (len(args) - 1)
        sample: Value = 0
        for keyword in node.keywords:
            value = self.value(keyword.value, env)
            if keyword.name == "sample":
                sample = value
            else:
                args.append(value)
                names.append(keyword.name)
        type_ = self.tables.types[id(node)]
        if self.limits.max_depth < 1:
            if self.sure:
                raise BudgetError.of("E502", "a CALL, and max_depth is 0", node.span, hint="raise max_depth")
            return self.answer(type_)
        self.count(node, type_, args, names, sample)
        return self.answer(type_)

    def answer(self, type_: Type) -> Value:
        if isinstance(type_, TupleType):
            return _build([self.answer(item) for item in type_.items], tuple)
        if isinstance(type_, RecordType):
            parts = [self.answer(item) for _, item in type_.fields]
            return _build(parts, lambda parts: RecordValue(type_, tuple(parts)))
        return UnknownValue(type_)

    def count(self, node: nodes.Call, type_: Type, args: list[Value], names: list[str | None], sample: Value) -> None:
        low_prompt, high_prompt = 1, inf
        known = _known(*args, sample)
        if known:
            self.pure(node, lambda meter: meter.walk(*args))
        if self.model is not None:
            high_prompt = self.model.context
            if known:
                arguments = tuple(zip(names, args[1:]))
                request = Request(args[0], arguments, type_, program=self.limits.max_depth > 1)
                high_prompt = self.model.count_tokens(request)
                low_prompt = high_prompt if self.model.capabilities.exact_counts else 1
        _, site = self.sites.setdefault(id(node), (node.span, _Site()))
        site.most += self.factor
        site.most_prompt += _times(high_prompt, self.factor)
        site.most_completion += _times(self.limits.max_answer_tokens, self.factor)
        if not self.sure:
            return
        if self.kept is not None and not (known and not self.kept(type_, tuple(names), tuple(args), sample)):
            return
        kind = (str(type_), tuple(names), args[0] if _known(args[0]) else None)
        groups = self.groups
        if kind[2] is None and groups:
            return  # it might equal a call that is counted already
        group = groups.setdefault(kind, _Site())
        if kind[2] is not None:
            groups.pop((kind[0], kind[1], None), None)
        site.sure = group.sure = True
        if known:
            key = sha256(canonical([sample, *args]).encode("utf-8", "surrogatepass")).digest()
            site.keys[key] = group.keys[key] = low_prompt


_VALUE: dict[type, Callable[[_Estimator, Any, _Env], Value]] = {
    nodes.Constant: _Estimator.constant,
    nodes.Name: _Estimator.name,
    nodes.FString: _Estimator.fstring,
    nodes.ListExpr: _Estimator.of_list,
    nodes.TupleExpr: _Estimator.of_tuple,
    nodes.DictExpr: _Estimator.of_dict,
    nodes.Unary: _Estimator.unary,
    nodes.Binary: _Estimator.binary,
    nodes.Logic: _Estimator.logic,
    nodes.Compare: _Estimator.compare,
    nodes.IsNone: _Estimator.is_none,
    nodes.Conditional: _Estimator.conditional,
    nodes.Attribute: _Estimator.attribute,
    nodes.Index: _Estimator.index,
    nodes.Slice: _Estimator.of_slice,
    nodes.Comprehension: _Estimator.comprehension,
    nodes.Apply: _Estimator.apply,
    nodes.Call: _Estimator.call,
}


# Bounds --------------------------------------------------------------------------


def _cap(value: float, limit: int | None) -> int | None:
    if value == inf:
        return limit
    return int(value) if limit is None else min(int(value), limit)


def _times(a: float, b: float) -> float:
    return 0 if a == 0 or b == 0 else a * b


def _parts(value: Value) -> list[Value]:
    """The elements of a container of known shape."""
    if isinstance(value, Mixed):
        return list(value.parts) if not isinstance(shape := value.remake(value.parts), dict) else list(shape)
    if isinstance(value, RecordValue):
        return list(value.values)
    return list(value)


def _bounds(value: Value) -> tuple[float, float]:
    """Bounds on the length of a value, or on an int itself."""
    if isinstance(value, UnknownValue):
        return value.low, value.high
    if isinstance(value, Mixed):
        return len(value.parts), len(value.parts)
    if isinstance(value, int):
        return value, value
    if isinstance(value, (str, list, dict, tuple)):
        return len(value), len(value)
    return -inf, inf


def _item_type(type_: Type) -> Type:
    type_ = without_none(type_)
    match type_:
        case ListType():
            return type_.item
        case TupleType(items=items) if items:
            return items[0]
    return STR


Lengths = Callable[[list[Value]], tuple[float, float]]


def _same_length(values: list[Value]) -> tuple[float, float]:
    return _bounds(values[0])


def _up_to_length(values: list[Value]) -> tuple[float, float]:
    low, high = _bounds(values[0])
    return min(low, 1), high


def _shortest(values: list[Value]) -> tuple[float, float]:
    bounds = [_bounds(value) for value in values]
    return min(low for low, _ in bounds), min(high for _, high in bounds)


def _taken(values: list[Value]) -> tuple[float, float]:
    (low, high), (low_n, high_n) = _bounds(values[0]), _bounds(values[1])
    return max(0, min(low, low_n)), max(0, min(high, high_n))


def _range_length(values: list[Value]) -> tuple[float, float]:
    if len(values) != 1:
        return 0, inf
    low, high = _bounds(values[0])
    return max(0, low), max(0, high)


_LENGTHS: dict[str, Lengths] = {
    "len": _same_length,
    "sorted": _same_length,
    "reversed": _same_length,
    "list": _same_length,
    "enumerate": _same_length,
    "unique": _up_to_length,
    "set": _up_to_length,
    "zip": _shortest,
    "take": _taken,
    "range": _range_length,
}
