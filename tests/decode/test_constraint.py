"""Constraints: a checked beginning allows what its text allows, and does not change what a constraint is."""

from __future__ import annotations

from rlmlang.decode.beginning import beginning
from rlmlang.decode.constraint import Constraint
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.source import Source
from rlmlang.language.types import INT

TEXT = """\
text: str
class Part:
    title: str
def first(of: str) -> Part:
    return Part(title=of[:1])
part = first(text)
held = holds_for("Is it short?", text)
"""


def test_a_checked_beginning_brings_into_scope_what_its_text_does() -> None:
    checked = beginning(Constraint(TEXT, INT, "statement", beginning=Beginning.of(Source(TEXT)))).point.base
    parsed = beginning(Constraint(TEXT, INT, "statement")).point.base
    assert list(checked.entries) == list(parsed.entries)
    types = [[getattr(entry, "type", None) for entry in each.entries.values()] for each in (checked, parsed)]
    assert types[0] == types[1]
    assert checked.records == parsed.records


def test_equal_constraints_have_equal_texts() -> None:
    """Traces and keys name a constraint by its text, whoever has checked it."""
    with_beginning = Constraint("x: int\n", INT, beginning=Beginning.of(Source("x: int\n")))
    assert with_beginning == Constraint("x: int\n", INT)
    assert hash(with_beginning) == hash(Constraint("x: int\n", INT))
