"""The rows of the table of built-ins, and ways to apply them as CPython would be applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rlmlang.errors import RlmError, RunError
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, NUMBER_METHODS, Builtin
from rlmlang.runtime.meter import Meter
from tests.support.oracle import ERRORS, exact_text

EVERY: dict[str, Builtin] = {
    **BUILTINS,
    **{
        f"{of}.{name}": method for of, methods in (METHODS | NUMBER_METHODS).items() for name, method in methods.items()
    },
    **{
        f"{module}.{name}": row
        for module, rows in MODULES.items()
        for name, row in rows.items()
        if isinstance(row, Builtin) and row.module == module
    },
}
"""All rows of the table: functions by name, methods by type and name, functions of modules by module and name."""


def meter() -> Meter:
    return Meter(10**9, 10**9)


def call(name: str, *args: Any, **keywords: Any) -> Any:
    return EVERY[name].code(meter(), *args, **keywords)


def refused(name: str, *args: Any, **keywords: Any) -> str:
    """Return the code of the error that an application raises."""
    with pytest.raises(RlmError) as caught:
        call(name, *args, **keywords)
    return caught.value.first.code


def outcome(work: Callable[[], Any]) -> str:
    """Return what the work gives as text, or the code of its error."""
    try:
        return exact_text(work())
    except RunError as error:
        return f"error {error.first.code}"


def same(work: Callable[[], Any], python: Callable[[], Any]) -> None:
    """Assert that both give the same, or fail with the same kind of error."""
    found = outcome(work)
    try:
        expected = exact_text(python())
    except tuple(ERRORS) as error:
        codes = next(codes for kind, codes in ERRORS.items() if isinstance(error, kind))
        assert found.removeprefix("error ") in codes
        return
    assert found == expected
