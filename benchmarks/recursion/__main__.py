"""Measure how far a small model comes that calls itself, and how far without: all parts of `benchmarks/recursion/`.

    python -m benchmarks.recursion sizes --only add,mul --count 200    # nano, from small problems to large ones
    python -m benchmarks.recursion baselines --seeds 3                 # the same transformer, without recursion
    python -m benchmarks.recursion seeds                               # nano, trained again from other seeds
    python -m benchmarks.recursion scaling                             # calls and tokens against the size
    python -m benchmarks.recursion gym --count 100                     # problems of reasoning-gym, read from their text
    python -m benchmarks.recursion report                              # docs/recursion.md and its figures

Each part writes JSON into `benchmarks/recursion/results/` while it runs, and continues from there as long as the
weights are the same; `--again` measures anew. The report is made from those files alone.
Needs `pip install 'rlmlang[nano]'`; `baselines` and `seeds` also torch, `report` matplotlib==3.11.2,
and `gym` the packages that `benchmarks/recursion/gym.py` lists.
"""

from __future__ import annotations

import sys
from importlib import import_module

PARTS = ("sizes", "baselines", "seeds", "scaling", "gym", "report")

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PARTS:
        sys.exit(f"{__doc__}\nname a part: {', '.join(PARTS)}")
    import_module(f"benchmarks.recursion.{sys.argv[1]}").main(sys.argv[2:])
