"""What the modules of the compiler share: frames, compile-time names, and closures for work on unresolved values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Union

from attrs import frozen

from rlmlang.errors import BudgetError, RlmError
from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, CheckedFunction
from rlmlang.language.source import Span
from rlmlang.runtime.pending import UNRESOLVED, Pending, Place, as_container, build_dict, resolved
from rlmlang.runtime.scheduler import Evaluation, PlacedError
from rlmlang.runtime.values import Value

Pattern = Union[str, tuple["Pattern", ...]]
"""The name that a target binds, or a tuple of patterns."""


class Frame(Place):
    """The variables of one application, iteration or program, and its place in the order of evaluation."""

    __slots__ = ("evaluation", "scope", "variables")

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


Code = Callable[[Frame], Value]
"""A compiled expression."""

Work = Callable[..., Value]
"""An operation on plain values: `work(meter, *values)`."""

RuntimeFunction = Callable[[list[Value], Frame, int, int], Value]
"""A function at run time, called with its arguments and the place of its application: frame, site, turn."""


@frozen(eq=False)
class FrameNames:
    """The names of one frame at compile time, so that code can find a variable by counting frames."""

    names: set[str]
    outer: FrameNames | None
    within: str | None = None


class Compiler(ABC):
    """The state of compiling one program, and the operations that the modules of the compiler need of each other."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.tables = checked.tables
        self.scope = FrameNames(set(checked.inputs), None)
        self.functions: dict[CheckedFunction, Callable[[Frame], RuntimeFunction]] = {}
        self.binding: str | None = None

    @abstractmethod
    def code(self, node: nodes.Expr) -> Code:
        """Compile one expression."""

    @abstractmethod
    def bind(self, node: nodes.Binding) -> Code:
        """Compile a binding, whose code sets the variables of its frame."""

    @abstractmethod
    async def evaluate(self, evaluation: Evaluation, checked: Checked, inputs: Mapping[str, Value]) -> Value:
        """Return the value of another program."""

    def codes(self, exprs: Sequence[nodes.Expr]) -> list[Code]:
        return [self.code(node) for node in exprs]


def strict(node: nodes.Expr, operands: Sequence[Code], work: Work) -> Code:
    """Compile work that needs the whole values of its operands."""
    site, span = node.span.start, node.span
    finish = when_known(node, work)
    if len(operands) == 2:  # a faster copy of `run` for the most frequent case
        left, right = operands

        def run_two(frame: Frame) -> Value:
            a, b = left(frame), right(frame)
            if a.__class__ in UNRESOLVED or b.__class__ in UNRESOLVED:
                return finish(frame, [a, b])
            try:
                return work(frame.evaluation.meter, a, b)
            except RlmError as error:
                raise PlacedError(error.at(span), Place(frame, site)) from None

        return run_two

    def run(frame: Frame) -> Value:
        values = [operand(frame) for operand in operands]
        for value in values:
            if value.__class__ in UNRESOLVED:
                return finish(frame, values)
        try:
            return work(frame.evaluation.meter, *values)
        except RlmError as error:
            raise PlacedError(error.at(span), Place(frame, site)) from None

    return run


def when_known(node: nodes.Expr, work: Work) -> Callable[[Frame, list[Value]], Value]:
    """Compile work on values that may be unresolved: it is done once they are known."""
    site, span = node.span.start, node.span

    def do(frame: Frame, values: list[Value]) -> Value:
        try:
            return work(frame.evaluation.meter, *values)
        except RlmError as error:
            raise PlacedError(error.at(span), Place(frame, site)) from None

    def run(frame: Frame, given: list[Value]) -> Value:
        values = [resolved(value) for value in given]
        if any(value.__class__ in UNRESOLVED for value in values):
            return frame.evaluation.defer(
                values, Place(frame, site), lambda: do(frame, [resolved(value) for value in values])
            )
        return do(frame, values)

    return run


def branching(node: nodes.Expr, test: Code, decide: Callable[[Frame, Value], Value]) -> Code:
    """Compile a decision that is made once the value of a test is known."""
    site = node.span.start

    def run(frame: Frame) -> Value:
        value = test(frame)
        if value.__class__ in UNRESOLVED:
            value = resolved(value)
            if value.__class__ in UNRESOLVED:
                return frame.evaluation.defer([value], Place(frame, site), lambda: decide(frame, resolved(value)))
        return decide(frame, value)

    return run


def part_of(node: nodes.Expr, value: Code, take: Callable[[Value], Value]) -> Code:
    """Compile taking one part of a container, which may be resolved before the others."""
    site = node.span.start

    def run(frame: Frame) -> Value:
        whole = as_container(value(frame))
        if whole.__class__ is Pending:
            return frame.evaluation.defer([whole], Place(frame, site), lambda: take(resolved(whole)))
        return take(whole)

    return run


def container_code(compiler: Compiler, node: nodes.Expr) -> Code:
    """Compile an expression for code that moves the parts of its value without looking at them."""
    value = compiler.code(node)
    return lambda frame: as_container(value(frame))


def charge(frame: Frame, steps: int, span: Span, site: int, turn: int) -> None:
    """Charge steps to the run. Raises PlacedError with BudgetError E506."""
    try:
        frame.evaluation.meter.charge(steps)
    except BudgetError as error:
        raise PlacedError(error.at(span), Place(frame, site, turn)) from None


def _part(whole: Pending, i: int) -> Value:
    return resolved(whole)[i]


def unpack(value: Value, names: Sequence[Pattern], frame: Frame, site: int) -> None:
    """Bind the parts of a tuple to names, each of them resolved or not."""
    whole = as_container(value)
    for i, name in enumerate(names):
        if whole.__class__ is Pending:
            part: Value = frame.evaluation.defer([whole], Place(frame, site), partial(_part, whole, i))
        else:
            part = whole[i]
        if isinstance(name, str):
            frame.variables[name] = part
        else:
            unpack(part, name, frame, site)


def dict_of(pairs: list[tuple[Value, Value]], frame: Frame, span: Span) -> Value:
    """Make a dict of pairs, once the keys are known."""
    place = Place(frame, span.start)
    try:
        frame.evaluation.meter.items(len(pairs))
    except BudgetError as error:
        raise PlacedError(error.at(span), place) from None
    keys, values = [resolved(key) for key, _ in pairs], [value for _, value in pairs]
    if any(key.__class__ in UNRESOLVED for key in keys):
        return frame.evaluation.defer(keys, place, lambda: build_dict([resolved(key) for key in keys], values))
    return build_dict(keys, values)
