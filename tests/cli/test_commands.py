"""The command line: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llguidance
import pytest
from attrs import fields_dict

from rlmlang.calls.limits import Limits
from rlmlang.cli import options, output
from rlmlang.cli.commands import COMMANDS
from tests.support.command_line import ARGS, Run, run
from tests.support.places import ROOT

__all__ = ["run"]


# check


def test_check_says_what_the_program_takes_and_gives(run: Run) -> None:
    assert run("check", "article.rlm") == (0, "article.rlm: (document: str, count: int = 2) -> str\n", "")


def test_check_shows_every_error(run: Run, golden: Callable[[str, str], None]) -> None:
    Path("wrong.rlm").write_text("import os\nx: int\nfor i in [1]:\n    i\nlne(x) + y\n")
    code, out, err = run("check", "wrong.rlm")
    assert (code, err) == (1, "")
    golden("cli/check-wrong.txt", out)


def test_check_json(run: Run) -> None:
    code, out, _ = run("check", "--json", "article.rlm")
    assert code == 0
    assert json.loads(out) == {
        "diagnostics": [],
        "inputs": {"document": {"type": "str"}, "count": {"type": "int", "default": 2}},
        "type": "str",
    }
    code, out, _ = run("check", "--json", "-", stdin="x: int\nx + y\n")
    found = json.loads(out)
    assert (code, found["inputs"], found["type"]) == (1, None, None)
    (diagnostic,) = found["diagnostics"]
    assert set(diagnostic) == {
        "code", "severity", "message", "file", "line", "column", "end_line", "end_column", "hint",
    }  # fmt: skip
    place = ("file", "line", "column", "end_line", "end_column")
    assert [diagnostic[name] for name in place] == ["<stdin>", 2, 5, 2, 6]
    assert (diagnostic["code"], diagnostic["severity"]) == ("E200", "error")


def test_check_explains_types_and_says_what_is_left_out(run: Run) -> None:
    text = (
        "def answer(xs: list[int]) -> float:\n    total = 0.5\n    for x in xs:\n        total += x\n    return total\n"
    )
    code, out, _ = run("check", "--explain", "-", stdin=f"{text}assert answer([]) == 0.5\n")
    assert code == 0
    assert "note[E222]: this is left out" in out
    assert out.endswith(
        "<stdin>: (xs: list[int]) -> float\n  def answer(xs: list[int]) -> float:\n      total: float\n      x: int\n"
    )


def test_check_takes_several_files(run: Run) -> None:
    Path("other.rlm").write_text("1 +\n")
    code, out, _ = run("check", "article.rlm", "other.rlm", "--json")
    first, second = map(json.loads, out.splitlines())
    assert code == 1
    assert (first["diagnostics"], second["type"]) == ([], None)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_bytes(b"\xff"), lambda path: path.mkdir()])
def test_a_file_that_cannot_be_read(run: Run, make: Callable[[Path], object]) -> None:
    make(Path("odd.rlm"))
    code, out, err = run("check", "odd.rlm")
    assert (code, out) == (2, "")
    assert "error[E604]: cannot read odd.rlm" in err


# fmt

UGLY = "x=[1,2]   # two\n\n\n\nsum( x )"
PRETTY = "x = [1, 2]  # two\n\nsum(x)\n"


def test_fmt_writes_in_place_once(run: Run) -> None:
    Path("ugly.rlm").write_text(UGLY)
    assert run("fmt", "ugly.rlm") == (0, "", "reformatted ugly.rlm\n")
    assert Path("ugly.rlm").read_text() == PRETTY
    assert run("fmt", "ugly.rlm") == (0, "", "")


def test_fmt_check_and_diff_change_nothing(run: Run) -> None:
    Path("ugly.rlm").write_text(UGLY)
    assert run("fmt", "--check", "ugly.rlm") == (1, "", "would reformat ugly.rlm\n")
    code, out, err = run("fmt", "--diff", "ugly.rlm")
    assert (code, err) == (0, "")
    assert {"-x=[1,2]   # two", "+x = [1, 2]  # two", "+sum(x)"} <= set(out.splitlines())
    assert run("fmt", "--check", "--diff", "ugly.rlm")[0] == 1
    assert Path("ugly.rlm").read_text() == UGLY


def test_fmt_of_standard_input(run: Run) -> None:
    assert run("fmt", "-", stdin=UGLY) == (0, PRETTY, "")
    assert run("fmt", "-", "--check", stdin=PRETTY) == (0, "", "")
    assert run("fmt", "-", "--check", stdin=UGLY) == (1, "", "would reformat <stdin>\n")


def test_fmt_skips_what_does_not_parse(run: Run) -> None:
    Path("wrong.rlm").write_text("1 +\n")
    Path("ugly.rlm").write_text(UGLY)
    code, _, err = run("fmt", "wrong.rlm", "ugly.rlm")
    assert code == 1
    assert "wrong.rlm:1:" in err
    assert Path("ugly.rlm").read_text() == PRETTY
    assert Path("wrong.rlm").read_text() == "1 +\n"


def test_fmt_of_a_file_that_cannot_be_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> int:
        raise PermissionError(13, "Permission denied")

    Path("ugly.rlm").write_text(UGLY)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    code, _, err = run("fmt", "ugly.rlm")
    assert code == 2
    assert "error[E612]: cannot write ugly.rlm: Permission denied" in err


# plan


def test_plan(run: Run, golden: Callable[[str, str], None]) -> None:
    code, out, err = run("plan", "article.rlm", "--input", "document=some text")
    assert (code, err) == (0, "")
    golden("cli/plan.txt", out)


def test_plan_json(run: Run) -> None:
    code, out, _ = run("plan", "article.rlm", "--json", *ARGS)
    assert code == 0
    found = json.loads(out)
    assert set(found) == {
        "calls", "depth", "prompt_tokens", "completion_tokens", "cost", "steps", "bytes", "function_calls", "model",
        "sites", "functions",
    }  # fmt: skip
    assert [(site["line"], site["calls"]) for site in found["sites"]] == [(5, [1, 2]), (6, [0, None]), (7, [1, 1])]
    assert found["cost"] == [0, 0]
    assert found["calls"] == [2, 1000]
    assert found["depth"] == [1, 1]
    Path("one.rlm").write_text('CALL("One") + CALL("Two")\n')
    code, out, _ = run("plan", "one.rlm", "--json", "--max-answer-tokens", "10")
    assert json.loads(out)["completion_tokens"][1] == 20


def test_plan_of_a_missing_input(run: Run) -> None:
    code, out, _ = run("plan", "article.rlm", "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "E601"


# run


def test_run_prints_the_value_and_a_summary(run: Run) -> None:
    code, out, err = run("run", "article.rlm", *ARGS)
    assert (code, out) == (0, "first, second\n")
    assert err.startswith("4 calls, 0 memo hits, ")
    code, out, err = run("run", "article.rlm", *ARGS)
    assert (code, out) == (0, "first, second\n")
    assert err.startswith("0 calls, 4 memo hits, 0 tokens in, 0 out, ")
    assert run("run", "article.rlm", *ARGS, "--quiet") == (0, "first, second\n", "")


def test_run_json(run: Run) -> None:
    code, out, err = run("run", "article.rlm", "--json", *ARGS, "--no-store")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert list(found) == ["run_id", "value", "type", "usage"]
    assert (found["value"], found["type"]) == ("first, second", "str")
    assert list(found["usage"]) == [
        "calls", "memo_hits", "prompt_tokens", "completion_tokens", "seconds", "cached_tokens", "cost", "steps", "bytes",
        "function_calls",
    ]  # fmt: skip
    assert found["usage"]["calls"] == 4


def test_run_json_of_a_failure(run: Run) -> None:
    Path("fails.rlm").write_text('x = CALL[int]("How many?")\n[1, 2][x]\n')
    Path("seven.toml").write_text('[[reply]]\ninstruction = "*"\nvalue = 7\n')
    code, out, err = run("run", "fails.rlm", "--json", "--model", "scripted:seven.toml")
    found = json.loads(out)
    assert (code, err) == (1, "")
    assert list(found) == ["run_id", "error", "usage"]
    assert list(found["error"]) == ["code", "message", "file", "line", "column", "hint"]
    assert [found["error"][name] for name in ("code", "file", "line", "column")] == ["E301", "fails.rlm", 2, 1]
    assert found["usage"]["calls"] == 1


@pytest.mark.parametrize(
    ("text", "replies", "args", "code", "error"),
    [
        ("1 +", "", [], 1, "E100"),
        ("1 // 0", "", [], 1, "E303"),
        ("x: int\nx", "", [], 2, "E601"),
        ("x: int\nx", "", ["--input", "x=one"], 2, "E603"),
        ("1", "", ["--input", "y=1"], 2, "E602"),
        ("1", "", ["--input", "y"], 2, "E607"),
        ("1", "", ["--input", "y=@missing.txt"], 2, "E604"),
        ("x: int\nx", "", ["--input", "x=1", "--input", "x=2"], 2, "E607"),
        ("x: str\ny: str\nx", "", ["--input", "x=-", "--input", "y=-"], 2, "E607"),
        ("1", "", ["--model", "nothing:at-all"], 2, "E605"),
        ("1", "", ["--model", "scripted:missing.toml"], 2, "E604"),
        ("1", "", ["--store", "/dev/null/store.db"], 2, "E606"),
        ("1", "", ["--trace", "/dev/null/trace.jsonl"], 2, "E612"),
        ("1", "", ["--max-calls", "many"], 2, "E607"),
        ("1", "", ["--no-such-option"], 2, "E607"),
        ('CALL("a") + CALL("b")', 'text = "c"', ["--max-calls", "1", "--no-store"], 3, "E508"),
        ('CALL("a")', 'text = "c"', ["--max-depth", "0", "--no-store"], 3, "E502"),
        ('CALL("a")', 'error = "refusal"', [], 4, "E404"),
        ('CALL[int]("a")', 'text = "many"', [], 4, "E401"),
    ],
)
def test_exit_codes(run: Run, text: str, replies: str, args: list[str], code: int, error: str) -> None:
    Path("program.rlm").write_text(text + "\n")
    Path("replies.toml").write_text(f'[[reply]]\ninstruction = "*"\n{replies}\n' if replies else "")
    model = [] if "--model" in args else ["--model", "scripted:replies.toml"]
    found, out, err = run("run", "program.rlm", *model, *args)
    assert (found, out) == (code, "")
    assert f"error[{error}]" in err
    found, out, err = run("run", "program.rlm", "--json", *model, *args)
    assert (found, err) == (code, "")
    assert json.loads(out)["error"]["code"] == error


def test_inputs_from_files_and_standard_input(run: Run) -> None:
    Path("program.rlm").write_text('text: str\nnumbers: list[int]\nword: Literal["a", "b"]\n(text, numbers, word)\n')
    Path("text.txt").write_bytes("é\r\n".encode())
    Path("numbers.json").write_text("[1, 2]\n")
    given = ("--input", "text=@text.txt", "--input", "numbers=@numbers.json", "--input", "word=a")
    code, out, _ = run("run", "program.rlm", *given)
    assert (code, json.loads(out)) == (0, ["é\n", [1, 2], "a"])
    given = ("--input", "text=a=b", "-i", "numbers=-", "--input", "word=b")
    code, out, _ = run("run", "program.rlm", *given, stdin="[3]")
    assert (code, json.loads(out)) == (0, ["a=b", [3], "b"])


def test_an_input_without_its_option_is_shown_with_it(run: Run) -> None:
    assert "hint: an input needs its option: --input document=a\n" in run("run", "article.rlm", "document=a")[2]
    err = run("plan", "article.rlm", "document=a", "count=2")[2]
    assert "hint: an input needs its option: --input document=a --input count=2\n" in err
    assert "hint: see `rlmlang run --help`\n" in run("run", "article.rlm", "other.rlm")[2]
    assert "hint: see `rlmlang runs list --help`\n" in run("runs", "list", "x=1")[2]


@pytest.mark.parametrize(
    ("args", "command"),
    [
        (["run", "article.rlm", "--model"], "rlmlang run"),
        (["runs", "list", "--limit"], "rlmlang runs list"),
        (["trace", "show", "last", "--grep"], "rlmlang trace show"),
        (["--no-such-option"], "rlmlang"),
    ],
)
def test_wrong_usage_names_the_help_of_its_command(run: Run, args: list[str], command: str) -> None:
    code, _, err = run(*args)
    assert code == 2
    assert err.endswith(f"hint: see `{command} --help`\n")


@pytest.mark.parametrize(
    "args", [("run", "no.rlm"), ("run", "article.rlm", "-i", "document=@no.rlm"), ("trace", "show", "./no.rlm")]
)
def test_a_file_that_is_missing_is_named_once_with_its_folder(run: Run, args: tuple[str, ...]) -> None:
    code, _, err = run(*args)
    name = args[-1].rpartition("@")[2]
    assert code == 2
    assert (
        err
        == f"error[E604]: cannot read {name}: No such file or directory\nhint: the path is relative to {Path.cwd()}\n"
    )


def test_inputs_may_have_the_names_of_options(run: Run) -> None:
    Path("program.rlm").write_text("model: str\nstore: str\nmodel + store\n")
    assert run("run", "program.rlm", "-i", "model=m", "-i", "store=s", "-q") == (0, "ms\n", "")
    assert run("plan", "program.rlm", "-i", "model=m", "-i", "store=s")[0] == 0


def test_a_call_without_a_model_says_what_is_ready(run: Run) -> None:
    code, out, err = run("run", "article.rlm", "--input", "document=x")
    assert (code, out) == (2, "")
    assert "error[E605]: the program makes a CALL, and no model is named" in err
    assert "ready here: " in err
    for args, need in [
        (["ask", "Who?"], "a model answers the question"),
        (["complete", "Once"], "a model writes the text"),
        (["serve"], "there are no --programs to serve"),
    ]:
        assert run(*args)[0] == 2
        assert f"error[E605]: {need}, and no model is named" in run(*args)[2]


def test_the_trace_is_written_also_when_the_run_fails(run: Run) -> None:
    Path("replies.toml").write_text('[[reply]]\ninstruction = "List*"\nvalue = ["a"]\n')
    code, *_ = run("run", "article.rlm", *ARGS, "--trace", "trace.jsonl")
    assert code == 4
    events = [json.loads(line) for line in Path("trace.jsonl").read_text().splitlines()]
    listed, shortened = (event for event in events if event["kind"] == "call")
    assert (listed["instruction"], listed["status"], listed["line"]) == ("List 2 points", "done", 5)
    assert (shortened["status"], shortened["error"]["code"], shortened["within"]) == ("failed", "E406", "short")
    assert [events[0]["kind"], events[-1]["kind"], events[-1]["status"]] == ["run", "end", "failed"]
    assert [event["seq"] for event in events] == list(range(len(events)))


def test_values_are_printed_raw_to_a_pipe_and_escaped_on_a_terminal(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "\x1b[31mred\x1b[0m\u202e\tx"
    Path("replies.toml").write_text(f'[[reply]]\ninstruction = "*"\ntext = {json.dumps(hostile)}\n')
    Path("program.rlm").write_text('CALL("a")\n')
    assert run("run", "program.rlm", "--model", "scripted:replies.toml", "-q")[1] == hostile + "\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, _ = run("run", "program.rlm", "--model", "scripted:replies.toml", "-q")
    assert (code, out) == (0, "\\u001b[31mred\\u001b[0m\\u202e\tx\n")


def test_text_that_is_no_unicode_is_printed_escaped(tmp_path: Path) -> None:
    program = tmp_path / "program.rlm"
    program.write_text('CALL[list[str]]("a")[0]\n')
    replies = tmp_path / "replies.toml"
    replies.write_text("[[reply]]\ninstruction = '*'\ntext = '[\"\\ud800\"]'\n")
    command = [sys.executable, "-m", "rlmlang", "run", program, "--model", f"scripted:{replies}", "--no-store"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\\ud800\n"), done.stderr


def test_other_values_are_json(run: Run) -> None:
    Path("program.rlm").write_text('class P:\n    x: int\n    y: str | None\n\n[P(1, None), P(2, "é")]\n')
    _, out, _ = run("run", "program.rlm")
    assert json.loads(out) == [{"x": 1, "y": None}, {"x": 2, "y": "é"}]
    assert "é" in out
    Path("program.rlm").write_text("1 < 2\n")
    assert run("run", "program.rlm")[1] == "true\n"


# settings


def test_settings_are_found_above_and_options_override_them(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rlmlang.toml").write_text(
        'model = "scripted:replies.toml"\nstore = "kept.db"\n[limits]\nmax_calls = 3\nmax_seconds = "none"\n'
    )
    Path("inner").mkdir()
    monkeypatch.chdir("inner")
    args = ("run", "../article.rlm", "--input", "document=x")
    code, _, err = run(*args)
    assert code == 3
    assert "error[E501]" in err
    assert Path("../kept.db").exists()
    assert run(*args, "--max-calls", "none", "--json")[0] == 0
    Path("../other.toml").write_text("")
    monkeypatch.setenv("RLMLANG_MODEL", "scripted:../other.toml")
    assert run(*args, "--max-calls", "4", "--no-store")[0] == 4


def test_settings_without_a_store(run: Run) -> None:
    Path("rlmlang.toml").write_text("store = false\n")
    assert run("run", "article.rlm", *ARGS)[0] == 0
    assert not Path("data").exists()
    assert run("run", "article.rlm", *ARGS, "--store", "kept.db")[0] == 0
    assert Path("kept.db").exists()


PRICES = """
[prices."scripted:replies.toml"]
input = 2.5
cached = 0.25
output = 10

