"""Emit small functions in place of their applications: those whose body is assignments, branches and results."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rlmlang.language import nodes
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.types import FunctionType
from rlmlang.runtime.emit import python
from rlmlang.runtime.emit.emitter import Emitter
from rlmlang.runtime.emit.facts import Emitted
from rlmlang.runtime.emit.metering import charge
from rlmlang.runtime.emit.variables import bindings
from rlmlang.runtime.steps import function_steps

MAX_PARTS = 48
"""The most steps of an application that is emitted in place."""

MAX_INSIDE = 2
"""How many functions that are emitted in place may be inside of each other."""


def is_small(function: CheckedFunction) -> bool:
    """Return whether a function can be emitted in place."""
    node = function.node
    return (
        not (function.is_recursive or function.makes_calls or function.prints or function.keeps_results)
        and function_steps(node) <= MAX_PARTS
        and not any(isinstance(param, FunctionType) for param in function.params)
        and _always_returns(function, node.body)
    )


def _always_returns(function: CheckedFunction, body: Sequence[nodes.Statement]) -> bool:
    """Return whether a body is assignments, and branches that end with a result, up to a result."""
    for statement in body:
        match statement:
            case _ if statement.span.start in function.tables.unreached:
                return False
            case nodes.Return():
                return True
            case nodes.If(branches=branches, orelse=orelse):
                if not all(_always_returns(function, branch.body) for branch in branches):
                    return False
                if orelse:
                    return _always_returns(function, orelse)
            case nodes.Assign(targets=(nodes.Name(),)) | nodes.AnnotatedAssign() | nodes.ExprStatement() | nodes.Pass():
                pass
            case nodes.AugmentedAssign(target=nodes.Name()):
                pass
            case _:
                return False
    return False


def emit_in_place(e: Emitter, function: CheckedFunction, args: list[Emitted]) -> Emitted | None:
    """Emit the body of a small function, whose arguments are emitted; None if it is not small."""
    if e.inside == MAX_INSIDE or not is_small(function):
        return None
    node = function.node
    outer = {key: e.outer_variable(key) for key in sorted(function.reads)}
    args = [e.simple(arg) for arg in args]
    charge(e, function_steps(node), node.name.span)
    with _body_of(e, function):
        e.outer = outer
        counts = bindings(node.body)
        for param, arg in zip(node.params, args):
            if param.name.id in counts:
                e.add(python.assign(e.declare(param.name.id), arg.code))
            else:
                e.alias(param.name.id, arg)
        for name in counts:
            if name not in e.scopes[0]:
                e.unsure.add(e.declare(name))
        e.single = {name for name, count in counts.items() if count == 1}
        return _result(e, node.body)


@contextmanager
def _body_of(e: Emitter, function: CheckedFunction) -> Iterator[None]:
    """Emit the body of another function, in the block of the one that applies it."""
    names = ("tables", "own", "surroundings", "scopes", "functions", "outer", "single", "sums", "caught", "inside")
    before = [getattr(e, name) for name in names]
    e.tables, e.own, e.surroundings = function.tables, function.node.name.node_id, e.unit.around(function)
    e.scopes, e.functions, e.sums, e.caught, e.inside = [{}], {}, set(), [], e.inside + 1
    try:
        yield
    finally:
        for name, value in zip(names, before):
            setattr(e, name, value)


def _result(e: Emitter, body: Sequence[nodes.Statement]) -> Emitted:
    """Emit statements that end with a result, and return it."""
    for i, node in enumerate(body):
        match node:
            case nodes.Return(value=value):
                return Emitted(python.const(None)) if value is None else e.expr(value)
            case nodes.If():
                return _branch(e, node, 0, body[i + 1 :])
            case _:
                e.statement(node)
    raise AssertionError("a body without a result")


def _branch(e: Emitter, node: nodes.If, i: int, after: Sequence[nodes.Statement]) -> Emitted:
    if i == len(node.branches):
        return _result(e, node.orelse or after)
    branch = node.branches[i]
    if (decided := e.decided(branch.test)) is not None:
        e.effects(branch.test)
        return _result(e, branch.body) if decided else _branch(e, node, i + 1, after)
    test = e.expr(branch.test).code
    then_block: list[ast.stmt] = []
    other_block: list[ast.stmt] = []
    with e.sometimes(), e.within(then_block):
        then = _result(e, branch.body)
    with e.sometimes(), e.within(other_block):
        other = _branch(e, node, i + 1, after)
    return e.choice(test, (then_block, then), (other_block, other))
