"""Train nano again, from the seed of the shipped weights and from others, to see whether it depends on luck.

    python -m benchmarks.recursion seeds [--seeds 0,1,2] [--count 10] [--folder DIR]

Each training takes some 17 minutes of one core. Then all contexts are swept, and problems of every kind are
solved through the interpreter, in the sizes of `benchmarks/nano/evaluate.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import asdict

from benchmarks.nano import train
from benchmarks.nano.evaluate import SIZES, measure, sweep
from benchmarks.recursion.shared import load, save, weights
from rlmlang.nano.engine import NanoModel


async def measure_seed(folder: Path, problems: int) -> dict[str, Any]:
    model = NanoModel(folder)
    sizes: dict[str, dict[str, Any]] = {}
    wrong = await sweep(model)
    for name, measured in SIZES.items():
        for size in measured:
            found = await measure(model, name, size, problems)
            sizes.setdefault(name, {})[str(size)] = asdict(found)
            print(f"{name} {size}: {found.right}/{found.of}", flush=True)
    return {"wrong": wrong, "sizes": sizes}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0,1,2", help="separated by commas (default: %(default)s)")
    parser.add_argument("--count", type=int, default=10, help="problems of a size (default: %(default)s)")
    parser.add_argument(
        "--folder", type=Path, help="keep the models here, by seed; existing ones are not trained again"
    )
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as temporary:
        for seed in options.seeds.split(","):
            folder = (options.folder or Path(temporary)) / seed
            begin = time.perf_counter()
            if not (folder / "training.json").exists():
                train.train(train.Settings(seed=int(seed)), folder)
            seconds = time.perf_counter() - begin
            training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
            found = asyncio.run(measure_seed(folder, options.count))
            file = load("seeds")
            if file.get("weights") != weights():
                file = {"weights": weights(), "seeds": {}}
            same = weights(folder) == weights()
            file["seeds"][seed] = {"seconds": round(seconds), "shipped": same, "log": training["log"]} | found
            save("seeds", file)
