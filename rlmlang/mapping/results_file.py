"""A results file: written while rows end, whole once all have, and resumed where it was left.

Until then the results are in a journal beside it, `RESULTS.part`: a line that says what was begun, and behind it a line
of JSON for each row that has ended, in that order. A line is a row's result once it is written whole, so a process may
be killed at any moment: a cut line at the end is dropped, and its row is run again. At the end the journal becomes the
file, in order, under another name first, so that whoever sees the file sees all of it. (Decision 128.)
"""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from rlmlang.data import rows
from rlmlang.data.tables import TableRow
from rlmlang.errors import InputMismatch, RunUnavailable, UsageError, unreadable, unwritable
from rlmlang.files import open_private
from rlmlang.mapping.formats import cell_text, writer_for
from rlmlang.mapping.records import line_of, own_columns

PART = ".part"
"""What is added to the name of a results file for its journal."""

_MARK = "rlmlang_map"
"""The name of the entry by which the first line of a journal is known."""


class ResultsFile:
    """The journal of a results file, open for writing."""

    def __init__(self, path: Path, begun: Mapping[str, Any], *, resume: bool, overwrite: bool, again: bool) -> None:
        """Begin a results file, or go on with it to `resume`; `begun` says of what it is, as JSON data.

        With `again`, rows that failed count as not done. Raises UsageError E604, E607, E610, E612.
        """
        self.path, self.part = path, path.with_name(path.name + PART)
        self.writer = writer_for(path)
        self.is_finished = False
        """Whether all rows are in the file, so that nothing is to be done."""
        self._begun, self._again = dict(begun), again
        self.failed: set[int] = set()
        """The numbers of rows that are done and failed."""
        self._places = array("q")
        """Where the lines of rows begin in the journal, by the numbers of rows; -1 for one that has none."""
        self._end = 0
        self._count = 0
        if overwrite:
            for old in (self.path, self.part):
                with suppress(FileNotFoundError):
                    old.unlink()
        if not resume:
            for old in (self.path, self.part):
                if old.exists():
                    hint = "--resume goes on with it, and --overwrite begins anew"
                    raise UsageError.of("E607", f"there is a file {old} already", hint=hint)
        self._stream: IO[bytes] | None = None
        self._lines: IO[bytes] | None = None
        """The journal, open to be read, once that was necessary."""
        if resume and self.path.exists() and not self.part.exists():
            if not again:
                self.is_finished = True
                return
            self._begin_again()
        try:
            descriptor = open_private(self.part, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise unwritable(str(self.part), error) from error
        self._stream = os.fdopen(descriptor, "r+b", buffering=0)
        try:
            self._lock()
            self._read()
        except BaseException:
            self.close()
            raise

    def _lock(self) -> None:
        """Keep others from writing the same results. Raises UsageError E607."""
        assert self._stream is not None
        try:
            import fcntl
        except ImportError:  # there is none on Windows
            return
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            hint = "wait until it has ended, or name another file with --out"
            raise UsageError.of("E607", f"another process writes {self.path}", hint=hint) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the journal, which stays where it is unless the file is finished."""
        for each in (self._stream, self._lines):
            if each is not None:
                each.close()
        self._stream = self._lines = None

    # What is done

    def __contains__(self, number: object) -> bool:
        """Return whether the row of a number is done."""
        return isinstance(number, int) and number < len(self._places) and self._places[number] >= 0

    def is_done(self, number: int, row: TableRow) -> bool:
        """Return whether a row is done. Raises UsageError E610 if another row was when it was run."""
        if number not in self:
            return False
        kept = self._record(self._places[number])
        for name, cell in json.loads(line_of(own_columns(row))).items():
            if name in kept and not _are_same(cell, kept[name]):
                message = f"row {number:,} is another than when it was run: {self.part} has another `{name}`"
                raise RunUnavailable.of("E610", message, hint="--overwrite begins anew")
        return True

    def _record(self, place: int) -> dict[str, Any]:
        """Return the result whose line begins at a place of the journal. Raises UsageError E604."""
        try:
            if self._lines is None:
                self._lines = os.fdopen(os.open(self.part, os.O_RDONLY | getattr(os, "O_BINARY", 0)), "rb")
            self._lines.seek(place)
            return _parsed(self._lines.readline())
        except OSError as error:
            raise unreadable(self.part, error) from error

    def _read(self) -> None:
        """Read what the journal says, and cut off a line that is not whole. Raises UsageError E610, E612."""
        assert self._stream is not None
        with open(self.part, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                data = _parsed(line)
                if self._end == 0:
                    self._check_begun(data)
                elif isinstance(number := data.get("row"), int) and not (self._again and data.get("error")):
                    self._put(number, self._end, bool(data.get("error")))
                self._end += len(line)
        try:
            self._stream.truncate(self._end)
            self._stream.seek(self._end)
        except OSError as error:
            raise unwritable(str(self.part), error) from error
        if self._end == 0:
            self._append(line_of({_MARK: 1, **self._begun}))

    def _check_begun(self, data: Mapping[str, Any]) -> None:
        """Raise UsageError E610 unless the first line of the journal says the same as this map."""
        if _MARK not in data:
            raise RunUnavailable.of(
                "E610", f"{self.part} is no journal of results", hint="name another file with --out"
            )
        for name, value in self._begun.items():
            before = data.get(name)
            if before != value:
                other = f"{'other' if name.endswith('s') else 'another'} {name.replace('_', ' ')}"
                which = f", {before}" if name in ("rows", "model", "leaf_model") and before else ""
                raise RunUnavailable.of(
                    "E610", f"{self.part} was begun with {other}{which}", hint="--overwrite begins anew"
                )

    def __len__(self) -> int:
        """The number of rows that are done."""
        return self._count

    def _put(self, number: int, place: int, has_failed: bool) -> None:
        if number >= len(self._places):
            self._places.extend([-1] * (number + 1 - len(self._places)))
        self._count += self._places[number] < 0
        self._places[number] = place
        (self.failed.add if has_failed else self.failed.discard)(number)

    def _begin_again(self) -> None:
        """Make a journal of a finished file. Raises UsageError E604, E612."""
        whole = self.part.with_name(self.part.name + ".tmp")
        try:
            with open(open_private(whole, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "wb") as file:
                file.write(line_of({_MARK: 1, **self._begun}))
                for record in read_results(str(self.path)):
                    file.write(line_of(record))
            os.replace(whole, self.part)
        except OSError as error:
            raise unwritable(str(self.part), error) from error

    # Writing

    def add(self, records: Iterable[dict[str, Any]]) -> None:
        """Write the results of rows, which are done then. Raises UsageError E612."""
        text = b""
        found: list[tuple[int, int, bool]] = []
        for record in records:
            found.append((record["row"], self._end + len(text), record["error"] is not None))
            text += line_of(record)
        self._append(text)
        for each in found:
            self._put(*each)

    def _append(self, text: bytes) -> None:
        assert self._stream is not None
        try:
            rest = memoryview(text)
            while rest:
                rest = rest[self._stream.write(rest) :]
        except OSError as error:
            raise unwritable(str(self.part), error) from error
        self._end += len(text)

    def records(self, ordered: bool = True) -> Iterator[dict[str, Any]]:
        """Yield the results of all rows that are done, by their numbers or as they ended. Raises UsageError E604."""
        places = (place for place in self._places if place >= 0)
        yield from map(self._record, places if ordered else sorted(places))

    def finish(self, ordered: bool = True) -> None:
        """Make the results file of the journal. Raises UsageError E604, E612."""
        whole = self.path.with_name(self.path.name + ".tmp")
        try:
            with open(open_private(whole, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "wb") as file:
                self.writer(file, lambda: self.records(ordered))
                file.flush()
                os.fsync(file.fileno())
            os.replace(whole, self.path)
            self.close()  # before it is removed, for Windows
            self.part.unlink()
        except OSError as error:
            raise unwritable(str(self.path), error) from error


def read_results(place: str) -> Iterator[dict[str, Any]]:
    """Yield the results in a file of any format, or in a journal. Raises UsageError E603, E604."""
    for row in rows(f"jsonl:{place}" if place.endswith(PART) else place):
        if _MARK in row:
            continue
        if "row" not in row or "value" not in row:
            raise InputMismatch.of("E603", f"{place} has no results: it lacks the columns `row` and `value`")
        score = row.get("score")
        yield row | {
            "row": int(row["row"]),
            "error": row.get("error") or None,
            "score": float(score) if score not in (None, "") else None,
        }


def _parsed(line: bytes) -> dict[str, Any]:
    """Return the data of a line; empty if it is damaged, as after a loss of power, so that its row is run again."""
    try:
        data = json.loads(line)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _are_same(cell: object, kept: object) -> bool:
    """Return whether a cell is what results have of it, which in CSV is its text."""
    texts = [cell_text(each).encode("utf-8", "backslashreplace") for each in (cell, kept)]
    return cell == kept or texts[0] == texts[1]
