"""The account: never overrun, and never refused while open reservations may still be given back."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.budget import Account, Limits
from rlmlang.errors import BudgetError


def reserve(account: Account, prompt: int, completion: int) -> int:
    return asyncio.run(account.reserve(prompt, completion))


def refused(account: Account, prompt: int, completion: int) -> str:
    with pytest.raises(BudgetError) as caught:
        reserve(account, prompt, completion)
    assert caught.value.exit_code == 3
    return caught.value.first.code


def test_without_limits_everything_is_granted() -> None:
    account = Account(Limits(max_calls=None))
    assert reserve(account, 10**9, 10**9) == 10**9


def test_calls_are_counted_when_they_are_reserved() -> None:
    account = Account(Limits(max_calls=2))
    reserve(account, 1, 1)
    reserve(account, 1, 1)
    assert refused(account, 1, 1) == "E501"
    assert account.usage.calls == 2


def test_a_prompt_that_does_not_fit_is_refused() -> None:
    account = Account(Limits(max_prompt_tokens=100))
    assert refused(account, 101, 1) == "E503"
    assert reserve(account, 100, 1) == 1
    account.settle((100, 1), (100, 1))
    assert refused(account, 1, 1) == "E503"


def test_an_answer_is_granted_what_is_left() -> None:
    account = Account(Limits(max_completion_tokens=50))
    assert reserve(account, 1, 80) == 50
    account.settle((1, 50), (1, 50))
    assert refused(account, 1, 1) == "E504"


def test_settling_gives_back_what_was_not_used() -> None:
    account = Account(Limits(max_prompt_tokens=100, max_completion_tokens=100))
    reserve(account, 40, 100)
    account.settle((40, 100), (30, 20))
    assert (account.usage.prompt_tokens, account.usage.completion_tokens) == (30, 20)
    assert reserve(account, 70, 100) == 80


def test_an_unknown_spending_counts_as_the_whole_reservation() -> None:
    account = Account(Limits())
    reserve(account, 40, 100)
    account.settle((40, 100), None)
    assert (account.usage.prompt_tokens, account.usage.completion_tokens) == (40, 100)


def test_a_call_that_was_never_sent_is_not_counted() -> None:
    account = Account(Limits())
    reserve(account, 40, 100)
    account.settle((40, 100), None, called=False)
    assert account.usage.calls == 0
    assert account.usage.completion_tokens == 0


def test_a_call_that_would_not_fit_waits_for_open_ones() -> None:
    async def scenario() -> None:
        account = Account(Limits(max_completion_tokens=100))
        await account.reserve(1, 90)
        second = asyncio.ensure_future(account.reserve(1, 60))
        third = asyncio.ensure_future(account.reserve(1, 60))
        await asyncio.sleep(0)
        assert not second.done()
        third.cancel()
        account.settle((1, 90), (1, 20))
        assert await second == 60

    asyncio.run(scenario())


def test_waiting_ends_with_a_refusal_if_nothing_is_given_back() -> None:
    async def scenario() -> None:
        account = Account(Limits(max_prompt_tokens=100))
        await account.reserve(90, 1)
        second = asyncio.ensure_future(account.reserve(60, 1))
        await asyncio.sleep(0)
        account.settle((90, 1), (90, 1))
        with pytest.raises(BudgetError, match="E503"):
            await second

    asyncio.run(scenario())


@given(
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30), st.floats(0, 1), st.booleans()), max_size=12),
)
def test_no_limit_is_overrun_whatever_the_calls_take(
    prompt_limit: int, completion_limit: int, call_limit: int, calls: list[tuple[int, int, float, bool]]
) -> None:
    """Every call spends at most what it was granted, in an order that interleaves."""
    limits = Limits(max_calls=call_limit, max_prompt_tokens=prompt_limit, max_completion_tokens=completion_limit)
    account = Account(limits)

    async def one(prompt: int, completion: int, share: float, known: bool) -> None:
        try:
            granted = await account.reserve(prompt, completion)
        except BudgetError:
            return
        assert 1 <= granted <= completion
        await asyncio.sleep(0)
        account.settle((prompt, granted), (prompt, int(granted * share)) if known else None)

    async def scenario() -> None:
        await asyncio.gather(*(one(*call) for call in calls))

    asyncio.run(scenario())
    assert account.usage.calls <= call_limit
    assert account.usage.prompt_tokens <= prompt_limit
    assert account.usage.completion_tokens <= completion_limit
