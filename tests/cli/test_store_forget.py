"""`rlmlang store forget`: a wrong answer is dropped, and asked for again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import ARGS, Run, run

__all__ = ["run"]


def stored(run: Run) -> dict[str, list[str]]:
    """The keys of the answers in the store, by the run that made them."""
    rows = [json.loads(line) for line in run("store", "export")[1].splitlines()]
    found: dict[str, list[str]] = {row["run"]: [] for row in rows if row["kind"] == "run"}
    for row in rows:
        if row["kind"] == "answer":
            found.setdefault(row["run"], []).append(row["key"])
    return found


def article(run: Run, document: str = "some text") -> tuple[str, int]:
    """Run the article; returns the run's id and how many calls it paid for."""
    args = ("run", "article.rlm", "--input", f"document={document}", *ARGS[2:], "--json")
    found = json.loads(run(*args)[1])
    return found["run_id"], found["usage"]["calls"]


def test_a_run_is_forgotten_with_its_answers_and_its_trace(run: Run) -> None:
    first, calls = article(run)
    second, new = article(run, "another text")
    assert (calls, new) == (4, 1)  # the others are equal
    assert run("store", "forget", "--run", first[:6]) == (0, "dropped 4 answers and 1 run\n", "")
    assert {name: len(keys) for name, keys in stored(run).items()} == {second: 1}
    assert run("trace", "show", first)[0] == 2
    assert article(run, "another text")[1] == 3
    assert json.loads(run("store", "forget", "--run", "last", "--json")[1]) == {"answers": 3, "runs": 1}


def test_one_answer_is_forgotten_by_its_call_or_its_key(run: Run) -> None:
    name, _ = article(run)
    calls = json.loads(run("trace", "show", name, "--json")[1])["calls"]
    shorten = next(call for call in calls if call["instruction"] == "Shorten")
    assert run("store", "forget", "--run", "last", "--call", str(shorten["id"])) == (0, "dropped 1 answer\n", "")
    assert shorten["key"] not in stored(run)[name]
    assert article(run)[1] == 1
    key = shorten["key"]
    assert run("store", "forget", "--key", key[:10])[:2] == (0, "dropped 1 answer\n")
    assert run("store", "forget", "--key", key[:10])[0] == 2
    assert article(run)[1] == 1


def test_the_answers_of_a_model_are_forgotten(run: Run) -> None:
    article(run)
    Path("other.toml").write_bytes(Path("replies.toml").read_bytes() + b"\n")
    run("run", "article.rlm", *ARGS[:2], "-m", "scripted:other.toml")
    code, _, err = run("store", "forget", "--model", "gpt")
    assert (code, "no answer of 'gpt' is in the store" in err) == (2, True)
    assert "there are those of scripted:other.toml, scripted:replies.toml" in err
    assert run("store", "forget", "--model", "scripted:other.toml")[:2] == (0, "dropped 4 answers\n")
    assert article(run)[1] == 0


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--call", "1"),
        ("--run", "last", "--model", "x"),
        ("--key", "a", "--call", "1"),
        ("--key", "a", "--model", "x"),
    ],
)
def test_what_to_forget_must_be_clear(run: Run, args: tuple[str, ...]) -> None:
    assert "it is not clear what to forget" in run("store", "forget", *args)[2]


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("--run", "abc"), "no run 'abc'"),
        (("--run", "last", "--call", "99"), "has no call 99 with an answer in the store"),
        (("--key", "zz"), "no answer has a key that begins with 'zz'"),
        (("--key", ""), "4 answers have keys that begin with ''"),
    ],
)
def test_what_is_not_there_cannot_be_forgotten(run: Run, args: tuple[str, ...], why: str) -> None:
    article(run)
    code, _, err = run("store", "forget", *args)
    assert (code, "E610" in err, why in err) == (2, True, True)


@pytest.mark.parametrize("args", [("store", "forget", "--run", "last"), ("store", "stats"), ("runs", "list")])
def test_no_store_is_made_to_look_into_it(run: Run, args: tuple[str, ...]) -> None:
    code, out, err = run(*args, "--store", "missing.db")
    assert (code, out) == (2, "")
    assert "error[E606]: there is no store missing.db" in err
    assert not Path("missing.db").exists()


def test_a_program_is_no_file_of_functions(run: Run) -> None:
    code, _, err = run("run", "article.rlm", "--functions", "article.rlm", "--input", "document=x", *ARGS[2:])
    assert (code, "error[E613]: article.rlm is a program, not a Python file" in err) == (2, True)


@pytest.mark.parametrize("args", [("store", "stats"), ("runs", "list"), ("trace", "show", "last")])
def test_a_store_that_the_environment_names_is_not_made_to_look_into_it(
    run: Run, args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLMLANG_STORE", "missing.db")
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert "error[E606]: there is no store missing.db, which $RLMLANG_STORE names" in err
    assert not Path("missing.db").exists()
