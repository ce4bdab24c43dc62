"""The libraries of the extra `rlmlang[data]`, imported when a file needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from rlmlang.errors import UsageError


def library(module: str, what: str) -> Any:
    """Return a module of the extra, which reads `what`. Raises UsageError E604 if it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UsageError.of(
            "E604", f"to read {what}, the package {package} is needed: {error}", hint="pip install 'rlmlang[data]'"
        ) from error
