"""Accounts: no limit is exceeded, and nothing is refused while open reservations may still be released."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from rlmlang.calls.budget import Account, Usage
from rlmlang.calls.limits import Limits
from rlmlang.calls.prices import Price
from rlmlang.calls.reservations import Reservation
from rlmlang.errors import BudgetError
from rlmlang.language.source import Source, Span

DEAR = Price(input=1, output=10, cached="0.1")
"""A price in dollars per million tokens, so that a token of the prompt costs 0.000001 dollars."""

PLACE = Span(Source('CALL("Solve it")', "solve.rlm"), 0, 16)


CHEAP = Price(input="0.1", output=1)


def priced(limits: Limits) -> Account:
    """Return the account of a run whose models all have prices."""
    return Account(limits, Usage(cost=Decimal(0)))


def reserve(account: Account, prompt: int, completion: int, price: Price = DEAR) -> Reservation:
    return asyncio.run(account.reserve(prompt, completion, price))


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def within_time() -> None:
        async with asyncio.timeout(60):  # waiting for nothing must fail, not hang
            await scenario()

    asyncio.run(within_time())


def refused(account: Account, prompt: int, completion: int) -> str:
    """Return the code of the error that a reservation raises."""
    with pytest.raises(BudgetError) as caught:
        reserve(account, prompt, completion)
    assert caught.value.exit_code == 3
    return caught.value.first.code


def test_without_limits_everything_is_granted() -> None:
    account = Account(Limits(max_calls=None))
    assert reserve(account, 10**9, 10**9).completion_tokens == 10**9


def test_calls_are_counted_when_they_are_reserved() -> None:
    account = Account(Limits(max_calls=2))
    reserve(account, 1, 1)
    reserve(account, 1, 1)
    assert refused(account, 1, 1) == "E501"
    assert account.usage.calls == 2


def test_no_more_calls_are_expected_than_are_left() -> None:
    account = Account(Limits(max_calls=3))
    reserve(account, 1, 1)
    account.expect_call()
    account.expect_call()
    with pytest.raises(BudgetError) as caught:
        account.expect_call()
    assert caught.value.first.code == "E501"
    account.withdraw()
    account.expect_call()


def test_a_prompt_that_does_not_fit_is_refused() -> None:
    account = Account(Limits(max_prompt_tokens=100))
    assert refused(account, 101, 1) == "E503"
    held = reserve(account, 100, 1)
    assert held.completion_tokens == 1
    account.settle(held, (100, 1, 0))
    assert refused(account, 1, 1) == "E503"


def test_an_answer_is_granted_the_tokens_that_are_left() -> None:
    account = Account(Limits(max_completion_tokens=50))
    held = reserve(account, 1, 80)
    assert held.completion_tokens == 50
    assert held.short is not None
    assert held.short.first.code == "E504"
    account.settle(held, (1, 50, 0))
    assert refused(account, 1, 1) == "E504"


def test_settling_releases_what_was_not_used() -> None:
    account = Account(Limits(max_prompt_tokens=100, max_completion_tokens=100))
    account.settle(reserve(account, 40, 100), (30, 20, 5))
    usage = account.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (30, 20, 5)
    held = reserve(account, 70, 100)
    assert held.completion_tokens == 80


def test_unknown_spending_counts_as_the_whole_reservation() -> None:
    account = priced(Limits())
    account.settle(reserve(account, 40, 100), None)
    assert (account.usage.prompt_tokens, account.usage.completion_tokens) == (40, 100)
    assert account.usage.cost == Decimal("0.00104")


def test_a_call_that_was_never_sent_is_not_counted() -> None:
    account = priced(Limits())
    account.settle(reserve(account, 40, 100), None, called=False)
    usage = account.usage
    assert (usage.calls, usage.completion_tokens, usage.cost) == (0, 0, 0)


# Waiting -------------------------------------------------------------------------


def test_a_call_that_would_not_fit_waits_for_open_reservations() -> None:
    async def scenario() -> None:
        account = Account(Limits(max_completion_tokens=100))
        first = await account.reserve(1, 90)
        second = asyncio.ensure_future(account.reserve(1, 60))
        third = asyncio.ensure_future(account.reserve(1, 60))
        await asyncio.sleep(0)
        assert not second.done()
        third.cancel()
        account.settle(first, (1, 20, 0))
        assert (await second).completion_tokens == 60

    play(scenario)


def test_waiting_ends_with_a_refusal_if_nothing_is_released() -> None:
    async def scenario() -> None:
        account = Account(Limits(max_prompt_tokens=100))
        first = await account.reserve(90, 1)
        second = asyncio.ensure_future(account.reserve(60, 1))
        await asyncio.sleep(0)
        account.settle(first, (90, 1, 0))
        with pytest.raises(BudgetError, match="E503"):
            await second

    play(scenario)


def test_reservations_are_granted_in_the_order_of_requests() -> None:
    """A small call that would fit does not overtake a large one that waits."""

    async def scenario() -> None:
        account = Account(Limits(max_prompt_tokens=100))
        first = await account.reserve(70, 1)
        large, small, late = (asyncio.ensure_future(account.reserve(size, 1)) for size in (60, 10, 31))
        await asyncio.sleep(0)
        assert not small.done()
        account.settle(first, (0, 0, 0))
        assert not (await large).short
        assert not (await small).short
        await asyncio.sleep(0)
        assert not late.done()
        account.settle(large.result(), (60, 1, 0))
        await asyncio.sleep(0)
        account.settle(small.result(), (9, 1, 0))
        assert (await late).prompt_tokens == 31

    play(scenario)


def test_a_cancelled_request_lets_the_next_ones_be_granted() -> None:
    async def scenario() -> None:
        account = Account(Limits(max_prompt_tokens=100))
        await account.reserve(70, 1)
        large = asyncio.ensure_future(account.reserve(60, 1))
        small = asyncio.ensure_future(account.reserve(10, 1))
        await asyncio.sleep(0)
        large.cancel()
        assert (await small).prompt_tokens == 10
        assert account.usage.calls == 2

    play(scenario)


def test_what_is_granted_in_the_moment_of_cancelling_is_released() -> None:
    async def scenario() -> None:
        account = Account(Limits(max_prompt_tokens=100, max_calls=2))
        first = await account.reserve(70, 1)
        second = asyncio.ensure_future(account.reserve(60, 1))
        await asyncio.sleep(0)
        account.settle(first, (0, 0, 0))  # grants the second
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        assert account.usage.calls == 1
        assert (await account.reserve(100, 1)).prompt_tokens == 100

    play(scenario)


# Money ---------------------------------------------------------------------------


def test_money_is_exact() -> None:
    account, price = priced(Limits(max_calls=None)), Price(input=0.1, output=0.3, cached="0.000001")
    for _ in range(1_000):
        account.settle(reserve(account, 1, 1, price), (3, 1, 2))
    assert account.usage.cost == Decimal("0.000400002")
    assert account.usage.to_json()["cost"] == 0.000400002


def test_an_answer_is_granted_the_tokens_that_the_money_left_pays_for() -> None:
    account = priced(Limits(max_cost=0.001))
    held = reserve(account, 100, 500)
    assert held.completion_tokens == 90
    assert held.short is not None
    assert held.short.first.code == "E509"
    account.settle(held, (100, 90, 0))
    assert account.usage.cost == Decimal("0.001")
    assert refused(account, 1, 1) == "E509"


def test_cached_tokens_are_settled_at_their_price() -> None:
    account = priced(Limits(max_cost=0.001))
    account.settle(reserve(account, 900, 10), (900, 10, 900))
    assert account.usage.cost == Decimal("0.00019")
    account.settle(reserve(account, 100, 1), (100, 1, 10**6))  # a count above the prompt's is not believed
    assert account.usage.cost == Decimal("0.00021")


def test_a_prompt_that_costs_too_much_waits_while_money_may_be_released_and_is_then_refused() -> None:
    async def scenario() -> None:
        account = priced(Limits(max_cost=0.001))
        first = await account.reserve(500, 50, DEAR)
        second = asyncio.ensure_future(account.reserve(400, 1, DEAR))
        await asyncio.sleep(0)
        assert not second.done()
        account.settle(first, (500, 1, 0))
        assert (await second).completion_tokens == 1
        with pytest.raises(BudgetError, match="E509"):
            await account.reserve(500, 1, DEAR)

    play(scenario)


def test_output_may_be_free() -> None:
    account = priced(Limits(max_cost=0.001))
    assert reserve(account, 1_000, 10**6, Price(input=1, output=0)).completion_tokens == 10**6
    assert account.usage.cost == 0


# Shares --------------------------------------------------------------------------


def shared(**limits: Any) -> tuple[Account, Account]:
    """Return an account with limits, and that of a call below it."""
    account = priced(Limits(max_share=0.5, **limits))
    return account, account.below(1, "Solve\nit", PLACE)


def test_the_share_of_a_call_is_exhausted_before_the_budget() -> None:
    account, call = shared(max_calls=5)
    for _ in range(2):
        call.settle(reserve(call, 1, 1), (1, 1, 0))
    with pytest.raises(BudgetError) as caught:
        reserve(call, 1, 1)
    first = caught.value.first
    assert first.code == "E510"
    assert first.message == "the share of the call `Solve it`: 2 of 2 calls are used"
    assert first.span == PLACE
    assert first.hint == "raise max_share, which is 0.5, or max_calls"
    assert account.usage.calls == 2
    reserve(account, 1, 1)


def test_shares_are_of_tokens_and_money_too() -> None:
    account, call = shared(max_prompt_tokens=100, max_completion_tokens=100, max_cost=0.001)
    assert refused(call, 51, 1) == "E510"
    held = reserve(call, 10, 200)
    assert held.completion_tokens == 49  # for (1000 / 2 - 10) millionths of a dollar
    assert held.short is not None
    assert held.short.first.code == "E510"
    call.settle(held, (10, 9, 0))
    assert (account.usage.prompt_tokens, account.usage.completion_tokens) == (10, 9)
    assert account.usage.cost == call.usage.cost == Decimal("0.0001")
    assert reserve(account, 90, 70).completion_tokens == 70


def test_shares_are_of_shares() -> None:
    _, call = shared(max_calls=8)
    inner = call.below(2, "Solve a part", PLACE)
    for _ in range(2):
        inner.settle(reserve(inner, 1, 1), (1, 1, 0))
    with pytest.raises(BudgetError, match="Solve a part"):
        reserve(inner, 1, 1)
    for _ in range(2):
        call.settle(reserve(call, 1, 1), (1, 1, 0))
    assert refused(call, 1, 1) == "E510"
    other = call.below(2, "Solve another", PLACE)
    with pytest.raises(BudgetError, match="Solve it"):
        reserve(other, 1, 1)


def test_the_budget_of_the_run_applies_within_a_share() -> None:
    account, call = shared(max_calls=3)
    for _ in range(3):
        reserve(account, 1, 1)
    assert refused(call, 1, 1) == "E501"


def test_a_share_is_at_least_a_call_and_a_token() -> None:
    _, call = shared(max_calls=1, max_completion_tokens=1)
    assert reserve(call, 1, 5).completion_tokens == 1


def test_there_is_one_account_without_shares_and_above_the_first_shared_level() -> None:
    account = Account(Limits())
    assert account.below(1, "a", PLACE) is account
    account = Account(Limits(max_share=0.5), share_from=2)
    assert account.below(1, "a", PLACE) is account
    assert account.below(2, "a", PLACE) is not account


def test_a_request_that_waits_in_a_share_is_granted_by_what_is_settled_in_it() -> None:
    async def scenario() -> None:
        _, call = shared(max_prompt_tokens=100)
        held = await call.reserve(40, 1)
        second = asyncio.ensure_future(call.reserve(40, 1))
        await asyncio.sleep(0)
        assert not second.done()
        call.settle(held, (5, 1, 0))
        assert (await second).prompt_tokens == 40

    play(scenario)


# Whatever happens ----------------------------------------------------------------


@given(
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30), st.floats(0, 1), st.booleans()), max_size=12),
)
def test_no_limit_is_exceeded_whatever_the_calls_take(
    prompt_limit: int, completion_limit: int, call_limit: int, calls: list[tuple[int, int, float, bool]]
) -> None:
    """Every call spends at most what it was granted, in an order that interleaves."""
    limits = Limits(max_calls=call_limit, max_prompt_tokens=prompt_limit, max_completion_tokens=completion_limit)
    account = Account(limits)

    async def one(prompt: int, completion: int, share: float, known: bool) -> None:
        try:
            held = await account.reserve(prompt, completion)
        except BudgetError:
            return
        granted = held.completion_tokens
        assert 1 <= granted <= completion
        await asyncio.sleep(0)
        account.settle(held, (prompt, int(granted * share), 0) if known else None)

    async def scenario() -> None:
        await asyncio.gather(*(one(*call) for call in calls))

    play(scenario)
    assert account.usage.calls <= call_limit
    assert account.usage.prompt_tokens <= prompt_limit
    assert account.usage.completion_tokens <= completion_limit


Requested = asyncio.Task[Reservation | None]
"""A request for a reservation; its result is None if it is refused."""


class Accounts(RuleBasedStateMachine):
    """A tree of accounts, compared with sums over what is reserved and what was spent in each."""

    accounts = Bundle("accounts")
    asked = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.order: list[Requested] = []
        """Requests that wait, in order."""
        self.spent: list[tuple[Account, int, int, Decimal]] = []

    def teardown(self) -> None:
        for task in self.order:
            task.cancel()
        self.turn()
        self.runner.close()

    def turn(self) -> None:
        """Let the loop run until nothing is left to do."""

        async def turn() -> None:
            for _ in range(3):
                await asyncio.sleep(0)

        self.runner.run(turn())

    @initialize(
        target=accounts,
        calls=st.none() | st.integers(0, 8),
        prompt=st.none() | st.integers(0, 60),
        completion=st.none() | st.integers(0, 60),
        money=st.none() | st.sampled_from([0.0, 0.0001, 0.0005]),
        share=st.sampled_from([1.0, 0.5, 0.3]),
    )
    def root(
        self, calls: int | None, prompt: int | None, completion: int | None, money: float | None, share: float
    ) -> Account:
        limits = Limits(
            max_calls=calls, max_prompt_tokens=prompt, max_completion_tokens=completion, max_cost=money, max_share=share
        )
        self.all = [priced(limits)]
        return self.all[0]

    @rule(target=accounts, account=accounts)
    def below(self, account: Account) -> Account:
        self.all.append(account.below(1, "a", PLACE))
        return self.all[-1]

    @rule(
        target=asked,
        account=accounts,
        prompt=st.integers(0, 30),
        completion=st.integers(1, 30),
        price=st.sampled_from([DEAR, CHEAP]),
    )
    def ask(self, account: Account, prompt: int, completion: int, price: Price) -> tuple[Account, Requested]:
        async def reservation() -> Reservation | None:
            try:
                return await account.reserve(prompt, completion, price)
            except BudgetError:
                return None

        async def begin() -> Requested:
            return asyncio.ensure_future(reservation())

        task = self.runner.run(begin())
        self.order.append(task)
        self.look()
        return account, task

    def look(self) -> None:
        """Check that requests were answered in order: none that still waits is older than one that was answered."""
        self.turn()
        done = [task.done() for task in self.order]
        assert done == sorted(done, reverse=True)
        self.order = [task for task in self.order if not task.done()]

    def held(self, task: Requested) -> Reservation | None:
        """Return what has been granted to a request; cancel it if it still waits."""
        if task in self.order:
            self.order.remove(task)
            task.cancel()
        return task.result() if task.done() and not task.cancelled() else None

    @rule(pair=consumes(asked), next_too=st.booleans())
    def cancel(self, pair: tuple[Account, Requested], next_too: bool) -> None:
        """Cancel a request, and maybe the next one, which has just been granted what was released."""
        account, task = pair
        if held := self.held(task):
            account.settle(held, None, called=False)
        if next_too and self.order:
            self.order.pop(0).cancel()
        self.look()

    @rule(pair=consumes(asked), share=st.floats(0, 1), known=st.booleans(), cached=st.booleans())
    def settle(self, pair: tuple[Account, Requested], share: float, known: bool, cached: bool) -> None:
        account, task = pair
        if held := self.held(task):
            prompt, completion = held.prompt_tokens, int(held.completion_tokens * share)
            taken = (prompt, completion, prompt if cached else 0) if known else (prompt, held.completion_tokens, 0)
            assert held.price is not None
            self.spent.append((account, *taken[:2], held.price.of(*taken)))
            account.settle(held, taken if known else None)
        self.look()

    @invariant()
    def spending_is_the_sum_and_within_the_limits(self) -> None:
        for account in getattr(self, "all", ()):
            spent = [entry for entry in self.spent if account in entry[0]._chain]
            usage, caps = account.usage, account._caps
            assert usage.prompt_tokens == sum(entry[1] for entry in spent)
            assert usage.completion_tokens == sum(entry[2] for entry in spent)
            assert usage.cost == sum(entry[3] for entry in spent)
            assert caps.calls is None or usage.calls <= caps.calls
            assert caps.prompt_tokens is None or usage.prompt_tokens + account._reserved_prompt <= caps.prompt_tokens
            left = account._reserved_completion + usage.completion_tokens
            assert caps.completion_tokens is None or left <= caps.completion_tokens
            assert caps.cost is None or usage.cost + account._reserved_cost <= caps.cost
            if not account._open:
                assert (account._reserved_prompt, account._reserved_completion, account._reserved_cost) == (0, 0, 0)

    @invariant()
    def no_request_waits_for_nothing(self) -> None:
        assert not self.order or self.all[0]._open > 0


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(stateful_step_count=30)
