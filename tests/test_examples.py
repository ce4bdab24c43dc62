"""Every example runs on its scripted model, with the value, calls and memo hits it should have."""

from __future__ import annotations

from pathlib import Path

import pytest

import rlmlang
from rlmlang.format import format_module
from rlmlang.parser import parse
from rlmlang.source import Source

EXAMPLES = Path(__file__).parent.parent / "examples"


def text(name: str) -> str:
    return (EXAMPLES / "inputs" / name).read_text(encoding="utf-8")


def run(name: str, **inputs: object) -> tuple[object, int, int]:
    (model,) = (EXAMPLES / "scripted").glob(f"{name}.*")
    program = rlmlang.load(EXAMPLES / f"{name}.rlm")
    result = program.run(inputs, model=f"scripted:{model}")
    low, high = program.cost(inputs).calls
    assert low <= result.usage.calls <= high  # type: ignore[operator]
    return result.value, result.usage.calls, result.usage.memo_hits


def test_article() -> None:
    assert len(text("article.txt")) > 20_000
    value, calls, hits = run("article", document=text("article.txt"))
    assert str(value).startswith(
        "The history of Denmark: It is a country.\nThe economy of Denmark: It is a country. It is a country.\n"
    )
    assert str(value).endswith("\n\nThe notes tell of the Nordic and Baltic countries. They are alike.")
    assert (calls, hits) == (15, 0)


def test_question() -> None:
    value, calls, _ = run("question", document=text("article.txt"))
    assert value == "Estonia, Finland, Latvia and Lithuania."
    assert calls == 9
    assert run("question", document="Peace everywhere.") == ("The document does not say.", 0, 0)


def test_classify() -> None:
    (counted, complaints), calls, hits = run("classify", feedback=text("feedback.txt"))  # type: ignore[misc]
    assert counted == {"complaint": 155, "praise": 102, "question": 43}
    assert complaints[0] == "The parcel arrived two days late."
    assert (calls, hits) == (103, 197)


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
