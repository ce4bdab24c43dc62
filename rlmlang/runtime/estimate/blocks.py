"""Follow blocks of statements before a run: ways that part where only the run decides, and meet again.

A statement changes the environment it is given. Where it may leave its block, it returns a Flow; None stands for
going on to the next statement in any case.
"""

from __future__ import annotations

from rlmlang.language import nodes
from rlmlang.runtime.estimate.environment import Env, join
from rlmlang.runtime.estimate.flow import Flow
from rlmlang.runtime.estimate.follower import Follower


def block(follower: Follower, body: tuple[nodes.Statement, ...], env: Env) -> Flow | None:
    """Follow statements one after the other. What comes after one that may leave the block is not sure."""
    flow: Flow | None = None
    unsure = False
    for statement in body:
        if statement.span.start in follower.tables.unreached:
            flow = flow or Flow()
            flow.goes_on = False
            break
        after = follower.statement(statement, env)
        if after is None:
            continue
        flow = flow or Flow(True)
        flow.add_exits(after)
        if not after.goes_on:
            flow.goes_on = False
            break
        if after.leaves and not unsure:
            unsure = True
            follower.conditions += 1
    follower.conditions -= unsure
    return flow


class Ways:
    """The ways from one statement: where they leave it, and the variables with which they come to the next one."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.flow = Flow()
        self.end: Env | None = None

    def add(self, after: Flow | None, env: Env) -> None:
        """Add a way that was followed in an environment."""
        if after is not None:
            self.flow.add_exits(after)
        if after is None or after.goes_on:
            self.meet(env.leave())

    def add_turn(self, after: Flow, env: Env) -> Env | None:
        """Add a turn of a loop. Returns the variables with which the next turn begins, None if none can follow."""
        self.flow.add_result(after)
        if after.breaks is not None:
            self.meet(after.breaks)
        return join(env.leave() if after.goes_on else None, after.continues)

    def meet(self, env: Env) -> None:
        """Add a way that comes to the next statement."""
        if self.end is not None:
            self.follower.meter.charge(_steps(env))
        self.end = join(self.end, env)

    def go_on(self, env: Env) -> Flow | None:
        """Return where the statement leads, and continue in its environment with all ways that come to its end."""
        if self.end is not None:
            self.flow.goes_on = True
            env.become(self.end)
        return None if self.flow.goes_on and not self.flow.leaves else self.flow


def fork(follower: Follower, env: Env) -> Env:
    """Return a copy of an environment, which takes work as large as that is."""
    follower.meter.charge(_steps(env))
    return env.fork()


def _steps(env: Env) -> int:
    """Return the steps that it takes to copy an environment, or to join it with another."""
    return 4 + len(env.variables) // 16
