"""The checker: its diagnostics as they are shown, types of programs, and bounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import GOLDEN

from rlmlang.errors import CODES, ProgramError
from rlmlang.program import compile
from rlmlang.render import render

WRONG = sorted((GOLDEN / "check").glob("*.rlm"))


def problems(text: str, name: str = "<program>") -> ProgramError:
    with pytest.raises(ProgramError) as caught:
        compile(text, name)
    return caught.value


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_diagnostics(path: Path, golden: Callable[[str, str], None]) -> None:
    error = problems(path.read_text(encoding="utf-8"), path.name)
    golden(f"check/{path.stem}.txt", render(error.diagnostics) + "\n")
    if path.stem.startswith("E"):
        assert path.stem[:4] in {found.code for found in error.diagnostics}


def test_every_code_of_the_checker_is_shown() -> None:
    assert {code for code in CODES if code.startswith("E2")} <= {path.stem[:4] for path in WRONG}


def test_diagnostics_come_in_the_order_of_the_text() -> None:
    error = problems((GOLDEN / "check" / "several.rlm").read_text(encoding="utf-8"))
    starts = [found.span.start for found in error.diagnostics if found.span]
    assert starts == sorted(starts)
    assert len(starts) == len(error.diagnostics)
