"""The exceptions that rlmlang raises, each with one or more diagnostics.

    RlmError                      exit code
    ├── ProgramError   E1xx E2xx      1      the text does not parse or check
    ├── RunError       E3xx           1      a checked program failed while running
    ├── BudgetError    E5xx           3      a limit ended the run
    ├── ModelError     E4xx           4      the model failed, or its answer was unusable
    ├── UsageError     E6xx           2      a wrong input, option, file or store
    └── RequestError   E7xx           2      the server refuses a request

Errors that callers distinguish are classes of their own below these, each with the `codes` that it is raised for.
`of` picks the class by the code, so that `BudgetError.of("E506", …)` makes a `StepsExhausted`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Self

from attrs import evolve, frozen

from rlmlang.diagnostics import CODES, Diagnostic
from rlmlang.language.source import Span
from rlmlang.render import render

__all__ = [
    "CODES", "AnswerEmpty", "AnswerMismatch", "AnswerNotStored", "AnswerTruncated", "BudgetError", "CallsExhausted",
    "ClusterUnusable", "CompletionTokensExhausted", "ConstraintViolated", "ContextOverflow", "CostExceedsBudget",
    "DepthExhausted", "Diagnostic", "FileUnreadable", "FileUnwritable", "FunctionCallsExhausted", "FunctionFailed",
    "FunctionUnavailable", "InputMismatch", "InvalidOption", "MissingInput", "MissingModel", "ModelError",
    "ModelFailed", "ModelNotLoaded", "ModelProgramFailed", "MoneyExhausted", "NoScriptedReply", "NotClosed",
    "NotInLanguage", "PriceUnknown", "ProgramError", "PromptTokensExhausted", "Refused", "RequestError", "RlmError",
    "RowExhausted", "RunError", "RunNotFound", "RunUnavailable", "ServerUnavailable", "ShareExhausted",
    "StepsExhausted", "StoreUnusable", "TimeExhausted", "TraceUnreadable", "UnknownInput", "UnknownModel", "UsageError",
    "ValueMismatch", "ValueTooLarge",
]  # fmt: skip


INTERNAL = "internal error"
"""How the message begins of an error that is a bug of rlmlang itself."""


@frozen(eq=False, str=False, slots=False)
class RlmError(Exception):
    """Base of everything rlmlang raises on purpose. `diagnostics` has at least one entry."""

    diagnostics: tuple[Diagnostic, ...]
    exit_code: ClassVar[int] = 1
    codes: ClassVar[tuple[str, ...]] = ()
    """The codes of this class alone; empty for a base of several classes."""

    @classmethod
    def of(
        cls,
        code: str,
        message: str,
        span: Span | None = None,
        hint: str | None = None,
        notes: Iterable[tuple[str, Span]] = (),
    ) -> Self:
        """Make the error of a code: an instance of the class of that code, or of this one if that is more special."""
        kind = _CLASS_OF.get(code, cls)
        if not issubclass(kind, cls):
            if not issubclass(cls, kind):
                raise TypeError(f"{code} is the code of {kind.__name__}, which is no {cls.__name__}")
            kind = cls
        return kind((Diagnostic(code, message, span, hint, notes=tuple(notes)),))

    def includes(self, kind: type[RlmError]) -> bool:
        """Return whether one of the diagnostics has a code of the class."""
        return any(diagnostic.code in kind.codes for diagnostic in self.diagnostics)

    @property
    def first(self) -> Diagnostic:
        """The first diagnostic, by which the error is reported where there is space for one."""
        return self.diagnostics[0]

    def at(self, span: Span) -> Self:
        """Return the same error, placed at `span` if it has no place yet."""
        if self.first.span is not None:
            return self
        return self._with_first(evolve(self.first, span=span))

    def without_place(self) -> Self:
        """Return the same error without a place, for one in a program that the user has not written."""
        return self._with_first(evolve(self.first, span=None))

    def with_hint(self, hint: str | None) -> Self:
        """Return the same error with another hint in its first diagnostic."""
        return self._with_first(evolve(self.first, hint=hint))

    def _with_first(self, first: Diagnostic) -> Self:
        error = type(self)((first, *self.diagnostics[1:]))
        if self.__cause__ is not None:
            error.__cause__ = self.__cause__
        return error

    def __str__(self) -> str:
        return render(self.diagnostics)

    def __reduce__(self) -> tuple[Any, ...]:
        """Say how the error is pickled; the one of Python's exceptions would set attributes, which are frozen."""
        return type(self), (self.diagnostics,)


