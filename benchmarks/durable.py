"""Measure what storing a run costs, with a model that answers at once, on SQLite.

    python -m benchmarks.durable [--calls N] [--rounds N] [--million]

Prints medians over the rounds: µs per call without a store, with one, and with one that also has the
trace; calls per second that a replay and a resume of the whole run find in the store; bytes on disk per call.
`--million` runs 1,000,000 calls once, and prints their time and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import sys
import tempfile
from pathlib import Path

import rlmlang
from benchmarks.instant import Instant, seconds
from rlmlang import Limits, Store, Trace
from rlmlang.execution import Options, run_program
from rlmlang.storage import upkeep

GOALS = {"replayed calls a second": (">=", 20_000), "resume of all calls, s per 100,000": ("<=", 10)}
TEXT = 'n: int\nlen([CALL("Sum up", f"the text of item number {i}") for i in range(n)])\n'
LIMITS = Limits(max_calls=None, max_steps=10**9)
MODEL = Instant("The item is described in a few words, as it was asked for.")


def run(n: int, store: Path | None = None, is_recorded: bool = True) -> None:
    options = Options(model=MODEL, store=store, limits=LIMITS, trace=Trace(keep=False), is_recorded=is_recorded)
    asyncio.run(run_program(rlmlang.compile(TEXT).checked, {"n": n}, options))


def measure(n: int) -> dict[str, float]:
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found["without a store, µs a call"] = seconds(lambda: run(n)) / n * 1e6
        found["kept, µs a call"] = seconds(lambda: run(n, store=place / "bare.db", is_recorded=False)) / n * 1e6
        found["kept with the trace, µs a call"] = seconds(lambda: run(n, store=place / "full.db")) / n * 1e6
        for name in ("bare", "full"):
            store = Store(place / f"{name}.db")
            store.db.query("pragma wal_checkpoint(truncate)")
            found[f"bytes on disk a call, {'with' if name == 'full' else 'without'} the trace"] = (
                upkeep.stats(store).disk_bytes / n
            )
            store.close()
        store = Store(place / "full.db")
        (row,) = store.runs()
        found["replayed calls a second"] = n / seconds(lambda: rlmlang.replay(row.id, store=store))
        took = seconds(lambda: rlmlang.resume(row.id, store=store, model=MODEL, trace=Trace(keep=False)))
        found["resume of all calls, s per 100,000"] = took / n * 1e5
        store.close()
    return found


def million() -> None:
    n = 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        took = seconds(lambda: run(n, store=Path(folder) / "store.db"))
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{n:,} calls: {took:.0f} s, {took / n * 1e6:.0f} µs a call, {size / n:.0f} bytes a call, {peak:,.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.million:
        million()
        return
    rounds = [measure(options.calls) for _ in range(options.rounds)]
    medians = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    if options.json:
        json.dump(medians, sys.stdout)
        return
    for name, value in medians.items():
        sign, goal = GOALS.get(name, ("", 0))
        print(f"{name:45}{value:12,.1f}" + (f"   (goal {sign} {goal:,})" if sign else ""))


if __name__ == "__main__":
    main()
