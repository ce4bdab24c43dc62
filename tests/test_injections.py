"""Whatever a model, a document or a server says, it stays a text: nothing in `injections.json` has an effect."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.cli import main, output
from rlmlang.errors import ModelError
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.redact import Redactor
from tests.support.fakes import Fake
from tests.support.places import ROOT

CORPUS = json.loads((ROOT / "tests" / "support" / "injections.json").read_text(encoding="utf-8"))
TEXTS = [each["text"] for each in CORPUS]
ANSWERS = [text.strip() for text in TEXTS]
"""As values: a text that a model answers with has no space around it."""
UNICODE = [text for text in TEXTS if not re.search("[\ud800-\udfff]", text)]
"""Those that can stand in a file or an argument."""

MODEL = f"""\
import json
from pathlib import Path
from rlmlang.models.scripted import ScriptedFailure

TEXTS = [each["text"] for each in json.loads(Path({str(ROOT / "tests" / "support" / "injections.json")!r}).read_text())]


def model(request):
    if request.instruction == "say":
        return TEXTS[request.arguments[0][1]]
    return json.dumps(len(request.instruction)) if request.typed else request.instruction
"""
"""Says the text of a number; repeats other instructions, or tells how long they are."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with programs that say all texts, and a model that does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("RLMLANG_MODEL", "RLMLANG_DEBUG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    Path("model.py").write_text(MODEL)
    Path("say.rlm").write_text(f'[CALL("say", n) for n in range({len(TEXTS)})]\n')
    Path("join.rlm").write_text(f'"\\n".join([CALL("say", n) for n in range({len(TEXTS)})])\n')
    Path("number.rlm").write_text('n: int\nCALL[int]("say", n)\n')
    Path("ask.rlm").write_text("text: str\nCALL(text)\n")
    Path("texts.json").write_text(json.dumps(UNICODE))
    Path("all.rlm").write_text("texts: list[str]\n[CALL(text) for text in texts]\n")


MODEL_ARGS = ("--model", "scripted:model.py", "--no-store", "--max-calls", "none")

