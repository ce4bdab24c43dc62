"""A map from the command line: its rows watched, their results written, and its end printed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from typing import Any

import click
from attrs import define

from rlmlang.cli import output
from rlmlang.cli.failures import as_error, with_more_hints
from rlmlang.cli.map_progress import RowsProgress, shown
from rlmlang.cli.running import missing_model, summary, written_to
from rlmlang.errors import MissingInput, MissingModel, RlmError
from rlmlang.mapping.formats import cell_text
from rlmlang.mapping.mapped import Mapped
from rlmlang.mapping.records import GIVEN, RESULT_COLUMNS, line_of, record_of
from rlmlang.mapping.results_file import PART, ResultsFile, read_results
from rlmlang.mapping.scoring import Scores, wilson
from rlmlang.render import counted
from rlmlang.runtime.python_values import data_of
from rlmlang.runtime.values import to_json
from rlmlang.trace.recorder import Trace

WIDTH = 30
"""Characters of a value in the table of the worst rows."""

COUNTED = 50_000_000
"""Up to so many bytes, the rows of a file are counted before, so that the time to go is known."""


@define
class MapJob:
    """A map from the command line."""

    trace: Trace
    rows: str
    """The place of the rows."""
    out: str
    quiet: bool
    failure: RlmError | None = None
    done: int = 0
    failed: int = 0
    """Rows that are done, and those of them that failed, also in earlier processes."""
    scores: Scores | None = None
    _before: int = 0
    """Rows that were done before this process began."""
    _columns: set[str] | None = None
    """The rows' own columns that are kept; None for all."""

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Keep what goes wrong as the failure of the map."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, BrokenPipeError) or isinstance(error.__cause__, BrokenPipeError):
                raise
            failure = as_error(error)
            self.failure = missing_model("the program makes a CALL") if isinstance(failure, MissingModel) else failure

    def keep(self, columns: str | None, expect: str | None, there: Collection[str]) -> None:
        """Record which of the columns that are there are kept, and which says what is expected.

        Raises UsageError E601 for a column that is not there.
        """
        if columns is not None:
            names = [*filter(None, map(str.strip, columns.split(",")))]
            for name in names:
                if there and name not in there:
                    raise MissingInput.of("E601", f"no column `{name}` can be kept; there are {', '.join(there)}")
            self._columns = {*names, *([expect] if expect else [])}
        if expect is not None:
            self.scores = Scores(expect + GIVEN if expect in RESULT_COLUMNS else expect)

    def run(self, mapped: Mapped, count: int | None, trace_file: str | None, results: ResultsFile | None) -> None:
        """Run the rows that are not done, and write what they give. Raises what ends all rows, UsageError E612."""
        if results is not None:
            mapped.is_done, self.done, self.failed = results.is_done, len(results), len(results.failed)
            self._before = self.done
            if results.is_finished:
                return
        is_shown = not self.quiet and output.is_terminal(sys.stderr)
        progress = RowsProgress(self.trace, self._count(count) if is_shown else None, self.done, self.failed)
        with (
            written_to(trace_file, self.trace),
            shown(output.one_line(self.out, 24), progress) if is_shown else nullcontext(),
        ):
            asyncio.run(self._work(mapped, progress, results))

    def _count(self, count: int | None) -> int | None:
        """Return the number of rows, if it is known or can be found quickly."""
        if count is not None or not os.path.isfile(self.rows) or os.path.getsize(self.rows) > COUNTED:
            return count
        from rlmlang.data import rows

        return sum(1 for _ in rows(self.rows))

    async def _work(self, mapped: Mapped, progress: RowsProgress, results: ResultsFile | None) -> None:
        async for batch in mapped.batches():
            records = [record_of(each, self._columns) for each in batch]
            if results is not None:
                results.add(records)
            else:
                self._print(records)
            failed = sum(each.error is not None for each in batch)
            self.done, self.failed = self.done + len(batch), self.failed + failed
            progress.add(len(batch), failed)

    def _print(self, records: list[dict[str, Any]]) -> None:
        for record in records:
            if self.scores is not None:
                self.scores.add(record)
        output.write_text(b"".join(map(line_of, records)).decode().removesuffix("\n"))
        sys.stdout.flush()

    def finish(self, results: ResultsFile, ordered: bool) -> None:
        """Make the file of the results, which are all there. Raises UsageError E603, E604, E612."""
        if results.is_finished:
            for record in read_results(self.out):
                self.done, self._before = self.done + 1, self._before + 1
                self.failed += record["error"] is not None
                if self.scores is not None:
                    self.scores.add(record)
            return
        if self.scores is not None:
            for record in results.records():
                self.scores.add(record)
        results.finish(ordered)

    def end(self, as_json: bool) -> int:
        """Print how the map ended; return the exit code."""
        scores = self.scores if self.failure is None else None
        failure = None if self.failure is None else self._explained(self.failure)
        if as_json:
            data: dict[str, Any] = {"out": self.out, "rows": self.done, "failed": self.failed}
            data |= {} if scores is None else {"scores": scores.to_json()}
            data |= {} if failure is None else {"error": output.error_json(failure, self.trace.redactor)}
            output.write_json(data | {"usage": self.trace.usage.to_json()})
        else:
            if scores is not None:
                self._show(scores)
            if failure is not None:
                output.show_error(failure, self.trace.redactor)
            if not self.quiet and self.done:
                failed = f", {self.failed:,} of them failed" if self.failed else ""
                place = "" if self.out == "-" else f" in {self.out}{'' if failure is None else PART}"
                click.echo(f"{counted(self.done, 'row')}{place}{failed}{self._pace()}", err=True)
                click.echo(summary(self.trace.usage), err=True)
        if failure is not None:
            return failure.exit_code
        return 1 if self.failed else 0

    def _pace(self) -> str:
        """Return how many rows a second this process has done; nothing if it has done none."""
        done, seconds = self.done - self._before, self.trace.usage.seconds
        return f", {done / seconds:,.1f} a second" if done and seconds else ""

    def _explained(self, failure: RlmError) -> RlmError:
        """Return what ended the map, with how it goes on where rows are kept."""
        if self.done and self.out != "-":
            return with_more_hints(failure, f"{counted(self.done, 'row')} kept: --resume goes on from there")
        return failure

    def _show(self, scores: Scores) -> None:
        """Print the share of rows that are right, and the worst rows."""
        low, high = wilson(scores.total, scores.count)
        right = f"{scores.accuracy:.1%} right of {counted(scores.count, 'row')}"
        lines = [
            f"{right}, with 95 % certainty between {low:.1%} and {high:.1%}" if scores.count else "no row was scored"
        ]
        if scores.commonest is not None:
            label, share = scores.commonest
            lines.append(f"to say {output.one_line(label, WIDTH)!r} each time would be right in {share:.1%}")
        if scores.failed:
            lines.append(f"{counted(scores.failed, 'row')} failed, which counts as wrong")
        if scores.unscored:
            lines.append(
                f"{counted(scores.unscored, 'row')} without a score: what is expected does not fit the value, "
                "the judge failed, or they ran without --expect"
            )
        if worst := scores.worst():
            lines.append(f"\n{'row':>9}  {'score':>5}  {'expected':{WIDTH}}  value")
        for record in worst:
            expected, value = record.get(scores.column), record["value"]
            shown_value = f"{record['error']}: {record['message']}" if record["error"] else cell_text(value)
            lines.append(
                f"{record['row']:>9,}  {record['score']:>5.2f}  "
                f"{output.one_line(cell_text(expected), WIDTH):{WIDTH}}  {output.one_line(shown_value, WIDTH)}"
            )
        for line in lines:
            click.echo(line, err=self.out == "-")


def digest(text: str) -> str:
    """Return a short digest of a text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def canonical_text(given: Mapping[str, object]) -> str:
    """Return inputs as one text, which differs for other inputs. Raises Mismatch for what is no data."""
    return json.dumps(to_json(data_of(dict(given), "the inputs")), sort_keys=True)
