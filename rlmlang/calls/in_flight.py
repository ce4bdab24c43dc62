"""A call in flight: asked by a program, and not answered yet."""

from __future__ import annotations

import asyncio

from attrs import define, field

from rlmlang.calls.budget import Account
from rlmlang.runtime.call_site import CallSite, InFlight
from rlmlang.runtime.pending import Pending
from rlmlang.runtime.values import Value
from rlmlang.trace.recorder import CallRecord


@define(eq=False)
class CallInFlight(InFlight):
    """A call in flight: its arguments, the account it is paid from, and its record in the trace."""

    key: bytes
    site: CallSite
    args: tuple[Value, ...]
    """Plain values, the instruction first."""
    sample: int
    level: int
    record: CallRecord
    account: Account
    """The account that pays for it and the calls below it."""
    below: list[CallInFlight] = field(factory=list)
    """The calls that it waits for or has waited for, where its level may still change."""
    task: asyncio.Task[None] | None = None
    """The task that makes it now."""
    given_up: bool = False
    result: Pending | None = None
    """The value of the program that answers it, while that runs."""
    askers: list[int | None] = field(factory=list)
    """The calls whose programs have asked for it, by the numbers of their records; None for the program of the run."""
