"""Follow loops before a run: turn by turn while it is known that there is one more, and else all turns at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from rlmlang.language import nodes
from rlmlang.runtime.estimate.blocks import Ways, block, fork
from rlmlang.runtime.estimate.changes import assign, changed_names
from rlmlang.runtime.estimate.emitted import run_loop
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.flow import Flow
from rlmlang.runtime.estimate.follower import Follower
from rlmlang.runtime.estimate.functions import makes_calls
from rlmlang.runtime.estimate.intervals import UNKNOWN, UnknownValue, bounds_of, elements_of, truth
from rlmlang.runtime.steps import loop_steps
from rlmlang.runtime.values import Value

UNROLLED = 1_000
"""The most turns over an unknown number of items that are followed one by one."""


def for_(follower: Follower, node: nodes.For, env: Env) -> Flow | None:
    return _loop(follower, node, env, lambda: _for_turns(follower, node, env))


def while_(follower: Follower, node: nodes.While, env: Env) -> Flow | None:
    return _loop(follower, node, env, lambda: _while_turns(follower, node, env))


def _loop(follower: Follower, node: nodes.For | nodes.While, env: Env, follow: Callable[[], Ways]) -> Flow | None:
    """Follow a loop, with no more than a share of the steps if it makes no calls."""
    if follower.is_shared or follower.fact(makes_calls, node, follower.tables):
        return follow().go_on(env)
    if id(node) in follower.heavy:
        if not run_loop(follower, node, env):
            env.widen(follower.fact(changed_names, node, follower.tables))  # it may have changed some of them
            return _all_turns(follower, node, 0, inf, env).go_on(env)
        return None
    before = fork(follower, env)

    def follow_from_start() -> Ways:
        env.become(before.fork())
        return follow()

    def run() -> list[Ways]:
        env.become(before.fork())
        if not run_loop(follower, node, env):
            return []
        ways = Ways(follower)
        ways.meet(env.leave())
        return [ways]

    def follow_at_once() -> Ways:
        env.become(before.fork())
        if isinstance(node, nodes.For):
            env.widen(follower.fact(changed_names, node.iterable, follower.tables))
        return _all_turns(follower, node, 0, inf, env)

    return follower.shared(node, follow_from_start, follow_at_once, run).go_on(env)


def _for_turns(follower: Follower, node: nodes.For, env: Env) -> Ways:
    items = follower.value(node.iterable, env)
    low, high = bounds_of(items)
    if high <= 0:
        ways = Ways(follower)
        ways.meet(env.leave())
        return ways
    outer, follower.sites = follower.sites, set()
    before = follower.unrolled
    if not isinstance(items, UnknownValue):
        known = items if isinstance(items, range) else elements_of(items)
        ways = _each_turn(follower, node, known, len(known), env)
    elif high * before > UNROLLED:
        ways = _all_turns(follower, node, low, high, env)
    else:
        follower.unrolled *= high
        ways = _each_turn(follower, node, [UNKNOWN] * int(high), low, env)
        follower.unrolled = before
    follower.sites |= outer
    return ways


def _each_turn(follower: Follower, node: nodes.For, items: Sequence[Value], least: float, env: Env) -> Ways:
    """Follow a turn for each item, of which there are at least so many."""
    ways = Ways(follower)
    steps = follower.fact(loop_steps, node)
    unsure = may_be_left = False
    for turn, item in enumerate(items):
        if turn >= least:
            ways.meet(fork(follower, env))
        if (turn >= least or may_be_left) and not unsure:
            unsure = True
            follower.conditions += 1
        if may_be_left:
            follower.tally.sequential |= follower.sites
        follower.charge(steps)
        assign(follower, node.target, item, env)
        after = block(follower, node.body, env)
        if after is None:
            continue
        next_turn = ways.add_turn(after, env)
        if next_turn is None:
            break
        env.become(next_turn)
        may_be_left = may_be_left or after.leaves_loop
    else:
        ways.meet(env.leave())
    follower.conditions -= unsure
    return ways


def _while_turns(follower: Follower, node: nodes.While, env: Env) -> Ways:
    ways = Ways(follower)
    steps = follower.fact(loop_steps, node)
    while True:
        holds = truth(follower.value(node.test, env))
        if holds is False:
            ways.meet(env.leave())
            return ways
        if holds is None:
            return _all_turns(follower, node, 0, inf, env, ways)
        follower.charge(steps)
        after = block(follower, node.body, env)
        if after is None:
            continue
        next_turn = ways.add_turn(after, env)
        if next_turn is None:
            return ways
        env.become(next_turn)
        if after.leaves_loop:
            return _all_turns(follower, node, 0, inf, env, ways)


def _all_turns(
    follower: Follower, node: nodes.For | nodes.While, low: float, high: float, env: Env, ways: Ways | None = None
) -> Ways:
    """Follow one turn that stands for all: what any of them may change is unknown.

    With `ways`, those that left the loop before are among them.
    """
    ways = ways or Ways(follower)
    if low < 1 and isinstance(node, nodes.For):
        ways.meet(fork(follower, env))
    env.widen(follower.fact(changed_names, node, follower.tables))
    with follower.maybe(high, low >= 1):
        if isinstance(node, nodes.For):
            assign(follower, node.target, UNKNOWN, env)
        elif not truth(follower.value(node.test, env)):
            ways.meet(fork(follower, env))
        follower.charge(follower.fact(loop_steps, node))
        after = block(follower, node.body, env)
    if after is not None and after.leaves_loop:
        follower.tally.sequential |= follower.sites
    if isinstance(node, nodes.For):
        end = env.leave() if after is None else ways.add_turn(after, env)
        if end is not None:
            ways.meet(end)
    elif after is not None:
        ways.add_turn(after, env)
    return ways
