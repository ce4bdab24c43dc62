"""Measure nano on whole problems, from small ones to those that others report, through the ordinary interpreter.

    python -m benchmarks.recursion sizes [--only add,mul] [--count 200] [--minutes 2] [--largest] [--again]

Nothing is forced: nano writes each program on its own, its answers are the arguments of further calls, and a
problem is right if its value is that of Python. What the same calls would take without the memo is counted
(`counting`), not run: it exceeds 10^17 calls.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from benchmarks.nano.problems import PROBLEMS
from benchmarks.recursion.counting import count
from benchmarks.recursion.shared import load, save, weights, wilson
from rlmlang.models.base import Model
from rlmlang.nano.engine import NanoModel

SIZES = {
    "add": (2, 4, 8, 16, 32, 64, 100, 256, 1000), "sub": (4, 16, 64, 100, 256, 1000),
    "mul": (1, 2, 3, 4, 5, 8, 16, 32, 64), "div": (4, 8, 16, 32), "gcd": (4, 8, 16), "compare": (16, 64, 256),
    "sort": (2, 4, 8, 16, 32, 64, 128),
    "total": (4, 16, 64), "modpow": (2, 4, 8, 16), "fibonacci": (10, 100, 1000),
    "lcs": (2, 4, 8, 16, 32, 48), "lps": (4, 8, 16, 32, 56, 64), "knapsack": (4, 8, 12, 16),
    "matrix_chain": (4, 8, 12, 14), "boolean": (4, 8, 16, 32, 64, 100), "sat": (3, 4, 5, 6, 8, 10),
    "qbf": (4, 6, 8, 10), "zebra": (3, 4, 5),
}  # fmt: skip
"""The sizes of each problem, as its generator in `benchmarks/nano/problems.py` takes them."""

BUDGET = 10_000
"""The number of calls used to say what could be solved without the memo."""


async def measure(model: Model, name: str, size: int, problems: int, minutes: float) -> dict[str, Any]:
    """Measure problems of a size, in sequence, none begun after so many minutes: means, but the largest context."""
    problem, draw = PROBLEMS[name], random.Random(f"recursion {name} {size}")
    program = problem.compiled()
    rows: list[dict[str, Any]] = []
    end = time.monotonic() + 60 * minutes
    while len(rows) < problems and (not rows or time.monotonic() < end):
        inputs = dict(zip(program.inputs, problem.inputs(draw, size)))
        begin = time.perf_counter()
        result = await program.arun(inputs, model=model)
        seconds = time.perf_counter() - begin
        usage, calls = result.usage, result.trace.calls
        _, counted = await count(program, inputs)
        unique = counted.unique
        rows.append({
            "right": result.value == problem.solve(*inputs.values()),
            "as_counted": (usage.calls, usage.prompt_tokens, usage.completion_tokens)
            == (unique.calls, unique.read, unique.written),
            "calls": usage.calls,
            "hits": usage.memo_hits,
            "read": usage.prompt_tokens,
            "written": usage.completion_tokens,
            "context": max((call.prompt_tokens + call.completion_tokens for call in calls), default=0),
            "depth": max((call.level for call in calls), default=0),
            "seconds": seconds,
            "calls_without_memo": counted.all.calls,
            "written_without_memo": counted.all.written,
            "right_within_budget": result.value == problem.solve(*inputs.values()) and counted.all.calls <= BUDGET,
        })  # fmt: skip
    return {"count": len(rows)} | {name: _summary(name, [row[name] for row in rows]) for name in rows[0]}


def _summary(name: str, values: Sequence[Any]) -> Any:
    """Return one number for several problems: their count, maximum or mean."""
    if isinstance(values[0], bool):
        return sum(values)
    return max(values) if name in ("context", "depth") else round(fmean(values), 4)


async def measure_all(names: Sequence[str], problems: int, minutes: float, largest: bool, again: bool) -> None:
    """Measure what is not in the results yet."""
    model = NanoModel()
    for name in names:
        if name not in PROBLEMS:
            print(f"{name}: not among PROBLEMS")
            continue
        file = load(f"sizes-{name}")
        if again or file.get("weights") != weights():
            file = {"weights": weights(), "budget": BUDGET, "sizes": {}}
        for size in SIZES[name][-1:] if largest else SIZES[name]:
            if file["sizes"].get(str(size), {"count": 0})["count"] >= problems:
                continue
            found = await measure(model, name, size, problems, minutes)
            file["sizes"][str(size)] = found
            file["sizes"] = dict(sorted(file["sizes"].items(), key=lambda each: int(each[0])))
            save(f"sizes-{name}", file)
            low, high = wilson(found["right"], found["count"])
            print(
                f"{name} {size}: {found['right']}/{found['count']} right ({low:.1%} to {high:.1%}),"
                f" {found['calls']:,.0f} calls, {found['calls_without_memo']:.3g} without the memo,"
                f" {found['as_counted']} as counted, {found['seconds']:.2f} s",
                flush=True,
            )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="problems, separated by commas (default: all)")
    parser.add_argument("--count", type=int, default=200, help="problems of a size (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no problem of a size after so many")
    parser.add_argument("--largest", action="store_true", help="measure the largest size of each problem alone")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else list(SIZES)
    asyncio.run(measure_all(names, options.count, options.minutes, options.largest, options.again))
