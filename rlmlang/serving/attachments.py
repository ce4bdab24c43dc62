"""Read the files that clients attach, as `--input name=@FILE` reads files: tables become lists of records."""

from __future__ import annotations

import re
from base64 import b64decode
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote_to_bytes

from attrs import frozen

from rlmlang.calls.inline import values_of
from rlmlang.data.reading import read_value
from rlmlang.errors import RequestError, UsageError
from rlmlang.language.types import STR
from rlmlang.serving.bodies import member

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")

_CLOSED = (b"SQLite format 3\0", b"ARROW1", b"\xff\xff\xff\xff")
"""How files begin that are not read: databases and Arrow streams are memory of programs, and trust whoever wrote it."""


@frozen
class Attachment:
    """A file that came with a message."""

    name: str
    data: bytes

    def read(self, input_name: str) -> object:
        """Return what is in the file: a table as a list of records, the data of JSON or YAML, else text.

        What is of no type of the language is text too. Raises RequestError E700.
        """
        if self.data.startswith(_CLOSED):
            hint = "send its tables as CSV or JSON"
            raise RequestError.of("E700", f"the file {self.name[:80]!r} is of a form that is not read here", hint=hint)
        suffix = PurePath(self.name[-200:]).suffix
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"file{suffix if _SUFFIX.fullmatch(suffix) else ''}"
            path.write_bytes(self.data)
            try:
                return self._read(str(path), input_name)
            except UsageError as error:
                message = error.first.message.replace(str(path), self.name[:80])
                raise RequestError.of("E700", message, hint=error.first.hint) from None

    def _read(self, path: str, input_name: str) -> object:
        try:
            found = read_value(path, None, input_name)
            values_of({input_name: found})
        except UsageError as error:
            if error.first.code != "E603":
                raise
            return read_value(path, STR, input_name)
        return found


def read_attachment(data: dict[str, Any], where: str) -> Attachment:
    """Return the file that a part of a message has. Raises RequestError E700."""
    name = member(data, "filename", str, default="file", where=f"{where}.")
    content = member(data, "file_data", str, where=f"{where}.")
    if content is None:
        hint = "no file is kept here, and none is fetched: send its content as file_data, in base64"
        raise RequestError.of("E700", f"`{where}` has no file_data", hint=hint)
    head, comma, rest = content.partition(",")
    try:
        if not head.startswith("data:"):
            return Attachment(name, b64decode(content, validate=True))
        if comma and head.endswith(";base64"):
            return Attachment(name, b64decode(rest, validate=True))
        return Attachment(name, unquote_to_bytes(rest))
    except ValueError:
        raise RequestError.of("E700", f"`{where}.file_data` is not base64") from None
