"""Measure what a row of a data set costs besides its calls, with a model that answers at once.

    python -m benchmarks.map [--rows N] [--json]

Prints the µs of processor time a row above those of as many calls in one program, in Python and by the command line
with its results file, and the most memory that a process of its own has taken.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import rlmlang
from benchmarks.instant import Instant

GOALS = {"row above its call, µs": 100, "row of the command above its call, µs": 100, "peak memory, MB": 300}

PROGRAM = rlmlang.compile('text: str\nCALL("Which?", text)\n', "program.rlm")
CALLS = rlmlang.compile('n: int\nlen([CALL("Which?", f"text {i}") for i in range(n)])\n')
MODEL = 'async def model(request):\n    return "ok"\n'


def rows(count: int) -> Iterator[dict[str, Any]]:
    """Yield rows with a text and columns that no input has."""
    return ({"text": f"text {i}", "id": i, "label": "ok"} for i in range(count))


def took(work: Any) -> float:
    """Return the processor time that something takes."""
    begin = process_time()
    work()
    return process_time() - begin


def of_calls(count: int, model: Any) -> float:
    """Return the time of as many calls in one program."""
    limits = rlmlang.Limits(max_calls=None, max_steps=100_000_000)
    return took(lambda: CALLS.run(model=model, limits=limits, n=count))


def of_rows(count: int) -> float:
    """Return the µs of a row, without its call."""
    mapped = took(lambda: [None for _ in PROGRAM.map(rows(count), model=Instant())])
    return (mapped - of_calls(count, Instant())) / count * 1e6


def of_command(count: int) -> tuple[float, float]:
    """Return the µs of a row from a file to a file, without its call, and the most memory in MB."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "program.rlm").write_text(PROGRAM.source.text)
        (place / "model.py").write_text(MODEL)
        with open(place / "rows.jsonl", "w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows(count))
        args = ["map", "program.rlm", "rows.jsonl", "-o", "out.jsonl", "-m", "scripted:model.py", "--no-store", "-q"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "rlmlang", *args], cwd=folder, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with rlmlang.open_model(f"scripted:{place / 'model.py'}") as model:
            calls = of_calls(count, model)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (seconds - calls) / count * 1e6, after.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    command, memory = of_command(options.rows)
    found = dict(zip(GOALS, (of_rows(options.rows), command, memory)))
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:40}{value:>10.1f}{f'≤ {GOALS[name]}':>8}")


if __name__ == "__main__":
    main()
