"""`rlmlang runs` and `rlmlang store`, and the trace that a run writes."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from attrs import fields_dict

from rlmlang.trace.events import KINDS
from tests.support.command_line import ARGS, Run, run

__all__ = ["run"]  # a fixture

ROWS = ("run_id", "status", "begun", "ended", "command", "program", "model", "leaf_model", "usage")


def listed(run: Run) -> list[dict[str, Any]]:
    code, out, err = run("runs", "list", "--json")
    assert (code, err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(out)
    return rows


def test_a_run_that_a_budget_ended_is_resumed(run: Run) -> None:
    code, _, err = run("run", "article.rlm", *ARGS, "--max-calls", "2")
    assert code == 3
    (row,) = listed(run)
    assert set(row) == set(ROWS)
    assert (row["status"], row["usage"]["calls"]) == ("failed", 2)
    assert f"rlmlang runs resume {row['run_id']}" in err
    code, out, err = run("runs", "resume", row["run_id"][:6], "--max-calls", "9")
    assert (code, out) == (0, "first, second\n")
    assert "2 calls, 2 memo hits" in err
    (row,) = listed(run)
    assert (row["status"], row["usage"]["calls"]) == ("done", 2)


def test_a_run_without_a_model_is_resumed(run: Run) -> None:
    Path("program.rlm").write_text("1 + 1\n")
    assert run("run", "program.rlm")[:2] == (0, "2\n")
    assert run("runs", "resume", "last")[:2] == (0, "2\n")


def test_one_call_is_listed_as_one(run: Run) -> None:
    Path("program.rlm").write_text('CALL("a")\n')
    Path("replies.toml").write_text('[[reply]]\ninstruction = "a"\ntext = "b"\n')
    assert "1 call, 0 memo hits" in run("run", "program.rlm", "--model", "scripted:replies.toml")[2]
    assert run("runs", "list")[1].endswith("program.rlm  1 call\n")


def test_a_run_is_replayed_offline(run: Run) -> None:
    assert run("run", "article.rlm", *ARGS)[0] == 0
    Path("replies.toml").unlink()
    code, out, err = run("runs", "replay", "last", "--json")
    found = json.loads(out)
    assert (code, err, found["value"], found["usage"]["calls"]) == (0, "", "first, second", 0)
    assert [row["status"] for row in listed(run)] == ["done"]


def test_a_replay_without_its_answers_fails(run: Run) -> None:
    run("run", "article.rlm", *ARGS)
    with sqlite3.connect(Path("data/rlmlang/store.db")) as db:
        db.execute("delete from answers")
    db.close()
    code, _, err = run("runs", "replay", "last")
    assert code == 4
    assert "error[E410]" in err
    assert "rlmlang runs resume" in err


def test_a_run_is_shown(run: Run) -> None:
    run("run", "article.rlm", *ARGS)
    code, out, _ = run("runs", "show", "last")
    assert code == 0
    for text in ("article.rlm", "done", "some text", "scripted:replies.toml"):
        assert text in out
    code, out, _ = run("runs", "show", "last", "--json")
    assert json.loads(out)["spec"]["program"] == Path("article.rlm").read_text()


def test_a_run_that_failed_is_shown_with_its_error(run: Run) -> None:
    assert run("run", "article.rlm", *ARGS, "--max-calls", "2")[0] == 3
    shown = run("runs", "show", "last")[1]
    assert next(line for line in shown.splitlines() if line.startswith("error ")).split()[1] == "E501:"
    assert json.loads(run("runs", "show", "last", "--json")[1])["error"]["code"] == "E501"
    assert run("runs", "resume", "last", "--max-calls", "9")[0] == 0
    assert "error" not in run("runs", "show", "last")[1]
    assert json.loads(run("runs", "show", "last", "--json")[1])["error"] is None


def test_a_question_is_resumed_like_a_program(run: Run) -> None:
    Path("replies.toml").write_text('[[reply]]\ninstruction = "*"\nprogram = "len(text)"\n')
    assert run("ask", "How long?", "-i", "text=abc", "--type", "int", "-m", "scripted:replies.toml")[:2] == (0, "3\n")
    assert run("runs", "resume", "last")[:2] == (0, "3\n")


def test_texts_are_not_resumed(run: Run) -> None:
    Path("replies.toml").write_text('[[reply]]\ninstruction = "*"\ntext = "So."\n')
    assert run("complete", "Go", "-m", "scripted:replies.toml")[0] == 0
    code, _, err = run("runs", "resume", "last")
    assert (code, "error[E610]" in err) == (2, True)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("runs", "show", "abc"), "E610"),
        (("runs", "resume", "last"), "E610"),
        (("runs", "list", "--store", "article.rlm"), "E606"),
        (("store", "gc"), "E607"),
        (("store", "gc", "--max-size", "12 apples"), "E607"),
        (("store", "verify", "--store", "article.rlm"), "E606"),
    ],
)
def test_what_cannot_be_done_is_reported(run: Run, args: tuple[str, ...], code: str) -> None:
    status, _, err = run(*args)
    assert (status, f"error[{code}]" in err) == (2, True), err


def test_the_store_is_looked_after(run: Run) -> None:
    run("run", "article.rlm", *ARGS)
    found = json.loads(run("store", "stats", "--json")[1])
    assert (found["answers"], found["runs"], found["claims"]) == (4, 1, 0)
    assert found["disk_bytes"] > found["event_bytes"] > found["answer_bytes"] > 0
    assert "answers        4" in run("store", "stats")[1]
    exported = [json.loads(line) for line in run("store", "export")[1].splitlines()]
    assert [each["kind"] for each in exported] == ["answer"] * 4 + ["run"]
    assert {str(each["value"]) for each in exported[:4]} >= {"first", "second", "first, second"}
    assert run("store", "gc", "--older-than", "1d")[:2] == (0, "removed 0 answers and 0 runs; freed 0 bytes\n")
    assert json.loads(run("store", "gc", "--max-size", "0", "--json")[1])["answers"] == 4
    assert listed(run) == []
    assert run("runs", "list")[2] == "no runs yet\n"


def test_a_store_stays_within_its_limit(run: Run) -> None:
    Path("replies.toml").write_text(f'[[reply]]\ninstruction = "*"\ntext = "{"x" * 900}"\n')
    Path("rlmlang.toml").write_text('store_limit = "60 KB"\nmodel = "scripted:replies.toml"\n')
    for i in range(30):
        Path("many.rlm").write_text(f'[CALL("say", i + {i * 10}) for i in range(10)][0][:3]\n')
        assert run("run", "many.rlm")[:2] == (0, "xxx\n")
    found = json.loads(run("store", "stats", "--json")[1])
    assert 0 < found["answers"] < 200
    assert found["answer_bytes"] + found["event_bytes"] < 120_000


def test_a_server_for_the_store_is_named_by_the_user_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rlmlang.toml").write_text('store = "postgresql://elsewhere/x"\n')
    assert "error[E607]" in run("runs", "list")[2]
    Path("rlmlang.toml").unlink()
    monkeypatch.setenv("RLMLANG_STORE", "other.db")
    assert run("run", "article.rlm", *ARGS)[0] == 0
    assert Path("other.db").exists()
    assert run("runs", "list")[0] == 0


def test_damage_is_found_and_not_exported(run: Run) -> None:
    run("run", "article.rlm", *ARGS)
    assert run("store", "verify") == (0, "", "intact\n")
    with sqlite3.connect(Path("data/rlmlang/store.db")) as db:
        db.execute("update answers set value = ? where rowid = 1", (b'"x"',))
    db.close()
    code, out, _ = run("store", "verify", "--json")
    assert (code, len(json.loads(out)["damaged"])) == (1, 1)
    assert len(run("store", "export")[1].splitlines()) == 4
    code, out, err = run("run", "article.rlm", *ARGS)
    assert (code, out) == (0, "first, second\n")
    assert "1 call, 3 memo hits" in err
    assert run("store", "verify")[0] == 0


def test_the_trace_file_says_what_the_store_says(run: Run) -> None:
    run("run", "article.rlm", *ARGS, "--trace", "trace.jsonl")
    with sqlite3.connect(Path("data/rlmlang/store.db")) as db:
        kept = [data for (data,) in db.execute("select data from events order by seq")]
    db.close()
    assert Path("trace.jsonl").read_text().splitlines() == kept
    assert Path("trace.jsonl").stat().st_mode & 0o777 == 0o600


def test_events_have_the_fields_of_the_schema(run: Run) -> None:
    Path("program.rlm").write_text(
        'print("begun")\n(CALL("Shorten", "x"), CALL("Shorten", "x"), CALL[int]("List 1 points"))\n'
    )
    code, *_ = run("run", "program.rlm", "-m", "scripted:replies.toml", "--trace", "trace.jsonl")
    assert code == 4
    events = [json.loads(line) for line in Path("trace.jsonl").read_text().splitlines()]
    assert {event["kind"] for event in events} == set(KINDS)
    for number, event in enumerate(events):
        fields = [name for name in fields_dict(KINDS[event["kind"]]) if name != "row"]  # which only maps have
        assert list(event) == ["seq", "kind", *fields]
        assert event["seq"] == number
