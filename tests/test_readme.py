"""README and the guides: every block of code runs, every command, option, link and path in them exists."""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

import pytest

import rlmlang
from rlmlang.cli import main
from rlmlang.cli.settings import read_settings
from tests.support.places import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md", *(ROOT / "docs").glob("*.md")]


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def guide(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.fixture
def beside_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the examples and the program that README begins with, `feedback.rlm`."""
    (program,) = blocks(README, "rlm")
    (tmp_path / "feedback.rlm").write_text(program, encoding="utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("beside_the_examples")
def test_the_first_program_prints_what_the_readme_shows(capsys: pytest.CaptureFixture[str]) -> None:
    (session,) = blocks(README, "console")
    command, _, shown = session.removeprefix("$ rlmlang ").replace("\\\n", " ").partition("\n")
    assert main([*shlex.split(command), "--no-store"]) == 0
    output, errors = capsys.readouterr()
    (usage,) = re.findall(r"^\d+ calls.*(?=, [\d.]+ s$)", errors, re.MULTILINE)
    assert shown == f"{output}{usage}\n"


@pytest.mark.usefixtures("beside_the_examples")
@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "docs/python.md",
        "docs/functions.md",
        "docs/roles.md",
        "docs/budgets.md",
        "docs/data.md",
        "docs/map.md",
        "docs/nano.md",
        "docs/scale.md",
    ],
)
def test_python_blocks_run_in_order(page: str) -> None:
    found = blocks((ROOT / page).read_text(encoding="utf-8"), "python")
    assert found
    namespace: dict[str, object] = {}
    for block in found:
        exec(compile(block, page, "exec"), namespace)


def test_the_prices_of_the_guide_to_budgets_are_read(tmp_path: Path) -> None:
    (table,) = blocks(guide("budgets.md"), "toml")
    (tmp_path / "rlmlang.toml").write_text(table, encoding="utf-8")
    assert len(read_settings(tmp_path / "rlmlang.toml").prices) == 2


def test_the_check_of_the_guide_to_training_is_a_program() -> None:
    (program,) = re.findall(r"^ *```python\n(.*?)^ *```", guide("training.md"), re.MULTILINE | re.DOTALL)
    assert str(rlmlang.compile(textwrap.dedent(program)).type) == "bool"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = page.read_text(encoding="utf-8")
    shell = "".join(blocks(text, "sh") + blocks(text, "console")).replace("\\\n", " ")
    for line in re.findall(r"^(?:\$ )?((?:rlmlang|python|make) .*)$", shell, re.MULTILINE):
        tool, *words = shlex.split(line.split("|")[0], comments=True)
        if tool == "make":
            assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), line
            continue
        if tool == "python":
            assert words.pop(0) == "-m", line
            module = ROOT / words.pop(0).replace(".", "/")
            files = [module.with_suffix(".py"), module / "__main__.py"]
            known = next(file for file in files if file.exists()).read_text(encoding="utf-8")
        else:
            depth = 2 if words[0] in ("trace", "runs", "store") else 1
            assert main([*words[:depth], "--help"]) == 0, line
            known = capsys.readouterr().out
        for option in (word for word in words if word.startswith("--")):
            assert option in known, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_linked_files_exist(page: Path) -> None:
    for link in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_of_the_repository_exist(page: Path) -> None:
    folders = "|".join(sorted(path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."))
    named = re.findall(rf"`((?:{folders})/[\w./*-]*)`", page.read_text(encoding="utf-8"))
    for path in named:
        assert list(ROOT.glob(path.rstrip("/"))), path


def test_the_architecture_names_every_part_of_the_package() -> None:
    text = guide("architecture.md")
    for path in (ROOT / "rlmlang").iterdir():
        if (path.is_dir() and (path / "__init__.py").exists()) or (path.suffix == ".py" and path.name[0] != "_"):
            assert f"`rlmlang/{path.name}{'/' * path.is_dir()}`" in text, path.name
