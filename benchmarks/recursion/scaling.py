"""Measure how calls and tokens grow with the size, with the memo and without.

    python -m benchmarks.recursion scaling [--only search,total] [--again]

The counts are exact (`counting`); `search` and `scan` are also run with nano, which has to make as many calls.
Three curves are fitted to each count: a power of n, a multiple of its logarithm plus a constant, and an exponential;
the closest one, by factor, is reported. `total` adds up a list of numbers as a balanced tree; its number is the
percentage of them that differ (`total 0`: all are equal).
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from attrs import frozen

import rlmlang
from benchmarks.nano.problems import PROBLEMS
from benchmarks.recursion.counting import count
from benchmarks.recursion.shared import load, save, weights
from rlmlang.nano.engine import NanoModel
from rlmlang.runtime.values import Value

HERE = Path(__file__).parent
DRAWS = 3
"""The number of inputs per size, of which the mean is taken."""


@frozen
class Series:
    program: Callable[[], rlmlang.Program]
    inputs: Callable[[random.Random, int], Sequence[Value]]
    sizes: Sequence[int]
    run: bool = False
    """Whether nano runs it as well."""


def _problem(name: str, sizes: Sequence[int]) -> Series:
    return Series(lambda: PROBLEMS[name].compiled(), lambda draw, size: PROBLEMS[name].inputs(draw, size), sizes)


def _total(percent: int) -> Series:
    def inputs(draw: random.Random, size: int) -> Sequence[Value]:
        different = draw.sample(range(10_000, 100_000), max(1, size * percent // 100))
        leaves = [*different, *draw.choices(different, k=size - len(different))]
        draw.shuffle(leaves)
        return (list(map(str, leaves)),)

    return Series(lambda: rlmlang.compile("xs: list[str]\ntotal(xs)"), inputs, [2**k for k in range(1, 11)])


def _document(file: str, sizes: Sequence[int]) -> Series:
    def inputs(draw: random.Random, size: int) -> Sequence[Value]:
        numbers = sorted(draw.sample(range(100_000, 1_000_000), size))
        return "\n".join(map(str, numbers)), str(draw.choice(numbers))

    return Series(lambda: rlmlang.compile((HERE / file).read_text(encoding="utf-8")), inputs, sizes, run=True)


SERIES = {
    "search": _document("search.rlm", [2**k for k in range(1, 15)]),
    "scan": _document("scan.rlm", [2**k for k in range(1, 8)]),
    **{f"total {percent}": _total(percent) for percent in (0, 10, 50, 100)},
    "sort": _problem("sort", [2**k for k in range(1, 10)]),
    "add": _problem("add", [2**k for k in range(1, 11)]),
    "mul": _problem("mul", [2**k for k in range(1, 8)]),
    "modpow": _problem("modpow", (1, 2, 3, 4, 6, 8)),
    "fibonacci": _problem("fibonacci", [2**k for k in range(4, 11)]),
    "lcs": _problem("lcs", (2, 4, 8, 12, 16, 24, 32, 48)),
    "lps": _problem("lps", (2, 4, 8, 16, 24, 32, 48, 64)),
    "knapsack": _problem("knapsack", (2, 4, 6, 8, 10, 12, 14, 16)),
    "matrix_chain": _problem("matrix_chain", (2, 4, 6, 8, 10, 12, 14)),
}
COUNTS = ("calls", "calls_without_memo", "tokens", "tokens_without_memo")


async def measure(name: str) -> dict[str, Any]:
    series, model = SERIES[name], NanoModel()
    program, rows = series.program(), []
    for size in series.sizes:
        draw, drawn = random.Random(f"scaling {name} {size}"), []
        for _ in range(DRAWS):
            inputs = dict(zip(program.inputs, series.inputs(draw, size)))
            value, counter = await count(program, inputs)
            unique, all_ = counter.unique, counter.all
            if series.run:
                result = await program.arun(inputs, model=model)
                assert (result.value, result.usage.calls) == (value, unique.calls), (name, size)
            tokens = (unique.read + unique.written, all_.read + all_.written)
            drawn.append((unique.calls, all_.calls, *tokens, counter.depth))
        means = [fmean(float(each) for each in column) for column in zip(*drawn)]
        rows.append({"size": size} | dict(zip((*COUNTS, "depth"), means)))
        print(name, {key: f"{each:.4g}" for key, each in rows[-1].items()}, flush=True)
    sizes = [row["size"] for row in rows]
    return {"rows": rows, "ran": series.run, "fits": {key: fitted(sizes, [row[key] for row in rows]) for key in COUNTS}}


def fitted(sizes: Sequence[float], counts: Sequence[float]) -> dict[str, Any]:
    """Return the closest of three curves to the larger half of the counts, and its greatest deviation, as a factor."""
    start = min(len(sizes) // 2, max(0, len(sizes) - 4))
    n, y = np.array(sizes[start:], dtype=float), np.array(counts[start:], dtype=float)
    ones = np.ones_like(n)
    curves = []
    for form, base, target in (("power", np.log(n), np.log(y)), ("exponential", n, np.log(y)), ("log", np.log2(n), y)):
        (factor, constant), *_ = np.linalg.lstsq(np.stack([base, ones], 1), target, rcond=None)
        found = factor * base + constant
        off = np.abs(np.log(np.maximum(found, 1)) - np.log(y)) if form == "log" else np.abs(found - target)
        if form != "log" or constant > -1:  # a short piece of any curve resembles a logarithm minus a constant
            curves.append((float(off.max()), form, float(factor), float(constant)))
    off, form, factor, constant = min(curves)
    match form:
        case "power":
            text = f"n^{factor:.2f}"
        case "exponential":
            text = f"{np.exp(factor):.2f}^n"
        case _:
            text = f"{factor:.1f} log₂ n + {max(0, constant):.1f}"
    return {"form": form, "curve": text, "factor": factor, "constant": constant, "off": float(np.exp(off))}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="beginnings of series, separated by commas (default: all)")
    parser.add_argument("--again", action="store_true", help="count anew what was counted")
    options = parser.parse_args(arguments)
    file = load("scaling")
    if file.get("weights") != weights():
        file = {"weights": weights(), "series": {}}
    for name in SERIES:
        needs = name.split()[0] if name.split()[0] not in ("search", "scan") else "compare"
        if needs not in PROBLEMS or (options.only and not name.startswith(tuple(options.only.split(",")))):
            continue
        if options.again or name not in file["series"]:
            file["series"][name] = asyncio.run(measure(name))
            save("scaling", file)
