"""The account that the whole call tree of a run spends from, within its limits (decision 30).

Before each generation, the most that it can take is reserved; afterwards, what it really took is settled.
A call that would not fit beside open reservations waits until they are settled, since most take less than
they reserved. So a limit is never exceeded, nor reached too early.

A call that a program answers may be limited to a share of what its caller may spend. It then has an account
of its own below the caller's; it and the calls below it are reserved and settled in both, and in all above.
So has each row of a data set, below the account of all rows.
"""

from __future__ import annotations

import asyncio
from collections import deque
from decimal import Decimal

from attrs import asdict, define, evolve, field, frozen

from rlmlang.calls.limit_messages import LIMIT_CODES, cut_off, of_row, too_expensive, too_long
from rlmlang.calls.limits import Limits
from rlmlang.calls.prices import Price, no_price
from rlmlang.calls.reservations import Reservation, SharedBudget
from rlmlang.calls.roles import Roles
from rlmlang.errors import BudgetError
from rlmlang.language.source import Span
from rlmlang.runtime.meter import Meter


@define
class Usage:
    """What a run has spent."""

    calls: int = 0
    memo_hits: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    cached_tokens: int = 0
    """Those of the prompts' tokens that the engine had in its cache."""
    cost: Decimal | None = None
    """US dollars; None if an answer had no known price, and the server did not say what it cost."""
    steps: int = 0
    """Steps of pure work."""
    bytes: int = 0
    """The size of the largest value."""
    function_calls: int = 0
    """Calls of functions of the host."""

    def to_json(self) -> dict[str, float | None]:
        cost = None if self.cost is None else float(self.cost)
        return asdict(self) | {"seconds": round(self.seconds, 3), "cost": cost}


@frozen
class Caps:
    """What one account may spend in all. None means no limit."""

    calls: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: Decimal | None

    @classmethod
    def of(cls, limits: Limits) -> Caps:
        cost = None if limits.max_cost is None else Decimal(str(limits.max_cost))
        return cls(limits.max_calls, limits.max_prompt_tokens, limits.max_completion_tokens, cost)

    def share(self, share: Decimal) -> Caps:
        """Return a share of each, but not less than one call or token."""

        def part(cap: int | None) -> int | None:
            return None if cap is None else min(cap, max(1, int(cap * share)))

        cost = None if self.cost is None else self.cost * share
        return Caps(part(self.calls), part(self.prompt_tokens), part(self.completion_tokens), cost)


