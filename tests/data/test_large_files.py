"""Rows of large files are read while a program iterates over them, and give what a list of them gives."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from attrs import evolve
from pyarrow import feather, parquet

import rlmlang
from rlmlang.data import large_files, read_value
from rlmlang.models.base import Request
from rlmlang.models.scripted import ScriptedModel
from rlmlang.runtime.iterated_inputs import has_fixed_elements, only_iterates
from rlmlang.runtime.lazy_rows import LazyRows
from rlmlang.storage.store import Store
from tests.support.places import ROOT

ROW = "class Row:\n    name: str\n    stars: int | None\n\n"

ITERATING = [
    "total = 0\n    for row in rows:\n        total += row.stars or 0\n    return total",
    "return sum(row.stars or 0 for row in rows)",
    "return [row.name for row in rows if row.stars]",
    "return len(rows)",
    "return {row.name: row.stars for row in rows}",
    "return any(row.stars == 3 for row in rows)",
    "return all(row.name for row in rows)",
    "return next((row.name for row in rows if row.stars == 2), '')",
    "return max([row.stars or 0 for row in rows])",
    "found = 0\n    for a in rows:\n        for b in rows:\n            found += a.stars == b.stars\n    return found",
    "return [a.name + b.name for a in rows for b in rows][:5]",
    "best = ''\n    for row in rows:\n        if row.stars == 4:\n            best = row.name\n            break\n    return best",
    "def named():\n        return [row.name for row in rows]\n    return named() + named()",
    "return [CALL('Say', row.name) for row in rows]",
    "said = []\n    for row in rows:\n        said.append(CALL('Say', row.name))\n    return ' '.join(said)",
    "said = ''\n    for row in rows:\n        if CALL('Say', row.name) == 'b!':\n            break\n        said += row.name\n    return said",
    "return len([row for row in rows if CALL('Say', row.name) != 'c!'])",
    "print(len(rows))\n    return [row.name for row in rows]",
    "found = {}\n    for i, row in enumerate(rows):\n        found[row.name] = i\n    return found",
    "return [f'{i} {row.name}' for i, row in enumerate(rows, start=1)]",
    "return [CALL('Say', f'{i} {row.name}') for i, row in enumerate(rows)]",
    "xs = [3, 1]\n    pairs = list(zip(xs, enumerate(xs)))\n    return len(pairs) + max(xs, key=abs) + len(rows)",
]

HOLDING = [
    "return rows[0].name",
    "return [row.name for row in rows[1:]]",
    "kept = rows\n    return len(kept)",
    "rows.append(Row('x', 1))\n    return len(rows)",
    "def first(xs):\n        return xs[0].name\n    return first(rows)",
    "rows = [row for row in rows]\n    return len(rows)",
    "return [row.name for row in sorted(rows, key=lambda row: row.stars or 0)]",
    "return CALL('Say', rows)",
    "return enumerate(rows)[0][0]",
    "return [a.name for a, b in zip(rows, rows)]",
    "def enumerate(xs):\n        return [xs[0].name]\n    return [x for x in enumerate(rows)]",
    "def len(xs):\n        return xs[0].name\n    return len(rows)",
    "return rows == rows",
    "return max(rows, key=lambda row: row.stars or 0).name",
]


def program(body: str) -> rlmlang.Program:
    return rlmlang.compile(f"{ROW}def f(rows: list[Row]):\n    {body}\n")


@pytest.fixture
def model() -> ScriptedModel:
    def reply(request: Request) -> Any:
        return f"{request.arguments[0][1]}!"

    return ScriptedModel(reply)


@pytest.fixture(params=["csv", "jsonl"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(large_files, "LARGE", 10)
    rows: list[tuple[str, int | None]] = [("a", 1), ("b", 2), ("c", None), ("d", 4), ("e", 3)]
    path = tmp_path / f"rows.{request.param}"
    if request.param == "csv":
        path.write_text("name,stars\n" + "".join(f"{name},{stars or ''}\n" for name, stars in rows))
    else:
        path.write_text("".join(json.dumps({"name": name, "stars": stars}) + "\n" for name, stars in rows))
    return path


def not_needed() -> list[Any]:
    raise AssertionError("all rows were read into memory")


@pytest.mark.parametrize("body", ITERATING)
def test_a_program_that_iterates_gives_what_it_gives_for_a_list(body: str, path: Path, model: ScriptedModel) -> None:
    checked = program(body)
    assert only_iterates(checked.checked, "rows")
    rows = read_value(str(path), checked.inputs["rows"], "rows")
    assert isinstance(rows, LazyRows)
    result = checked.run(rows=evolve(rows, whole=not_needed), model=model)
    expected = checked.run(rows=rows.whole(), model=model)
    assert (result.value, result.usage.steps) == (expected.value, expected.usage.steps)
    assert checked.run(rows=rows, model=model).value == result.value


@pytest.mark.parametrize("body", HOLDING)
def test_a_program_that_does_more_is_given_a_list(body: str, path: Path, model: ScriptedModel) -> None:
    checked = program(body)
    assert not only_iterates(checked.checked, "rows")
    rows = read_value(str(path), checked.inputs["rows"], "rows")
    assert isinstance(rows, LazyRows)
    try:
        expected = checked.run(rows=rows.whole(), model=model).value
    except rlmlang.RlmError as error:
        with pytest.raises(type(error)):
            checked.run(rows=rows, model=model)
    else:
        assert checked.run(rows=rows, model=model).value == expected


def test_scripts_and_lines_of_text(path: Path, tmp_path: Path) -> None:
    text = tmp_path / "lines.txt"
    text.write_text("a\nbb\n\nccc\n")
    script = rlmlang.compile("lines: list[str]\nsum(len(line) for line in lines) + len(lines)\n")
    lines = read_value(str(text), script.inputs["lines"], "lines")
    assert isinstance(lines, LazyRows)
    assert script.run(lines=lines).value == 9
    assert script.cost(lines=lines).calls == (0, 0)  # an estimate looks at all of it
    numbers = tmp_path / "numbers.csv"
    numbers.write_text("n\n3\n1\n2\n1000\n")
    for name, expected in (("sum", 1006), ("min", 1), ("max", 1000), ("len", 4)):
        script = rlmlang.compile(f"xs: list[int]\n{name}(xs)\n")
        xs = read_value(str(numbers), script.inputs["xs"], "xs")
        assert isinstance(xs, LazyRows)
        assert script.run(xs=evolve(xs, whole=not_needed)).value == expected
    script = rlmlang.compile("xs: list[int]\n(any(xs), all(xs))\n")
    assert script.run(xs=read_value(str(numbers), script.inputs["xs"], "xs")).value == (True, True)


@pytest.mark.parametrize("form", ["parquet", "arrow", "db", "csv.gz"])
def test_other_forms_are_read_again_too(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_files, "LARGE", 10)
    path = tmp_path / f"rows.{form}"
    columns: dict[str, list[Any]] = {"name": ["a", "b", "c"], "stars": [1, None, 3]}
    if form == "db":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE rows (name, stars)")
            database.executemany("INSERT INTO rows VALUES (?, ?)", zip(*columns.values()))
        database.close()
    elif form == "csv.gz":
        path.write_bytes(gzip.compress(b"name,stars\na,1\nb,\nc,3\n"))
    else:
        table = pyarrow.table(columns)
        feather.write_feather(table, path) if form == "arrow" else parquet.write_table(table, path)
    checked = program(ITERATING[9])
    rows = read_value(str(path), checked.inputs["rows"], "rows")
    assert isinstance(rows, LazyRows)
    assert checked.run(rows=evolve(rows, whole=not_needed)).value == 3


def test_elements_that_can_be_changed_are_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_files, "LARGE", 1)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"tags": ["a"]}\n{"tags": []}\n')
    for declared in ("class Row:\n    tags: list[str]\n\nrows: list[Row]\n", "rows: list[dict[str, list[str]]]\n"):
        checked = rlmlang.compile(f"{declared}len(rows)\n")
        assert not has_fixed_elements(checked.inputs["rows"])
        assert isinstance(read_value(str(path), checked.inputs["rows"], "rows"), list)


def test_rows_that_do_not_fit_are_found_before_anything_runs(path: Path) -> None:
    checked = rlmlang.compile("class Row:\n    name: int\n\nrows: list[Row]\nlen(rows)\n")
    with pytest.raises(rlmlang.UsageError, match=r"(?s)E603.*row 1, column `name`"):
        read_value(str(path), checked.inputs["rows"], "rows")


@pytest.mark.parametrize("body", [ITERATING[0], ITERATING[14]])
def test_a_file_that_has_changed_ends_the_run(body: str, path: Path, model: ScriptedModel) -> None:
    checked = program(body)
    rows = read_value(str(path), checked.inputs["rows"], "rows")
    path.write_text(path.read_text() * 2)
    with pytest.raises(rlmlang.UsageError, match=r"E604.*it has changed while the program read it"):
        checked.run(rows=rows, model=model)


def test_a_file_that_is_removed_ends_the_run(path: Path) -> None:
    rows = read_value(str(path), program(ITERATING[0]).inputs["rows"], "rows")
    path.unlink()
    with pytest.raises(rlmlang.UsageError, match=r"E604.*No such file"):
        program(ITERATING[0]).run(rows=rows)


def test_a_file_that_changes_while_it_is_read_is_an_error(path: Path) -> None:
    rows = read_value(str(path), program(ITERATING[0]).inputs["rows"], "rows")
    assert isinstance(rows, LazyRows)
    reading = iter(rows)
    next(reading)
    path.write_text(path.read_text() * 2)
    with pytest.raises(rlmlang.UsageError, match="E604"):
        list(reading)


def test_the_store_keeps_answers_and_no_run(path: Path, tmp_path: Path, model: ScriptedModel) -> None:
    checked = program(ITERATING[13])
    rows = read_value(str(path), checked.inputs["rows"], "rows")
    place = tmp_path / "answers.db"
    assert checked.run(rows=rows, model=model, store=place).usage.calls == 5
    again = checked.run(rows=rows, model=model, store=place)
    assert (again.value[0], again.usage.calls) == ("a!", 0)
    with Store(place) as store:
        assert store.runs() == []


MEMORY = """
import resource, sys
from rlmlang.cli.commands import run
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
code = run(["run", sys.argv[1], "--input", f"rows=@{sys.argv[2]}", "--no-store", "--max-steps", "10000000000"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.long
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_of_300_mb_takes_little_memory(form: str, tmp_path: Path) -> None:
    path, number = tmp_path / f"rows.{form}", 0
    line: Callable[[int], str] = (
        (lambda i: f"name {i} {'x' * 70},{i % 5}\n")
        if form == "csv"
        else (lambda i: f'{{"name": "name {i} {"x" * 60}", "stars": {i % 5}}}\n')
    )
    with path.open("w") as out:
        out.write("name,stars\n" if form == "csv" else "")
        while out.tell() < 300_000_000:
            for _ in range(10_000):
                out.write(line(number))
                number += 1
    source = tmp_path / "p.rlm"
    source.write_text(f"{ROW}def f(rows: list[Row]) -> int:\n    {ITERATING[0]}\n")
    command = [sys.executable, "-c", MEMORY, str(source), str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1_000)
    assert (ended.returncode, ended.stdout) == (0, f"{sum(i % 5 for i in range(number))}\n"), ended.stderr
    assert int(ended.stderr.splitlines()[-1]) < 60_000  # kB
