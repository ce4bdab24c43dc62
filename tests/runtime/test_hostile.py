"""Hostile programs end with a coded error, soon, without a traceback or a model call, and in little memory.

The cases and the driver are in `hostile.py`, which prints the measurements when it is run.
The goal for each is 2 seconds and 500 MB. Time is bounded by a watchdog only, since
the machine that runs the tests may be busy.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import hostile

pytestmark = pytest.mark.heavy

CASES = list(hostile.cases())
MEGABYTES = 500


@pytest.fixture(scope="module")
def reports() -> Iterator[dict[str, dict[str, Any]]]:
    """Run each case in a process of its own, and return the reports by name."""
    driver = Path(hostile.__file__)
    done = subprocess.run([sys.executable, "-W", "error", str(driver)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    yield {report["name"]: report for report in map(json.loads, done.stdout.splitlines())}


def test_each_case_has_its_own_name() -> None:
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_it_ends_as_it_should(case: hostile.Case, reports: dict[str, dict[str, Any]]) -> None:
    report = reports[case.name]
    assert report["code"] in case.codes, report
    assert report["megabytes"] < MEGABYTES
    if case.reply is None:
        assert report["calls"] == 0
    if report["code"] != "value":
        assert report["shown"] < 100_000  # an error message, not the program once more
