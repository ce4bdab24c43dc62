"""DECISIONS.md and the code agree: each decision in force names files that cite it, and no other file does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.places import ROOT

ENTRIES = re.split(r"^(\d+)\. (?=\*\*)", (ROOT / "grammar" / "DECISIONS.md").read_text(encoding="utf-8"), flags=re.M)
DECISIONS = {int(number): text for number, text in zip(ENTRIES[1::2], ENTRIES[2::2])}

CITATION = re.compile(r"\b[Dd]ecisions? (\d+(?:(?:, | and )\d+)*)")


def status(number: int) -> str:
    found = re.findall(r"^ +\*(In force: .+|Replaced by \d+)\.\*$", DECISIONS[number], re.MULTILINE)
    assert len(found) == 1, f"decision {number} has no status, or several"
    return found[0]


def governed(number: int) -> list[Path]:
    """Return the files that a decision names if it is in force."""
    text = status(number)
    return [ROOT / path for path in re.findall(r"`([^`]+)`", text)] if text.startswith("In force") else []


def cited(path: Path) -> set[int]:
    found = CITATION.findall(path.read_text(encoding="utf-8"))
    return {int(number) for numbers in found for number in re.findall(r"\d+", numbers)}


def test_numbers_are_consecutive() -> None:
    assert list(DECISIONS) == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("number", DECISIONS)
def test_status_and_files(number: int) -> None:
    text = status(number)
    if text.startswith("Replaced"):
        successor = int(text.split()[-1])
        assert status(successor).startswith("In force")
        return
    files = governed(number)
    assert files
    for file in files:
        assert file.is_file(), f"decision {number} governs {file}, which does not exist"
        assert number in cited(file), f"{file} does not cite decision {number}"


def test_citations_are_of_decisions_that_name_the_file() -> None:
    code = [ROOT / "grammar" / "rlm.lark"]
    for folder in ("rlmlang", "tests", "benchmarks"):
        code += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".js")]
    code.remove(Path(__file__))
    for path in code:
        for number in cited(path):
            assert number in DECISIONS, f"{path} cites decision {number}"
            assert path in governed(number), f"{path} cites decision {number}, which does not name it"
