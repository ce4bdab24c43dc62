"""Where data is: a file, a part of one, a folder, standard input, or what was downloaded."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO, cast

from attrs import define, field

from rlmlang.data import memory
from rlmlang.data.encodings import decoded, encoding_of, encoding_of_parts
from rlmlang.errors import RlmError, UsageError, unreadable

HEAD = 65_536
"""How many bytes of a file are looked at to find its form."""

MAX_WHOLE = 1_000_000_000
"""The most bytes of a file that is read as a whole; tables are read row by row and have no such bound."""

WHOLE_TAKES = 5
"""How many times its size a file takes in memory, at least, that is read as a whole: its bytes, text and values."""

STANDARD_INPUT = "standard input"
"""What messages call it."""

_GZIP = b"\x1f\x8b"


@define(eq=False)
class DataPlace:
    """Where data is, and how to read it."""

    name: str
    """What messages call it."""
    path: Path | None
    """The file or folder; None for what is in no file."""
    part: str = ""
    """What is named behind `#`: a table of a database, a sheet of a workbook."""
    content: bytes | None = None
    """The bytes, where they were downloaded; if there is no file either, standard input has them, once."""
    ending: str = ""
    """The end of the name that tells the form, where there is no file."""
    _taken: bytes = field(default=b"", init=False)
    """The bytes of standard input that were read to find its form."""
    _begun: bool = field(default=False, init=False)
    _encoding: str | None = field(default=None, init=False)

    @property
    def suffix(self) -> str:
        """The end of the name that tells the form, in lower case, without `.gz`: `.csv`."""
        suffixes = [each.lower() for each in PurePath(self.path or f"x{self.ending}").suffixes]
        if suffixes and suffixes[-1] == ".gz":
            suffixes.pop()
        return suffixes[-1] if suffixes else ""

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open the bytes, decompressed. Raises UsageError E604, also for what goes wrong while they are read."""
        try:
            with self._raw() as raw:
                if raw.peek(2)[:2] == _GZIP:
                    with gzip.open(raw) as plain:
                        yield cast(IO[bytes], plain)
                else:
                    yield raw
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self.broken(f"the compressed data is broken: {error}") from error
        except OSError as error:
            raise unreadable(self.name, error) if error.strerror else self.broken(str(error)) from error

    @contextmanager
    def _raw(self) -> Iterator[io.BufferedReader]:
        if self.path is not None:
            try:
                opened = self.path.open("rb")
            except ValueError as error:  # no file system has such a path
                raise unreadable(self.name, error) from error
            with opened:
                yield opened
        elif self.content is not None:
            yield io.BufferedReader(cast(io.RawIOBase, io.BytesIO(self.content)))
        elif self._begun:
            raise UsageError.of("E607", "standard input can be read only once", hint="save it to a file first")
        else:
            self._begun = True
            yield io.BufferedReader(_Continued(self._taken, sys.stdin.buffer), HEAD)

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """Open the bytes so that any part of them can be read. Raises UsageError E604."""
        if self.path is not None and self.path.suffix.lower() != ".gz":
            with self.open() as opened:
                yield opened
        else:
            found = self.read()
            if self.path is None and self.content is None:
                self.content = found  # standard input cannot be read again
            yield io.BytesIO(found)

    @contextmanager
    def library_reads(self, what: str) -> Iterator[None]:
        """Make what a library raises the error E604 of a file that is no whole `what`."""
        try:
            yield
        except RlmError:
            raise
        except Exception as error:  # libraries for files raise whatever a broken one leads to
            said = str(error).strip().partition("\n")[0][:200] or type(error).__name__
            raise self.broken(f"it is no whole {what}: {said}") from error

    def head(self) -> bytes:
        """Return the first bytes, decompressed. Raises UsageError E604."""
        if self.path is None and self.content is None:
            if not self._begun and not self._taken:
                self._taken = sys.stdin.buffer.read(HEAD)
            return self._taken
        with self.open() as opened:
            return opened.read(HEAD)

    def read(self, most: int = MAX_WHOLE) -> bytes:
        """Return all bytes. Raises UsageError E604, also if there are more than `most`, or than memory has room for."""
        free = memory.available()
        most = most if free is None else min(most, free // WHOLE_TAKES)
        with self.open() as opened:
            found = opened.read(most + 1)
        if len(found) > most:
            raise self.broken(
                f"it has more than {most:,} bytes, too many to be read as a whole",
                "give it in parts, as rows of a table",
            )
        return found

    def encoding(self) -> str:
        """Return the encoding of a text: of all of a file, or of the beginning of standard input.

        Raises UsageError E604.
        """
        if self._encoding is None:
            if self.path is None and self.content is None:
                self._encoding = encoding_of(self.head(), self.name)
            else:
                with self.open() as opened:
                    self._encoding = encoding_of_parts(iter(lambda: opened.read(HEAD), b""), self.name)
        return self._encoding

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
        return DataPlace(STANDARD_INPUT, None)
    path, _, part = named.rpartition("#")
    if path and not _exists(named) and _exists(path):
        return DataPlace(named, Path(path), part)
    return DataPlace(named, Path(named))


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # no file system has such a path
        return False
