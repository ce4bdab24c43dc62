"""The state of emitting one Python function: its variables, and the block of statements that is being written.

An expression becomes a Python expression, and statements before it where it needs them: loops of comprehensions,
charges, decisions. Operands are evaluated in their order: those before one that needs statements become variables.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice
from typing import Any

from attrs import define, evolve, field, frozen

from rlmlang.language import nodes
from rlmlang.language.check.checked import OuterVariable, Tables
from rlmlang.language.source import Span
from rlmlang.language.types import Type, primitive_of
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.enclosing_scopes import Surroundings
from rlmlang.runtime.emit.facts import SUM_BITS, Emitted, either, kind_of
from rlmlang.runtime.emit.helpers import not_bound
from rlmlang.runtime.emit.unit import CannotEmit, Redo, Unit

METER = "m"
"""The first parameter of every emitted function."""

DEPTH = "d"
"""The second one: how many applications it is in."""

MAX_BLOCKS = 18
"""How many loops and `try` may be in each other; Python itself takes 20."""


@frozen(eq=False)
class EmittedVariable:
    """A variable of the program in emitted code."""

    id: str
    known: Emitted
    """The code that reads it, with what is known of its value."""
    is_guarded: bool = False
    """Whether it has the value UNBOUND while it is not bound, so that it can be passed along."""


@define(eq=False)
class Charge:
    """Charges that are made at once while steps are left, and else one by one."""

    total: ast.Assign
    """The first of its three statements, which adds them up."""
    constant: ast.Constant
    separately: list[ast.stmt]
    known: int = 0
    """The sum of those that are constant, which is the value of `constant`."""
    computed: list[ast.expr] = field(factory=list)

    def add(self, known: int, computed: Sequence[ast.expr], separately: Sequence[ast.stmt]) -> None:
        """Make further charges at the same time."""
        self.known += known
        self.constant.value = self.known
        for steps in computed:
            self.total.value = python.binary(self.total.value, "+", steps)
        self.computed += computed
        self.separately += separately


class NotSmall(Exception):
    """A variable that was taken for a sum of small ints is not."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NotFast(Exception):
    """The turn of a loop needs statements, or charges that are not the same in each turn."""


@define(eq=False)
class Fast:
    """What is found out about the turn of a loop while it is emitted as one expression."""

    steps: int = 0
    """What each turn charges."""
    _is_certain: bool = True

    def charge(self, steps: int) -> None:
        """Charge each turn. Raises NotFast in code that not each turn comes to."""
        if not self._is_certain:
            raise NotFast
        self.steps += steps

    @contextmanager
    def sometimes(self) -> Iterator[None]:
        """Emit code that not each turn comes to."""
        before, self._is_certain = self._is_certain, False
        try:
            yield
        finally:
            self._is_certain = before


StatementEmitter = Callable[["Emitter", Any], None]

STATEMENTS: dict[type, StatementEmitter] = {}
"""What emits each kind of statement."""

ExpressionEmitter = Callable[["Emitter", Any], Emitted]

HANDLERS: dict[type, ExpressionEmitter] = {}
"""What emits each kind of expression; the modules of this folder enter theirs."""


def emits(*kinds: type) -> Callable[[ExpressionEmitter], ExpressionEmitter]:
    """Enter a function into `HANDLERS`."""

    def enter(handler: ExpressionEmitter) -> ExpressionEmitter:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return enter


