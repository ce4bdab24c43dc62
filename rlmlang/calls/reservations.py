"""What is reserved for a generation, in one process, or in a budget that several spend from."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from attrs import frozen

from rlmlang.calls.prices import Price
from rlmlang.errors import BudgetError


@frozen(eq=False)
class Reservation:
    """What is reserved for one generation."""

    prompt_tokens: int
    completion_tokens: int
    """The tokens granted: all that were requested, or as many as are left."""
    price: Price | None
    """The price of the model that generates; None if it is not known."""
    cost: Decimal
    """US dollars; 0 if no price is known."""
    short: BudgetError | None
    """The error to raise when the answer does not fit, if fewer tokens were granted than requested."""
    number: int = 0
    """What the budget of several processes knows it by."""


class SharedBudget(Protocol):
    """A budget that several processes spend from."""

    async def reserve(self, prompt_tokens: int, completion_tokens: int, price: Price | None) -> Reservation:
        """Reserve a generation, waiting if need be. Raises BudgetError."""
        ...

    def settle(
        self, reserved: Reservation, spent: tuple[int, int, int] | None, called: bool, charged: Decimal | None
    ) -> None:
        """Replace a reservation by what was spent, see `Account.settle`."""
        ...
