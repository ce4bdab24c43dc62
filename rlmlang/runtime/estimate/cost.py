"""The cost of a run: intervals of what it must and may take."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Union

from attrs import frozen

from rlmlang.language.source import Span

Interval = tuple[int, Union[int, None]]
"""From, to; None is no finite maximum."""

Money = tuple[Decimal, Union[Decimal, None]]
"""Likewise, in US dollars."""


@frozen
class Cost:
    """Intervals of what a run takes if it ends well."""

    calls: Interval
    depth: Interval
    prompt_tokens: Interval
    completion_tokens: Interval
    cost: Money
    """From 0 without end if the price is not known."""
    steps: Interval
    """Of pure work."""
    bytes: Interval
    """Of the largest value."""
    function_calls: Interval = (0, 0)
    """Of functions of the host."""
    sites: tuple[SiteCost, ...] = ()
    model: str | None = None
    """The name of the model that answers the calls of the program itself, if it is known."""
    functions: tuple[FunctionCost, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `plan --json` prints."""
        names = ("calls", "depth", "prompt_tokens", "completion_tokens", "cost", "steps", "bytes", "function_calls")
        return {name: _json(getattr(self, name)) for name in names} | {
            "model": self.model,
            "sites": [site.to_json() for site in self.sites],
            "functions": [site.to_json() for site in self.functions],
        }


@frozen
class SiteCost:
    """What one CALL in the text takes; equal calls made elsewhere are not taken off.

    If programs may answer it, tokens and money are those of the calls below it too.
    """

    span: Span
    calls: Interval
    prompt_tokens: Interval
    completion_tokens: Interval
    cost: Money
    sequential: bool = False
    """Whether it is in a loop that may end after any of its turns, so that its calls are asked one after the other."""

    def to_json(self) -> dict[str, Any]:
        names = ("calls", "prompt_tokens", "completion_tokens", "cost")
        return (
            _place(self.span) | {name: _json(getattr(self, name)) for name in names} | {"sequential": self.sequential}
        )


@frozen
class FunctionCost:
    """How often one application of a function of the host in the text is made."""

    span: Span
    calls: Interval
    sequential: bool = False
    """Whether it is in a loop that may end after any of its turns."""

    def to_json(self) -> dict[str, Any]:
        return _place(self.span) | {"calls": _json(self.calls), "sequential": self.sequential}


def _place(span: Span) -> dict[str, Any]:
    return {"line": span.line, "column": span.column, "text": span.text}


def _json(interval: Interval | Money) -> list[float | None]:
    return [float(bound) if isinstance(bound, Decimal) else bound for bound in interval]
