"""The interpreter: a checked program compiled to closures, run around the calls it makes.

Every expression becomes a function of a `Frame`. It returns a plain value, or a late one
(`pending.py`) if it needs an answer that is not there yet; work on late values is done as
a job once they arrive. So each CALL starts as soon as its arguments are known, and the
order of evaluation cannot be seen. When several parts fail, the run goes on with what
comes before the first failure, gives up what comes after it, and reports the first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from itertools import islice
from typing import Any, Union

from attrs import define, field, frozen

from rlmlang.calls.budget import Account
from rlmlang.calls.caller import Caller, CallInFlight, Site, Writing
from rlmlang.calls.prompt import argument_names, program_header, program_text
from rlmlang.errors import BudgetError, RlmError, RunError
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.check.checked import (
    Checked,
    CheckedFunction,
    FunctionTarget,
    NativeTarget,
    RecordTarget,
)
from rlmlang.language.parse import MAX_SOURCE
from rlmlang.language.source import Source, Span
from rlmlang.language.types import NONE, FunctionType, RecordType, Type
from rlmlang.models.base import Model, Request
from rlmlang.render import render
from rlmlang.runtime.inputs import bind_inputs, read_inputs
from rlmlang.runtime.operators import COMPARISONS, OPERATORS, cut, fill, index_into
from rlmlang.runtime.pending import (
    LATE,
    Partial,
    Pending,
    Place,
    build_dict,
    build_list,
    build_record,
    build_tuple,
    settle,
    shape,
    when_settled,
    wrap,
)
from rlmlang.runtime.values import Meter, Value, canonical, from_json, to_json
from rlmlang.storage.journal import Journal
from rlmlang.trace.recorder import Trace

MAX_NESTING = 8
"""How deep `run_program` may run programs that run programs."""

PART, ITERATION, APPLICATION = 2, 4, 8
"""Steps that are charged for an iteration and for an application of a function, and with either
for each part of the expressions that it evaluates, whether or not it comes to that part."""

MOVERS = {"len": 0, "list": 1, "reversed": 1, "take": 1, "drop": 1, "zip": 2, "enumerate": 2, "window": 2}
"""Built-ins that move elements around without looking at them, so that late ones pass through;
and how many levels of containers they make around the elements."""


class Frame(Place):
    """The variables of one application, iteration or program, and its place in the run."""

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
Work = Callable[..., Value]
"""What is done with values that are there: `work(meter, *values)`."""
RuntimeFunction = Callable[[list[Value], Frame, int, int], Value]
"""A function at run time: arguments, and the place that applies it: frame, site, turn."""


class PlacedError(Exception):
    """An error on its way out, with the place where it happened."""

    def __init__(self, error: RlmError, place: Place) -> None:
        super().__init__(str(error))
        self.error = error
        self.place = place


@define(eq=False)
class Evaluation:
    """One program being run at one level of the call tree."""

    caller: Caller
    meter: Meter
    account: Account
    """What its calls are paid from."""
    level: int = 0
    parent: int | None = None
    nesting: int = 0
    _failure: PlacedError | None = None
    _jobs: deque[tuple[Callable[[], None], Place]] = field(factory=deque)
    _open: dict[CallInFlight, Place] = field(factory=dict)
    """Calls asked for and not yet answered, each with the first place that asked."""
    _tasks: dict[asyncio.Task[None], Place] = field(factory=dict)
    _held_back: int = 0
    """Jobs that wait for room among the calls."""
    _scheduled: bool = False
    _finished: asyncio.Event = field(factory=asyncio.Event)

    async def run(self, checked: Checked, inputs: Mapping[str, Value]) -> Value:
        """The program's value. Bindings of names that stand among the inputs are not evaluated.

        Raises RunError, BudgetError, ModelError, UsageError.
        """
        program = _Compiler(checked).program(inputs)
        frame = Frame(self, None, dict(inputs))
        result = Pending()
        self._jobs.append((lambda: result.resolve(program(frame)), frame))
        try:
            self._drain()
            await self._finished.wait()
        finally:  # of use only when the whole run is cancelled
            self._give_up_after(frame)
        if self._failure is not None:
            raise self._failure.error
        value = settle(result)
        try:
            self.meter.walk(value)  # parts may be shared: what is shown or handed on is all of it
        except BudgetError as error:
            raise error.at(checked.module.statements[-1].span) from None
        return value

    # Jobs

    def defer(self, operands: Sequence[Value], place: Place, job: Callable[[], Value]) -> Pending:
        """The value that `job` gives once all of the operands are there."""
        result = Pending()

        def ready() -> None:
            self._jobs.append((lambda: result.resolve(job()), place))
            self._wake()

        when_settled(operands, ready)
        return result

    def hold_back(self, room: Pending, place: Place, job: Callable[[], Value]) -> Pending:
        """The value that `job` gives once fewer calls wait for their turn."""
        result = Pending()
        self._held_back += 1

        def ready() -> None:
            self._held_back -= 1
            self._jobs.append((lambda: result.resolve(job()), place))
            self._wake()

        room.when(ready)
        return result

    def _wake(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._drain)

    def _drain(self) -> None:
        """Do every job that is ready, and see whether the run has ended."""
        self._scheduled = True
        while self._jobs:
            job, place = self._jobs.popleft()
            if self._failure is not None and self._failure.place < place:
                continue
            try:
                job()
            except PlacedError as failure:
                self._fail(failure.error, failure.place)
            except RlmError as error:
                self._fail(error, place)
            except RecursionError:
                self._fail(RunError.of("E309", "function calls nest too deeply"), place)
        self._scheduled = False
        if not self._open and not self._tasks and not self._held_back:
            self._finished.set()

    def _fail(self, error: RlmError, place: Place) -> None:
        """Note a failure, and give up what comes after it."""
        if self._failure is None or place < self._failure.place:
            self._failure = PlacedError(error, place)
            self._give_up_after(place)

    def _give_up_after(self, place: Place) -> None:
        for entry in [entry for entry, asked in self._open.items() if place < asked]:
            del self._open[entry]
            entry.askers.remove(self._answered)
            if not entry.askers:
                self.caller.cancel(entry)
        for task in [task for task, asked in self._tasks.items() if place < asked]:
            task.cancel()

    # Calls

    def call(self, site: Site, args: tuple[Value, ...], sample: int, place: Place) -> Value:
        answer = self.caller.ask(site, args, sample, self.level + 1, self.parent, self.account)
        if not isinstance(answer, CallInFlight):
            return answer
        asked = self._open.get(answer)
        if asked is None:
            answer.askers.append(self._answered)
        if asked is None or place < asked:
            self._open[answer] = place
        return answer.answer

    def _answered(self, entry: CallInFlight, error: RlmError | None) -> None:
        place = self._open.pop(entry)
        if error is not None:
            self._fail(error, place)
        self._wake()

    def spawn(self, work: Callable[[], Awaitable[Value]], place: Place) -> Pending:
        """The value that asynchronous work gives, begun unless it is given up before."""
        result = Pending()

        async def finish() -> None:
            try:
                result.resolve(await work())
            except RlmError as error:
                self._fail(error, place)

        def ended(task: asyncio.Task[None]) -> None:
            del self._tasks[task]
            self._wake()

        task = asyncio.ensure_future(finish())
        self._tasks[task] = place
        task.add_done_callback(ended)
        return result


# From tree to closures -----------------------------------------------------------


@frozen(eq=False)
class _Scope:
    """The names of one frame at compile time; code finds a variable by counting frames."""

    names: set[str]
    outer: _Scope | None
    within: str | None = None


class _Compiler:
    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        self.tables = checked.tables
        self.scope = _Scope(set(checked.inputs), None)
        self.functions: dict[int, Callable[[Frame], RuntimeFunction]] = {}
        self.binding: str | None = None
        self.parts = 0
        """Steps for the expressions that have been compiled; the difference tells those of one."""

    def program(self, known: Container[str]) -> Code:
        steps: list[Code] = []
        value: Code | None = None
        for statement in self.checked.module.statements:
            match statement:
                case nodes.Binding(names=names) if all(name.id in known for name in names):
                    self.scope.names.update(name.id for name in names)
                case nodes.Binding():
                    steps.append(self.bind(statement))
                case nodes.ExprStatement():
                    value = self.code(statement.value)
        assert value is not None
        final = value

        def run(frame: Frame) -> Value:
            for step in steps:
                step(frame)
            return final(frame)

        return run

    def bind(self, node: nodes.Binding) -> Code:
        names = [name.id for name in node.names]
        outer, self.binding = self.binding, self.binding or names[0]
        value = self.code(node.value)
        self.binding = outer
        self.scope.names.update(names)
        if len(names) == 1:
            (name,) = names

            def bind_one(frame: Frame) -> None:
                frame.variables[name] = value(frame)

            return bind_one
        site = node.span.start

        def bind_all(frame: Frame) -> None:
            _unpack(value(frame), names, frame, site)

        return bind_all

    def code(self, node: nodes.Expr) -> Code:
        self.parts += PART
        return _CODE[type(node)](self, node)

    def codes(self, exprs: Sequence[nodes.Expr]) -> list[Code]:
        return [self.code(node) for node in exprs]

    # Literals and names

    def constant(self, node: nodes.Constant) -> Code:
        value = node.value
        return lambda frame: value

    def name(self, node: nodes.Name) -> Code:
        name = node.id
        depth = 0
        scope: _Scope | None = self.scope
        while scope is not None and name not in scope.names:
            scope, depth = scope.outer, depth + 1
        if depth == 0:
            return lambda frame: frame.variables[name]
        if depth == 1:
            return lambda frame: frame.scope.variables[name]  # type: ignore[union-attr]

        def find(frame: Frame) -> Value:
            for _ in range(depth):
                frame = frame.scope  # type: ignore[assignment]
            return frame.variables[name]

        return find

    def strict(self, node: nodes.Expr, operands: Sequence[Code], work: Work) -> Code:
        """Code for work that looks at all of its operands."""
        site, span = node.span.start, node.span
        finish = self.finish(node, work)
        if len(operands) == 2:  # the same, faster
            left, right = operands

            def run_two(frame: Frame) -> Value:
                a, b = left(frame), right(frame)
                if a.__class__ in LATE or b.__class__ in LATE:
                    return finish(frame, [a, b])
                try:
                    return work(frame.evaluation.meter, a, b)
                except RlmError as error:
                    raise PlacedError(error.at(span), Place(frame, site)) from None

            return run_two

        def run(frame: Frame) -> Value:
            values = [operand(frame) for operand in operands]
            for value in values:
                if value.__class__ in LATE:
                    return finish(frame, values)
            try:
                return work(frame.evaluation.meter, *values)
            except RlmError as error:
                raise PlacedError(error.at(span), Place(frame, site)) from None

        return run

    def finish(self, node: nodes.Expr, work: Work) -> Callable[[Frame, list[Value]], Value]:
        """Code for work on values that may be late."""
        site, span = node.span.start, node.span

        def do(frame: Frame, values: list[Value]) -> Value:
            try:
                return work(frame.evaluation.meter, *values)
            except RlmError as error:
                raise PlacedError(error.at(span), Place(frame, site)) from None

        def run(frame: Frame, given: list[Value]) -> Value:
            values = [settle(value) for value in given]
            if any(value.__class__ in LATE for value in values):
                return frame.evaluation.defer(
                    values, Place(frame, site), lambda: do(frame, [settle(value) for value in values])
                )
            return do(frame, values)

        return run

    def fstring(self, node: nodes.FString) -> Code:
        holes = [part.value for part in node.parts if isinstance(part, nodes.Hole)]
        return self.strict(node, self.codes(holes), lambda meter, *values: fill(meter, node, values))

    def of_list(self, node: nodes.ListExpr) -> Code:
        items = self.codes(node.items)
        return lambda frame: build_list([item(frame) for item in items])

    def of_tuple(self, node: nodes.TupleExpr) -> Code:
        items = self.codes(node.items)
        return lambda frame: build_tuple([item(frame) for item in items])

    def of_dict(self, node: nodes.DictExpr) -> Code:
        keys = self.codes([key for key, _ in node.items])
        values = self.codes([value for _, value in node.items])
        span = node.span
        return lambda frame: _dict([(key(frame), value(frame)) for key, value in zip(keys, values)], frame, span)

    # Operators

    def unary(self, node: nodes.Unary) -> Code:
        operand = self.code(node.operand)
        if node.op == "not":
            return self.strict(node, [operand], lambda meter, value: not value)
        if node.op == "+":
            return operand
        return self.strict(node, [operand], lambda meter, value: -value)

    def binary(self, node: nodes.Binary) -> Code:
        return self.strict(node, [self.code(node.left), self.code(node.right)], OPERATORS[node.op])

    def logic(self, node: nodes.Logic) -> Code:
        left, right = self.code(node.left), self.code(node.right)
        stop = node.op == "or"  # the truth of the left side that settles the matter

        def decide(frame: Frame, value: Value) -> Value:
            return value if bool(value) is stop else right(frame)

        return self.branching(node, left, decide)

    def conditional(self, node: nodes.Conditional) -> Code:
        test, then, other = self.code(node.test), self.code(node.then), self.code(node.other)
        return self.branching(node, test, lambda frame, value: then(frame) if value else other(frame))

    def branching(self, node: nodes.Expr, test: Code, decide: Callable[[Frame, Value], Value]) -> Code:
        """Code that goes on in one way or another once the test's value is there."""
        site = node.span.start

        def run(frame: Frame) -> Value:
            value = test(frame)
            if value.__class__ in LATE:
                value = settle(value)
                if value.__class__ in LATE:
                    return frame.evaluation.defer([value], Place(frame, site), lambda: decide(frame, settle(value)))
            return decide(frame, value)

        return run

    def compare(self, node: nodes.Compare) -> Code:
        if len(node.rest) == 1:
            op, second = node.rest[0]
            return self.strict(node, [self.code(node.first), self.code(second)], COMPARISONS[op])
        # In a chain each operand is evaluated once, and only as long as the chain holds.
        operands = self.codes([node.first, *(operand for _, operand in node.rest)])
        finish = [self.finish(node, COMPARISONS[op]) for op, _ in node.rest]

        def link(frame: Frame, i: int, left: Value) -> Value:
            right = operands[i + 1](frame)
            holds = finish[i](frame, [left, right])
            if i + 1 == len(finish):
                return holds
            return self.branching(node, lambda _: holds, lambda frame, it: it and link(frame, i + 1, right))(frame)

        return lambda frame: link(frame, 0, operands[0](frame))

    def is_none(self, node: nodes.IsNone) -> Code:
        negated = node.negated
        return self.strict(node, [self.code(node.value)], lambda meter, value: (value is None) is not negated)

    # Parts

    def attribute(self, node: nodes.Attribute) -> Code:
        type_ = self.tables.types[id(node.value)]
        assert isinstance(type_, RecordType)
        position = [name for name, _ in type_.fields].index(node.name)
        return self.part(node, self.code(node.value), lambda value: value.values[position])

    def part(self, node: nodes.Expr, value: Code, take: Callable[[Value], Value]) -> Code:
        """Code that takes a part of a container, which may be there before the others are."""
        site = node.span.start

        def run(frame: Frame) -> Value:
            whole = shape(value(frame))
            if whole.__class__ is Pending:
                return frame.evaluation.defer([whole], Place(frame, site), lambda: take(settle(whole)))
            return take(whole)

        return run

    def index(self, node: nodes.Index) -> Code:
        value, index = self.code(node.value), self.code(node.index)
        finish = self.finish(node, index_into)

        def run(frame: Frame) -> Value:
            whole, at = settle(value(frame)), settle(index(frame))
            if whole.__class__ is Partial and at.__class__ not in LATE:
                part = _known_part(whole, at)
                if part is not None:
                    return part[0]
            return finish(frame, [whole, at])

        return run

    def of_slice(self, node: nodes.Slice) -> Code:
        bounds = [
            (lambda frame: None) if bound is None else self.code(bound) for bound in (node.start, node.stop, node.step)
        ]

        def work(meter: Meter, value: Value, start: Value, stop: Value, step: Value) -> Value:
            return wrap(cut(meter, value, start, stop, step), 1)

        return self.strict(node, [self.shaped(node.value), *bounds], work)

    def shaped(self, node: nodes.Expr) -> Code:
        """The value with late parts in it, for code that only moves them."""
        value = self.code(node)
        return lambda frame: shape(value(frame))

    # Comprehensions

    def comprehension(self, node: nodes.Comprehension) -> Code:
        span, before = node.span, self.parts
        inner, clauses = self.clauses(node)
        outer, self.scope = self.scope, inner
        element = self.code(node.element)
        key = self.code(node.key) if node.key is not None else None
        self.scope = outer

        def emit(frame: Frame) -> Value:
            return element(frame) if key is None else (key(frame), element(frame))

        run_clauses = _clauses(clauses, emit, ITERATION + self.parts - before, span)

        def run(frame: Frame) -> Value:
            out: list[Value] = []
            run_clauses(0, frame, out)
            return _gather(out, frame, span, key is not None)

        return run

    def clauses(self, node: nodes.Comprehension) -> tuple[_Scope, list[_Clause]]:
        """The compiled clauses, and the scope that they make for the element."""
        outer = self.scope
        clauses: list[_Clause] = []
        for clause in node.clauses:
            if isinstance(clause, nodes.If):
                clauses.append((self.code(clause.test), None, clause.span.start))
                continue
            iterable = self.code(clause.iterable)
            names = list(_names(clause.target))
            self.scope = _Scope(set(names), self.scope, self.scope.within)
            target = names[0] if isinstance(clause.target, nodes.Name) else _pattern(clause.target)
            clauses.append((iterable, target, clause.span.start))
        inner, self.scope = self.scope, outer
        return inner, clauses

    # Applications

    def apply(self, node: nodes.Apply) -> Code:
        target = self.tables.targets[id(node)]
        match target:
            case NativeTarget():
                return self.apply_native(node, target)
            case RecordTarget():
                type_, args = target.type, self.codes(target.args)
                return lambda frame: build_record(type_, [arg(frame) for arg in args])
            case FunctionTarget():
                function = self.function(target.function)
                wanted = target.function.params
            case _:  # a parameter of function type
                function = self.name(nodes.Name(target.name, span=node.span))
                wanted = (NONE,) * len(target.args)  # parameters of parameters are never functions
        args = [
            self.function_argument(arg) if isinstance(type_, FunctionType) else self.code(arg)
            for arg, type_ in zip(target.args, wanted)
        ]
        site = node.span.start
        return lambda frame: function(frame)([arg(frame) for arg in args], frame, site, 0)

    def function(self, checked: CheckedFunction) -> Callable[[Frame], RuntimeFunction]:
        """Code for a function of the program or the library."""
        made = self.functions.get(id(checked))
        if made is not None:
            return made
        node = checked.node
        own = node.span.source is self.checked.module.span.source
        names = [param.name.id for param in node.params]
        outer, binding = self.scope, self.binding
        program = outer
        while program.outer is not None:
            program = program.outer
        self.scope, self.binding = _Scope(set(names), program if own else None, node.name.id), node.name.id
        before = self.parts
        steps = [self.bind(local) for local in node.body]
        value = self.code(node.value)
        size = APPLICATION + self.parts - before
        self.parts = before  # it is charged where it is applied, not where it happens to be compiled
        self.scope, self.binding = outer, binding

        def make(frame: Frame) -> RuntimeFunction:
            root = frame
            while root.scope is not None:
                root = root.scope
            scope = root if own else None
            evaluation = frame.evaluation

            def function(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
                _charge(caller, size, node.name.span, site, turn)
                inner = Frame(evaluation, scope, dict(zip(names, args)), caller, site, turn)
                for step in steps:
                    step(inner)
                return value(inner)

            return function

        self.functions[id(checked)] = make
        return make

    def function_argument(self, node: nodes.Expr) -> Callable[[Frame], RuntimeFunction]:
        """Code for an argument that is a function."""
        if isinstance(node, nodes.Lambda):
            names, span = [param.id for param in node.params], node.span
            outer, self.scope = self.scope, _Scope({*names}, self.scope, self.scope.within)
            before = self.parts
            body = self.code(node.body)
            size = APPLICATION + self.parts - before
            self.scope = outer

            def make(frame: Frame) -> RuntimeFunction:
                def function(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
                    _charge(caller, size, span, site, turn)
                    return body(Frame(frame.evaluation, frame, dict(zip(names, args)), caller, site, turn))

                return function

            return make
        assert isinstance(node, nodes.Name)
        reference = self.tables.references.get(id(node))
        result: Callable[[Frame, list[Value]], Value]
        match reference:
            case CheckedFunction():
                defaults = [p.default for p in reference.node.params]
                codes = [None if d is None else self.code(d) for d in defaults]
                function = self.function(reference)

                def with_defaults(frame: Frame) -> RuntimeFunction:
                    inner = function(frame)

                    def call(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
                        rest = [code(caller) for code in codes[len(args) :] if code is not None]
                        return inner([*args, *rest], caller, site, turn)

                    return call

                return with_defaults
            case RecordType():
                result = partial(_record, reference)
            case NativeTarget():
                result = self.finish(node, reference.builtin.code)
            case _:  # a parameter
                return self.name(node)
        span = node.span

        def applied(frame: Frame) -> RuntimeFunction:
            def call(args: list[Value], caller: Frame, site: int, turn: int) -> Value:
                _charge(caller, APPLICATION, span, site, turn)
                return result(Frame(caller.evaluation, caller, {}, caller, site, turn), args)

            return call

        return applied

    def apply_native(self, node: nodes.Apply, target: NativeTarget) -> Code:
        name, code = target.builtin.name, target.builtin.code
        if name == "reduce":
            return self.reduce(node, target)
        if name == "run_program":
            return self.run_program(node, target)
        if name in ("any", "all") and isinstance(target.args[0], nodes.Comprehension):
            if target.args[0].kind == "generator":
                return self.quantifier(node, target.args[0], name == "any")
        args = [*target.args, *(value for _, value in target.keywords)]
        types = target.parameter_types
        levels = MOVERS.get(name)
        count = len(target.args)
        keywords = [keyword for keyword, _ in target.keywords]
        if keywords:
            plain = code

            def code(meter: Meter, *given: Value) -> Value:
                return plain(meter, *given[:count], **dict(zip(keywords, given[count:])))

        if levels is not None:
            inner, depth = code, levels
            return self.strict(
                node, [self.shaped(arg) for arg in args], lambda meter, *given: wrap(inner(meter, *given), depth)
            )
        if not any(isinstance(type_, FunctionType) for type_ in types):
            return self.strict(node, self.codes(args), code)
        finish = self.finish(node, code)
        first = self.code(args[0])
        rest = [
            self.mapped(arg) if isinstance(type_, FunctionType) else self.after_first(arg)
            for arg, type_ in zip(args[1:], types[1:])
        ]

        def run(frame: Frame) -> Value:
            elements = first(frame)
            return finish(frame, [elements, *(operand(frame, elements) for operand in rest)])

        return run

    def after_first(self, node: nodes.Expr) -> Callable[[Frame, Value], Value]:
        code = self.code(node)
        return lambda frame, elements: code(frame)

    def mapped(self, argument: nodes.Expr) -> Callable[[Frame, Value], Value]:
        """Code for the results of a function argument for every element of the first argument."""
        function, site = self.function_argument(argument), argument.span.start

        def results(frame: Frame, values: Value) -> Value:
            apply = function(frame)
            return build_list([apply([value], frame, site, turn) for turn, value in enumerate(values)])

        def run(frame: Frame, elements: Value) -> Value:
            values = shape(elements)
            if values.__class__ in LATE:
                return frame.evaluation.defer([values], Place(frame, site), lambda: results(frame, settle(values)))
            return results(frame, values)

        return run

    def reduce(self, node: nodes.Apply, target: NativeTarget) -> Code:
        by_name = target.by_name
        function = self.function_argument(by_name["step"])
        items, start = self.shaped(by_name["xs"]), self.code(by_name["start"])
        site = node.span.start

        def fold(frame: Frame, values: Value, state: Value) -> Value:
            apply = function(frame)
            for turn, value in enumerate(values):
                state = apply([state, value], frame, site, turn)
            return state

        def run(frame: Frame) -> Value:
            values, state = items(frame), start(frame)
            if values.__class__ in LATE:
                return frame.evaluation.defer([values], Place(frame, site), lambda: fold(frame, settle(values), state))
            return fold(frame, values, state)

        return run

    def quantifier(self, node: nodes.Apply, generator: nodes.Comprehension, stop: bool) -> Code:
        """`any` and `all` over a generator: one element after another, until one settles it."""
        site, span, before = generator.span.start, generator.span, self.parts
        inner, clauses = self.clauses(generator)
        outer, self.scope = self.scope, inner
        element = self.code(generator.element)
        self.scope = outer
        steps = ITERATION + self.parts - before

        def search(frame: Frame, level: int, then: Callable[[], Value]) -> Value:
            """Whether an element from this clause on settles it; else what `then` says."""
            if level == len(clauses):
                return when(frame, element(frame), lambda value: stop if bool(value) is stop else then())
            code, target, _ = clauses[level]
            value = code(frame)
            if target is None:
                return when(frame, value, lambda v: search(frame, level + 1, then) if v else then())
            return when(frame, shape(value), lambda v: each(frame, level, list(v), 0, then))

        def each(frame: Frame, level: int, items: list[Value], start: int, then: Callable[[], Value]) -> Value:
            _, target, at = clauses[level]
            undecided = object()
            for turn in range(start, len(items)):
                _charge(frame, steps, span, at, turn)
                child = _iteration(frame, target, items[turn], at, turn)
                found = search(child, level + 1, lambda: undecided)
                if found.__class__ is Pending:
                    rest = partial(each, frame, level, items, turn + 1, then)
                    return when(frame, found, partial(_go_on, undecided, rest))
                if found is not undecided:
                    return found
            return then()

        def when(frame: Frame, value: Value, go: Callable[[Value], Value]) -> Value:
            value = settle(value)
            if value.__class__ in LATE:
                return frame.evaluation.defer([value], Place(frame, site), lambda: go(settle(value)))
            return go(value)

        return lambda frame: search(frame, 0, lambda: not stop)

    # The model

    def call(self, node: nodes.Call) -> Code:
        sample = self.code(nodes.Constant(0, span=node.span))
        values: list[Code] = self.codes(node.args)
        names: list[str | None] = [None] * (len(node.args) - 1)
        for keyword in node.keywords:
            if keyword.name == "sample":
                sample = self.code(keyword.value)
            else:
                values.append(self.code(keyword.value))
                names.append(keyword.name)
        within = self.scope.within or self.binding
        site = Site.of(node.span, self.tables.types[id(node)], tuple(names), within)
        start, span = node.span.start, node.span

        def ask(frame: Frame, given: list[Value]) -> Value:
            place = Place(frame, start)
            try:
                if given[0] < 0:
                    raise RunError.of("E308", f"sample is {given[0]}; it counts from 0")
                frame.evaluation.meter.walk(*given)
                return frame.evaluation.call(site, tuple(given[1:]), given[0], place)
            except RlmError as error:
                raise PlacedError(error.at(span), place) from None

        operands = [sample, *values]

        def run(frame: Frame) -> Value:
            given = [settle(operand(frame)) for operand in operands]
            for value in given:
                if value.__class__ in LATE:
                    return frame.evaluation.defer(
                        given, Place(frame, start), lambda: ask(frame, [settle(v) for v in given])
                    )
            return ask(frame, given)

        return run

    def run_program(self, node: nodes.Apply, target: NativeTarget) -> Code:
        by_name = target.by_name
        operands = [self.code(by_name["program"]), self.code(by_name["inputs"])]
        start, span = node.span.start, node.span

        def run(frame: Frame) -> Value:
            evaluation, place = frame.evaluation, Place(frame, start)
            given = [operand(frame) for operand in operands]

            def begin() -> Value:
                program, inputs = map(settle, given)
                _charge(frame, steps_of_checking(program), span, start, 0)
                return evaluation.spawn(partial(_run_program, evaluation, program, inputs), place)

            if any(settle(value).__class__ in LATE for value in given):
                return evaluation.defer(given, place, begin)
            return begin()

        return run


_CODE: dict[type, Callable[[_Compiler, Any], Code]] = {
    nodes.Constant: _Compiler.constant,
    nodes.Name: _Compiler.name,
    nodes.FString: _Compiler.fstring,
    nodes.ListExpr: _Compiler.of_list,
    nodes.TupleExpr: _Compiler.of_tuple,
    nodes.DictExpr: _Compiler.of_dict,
    nodes.Unary: _Compiler.unary,
    nodes.Binary: _Compiler.binary,
    nodes.Logic: _Compiler.logic,
    nodes.Compare: _Compiler.compare,
    nodes.IsNone: _Compiler.is_none,
    nodes.Conditional: _Compiler.conditional,
    nodes.Attribute: _Compiler.attribute,
    nodes.Index: _Compiler.index,
    nodes.Slice: _Compiler.of_slice,
    nodes.Comprehension: _Compiler.comprehension,
    nodes.Apply: _Compiler.apply,
    nodes.Call: _Compiler.call,
}


# Comprehensions at run time ------------------------------------------------------

Pattern = Union[str, tuple["Pattern", ...]]
_Clause = tuple[Code, Union[Pattern, None], int]
"""`for`: the iterable and the target; `if`: the test and None. And its offset."""


class _Splice:
    """A place in a comprehension's output where the elements are late: a Pending of their list."""

    __slots__ = ("elements",)

    def __init__(self, elements: Pending) -> None:
        self.elements = elements


def _clauses(
    clauses: Sequence[_Clause], emit: Code, steps: int, span: Span
) -> Callable[[int, Frame, list[Value]], None]:
    """Code that runs the clauses from one on and appends what the element gives."""

    def run(level: int, frame: Frame, out: list[Value]) -> None:
        if level == len(clauses):
            out.append(emit(frame))
            return
        code, target, at = clauses[level]
        value = code(frame)
        go = branch if target is None else each
        value = settle(value) if target is None else shape(value)
        if value.__class__ in LATE:

            def later() -> Value:
                inner: list[Value] = []
                go(level, frame, settle(value) if target is None else shape(value), inner)
                return _Elements(inner)

            out.append(_Splice(frame.evaluation.defer([value], Place(frame, at), later)))
        else:
            go(level, frame, value, out)

    def branch(level: int, frame: Frame, value: Value, out: list[Value]) -> None:
        if value:
            run(level + 1, frame, out)

    def each(level: int, frame: Frame, items: Value, out: list[Value], begin: int = 0) -> None:
        _, target, at = clauses[level]
        assert target is not None
        caller = frame.evaluation.caller
        for turn, item in enumerate(islice(items, begin, None), begin):
            if (room := caller.room()) is not None:
                rest = partial(go_on, level, frame, items, turn)
                out.append(_Splice(frame.evaluation.hold_back(room, Place(frame, at, turn), rest)))
                return
            _charge(frame, steps, span, at, turn)
            run(level + 1, _iteration(frame, target, item, at, turn), out)

    def go_on(level: int, frame: Frame, items: Value, turn: int) -> Value:
        rest: list[Value] = []
        each(level, frame, items, rest, turn)
        return _Elements(rest)

    return run


class _Elements:
    """The output of late clauses, with splices of its own."""

    __slots__ = ("out",)

    def __init__(self, out: list[Value]) -> None:
        self.out = out


def _gather(out: list[Value], frame: Frame, span: Span, pairs: bool) -> Value:
    """The list or dict that the output of a comprehension makes."""

    def finish(elements: list[Value]) -> Value:
        return _dict(elements, frame, span) if pairs else build_list(elements)

    if not any(item.__class__ is _Splice for item in out):
        return finish(out)
    result = Pending()
    missing = 1

    def flatten(items: list[Value]) -> Iterator[Value]:
        open_ = [iter(items)]  # splices may nest deeper than Python's calls
        while open_:
            for item in open_[-1]:
                if item.__class__ is _Splice:
                    open_.append(iter(item.elements.value.out))
                    break
                yield item
            else:
                open_.pop()

    def wait(items: list[Value]) -> None:
        """Wait for the splices among the items, each once, and for those that they hold."""
        nonlocal missing
        for item in items:
            if item.__class__ is _Splice:
                missing += 1
                item.elements.when(partial(arrived, item.elements))

    def arrived(elements: Pending | None) -> None:
        nonlocal missing
        if elements is not None:
            wait(elements.value.out)
        missing -= 1
        if missing == 0:
            result.resolve(finish(list(flatten(out))))

    wait(out)
    arrived(None)
    return result


def _record(type_: RecordType, frame: Frame, args: list[Value]) -> Value:
    return build_record(type_, args)


def _charge(frame: Frame, steps: int, span: Span, site: int, turn: int) -> None:
    try:
        frame.evaluation.meter.charge(steps)
    except BudgetError as error:
        raise PlacedError(error.at(span), Place(frame, site, turn)) from None


def _iteration(frame: Frame, target: Pattern | None, item: Value, site: int, turn: int) -> Frame:
    if target.__class__ is str:
        return Frame(frame.evaluation, frame, {target: item}, frame, site, turn)
    child = Frame(frame.evaluation, frame, {}, frame, site, turn)
    assert isinstance(target, tuple)
    _unpack(item, target, child, site)
    return child


def _part(whole: Pending, i: int) -> Value:
    return settle(whole)[i]


def _unpack(value: Value, names: Sequence[Pattern], frame: Frame, site: int) -> None:
    """Bind the parts of a tuple, each as late as it is itself."""
    whole = shape(value)
    for i, name in enumerate(names):
        if whole.__class__ is Pending:
            part: Value = frame.evaluation.defer([whole], Place(frame, site), partial(_part, whole, i))
        else:
            part = whole[i]
        if isinstance(name, str):
            frame.variables[name] = part
        else:
            _unpack(part, name, frame, site)


def _dict(pairs: list[tuple[Value, Value]], frame: Frame, span: Span) -> Value:
    place = Place(frame, span.start)
    try:
        frame.evaluation.meter.items(len(pairs))
    except BudgetError as error:
        raise PlacedError(error.at(span), place) from None
    keys, values = [settle(key) for key, _ in pairs], [value for _, value in pairs]
    if any(key.__class__ in LATE for key in keys):
        return frame.evaluation.defer(keys, place, lambda: build_dict([settle(key) for key in keys], values))
    return build_dict(keys, values)


def _go_on(undecided: object, rest: Callable[[], Value], found: Value) -> Value:
    return rest() if found is undecided else found


def _known_part(whole: Partial, at: Value) -> tuple[Value] | None:
    """The part at an index or key, as late as it is itself; None if there is none."""
    if isinstance(at, str):
        items = shape(whole)
        return (items[at],) if at in items else None
    return (whole.parts[at],) if -len(whole.parts) <= at < len(whole.parts) else None


def _names(target: nodes.Target) -> Iterator[str]:
    if isinstance(target, nodes.Name):
        yield target.id
    else:
        for item in target.items:
            yield from _names(item)


def _pattern(target: nodes.Target) -> Pattern:
    return target.id if isinstance(target, nodes.Name) else tuple(map(_pattern, target.items))


# Whole runs ----------------------------------------------------------------------


@asynccontextmanager
async def evaluating(
    model: Model,
    account: Account,
    trace: Trace,
    journal: Journal | None = None,
    memo: bool = True,
    writing: Writing | None = None,
) -> AsyncIterator[Evaluation]:
    """A run, and the evaluation of a program at its top; others may share its caller and meter.

    Raises BudgetError E505 when its time is over.
    """
    limits = account.limits
    loop = asyncio.get_running_loop()
    begin = loop.time()
    meter = Meter(limits.max_steps, limits.max_bytes)

    async def answer_by_program(text: str, request: Request, entry: CallInFlight, known: Mapping[str, Value]) -> Value:
        evaluation = Evaluation(caller, meter, entry.account, entry.level, entry.record.id)
        return await _run_callee(evaluation, text, request, known)

    caller = Caller(model, account, trace, lambda: loop.time() - begin, answer_by_program, journal, memo, writing)
    try:
        async with asyncio.timeout(limits.max_seconds):
            yield Evaluation(caller, meter, account)
    except TimeoutError:
        raise BudgetError.of(
            "E505",
            f"the run took more than {limits.max_seconds:g} seconds",
            hint="raise max_seconds; finished calls are kept in the store",
        ) from None
    finally:
        await caller.close()
        usage = account.usage
        usage.seconds, usage.steps, usage.bytes = loop.time() - begin, meter.steps, meter.largest


async def _run_callee(evaluation: Evaluation, text: str, request: Request, known: Mapping[str, Value]) -> Value:
    """The value of the program that a model wrote as its answer. Raises RlmError."""
    evaluation.meter.charge(steps_of_checking(text))
    checked = _checked(program_header(request.arguments, request.type) + program_text(text), request.type)
    names = argument_names(request.arguments)
    values = {name: value for name, (_, value) in zip(names, request.arguments)}
    value = await evaluation.run(checked, {**known, **bind_inputs(checked, values)})
    return from_json(to_json(value), request.type)


@lru_cache(1024)
def _checked(text: str, wanted: Type) -> Checked:
    """The program of an answer. A model that recurses writes the same one for many calls."""
    return check(Source(text, "<answer>"), wanted)


def steps_of_checking(text: str) -> int:
    """What reading and checking a program text takes."""
    return 2_000 + 40 * min(len(text), MAX_SOURCE)


async def _run_program(evaluation: Evaluation, program: str, inputs: dict[str, str]) -> Value:
    """The built-in `run_program`: a pair of the value as JSON and the rendered error."""
    if evaluation.nesting >= MAX_NESTING:
        raise RunError.of("E309", f"programs run programs more than {MAX_NESTING} deep")
    e = evaluation
    inner = Evaluation(e.caller, e.meter, e.account, e.level, e.parent, e.nesting + 1)
    try:
        checked = check(Source(program, "<run_program>"))
        values = bind_inputs(checked, read_inputs(checked, inputs))
        value = await inner.run(checked, values)
    except BudgetError:
        raise
    except RlmError as error:
        return None, render(error.diagnostics)
    return canonical(value), None
