"""The files that belong to the language: in a wheel under `data/`, in a checkout beside the package."""

from __future__ import annotations

import os
from pathlib import Path

_HERE = Path(__file__).parent


def _folder(name: str) -> Path:
    packed = _HERE / "data" / name
    return packed if packed.is_dir() else _HERE.parent / name


def grammar_text() -> str:
    """`grammar/rlm.lark`, the one grammar."""
    return (_folder("grammar") / "rlm.lark").read_text(encoding="utf-8")


def stdlib_dir() -> Path:
    """The folder of the standard library's `.rlm` files."""
    return _folder("stdlib")


def cache_folder() -> Path:
    """Where this user's files that can be made again are kept: `$XDG_CACHE_HOME/rlmlang`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rlmlang"
