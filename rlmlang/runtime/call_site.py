"""What evaluation needs of whoever makes its calls: a place in the text, a call in flight, and a way to ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen

from rlmlang.errors import RlmError
from rlmlang.language.source import Span
from rlmlang.language.types import Type, shape_of
from rlmlang.runtime.pending import Pending
from rlmlang.runtime.values import Value


@frozen(eq=False)
class CallSite:
    """A CALL in a program text, with everything about its key that does not depend on its arguments."""

    span: Span
    type: Type
    names: tuple[str | None, ...]
    """The names of its arguments after the instruction; None for one given by position."""
    within: str | None
    """The function or binding that contains it."""
    type_text: str
    shape: str
    """The structure of the type as JSON, fields of records included."""

    @classmethod
    def of(cls, span: Span, type_: Type, names: tuple[str | None, ...], within: str | None) -> CallSite:
        return cls(span, type_, names, within, str(type_), json.dumps(shape_of(type_)))


@define(eq=False)
class InFlight:
    """A call that has been asked and not answered yet, as far as evaluation is concerned."""

    answer: Pending = field(factory=Pending, init=False)
    on_end: list[Callable[[InFlight, RlmError | None], None]] = field(factory=list, init=False)
    """Callbacks for its end, run after `answer` was resolved, or with the error if it failed."""


class Calls(Protocol):
    """Makes the calls of one program."""

    def ask(self, site: CallSite, args: tuple[Value, ...], sample: int) -> Value | InFlight:
        """Return the answer if it is known, else the call in flight. Raises RlmError."""

    def cancel(self, call: InFlight) -> None:
        """Give up a call whose answer nobody waits for any more."""

    def backpressure(self) -> Pending | None:
        """Return what to wait for before asking for more calls; None if there is no need to wait."""
