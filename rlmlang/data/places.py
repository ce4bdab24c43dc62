"""Where data is: a file, standard input, or a part of a file, such as a table of a database."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from attrs import define, field

from rlmlang.data.encodings import decoded
from rlmlang.errors import UsageError, unreadable

HEAD = 65_536
"""How many bytes of a file are looked at to find its form."""

MAX_WHOLE = 1_000_000_000
"""The most bytes of a file that is read as a whole; tables are read row by row and have no such bound."""

_GZIP = b"\x1f\x8b"


@define(eq=False)
class DataPlace:
    """Where data is, and how to read it."""

    name: str
    """What messages call it."""
    path: Path | None
    """The file; None for standard input, which can be read once."""
    part: str = ""
    """What is named behind `#`: a table of a database, a sheet of a workbook."""
    _taken: bytes = field(default=b"", init=False)
    """The bytes of standard input that were read to find its form."""
    _begun: bool = field(default=False, init=False)

    @property
    def suffix(self) -> str:
        """The end of the file's name that tells its form, in lower case, without `.gz`: `.csv`."""
        if self.path is None:
            return ""
        suffixes = [each.lower() for each in self.path.suffixes]
        if suffixes and suffixes[-1] == ".gz":
            suffixes.pop()
        return suffixes[-1] if suffixes else ""

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the bytes, decompressed. Raises UsageError E604, also for what goes wrong while they are read."""
        try:
            with self._raw() as raw:
                buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, raw))
                if buffered.peek(2)[:2] == _GZIP:
                    with gzip.open(buffered) as plain:
                        yield cast(IO[bytes], plain)
                else:
                    yield buffered
        except EOFError as error:
            raise self.broken("the compressed data is cut off") from error
        except (OSError, ValueError) as error:
            raise unreadable(self.name, error) from error

    @contextmanager
    def _raw(self) -> Iterator[IO[bytes]]:
        if self.path is not None:
            with self.path.open("rb") as opened:
                yield opened
            return
        if self._begun:
            raise UsageError.of("E607", "standard input can be read only once", hint="save it to a file first")
        self._begun = True
        yield cast(IO[bytes], io.BufferedReader(_Continued(self._taken, sys.stdin.buffer), HEAD))

    def head(self) -> bytes:
        """Return the first bytes, decompressed. Raises UsageError E604."""
        if self.path is None and not self._begun and not self._taken:
            self._taken = sys.stdin.buffer.read(HEAD)
        if self.path is None:
            return self._taken
        with self.open() as opened:
            return opened.read(HEAD)

    def read(self) -> bytes:
        """Return all bytes. Raises UsageError E604, also if there are more than `MAX_WHOLE`."""
        with self.open() as opened:
            found = opened.read(MAX_WHOLE + 1)
        if len(found) > MAX_WHOLE:
            raise self.broken(
                f"it has more than {MAX_WHOLE:,} bytes, too many for one value",
                "give a part of it, or a table with a row for each part, which `rlmlang map` reads row by row",
            )
        return found

    def text(self) -> str:
        """Return all bytes as text, whose encoding is detected. Raises UsageError E604."""
        return decoded(self.read(), self.name)

    def broken(self, why: str, hint: str | None = None) -> UsageError:
        """Return the error E604 of a file that is not what it should be."""
        return UsageError.of("E604", f"cannot read {self.name}: {why}", hint=hint)


class _Continued(io.RawIOBase):
    """Bytes that were read already, and the stream that they are from."""

    def __init__(self, taken: bytes, rest: IO[bytes]) -> None:
        self._taken, self._rest = taken, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self._taken[: len(buffer)] or self._rest.read(len(buffer))
        self._taken = self._taken[len(buffer) :]
        buffer[: len(found)] = found
        return len(found)


def place_of(named: str) -> DataPlace:
    """Return the place that is named: a file, or `-` for standard input; `file.db#part` names a part of a file."""
    if named == "-":
        return DataPlace("standard input", None)
    path, _, part = named.rpartition("#")
    if path and not Path(named).exists() and Path(path).exists():
        return DataPlace(named, Path(path), part)
    return DataPlace(named, Path(named))
