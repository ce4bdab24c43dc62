"""Follow comprehensions before a run, and generators in `any` and `all`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rlmlang.language import nodes
from rlmlang.runtime.emit.helpers import set_from
from rlmlang.runtime.estimate.changes import assign, forget_changes, unsure_changes
from rlmlang.runtime.estimate.environment import Env
from rlmlang.runtime.estimate.follower import Follower
from rlmlang.runtime.estimate.intervals import (
    UNKNOWN,
    UnknownValue,
    all_known,
    build,
    elements_of,
    product,
    truth,
)
from rlmlang.runtime.steps import turn_steps
from rlmlang.runtime.values import Value


def comprehension(follower: Follower, node: nodes.Comprehension, env: Env) -> Value:
    out: list[Value] = []
    low, high = clauses(
        follower,
        node,
        follower.fact(turn_steps, node),
        0,
        env,
        lambda inner: out.append(element(follower, node, inner)),
    )
    if node.kind in ("list", "generator"):
        return build(out, list) if low == high == len(out) else follower.unknown(low, high)
    if low == high == len(out):
        if node.key is not None:
            return follower.dict_of(node, out)
        if all_known(*out):
            return follower.pure(node, set_from, out)
    return follower.unknown(min(low, 1), high)


def element(follower: Follower, node: nodes.Comprehension, env: Env) -> Value:
    if node.key is None:
        return follower.value(node.element, env)
    return follower.value(node.key, env), follower.value(node.element, env)


def clauses(
    follower: Follower,
    node: nodes.Comprehension,
    steps: list[int],
    level: int,
    env: Env,
    emit: Callable[[Env], object],
) -> tuple[float, float]:
    """Follow the clauses from a given one on. Returns the bounds on the number of elements.

    `steps` are those of a turn of each `for` from there on.
    """
    if level == len(node.clauses):
        emit(env)
        return 1, 1
    clause = node.clauses[level]
    if isinstance(clause, nodes.IfClause):
        holds = truth(follower.value(clause.test, env))
        if holds is not None:
            return clauses(follower, node, steps, level + 1, env, emit) if holds else (0, 0)
        with follower.maybe(), unsure_changes(follower, node, env):
            _, high = clauses(follower, node, steps, level + 1, env, emit)
        return 0, high
    turn, later = steps[0], steps[1:]
    items = follower.value(clause.iterable, env)
    if isinstance(items, UnknownValue):
        if items.high <= 0:
            return 0, 0
        with follower.maybe(items.high, items.low >= 1), unsure_changes(follower, node, env):
            follower.charge(turn)
            inner = Env({}, env)
            assign(follower, clause.target, UNKNOWN, inner)
            low, high = clauses(follower, node, later, level + 1, inner, emit)
        # one element was emitted, whatever the count: with both bounds 1 it would be taken for the whole list
        return low * max(items.low, 0), max(product(high, items.high), 1.5 if items.high == 1 else 0)
    lows, highs = 0.0, 0.0
    for item in items if isinstance(items, range) else elements_of(items):
        follower.charge(turn)
        inner = Env({}, env)
        assign(follower, clause.target, item, inner)
        low, high = clauses(follower, node, later, level + 1, inner, emit)
        lows, highs = lows + low, highs + high
    return lows, highs


def quantifier(follower: Follower, generator: nodes.Comprehension, stop: bool, env: Env) -> Value:
    """Follow `any` or `all` of a generator, which stop at the first element whose truth is `stop`."""

    def decides(value: Value) -> bool | None:
        holds = truth(value)
        return None if holds is None else holds is stop

    sure, ends = _searched(follower, generator, decides, env)
    if sure:
        return stop
    return not stop if ends else UNKNOWN


def first_element(
    follower: Follower, generator: nodes.Comprehension, defaults: Sequence[nodes.Expr], env: Env
) -> Value:
    """Follow `next` of a generator, which stops at the first element."""
    sure, _ = _searched(follower, generator, lambda value: True, env)
    if sure:
        return UNKNOWN
    with follower.maybe():
        for default in defaults:
            follower.value(default, env)
    if not defaults:
        follower.may_fail()
    return UNKNOWN


def _searched(
    follower: Follower, generator: nodes.Comprehension, decides: Callable[[Value], bool | None], env: Env
) -> tuple[bool, bool]:
    """Follow a search through the elements of a generator, up to the first that decides it.

    Returns whether one surely does, and whether surely none does.
    """
    outer, follower.sites = follower.sites, set()
    before = follower.conditions
    decided = unsure = False

    def emit(inner: Env) -> None:
        nonlocal decided, unsure
        holds = decides(follower.value(generator.element, inner))
        if holds is False:
            return
        decided = decided or (holds is True and follower.conditions == before)
        if not unsure:
            unsure = True
            follower.conditions += 1  # the elements after it may not be evaluated

    low, high = clauses(follower, generator, follower.fact(turn_steps, generator), 0, env, emit)
    if unsure:
        forget_changes(follower, generator, env)
        follower.conditions -= 1
        if high > 1:
            follower.tally.sequential |= follower.sites
    follower.sites |= outer
    return decided, not unsure and low == high
