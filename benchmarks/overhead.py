"""Measure what rlmlang itself costs, with a model that answers at once.

    python -m benchmarks.overhead [--rounds N] [--json]

Prints medians over the rounds: µs per leaf call, per memo hit in memory and from SQLite,
a program of 100,000 calls (time and peak memory), and parse + check per KB of source. Times are of the processor, and
so other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import rlmlang
from benchmarks.instant import Instant, processor_seconds
from rlmlang import Limits
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.storage.store import Store

GOALS = {
    "leaf call, µs": 30,
    "memo hit in memory, µs": 10,
    "memo hit from SQLite, µs": 60,
    "100,000 calls, s": 8,
    "peak memory a call, KB": 2,
}
LIMITS = Limits(max_calls=None, max_steps=100_000_000)
N = 20_000


def run(text: str, n: int, store: Store | None = None) -> rlmlang.Result:
    return rlmlang.compile(text).run(model=Instant(), limits=LIMITS, store=store, n=n)


CALLS = 'n: int\nlen([CALL("x", i) for i in range(n)])\n'
NOTHING = "n: int\nlen([i % 2 for i in range(n)])\n"


def leaf_call() -> float:
    return (processor_seconds(lambda: run(CALLS, N)) - processor_seconds(lambda: run(NOTHING, N))) / N * 1e6


def memo_hit() -> float:
    """Return the µs for one of many equal calls, with the iteration around it."""
    text = 'n: int\nlen([CALL("x", i % 2) for i in range(n)])\n'
    return processor_seconds(lambda: run(text, N)) / N * 1e6


def store_hit() -> float:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.db")
        run(CALLS, N, store)
        took = processor_seconds(lambda: run(CALLS, N, store)) - processor_seconds(lambda: run(NOTHING, N, store))
        store.close()
    return took / N * 1e6


def many_calls() -> float:
    return processor_seconds(lambda: run(CALLS, 100_000))


def memory() -> float:
    n = 20_000
    tracemalloc.start()
    run(CALLS, n)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / n / 1024


def parse_and_check() -> float:
    block = Path(__file__).with_name("program.rlm").read_text(encoding="utf-8")
    check(Source(block))
    return processor_seconds(lambda: check(Source(block))) * 1e6 / (len(block) / 1024)


MEASURES: dict[str, Callable[[], float]] = {
    "leaf call, µs": leaf_call,
    "memo hit in memory, µs": memo_hit,
    "memo hit from SQLite, µs": store_hit,
    "100,000 calls, s": many_calls,
    "peak memory a call, KB": memory,
    "parse + check a KB, µs": parse_and_check,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median is taken")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found: dict[str, float] = {}
    for name, measure in MEASURES.items():
        if sys.stderr.isatty():
            print(f"\r\033[K{name} …", end="", file=sys.stderr, flush=True)
        found[name] = statistics.median(measure() for _ in range(options.rounds))
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if options.json:
        print(json.dumps(found))
        return
    print(f"{'':28}{'median':>10}{'goal':>8}")
    for name, value in found.items():
        goal = GOALS.get(name)
        print(f"{name:28}{value:>10.1f}{'' if goal is None else f'≤ {goal}':>8}")


if __name__ == "__main__":
    asyncio.run(asyncio.sleep(0))  # the first event loop of a process is not measured
    main()