class ProgramError(RlmError):
    """The text does not parse or check."""


class NotClosed(ProgramError):
    """A string or bracket is not closed."""

    codes = ("E104",)


class NotInLanguage(ProgramError):
    """A statement of Python that the language does not have."""

    codes = tuple(f"E{number}" for number in range(110, 122))


class RunError(RlmError):
    """A checked program failed while it ran."""


class FunctionFailed(RunError):
    """A function of the host failed, took too long, or gave what is not of its declared type."""

    codes = ("E313", "E314", "E315")


# Budgets -------------------------------------------------------------------------


class BudgetError(RlmError):
    """A limit ended the run."""

    exit_code = 3


class CallsExhausted(BudgetError):
    """The run has made as many calls as `max_calls` allows."""

    codes = ("E501",)


class DepthExhausted(BudgetError):
    """A CALL is deeper than `max_depth` allows."""

    codes = ("E502",)


class PromptTokensExhausted(BudgetError):
    """A prompt takes more tokens than `max_prompt_tokens` leaves."""

    codes = ("E503",)


class CompletionTokensExhausted(BudgetError):
    """The model may write no more tokens: `max_completion_tokens` is reached."""

    codes = ("E504",)


class TimeExhausted(BudgetError):
    """The run has taken `max_seconds`."""

    codes = ("E505",)


class StepsExhausted(BudgetError):
    """The program's own work has taken `max_steps`."""

    codes = ("E506",)


class ValueTooLarge(BudgetError):
    """A value is larger than `max_bytes`."""

    codes = ("E507",)


class CostExceedsBudget(BudgetError):
    """The least that the run can cost exceeds a limit, so that it was not begun."""

    codes = ("E508",)


class MoneyExhausted(BudgetError):
    """A call costs more than `max_cost` leaves."""

    codes = ("E509",)


class ShareExhausted(BudgetError):
    """A call with those below it has taken its share of the budget, `max_share`."""

    codes = ("E510",)


class FunctionCallsExhausted(BudgetError):
    """The run has made as many calls of functions of the host as `max_function_calls` allows."""

    codes = ("E511",)


class RowExhausted(BudgetError):
    """A row of a data set needs more than a row may take."""

    codes = ("E512",)


# Models --------------------------------------------------------------------------


class ModelError(RlmError):
    """The model failed, or its answer could not be used."""

    exit_code = 4


class ModelFailed(ModelError):
    """The model failed; the same call may succeed another time."""

    codes = ("E400",)


class AnswerMismatch(ModelError):
    """The answer is not of the type that the CALL names."""

    codes = ("E401",)


class AnswerTruncated(ModelError):
    """The answer was cut off at `max_answer_tokens`, or at the end of the model's context."""

    codes = ("E402",)


class ContextOverflow(ModelError):
    """The prompt does not fit the model's context."""

    codes = ("E403",)


class Refused(ModelError):
    """The model refused to answer."""

    codes = ("E404",)


class ModelProgramFailed(ModelError):
    """A program that the model wrote did not check or run."""

    codes = ("E405",)


class NoScriptedReply(ModelError):
    """The scripted model has no reply for a call."""

    codes = ("E406",)


class ModelNotLoaded(ModelError):
    """The model could not be loaded."""

    codes = ("E407",)


class ConstraintViolated(ModelError):
    """The model's text is not one that its constraint allows."""

    codes = ("E408",)


class ServerUnavailable(ModelFailed):
    """A server failed repeatedly, and is not used for a while."""

    codes = ("E409",)


