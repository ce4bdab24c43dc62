"""Counting the applications of functions of the host that the estimate meets."""

from __future__ import annotations

from hashlib import sha256
from math import inf

from attrs import define, field

from rlmlang.language.source import Span
from rlmlang.runtime.estimate.cost import FunctionCost, Interval
from rlmlang.runtime.estimate.intervals import capped
from rlmlang.runtime.values import Value, canonical


@define(eq=False)
class FunctionTally:
    """The applications of functions of the host, by their place, and those that are made in any case."""

    sequential: set[Span]
    """The places in loops that may end after any of their turns."""
    _most: dict[Span, float] = field(factory=dict)
    _sure: dict[Span, tuple[str, set[bytes]]] = field(factory=dict)
    """The function that is applied at a place in any case, and the digests of the arguments that are known."""

    def count(self, site: Span, name: str, args: list[Value] | None, times: float, sure: bool) -> None:
        """Count an application that is made at most so many times, and at least once if `sure`."""
        self._most[site] = self._most.get(site, 0) + times
        if sure:
            _, digests = self._sure.setdefault(site, (name, set()))
            if args is not None:
                digests.add(sha256(canonical(args).encode("utf-8", "surrogatepass")).digest())

    def calls(self, is_open: bool, cap: int | None) -> Interval:
        """How many calls a run makes: equal ones once, and with an open end as many as the cap lets it make."""
        least: dict[str, set[bytes]] = {}
        for name, digests in self._sure.values():
            least.setdefault(name, set()).update(digests)
        most = inf if is_open else sum(self._most.values())
        return sum(max(1, len(digests)) for digests in least.values()), capped(most, cap)

    def sites(self, is_open: bool) -> tuple[FunctionCost, ...]:
        """What each application in the text takes; equal ones elsewhere are not taken off."""
        return tuple(
            FunctionCost(
                span,
                (max(1, len(self._sure[span][1])) if span in self._sure else 0, capped(inf if is_open else most, None)),
                span in self.sequential,
            )
            for span, most in self._most.items()
        )