@define(eq=False)
class Account:
    """What one run, or one call with those below it, has reserved and spent. The calls of a tree share it."""

    limits: Limits
    usage: Usage = field(factory=Usage)
    share_from: int = 1
    """The first level whose calls are limited to `max_share`."""
    call: tuple[str, Span] | None = None
    """The instruction and place of the call, if this is the account of one."""
    above: Account | None = None
    """The account of the program that makes the call, or of all rows."""
    shared: SharedBudget | None = None
    """What all processes spend from, if this is the account of one of several."""
    _caps: Caps = field()
    row: int | None = None
    """The number of the row of a data set, if this is the account of one."""
    meter: Meter = field()
    """Counts the pure work of the run or the row."""
    _chain: tuple[Account, ...] = field(init=False)
    """The account itself and those above it, up to the run's."""
    _runs: tuple[Account, ...] = field(init=False)
    """Those of them that are of no call: the run's, or the row's and that of all rows."""
    _reserved_prompt: int = 0
    _reserved_completion: int = 0
    _reserved_cost: Decimal = Decimal(0)
    _costs_are_known: bool = True
    """Whether each answer so far had a price, or the server said what it cost."""
    _open: int = 0
    """Reservations that are not settled yet."""
    _expected: int = 0
    """Calls that a program has asked for and that have not been reserved yet."""
    _waiting: deque[_Waiting] = field(factory=deque)  # decision 73
    """Requests that wait until reservations are settled, in order; only the run's account has any."""

    @_caps.default
    def _(self) -> Caps:
        return Caps.of(self.limits)

    @meter.default
    def _(self) -> Meter:
        return Meter(self.limits.max_steps, self.limits.max_bytes)

    def __attrs_post_init__(self) -> None:
        above = self.above
        self._chain = (self,) if above is None else (self, *above._chain)
        self._runs = self._chain if above is None else above._runs if self.call else (self, *above._runs)

    @property
    def of_row_number(self) -> int | None:
        """The number of the row that the account, or that of the program above the call, is of."""
        return self._runs[0].row

    def charge_for(self, roles: Roles) -> None:
        """Count money if the price of every model is known. Raises UsageError E608 if it is limited and one is not."""
        unpriced = [role.model for role in roles if role.price is None]
        if not unpriced:
            self.usage.cost = Decimal(0)
        elif self.limits.max_cost is not None:
            raise no_price(unpriced[0])

    def below(self, level: int, instruction: str, span: Span) -> Account:
        """Return the account for a call that a program answers: this one, if the call may spend all of it."""
        share = Decimal(str(self.limits.max_share))  # decision 70
        if share == 1 or level < self.share_from:
            return self
        caps = self._caps.share(share)
        usage = Usage(cost=None if self.usage.cost is None else Decimal(0))
        return Account(
            self.limits, usage, self.share_from, (instruction, span), self, caps=caps, row=None, meter=self.meter
        )

    def of_row(self, number: int, limits: Limits, caps: Caps) -> Account:
        """Return the account of a row of a data set, under limits of its own with their caps."""
        usage = Usage(cost=None if self.usage.cost is None else Decimal(0))
        return Account(limits, usage, self.share_from, None, self, caps=caps, row=number)

    def has_refused(self, error: BudgetError) -> bool:
        """Return whether a limit of this row is what ended it, and not one of another row that made an equal call."""
        first = error.first
        if first.code == "E506":
            return self.meter.steps > self.meter.max_steps
        return first.code != "E512" or first.message.startswith(of_row(self.row))

    def expect_call(self) -> None:
        """Count a call that will be reserved later, so that no program asks for calls without end.

        Raises BudgetError E501 if the run has no call left for it, E512 if its row has none.
        """
        for account in self._runs:
            limit = account.limits.max_calls
            if limit is not None and account.usage.calls + account._expected >= limit:
                raise account.no_calls_left()
        for account in self._runs:
            account._expected += 1

    def withdraw(self, form: str = "leaf") -> None:
        """Stop counting a call as expected: it has been reserved, or will not be made."""
        for account in self._runs:
            if form == "function":
                account.usage.function_calls -= 1
            else:
                account._expected -= 1

    def expect_function_call(self) -> None:
        """Count a call of a function of the host. Raises BudgetError E511 if the run has none left, E512 if its row."""
        for account in self._runs:
            limit = account.limits.max_function_calls
            if limit is not None and account.usage.function_calls >= limit:
                message = f"{limit:,} of {limit:,} calls of functions of the host are made"
                raise account.over("max_function_calls", message)
        for account in self._runs:
            account.usage.function_calls += 1

    def count_hit(self) -> None:
        """Count a call that was answered by an equal one."""
        for account in self._runs:
            account.usage.memo_hits += 1

    async def reserve(self, prompt_tokens: int, completion_tokens: int, price: Price | None = None) -> Reservation:
        """Reserve one generation at a price, waiting for others to be settled if need be.

        Raises BudgetError E501, E503, E504 or E509; E510 if the share of a call is exhausted.
        """
        granted = await self._granted(prompt_tokens, completion_tokens, price)
        if (shared := self._chain[-1].shared) is None:
            return granted
        try:
            found = await shared.reserve(prompt_tokens, granted.completion_tokens, price)
        except BaseException:
            self._replace(granted, None, called=False)
            raise
        for account in self._chain:
            account._reserved_completion -= granted.completion_tokens - found.completion_tokens
            account._reserved_cost -= granted.cost - found.cost
        return evolve(found, short=found.short or granted.short)

    async def _granted(self, prompt_tokens: int, completion_tokens: int, price: Price | None) -> Reservation:
        """Reserve one generation in this process. Raises BudgetError."""
        waiting = self._chain[-1]._waiting
        if not waiting and (reservation := self._reserve(prompt_tokens, completion_tokens, price)) is not None:
            return reservation
        mine = _Waiting(self, prompt_tokens, completion_tokens, price, asyncio.get_running_loop().create_future())
        waiting.append(mine)
        try:
            return await mine.answer
        except asyncio.CancelledError:
            if mine.answer.cancelled():
                self._chain[-1]._serve()  # the next in the queue may fit
            elif mine.answer.exception() is None:  # granted, but cancelled before it was used
                self._replace(mine.answer.result(), None, called=False)
            raise

    def _reserve(self, prompt: int, completion: int, price: Price | None) -> Reservation | None:
        """Return a reservation, or None if it must wait until open ones are settled. Raises BudgetError."""
        granted, short, wait = completion, None, False
        for account in self._chain:
            caps, usage = account._caps, account.usage
            if caps.calls is not None and usage.calls >= caps.calls:
                raise account.no_calls_left()
            if caps.prompt_tokens is not None:
                left = caps.prompt_tokens - usage.prompt_tokens
                if prompt > left:
                    raise account.over("max_prompt_tokens", too_long(prompt, left, caps.prompt_tokens))
                wait = wait or prompt > left - account._reserved_prompt
            if caps.completion_tokens is not None:
                left = caps.completion_tokens - usage.completion_tokens
                if left < 1:
                    raise account.over(
                        "max_completion_tokens",
                        f"{caps.completion_tokens:,} of {caps.completion_tokens:,} tokens are used",
                    )
                if left - account._reserved_completion < granted:
                    wait = wait or account._open > 0
                    granted = left
                    short = account.over("max_completion_tokens", cut_off(left))
            if caps.cost is not None and price is not None and usage.cost is not None:
                money = caps.cost - usage.cost
                if price.of(prompt, 1) > money:
                    raise account.over("max_cost", too_expensive(price.of(prompt, 1), money, caps.cost))
                if price.of(prompt, granted) > money - account._reserved_cost:
                    wait = wait or account._open > 0
                    if price.of(prompt, granted) > money:
                        granted = price.affordable(money, prompt)
                        short = account.over("max_cost", cut_off(granted))
        if wait:
            return None
        cost = Decimal(0) if price is None else price.of(prompt, granted)
        for account in self._chain:
            account.usage.calls += 1
            account._open += 1
            account._reserved_prompt += prompt
            account._reserved_completion += granted
            account._reserved_cost += cost
        return Reservation(prompt, granted, price, cost, short)

    def no_calls_left(self) -> BudgetError:
        return self.over("max_calls", f"{self._caps.calls:,} of {self._caps.calls:,} calls are used")

    def over(self, limit: str, message: str) -> BudgetError:
        """Return the error for a limit that is reached, be it the run's or the share of a call."""
        if self.row is not None:
            return BudgetError.of("E512", of_row(self.row) + message, hint=f"raise {limit} of row_limits")
        if self.call is None:
            return BudgetError.of(LIMIT_CODES[limit], message, hint=f"raise {limit}")
        instruction, span = self.call
        shown = " ".join(instruction[:200].split())
        return BudgetError.of(
            "E510",  # decision 71
            f"the share of the call `{shown if len(shown) <= 60 else shown[:59] + '…'}`: {message}",
            span,
            hint=f"raise max_share, which is {self.limits.max_share:g}, or {limit}",
        )

    def settle(
        self,
        reserved: Reservation,
        spent: tuple[int, int, int] | None,
        *,
        called: bool = True,
        charged: Decimal | None = None,
    ) -> Decimal | None:
        """Replace a reservation by what the generation really took, and return its cost in dollars.

        `spent` is the number of tokens of the prompt, of the completion, and of those of the prompt that were
        cached; None if it is unknown: the whole reservation then counts, since it may have been charged for.
        With `called` false the request was never sent. `charged` is what the server says it has charged, which counts
        more than the price. The cost is None if neither is known.
        """
        if (shared := self._chain[-1].shared) is not None:
            shared.settle(reserved, spent, called, charged)
        return self._replace(reserved, spent, called=called, charged=charged)

    def _replace(
        self,
        reserved: Reservation,
        spent: tuple[int, int, int] | None,
        *,
        called: bool = True,
        charged: Decimal | None = None,
    ) -> Decimal | None:
        """Replace a reservation in this process, see `settle`."""
        prompt, completion, cached = spent or (reserved.prompt_tokens, reserved.completion_tokens, 0)
        cost = charged
        if cost is None and reserved.price is not None:
            cost = reserved.price.of(prompt, completion, min(cached, prompt))
        for account in self._chain:
            account._open -= 1
            account._reserved_prompt -= reserved.prompt_tokens
            account._reserved_completion -= reserved.completion_tokens
            account._reserved_cost -= reserved.cost
            usage = account.usage
            if not called:
                usage.calls -= 1
                continue
            usage.prompt_tokens += prompt
            usage.completion_tokens += completion
            usage.cached_tokens += cached
            account._count_money(cost, spent is not None)
        self._chain[-1]._serve()
        return None if cost is None else cost * called

    def _count_money(self, cost: Decimal | None, is_answered: bool) -> None:
        """Add what a generation has cost. An answer at an unknown price makes the sum unknown."""
        if cost is None and is_answered:
            self._costs_are_known, self.usage.cost = False, None
        elif cost is not None and self._costs_are_known:
            self.usage.cost = (self.usage.cost or Decimal(0)) + cost

    def _serve(self) -> None:
        """Grant or refuse waiting requests in order, up to the first that must keep waiting."""
        while self._waiting:
            first = self._waiting[0]
            if not first.answer.done():
                try:
                    reservation = first.account._reserve(first.prompt_tokens, first.completion_tokens, first.price)
                except BudgetError as error:
                    first.answer.set_exception(error)
                else:
                    if reservation is None:
                        return
                    first.answer.set_result(reservation)
            self._waiting.popleft()


@frozen(eq=False)
class _Waiting:
    """A request for a reservation that does not fit yet."""

    account: Account
    prompt_tokens: int
    completion_tokens: int
    price: Price | None
    answer: asyncio.Future[Reservation]
