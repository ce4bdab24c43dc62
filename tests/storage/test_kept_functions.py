"""Results of functions of the host survive the death of a process, and are not made twice."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from rlmlang.storage import upkeep
from rlmlang.storage.store import Store
from tests.support.places import ROOT

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
