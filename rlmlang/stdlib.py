"""The standard library: functions in the language, one file each in `stdlib/`, checked when used."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from rlmlang import ast
from rlmlang.check import CheckedFunction, Tables, check_library
from rlmlang.resources import stdlib_dir
from rlmlang.source import Source


@cache
def library_names() -> dict[str, Path]:
    """The file that each library function is defined in."""
    names: dict[str, Path] = {}
    for path in sorted(stdlib_dir().glob("*.rlm")):
        for match in re.finditer(r"^def (\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            names[match[1]] = path
    return names


@cache
def _file(path: Path) -> dict[str, tuple[CheckedFunction, Tables]]:
    module, functions, tables = check_library(Source(path.read_text(encoding="utf-8"), path.name))
    return {name: (function, tables) for name, function in functions.items()}


def library_function(name: str) -> tuple[CheckedFunction, Tables] | None:
    """A function of the library, checked, with what the checker learnt about its file."""
    path = library_names().get(name)
    return None if path is None else _file(path)[name]
