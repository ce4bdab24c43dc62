"""Lark, set up for the grammar. Its tables take long to build, so each user keeps a copy of them (decision 23)."""

from __future__ import annotations

import hashlib
import json
import keyword
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from lark import Lark, Token
from lark import __version__ as lark_version

from rlmlang.files import cache_folder, grammar_text

OPTIONS: dict[str, Any] = {
    "parser": "lalr",
    "lexer": "basic",  # which tells reserved words from names everywhere, and is ready sooner
    "start": ["start", "expr"],
    "maybe_placeholders": True,
    "keep_all_tokens": True,
}

RESERVED = frozenset({*keyword.kwlist, "CALL"})
"""Words that cannot be names."""


def load(builder: object) -> Lark:
    """A parser that calls the methods of `builder` with the children of each rule."""
    grammar = grammar_text()
    hooks: dict[str, Any] = {"transformer": builder, "lexer_callbacks": {"NAME": _set_apart}}
    digest = hashlib.sha256(f"{lark_version}\n{sorted(OPTIONS.items())}\n{grammar}".encode()).hexdigest()
    path = _file(digest)
    if path is not None and (tables := _read(path)) is not None:
        lark: Lark = Lark._load_from_dict(*tables, **hooks)  # type: ignore[no-untyped-call]
        return lark
    if path is not None:
        _write(path, Lark(grammar, **OPTIONS))
    return Lark(grammar, **OPTIONS, **hooks)


def _set_apart(token: Token) -> Token:
    """Names that are reserved in Python, but have no part in the grammar, fit no rule."""
    return token.update(type="RESERVED") if token in RESERVED else token


def _file(digest: str) -> Path | None:
    try:
        return cache_folder() / f"grammar-{digest[:24]}.json"
    except RuntimeError:  # nobody's home
        return None


def _read(path: Path) -> tuple[Any, Any] | None:
    """The tables in the file, unless it is missing or not as it was written."""
    try:
        check, text = path.read_text(encoding="utf-8").split("\n", 1)
    except (OSError, ValueError):
        return None
    if check != _checksum(text):
        return None
    data, memo = json.loads(text)
    table = data["parser"]["parser"]
    table["states"] = _numbered(table["states"])
    return data, _numbered(memo)


def _numbered(data: dict[str, Any]) -> dict[int, Any]:
    """With the keys as the numbers they were before they went into JSON."""
    return {int(key): value for key, value in data.items()}


def _write(path: Path, lark: Lark) -> None:
    """All or nothing, since others may be reading and writing too. If it cannot be, it need not be."""
    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    text = json.dumps(lark.memo_serialize([TerminalDef, Rule]))
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            draft.write_text(f"{_checksum(text)}\n{text}", encoding="utf-8")
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
