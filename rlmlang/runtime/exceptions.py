"""Exceptions of programs: what `raise` and `assert` raise, and which class in an `except` catches which error."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from rlmlang.diagnostics import Diagnostic
from rlmlang.errors import BudgetError, ModelError, RlmError, RunError

CODES: dict[str, tuple[str, ...]] = {
    "IndexError": ("E301",),
    "KeyError": ("E302",),
    "ZeroDivisionError": ("E303",),
    "OverflowError": ("E306",),
    "ValueError": ("E304", "E305", "E307", "E308"),
    "RecursionError": ("E309",),
    "UnboundLocalError": ("E310",),
    "AssertionError": ("E311",),
}
"""The errors of a run that each class catches."""

CONTAINS: dict[str, tuple[str, ...]] = {
    "LookupError": ("IndexError", "KeyError"),
    "ArithmeticError": ("ZeroDivisionError", "OverflowError"),
    "RuntimeError": ("RecursionError",),
    "NameError": ("UnboundLocalError",),
}
"""The classes below each class, as in Python."""

MAX_RECURSION = 1_000
"""How many applications of recursive functions may be inside of each other, as in Python."""

RAISED = (
    *CODES, *CONTAINS, "TypeError", "NotImplementedError", "StopIteration", "AttributeError", "ImportError",
    "Exception",
)  # fmt: skip
"""The classes that a program may raise."""

CAUGHT = (*RAISED, "ModelError")
"""The classes that a program may catch."""


@frozen(eq=False, str=False, slots=False)
class RaisedError(RunError):
    """What `raise Name("message")` raises (E312)."""

    kind: str = ""
    text: str = ""

    @classmethod
    def make(cls, kind: str, text: str = "") -> RaisedError:
        """Return the error of a class with a message."""
        return cls(RunError.of("E312", f"{kind}: {_shown(text)}" if text else kind).diagnostics, kind, text)

    def _with_first(self, first: Diagnostic) -> RaisedError:
        return evolve(self, diagnostics=(first, *self.diagnostics[1:]))


def too_deep() -> RunError:
    """Return the error of functions that apply themselves too deeply (E309)."""
    return RunError.of(
        "E309",
        f"a recursive function is applied more than {MAX_RECURSION:,} deep",
        hint="let it end earlier, or use a loop",
    )


def no_next() -> RunError:
    """Return the error of `next` of a generator without elements (E312), which is without a message in Python."""
    message, hint = "StopIteration: `next` of a generator without elements", "write `next((…), default)`"
    return RaisedError(RunError.of("E312", message, hint=hint).diagnostics, "StopIteration")


def failed_assertion(text: str) -> RunError:
    """Return the error of an `assert` that fails (E311), with the message that it has."""
    message = _shown(text) or "the assertion does not hold"
    return RaisedError(RunError.of("E311", message).diagnostics, "AssertionError", text or message)


def _shown(text: str) -> str:
    return text if len(text) <= 500 else text[:499] + "…"


def unbound(name: str) -> RunError:
    """Return the error of reading a variable that has no value yet (E310)."""
    return RunError.of("E310", f"`{name}` is not bound here", hint="bind it on every way to this place")


def catches(names: Sequence[str], error: RlmError) -> bool:
    """Return whether an `except` of these classes catches an error; without a class, it is as `Exception`."""
    if isinstance(error, BudgetError) or not isinstance(error, (RunError, ModelError)):
        return False
    return not names or any(_catches(name, error) for name in names)


def _catches(name: str, error: RlmError) -> bool:
    if name == "Exception":
        return True
    if isinstance(error, ModelError):
        return name == "ModelError"
    below = (name, *CONTAINS.get(name, ()))
    if isinstance(error, RaisedError):
        return error.kind in below
    return any(error.first.code in CODES.get(kind, ()) for kind in below)


def message_of(error: RlmError) -> str:
    """Return the text that `except … as name` binds."""
    return error.text if isinstance(error, RaisedError) else error.first.message
