"""The functions of the standard library. A file is checked when one of its functions is first used."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from rlmlang.files import stdlib_dir
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.check.checker import Checker
from rlmlang.language.depth import deep_recursion
from rlmlang.language.parse import parse
from rlmlang.language.source import Source


@cache
def library_names() -> dict[str, Path]:
    """Return the file of `stdlib/` that each library function is defined in."""
    names: dict[str, Path] = {}
    for path in sorted(stdlib_dir().glob("*.rlm")):
        for match in re.finditer(r"^def (\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            names[match[1]] = path
    return names


@cache
@deep_recursion
def _functions_of(path: Path) -> dict[str, CheckedFunction]:
    """Return the checked functions of a library file. Raises ProgramError."""
    checker = Checker(library_function, in_library=True)
    functions = checker.functions(parse(Source(path.read_text(encoding="utf-8"), path.name)))
    checker.problems.raise_any()
    return functions


def library_function(name: str) -> CheckedFunction | None:
    """Return the library function of a name, if there is one."""
    path = library_names().get(name)
    return None if path is None else _functions_of(path)[name]
