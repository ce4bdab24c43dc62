"""Bounds on files that are archives, as those of Word and Excel are."""

from __future__ import annotations

from typing import IO
from zipfile import ZipFile

from rlmlang.data.places import DataPlace

MAX_UNPACKED = 500_000_000
"""The most bytes of the parts of an archive in all; Python reads no more of a part than its archive says."""

MAX_PARTS = 10_000


def check_archive(raw: IO[bytes], place: DataPlace) -> None:
    """Raise UsageError E604 for an archive whose parts are too many or too large. Raises BadZipFile."""
    with ZipFile(raw) as archive:
        parts = archive.infolist()
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED or len(parts) > MAX_PARTS:
        raise place.broken(
            f"it unpacks to {unpacked:,} bytes in {len(parts):,} parts",
            f"save it in parts, or as CSV; the limits are {MAX_UNPACKED:,} bytes and {MAX_PARTS:,} parts",
        )
    raw.seek(0)
