"""One budget for all workers of a cluster: an actor keeps it, and every call reserves there what it may take.

A worker reserves before it generates and settles after, as in `rlmlang.calls.budget`, so no limit is ever exceeded.
What a worker has reserved when it dies counts as spent: the calls may have been charged for. (Decision 135.)
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from decimal import Decimal
from itertools import count
from time import monotonic
from typing import Any

from attrs import evolve

from rlmlang.calls.budget import Account, Usage
from rlmlang.calls.limits import Limits
from rlmlang.calls.prices import Price
from rlmlang.calls.reservations import Reservation
from rlmlang.errors import BudgetError, UsageError

BEAT = 2.0
"""Seconds between two signs of life of a worker."""

SILENCE = 20.0
"""A worker that gives no sign of life for so many seconds is taken for dead."""


class BudgetKeeper:
    """The budget of all workers, an actor of Ray with one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._account = Account(limits)
        if limits.max_cost is not None:
            self._account.usage.cost = Decimal(0)  # workers refuse models without a price
        self._open: defaultdict[str, dict[int, Reservation]] = defaultdict(dict)
        """By worker and number."""
        self._withdrawn: defaultdict[str, set[int]] = defaultdict(set)
        """The numbers of what is not needed any more, and was not granted by then."""
        self._seen: dict[str, float] = {}

    async def reserve(
        self, worker: str, number: int, prompt_tokens: int, completion_tokens: int, price: Price | None
    ) -> Reservation | BudgetError:
        """Reserve a generation for a worker, under a number of the worker's own; an error is returned."""
        self.beat(worker)
        try:
            granted = await self._account.reserve(prompt_tokens, completion_tokens, price)
        except BudgetError as error:
            return error
        if number in self._withdrawn[worker] or worker not in self._seen:
            self._withdrawn[worker].discard(number)
            self._account.settle(granted, None, called=False)
        else:
            self._open[worker][number] = granted
        return granted

    def settle(
        self, worker: str, number: int, spent: tuple[int, int, int] | None, called: bool, charged: Decimal | None
    ) -> None:
        """Settle what a worker has reserved, unless that was done when it was taken for dead."""
        if (reserved := self._open[worker].pop(number, None)) is not None:
            self._account.settle(reserved, spent, called=called, charged=charged)
        elif worker in self._seen and not called:
            self._withdrawn[worker].add(number)

    def beat(self, worker: str) -> None:
        """Record that a worker lives, and settle what those have reserved that do not."""
        now = monotonic()
        self._seen[worker] = now
        for each in [each for each, seen in self._seen.items() if now - seen > SILENCE]:
            del self._seen[each]
            self._withdrawn.pop(each, None)
            for reserved in self._open.pop(each, {}).values():
                self._account.settle(reserved, None)

    def usage(self) -> Usage:
        """Return what all workers have spent."""
        return self._account.usage


class KeptBudget:
    """The budget of all workers, as one of them sees it."""

    def __init__(self, keeper: Any, worker: str) -> None:
        self._keeper, self._worker = keeper, worker
        self._numbers = count(1)
        self._beating: asyncio.Task[None] | None = None

    async def reserve(self, prompt_tokens: int, completion_tokens: int, price: Price | None) -> Reservation:
        """Reserve a generation. Raises BudgetError E501, E503, E504 or E509; UsageError E614 if the keeper is gone."""
        if self._beating is None:
            self._beating = asyncio.ensure_future(self._beat())
        number = next(self._numbers)
        try:
            found = await self._keeper.reserve.remote(self._worker, number, prompt_tokens, completion_tokens, price)
        except asyncio.CancelledError:
            self._keeper.settle.remote(self._worker, number, None, False, None)
            raise
        except Exception as error:  # of Ray, which is not imported here
            message = f"the budget of all workers was lost: {error}".partition("\n")[0]
            raise UsageError.of("E614", message, hint="begin again with --resume") from error
        if isinstance(found, BudgetError):
            raise found
        assert isinstance(found, Reservation)
        return evolve(found, number=number)

    def settle(
        self, reserved: Reservation, spent: tuple[int, int, int] | None, called: bool, charged: Decimal | None
    ) -> None:
        """Tell the keeper what a generation has really taken."""
        self._keeper.settle.remote(self._worker, reserved.number, spent, called, charged)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            self._keeper.beat.remote(self._worker)
