"""What evaluation and the caller, which makes its calls, have in common: call sites, and calls in flight."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen

from rlmlang.errors import RlmError
from rlmlang.language.source import Span
from rlmlang.language.type_structure import structure_of
from rlmlang.language.types import Type
from rlmlang.runtime.pending import Pending
from rlmlang.runtime.values import Value


@frozen(eq=False)
class CallSite:
    """A CALL in a program text, or an application of a function of the host, with the parts of its key that do not
    depend on the arguments."""

    span: Span
    type: Type
    names: tuple[str | None, ...]
    """The names of its arguments after the instruction, or of the function's parameters; None for one given by
    position."""
    within: str | None
    """The function or binding that contains it."""
    type_text: str
    shape: str
    """The structure of the type as JSON, fields of records included; of a function, with those of its parameters."""
    params: tuple[Type, ...] | None = None
    """The types of a function's parameters; None for a CALL."""

    @classmethod
    def of(cls, span: Span, type_: Type, names: tuple[str | None, ...], within: str | None) -> CallSite:
        return cls(span, type_, names, within, str(type_), json.dumps(structure_of(type_)))

    @classmethod
    def of_function(
        cls, span: Span, type_: Type, names: tuple[str, ...], params: tuple[Type, ...], within: str | None
    ) -> CallSite:
        """Return the site of an application of a function of the host."""
        shape = json.dumps([structure_of(each) for each in (type_, *params)])
        return cls(span, type_, names, within, str(type_), shape, params)


@define(eq=False)
class InFlight:
    """A call without an answer yet, as evaluation sees it."""

    answer: Pending = field(factory=Pending, init=False)
    on_end: list[Callable[[InFlight, RlmError | None], None]] = field(factory=list, init=False)
    """Called when the call ends: after `answer` is resolved, or with the error."""
    may_default: bool = field(default=False, init=False)
    """Whether a program that waits for it has a default for the answer."""


class Calls(Protocol):
    """The interface through which an evaluation makes the calls of its program."""

    def ask(self, site: CallSite, args: tuple[Value, ...], sample: int) -> Value | InFlight:
        """Make a call. Returns the answer if it is known, else the call in flight. Raises RlmError.

        The first of the arguments is the instruction, or the name of the function of the host.
        """

    def cancel(self, call: InFlight) -> None:
        """Cancel a call whose answer is no longer needed."""

    def backpressure(self) -> Pending | None:
        """Return a pending value to wait for before making more calls; None if more may be made now."""
