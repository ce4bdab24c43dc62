"""The limits of a run, and the values that each of them may have."""

from __future__ import annotations

from reprlib import repr as shown
from typing import Any

from attrs import fields_dict, frozen

from rlmlang.errors import UsageError


@frozen
class Limits:
    """What a run may spend. None means no limit. Raises UsageError E607 for a value out of range."""

    max_calls: int | None = 1_000
    """Generations by the model, including repairs."""
    max_depth: int = 1
    """Levels of models below the program; a CALL at this level is answered directly."""
    max_prompt_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_answer_tokens: int = 1_024
    """The most tokens of one answer."""
    repairs: int = 1  # decision 112
    """How often a direct answer that is not of its type is asked for again, with the error shown."""
    max_cost: float | None = None
    """US dollars."""
    max_share: float = 1.0  # decision 70
    """The share of a program's calls, tokens and money that one of its calls may spend, together with all
    calls below it, if a program answers it; above 0, up to 1."""
    max_seconds: float | None = None
    """Wall time of the run."""
    max_steps: int = 5_000_000
    """Steps of pure work (`runtime.meter.Meter`)."""
    max_bytes: int = 32_000_000
    """Size of any one value: one byte a character, eight an element."""
    max_function_calls: int | None = 1_000
    """Calls of functions of the host."""
    concurrency: int | None = None
    """Calls that run at once; None for as many as the model says are useful."""

    def __attrs_post_init__(self) -> None:
        for name in fields_dict(Limits):
            if not LimitRange.of(name).admits(value := getattr(self, name)):
                raise UsageError.of("E607", f"{name} is {LimitRange.of(name).text('None')}, not {shown(value)}")


@frozen
class LimitRange:
    """The values that a limit may have, from Python and from the command line."""

    least: float
    most: float
    is_whole: bool
    is_optional: bool
    about: str

    @classmethod
    def of(cls, name: str) -> LimitRange:
        """Return the range of a field of `Limits`."""
        return _RANGES[name]

    def admits(self, value: Any) -> bool:
        """Return whether this is a number in the range, or None where there may be no limit."""
        if value is None:
            return self.is_optional
        is_number = type(value) is int or (type(value) is float and not self.is_whole)
        return is_number and self.least <= value <= self.most

    def text(self, none: str) -> str:
        """Describe the range; `none` is how "no limit" is written."""
        return f"{self.about} or {none}" if self.is_optional else self.about


def _range_of(name: str, annotation: str) -> LimitRange:
    least, most, about = {
        "max_seconds": (0, _MAX, "a number of seconds from 0"),
        "max_cost": (0, _MAX, "a number of dollars from 0"),
        "max_share": (1e-6, 1, "a number above 0, up to 1"),
        "concurrency": (1, _MAX, "a whole number from 1"),
        "max_answer_tokens": (1, _MAX, "a whole number from 1"),
    }.get(name, (0, _MAX, "a whole number from 0"))
    return LimitRange(least, most, "int" in annotation, "None" in annotation, about)


_MAX = 1e300
"""The greatest limit; a greater number must be a mistake."""

_RANGES = {name: _range_of(name, str(each.type)) for name, each in fields_dict(Limits).items()}
