"""`--leaf-model` and `--guidance`, and the same in `rlmlang.toml` and the environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import Run, run

__all__ = ["run"]  # a fixture

WRITER = """\
[[reply]]
instruction = "Which?"
program = 'CALL("up", text)'
"""
READER = """\
[[reply]]
instruction = "up"
text = "UP"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two scripted models, of which each knows its own part alone, and a program."""
    monkeypatch.chdir(tmp_path)
    for name in ("RLMLANG_MODEL", "RLMLANG_LEAF_MODEL", "RLMLANG_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "writer.toml").write_text(WRITER)
    (tmp_path / "reader.toml").write_text(READER)
    (tmp_path / "p.rlm").write_text('text: str\nCALL("up", text)\n')
    return tmp_path


ASK = ("ask", "Which?", "-i", "text=a")
WRITES, READS = ("-m", "scripted:writer.toml"), ("--leaf-model", "scripted:reader.toml")


def test_one_model_writes_and_the_other_reads(folder: Path, run: Run) -> None:
    code, out, err = run(*ASK, *WRITES, *READS)
    assert (code, out) == (0, "UP\n"), err
    code, _, err = run(*ASK, *WRITES)
    assert code == 4
    assert 'scripted:writer.toml has no reply for CALL[str]("up"' in err


def test_who_answered_is_shown(folder: Path, run: Run) -> None:
    run(*ASK, *WRITES, *READS, "--quiet")
    code, out, _ = run("trace", "show", "last")
    assert code == 0
    head = out.splitlines()[0]
    assert "scripted:writer.toml" in head
    assert "direct answers: scripted:reader.toml" in head
    calls = json.loads(run("trace", "show", "last", "--json")[1])["calls"]
    assert [call["model"] for call in calls] == ["scripted:writer.toml", "scripted:reader.toml"]
    _, out, _ = run("runs", "show", "last")
    assert "leaf model" in out
    assert json.loads(run("runs", "list", "--json")[1])[0]["leaf_model"] == "scripted:reader.toml"


def test_the_plan_says_who_answers(folder: Path, run: Run) -> None:
    code, out, _ = run("plan", "p.rlm", "-i", "text=a", *WRITES, *READS)
    assert code == 0
    assert "answered by        scripted:reader.toml" in out
    found = json.loads(run("plan", "p.rlm", "-i", "text=a", *WRITES, *READS, "--max-depth", "2", "--json")[1])
    assert found["model"] == "scripted:writer.toml"


@pytest.mark.parametrize("where", ["file", "environment"])
def test_the_model_for_direct_answers_is_set_elsewhere(
    where: str, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "file":
        (folder / "rlmlang.toml").write_text(
            'model = "scripted:writer.toml"\n[models]\nleaf = "scripted:reader.toml"\n', encoding="utf-8"
        )
        (folder / "below").mkdir()
        monkeypatch.chdir(folder / "below")
        assert run(*ASK)[:2] == (0, "UP\n")
    else:
        monkeypatch.setenv("RLMLANG_LEAF_MODEL", "scripted:reader.toml")
        assert run(*ASK, *WRITES)[:2] == (0, "UP\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('models = "smollm2"\n', "models is a table: [models]"),
        ('[models]\nleave = "smollm2"\n', "unknown key leave\nhint: did you mean leaf?"),
        ("[models]\nleaf = 3\n", "leaf in [models] is the name of a model, such as 'smollm2'"),
        ('[models]\nleaf = "scripted:reader.py"\n', "names a model that is Python code: scripted:"),
        (
            '[models]\nleaf = "openai:gpt@https://far.example/v1"\n',
            "names a server: https://far.example/v1\nhint: name the model with --leaf-model or in $RLMLANG_LEAF_MODEL",
        ),
        ('guidance = ["a"]\n', "guidance is the path of a file"),
        ('guidance = "../secret.txt"\n', "guidance is a file in another folder: ../secret.txt"),
    ],
)
def test_settings_that_are_refused(text: str, message: str, folder: Path, run: Run) -> None:
    (folder / "rlmlang.toml").write_text(text, encoding="utf-8")
    code, _, err = run("run", "p.rlm", "-i", "text=a")
    assert code == 2
    assert message in err


def test_guidance_may_not_lead_out_of_the_folder_by_a_link(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings may have come with somebody else's folder, and models are sent what the file holds."""
    outside = folder / "private.txt"
    outside.write_text("a key")
    project = folder / "project"
    project.mkdir()
    (project / "style.md").symlink_to(outside)
    (project / "rlmlang.toml").write_text('guidance = "style.md"\n')
    (project / "p.rlm").write_text("1\n")
    monkeypatch.chdir(project)
    code, _, err = run("run", "p.rlm")
    assert (code, "guidance is a file in another folder" in err) == (2, True)


def prompts(run: Run) -> list[str]:
    events = [json.loads(line) for line in run("trace", "export", "last", "--format", "jsonl")[1].splitlines()]
    return [event["text"] for event in events if event["kind"] == "text"]


def test_guidance_is_read_from_a_file(folder: Path, run: Run) -> None:
    (folder / "style.md").write_text("Write British English.\n")
    code, out, err = run(*ASK, *WRITES, *READS, "--guidance", "style.md")
    assert (code, out) == (0, "UP\n"), err
    assert [text.endswith("\n\nWrite British English.") for text in prompts(run)] == [True, True]
    (folder / "rlmlang.toml").write_text('guidance = "style.md"\n')
    run("run", "p.rlm", "-i", "text=b", "-m", "scripted:reader.toml")
    assert [text.endswith("\n\nWrite British English.") for text in prompts(run)] == [True]
    plans = [
        json.loads(run("plan", "p.rlm", "-i", "text=b", "-m", "scripted:reader.toml", "--json")[1])["prompt_tokens"]
    ]
    assert plans[0][0] > 0


def test_a_file_of_guidance_that_is_missing(folder: Path, run: Run) -> None:
    code, _, err = run("run", "p.rlm", "-i", "text=a", "-m", "scripted:reader.toml", "--guidance", "nothing.md")
    assert (code, "error[E604]" in err and "nothing.md" in err) == (2, True)


def test_a_run_is_resumed_with_another_model_for_direct_answers(folder: Path, run: Run) -> None:
    assert run(*ASK, *WRITES)[0] == 4
    code, out, err = run("runs", "resume", "last", *READS)
    assert (code, out) == (0, "UP\n"), err
