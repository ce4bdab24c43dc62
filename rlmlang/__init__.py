"""rlmlang: a small typed language for recursive language model programs.

    program = rlmlang.load("article.rlm")
    result = program.run(model="smollm2", document=text)

Names are imported when they are first used, so that checking a program loads no more than
the checker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlmlang.api import Program, Result, compile, load
    from rlmlang.calls.budget import Limits, Usage
    from rlmlang.calls.inline import Completion, acompletion, completion
    from rlmlang.calls.prices import Price
    from rlmlang.errors import BudgetError, Diagnostic, ModelError, ProgramError, RlmError, RunError, UsageError
    from rlmlang.models.base import Model, Reply, Request
    from rlmlang.runtime.estimate import Cost
    from rlmlang.storage.store import Store
    from rlmlang.trace.recorder import CallRecord, Trace

    __version__: str

__all__ = [
    "BudgetError", "CallRecord", "Completion", "Cost", "Diagnostic", "Limits", "Model", "ModelError", "Price",
    "Program", "ProgramError", "Reply", "Request", "Result", "RlmError", "RunError", "Store", "Trace", "Usage",
    "UsageError", "acompletion", "compile", "completion", "load",
]  # fmt: skip

_HOMES = {
    "api": ("Program", "Result", "compile", "load"),
    "calls.budget": ("Limits", "Usage"),
    "calls.inline": ("Completion", "acompletion", "completion"),
    "calls.prices": ("Price",),
    "errors": ("BudgetError", "Diagnostic", "ModelError", "ProgramError", "RlmError", "RunError", "UsageError"),
    "models.base": ("Model", "Reply", "Request"),
    "runtime.estimate": ("Cost",),
    "storage.store": ("Store",),
    "trace.recorder": ("CallRecord", "Trace"),
}
"""The module that each public name lives in."""


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("rlmlang")
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value: object = getattr(import_module(f"rlmlang.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'rlmlang' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
