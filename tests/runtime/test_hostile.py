"""Hostile programs end with a coded error, soon, without a traceback or a model call, and in little memory.

The cases are in `hostile.py`, and `hostile_runs.py` prints the measurements when it is run.
The goal for each is 2 seconds and 500 MB. Time is bounded by a watchdog only, since
the machine that runs the tests may be busy. Programs that run without end have all the steps of a run in the long
profile, and a fifth of them otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tests.support import hostile, hostile_runs

pytestmark = pytest.mark.heavy

CASES = list(hostile.cases())
MEGABYTES = 500


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    """Run each case in a process of its own, and return the reports by name."""
    return reports_of("--few-steps")


@pytest.fixture(scope="module")
def full_reports() -> dict[str, dict[str, Any]]:
    """Do so with all the steps that programs may take."""
    return reports_of()


def reports_of(*options: str) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-W", "error", hostile_runs.__file__, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return {report["name"]: report for report in map(json.loads, done.stdout.splitlines())}


def test_each_case_has_its_own_name() -> None:
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_it_ends_as_it_should(case: hostile.Case, reports: dict[str, dict[str, Any]]) -> None:
    see(case, reports[case.name])


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_it_ends_as_it_should_with_all_its_steps(case: hostile.Case, full_reports: dict[str, dict[str, Any]]) -> None:
    see(case, full_reports[case.name])


def see(case: hostile.Case, report: dict[str, Any]) -> None:
    """Look at the report of a case."""
    assert report["code"] in case.codes, report
    assert report["megabytes"] < MEGABYTES
    if case.reply is None:
        assert report["calls"] == 0
    if report["code"] != "value":
        assert report["shown"] < 100_000  # an error message, not the program once more
