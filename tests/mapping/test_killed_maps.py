"""Maps that are killed again and again: their results are whole and right, and no finished row is run again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from rlmlang.mapping.results_file import read_results
from tests.support.places import ROOT

ROWS = 5_000

MODEL = """\
import os

LOG = os.open("asked.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

async def model(request):
    number = request.arguments[0][1]
    os.write(LOG, f"{number}\\n".encode())
    return f"<{number}>"
"""

SUFFIXES = ("csv", "jsonl", "parquet")


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.long)])
def test_maps_that_are_killed_again_and_again(tmp_path: Path, kills: int) -> None:
    (tmp_path / "program.rlm").write_text('n: int\nCALL("say", n)\n')
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"n": {n}, "name": "row {n}"}}\n' for n in range(ROWS)))
    log, chance, left, number = tmp_path / "asked.log", random.Random(kills), kills, 0
    zygote = subprocess.Popen(
        [sys.executable, "-m", "tests.support.map_zygote"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    with zygote:
        while left:
            out = tmp_path / f"results{number}.{SUFFIXES[number % 3]}"
            part = out.with_name(out.name + ".part")
            number += 1
            args = [
                "map",
                "program.rlm",
                "rows.jsonl",
                "-o",
                out.name,
                "-m",
                "scripted:model.py",
                "--no-store",
                "--resume",
            ]
            status = -9
            while status == -9:
                done = finished(part)
                log.write_text("")
                kill_after = chance.uniform(0.05, 0.6) if left else None
                print(json.dumps({"args": args, "kill_after": kill_after}), file=zygote.stdin, flush=True)
                status = int(zygote.stdout.readline())
                assert done.isdisjoint(map(int, log.read_text().splitlines()))
                assert done <= finished(part) or out.exists()
                left -= status == -9
            assert status == 0
            assert not part.exists()
            assert [(each["row"], each["value"], each["name"]) for each in read_results(str(out))] == [
                (n + 1, f"<{n}>", f"row {n}") for n in range(ROWS)
            ]
        zygote.stdin.close()
    assert not list(tmp_path.glob("*.tmp"))


def finished(part: Path) -> set[int]:
    """The rows whose lines a journal has whole, by what the model is asked for them."""
    if not part.exists():
        return set()
    lines = part.read_bytes().split(b"\n")[:-1]
    return {data["row"] - 1 for line in lines if "row" in (data := json.loads(line))}
