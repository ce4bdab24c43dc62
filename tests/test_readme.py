"""Every Python block of the README runs, in order, in one namespace; every command it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rlmlang.cli import main

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_tour_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)


def test_the_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"^rlmlang (\w+)", README, re.MULTILINE))
    assert named
    for name in named:
        assert main([name, "--help"]) == 0
    assert "unknown" not in capsys.readouterr().err


def test_the_linked_files_exist() -> None:
    for link in re.findall(r"\]\(([\w./-]+)\)", README):
        assert (Path(__file__).parent.parent / link).exists(), link
