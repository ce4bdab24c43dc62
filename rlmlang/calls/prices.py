"""The prices of models. They are given by the user, since a table kept here would silently go out of date."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, InvalidOperation
from fnmatch import fnmatchcase

from attrs import field, frozen

from rlmlang.errors import UsageError
from rlmlang.models.base import Model

MILLION = Decimal(1_000_000)  # decision 69


def dollars(amount: Decimal | float | str) -> Decimal:
    """Return an amount of money, exactly as it is written. Raises UsageError E607 if it is none."""
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        number = Decimal("nan")
    if not (number.is_finite() and 0 <= number < MILLION and number == round(number, 6)):
        raise UsageError.of("E607", f"a price is a number of dollars from 0, with at most 6 decimals, not {amount!r}")
    return number


@frozen
class Price:
    """The price of a model's tokens, in US dollars per million. Raises UsageError E607 for what is no price."""

    input: Decimal = field(converter=dollars)
    output: Decimal = field(converter=dollars)
    cached: Decimal = field(converter=dollars)
    """The price of prompt tokens that were in the engine's cache; at most that of the others."""

    @cached.default
    def _(self) -> Decimal:
        return self.input

    @cached.validator
    def _(self, attribute: object, value: Decimal) -> None:
        if value > self.input:
            raise UsageError.of("E607", f"cached tokens cost no more than others: ${value} is more than ${self.input}")

    def of(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> Decimal:
        """Return the dollars for so many tokens; the cached ones are part of the prompt's."""
        fresh = prompt_tokens - cached_tokens
        return (fresh * self.input + cached_tokens * self.cached + completion_tokens * self.output) / MILLION

    def affordable(self, money: Decimal, prompt_tokens: int) -> int:
        """Return how many completion tokens the money pays for after a prompt. The output must not be free."""
        return int((money - self.of(prompt_tokens, 0)) * MILLION // self.output)


FREE = Price(0, 0)

Prices = Mapping[str, Price]
"""Prices by names of models or patterns, such as `openai:gpt-*`; the first that matches counts."""


def price_of(model: Model, prices: Prices) -> Price | None:
    """Return the price of a model, None if none is known. Options in a model's name (`?…`) need not be matched."""
    for pattern, price in prices.items():
        if any(fnmatchcase(name, pattern) for name in (model.name, model.name.partition("?")[0])):
            return price
    return FREE if model.capabilities.free else None


def no_price(model: Model) -> UsageError:
    """Return the error for a run with a limit on money whose model has no known price."""
    name = model.name.partition("?")[0]
    return UsageError.of(
        "E608",  # decision 68
        f"max_cost is set, and no price of {name} is known",
        hint=f'give it, in dollars a million tokens: prices={{"{name}": Price(input=…, output=…)}}',
    )


def money(dollars: Decimal) -> str:
    """Return an amount of dollars, rounded to the cent, or to four digits if it is less than a dollar."""
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars.normalize(Context(4)):f}"
