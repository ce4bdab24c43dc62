"""rlmlang: a small typed language for recursive language model programs.

    program = rlmlang.load("article.rlm")
    result = program.run(model="smollm2", document=text)

The names in `__all__`, and those of the modules `rlmlang.errors`, `rlmlang.models.scripted` and `rlmlang.testing`, are
public; what else there is may change. Names are imported when they are first used, so that checking a program loads no
more than the checker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlmlang.api import (
        Completion,
        Program,
        Result,
        aask,
        acomplete,
        areplay,
        aresume,
        ask,
        compile,
        complete,
        load,
        open_model,
        replay,
        resume,
    )
    from rlmlang.calls.budget import Usage
    from rlmlang.calls.host_functions import HostFunction, function
    from rlmlang.calls.limits import Limits
    from rlmlang.calls.prices import Price
    from rlmlang.cluster.options import Cluster
    from rlmlang.errors import (
        AnswerEmpty,
        AnswerMismatch,
        AnswerNotStored,
        AnswerTruncated,
        BudgetError,
        CallsExhausted,
        ClusterUnusable,
        CompletionTokensExhausted,
        ConstraintViolated,
        ContextOverflow,
        CostExceedsBudget,
        DepthExhausted,
        Diagnostic,
        FileUnreadable,
        FileUnwritable,
        FunctionCallsExhausted,
        FunctionFailed,
        FunctionUnavailable,
        InputMismatch,
        InvalidOption,
        MissingInput,
        MissingModel,
        ModelError,
        ModelFailed,
        ModelNotLoaded,
        ModelProgramFailed,
        MoneyExhausted,
        NoScriptedReply,
        NotClosed,
        NotInLanguage,
        PriceUnknown,
        ProgramError,
        PromptTokensExhausted,
        Refused,
        RequestError,
        RlmError,
        RowExhausted,
        RunError,
        RunNotFound,
        RunUnavailable,
        ServerUnavailable,
        ShareExhausted,
        StepsExhausted,
        StoreUnusable,
        TimeExhausted,
        TraceUnreadable,
        UnknownInput,
        UnknownModel,
        UsageError,
        ValueMismatch,
        ValueTooLarge,
    )
    from rlmlang.mapping.mapped import Mapped
    from rlmlang.mapping.rows import RowResult
    from rlmlang.models.base import Model, Reply, Request
    from rlmlang.models.functions import FunctionModel
    from rlmlang.models.open_model import OpenModel
    from rlmlang.runtime.estimate import Cost
    from rlmlang.sessions import Session
    from rlmlang.storage.store import Store
    from rlmlang.trace.recorder import CallRecord, Trace

    __version__: str

__all__ = [
    "AnswerEmpty", "AnswerMismatch", "AnswerNotStored", "AnswerTruncated", "BudgetError", "CallRecord",
    "CallsExhausted", "Cluster", "ClusterUnusable", "Completion", "CompletionTokensExhausted", "ConstraintViolated",
    "ContextOverflow", "Cost", "CostExceedsBudget", "DepthExhausted", "Diagnostic", "FileUnreadable", "FileUnwritable",
    "FunctionCallsExhausted", "FunctionFailed", "FunctionModel", "FunctionUnavailable", "HostFunction", "InputMismatch",
    "InvalidOption", "Limits", "Mapped", "MissingInput", "MissingModel", "Model", "ModelError", "ModelFailed",
    "ModelNotLoaded", "ModelProgramFailed", "MoneyExhausted", "NoScriptedReply", "NotClosed", "NotInLanguage",
    "OpenModel", "Price", "PriceUnknown", "Program", "ProgramError", "PromptTokensExhausted", "Refused", "Reply",
    "Request", "RequestError", "Result", "RlmError", "RowExhausted", "RowResult", "RunError", "RunNotFound",
    "RunUnavailable", "ServerUnavailable", "Session", "ShareExhausted", "StepsExhausted", "Store", "StoreUnusable",
    "TimeExhausted", "Trace", "TraceUnreadable", "UnknownInput", "UnknownModel", "Usage", "UsageError", "ValueMismatch",
    "ValueTooLarge", "aask", "acomplete", "areplay", "aresume", "ask", "compile", "complete", "function", "load",
    "open_model", "replay", "resume",
]  # fmt: skip

_HOMES = {
    "api": (
        "Completion", "Program", "Result", "aask", "acomplete", "areplay", "aresume", "ask", "compile", "complete",
        "load", "open_model", "replay", "resume",
    ),
    "calls.budget": ("Usage",),
    "calls.limits": ("Limits",),
    "calls.host_functions": ("HostFunction", "function"),
    "calls.prices": ("Price",),
    "cluster.options": ("Cluster",),
    "errors": (
        "AnswerEmpty", "AnswerMismatch", "AnswerNotStored", "AnswerTruncated", "BudgetError", "CallsExhausted",
        "ClusterUnusable", "CompletionTokensExhausted", "ConstraintViolated", "ContextOverflow", "CostExceedsBudget",
        "DepthExhausted", "Diagnostic", "FileUnreadable", "FileUnwritable", "FunctionCallsExhausted", "FunctionFailed",
        "FunctionUnavailable", "InputMismatch", "InvalidOption", "MissingInput", "MissingModel", "ModelError",
        "ModelFailed", "ModelNotLoaded", "ModelProgramFailed", "MoneyExhausted", "NoScriptedReply", "NotClosed",
        "NotInLanguage", "PriceUnknown", "ProgramError", "PromptTokensExhausted", "Refused", "RequestError", "RlmError",
        "RowExhausted", "RunError", "RunNotFound", "RunUnavailable", "ServerUnavailable", "ShareExhausted",
        "StepsExhausted", "StoreUnusable", "TimeExhausted", "TraceUnreadable", "UnknownInput", "UnknownModel",
        "UsageError", "ValueMismatch", "ValueTooLarge",
    ),
    "mapping.mapped": ("Mapped",),
    "mapping.rows": ("RowResult",),
    "models.base": ("Model", "Reply", "Request"),
    "models.functions": ("FunctionModel",),
    "models.open_model": ("OpenModel",),
    "runtime.estimate": ("Cost",),
    "sessions": ("Session",),
    "storage.store": ("Store",),
    "trace.recorder": ("CallRecord", "Trace"),
}  # fmt: skip
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