ACTIVE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What could act on a terminal, or change what is read on it: none may come out."""


def test_the_corpus_is_large_and_of_every_kind() -> None:
    assert len(set(TEXTS)) == len(TEXTS) >= 300
    kinds = Counter(each["kind"] for each in CORPUS)
    assert min(kinds.values()) >= 10
    assert set(kinds) == {
        "markup", "handler", "csi", "osc", "dcs", "control", "bidi", "zero_width",
        "prompt", "program", "json", "format", "path", "surrogate",
    }  # fmt: skip


# Values --------------------------------------------------------------------------------------


def test_an_answer_is_a_value() -> None:
    """Each text comes out as it came in; what it says is not done, nor does it call."""
    model = Fake(lambda request: TEXTS[request.arguments[0][1]], context=10**6)
    program = rlmlang.load("say.rlm")
    result = program.run(model=model, limits=rlmlang.Limits(max_calls=None))
    assert result.value == ANSWERS
    assert (result.usage.calls, len(model.requests)) == (len(TEXTS), len(TEXTS))


def test_an_answer_within_json_is_a_value() -> None:
    model = Fake(lambda request: json.dumps([TEXTS[request.arguments[0][1]]] * 2))
    program = rlmlang.compile(f'[CALL[list[str]]("say", n) for n in range({len(TEXTS)})]')
    result = program.run(model=model, limits=rlmlang.Limits(max_calls=None))
    assert result.value == [[text, text] for text in TEXTS]


def test_a_text_that_goes_from_call_to_call_stays_as_it_is() -> None:
    """Also where it is quoted in a prompt, put into an f-string, and asked for again."""

    def answer(request: Request) -> Any:
        return request.arguments[0][1] if request.instruction == "echo" else request.instruction

    model = Fake(answer, context=10**6)
    program = rlmlang.compile("""texts: list[str]\n[CALL(f"{CALL('echo', text)}") for text in texts]""")
    result = program.run(model=model, texts=TEXTS, limits=rlmlang.Limits(max_calls=None))
    assert result.value == ANSWERS
    assert {request.instruction for request in model.requests} == {"echo", *ANSWERS}


def test_a_stored_answer_is_the_same(tmp_path: Path) -> None:
    model = ScriptedModel(lambda request: TEXTS[request.arguments[0][1]], identity="texts")
    program, limits = rlmlang.load("say.rlm"), rlmlang.Limits(max_calls=None)
    first = program.run(model=model, store=tmp_path / "store.db", limits=limits)
    again = program.run(model=model, store=tmp_path / "store.db", limits=limits)
    assert again.value == first.value == ANSWERS
    assert again.usage.calls == 0


# What commands print ---------------------------------------------------------------------------


def test_json_of_a_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "say.rlm", "--json", *MODEL_ARGS]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out)["value"] == ANSWERS


@pytest.mark.parametrize("args", [["say.rlm"], ["say.rlm", "--json"], ["join.rlm"]])
def test_values_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, args: list[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["run", *args, "--quiet", *MODEL_ARGS]) == 0
    out = capsys.readouterr().out
    assert ACTIVE.findall(out) == []
    if "join.rlm" not in args:
        shown = json.loads(out)
        assert (shown["value"] if "--json" in args else shown) == ANSWERS


def test_every_text_can_be_shown() -> None:
    for text in TEXTS:
        assert ACTIVE.findall(output.visible(text)) == []
        line = output.one_line(text, 40)
        assert (ACTIVE.findall(line), "\n" in line, len(line) <= 40) == ([], False, True)


def alone(shown: str, start: str) -> None:
    """The message is one error and one hint: nothing quoted in it looks like another one."""
    first, *others = shown.removesuffix("\n").split("\n")
    assert first.startswith(start)
    assert [line[:6] for line in others if not line.startswith(" ")] == ["hint: "]


@pytest.mark.heavy
def test_errors_that_quote_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    """An answer of the wrong type is reported with what the model said; no line of it looks like an error of its own."""
    for n, text in enumerate(TEXTS):
        if re.fullmatch(r'\s*-?\d+\s*|\{"answer": 1\}', text):
            continue  # which is a number
        assert main(["run", "number.rlm", "-i", f"n={n}", "--quiet", *MODEL_ARGS]) == 4
        shown = capsys.readouterr().err
        assert ACTIVE.findall(shown) == []
        alone(shown, "number.rlm:2:1: error[E401]: ")


def test_errors_that_say_anything(capsys: pytest.CaptureFixture[str]) -> None:
    for text in TEXTS:
        error = ModelError.of("E400", text, hint=text)
        output.show_error(error)
        shown = capsys.readouterr().err
        assert ACTIVE.findall(shown) == []
        alone(shown, "error[E400]: ")
        shown = json.loads(json.dumps(output.error_json(error)))
        assert (shown["message"], shown["hint"]) == (Redactor()(text), Redactor()(text))


def test_plan_shows_instructions_harmlessly(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    literals = [ascii(text) for text in UNICODE]
    Path("plan.rlm").write_text("[\n" + "".join(f"    CALL({literal}),\n" for literal in literals) + "]\n")
    assert main(["plan", "plan.rlm"]) == 0
    assert ACTIVE.findall(capsys.readouterr().out) == []


@pytest.mark.heavy
def test_arguments_are_texts(capsys: pytest.CaptureFixture[str]) -> None:
    """An input that begins with `@` is a file, and `-` standard input; nothing else means anything."""
    for text in UNICODE:
        if "\0" in text or text.startswith("@") or text == "-":
            continue
        assert main(["run", "ask.rlm", "-i", f"text={text}", "--json", *MODEL_ARGS]) == 0
        assert json.loads(capsys.readouterr().out)["value"] == text.strip()


# A real terminal -------------------------------------------------------------------------------


def on_a_terminal(*args: str) -> str:
    """What a command writes to a terminal of 200 columns, standard output and error together."""
    master, slave = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "200", "LINES": "50"}
    command = [sys.executable, "-m", "rlmlang", *args, *MODEL_ARGS]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        written = bytearray()
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            written += piece
    os.close(master)
    assert process.returncode == 0, written[-2000:]
    return written.decode("utf-8")


OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\r?\x1b\[[0-9]*[AK]|\r+(?=\n)")
"""What the live view itself does: colours, the cursor, and lines written anew."""


def harmless(written: str) -> None:
    """Nothing acts on the terminal but the live view; and what looks like its doing does not come from a text."""
    assert ACTIVE.findall(OWN.sub("", written)) == []
    for text in TEXTS:
        if "\x1b" in text and re.search("[a-z]{3}", OWN.sub("", text)):
            assert text not in written


@pytest.mark.parametrize(
    "args",
    [
        ("run", "say.rlm"),
        ("run", "all.rlm", "--input", "texts=@texts.json"),
        ("run", "all.rlm", "--input", "texts=@texts.json", "--json"),
    ],
)
def test_a_terminal_is_told_nothing_but_by_rlmlang(args: tuple[str, ...]) -> None:
    """The calls, their instructions and the value, on a pseudo-terminal."""
    harmless(on_a_terminal(*args))


def test_a_question_on_a_terminal() -> None:
    question = "".join(text for text in UNICODE if "\0" not in text)
    harmless(on_a_terminal("ask", question, "--max-depth", "0", "--max-answer-tokens", "99999"))


# Traces ----------------------------------------------------------------------------------------


def test_a_trace_has_one_event_a_line() -> None:
    """Nothing in an instruction or an answer ends a line, or makes an event."""
    args = ["run", "all.rlm", "-i", "texts=@texts.json", "--trace", "trace.jsonl", "--quiet"]
    assert main([*args, *MODEL_ARGS]) == 0
    data = Path("trace.jsonl").read_bytes()
    assert data.endswith(b"\n")
    events = [json.loads(line) for line in data.decode("utf-8").removesuffix("\n").split("\n")]
    asked = {event["instruction"] for event in events if "instruction" in event}
    assert {Redactor()(text) for text in asked} == {Redactor()(text) for text in UNICODE}
