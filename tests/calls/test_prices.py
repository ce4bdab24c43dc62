"""Prices: exact amounts, and the price of a model by its name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlmlang.calls.prices import FREE, Price, dollars, price_of
from rlmlang.errors import InvalidOption
from rlmlang.models.scripted import ScriptedModel
from tests.support.fakes import Fake, obedient

amounts = st.decimals(0, 10_000, places=6)
counts = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("amount", "exact"),
    [(0.1, "0.1"), ("2.50", "2.5"), (3, "3"), (1e-06, "0.000001"), (Decimal("0.075"), "0.075"), (0, "0")],
)
def test_amounts_are_taken_as_they_are_written(amount: Any, exact: str) -> None:
    assert dollars(amount) == Decimal(exact)


@pytest.mark.parametrize("amount", [-1, "nan", "inf", float("nan"), 0.0000001, 10**6, "a lot", None, True, [1]])
def test_a_wrong_amount_is_refused(amount: Any) -> None:
    with pytest.raises(InvalidOption, match="a price is a number of dollars from 0"):
        Price(input=1, output=amount)


def test_cached_tokens_cost_no_more_than_others() -> None:
    """A reservation is made at the price of an uncached prompt."""
    with pytest.raises(InvalidOption, match="cached tokens cost no more than others"):
        Price(input=1, output=1, cached="1.1")


def test_cached_tokens_cost_as_much_as_others_by_default() -> None:
    assert Price(input=2, output=3).of(1_000_000, 0, 500_000) == 2
    assert Price(input=2, output=3, cached="0.2").of(1_000_000, 1_000_000, 500_000) == Decimal("4.1")


@given(amounts, amounts, amounts, counts, counts, st.floats(0, 1))
def test_costs_are_exact(
    fresh: Decimal, output: Decimal, cached: Decimal, prompt: int, completion: int, share: float
) -> None:
    """The cost in millionths of millionths of a dollar is a whole number."""
    reused, cached = int(prompt * share), min(fresh, cached)
    found = Price(fresh, output, cached).of(prompt, completion, reused)
    whole = [int(price * 10**6) for price in (fresh, cached, output)]
    assert int(found * 10**12) == (prompt - reused) * whole[0] + reused * whole[1] + completion * whole[2]
    assert found * 10**12 == int(found * 10**12)


@given(amounts, amounts.filter(bool), st.integers(0, 10**6), st.decimals(0, 1000, places=6))
def test_the_affordable_tokens_are_the_most_that_the_money_pays_for(
    fresh: Decimal, output: Decimal, prompt: int, money: Decimal
) -> None:
    price = Price(fresh, output)
    money += price.of(prompt, 0)
    count = price.affordable(money, prompt)
    assert price.of(prompt, count) <= money < price.of(prompt, count + 1)


PRICES = {
    "openai:big": Price(1, 1),
    "openai:big@http://here*": Price(2, 2),
    "openai:*": Price(3, 3),
    "openai:small": Price(4, 4),
    "scripted:paid": Price(5, 5),
}


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("openai:big", 1),
        ("openai:big?temperature=0&ctx=100", 1),
        ("openai:big@http://here/v1?key=", 2),
        ("openai:big@http://there/v1", 3),
        ("openai:small", 3),  # the first that matches
        ("Openai:small", None),
    ],
)
def test_the_price_of_a_model_is_the_first_that_matches_its_name(name: str, price: int | None) -> None:
    model = Fake(obedient)
    model.name = name
    found = price_of(model, PRICES)
    assert (found and found.input) == price


def test_models_of_this_process_are_free_unless_a_price_is_given() -> None:
    assert price_of(ScriptedModel([]), PRICES) == FREE
    paid = price_of(ScriptedModel([], name="scripted:paid"), PRICES)
    assert paid is not None
    assert paid.input == 5
