"""Every Python block of the README runs, in order, in one namespace; every command it names exists."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

import rlmlang
from rlmlang.cli import main
from rlmlang.cli.settings import read_settings
from tests.support.places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 6
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)


def test_the_guide_to_budgets_runs(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "budgets.md").read_text(encoding="utf-8")
    code, table = (re.search(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for kind in ("python", "toml"))
    assert code
    assert table
    exec(compile(code[1], "budgets.md", "exec"), {})
    (tmp_path / "rlmlang.toml").write_text(table[1], encoding="utf-8")
    assert len(read_settings(tmp_path / "rlmlang.toml").prices) == 2


def test_the_guide_to_nano_runs() -> None:
    text = (ROOT / "docs" / "nano.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exec(compile(code, "nano.md", "exec"), {})


def test_the_guide_to_training_names_what_exists(capsys: pytest.CaptureFixture[str]) -> None:
    root = ROOT
    text = (root / "docs" / "training.md").read_text(encoding="utf-8")
    (check_,) = re.findall(r"^ *```python\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    assert str(rlmlang.compile(textwrap.dedent(check_)).type) == "bool"
    shell = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
    for line in shell.splitlines():
        tool, what, *rest = line.split()
        if tool == "python":
            assert what == "-m"
            path = root / rest.pop(0).replace(".", "/")
            told = path.with_suffix(".py").read_text(encoding="utf-8")
        elif tool == "rlmlang":
            assert main([what, *rest[: what == "trace"], "--help"]) == 0
            told = capsys.readouterr().out
        else:
            continue
        for option in (word for word in rest if word.startswith("--")):
            assert option in told, line


def test_the_commands_exist(capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"^rlmlang (\w+)", README, re.MULTILINE))
    assert named
    for name in named:
        assert main([name, "--help"]) == 0
    assert "unknown" not in capsys.readouterr().err


def test_the_linked_files_exist() -> None:
    for link in re.findall(r"\]\(([\w./-]+)\)", README):
        assert (ROOT / link).exists(), link
