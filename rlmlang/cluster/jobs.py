"""What goes from and to the workers of a cluster: a program with how it is run, chunks of rows, and what they gave."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

from attrs import field, frozen

from rlmlang.calls.budget import Usage
from rlmlang.calls.limits import Limits
from rlmlang.data.tables import Table, TableRow
from rlmlang.errors import RlmError, UsageError
from rlmlang.execution import Options
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked
from rlmlang.language.source import Source
from rlmlang.mapping.binding import RowBinder
from rlmlang.mapping.rows import RowResult
from rlmlang.mapping.scoring import ReadyScorer, Scorer

MOST_ROWS = 64
"""The most rows of a chunk."""

FEWEST_ROWS = 4
"""The rows of the first chunks, so that few rows too are work for all workers."""

MOST_BYTES = 4_000_000
"""A chunk ends with the row that makes it larger."""


@frozen(eq=False)
class RowsJob:
    """A program that is run on rows, with all that a worker needs to know. It is sent pickled."""

    program: Source
    given: Mapping[str, object]
    columns: tuple[str, ...]
    only_text: bool
    may_have_others: bool
    options: Options
    """With limits that every worker may spend itself."""
    limits: Limits
    """Those of all rows together."""
    row_limits: Limits
    rows_at_once: int | None
    column: str | None
    """The column of what is expected."""
    tolerance: float
    judge: Source | None
    is_traced: bool = False
    """Whether events are sent with the results."""
    release: str = field(factory=lambda: version("rlmlang"))

    @classmethod
    def of(
        cls,
        checked: Checked,
        given: Mapping[str, object],
        table: Table,
        columns: tuple[str, ...],
        may_have_others: bool,
        options: tuple[Options, Limits],
        row_limits: Limits,
        rows_at_once: int | None,
        scorer: Scorer | None,
    ) -> RowsJob:
        """Return the job for a program and the options that it is sent with, and the limits of all rows."""
        judge = None if scorer is None or scorer.judge is None else scorer.judge.module.span.source
        return cls(
            checked.module.span.source, dict(given), columns, table.only_text, may_have_others, *options, row_limits,
            rows_at_once, None if scorer is None else scorer.column, 0.0 if scorer is None else scorer.tolerance, judge,
        )  # fmt: skip

    def binder(self) -> RowBinder:
        """Return what binds rows to the program, on a worker. Raises UsageError E614 if that has another rlmlang."""
        if self.release != (own := version("rlmlang")):
            hint = "install the same release on all machines"
            raise UsageError.of("E614", f"a worker has rlmlang {own}, and the map is by {self.release}", hint=hint)
        checked = check(self.program)
        return RowBinder(checked, self.given, self.columns, self.only_text, self.may_have_others)

    def scorer(self, binder: RowBinder) -> ReadyScorer | None:
        """Return what scores the values of rows, if something is expected."""
        if self.column is None:
            return None
        scorer = Scorer(self.column, self.tolerance, None if self.judge is None else check(self.judge))
        table = Table("rows", lambda: iter(()), only_text=self.only_text)
        return scorer.ready(table, (*self.columns, self.column), binder.checked.type, self.row_limits)


@frozen(eq=False)
class ChunkResult:
    """What a chunk of rows gave."""

    worker: str
    """The process that ran them."""
    serial: int
    """Its number among those of the worker."""
    first: int
    """The number of the first row of the chunk."""
    results: list[RowResult]
    """By the numbers of the rows; fewer than there are rows if something ends them all."""
    failure: RlmError | None
    """What ends all rows."""
    usage: Usage
    """What the worker has spent so far."""
    events: list[dict[str, Any]] = field(factory=list)
    """Events of the trace, as JSON data."""
    header: dict[str, Any] | None = None
    """The event with which the worker began, if there is a trace."""


def chunks(rows: Iterator[tuple[int, TableRow]]) -> Iterator[tuple[list[int], list[bytes]]]:
    """Yield rows in chunks, the first ones small: their numbers, and the rows pickled."""
    count, size = 0, 0
    numbers: list[int] = []
    packed: list[bytes] = []
    for number, row in rows:
        numbers.append(number)
        packed.append(pickle.dumps(row, pickle.HIGHEST_PROTOCOL))
        count, size = count + 1, size + len(packed[-1])
        if len(numbers) >= min(MOST_ROWS, max(FEWEST_ROWS, count // MOST_ROWS)) or size > MOST_BYTES:
            yield numbers, packed
            numbers, packed, size = [], [], 0
    if numbers:
        yield numbers, packed


def unpacked(numbers: list[int], packed: list[bytes]) -> list[tuple[int, TableRow]]:
    """Return the rows of a chunk with their numbers."""
    return [(number, pickle.loads(row)) for number, row in zip(numbers, packed)]
