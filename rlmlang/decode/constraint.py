"""What a model may write, as data: engines turn it into token masks, grammar texts, or a check afterwards."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from rlmlang.language.types import Type


@frozen
class Constraint:
    """The continuation of a program at a point where the model writes on.

    The same constraint is the ground of every form: `decode.matcher` for engines whose logits
    can be masked, `decode.texts` for those that take a grammar, the checker for the others.
    """

    program: str = ""
    """What stands already: inputs, records, earlier statements. It checks, and ends with a line end.
    Further inputs cannot be declared; only a whole program behind nothing declares its own."""
    wanted: Type | None = None
    """What the program's value must be; None for any type."""
    unit: Literal["program", "statement", "call"] = "program"
    """What is written: all statements to the end; one statement; or, after the word `CALL`
    in running text, the rest of that call up to its `)`."""
    calls: bool = True
    """Whether CALL may be written."""
