"""What a map takes at least and at most: the sums over its rows, or over a sample of them."""

from __future__ import annotations

import random
from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256
from typing import Any

from attrs import define, field

from rlmlang.calls.budget import Caps
from rlmlang.calls.limits import Limits
from rlmlang.calls.roles import Roles
from rlmlang.data.tables import TableRow
from rlmlang.errors import RlmError
from rlmlang.language.types import Type
from rlmlang.mapping.binding import RowBinder
from rlmlang.runtime.estimate import Interval, Money, follow
from rlmlang.runtime.values import Value, canonical

SEED = 1
"""Of the choice of a sample, so that the same one is chosen each time."""

SUMS = ("calls", "prompt_tokens", "completion_tokens", "cost", "steps", "function_calls")
"""What is added up over rows."""


@define
class RowsCost:
    """What the rows of a data set take. Equal calls of different rows are one, so they count once in the minima."""

    rows: int = 0
    looked_at: int = 0
    """The rows that the sums are of: all, or a sample."""
    unfit: int = 0
    """Rows looked at that do not fit the inputs, which cost nothing."""
    failing: int = 0
    """Rows looked at that fail whatever the model answers; they may take all that a row may."""
    least: dict[str, int | Decimal] = field(factory=lambda: dict.fromkeys(SUMS, 0))
    most: dict[str, int | Decimal | None] = field(factory=lambda: dict.fromkeys(SUMS, 0))

    @property
    def is_sample(self) -> bool:
        """Whether the sums are of a sample, so that they tell of all rows only about what they take."""
        return self.looked_at < self.rows

    def of(self, what: str) -> tuple[int | Decimal, int | Decimal | None]:
        """Return what all rows take at least and at most; about that, if it is a sample."""
        least, most = self.least[what], self.most[what]
        if not self.is_sample or not self.looked_at:
            return least, most
        return least * self.rows // self.looked_at, None if most is None else most * self.rows // self.looked_at

    def add(self, what: str, interval: Interval | Money) -> None:
        """Add what a row takes of something."""
        self.least[what] += interval[0]
        before, most = self.most[what], interval[1]
        self.most[what] = None if before is None or most is None else before + most

    def to_json(self) -> dict[str, Any]:
        counts = {"rows": self.rows, "looked_at": self.looked_at, "unfit": self.unfit, "failing": self.failing}
        return counts | {what: [_number(bound) for bound in self.of(what)] for what in SUMS}


def _number(bound: int | Decimal | None) -> float | None:
    return float(bound) if isinstance(bound, Decimal) else bound


def cost_of_rows(
    binder: RowBinder, rows: Iterable[TableRow], limits: Limits, roles: Roles | None, guidance: str, sample: int | None
) -> RowsCost:
    """Return what rows take, each under its own limits; of more rows than a `sample` has, it is that of a sample."""
    found = RowsCost()
    chosen: list[TableRow] = []
    chance = random.Random(SEED)
    made: set[bytes] = set()

    for row in rows:
        found.rows += 1
        if sample is None:
            _add_row(found, binder, row, limits, roles, guidance, made)
        elif len(chosen) < sample:
            chosen.append(row)
        elif (place := chance.randrange(found.rows)) < sample:
            chosen[place] = row
    for row in chosen:
        _add_row(found, binder, row, limits, roles, guidance, made)
    return found


def _add_row(
    found: RowsCost,
    binder: RowBinder,
    row: TableRow,
    limits: Limits,
    roles: Roles | None,
    guidance: str,
    made: set[bytes],
) -> None:
    """Add what a row takes; `made` are the calls that rows before it make in any case."""
    found.looked_at += 1
    try:
        bound = binder.bind(row)
    except RlmError:
        found.unfit += 1
        return
    asked: set[bytes] = set()

    def is_made(type_: Type, names: tuple[str | None, ...], args: tuple[Value, ...], sample: int) -> bool:
        text = f"{type_} {names} {canonical([sample, *args])}"
        key = sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        asked.add(key)
        return key in made

    try:
        cost = follow(bound.checked, bound.values, limits, roles, guidance).cost(is_made)
    except RlmError:
        found.failing += 1
        caps = Caps.of(limits)
        for what in SUMS:
            found.add(what, (0, _cap(what, caps, limits)))
        return
    for what in SUMS:
        found.add(what, getattr(cost, what))
    made |= asked


def _cap(what: str, caps: Caps, limits: Limits) -> Any:
    """Return the most that a row may take of something."""
    return {"steps": limits.max_steps, "function_calls": limits.max_function_calls}.get(what, getattr(caps, what, None))
