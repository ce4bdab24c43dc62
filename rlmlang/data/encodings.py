"""The encoding of texts: what a byte order mark says, UTF-8, or what the bytes look like."""

from __future__ import annotations

import codecs

from rlmlang.data.libraries import library
from rlmlang.errors import UsageError
from rlmlang.files import text_of

LOOKED_AT = 200_000
"""How many bytes an encoding is detected from, at most."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What a text may begin with; the mark of UTF-32 begins with that of UTF-16."""


def decoded(data: bytes, name: str) -> str:
    r"""Return bytes as text with `\n` as its line ends; the encoding is detected. Raises UsageError E604."""
    encoding = encoding_of(data, name)
    try:
        return text_of(data.decode(encoding).encode()) if encoding != "utf-8-sig" else text_of(data)
    except UnicodeDecodeError as error:
        raise _no_text(name, f"byte {error.start:,} is not {encoding.upper()}") from error


def encoding_of(data: bytes, name: str) -> str:
    """Return the name of the encoding of bytes, which may be the beginning of a longer text. Raises UsageError E604."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)  # a character may be cut off
    except UnicodeDecodeError as error:
        return _detected(data[max(0, error.start - LOOKED_AT // 2) :][:LOOKED_AT], error, name)
    if b"\0" in data:
        raise _no_text(name, f"byte {data.index(0):,} is zero")
    return "utf-8-sig"


def beginning(head: bytes, name: str) -> str:
    """Return the text of the first bytes of a file, without a character that is cut off. Raises UsageError E604."""
    encoding = encoding_of(head, name)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    return text.removeprefix("\ufeff")


def _detected(data: bytes, error: UnicodeDecodeError, name: str) -> str:
    """Return the encoding that bytes look like. Raises UsageError E604."""
    if b"\0" not in data:
        best = library("charset_normalizer", f"{name}, which is not UTF-8").from_bytes(data).best()
        if best is not None:
            return str(best.encoding)
    raise _no_text(name, f"byte {error.start:,} is not UTF-8, and no other encoding fits") from error


def _no_text(name: str, why: str) -> UsageError:
    return UsageError.of("E604", f"cannot read {name}: {why}", hint="save it as UTF-8")
