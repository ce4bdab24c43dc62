"""The checker of statements that are not finished: what it records of them."""

from __future__ import annotations

import pytest

from rlmlang.decode.beginning import beginning
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import Diagnostic
from rlmlang.language.parse import parse
from rlmlang.language.source import Source


@pytest.mark.parametrize(
    ("text", "code"),
    [('x = 1 + "a"\n', "E212"), ("n.upper()\n", "E205"), ("len(1)\n", "E210"), ("len.x\n", "E215")],
)
def test_problems_are_diagnostics(text: str, code: str) -> None:
    checker = beginning(Constraint("n = 1\n")).point.base.checker()
    assert not checker.accepts(parse(Source(text)).statements[0])
    assert [type(problem) for problem in checker.problems.found] == [Diagnostic]
    assert checker.problems.found[0].code == code
