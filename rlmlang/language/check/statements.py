"""The rules for statements: one function for each kind."""

from __future__ import annotations

from collections.abc import Sequence

from rlmlang.language import nodes
from rlmlang.language.check import bindings, functions, imports, loops, records
from rlmlang.language.check.annotations import resolve
from rlmlang.language.check.flow import State, joined, where_it_fails
from rlmlang.language.check.inference import Inference, facts
from rlmlang.language.check.problems import did_you_mean
from rlmlang.language.check.scope import ScopeEntry, Unbound, Variable
from rlmlang.language.check.unreachable import leave_out, misplaced
from rlmlang.language.types import FLOAT, INT, NONE, STR, fits
from rlmlang.runtime.exceptions import CAUGHT, RAISED


def statement(check: Inference, node: nodes.Statement) -> None:
    """Check one statement, if it can be reached."""
    if not check.body.reachable:
        leave_out(check, (node,))
        return
    check.tables.unreached.discard(node.span.start)
    _check(check, node)


def _check(check: Inference, node: nodes.Statement) -> None:
    match node:
        case nodes.ExprStatement():
            check.infer(node.value)
        case nodes.Assign():
            bindings.assigned(check, node)
        case nodes.AugmentedAssign():
            bindings.augmented(check, node)
        case nodes.AnnotatedAssign():
            bindings.annotated(check, node)
        case nodes.If():
            _if(check, node)
        case nodes.For():
            loops.for_loop(check, node)
        case nodes.While():
            loops.while_loop(check, node)
        case nodes.Return():
            _return(check, node)
        case nodes.Break() | nodes.Continue():
            loops.leave_turn(check, node)
        case nodes.Try():
            _try(check, node)
        case nodes.Raise():
            _raise(check, node)
        case nodes.Assert():
            _assert(check, node)
        case nodes.Function():
            function(check, node)
        case nodes.Record():
            records.record(check, node)
        case nodes.Input():
            input_(check, node)
        case nodes.Import():
            imports.import_(check, node)
        case nodes.Pass() | nodes.HostBody():
            pass


# Definitions ----------------------------------------------------------------------


def function(check: Inference, node: nodes.Function) -> None:
    """Check a `def`; its body is checked for the types that the function is applied to."""
    imports.decorators(check, node, "functools")
    definition = functions.define(check, node)
    if check.names.bind(node.name, definition):
        functions.check_early(check, definition)


def input_(check: Inference, node: nodes.Input) -> None:
    before = check.names.scope.entries.get(node.name.id)
    if isinstance(before, Variable):
        notes = [("first bound here", before.span)]
        check.problems.error("E201", f"`{node.name.id}` is already bound", node.name.span, None, notes)
    type_ = resolve(node.type, check.names)
    if node.default is not None:
        if check.is_constant(node.default):
            check.expect(node.default, type_, "the default")
        else:
            check.problems.error("E224", "the default of an input must be a constant", node.default.span)
    bindings.assign(check, node.name, type_)


# Branches ------------------------------------------------------------------------


def _if(check: Inference, node: nodes.If) -> None:
    body = check.body
    ends: list[State | None] = []
    for branch in node.branches:
        if not body.reachable:
            leave_out(check, branch.body)
            continue
        truth = check.test(branch.test)
        before = body.state()
        if truth is False:
            leave_out(check, branch.body)
        else:
            check.names.narrow(facts(check, branch.test, True))
            check.block(branch.body)
            ends.append(body.state())
        body.go_on(None if truth is True else before)
        if truth is not True:
            check.names.narrow(facts(check, branch.test, False))
    check.block(node.orelse)
    body.go_on(joined((*ends, body.state())))


def _assert(check: Inference, node: nodes.Assert) -> None:
    truth = check.test(node.test)
    if node.message is not None:
        with check.names.inside("facts", facts(check, node.test, False)):
            check.infer(node.message)
    if truth is False:
        check.body.leave()
    else:
        check.names.narrow(facts(check, node.test, True))


# Leaving a body --------------------------------------------------------------------


def _return(check: Inference, node: nodes.Return) -> None:
    body = check.body
    if not body.is_function:
        misplaced(check, node)
        return
    if node.value is None:
        if body.declared is not None and not fits(NONE, body.declared):
            check.problems.error("E227", f"the result is None; expected {body.declared}", node.span)
        functions.add_result(check, NONE, node.span)
    elif body.declared == INT and body.has_infinity and check.infer(node.value) == FLOAT:
        body.whole.add(node.span.start)
        functions.add_result(check, INT, node.span)
    elif body.declared is not None:
        functions.add_result(check, check.expect(node.value, body.declared, "the result", "E227"), node.span)
    else:
        functions.add_result(check, check.infer(node.value), node.span)
    body.leave()


def _raise(check: Inference, node: nodes.Raise) -> None:
    if node.error is None:
        if not check.body.handlers:
            message, hint = "there is no error here to raise again", 'write `raise ValueError("…")`'
            check.problems.error("E114", message, node.span, hint)
    else:
        _error(check, node.error, RAISED)
    if node.message is not None:
        check.expect(node.message, STR, "the message")
    check.body.leave()


def _error(check: Inference, error: nodes.Name, known: Sequence[str]) -> None:
    """Check the name of an error, which must be one of those known, and must not be bound to anything else here."""
    if check.names.cannot_be_resolved(error.id):
        return  # its definition has an error
    if error.id not in known:
        listed = f"errors are {', '.join(known)}"
        check.problems.error("E200", f"unknown error `{error.id}`", error.span, did_you_mean(error.id, known, listed))
    elif check.names.is_bound(error.id):
        message = f"`{error.id}` is no error here, since the program binds the name"
        check.problems.error("E200", message, error.span, "use another name where it is bound")


def _try(check: Inference, node: nodes.Try) -> None:
    body = check.body
    before = State.of(body.scope)
    bound: dict[str, list[ScopeEntry]] = {}
    body.scope.tried.append(bound)
    check.block(node.body)
    body.scope.tried.pop()
    failed = where_it_fails(before, bound)
    ends = [body.state()]
    for handler in node.handlers:
        body.go_on(failed)
        for error in handler.errors:
            _error(check, error, CAUGHT)
        if handler.name is not None:
            bindings.assign(check, handler.name, STR)
        body.handlers += 1
        check.block(handler.body)
        body.handlers -= 1
        if handler.name is not None and body.reachable:
            body.scope.set(handler.name.id, Unbound(handler.name.span))
        ends.append(body.state())
    body.go_on(joined(ends))