class AnswerNotStored(ModelError):
    """A replay needs an answer that the store does not have."""

    codes = ("E410",)


class AnswerEmpty(ModelError):
    """The answer has no content: nothing at all, reasoning alone, or a call of a tool."""

    codes = ("E411",)


# Use -----------------------------------------------------------------------------


class UsageError(RlmError):
    """A wrong input, option, file or store."""

    exit_code = 2


class MissingInput(UsageError):
    """An input without a default is not given."""

    codes = ("E601",)


class UnknownInput(UsageError):
    """An input is given that the program does not declare."""

    codes = ("E602",)


class InputMismatch(UsageError):
    """An input is not of its declared type."""

    codes = ("E603",)


class FileUnreadable(UsageError):
    """A file cannot be read."""

    codes = ("E604",)


class FileUnwritable(UsageError):
    """A file, or standard output, cannot be written."""

    codes = ("E612",)


class UnknownModel(UsageError):
    """No model has the name that is given."""

    codes = ("E605",)


class MissingModel(UnknownModel):
    """The program makes a CALL, and no model is given."""


class StoreUnusable(UsageError):
    """The store cannot be opened, read or written."""

    codes = ("E606",)


class InvalidOption(UsageError):
    """An option or argument has a wrong value."""

    codes = ("E607",)


class PriceUnknown(UsageError):
    """There is a limit on money, and the model's price is not known."""

    codes = ("E608",)


class TraceUnreadable(UsageError):
    """A trace cannot be read."""

    codes = ("E609",)


class RunUnavailable(UsageError):
    """A recorded run cannot be found, resumed or replayed."""

    codes = ("E610",)


class ValueMismatch(UsageError):
    """The value of a run does not fit the Python type that it is to be made."""

    codes = ("E611",)


class RunNotFound(RunUnavailable):
    """The store has no run of an id, or several whose ids begin with it."""


class FunctionUnavailable(UsageError):
    """A program declares a function of the host that is not given, or cannot be called as it is declared."""

    codes = ("E613",)


class ClusterUnusable(UsageError):
    """A cluster, or a worker on it, cannot be used."""

    codes = ("E614",)


# Serving -------------------------------------------------------------------------


class RequestError(RlmError):
    """The server of `rlmlang serve` refuses a request: it is wrong, comes without a key, or is one too many."""

    exit_code = 2


def _classes(base: type[RlmError]) -> Iterable[type[RlmError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _classes(kind)


_CLASS_OF: dict[str, type[RlmError]] = {
    code: kind for kind in _classes(RlmError) for code in vars(kind).get("codes", ())
}
"""The class of each code that has one of its own."""


def unreadable(path: str | Path, error: OSError | ValueError) -> UsageError:
    """Return the error E604 of a file that could not be read; a relative path is shown with its folder."""
    if isinstance(error, UnicodeDecodeError):
        encoding = error.encoding.upper()
        return UsageError.of("E604", f"cannot read {path}: byte {error.start:,} is not {encoding}")
    if isinstance(error, ValueError):  # a path that no file system has
        return UsageError.of("E604", f"cannot read {str(path)!r}: {error}")
    is_relative = isinstance(error, FileNotFoundError) and not Path(path).is_absolute()
    hint = f"the path is relative to {Path.cwd()}" if is_relative else None
    return UsageError.of("E604", f"cannot read {path}: {error.strerror}", hint=hint)


def unwritable(name: str, error: OSError) -> UsageError:
    """Return the error E612 of a file or stream that could not be written."""
    return UsageError.of("E612", f"cannot write {name}: {error.strerror or error}")


def internal_error(error: Exception) -> RunError:
    """Return the error E300 by which a bug of rlmlang itself is shown, with the bug as its cause."""
    shown = RunError.of(
        "E300",
        f"{INTERNAL}: {type(error).__name__}: {error}",
        hint="this is a bug in rlmlang: please report it, with the traceback that RLMLANG_DEBUG=1 shows",
    )
    shown.__cause__ = error
    return shown
