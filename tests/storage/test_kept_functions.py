"""Results of functions of the host survive the death of a process, and are not made twice."""

from __future__ import annotations

import functools
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.storage import upkeep
from rlmlang.storage.store import Store
from tests.support.command_line import Run, run
from tests.support.places import ROOT

__all__ = ["run"]

pytestmark = pytest.mark.heavy

CHILD = """
import os, signal, sys, threading, time
import rlmlang

store, log, n, after, resumes = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5] == "yes"
written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def square(i: int) -> int:
    os.write(written, f"{i}\\n".encode())
    time.sleep(0.002)
    return i * i

if after:
    threading.Timer(after, os.kill, (os.getpid(), signal.SIGKILL)).start()
functions = {"square": square}
if resumes:
    result = rlmlang.resume(store=store, functions=functions)
else:
    program = rlmlang.compile("n: int\\ndef square(i: int) -> int: ...\\nsum(square(i) for i in range(n))")
    result = program.run(n=n, functions=functions, store=store, limits={"max_function_calls": None})
print(result.value)
os._exit(0)
"""


def kept(place: Path) -> set[int]:
    """Return the results in a store, none of which may be damaged."""
    with Store(place) as store:
        assert upkeep.verify(store) == []
        lines = [json.loads(line) for line in upkeep.export(store)]
    return {line["value"] for line in lines if line["kind"] == "answer"}


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.long)])
def test_no_result_that_was_kept_is_made_again_however_often_the_process_is_killed(tmp_path: Path, kills: int) -> None:
    store, n, chance = tmp_path / "store.db", 600, random.Random(kills)
    known: set[int] = set()
    for attempt in range(kills + 1):
        log = tmp_path / f"log{attempt}"
        after = str(chance.uniform(0.01, 0.1)) if attempt < kills else "0"
        begun = "yes" if store.exists() and has_run(store) else "no"
        arguments = [sys.executable, "-c", CHILD, str(store), str(log), str(n), after, begun]
        found = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
        called = {int(line) ** 2 for line in log.read_text().split()} if log.exists() else set()
        assert known.isdisjoint(called)
        if found.returncode == 0:
            assert int(found.stdout) == sum(i * i for i in range(n))
            break
        assert found.returncode == -9, found.stderr
        before, known = known, kept(store)
        assert before <= known
    assert kept(store) == {i * i for i in range(n)}


def has_run(place: Path) -> bool:
    with Store(place) as store:
        return bool(store.runs())


FILE = "def {name}(i: int) -> int:\n    return i * {factor}\n"


def test_an_edited_file_of_functions_is_called_again(run: Run) -> None:
    Path("p.rlm").write_text("def f(i: int) -> int: ...\n[f(1), f(2)]\n")

    def calls(text: str) -> tuple[Any, int]:
        Path("own.py").write_text(text)
        found = json.loads(run("run", "p.rlm", "--functions", "own.py", "--json")[1])
        return found["value"], found["usage"]["function_calls"]

    assert calls(FILE.format(name="f", factor=2)) == ([2, 4], 2)
    assert calls(FILE.format(name="f", factor=2)) == ([2, 4], 0)
    assert calls("# another place\n\n" + FILE.format(name="f", factor=2)) == ([2, 4], 0)
    assert calls(FILE.format(name="f", factor=30)) == ([30, 60], 2)
    fixed = "import rlmlang\n@rlmlang.function(version='7')\n"
    assert calls(fixed + FILE.format(name="f", factor=5)) == ([5, 10], 2)
    assert calls(fixed + FILE.format(name="f", factor=6)) == ([5, 10], 0), "a version that is given counts alone"


def versions(*functions: Any) -> set[str]:
    return {rlmlang.function(each).version for each in functions}


def double(i: int) -> int:
    return 2 * i


def test_the_version_of_a_function_is_made_of_its_source() -> None:
    class Doubling:
        def __call__(self, i: int) -> int:
            return 2 * i

    @functools.wraps(double)
    def wrapped(i: int) -> int:
        return double(i)

    own = versions(double)
    assert versions(wrapped, functools.partial(double), functools.partial(functools.partial(double), 1)) == own
    assert len(versions(double, Doubling(), Doubling().__call__, lambda i: 2 * i)) == 3
    assert rlmlang.function(version="2")(double).version == "2"


def test_a_function_without_source_has_the_first_version() -> None:
    namespace: dict[str, Any] = {}
    exec("def typed(i): return i", namespace)
    assert versions(namespace["typed"], len, str.upper, functools.partial(len)) == {"1"}
