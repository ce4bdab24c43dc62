"""The encoding of texts: what a byte order mark says, UTF-8, or what the bytes look like."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

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


FEW = 0.25
"""The share of bytes that are not ASCII, in lines with such, below which a text has Latin letters."""

_LANGUAGES = {
    "cp1250": ("Polish", "Czech", "Slovak", "Hungarian", "Croatian", "Slovene", "Romanian"),
    "cp1254": ("Turkish",),
    "cp1257": ("Estonian", "Latvian", "Lithuanian"),
}


def decoded(data: bytes, name: str) -> str:
    r"""Return bytes as text with `\n` as its line ends; the encoding is detected. Raises UsageError E604."""
    encoding = encoding_of(data, name)
    try:
        return text_of(data.decode(encoding).encode()) if encoding != "utf-8-sig" else text_of(data)
    except UnicodeDecodeError as error:
        raise _no_text(name, f"byte {error.start:,} is not {encoding.upper()}") from error


def encoding_of(data: bytes, name: str) -> str:
    """Return the name of the encoding of bytes, which may be the beginning of a longer text. Raises UsageError E604."""
    return encoding_of_parts(iter([data]), name)


def encoding_of_parts(parts: Iterator[bytes], name: str) -> str:
    """Return the name of the encoding of a text in parts; only as many are taken as are needed to know it.

    Raises UsageError E604.
    """
    utf8 = codecs.getincrementaldecoder("utf-8")()
    before = 0
    for part in parts:
        if before == 0:
            for mark, encoding in _MARKS:
                if part.startswith(mark):
                    return encoding
        if b"\0" in part:
            raise _no_text(name, f"byte {before + part.index(0):,} is zero")
        try:
            utf8.decode(part)
        except UnicodeDecodeError as error:
            start = max(0, error.start - LOOKED_AT // 2)
            return _detected(part[start:][:LOOKED_AT], before + error.start, name)
        before += len(part)
    return "utf-8-sig"


def beginning(head: bytes, name: str) -> str:
    """Return the text of the first bytes of a file, without a character that is cut off. Raises UsageError E604."""
    encoding = encoding_of(head, name)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    return text.removeprefix("\ufeff")


def _detected(data: bytes, place: int, name: str) -> str:
    """Return the encoding that bytes look like, of which one at a place is not UTF-8. Raises UsageError E604.

    Where few letters are not ASCII, several encodings fit as well. It is that of Western Windows then, unless the text
    looks like a language that another one of Windows is for.
    """
    told = b"".join(line for line in data.splitlines(keepends=True) if not line.isascii())
    best = library("charset_normalizer", f"{name}, which is not UTF-8").from_bytes(told).best()
    if sum(byte > 127 for byte in told) < len(told) * FEW:
        of_windows = best is not None and best.language in _LANGUAGES.get(best.encoding, ())
        if not of_windows and _is(told, "cp1252"):
            return "cp1252"
    if best is None:
        raise _no_text(name, f"byte {place:,} is not UTF-8, and no other encoding fits")
    return str(best.encoding)


def _is(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _no_text(name: str, why: str) -> UsageError:
    return UsageError.of("E604", f"cannot read {name}: {why}", hint="save it as UTF-8")
