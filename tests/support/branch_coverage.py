"""Branch coverage of chosen modules: `branch_coverage.py COVERAGE.json FLOOR MODULE…`.

A module stands for `rlmlang/MODULE.py`, or for all files of the package `rlmlang/MODULE/`.
Prints a table; the exit code is 1 if one is below the floor.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(report: str, floor: str, *modules: str) -> int:
    files = json.loads(Path(report).read_text())["files"]
    low = False
    print("branch coverage")
    for module in modules:
        parts = [
            file["summary"]
            for name, file in files.items()
            if name == f"rlmlang/{module}.py" or name.startswith(f"rlmlang/{module}/")
        ]
        branches = sum(part["num_branches"] for part in parts)
        covered = sum(part["covered_branches"] for part in parts)
        percent = 100 * covered / branches
        low = low or percent < float(floor)
        print(f"  {module:10} {percent:6.2f} %  ({covered} of {branches})")
    if low:
        print(f"below the floor of {floor} %")
    return int(low)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
