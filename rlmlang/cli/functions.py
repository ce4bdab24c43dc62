"""Functions of the host from a Python file that the user names; no file of settings can name one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import click

from rlmlang.calls.host_functions import HostFunction
from rlmlang.errors import FunctionUnavailable, unreadable
from rlmlang.python_files import FileFailed, module_of

functions_option = click.option(
    "--functions",
    "functions_file",
    metavar="FILE",
    help="A Python file, which is run: programs may declare and call its functions (docs/functions.md).",
)


def functions_of(path: str | None) -> dict[str, Callable[..., Any]]:
    """Return the functions that a Python file defines, by their names; those that begin with `_` are its own.

    Raises UsageError E604 if the file cannot be read, E613 if it does not run or defines none.
    """
    if path is None:
        return {}
    if path.endswith(".rlm"):
        raise FunctionUnavailable.of(
            "E613", f"{path} is a program, not a Python file", hint="name the .py file of the functions"
        )
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    try:
        module = module_of(data, path)
    except FileFailed as failure:
        raise FunctionUnavailable.of("E613", str(failure)) from failure.__cause__
    found = {name: each for name, each in vars(module).items() if not name.startswith("_") and _is_own(each, module)}
    if not found:
        raise FunctionUnavailable.of("E613", f"{path} defines no function", hint="write `def lookup(key: str) -> str:`")
    return found


def _is_own(value: object, module: ModuleType) -> bool:
    """Return whether this is a function that a module defines, and has not imported."""
    if isinstance(value, HostFunction):
        return True
    return isinstance(value, FunctionType) and value.__module__ == module.__name__
