"""Run the command line within a test, in a folder with a small program and a scripted model."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from rlmlang.cli import main

ARTICLE = """\
# Two points of a text, made one.
document: str
count: int = 2

points = CALL[list[str]](f"List {count} points", document)
short = [CALL("Shorten", point) for point in points]
CALL("Join them", short)
"""

REPLIES = """\
[[reply]]
instruction = "List * points"
value = ["the first point", "the second point"]

[[reply]]
instruction = "Shorten"
args = ["the first point"]
text = "first"

[[reply]]
instruction = "Shorten"
text = "second"

[[reply]]
instruction = "Join them"
text = "first, second"
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in a folder that holds `article.rlm` and `replies.toml`."""
    (tmp_path / "article.rlm").write_text(ARTICLE)
    (tmp_path / "replies.toml").write_text(REPLIES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("RLMLANG_MODEL", raising=False)
    monkeypatch.delenv("RLMLANG_DEBUG", raising=False)

    def call(*args: str, stdin: str | bytes = "") -> tuple[int, str, str]:
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        code = main(args)
        return code, *capsys.readouterr()

    return call


ARGS = ("--input", "document=some text", "--model", "scripted:replies.toml")
