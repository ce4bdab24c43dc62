"""What the modules of the compiler share: frames, compile-time names, and closures for work on unresolved values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Union

from attrs import field, frozen

from rlmlang.errors import BudgetError, RlmError, RunError
from rlmlang.language import nodes
from rlmlang.language.check.checked import Checked, CheckedFunction
from rlmlang.language.source import Span
from rlmlang.runtime.aliases import UNKNOWN_LEVELS, Variables, held_by, levels
from rlmlang.runtime.effects import Effects, effects_of, makes_calls
from rlmlang.runtime.emit.programs import EmittedProgram
from rlmlang.runtime.frames import Capture, Frame, promise, settle
from rlmlang.runtime.pending import (
    UNRESOLVED,
    Pending,
    as_container,
    build_dict,
    build_tuple,
    copied,
    resolved,
)
from rlmlang.runtime.scheduler import Evaluation, PlacedError
from rlmlang.runtime.serial_order import Place
from rlmlang.runtime.values import Value

Code = Callable[[Frame], Value]
"""A compiled expression."""

Operation = Union[nodes.Expr, nodes.AugmentedAssign]

Work = Callable[..., Value]
"""An operation on plain values: `work(meter, *values)`."""

RuntimeFunction = Callable[[list[Value], Frame, int, int], Value]
"""A function at run time, called with its arguments and the place of its application: frame, site, turn."""


FunctionCode = Callable[[Union[Frame, None], list[Value], Frame, int, int], Value]
"""A compiled function, called with the frame that it is defined in, and then like a RuntimeFunction."""


@frozen(eq=False)
class FrameNames:
    """The names of one frame at compile time, so that code can find a variable by counting frames."""

    names: set[str]
    outer: FrameNames | None
    within: str | None = None
    variables: Variables | None = None
    """What is known of the variables of a function or program; None for a comprehension or lambda."""
    functions: frozenset[int] = field(factory=frozenset)
    """The functions that are defined in it, by the start of their `def`."""
    function: int = -1
    """The `node_id` of the name of the function that it is of, or -1 for the program."""


class Compiler(ABC):
    """The state of compiling one program, and the operations that the modules of the compiler need of each other."""

    def __init__(self, checked: Checked, scope: FrameNames, changes: bool, emitted: EmittedProgram | None) -> None:
        self.checked = checked
        self.emitted = emitted
        """The emitted parts of the program, which run where no value is pending; None to do without."""
        self.tables = checked.tables
        self.scope = scope
        self.changes = changes
        """Whether the program changes any value in place."""
        entry = [] if checked.entry is None else [checked.entry.makes_calls]
        self.waits = any(entry) or makes_calls(checked.tables, checked.module.statements)
        """Whether anything in the program may wait for an answer."""
        self.functions: dict[CheckedFunction, FunctionCode] = {}
        self.binding: str | None = None

    @abstractmethod
    def code(self, node: nodes.Expr) -> Code:
        """Compile one expression."""

    @abstractmethod
    def body(self, statements_: Sequence[nodes.Statement]) -> Callable[[Frame], Any]:
        """Compile statements, whose code returns how they are left (`outcomes.py`)."""

    @abstractmethod
    def start(self, evaluation: Evaluation, checked: Checked, inputs: Mapping[str, Value]) -> tuple[Code, Frame]:
        """Return the code of another program, and the frame in which it is evaluated."""

    def codes(self, exprs: Sequence[nodes.Expr]) -> list[Code]:
        return [self.code(node) for node in exprs]

    def depth_of(self, name: str) -> int:
        """Return how many frames out a variable is."""
        depth = 0
        scope: FrameNames | None = self.scope
        while scope is not None and name not in scope.names:
            scope, depth = scope.outer, depth + 1
        return depth

    def changeable(self, node: nodes.Expr) -> int:
        """Return how many levels of the value of an expression may be changed in place later; mostly none."""
        size = levels(self.tables.types.get(node.node_id))
        if size == 0 or not self.waits:
            return 0
        held: set[str] | None = None
        scope: FrameNames | None = self.scope
        while scope is not None:
            if scope.variables is not None and scope.variables.changed:
                held = held_by(self.tables, node) if held is None else held
                if not held.isdisjoint(scope.variables.changed):
                    return size
            scope = scope.outer
        return 0

    def capture(self, effects: Effects) -> Capture:
        """Return what code with these effects takes with it."""
        return capture_in(self.scope, effects)

    def later(self, *parts: nodes.Expr) -> Later:
        """Return the way in which expressions are evaluated once an answer has come."""
        effects = effects_of(self.tables, parts)
        scope: FrameNames | None = self.scope
        home = 0
        while scope is not None and scope.variables is None:
            scope, home = scope.outer, home + 1
        while scope is not None:
            assert scope.variables is not None
            if not effects.uses.isdisjoint(scope.variables.rebound) or not effects.uses.isdisjoint(
                scope.variables.changed
            ):
                return Later(self.capture(effects), effects.assigned, home)
            scope = scope.outer
        return Later(None, effects.assigned, home)


def capture_in(scope: FrameNames | None, effects: Effects) -> Capture:
    """Return what code of a scope takes with it if it has these effects."""
    copies: dict[str, int] = {}
    while scope is not None:
        if scope.variables is not None:
            for name, size in scope.variables.changed.items():
                if name in effects.uses and name not in effects.assigned:
                    copies.setdefault(name, size)
        scope = scope.outer
    return Capture(effects.uses | effects.assigned, copies)


@frozen(eq=False)
class Later:
    """How an expression is evaluated later than its statement: it must not see what the program does meanwhile."""

    capture: Capture | None
    """What it takes with it; None if none of it can change."""
    assigned: frozenset[str]
    """The variables that it changes."""
    home: int
    """How many frames out they are."""

    def frame(self, frame: Frame) -> Frame:
        """Return the frame for the expression."""
        return frame if self.capture is None else frame.kept(self.capture)

    def defer(self, frame: Frame, operands: Sequence[Value], site: int, job: Callable[[Frame], Value]) -> Pending:
        """Return the pending value of a job that evaluates the expression once no operand is pending itself."""
        return frame.evaluation.defer(operands, Place(frame, site), self._job(frame, job), whole=False)

    def hold_back(self, frame: Frame, relief: Pending, place: Place, job: Callable[[Frame], Value]) -> Pending:
        """Return the pending value of a job that evaluates the expression once fewer calls are queued."""
        result = Pending()
        run = self._job(frame, job)
        frame.evaluation.hold_back(relief, place, lambda: result.resolve(run()))
        return result

    def _job(self, frame: Frame, job: Callable[[Frame], Value]) -> Callable[[], Value]:
        """Return a job that evaluates the expression in a frame with the values that variables have now."""
        then = self.frame(frame)
        if not self.assigned:
            return lambda: job(then)
        promised = promise(self._home(frame), self.assigned)

        def run() -> Value:
            value = job(then)
            settle(self._home(then), promised)
            return value

        return run

    def _home(self, frame: Frame) -> Frame:
        for _ in range(self.home):
            assert frame.scope is not None
            frame = frame.scope
        return frame


def after(first: Code, code: Code) -> Code:
    """Return code that evaluates something else first, whose value is not needed."""

    def run(frame: Frame) -> Value:
        first(frame)
        return code(frame)

    return run


# Work on values that may be unresolved


def strict(
    compiler: Compiler,
    node: Operation,
    operands: Sequence[nodes.Expr],
    work: Work,
    operand: Callable[[nodes.Expr], Code] | None = None,
) -> Code:
    """Compile work that needs the whole values of its operands."""
    site, span = node.span.end, node.span
    finish = when_known(compiler, node, operands, work)
    codes = [(operand or compiler.code)(each) for each in operands]
    if len(codes) == 2:  # a faster copy of `run` for the most frequent case
        left, right = codes

        def run_two(frame: Frame) -> Value:
            a, b = left(frame), right(frame)
            if a.__class__ in UNRESOLVED or b.__class__ in UNRESOLVED:
                a, b = resolved(a), resolved(b)  # a variable has the Pending of its answer also once that is there
                if a.__class__ in UNRESOLVED or b.__class__ in UNRESOLVED:
                    return finish(frame, [a, b])
            try:
                return work(frame.evaluation.meter, a, b)
            except RlmError as error:
                raise PlacedError(error.at(span), Place(frame, site)) from None

        return run_two

    def run(frame: Frame) -> Value:
        values = [code(frame) for code in codes]
        for value in values:
            if value.__class__ in UNRESOLVED:
                return finish(frame, values)
        try:
            return work(frame.evaluation.meter, *values)
        except RlmError as error:
            raise PlacedError(error.at(span), Place(frame, site)) from None

    return run


def when_known(
    compiler: Compiler, node: Operation, operands: Sequence[nodes.Expr], work: Work
) -> Callable[[Frame, list[Value]], Value]:
    """Compile work on values of operands that may be unresolved: it is done once they are known."""
    site, span = node.span.end, node.span
    changeable = [compiler.changeable(operand) for operand in operands]
    copies = [(place, levels) for place, levels in enumerate(changeable) if levels]

    def do(frame: Frame, values: list[Value]) -> Value:
        try:
            return work(frame.evaluation.meter, *values)
        except RlmError as error:
            raise PlacedError(error.at(span), Place(frame, site)) from None

    def run(frame: Frame, given: list[Value]) -> Value:
        values = [resolved(value) for value in given]
        if any(value.__class__ in UNRESOLVED for value in values):
            for place, levels in copies:
                values[place] = copied(values[place], levels, frame.evaluation.meter)
            return frame.evaluation.defer(
                values, Place(frame, site), lambda: do(frame, [resolved(value) for value in values])
            )
        return do(frame, values)

    return run


def branching(
    compiler: Compiler, test: nodes.Expr, rest: Sequence[nodes.Expr], decide: Callable[[Frame, Value], Value]
) -> Code:
    """Compile a decision between expressions, which is made once the value of a test is known."""
    value_of, site, levels = compiler.code(test), test.span.end, compiler.changeable(test)
    later = compiler.later(*rest)

    def run(frame: Frame) -> Value:
        value = value_of(frame)
        if value.__class__ in UNRESOLVED:
            value = resolved(value)
            if value.__class__ is Pending:
                known = copied(value, levels, frame.evaluation.meter)
                return later.defer(frame, [known], site, lambda then: decide(then, resolved(known)))
        return decide(frame, value)

    return run


def part_of(compiler: Compiler, node: nodes.Expr, value: nodes.Expr, take: Callable[[Value], Value]) -> Code:
    """Compile taking one part of a container, which may be resolved before the others."""
    site, levels, code = node.span.end, compiler.changeable(value), compiler.code(value)

    def run(frame: Frame) -> Value:
        whole = as_container(code(frame))
        if whole.__class__ is Pending:
            known = copied(whole, levels, frame.evaluation.meter)
            return frame.evaluation.defer([known], Place(frame, site), lambda: take(as_container(known)), whole=False)
        return take(whole)

    return run


def container_code(compiler: Compiler, node: nodes.Expr) -> Code:
    """Compile an expression for code that moves the parts of its value without looking at them."""
    value = compiler.code(node)
    return lambda frame: as_container(value(frame))


def dict_of(pairs: list[tuple[Value, Value]], frame: Frame, span: Span) -> Value:
    """Make a dict of pairs, once the keys are known."""
    place = Place(frame, span.end)
    try:
        frame.evaluation.meter.items(len(pairs))
    except BudgetError as error:
        raise PlacedError(error.at(span), place) from None
    keys, values = [resolved(key) for key, _ in pairs], [value for _, value in pairs]

    def make() -> Value:
        known = [resolved(key) for key in keys]
        try:
            frame.evaluation.meter.put_all(known)
        except RlmError as error:
            raise PlacedError(error.at(span), place) from None
        return build_dict(known, values)

    if any(key.__class__ in UNRESOLVED for key in keys):
        return frame.evaluation.defer(keys, place, make)
    return make()


# Targets


Binder = Callable[[Frame, Value], None]
"""Binds the value given to it in a frame."""


def bind_name(name: str) -> Binder:
    def bind(frame: Frame, value: Value) -> None:
        frame.variables[name] = value

    return bind


def bind_parts(compiler: Compiler, target: nodes.TupleTarget, binders: Sequence[Binder]) -> Binder:
    """Compile binding the parts of a tuple or list, each of them resolved or not, to targets."""
    site, span, count = target.span.end, target.span, len(binders)
    levels = UNKNOWN_LEVELS if compiler.changes else 0

    def checked(frame: Frame, value: Value) -> Value:
        parts = as_container(value)
        if len(parts) != count:
            few = "more" if len(parts) > count else "fewer"
            error = RunError.of("E304", f"there are {few} than {count} elements to unpack: {len(parts)}", span)
            raise PlacedError(error, Place(frame, site))
        return parts

    def bind(frame: Frame, value: Value) -> None:
        whole = as_container(value)
        if whole.__class__ is not Pending:
            for binder, part in zip(binders, checked(frame, whole)):
                binder(frame, part)
            return
        evaluation, place = frame.evaluation, Place(frame, site)
        whole = copied(whole, levels, evaluation.meter)
        parts = evaluation.defer([whole], place, lambda: build_tuple(checked(frame, whole)), whole=False)
        for i, binder in enumerate(binders):
            binder(frame, evaluation.defer([parts], place, partial(_part, parts, i), whole=False))

    return bind


def _part(whole: Pending, i: int) -> Value:
    return as_container(whole)[i]