[prices."openai:gpt-*"]
input = 1
output = 1
"""


def test_money_by_the_prices_of_the_settings(run: Run) -> None:
    Path("rlmlang.toml").write_text(PRICES)
    code, out, err = run("run", "article.rlm", *ARGS, "--no-store", "--json")
    usage = json.loads(out)["usage"]
    assert usage["cost"] == (2.5 * usage["prompt_tokens"] + 10 * usage["completion_tokens"]) / 10**6
    assert code == 0
    code, out, err = run("run", "article.rlm", *ARGS, "--no-store")
    assert re.search(r", \$0\.000\d+, \d", err)
    code, out, err = run("run", "article.rlm", *ARGS, "--no-store", "--max-cost", "0.0002")
    assert (code, out) == (3, "")
    assert "error[E509]" in err
    code, out, _ = run("plan", "article.rlm", *ARGS, "--json")
    found = json.loads(out)
    low, high = found["cost"]
    assert 0 < low < usage["cost"]
    assert high is None
    assert found["sites"][0]["cost"][1] > found["sites"][0]["cost"][0] > 0
    code, out, _ = run("plan", "article.rlm", *ARGS, "--max-cost", "0.5")
    assert re.search(r"^cost +\$0\.0000\d+ to \$0\.5$", out, re.MULTILINE)


def test_a_limit_on_money_needs_a_price(run: Run) -> None:
    Path("rlmlang.toml").write_text(PRICES)
    args = ("run", "article.rlm", "-i", "document=x", "--max-cost", "1", "--no-store")
    code, out, err = run(*args, "-m", "openai:other@http://localhost:1?dialect=none")
    assert (code, out) == (2, "")
    assert "error[E608]: max_cost is set, and no price of openai:other@http://localhost:1 is known" in err
    assert '[prices."openai:other@http://localhost:1"] input = …, output = …' in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model =", "Invalid value"),
        ("prices = 1", "prices are tables"),
        ("[prices]\nx = 1", "prices are tables"),
        ("[prices.x]\ninput = 1", "the price of x needs both `input` and `output`"),
        ("[prices.x]\ninput = 1\noutput = 1\ncashed = 1", "did you mean cached?"),
        ("[prices.x]\ninput = -1\noutput = 1", "a number of dollars from 0"),
        ("[limits]\nmax_cost = -1", "max_cost is a number of dollars from 0 or none, not -1"),
        ("[limits]\nmax_share = 0", "max_share is a number above 0, up to 1, not 0"),
        ("[limits]\nmax_share = 1.5", "max_share is a number above 0, up to 1, not 1.5"),
        ("[limits]\nmax_share = 'none'", "max_share is a number above 0, up to 1, not 'none'"),
        ("modle = 'x'", "unknown key modle"),
        ("model = 1", "model is a name"),
        ("store = true", "store is a path"),
        ("limits = 1", "limits is a table"),
        ("[limits]\nmax_cals = 1", "did you mean max_calls?"),
        ("[limits]\nmax_qqqq = 1", "there are: max_calls"),
        ("[limits]\nmax_calls = 1.5", "max_calls is a whole number from 0 or none, not 1.5"),
        ("[limits]\nmax_calls = true", "max_calls is a whole number from 0 or none, not True"),
        ("[limits]\nmax_depth = 'none'", "max_depth is a whole number from 0, not 'none'"),
        ("[limits]\nmax_seconds = -1", "max_seconds is a number of seconds from 0 or none, not -1"),
        ("[limits]\nmax_seconds = nan", "max_seconds is a number of seconds from 0 or none, not nan"),
        ("[limits]\nconcurrency = 0", "concurrency is a whole number from 1 or none, not 0"),
        ("[limits]\nmax_steps = []", "max_steps is a whole number from 0, not []"),
    ],
)
def test_settings_that_are_wrong(run: Run, text: str, message: str) -> None:
    Path("rlmlang.toml").write_text(text + "\n")
    code, out, err = run("run", "article.rlm", *ARGS)
    assert (code, out) == (2, "")
    assert "error[E607]" in err
    assert message in err


def test_every_limit_has_an_option() -> None:
    assert list(options.LIMITS) == list(fields_dict(Limits))


# models, grammar, conform, completion


def test_models(run: Run, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("smollm2", "a small model", True, None), ("gguf:PATH", "any model file", False, "xllamacpp is missing")]
    monkeypatch.setattr("rlmlang.cli.models.available", lambda: rows)
    code, out, _ = run("models")
    assert code == 0
    golden("cli/models.txt", out)
    code, out, _ = run("models", "--json")
    golden("cli/models.json", out)


def test_models_really_available(run: Run) -> None:
    code, out, _ = run("models", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {row["name"].split(":")[0] for row in rows} >= {"scripted", "smollm2", "gguf"}
    assert all(row["ready"] is (row["why_not"] is None) for row in rows)


def test_grammar(run: Run) -> None:
    text = (ROOT / "grammar" / "rlm.lark").read_text()
    assert run("grammar") == (0, text, "")
    code, out, _ = run("grammar", "--format", "llguidance")
    assert (code, out) == (0, "%llguidance {}\n\n" + text)
    assert llguidance.LLMatcher.validate_grammar(out) == ""


def test_conform(run: Run) -> None:
    case: dict[str, Any] = {"program": "x: int\nx + 1", "inputs": {"x": 2}}
    code, out, _ = run("conform", stdin=json.dumps(case))
    assert (code, json.loads(out)) == (0, {"value": 3, "type": "int", "calls": 0})
    case = {"program": 'CALL("a") + "\\n" + b', "model": []}
    code, out, _ = run("conform", stdin=json.dumps(case))
    assert (code, json.loads(out)) == (0, {"error": {"code": "E200", "line": 1, "column": 20}})


@pytest.mark.parametrize("text", ["{", "[]", b"\xff"])
def test_conform_of_something_else(run: Run, text: str | bytes) -> None:
    code, out, err = run("conform", stdin=text)
    assert (code, out) == (2, "")
    assert "error[E60" in err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(run: Run, shell: str) -> None:
    code, out, _ = run("completion", shell)
    assert code == 0
    assert "_RLMLANG_COMPLETE" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("rlmlang c", {"plain,check", "plain,conform", "plain,complete", "plain,completion"}),
        ("rlmlang run --model s", {"plain,scripted:", "plain,smollm2"}),
        ("rlmlang check a", {"file,a"}),
    ],
)
def test_completion(words: str, expected: set[str]) -> None:
    place = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    env = {**os.environ, "_RLMLANG_COMPLETE": "bash_complete", **place}
    done = subprocess.run([sys.executable, "-m", "rlmlang"], env=env, capture_output=True, text=True)
    assert set(done.stdout.split()) == expected


# help, usage, faults


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help(run: Run, golden: Callable[[str, str], None], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = run(*([name] if name else []), "--help")
    assert code == 0
    assert "Example" in out
    golden(f"cli/help{'-' if name else ''}{name}.txt", out)


@pytest.mark.parametrize("group", [(), ("runs",), ("trace",), ("store",)])
def test_summaries_of_commands_fit_a_terminal_of_80_columns(
    run: Run, group: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    commands = run(*group, "--help")[1].partition("Commands:\n")[2].splitlines()
    assert len(commands) > 2
    assert [line for line in commands if not line.endswith(".") or line.endswith("...")] == []


def test_without_arguments_there_is_help(run: Run) -> None:
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err.startswith("Usage: rlmlang")


def test_wrong_usage_is_a_coded_error(run: Run) -> None:
    code, out, err = run("chekc", "article.rlm")
    assert (code, out) == (2, "")
    assert "error[E607]: there is no command chekc\nhint: did you mean `rlmlang check`?" in err
    code, out, err = run("plan", "--jsn")
    assert "hint: see `rlmlang plan --help`" in err


def test_a_bug_is_reported_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("rlmlang.cli.check.check", fail)
    code, out, err = run("check", "article.rlm")
    assert (code, out) == (1, "")
    assert "error[E300]: internal error: ZeroDivisionError: oh" in err
    assert "please report it" in err
    assert "Traceback" not in err
    monkeypatch.setenv("RLMLANG_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("check", "article.rlm")


def test_a_reader_that_closes_its_end_is_no_error() -> None:
    command = f"{sys.executable} -m rlmlang grammar; echo $? >&2"
    done = subprocess.run(["bash", "-c", f"({command}) | true"], capture_output=True, text=True)
    assert done.stderr.strip() in {"0", "1"}


def test_an_interrupted_run_keeps_what_is_finished(tmp_path: Path) -> None:
    """The model answers once, then sends the process the signal of Ctrl-C."""
    (tmp_path / "model.py").write_text(
        "import asyncio, os, signal\n"
        "async def model(request):\n"
        "    if request.instruction == 'one' or os.path.exists('again'):\n"
        "        return 'x'\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    await asyncio.sleep(60)\n"
    )
    (tmp_path / "program.rlm").write_text('a = CALL("one")\nCALL("two", a)\n')
    command = [
        sys.executable, "-m", "rlmlang", "run", "program.rlm", "--model", "scripted:model.py", "--store", "s.db",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (130, "")
    assert "interrupted" in done.stderr
    assert "resume the run with: rlmlang runs resume" in done.stderr
    assert "Traceback" not in done.stderr
    (tmp_path / "again").touch()
    done = subprocess.run([*command, "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    found = json.loads(done.stdout)
    assert (found["value"], found["usage"]["calls"], found["usage"]["memo_hits"]) == ("x", 1, 1)


def test_visible_text() -> None:
    assert output.visible("a\tb\nc\x07\x9b\u202e\u200d\ud800é") == "a\tb\nc\\u0007\\u009b\\u202e\u200d\\ud800é"
    assert output.one_line("a\n b" + "c" * 20, 10) == "a bcccccc…"


def test_a_command_runs_with_the_garbage_collector_on() -> None:
    code = "import gc, sys; sys.argv[1:] = ['grammar']; from rlmlang.cli import main; main(); print(gc.isenabled())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "True"


@pytest.mark.heavy
def test_fmt_leaves_a_program_that_would_become_too_long(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "long.rlm"
    file.write_text(f"x=[{','.join(['1'] * 49_990)}]\nx\n", encoding="utf-8")
    before = file.read_bytes()
    code, _, err = run("fmt", str(file))
    assert code == 1
    assert "E101" in err
    assert file.read_bytes() == before
