"""Compare the results of two maps, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import comb
from typing import Any

from attrs import define, field, frozen

from rlmlang.mapping.formats import cell_text

SHOWN = 20
"""So many rows that changed are shown."""

EXCERPT = 80
"""Characters of a value that are shown."""


@frozen
class RowOutcome:
    """What one map says of a row, without more than is needed to compare it."""

    value: str
    """Its value or error as text, truncated."""
    digest: int
    """Of the whole."""
    score: float | None
    failed: bool


@frozen
class RowChange:
    """A row whose value or error is another."""

    row: int
    before: RowOutcome
    after: RowOutcome

    @property
    def gain(self) -> float:
        """By how much its score has risen; 0 where it has none."""
        if self.before.score is None or self.after.score is None:
            return 0.0
        return self.after.score - self.before.score


@define
class ResultsComparison:
    """What is different in the second of two results."""

    same: int = 0
    changed: list[RowChange] = field(factory=list)
    """In the order of the second results."""
    only_before: int = 0
    only_after: int = 0

    @property
    def better(self) -> int:
        """How many rows got right, or more so."""
        return sum(change.gain > 0 for change in self.changed)

    @property
    def worse(self) -> int:
        """How many rows got wrong, or more so."""
        return sum(change.gain < 0 for change in self.changed)

    @property
    def chance(self) -> float:
        """How likely so unequal numbers are if neither map is better: the sign test on both sides."""
        few, all_ = min(self.better, self.worse), self.better + self.worse
        return min(1.0, 2.0 * sum(comb(all_, k) for k in range(few + 1)) / 2.0**all_)

    def to_json(self) -> dict[str, Any]:
        failed = sum(change.after.failed > change.before.failed for change in self.changed)
        mended = sum(change.after.failed < change.before.failed for change in self.changed)
        return {
            "same": self.same,
            "changed": len(self.changed),
            "better": self.better,
            "worse": self.worse,
            "chance": round(self.chance, 6),
            "failed": failed,
            "mended": mended,
            "only_before": self.only_before,
            "only_after": self.only_after,
            "rows": [change.row for change in self.changed],
        }


def compare(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> ResultsComparison:
    """Compare two results by the numbers of their rows."""
    known = dict(_outcomes(before))
    found = ResultsComparison()
    for row, outcome in _outcomes(after):
        old = known.pop(row, None)
        if old is None:
            found.only_after += 1
        elif old.digest == outcome.digest and (old.score == outcome.score or None in (old.score, outcome.score)):
            found.same += 1
        else:
            found.changed.append(RowChange(row, old, outcome))
    found.only_before = len(known)
    return found


def _outcomes(records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, RowOutcome]]:
    for record in records:
        failed = record["error"] is not None
        text = f"{record['error']}: {record.get('message') or ''}" if failed else cell_text(record["value"])
        yield record["row"], RowOutcome(text[:EXCERPT], hash(text), record["score"], failed)
