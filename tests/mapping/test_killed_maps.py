"""A map that is killed again and again: its results are whole and right, and no finished row is run again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
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


@pytest.mark.parametrize(
    ("kills", "suffix"),
    [
        (3, "csv"),
        *(pytest.param(count, suffix, marks=pytest.mark.long) for count, suffix in ((20, "jsonl"), (15, "csv"), (15, "parquet"))),
    ],
)  # fmt: skip
def test_a_map_that_is_killed_again_and_again(tmp_path: Path, kills: int, suffix: str) -> None:
    (tmp_path / "program.rlm").write_text('n: int\nCALL("say", n)\n')
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"n": {n}, "name": "row {n}"}}\n' for n in range(ROWS)))
    out, log = tmp_path / f"results.{suffix}", tmp_path / "asked.log"
    part = out.with_name(out.name + ".part")
    args = ["map", "program.rlm", "rows.jsonl", "-o", out.name, "-m", "scripted:model.py", "--no-store", "--resume"]
    zygote = subprocess.Popen(
        [sys.executable, "-m", "tests.support.map_zygote"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    chance, killed, times = random.Random(kills), 0, Counter[bool]()
    with zygote:
        while not out.exists():
            done = finished(part)
            log.write_text("")
            kill_after = chance.uniform(0.02, 2.0 / max(1, kills - killed)) if killed < kills else None
            print(json.dumps({"args": args, "kill_after": kill_after}), file=zygote.stdin, flush=True)
            status = int(zygote.stdout.readline())
            assert status in (0, -9)
            killed += status == -9
            again = done.intersection(map(int, log.read_text().splitlines()))
            assert again == set()
            assert done <= finished(part) or out.exists()
            times[status == 0] += 1
        zygote.stdin.close()
    assert killed >= min(kills, 2)
    results = list(read_results(str(out)))
    assert [(each["row"], each["value"], each["name"]) for each in results] == [
        (n + 1, f"<{n}>", f"row {n}") for n in range(ROWS)
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [
            "program.rlm",
            "model.py",
            "rows.jsonl",
            "asked.log",
            out.name,
            *(["__pycache__"] if (tmp_path / "__pycache__").exists() else []),
        ]
    )


def finished(part: Path) -> set[int]:
    """The rows whose lines a journal has whole, by what the model is asked for them."""
    if not part.exists():
        return set()
    lines = part.read_bytes().split(b"\n")[:-1]
    return {data["row"] - 1 for line in lines if "row" in (data := json.loads(line))}
