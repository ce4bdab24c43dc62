"""What a model may write, as data: engines turn it into token masks, grammar texts, or a check afterwards."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from rlmlang.language.check.beginning import Beginning
from rlmlang.language.types import Type


@frozen
class Constraint:
    """The continuation of a program at the point where the model writes on.

    Every engine starts from the same constraint: `decode.matcher` for those whose logits can be masked,
    `decode.grammars` for those that take a grammar, the checker for the others.
    """

    program: str = ""
    """The text so far: inputs, records, earlier statements. It checks, and ends with a line end.
    Further inputs cannot be declared; only a whole program after an empty text declares its own."""
    expected: Type | None = None
    """The type that the program's value must have; None for any type. In a body, the type of the result that is written
    at the function counts, if one is."""
    unit: Literal["program", "statement", "call"] = "program"
    """What is written: all statements to the end; one statement; or, after the word `CALL`
    in running text, the rest of that call up to its `)`."""
    calls: bool = True
    """Whether CALL may be written."""
    within: bool = False
    """Whether what is written belongs to the body of the function that `program` ends with, so that it is indented:
    all of the rest, or one statement. The function may still be without a body."""
    beginning: Beginning | None = field(default=None, eq=False, repr=False, kw_only=True)
    """The text so far, checked, where whoever made the constraint has it: else masks parse and check the text."""
