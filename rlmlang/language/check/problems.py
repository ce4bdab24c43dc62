"""The list of problems that the checker finds, and suggestions of what was probably meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Union

from attrs import evolve

from rlmlang.diagnostics import Diagnostic
from rlmlang.errors import ProgramError
from rlmlang.language.source import Span
from rlmlang.language.types import MAX_SIZE, NEVER, UNKNOWN, Type

MAX_PROBLEMS = 50
"""The most problems that are reported at once."""

MAX_MESSAGE = 400
"""The most characters of a message; names and types in it may be as long as the program."""

Hint = Union[str, Callable[[], Union[str, None]], None]
"""What to do instead, or a function that finds it out, which is called only where hints are shown."""


class TooManyProblems(Exception):
    """The checker has found so many problems that it gives up."""


class Problems:
    """The problems of one program, in the order in which they are found.

    With `brief`, hints are left out, for callers that only ask whether there are problems.
    """

    def __init__(self, limit: int = MAX_PROBLEMS, brief: bool = False) -> None:
        self.found: list[Diagnostic] = []
        self.provisional = 0
        """How many checks around this point will be made again with wider types: their problems do not count."""
        self.limit = limit
        self.brief = brief

    def __len__(self) -> int:
        return len(self.found)

    def error(
        self, code: str, message: str, span: Span, hint: Hint = None, notes: Iterable[tuple[str, Span]] = ()
    ) -> Type:
        """Report a problem. Returns the type of an expression that failed; raises TooManyProblems."""
        shown = None if self.brief else hint() if callable(hint) else hint
        return self.add(Diagnostic(code, message, span, shown, notes=tuple(notes)))

    def add(self, problem: Diagnostic) -> Type:
        """Report a problem. Returns the type of an expression that failed; raises TooManyProblems.

        As long as types are still too narrow, what fails is taken as not evaluated.
        """
        if len(problem.message) > MAX_MESSAGE:
            problem = evolve(problem, message=problem.message[:300] + " … " + problem.message[-90:])
        self.found.append(problem)
        if len(self.found) >= self.limit and not self.provisional:
            raise TooManyProblems
        return NEVER if self.provisional else UNKNOWN

    def bounded(self, type_: Type, span: Span) -> Type:
        """Return the type, or report that it is too large."""
        if type_.size <= MAX_SIZE:
            return type_
        hint = "bind fewer values together, or keep them in a list"
        return self.error("E230", f"the type is too large: it has more than {MAX_SIZE:,} parts", span, hint)

    def forget(self, count: int) -> None:
        """Drop all problems but the first `count`."""
        del self.found[count:]

    def raise_any(self, others: Iterable[Diagnostic] = ()) -> None:
        """Raise ProgramError with these problems and the others, in the order of the text, if there are any."""
        places: dict[object, Diagnostic] = {}
        for problem in (*others, *self.found):  # a function that is checked for several types has each problem once
            places.setdefault((problem.code, problem.span), problem)
        if places:
            found = sorted(places.values(), key=lambda problem: problem.span.start if problem.span else 0)
            raise ProgramError(tuple(found))


def closest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the most similar name, if there is one. At most 200 names are compared."""
    known = [each for each in names if abs(len(each) - len(name)) <= 3][:200]
    near = get_close_matches(name, known, 1, cutoff) if len(name) <= 100 else []
    return near[0] if near else None


def did_you_mean(name: str, names: Iterable[str], otherwise: str | None) -> Hint:
    """Return a hint at the most similar name, or else another hint."""

    def hint() -> str | None:
        near = closest(name, names)
        return f"did you mean `{near}`?" if near else otherwise

    return hint
