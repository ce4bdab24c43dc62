"""Functions that emitted code calls besides those of the built-ins and operators."""

from __future__ import annotations

from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import Value


def dict_of(meter: Meter, pairs: list[tuple[Value, Value]]) -> dict[Value, Value]:
    """Return the dict of pairs; of equal keys the last counts. Raises BudgetError."""
    meter.items(len(pairs))
    return dict(pairs)
