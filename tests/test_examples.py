"""Every example runs on its scripted model, with the value, calls and memo hits it should have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rlmlang
from rlmlang.calls.limits import Limits
from rlmlang.language.parse import parse
from rlmlang.language.printer import format_module
from rlmlang.language.source import Source
from tests.support.places import ROOT

EXAMPLES = ROOT / "examples"


def text(name: str) -> str:
    return (EXAMPLES / "inputs" / name).read_text(encoding="utf-8")


def run(name: str, **inputs: object) -> tuple[object, int, int]:
    return run_within(Limits(), name, inputs)


def run_within(limits: Limits, name: str, inputs: dict[str, object]) -> tuple[object, int, int]:
    """The value, calls and memo hits of an example; its calls are within what is planned."""
    (model,) = (EXAMPLES / "scripted").glob(f"{name}.*")
    program = rlmlang.load(EXAMPLES / f"{name}.rlm")
    result = program.run(inputs, model=f"scripted:{model}", limits=limits)
    low, high = program.cost(inputs, limits=limits).calls
    assert low <= result.usage.calls
    assert high is None or result.usage.calls <= high
    return result.value, result.usage.calls, result.usage.memo_hits


def test_article() -> None:
    assert len(text("article.txt")) > 20_000
    value, calls, hits = run("article", document=text("article.txt"))
    notes, _, summary = str(value).partition("\n\n")
    sections = [line.removeprefix("## ") for line in text("article.txt").split("\n") if line.startswith("## ")]
    assert [note.split(": ")[0] for note in notes.split("\n")] == sections
    assert len(sections) == 16
    assert "The history of Estonia: Estonia has been free since 1991." in notes
    assert "The economy of Denmark: Denmark has a modern market economy. Denmark" in notes  # of two pieces
    assert summary == "They are small, free and well off. They live on trade."
    assert (calls, hits) == (19, 0)


def test_question() -> None:
    value, calls, _ = run("question", document=text("article.txt"))
    assert value == "Estonia, Finland, Latvia and Lithuania."
    assert calls == 9
    assert run("question", document="Peace everywhere.") == ("The document does not say.", 0, 0)


def test_classify() -> None:
    (counted, complaints), calls, hits = run("classify", feedback=text("feedback.txt"))  # type: ignore[misc]
    entries = text("feedback.txt").splitlines()
    assert len(entries) == 300
    assert counted == {"complaint": 144, "praise": 112, "question": 44}
    assert complaints[0] == "The receptionist was rude about our dog, here in Oslo."
    assert calls == len(set(entries)) == 105
    assert hits == 300 - 105


def test_depth() -> None:
    value, calls, hits = run_within(Limits(max_depth=2), "depth", {"feedback": text("feedback.txt")})
    assert value == "  41 app\n  39 other\n  38 staff\n  26 delivery"
    assert (calls, hits) == (107, 195)  # two programs, the first of them wrong, and one call for each different entry


def test_tree() -> None:
    reports = text("reports.txt").splitlines()
    value, calls, hits = run("tree", reports=text("reports.txt"))
    assert [part.split(":")[0] for part in str(value).split("; ")] == [report.split(":")[0] for report in reports]
    assert (calls, hits) == (len(reports) - 1, 0)


def test_puzzle() -> None:
    assert run("puzzle") == ("Ann: dog, green; Bob: fish, blue; Cid: cat, red", 3, 0)


def test_word_problem() -> None:
    assert run("word_problem") == ("20 (2 of 3 solutions add up)", 3, 0)
    value, _, _ = run("word_problem", samples=1)
    assert value == "20 (1 of 1 solutions add up)"


def test_codegen() -> None:
    value, calls, _ = run("codegen")
    assert "word[0].upper()" in str(value)
    assert calls == 3
    assert run("codegen", rounds=0)[0] == "no version passed the tests"


@pytest.mark.heavy
def test_product() -> None:
    result = rlmlang.load(EXAMPLES / "product.rlm").run(model="nano")
    a, b = (int(number) for number in re.findall(r'"(\d+)"', result.program.source.text))
    assert result.value == str(a * b)
    assert 8_000 < result.usage.calls < 20_000


def test_proof() -> None:
    value, calls, _ = run("proof")
    assert str(value).endswith("\nproved")
    assert calls == 13


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.rlm")), ids=lambda path: path.stem)
def test_each_is_explained_and_in_canonical_form(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.startswith("# ")
    assert f"rlmlang run examples/{path.name}" in source
    assert format_module(parse(Source(source))) == source
