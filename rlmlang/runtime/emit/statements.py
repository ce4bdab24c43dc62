"""Emit statements."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from rlmlang.language import nodes
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.changes import assign_item, augmented
from rlmlang.runtime.emit.counting import count
from rlmlang.runtime.emit.emitter import STATEMENTS, Emitter, NotSmall
from rlmlang.runtime.emit.facts import STEP_BITS, Emitted
from rlmlang.runtime.emit.failures import NATURAL, coded
from rlmlang.runtime.emit.helpers import asserted, raised
from rlmlang.runtime.emit.loops import iterated, unpack
from rlmlang.runtime.emit.metering import charge
from rlmlang.runtime.exceptions import catches, message_of
from rlmlang.runtime.steps import CATCH, loop_steps


def block(e: Emitter, body: Sequence[nodes.Statement]) -> None:
    """Emit statements, but those that are never reached."""
    for statement in body:
        if statement.span.start in e.tables.unreached:
            return
        e.statement(statement)


def _body(e: Emitter, body: Sequence[nodes.Statement]) -> tuple[list[ast.stmt], set[str]]:
    """Emit the body of something, and return it with what may be unbound at its end."""
    emitted: list[ast.stmt] = []
    with e.within(emitted):
        block(e, body)
        unsure = e.unsure
    return emitted, unsure


def nothing(e: Emitter, node: nodes.Statement) -> None:
    """Emit nothing for a statement that has no effect when it is run."""


def expression(e: Emitter, node: nodes.ExprStatement) -> None:
    e.effects(node.value)


# Assignments


def assignment(e: Emitter, node: nodes.Assign) -> None:
    if count(e, node):
        return
    value = e.expr(node.value)
    if len(node.targets) > 1:
        value = e.simple(value)
    for target in node.targets:
        assign(e, target, value)


def annotated(e: Emitter, node: nodes.AnnotatedAssign) -> None:
    if node.value is not None:
        assign(e, node.name, e.expr(node.value))


def assign(e: Emitter, target: nodes.Target, value: Emitted) -> None:
    """Emit the assignment of a value to a target."""
    match target:
        case nodes.Name(id=name):
            if name in e.sums and (value.bits is None or value.bits > STEP_BITS):
                raise NotSmall(name)
            e.add(python.assign(e.bound(name, value), value.code))
        case nodes.Index():
            assign_item(e, target, e.simple(value))
        case nodes.TupleTarget():
            _unpack(e, target, value)


def _unpack(e: Emitter, target: nodes.TupleTarget, value: Emitted) -> None:
    """Emit unpacking. Elements that go into items of containers, or further tuples, are put into variables first."""
    value = e.simple(value)
    items = [each for each in target.items if isinstance(each, nodes.Name)]
    names = [item.id for item in items]
    if len(names) == len(target.items) and len({*names}) == len(names):
        stores = [e.bound(name, Emitted(value.code)) for name in names]
    else:
        stores = [e.unit.fresh("t") for _ in target.items]
    unpack(e, target, stores, python.again(value.code))
    if len(names) < len(target.items) or len({*names}) < len(names):
        for name, item in zip(stores, target.items):
            assign(e, item, Emitted(python.load(name)))


# Branches and loops


def branches(e: Emitter, node: nodes.If) -> None:
    _branch(e, node, 0)


def _branch(e: Emitter, node: nodes.If, i: int) -> None:
    if i == len(node.branches):
        block(e, node.orelse)
        return
    branch = node.branches[i]
    decided = e.decided(branch.test)
    if decided is not None:
        e.effects(branch.test)
        if decided:
            block(e, branch.body)
        else:
            _branch(e, node, i + 1)
        return
    test = e.expr(branch.test).code
    then, after_then = _body(e, branch.body)
    other: list[ast.stmt] = []
    with e.within(other):
        _branch(e, node, i + 1)
        after_other = e.unsure
    e.unsure = after_then | after_other
    e.add(python.when(test, then, other))


def for_loop(e: Emitter, node: nodes.For) -> None:
    iterable, element = iterated(e, node.iterable)
    body: list[ast.stmt] = []
    with e.nested(), e.within(body), e.loop():
        charge(e, loop_steps(node), node.iterable.span)
        if isinstance(node.target, nodes.Name):
            target: ast.expr = python.store(e.bound(node.target.id, element))
        else:
            name = e.unit.fresh("t")
            target = python.store(name)
            assign(e, node.target, Emitted(python.load(name)))
        block(e, node.body)
    e.add(ast.For(target, iterable, body, []))


def while_loop(e: Emitter, node: nodes.While) -> None:
    before, test = e.apart(node.test)
    body: list[ast.stmt] = []
    with e.nested(), e.within(body), e.loop():
        if before:
            e.extend(before)
            e.add(python.when(python.negated(test.code), [ast.Break()]))
        charge(e, loop_steps(node), node.test.span)
        block(e, node.body)
    e.add(ast.While(python.const(True) if before else test.code, body, []))


def leave(e: Emitter, node: nodes.Break | nodes.Continue) -> None:
    for _, name, nesting in e.caught:
        if name is not None and nesting >= e.loops:
            _unset(e, name)
    e.add(ast.Break() if isinstance(node, nodes.Break) else ast.Continue())
    e.unsure = set()


def give(e: Emitter, node: nodes.Return) -> None:
    value = python.const(None) if node.value is None else e.expr(node.value).code
    e.add(ast.Return(value))
    e.unsure = set()


# Exceptions


def assertion(e: Emitter, node: nodes.Assert) -> None:
    test = e.expr(node.test).code
    failing: list[ast.stmt] = []
    with e.within(failing):
        message = [] if node.message is None else [e.expr(node.message).code]
        e.add(ast.Expr(e.helper(asserted, *message, span=node.span)))
    e.add(python.when(python.negated(test), failing))


def throw(e: Emitter, node: nodes.Raise) -> None:
    if node.error is None:
        e.add(ast.Raise(python.load(e.caught[-1][0])))
        e.unsure = set()
        return
    kind = e.unit.constant(node.error.id)
    message = [] if node.message is None else [e.expr(node.message).code]
    e.add(ast.Expr(e.helper(raised, kind, *message, span=node.span)))
    e.unsure = set()


def guarded(e: Emitter, node: nodes.Try) -> None:
    before = e.unsure
    with e.nested():
        body, after = _body(e, node.body)
        error, natural = e.unit.fresh("x"), e.unit.fresh("x")
        found = python.call(e.unit.give("h", coded, "the coded error"), python.load(natural))
        caught: list[ast.stmt] = []
        with e.within(caught):
            after |= _handlers(e, node.handlers, error, before)
    e.unsure = after
    kinds = python.load(e.unit.give("h", NATURAL, "exceptions"))
    e.add(python.assign(error, python.const(None)))
    e.add(ast.Try(body or [ast.Pass()], [ast.ExceptHandler(kinds, natural, [python.assign(error, found)])], [], []))
    # Outside of Python's handler, since an error that is raised in one keeps the error that it handles.
    e.add(python.when(ast.Compare(python.load(error), [ast.IsNot()], [python.const(None)]), caught))


def _handlers(e: Emitter, handlers: Sequence[nodes.Handler], error: str, before: set[str]) -> set[str]:
    """Emit the handlers of a `try`, and return what may be unbound after them."""
    if not handlers:
        e.add(ast.Raise(python.load(error)))
        return set()
    handler, *rest = handlers
    names = python.load(e.unit.give("c", tuple(name.id for name in handler.errors), "classes of errors"))
    test = python.call(e.unit.give("h", catches, "catches"), names, python.load(error))
    then: list[ast.stmt] = []
    with e.within(then):
        e.unsure = set(before)
        charge(e, CATCH, handler.span)
        if handler.name is not None:
            text = python.call(e.unit.give("h", message_of, "message_of"), python.load(error))
            e.add(python.assign(e.bound(handler.name.id, Emitted(text)), text))
        e.caught.append((error, None if handler.name is None else handler.name.id, e.nesting))
        block(e, handler.body)
        e.caught.pop()
        if handler.name is not None:
            _unset(e, handler.name.id)
        after = e.unsure
    other: list[ast.stmt] = []
    with e.within(other):
        after |= _handlers(e, rest, error, before)
    e.add(python.when(test, then, other))
    return after


def _unset(e: Emitter, name: str) -> None:
    """Emit that the variable of a handler has no value any more."""
    variable = e.scopes[0][name]
    e.add(python.assign(variable.id, python.load("UNBOUND")))
    e.unsure.add(variable.id)


STATEMENTS |= {
    nodes.Input: nothing,
    nodes.Record: nothing,
    nodes.Function: nothing,
    nodes.Import: nothing,
    nodes.Pass: nothing,
    nodes.ExprStatement: expression,
    nodes.Assign: assignment,
    nodes.AnnotatedAssign: annotated,
    nodes.AugmentedAssign: augmented,
    nodes.If: branches,
    nodes.For: for_loop,
    nodes.While: while_loop,
    nodes.Break: leave,
    nodes.Continue: leave,
    nodes.Return: give,
    nodes.Assert: assertion,
    nodes.Raise: throw,
    nodes.Try: guarded,
}
