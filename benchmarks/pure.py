"""Measure pure code, side by side in one run: rlmlang, CPython, and pydantic-monty (the extra `bench`).

    python -m benchmarks.pure [--rounds N] [--json] [--only NAME]

All three get the same text, a function program. In each round one after the other runs it once; printed are the medians
over the rounds in nanoseconds a turn, and their ratios. Parsing and checking are not measured; what a run of rlmlang
costs around the program, and what monty takes to answer from its process, is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

import rlmlang
from rlmlang import Limits

LIMITS = Limits(max_steps=1_000_000_000)


@frozen
class Workload:
    """A program `answer(n)`, and how many turns it takes for an `n`."""

    text: str
    n: int
    turns: int


WORKLOADS = {
    "sum of squares": Workload(
        """
def answer(n: int) -> int:
    return sum([x * x for x in range(n)])
""",
        300_000,
        300_000,
    ),
    "string filter": Workload(
        """
def answer(n: int) -> int:
    names = "the quick brown fox jumps over the lazy dog again and then sleeps".split() * n
    return len([name for name in names if len(name) > 3 and "o" in name])
""",
        25_000,
        25_000 * 13,
    ),
    "function in a loop": Workload(
        """
def score(x: int, y: int) -> int:
    z = x * y
    return z + 1

def answer(n: int) -> int:
    total = 0
    for i in range(n):
        total += score(i, 3)
    return total
""",
        200_000,
        200_000,
    ),
    "while": Workload(
        """
def collatz(n: int) -> int:
    turns = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        turns += 1
    return turns

def answer(n: int) -> int:
    total = 0
    for i in range(1, n):
        total += collatz(i)
    return total
""",
        3_000,
        225_839,
    ),
    "dict of counts": Workload(
        """
def answer(n: int) -> int:
    counts = {}
    for word in "the quick brown fox jumps over the lazy dog again and then sleeps".split() * n:
        counts[word] = counts.get(word, 0) + 1
    return counts["the"]
""",
        20_000,
        20_000 * 13,
    ),
    "append in nested loops": Workload(
        """
def answer(n: int) -> int:
    rows = []
    for i in range(n):
        row = []
        for j in range(n):
            if (i + j) % 3 != 0:
                row.append(i * j)
        rows.append(row)
    return len(rows)
""",
        500,
        250_000,
    ),
}

Run = Callable[[int], Any]


def in_rlmlang(workload: Workload) -> Run:
    program = rlmlang.compile(workload.text)
    return lambda n: program.run(limits=LIMITS, n=n).value


def in_python(workload: Workload) -> Run:
    names: dict[str, Any] = {}
    exec(workload.text, names)
    run: Run = names["answer"]
    return run


@contextmanager
def monty() -> Iterator[Callable[[Workload], Run] | None]:
    """Yield what prepares a program for pydantic-monty, or None where it is not installed."""
    try:
        from pydantic_monty import Monty
    except ImportError:
        yield None
        return
    with Monty() as pool, pool.checkout() as session:

        def prepare(workload: Workload) -> Run:
            session.feed_run(workload.text)
            return lambda n: session.feed_run(f"answer({n})")

        yield prepare


def measure(workload: Workload, runs: dict[str, Run], rounds: int) -> dict[str, float]:
    """Return the median nanoseconds a turn of each. All must give the same value."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    expected = runs["CPython"](workload.n)
    for _ in range(rounds):
        for name, run in runs.items():
            begin = time.perf_counter()
            value = run(workload.n)
            times[name].append(time.perf_counter() - begin)
            assert value == expected, f"{name} gives {value}, and CPython {expected}"
    return {name: statistics.median(found) / workload.turns * 1e9 for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of which the median is taken")
    parser.add_argument("--only", default="", help="measure only what has this in its name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    for name, workload in WORKLOADS.items():
        if options.only not in name:
            continue
        with monty() as prepare:
            runs = {"rlmlang": in_rlmlang(workload), "CPython": in_python(workload)}
            if prepare is not None:
                runs["monty"] = prepare(workload)
            found[name] = measure(workload, runs, options.rounds)
    if options.json:
        print(json.dumps(found))
        return
    print(f"{'ns a turn':26}{'rlmlang':>10}{'CPython':>10}{'monty':>10}{'to CPython':>13}{'to monty':>11}")
    for name, times in found.items():
        ours, python, other = times["rlmlang"], times["CPython"], times.get("monty")
        compared = (
            f"{other:>10.0f}{ours / python:>13.2f}{ours / other:>11.2f}"
            if other
            else f"{'-':>10}{ours / python:>13.2f}"
        )
        print(f"{name:26}{ours:>10.0f}{python:>10.0f}{compared}")


if __name__ == "__main__":
    main()
