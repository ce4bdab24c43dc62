"""Follow branches and simple statements before a run."""

from __future__ import annotations

from rlmlang.errors import ModelError, RunError
from rlmlang.language import nodes
from rlmlang.runtime.estimate.blocks import Ways, block, fork
from rlmlang.runtime.estimate.changes import ChangedPlace
from rlmlang.runtime.estimate.changes import assign as assign_to
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.expressions import bounded
from rlmlang.runtime.estimate.flow import Flow
from rlmlang.runtime.estimate.follower import Follower
from rlmlang.runtime.estimate.intervals import UNKNOWN, Mixed, UnknownValue, all_known, plain, truth
from rlmlang.runtime.exceptions import RaisedError, catches, failed_assertion, message_of
from rlmlang.runtime.operators import CHANGING, OPERATORS
from rlmlang.runtime.steps import CATCH
from rlmlang.runtime.values import Value


def if_(follower: Follower, node: nodes.If, env: Env) -> Flow | None:
    ways = Ways(follower)
    unknown = 0
    for branch in node.branches:
        holds = truth(follower.value(branch.test, env))
        if holds:
            ways.add(block(follower, branch.body, env), env)
            break
        if holds is None:
            way = fork(follower, env)
            unknown += 1
            follower.conditions += 1  # from here on, also for the branches that follow
            ways.add(block(follower, branch.body, way), way)
    else:
        ways.add(block(follower, node.orelse, env), env)
    follower.conditions -= unknown
    return ways.go_on(env)


# Simple statements


def assign(follower: Follower, node: nodes.Assign, env: Env) -> None:
    value = follower.value(node.value, env)
    for target in node.targets:
        assign_to(follower, target, value, env)


def augmented_assign(follower: Follower, node: nodes.AugmentedAssign, env: Env) -> None:
    place = ChangedPlace(follower, node.target, env, node)
    before = place.value()
    is_container = isinstance(plain(before), (list, dict, set))  # which the operand may change before it is used
    operand = follower.value(node.value, env)
    place.change(lambda value: _combined(follower, node, value if is_container else before, operand, env))


def _combined(follower: Follower, node: nodes.AugmentedAssign, value: Value, operand: Value, env: Env) -> Value:
    """Return what is known of the value of the target after an augmented assignment, which may change it in place."""
    work = CHANGING.get((type(plain(value)), node.op))
    moves = node.op == "+" and isinstance(plain(value), list) and not isinstance(operand, UnknownValue)
    if not (moves or all_known(value, operand)):
        return bounded(follower, node, value, operand, follower.tables.types[node.value.node_id])
    if work is None:
        return follower.pure(node, OPERATORS[node.op], value, operand)
    value = env.changeable(value)
    do = follower.pure if all_known(value, operand) else follower.moved
    result = do(node, work, plain(value), plain(operand))
    return result if isinstance(result, UnknownValue) or all_known(value, operand) else Mixed(result)


def annotated_assign(follower: Follower, node: nodes.AnnotatedAssign, env: Env) -> None:
    if node.value is not None:
        env.bind(node.name.id, follower.value(node.value, env))


def expression(follower: Follower, node: nodes.ExprStatement, env: Env) -> None:
    follower.value(node.value, env)


def function(follower: Follower, node: nodes.Function, env: Env) -> None:
    assert env.owner is not None
    follower.parents[node.name.node_id] = env.owner


def nothing(follower: Follower, node: nodes.Statement, env: Env) -> None:
    """Follow a statement that evaluates nothing: what it declares was found by the check."""


def return_(follower: Follower, node: nodes.Return, env: Env) -> Flow:
    return Flow(returns=True, result=None if node.value is None else follower.value(node.value, env))


def break_(follower: Follower, node: nodes.Break, env: Env) -> Flow:
    return Flow(breaks=env)


def continue_(follower: Follower, node: nodes.Continue, env: Env) -> Flow:
    return Flow(continues=env)


def assert_(follower: Follower, node: nodes.Assert, env: Env) -> Flow | None:
    holds = truth(follower.value(node.test, env))
    if holds:
        return None
    if holds is None:
        if node.message is not None:
            with follower.maybe():
                follower.value(node.message, env)
        follower.may_fail()
        return None
    text = "" if node.message is None else follower.value(node.message, env)
    return _fails(follower, failed_assertion(text if isinstance(text, str) else ""), node)


def raise_(follower: Follower, node: nodes.Raise, env: Env) -> Flow:
    text = "" if node.message is None else follower.value(node.message, env)
    kind = "" if node.error is None else node.error.id
    return _fails(follower, RaisedError.make(kind, text if isinstance(text, str) else ""), node)


def _fails(follower: Follower, error: RunError, node: nodes.Statement) -> Flow:
    """End a way with an error, which ends the run if the way is taken in any case."""
    if follower.sure:
        raise error.at(node.span)
    follower.may_fail()
    return Flow()


def try_(follower: Follower, node: nodes.Try, env: Env) -> Flow | None:
    ways = Ways(follower)
    go_back = follower.mark()
    outer, seen = env.seen, dict[str, Value]()
    env.seen = seen
    follower.failures.append(False)
    failed = False
    try:
        after = block(follower, node.body, env)
        failed = follower.failures.pop()
        follower.conditions -= failed
        ways.add(after, env)
    except (RunError, ModelError) as error:
        handler = next((each for each in node.handlers if catches([name.id for name in each.errors], error)), None)
        if handler is None:
            raise
        go_back()
        env.seen = None
        _handle(follower, handler, env, ways, message_of(error))
    finally:
        env.seen = outer
        for name, value in seen.items():
            env.see(name, value)
    if failed:
        for handler in node.handlers:
            way = fork(follower, env)
            way.variables |= seen  # each as it may be wherever the body fails
            with follower.maybe():
                _handle(follower, handler, way, ways, UNKNOWN)
        if not any(catches([name.id for name in handler.errors], _ANY) for handler in node.handlers):
            follower.may_fail()
    return ways.go_on(env)


_ANY = RunError.of("E300", "")


def _handle(follower: Follower, handler: nodes.Handler, env: Env, ways: Ways, message: Value) -> None:
    follower.charge(CATCH)
    if handler.name is not None:
        env.bind(handler.name.id, message)
    ways.add(block(follower, handler.body, env), env)
