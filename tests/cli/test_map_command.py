"""`rlmlang map` and `rlmlang map diff`: rows in, results out, resumed, scored and compared."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlmlang.mapping.results_file import read_results
from tests.support.command_line import Run, run

__all__ = ["run"]  # a fixture

MODEL = """\
async def model(request):
    text = str(request.arguments[0][1])
    if "fail" in text:
        raise ValueError("no answer")
    with open("asked.log", "a") as log:
        log.write(text + "\\n")
    return "pos" if "good" in text else "neg"
"""

ROWS = "id,text,label\n1,good day,pos\n2,bad day,neg\n3,good grief,neg\n4,fine,pos\n"


@pytest.fixture
def do(run: Run, tmp_path: Path) -> Run:
    """Run `rlmlang map` on a small table."""
    (tmp_path / "program.rlm").write_text('def label(text: str) -> str:\n    return CALL("Which?", text)\n')
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "rows.csv").write_text(ROWS)

    def map_(*args: str, rows: str = "rows.csv", stdin: str = "") -> tuple[int, str, str]:
        return run("map", "program.rlm", rows, "-m", "scripted:model.py", "--no-store", *args, stdin=stdin)

    return map_


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_results_in_json_lines(do: Run, tmp_path: Path) -> None:
    code, out, err = do("-o", "out.jsonl")
    assert (code, out) == (0, "")
    assert re.search(r"4 rows in out.jsonl, [\d,.]+ a second", err)
    found = lines(tmp_path / "out.jsonl")
    assert [(each["row"], each["id"], each["value"], each["error"]) for each in found] == [
        (1, "1", "pos", None), (2, "2", "neg", None), (3, "3", "pos", None), (4, "4", "neg", None),
    ]  # fmt: skip
    assert found[0] == {
        "row": 1, "id": "1", "text": "good day", "label": "pos", "value": "pos", "error": None, "message": None,
        "score": None, "calls": 1, "prompt_tokens": 4, "completion_tokens": 1, "cost": 0.0,
    }  # fmt: skip
    assert not (tmp_path / "out.jsonl.part").exists()


def test_results_in_csv_and_parquet_are_the_same(do: Run, tmp_path: Path) -> None:
    for name in ("out.jsonl", "out.csv", "out.parquet"):
        assert do("-o", name)[0] == 0
    with open(tmp_path / "out.csv", newline="") as file:
        assert next(csv.DictReader(file))["value"] == "pos"
    texts = [
        [{name: str(value) if value is not None else "" for name, value in each.items()} for each in read_results(name)]
        for name in ("out.jsonl", "out.csv", "out.parquet")
    ]
    for row in texts[1]:
        row["error"] = row["error"] or ""
    assert texts[0] == texts[1] == texts[2]


def test_values_of_many_types_in_every_format(do: Run, tmp_path: Path) -> None:
    (tmp_path / "program.rlm").write_text("n: int\nvalue: str\n(n, value.split(), 2 ** (40 * n), n / 2, n > 1)\n")
    (tmp_path / "data.jsonl").write_text(
        '{"n": 1, "value": "a \\u00e4", "cost": 2}\n{"n": 2, "value": "\\ud800 b", "more": [1, {"x": null}]}\n'
    )
    for name in ("out.jsonl", "out.csv", "out.parquet"):
        assert do("-o", name, rows="data.jsonl")[0] == 0
    first, second = read_results("out.jsonl")
    assert first["value"] == [1, ["a", "ä"], 2**40, 0.5, False]
    assert (first["value_given"], first["cost_given"], second["more"]) == ("a ä", 2, [1, {"x": None}])
    for name in ("out.csv", "out.parquet"):
        _, other = read_results(name)
        assert json.loads(other["value"])[2] == 2**80
        assert other["more"] == '[1, {"x": null}]'
        assert other["value_given"] == "\\ud800 b"


def test_the_character_zero_is_an_escape_in_csv_which_is_read_again(do: Run, run: Run, tmp_path: Path) -> None:
    (tmp_path / "zero.jsonl").write_text('{"text": "good\\u0000", "a\\u0000b": "\\ud800"}\n')
    for name in ("out.jsonl", "out.csv"):
        assert do("-o", name, rows="zero.jsonl")[0] == 0
    assert next(read_results("out.csv"))["text"] == "good\\x00"
    assert next(read_results("out.csv"))["a\\x00b"] == "\\ud800"
    assert run("map", "diff", "out.jsonl", "out.csv")[:2] == (0, "1 row the same, 0 changed\n")


def test_a_file_that_breaks_off_late_says_how_the_map_goes_on(do: Run, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    whole = [json.dumps({"text": f"good {number}"}) for number in range(20)]
    rows.write_text("\n".join([*whole, "{broken"]))
    code, _, err = do("-o", "out.jsonl", rows="rows.jsonl")
    assert code == 2
    assert "E603" in err
    assert "rows.jsonl, line 21" in err
    assert "20 rows kept: --resume goes on from there" in err
    rows.write_text("\n".join([*whole, '{"text": "bad"}']))
    assert do("-o", "out.jsonl", "--resume", rows="rows.jsonl")[0] == 0
    assert [each["value"] for each in lines(tmp_path / "out.jsonl")] == ["pos"] * 20 + ["neg"]
    assert len((tmp_path / "asked.log").read_text().splitlines()) == 21


def test_results_on_standard_output_come_in_order(do: Run) -> None:
    code, out, err = do("-o", "-")
    assert code == 0
    assert [json.loads(line)["row"] for line in out.splitlines()] == [1, 2, 3, 4]
    assert "4 rows" in err
    code, out, _ = do("-o", "-", "-q", "--columns", "id", rows="-", stdin=ROWS)
    assert (code, [*json.loads(out.splitlines()[0])][:3]) == (0, ["row", "id", "value"])


def test_a_failed_row_is_a_line(do: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS + "5,fail here,pos\n")
    code, _, err = do("-o", "out.jsonl")
    assert code == 1
    assert "5 rows in out.jsonl, 1 of them failed" in err
    last = lines(tmp_path / "out.jsonl")[-1]
    assert (last["value"], last["error"]) == (None, "E400")
    assert "no answer" in last["message"]


def test_too_many_errors_end_the_map_which_is_resumed_later(do: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,text\n" + "".join(f"{n},fail {n}\n" for n in range(9)) + "9,good\n")
    code, _, err = do("-o", "out.csv", "--max-errors", "2", "--rows-at-once", "1")
    assert code == 1
    assert "E316" in err
    assert "3 rows kept: --resume goes on from there" in err
    assert not (tmp_path / "out.csv").exists()
    code, out, _ = do("-o", "out.csv", "--resume", "--json")
    assert (code, json.loads(out)["rows"], json.loads(out)["failed"]) == (1, 10, 9)
    (tmp_path / "model.py").write_text(MODEL.replace('"fail" in text', "False"))
    code, out, _ = do("-o", "out.csv", "--retry-failed", "--json")
    assert (code, json.loads(out)["rows"], json.loads(out)["failed"]) == (0, 10, 0)
    assert (tmp_path / "asked.log").read_text().split("\n").count("good") == 1
    with open(tmp_path / "out.csv", newline="") as file:
        assert [row["value"] for row in csv.DictReader(file)] == ["neg"] * 9 + ["pos"]


def test_a_budget_of_all_rows_ends_the_map_which_is_resumed_with_more(do: Run, tmp_path: Path) -> None:
    code, _, err = do("-o", "out.jsonl", "--max-calls", "2", "--rows-at-once", "1")
    assert code == 3
    assert "E501" in err
    assert "2 rows kept: --resume goes on from there" in err
    assert do("-o", "out.jsonl", "--resume", "--max-calls", "2")[0] == 0
    assert [each["row"] for each in lines(tmp_path / "out.jsonl")] == [1, 2, 3, 4]
    assert len((tmp_path / "asked.log").read_text().splitlines()) == 4


def test_resuming_what_is_whole_changes_nothing(do: Run, tmp_path: Path) -> None:
    do("-o", "out.jsonl")
    before = (tmp_path / "out.jsonl").read_bytes()
    code, out, _ = do("-o", "out.jsonl", "--resume", "--json")
    assert (code, json.loads(out)["rows"]) == (0, 4)
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert len((tmp_path / "asked.log").read_text().splitlines()) == 4


@pytest.mark.parametrize("damage", ["cut", "garbage", "no header", "renamed already", "left over"])
def test_a_journal_in_any_state_is_resumed(do: Run, tmp_path: Path, damage: str) -> None:
    do("-o", "whole.jsonl")
    do("-o", "out.jsonl", "--max-calls", "2", "--rows-at-once", "1")
    part, out = tmp_path / "out.jsonl.part", tmp_path / "out.jsonl"
    match damage:
        case "cut":
            part.write_bytes(part.read_bytes()[:-9])
        case "garbage":
            part.write_bytes(part.read_bytes() + b'{"row": 3, \x00\x00\n{"row"')
        case "no header":
            part.write_bytes(part.read_bytes()[:20])
        case "renamed already":
            out.write_bytes((tmp_path / "whole.jsonl").read_bytes())
        case "left over":
            (tmp_path / "out.jsonl.tmp").write_bytes(b"half of it")
    assert do("-o", "out.jsonl", "--resume")[0] == 0
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert not part.exists()


@pytest.mark.parametrize("out", ["out.jsonl", "out.csv", "out.parquet"])
def test_a_row_that_is_another_than_when_it_was_run_is_an_error(do: Run, tmp_path: Path, out: str) -> None:
    do("-o", out, "--max-calls", "2", "--rows-at-once", "1")
    (tmp_path / "rows.csv").write_text(ROWS.replace("bad day", "bad night"))
    code, _, err = do("-o", out, "--resume")
    assert code == 2
    assert f"error[E610]: row 2 is another than when it was run: {out}.part has another `text`" in err
    (tmp_path / "rows.csv").write_text(ROWS)
    assert do("-o", out, "--resume")[0] == 0
    assert do("-o", out, "--retry-failed")[0] == 0  # whatever the form has made of the cells
    (tmp_path / "rows.csv").write_text(ROWS.replace("fine", "more"))
    assert "row 4 is another" in do("-o", out, "--retry-failed")[2]


def test_results_are_neither_overwritten_nor_mixed(do: Run, tmp_path: Path) -> None:
    do("-o", "out.jsonl", "--max-calls", "2", "--rows-at-once", "1")
    code, _, err = do("-o", "out.jsonl")
    assert code == 2
    assert "there is a file out.jsonl.part already" in err
    (tmp_path / "other.csv").write_text(ROWS)
    code, _, err = do("-o", "out.jsonl", "--resume", rows="other.csv")
    assert code == 2
    assert "was begun with other rows" in err
    (tmp_path / "rows.csv").write_text(ROWS.replace("good day", "good night"))
    assert "was begun with another first row" in do("-o", "out.jsonl", "--resume")[2]
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "other.py").write_text((tmp_path / "model.py").read_text())
    said = do("-o", "out.jsonl", "--resume", "-m", "scripted:other.py")[2]
    assert "was begun with another model, scripted:model.py" in said
    said = do("-o", "out.jsonl", "--resume", "--leaf-model", "scripted:other.py")[2]
    assert "was begun with another leaf model" in said
    (tmp_path / "told.txt").write_text("Be brief.")
    assert "was begun with another guidance" in do("-o", "out.jsonl", "--resume", "--guidance", "told.txt")[2]
    (tmp_path / "program.rlm").write_text("text: str\ntext\n")
    assert "was begun with another program" in do("-o", "out.jsonl", "--resume")[2]
    assert do("-o", "out.jsonl", "--overwrite")[0] == 0
    assert [each["value"] for each in lines(tmp_path / "out.jsonl")] == ["good day", "bad day", "good grief", "fine"]


def test_values_are_scored(do: Run) -> None:
    code, out, _ = do("-o", "out.jsonl", "--expect", "label")
    assert code == 0
    assert "50.0% right of 4 rows, with 95 % certainty between 15.0% and 85.0%" in out
    assert "to say 'pos' each time would be right in 50.0%" in out
    assert [line.split() for line in out.splitlines()[-2:]] == [
        ["3", "0.00", "neg", "pos"],
        ["4", "0.00", "pos", "neg"],
    ]
    code, out, _ = do("-o", "other.jsonl", "--expect", "label", "--columns", "id", "--json")
    assert json.loads(out)["scores"] == {
        "column": "label", "rows": 4, "failed": 0, "unscored": 0, "accuracy": 0.5,
        "interval": [0.150039, 0.849961], "commonest": 0.5, "worst": [3, 4],
    }  # fmt: skip


def test_rows_without_a_score(do: Run, tmp_path: Path) -> None:
    do("-o", "out.jsonl")
    code, out, _ = do("-o", "out.jsonl", "--resume", "--expect", "label")
    assert code == 0
    assert out.splitlines() == [
        "no row was scored",
        "4 rows without a score: what is expected does not fit the value, the judge failed, or they ran without "
        "--expect",
    ]
    (tmp_path / "none.csv").write_text("id,text,label\n")
    assert do("-o", "none.jsonl", "--expect", "label", rows="none.csv")[1] == "no row was scored\n"


def test_a_program_judges(do: Run, tmp_path: Path) -> None:
    (tmp_path / "judge.rlm").write_text(
        "def right(value: str, expected: str) -> bool:\n    return value[0] == expected[0]\n"
    )
    (tmp_path / "rows.csv").write_text("text,label\ngood,positive\nbad,nice\ngood,n\n")
    assert "66.7% right of 3 rows" in do("-o", "out.jsonl", "--expect", "label", "--judge", "judge.rlm")[1]
    (tmp_path / "judge.rlm").write_text("value: str\nexpected: str\nvalue\n")
    code, _, err = do("-o", "other.jsonl", "--expect", "label", "--judge", "judge.rlm")
    assert code == 2
    assert "the judge gives str, which is no score" in err
    (tmp_path / "judge.rlm").write_text("def right(v: str, expected: str) -> bool:\n    return v == expected\n")
    _, _, err = do("-o", "other.jsonl", "--expect", "label", "--judge", "judge.rlm")
    assert "error[E607]: the judge is given `value` and `expected`, and has the input `v`" in err
    assert "write `def right(value: str, expected: str) -> bool:`" in err


def test_the_program_and_the_rows_may_be_swapped_by_mistake(do: Run, run: Run) -> None:
    code, _, err = run("map", "rows.csv", "program.rlm", "-o", "out.jsonl")
    assert code == 2
    assert err == (
        "error[E607]: the program comes first, and then the rows; program.rlm is a program\n"
        "hint: write `rlmlang map program.rlm rows.csv …`\n"
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("-o", "out.txt"), "results are written to .jsonl, .csv, .parquet"),
        (("-o", "-", "--resume"), "standard output cannot be resumed"),
        (("-o", "-", "--json"), "both write to standard output"),
        (("-o", "o.csv", "--expect", "lable"), "no column `lable` says what is expected; there are id, text, label"),
        (("-o", "o.csv", "--columns", "id,lable"), "no column `lable` can be kept; there are id, text, label"),
        (("-o", "o.csv", "--tolerance", "1"), "nothing says what is expected"),
        (("-o", "o.csv", "--row-limit", "rows=3"), "expected a limit, such as max_calls=20"),
        (("-o", "o.csv", "--row-limit", "max_calls=x"), "max_calls is a whole number"),
        (("-o", "o.csv", "--row-limit", "max_depth=2"), "`max_depth` is no limit of single rows"),
        (("-o", "o.csv", "-i", "txt=x"), "did you mean `text`?"),
        ((), "--out"),
    ],
)
def test_wrong_usage(do: Run, tmp_path: Path, args: tuple[str, ...], message: str) -> None:
    code, out, err = do(*args)
    assert code == 2
    assert message in out + err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("o.")]


def test_diff(do: Run, run: Run, tmp_path: Path) -> None:
    do("-o", "a.jsonl", "--expect", "label")
    (tmp_path / "model.py").write_text(MODEL.replace('"good" in text', '"day" not in text'))
    do("-o", "b.csv", "--expect", "label")
    code, out, _ = run("map", "diff", "a.jsonl", "b.csv")
    assert code == 0
    assert out.splitlines() == [
        "2 rows the same, 2 changed",
        "1 got right, 1 got wrong; by chance so unequal with a probability of 1",
        "- row 1        pos -> neg",
        "+ row 4        neg -> pos",
    ]
    code, out, _ = run("map", "diff", "a.jsonl", "b.csv", "--json")
    found = json.loads(out)
    assert (found["same"], found["changed"], found["better"], found["worse"], found["rows"]) == (2, 2, 1, 1, [1, 4])
    assert run("map", "diff", "a.jsonl", "rows.csv")[0] == 2


def test_help_of_diff(run: Run, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = run("map", "diff", "--help")
    assert code == 0
    assert "Usage: rlmlang map diff [OPTIONS] A B" in out


def test_a_map_that_is_interrupted_says_how_it_goes_on(do: Run, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import asyncio\n"
        + MODEL.replace("    with open", "    await asyncio.sleep(0 if text == 'good day' else 60)\n    with open")
    )
    part = tmp_path / "out.jsonl.part"
    args = ["map", "program.rlm", "rows.csv", "-o", "out.jsonl", "-m", "scripted:model.py", "--no-store"]
    process = subprocess.Popen([sys.executable, "-m", "rlmlang", *args], stderr=subprocess.PIPE, text=True)
    while not (part.exists() and part.read_bytes().count(b"\n") == 2):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "1 row kept: --resume goes on from there" in err
    (tmp_path / "model.py").write_text(MODEL)
    assert do("-o", "out.jsonl", "--resume")[0] == 0
    assert [each["value"] for each in lines(tmp_path / "out.jsonl")] == ["pos", "neg", "pos", "neg"]
    assert (tmp_path / "asked.log").read_text().splitlines().count("good day") == 1
