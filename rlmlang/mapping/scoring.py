"""Score the values of rows against what is expected of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from heapq import heappush, heappushpop
from typing import Any

from attrs import define, field, frozen

from rlmlang.calls.budget import Caps
from rlmlang.calls.evaluate import ActiveRun
from rlmlang.calls.limits import Limits
from rlmlang.data.cells import typed
from rlmlang.data.tables import Table, TableRow
from rlmlang.errors import InputMismatch, MissingInput, UsageError
from rlmlang.language.check.checked import Checked
from rlmlang.language.types import BOOL, FLOAT, UNKNOWN, Type
from rlmlang.mapping.binding import RowBinder
from rlmlang.runtime.inputs import declarations
from rlmlang.runtime.python_values import data_of
from rlmlang.runtime.value_types import type_of
from rlmlang.runtime.values import Mismatch, SetValue, Value, canonical, to_json

LABELS = 1_000
"""The most different values that count as labels."""

WORST = 10
"""So many of the worst rows are kept."""

Z = 1.959963984540054
"""The quantile of the normal distribution that an interval of 95 % reaches to, on both sides."""

JUDGE_INPUTS = ("value", "expected")
"""What a program that judges is given."""


@frozen(eq=False)
class Scorer:
    """Scores values by a column of what is expected: 1 for what is right, 0 for what is not, or something between.

    Sets are scored by their overlap, the share of all elements that both have. Numbers may differ by `tolerance`.
    Everything else is right if it is equal, unless a program judges.
    """

    column: str
    tolerance: float = 0.0
    judge: Checked | None = None
    """A program of the inputs `value` and `expected` that returns whether the value is right, or a score."""

    def __attrs_post_init__(self) -> None:
        """Raises UsageError E607 for a judge that gives no score or has other inputs, and for a wrong tolerance."""
        if not (isinstance(self.tolerance, int | float) and 0 <= self.tolerance < math.inf):
            raise UsageError.of("E607", f"tolerance is a number from 0, not {self.tolerance!r:.60}")
        if (judge := self.judge) is None:
            return
        hint = "write `def right(value: str, expected: str) -> bool:`, with the types that you have"
        if judge.type not in (BOOL, FLOAT, UNKNOWN):
            raise UsageError.of("E607", f"the judge gives {judge.type}, which is no score", hint=hint)
        for each in declarations(judge):
            if each.default is None and each.name.id not in JUDGE_INPUTS:
                message = f"the judge is given `value` and `expected`, and has the input `{each.name.id}`"
                raise UsageError.of("E607", message, hint=hint)

    def ready(self, table: Table, columns: Iterable[str], type_: Type, limits: Limits) -> ReadyScorer:
        """Return the scorer for the rows of a table, whose values are of a type.

        Raises ProgramError, UsageError E601 if the rows have no such column.
        """
        columns = tuple(columns)
        if self.column not in columns:
            raise MissingInput.of(
                "E601", f"no column `{self.column}` says what is expected; there are {', '.join(columns)}"
            )
        judge = None if self.judge is None else RowBinder(self.judge, {}, JUDGE_INPUTS, table.only_text)
        return ReadyScorer(self, type_, table.only_text, judge, limits)


@frozen(eq=False)
class ReadyScorer:
    """A scorer for the values of one program on one table."""

    scorer: Scorer
    type: Type
    only_text: bool
    judge: RowBinder | None
    limits: Limits
    """Those of the judge, for each row."""

    def expects(self, row: TableRow) -> bool:
        """Return whether something is expected of a row."""
        return row.get(self.scorer.column) is not None

    async def score(self, run: ActiveRun, number: int, row: TableRow, value: Value) -> float:
        """Return the score of a value. Raises UsageError E603, and what ends a run of the judge."""
        expected = row[self.scorer.column]
        if self.judge is not None:
            account = run.account.of_row(number, self.limits, Caps.of(self.limits))
            bound = self.judge.bind({"value": value, "expected": expected})
            judged = await bound.program.evaluate(run.evaluation(account, 0, None), bound.values)
            return _as_score(judged)
        type_ = type_of(value) if self.type == UNKNOWN else self.type
        return score_of(value, self._expected(expected, type_), self.scorer.tolerance)

    def check(self, row: TableRow) -> None:
        """Raise UsageError E603 for a row whose expected value is not of the type."""
        if self.judge is None and self.type != UNKNOWN and self.expects(row):
            self._expected(row[self.scorer.column], self.type)

    def _expected(self, cell: Any, type_: Type) -> Value:
        column = self.scorer.column
        try:
            return typed(data_of(cell, f"column `{column}`"), type_, self.only_text)
        except Mismatch as error:
            raise InputMismatch.of("E603", f"what is expected in column `{column}` {error}", hint=error.hint) from None


def _as_score(judged: Value) -> float:
    """Return what a judge says as a score. Raises UsageError E607."""
    if isinstance(judged, bool | int | float) and 0 <= judged <= 1:
        return float(judged)
    raise UsageError.of("E607", f"the judge gives {judged!r:.60}, which is no score", hint="return a bool")


def score_of(value: Value, expected: Value, tolerance: float) -> float:
    """Return how right a value is, from 0 to 1."""
    if isinstance(value, SetValue) and isinstance(expected, SetValue):
        both = len(value & expected)
        either = len(value) + len(expected) - both
        return both / either if either else 1.0
    if _is_number(value) and _is_number(expected):
        return float(abs(value - expected) <= tolerance)
    return float(to_json(value) == to_json(expected))


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def wilson(right: float, count: int) -> tuple[float, float]:
    """Return Wilson's interval of 95 % for a share, of which `right` of `count` were seen.

    With scores between 0 and 1 in the sum it is wider than need be, since they vary less than such of 0 and 1 alone.
    """
    if count == 0:
        return 0.0, 1.0
    share, z2 = right / count, Z * Z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count)) / (1 + z2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


@define
class Scores:
    """The scores of rows so far. A row that failed, and of which something was expected, scores 0."""

    column: str
    """The column of a results file that says what was expected."""
    count: int = 0
    total: float = 0.0
    failed: int = 0
    unscored: int = 0
    """Rows that could not be scored, as where the judge failed."""
    expected: Counter[str] = field(factory=Counter)
    """How often each value was expected, up to so many different ones that no label is."""
    _worst: list[tuple[float, int, dict[str, Any]]] = field(factory=list)
    """A heap of the worst rows; the best of them, and the last, comes first."""

    def add(self, record: Mapping[str, Any]) -> None:
        """Count a row of a results file."""
        score = record["score"]
        if score is None:
            self.unscored += record.get(self.column) is not None
            return
        self.count += 1
        self.failed += record["error"] is not None
        self.total += score
        if len(self.expected) <= LABELS:
            expected = record.get(self.column)
            self.expected[expected if isinstance(expected, str) else canonical(expected)] += 1
        if score < 1:
            entry = -score, -int(record["row"]), dict(record)
            if len(self._worst) < WORST:
                heappush(self._worst, entry)
            else:
                heappushpop(self._worst, entry)

    @property
    def commonest(self) -> tuple[str, float] | None:
        """What is expected most often, and its share: who always said that would be right so often.

        None if too many different values are expected for labels, or each but once.
        """
        found = self.expected.most_common(1)
        if not found or len(self.expected) > LABELS or (found[0][1] == 1 and self.count > 1):
            return None
        return found[0][0], found[0][1] / self.count

    @property
    def accuracy(self) -> float:
        """The mean score: the share of rows that are right, where each is right or not."""
        return self.total / self.count if self.count else 0.0

    def worst(self) -> list[dict[str, Any]]:
        """Return the rows with the lowest scores, the worst first."""
        return [record for _, _, record in sorted(self._worst, reverse=True)]

    def to_json(self) -> dict[str, Any]:
        low, high = wilson(self.total, self.count)
        return {
            "column": self.column,
            "rows": self.count,
            "failed": self.failed,
            "unscored": self.unscored,
            "accuracy": round(self.accuracy, 6),
            "interval": [round(low, 6), round(high, 6)],
            "commonest": None if self.commonest is None else round(self.commonest[1], 6),
            "worst": [record["row"] for record in self.worst()],
        }
