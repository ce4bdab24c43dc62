"""Load Lark for the grammar. Building its tables is slow, so they are cached in the user's folder (decision 23)."""

from __future__ import annotations

import hashlib
import json
import keyword
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from lark import Lark, Token
from lark import __version__ as lark_version

from rlmlang.files import cache_folder, grammar_text
from rlmlang.language.parse.adjacent_strings import StringJoiner
from rlmlang.language.parse.layout import MAX_BLOCKS

OPTIONS: dict[str, Any] = {
    "parser": "lalr",
    "lexer": "basic",  # reserved words are never names, and it loads faster
    "start": ["start", "expr"],
    "maybe_placeholders": True,
    "keep_all_tokens": True,
}

RESERVED = frozenset({*keyword.kwlist, "CALL"})
"""The words that cannot be names."""


LINE_ENDS = tuple(f"_NL{level}" for level in range(MAX_BLOCKS + 1))
"""The terminals of a line end, by the number of blocks that the next line is in."""


def load(builder: object, line_end: Callable[[Token], Token] | None = None) -> Lark:
    """Return a parser that calls the methods of `builder` with the children of each rule.

    `line_end` is given each line end, and may return it as that of another level.
    """
    grammar = grammar_text()
    callbacks = {} if line_end is None else dict.fromkeys(LINE_ENDS, line_end)
    callbacks["NAME"] = _set_apart  # at the end: Lark combines the last one with its own for reserved words
    hooks: dict[str, Any] = {"transformer": builder, "lexer_callbacks": callbacks, "postlex": StringJoiner()}
    digest = hashlib.sha256(f"{lark_version}\n{sorted(OPTIONS.items())}\n{grammar}".encode()).hexdigest()
    path = _file(digest)
    if path is not None and (tables := _read(path)) is not None:
        lark: Lark = Lark._load_from_dict(*tables, **hooks)  # type: ignore[no-untyped-call]
        return lark
    if path is not None:
        _write(path, Lark(grammar, **OPTIONS))
    return Lark(grammar, **OPTIONS, **hooks)


def _set_apart(token: Token) -> Token:
    """Give names that are reserved in Python a terminal that no rule of the grammar uses."""
    return token.update(type="RESERVED") if token in RESERVED else token


def _file(digest: str) -> Path | None:
    try:
        return cache_folder() / f"grammar-{digest[:24]}.json"
    except RuntimeError:  # there is no home directory
        return None


def _read(path: Path) -> tuple[Any, Any] | None:
    """Return the tables in the file, or None if it is missing or damaged."""
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
    """Return the data with its keys as numbers again, which JSON has turned into text."""
    return {int(key): value for key, value in data.items()}


def _write(path: Path, lark: Lark) -> None:
    """Write the tables atomically, since other processes may use them. Failures are ignored: it is a cache."""
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