@define(eq=False)
class Emitter:
    """Emits one function."""

    unit: Unit
    tables: Tables
    surroundings: Surroundings
    own: int | None = None
    """The `node_id` of the function that is emitted; None for a part of something that closures run."""
    scopes: list[dict[str, EmittedVariable]] = field(factory=lambda: [{}])
    """The variables by name, those of comprehensions and lambdas last."""
    functions: dict[str, str] = field(factory=dict)
    """The parameters that are functions, by name."""
    outer: dict[OuterVariable, EmittedVariable] = field(factory=dict)
    """The variables of what is around the function, which it gets as arguments."""
    block: list[ast.stmt] = field(factory=list)
    unsure: set[str] = field(factory=set)
    """The variables, by their names in emitted code, that may be not bound yet where code is being emitted."""
    shares: dict[str, list[str]] = field(factory=dict)
    """The variables with the sixteenths of the length of texts, by the variables of these; empty if it has changed."""
    single: set[str] = field(factory=set)
    """The names that are bound in one place only, so that what is known of the value there is known everywhere."""
    sums: set[str] = field(factory=set)
    """The variables that are only set to small ints or changed by them, so that no program gets to large ones."""
    inside: int = 0
    """How many functions are being emitted in place of their applications."""
    nesting: int = 0
    """How many loops and `try` are around what is emitted."""
    loops: int = 0
    """The nesting in the innermost loop of statements."""
    caught: list[tuple[str, str | None, int]] = field(factory=list)
    """The handlers around it: the variable of the error, the name that it has in the program, and the nesting."""
    charges: dict[ast.stmt, Charge] = field(factory=dict)
    """The charges made so far, by the first statement of each and by the last."""
    fast: Fast | None = None
    """Set while the turn of a loop is emitted as one expression."""

    # Statements

    def add(self, statement: ast.stmt, line: int | None = None) -> None:
        """Write a statement. Raises NotFast where there can be none."""
        if self.fast is not None:
            raise NotFast
        if line is not None:
            python.located(statement, line)
        self.block.append(statement)

    def extend(self, block: list[ast.stmt]) -> None:
        """Write statements that were emitted apart."""
        last = self.charges.get(self.block[-1]) if self.block else None
        first = self.charges.get(block[0]) if block else None
        if last is not None and first is not None:
            last.add(first.known, first.computed, first.separately)
            block = block[3:]
        self.block += block

    @contextmanager
    def within(self, block: list[ast.stmt]) -> Iterator[None]:
        """Write statements into another block. What they bind or read is not known to be bound after them."""
        outer, unsure, shares, received = self.block, self.unsure, self.shares, len(self.outer)
        self.block, self.unsure, self.shares = block, set(unsure), dict(shares)
        try:
            yield
        finally:
            unsure.update(variable.id for variable in islice(self.outer.values(), received, None))
            self.block, self.unsure, self.shares = outer, unsure, shares

    @contextmanager
    def aside(self, block: list[ast.stmt]) -> Iterator[None]:
        """Write statements into another block, which is evaluated in any case."""
        outer, self.block = self.block, block
        try:
            yield
        finally:
            self.block = outer

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Count a loop or `try` around what is emitted. Raises CannotEmit if there are too many."""
        if self.nesting == MAX_BLOCKS:
            raise CannotEmit("too many loops in loops")
        self.nesting += 1
        self.shares = {}
        try:
            yield
        finally:
            self.nesting -= 1
            self.shares = {}

    @contextmanager
    def loop(self) -> Iterator[None]:
        """Emit the body of a loop of statements."""
        before, self.loops = self.loops, self.nesting
        try:
            yield
        finally:
            self.loops = before

    def line(self, span: Span, redo: Redo | None = None) -> int:
        return self.unit.site(span, redo)

    def temporary(self, code: ast.expr, line: int | None = None) -> ast.Name:
        """Put a value into a variable, and return code that reads it."""
        name = self.unit.fresh("t")
        self.add(python.assign(name, code), line)
        return python.load(name)

    def simple(self, value: Emitted) -> Emitted:
        """Return a value as a variable or constant, which may be read several times."""
        return value if python.is_simple(value.code) else evolve(value, code=self.temporary(value.code))

    def statement(self, node: nodes.Statement) -> None:
        """Emit a statement."""
        STATEMENTS[type(node)](self, node)

    # Expressions

    def expr(self, node: nodes.Expr) -> Emitted:
        """Emit an expression: statements that it needs into the block, and code for its value."""
        handler = HANDLERS.get(type(node))
        if handler is None:
            raise CannotEmit(type(node).__name__)
        return handler(self, node)

    def effects(self, node: nodes.Expr) -> None:
        """Emit an expression for what it does and how it may fail; its value is not needed."""
        value = self.expr(node).code
        if not python.is_simple(value):
            self.add(ast.Expr(value))

    def apart(self, node: nodes.Expr, in_any_case: bool = False) -> tuple[list[ast.stmt], Emitted]:
        """Emit an expression that may be left out, and return the statements that it needs and its value."""
        block: list[ast.stmt] = []
        if in_any_case:
            with self.aside(block):
                return block, self.expr(node)
        with self.within(block), self.sometimes():
            return block, self.expr(node)

    def no_literal(self, code: ast.expr) -> ast.expr:
        """Return code for a comparison by identity, of which Python warns if it folds an operand to a constant."""
        return code if isinstance(code, (ast.Name, ast.Call)) else self.temporary(code)

    def choice(
        self, test: ast.expr, then: tuple[list[ast.stmt], Emitted], other: tuple[list[ast.stmt], Emitted]
    ) -> Emitted:
        """Emit the choice between two values that were emitted apart."""
        known = either(then[1], other[1])
        if not then[0] and not other[0]:
            return evolve(known, code=ast.IfExp(test, then[1].code, other[1].code))
        result = self.unit.fresh("t")
        then[0].append(python.assign(result, then[1].code))
        other[0].append(python.assign(result, other[1].code))
        self.add(python.when(test, then[0], other[0]))
        return evolve(known, code=python.load(result))

    @contextmanager
    def sometimes(self) -> Iterator[None]:
        """Emit code that may be left out."""
        with nullcontext() if self.fast is None else self.fast.sometimes():
            yield

    def operands(self, exprs: Sequence[nodes.Expr]) -> list[Emitted]:
        """Emit expressions that are evaluated one after the other."""
        return self.in_order([partial(self.expr, node) for node in exprs])

    def in_order(self, emitters: Sequence[Callable[[], Emitted]]) -> list[Emitted]:
        """Emit values one after the other, so that they are evaluated in this order."""
        parts: list[tuple[list[ast.stmt], Emitted]] = []
        for emitter in emitters:
            block: list[ast.stmt] = []
            with self.aside(block):
                value = emitter()
            parts.append((block, value))
        last = max((i for i, (block, _) in enumerate(parts) if block), default=0)
        values = []
        for i, (block, value) in enumerate(parts):
            self.extend(block)
            values.append(value if i >= last else self.simple(value))
        return values

    def test(self, node: nodes.Expr) -> ast.expr:
        return self.expr(node).code

    def type_of(self, node: nodes.Expr) -> Type | None:
        if isinstance(node, nodes.Constant):
            return primitive_of(node.value)
        return self.tables.types.get(node.node_id)

    def kind(self, node: nodes.Expr) -> str:
        return kind_of(self.type_of(node))

    def helper(self, function: Callable[..., Any], *args: ast.expr, span: Span) -> ast.Call:
        """Return a call of a runtime function `function(meter, *args)`, whose errors are placed at `span`."""
        name = self.unit.give("h", function, _name_of(function))
        code = python.call(name, python.load(METER), *args)
        python.located(code, self.line(span))
        return code

    # Variables

    def declare(self, name: str, bits: int | None = None, chars: int | None = None, is_guarded: bool = False) -> str:
        """Make a variable in the innermost scope, and return its name in emitted code."""
        id_ = self.unit.fresh("v", name)
        self.scopes[-1][name] = EmittedVariable(id_, Emitted(python.load(id_), bits, chars), is_guarded)
        return id_

    def bound(self, name: str, value: Emitted) -> str:
        """Note that a variable of the function is bound to a value here, and return its name in emitted code."""
        variable = self.scopes[0][name]
        if name in self.sums and (value.bits is None or value.bits > SUM_BITS + 1):
            raise NotSmall(name)
        if name in self.single:
            known = evolve(value, code=variable.known.code)
            self.scopes[0][name] = EmittedVariable(variable.id, known, variable.is_guarded)
        self.unsure.discard(variable.id)
        self.shares.get(variable.id, []).clear()
        return variable.id

    def alias(self, name: str, value: Emitted) -> None:
        """Make a name in the innermost scope stand for a value that simple code reads."""
        id_ = value.code.id if isinstance(value.code, ast.Name) else ""
        self.scopes[-1][name] = EmittedVariable(id_, value)

    def variable(self, name: str) -> EmittedVariable:
        """Return a variable by its name; one that nothing in the function binds is an argument of it."""
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return self.outer_variable((self.surroundings.binder(name), name))

    def outer_variable(self, key: OuterVariable) -> EmittedVariable:
        """Return the variable of something around the function, or of itself, by what binds it."""
        binder, name = key
        if self.own is not None and binder == self.own:
            return self.scopes[0][name]
        if key not in self.outer:
            if self.own is not None:
                raise CannotEmit(f"{name} is not among the variables that the function reads")
            self.receive(key)
        return self.outer[key]

    def function_parameter(self, name: str) -> str:
        """Return the name in emitted code of a parameter that is a function. Raises CannotEmit."""
        if name not in self.functions:  # a closure, in a part of something that closures run
            raise CannotEmit(name)
        return self.functions[name]

    def receive(self, key: OuterVariable) -> str:
        """Make a variable of what is around the function a parameter, and return its name in emitted code."""
        id_ = self.unit.fresh("v", key[1])
        self.outer[key] = EmittedVariable(id_, Emitted(python.load(id_)), is_guarded=True)
        self.unsure.add(id_)
        return id_

    def read(self, variable: EmittedVariable, span: Span) -> Emitted:
        """Return code that reads a variable, which fails with E310 if it is not bound."""
        code = python.again(variable.known.code)
        if variable.id in self.unsure:
            name = self.unit.shown[variable.id]
            if variable.is_guarded:
                missing = ast.Compare(code, [ast.Is()], [python.load("UNBOUND")])
                failing = self.helper(not_bound, self.unit.constant(name), span=span)
                code = ast.IfExp(missing, failing, python.load(variable.id))
            else:
                python.located(code, self.unit.site(span, name=name))
            self.unsure.discard(variable.id)
        return evolve(variable.known, code=code)

    def are_bound(self, *names: str) -> bool:
        """Return whether variables have values here in any case."""
        return not any(self.variable(name).id in self.unsure for name in names)

    def passed(self, key: OuterVariable) -> ast.expr:
        """Return code that passes a variable to a function which reads it, bound or not."""
        variable = self.outer_variable(key)
        assert variable.is_guarded or variable.id not in self.unsure
        return python.load(variable.id)

    def decided(self, node: nodes.Expr) -> bool | None:
        """Return the value of a test that its types decide."""
        return self.tables.decided.get(node.node_id)

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Add a scope for the variables of a comprehension or lambda."""
        self.scopes.append({})
        try:
            yield
        finally:
            self.scopes.pop()


def meter(name: str) -> ast.Attribute:
    return python.attribute(python.load(METER), name)


def _name_of(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", "").strip("_<>")
