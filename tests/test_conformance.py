"""The conformance suite: cases as data (tests/conformance/README.md), and what they must cover."""

from __future__ import annotations

import builtins
import dataclasses
import json
import re
import tomllib
from collections import Counter
from typing import Any

import pytest

from rlmlang.errors import CODES, UsageError
from rlmlang.language.builtins import BUILTINS, METHODS
from rlmlang.runtime.values import key_text
from rlmlang.testing.conformance import run_case
from tests.support import oracle
from tests.support.places import CONFORMANCE

FOLDER = CONFORMANCE


def plain(data: Any) -> Any:
    """The JSON data that TOML stands for: `{ json = TEXT }` is what TEXT says."""
    if isinstance(data, dict):
        return json.loads(data["json"]) if list(data) == ["json"] else {k: plain(v) for k, v in data.items()}
    return [plain(item) for item in data] if isinstance(data, list) else data


def load() -> list[tuple[str, dict[str, Any]]]:
    """Every case with its identifier, `folder/file: name`."""
    return [
        (f"{path.relative_to(FOLDER).with_suffix('')}: {case['name']}", plain(case))
        for path in sorted(FOLDER.glob("*/*.toml"))
        for case in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    ]


CASES = load()
BY_ID = dict(CASES)


@pytest.mark.parametrize("identifier", BY_ID)
def test_case(identifier: str) -> None:
    case = dict(BY_ID[identifier])
    expected = case.pop("expect")
    found = run_case(case)
    if "error" in expected:
        assert "error" in found, found
        assert found["error"] | expected["error"] == found["error"]
        return
    assert "error" not in found, found
    compared = {"calls": 0} | expected
    if "cost" in compared:
        found["cost"] = {name: found["cost"][name] for name in compared["cost"]}
    # as JSON text, which tells 1 from 1.0 and true, and one order of keys from another
    for name in ("value", "type", "calls", "cost"):
        assert json.dumps(found.get(name)) == json.dumps(compared.get(name))


def test_each_case_has_its_own_name() -> None:
    repeated = [name for name, count in Counter(case["name"] for _, case in CASES).items() if count > 1]
    assert repeated == []


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 2_100


# What no program and no scripted model can bring about, and why.
OUT_OF_REACH = {
    "E101": "takes a program of more than 100,000 characters (tests/language/test_parser.py)",
    "E300": "tells of a fault of the implementation or an interruption by the user",
    "E509": "money; a scripted model costs none (tests/calls/test_budget.py)",
    "E604": "names a file that cannot be read; a case holds its program",
    "E605": "names a model; a case holds its own",
    "E606": "the store; cases run without one",
    "E607": "wrong options; a case that is none is an error of its author",
    "E608": "the price of a model; a case holds its own, which costs none",
    "E407": "a model that cannot be loaded; a case holds its own",
    "E410": "tells of a replay (tests/storage/test_runs.py)",
    "E609": "tells of a trace (tests/trace/test_log.py)",
    "E612": "tells of files that cannot be written (tests/cli/test_machines.py)",
    "E611": "tells of Python types (tests/test_structuring.py)",
    "E610": "tells of runs in the store (tests/storage/test_runs.py)",
    "E614": "tells of a cluster of Ray",
    "E408": "raised where an engine of this process is held to a constraint",
    "E314": "takes time; a scripted function answers at once (tests/calls/test_functions_of_the_host.py)",
    "E409": "tells of a server; a case has none (tests/models/test_faults.py)",
    "E316": "tells of rows of a data set (tests/mapping/test_mapped_rows.py)",
    "E512": "tells of rows of a data set (tests/mapping/test_mapped_rows.py)",
    **dict.fromkeys(
        (f"E70{digit}" for digit in range(10)), "tells of a request to a server (tests/serving/test_requests.py)"
    ),
}


def test_every_code_has_a_case() -> None:
    covered = {case["expect"]["error"]["code"] for _, case in CASES if "error" in case["expect"]}
    assert covered | set(OUT_OF_REACH) == set(CODES)
    assert not covered & set(OUT_OF_REACH)


def test_every_builtin_has_cases() -> None:
    """At least two programs use each function and each method."""
    programs = [case["program"] for _, case in CASES]
    for name in BUILTINS:
        assert sum(bool(re.search(rf"(?<![.\w]){name}\b", text)) for text in programs) >= 2, name
    for methods in METHODS.values():
        for name in methods:
            assert any(f".{name}(" in text for text in programs), name


# Against CPython -----------------------------------------------------------------

PYTHON = frozenset({*dir(builtins), "reduce"})
_ADDED = re.compile(rf"CALL|\b({'|'.join(name for name in BUILTINS if name not in PYTHON)})\(")


def native(value: Any) -> Any:
    """CPython's value as JSON data."""
    if dataclasses.is_dataclass(value):
        return {field.name: native(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [native(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return [native(item) for item in sorted(value)]
    return {key_text(key): native(item) for key, item in value.items()} if isinstance(value, dict) else value


PURE = [
    identifier
    for identifier, case in CASES
    if "value" in case["expect"] and identifier.startswith("run/") and not _ADDED.search(case["program"])
    and ": P\n" not in case["program"]
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("identifier", PURE)
def test_pure_cases_are_what_python_says(identifier: str) -> None:
    case = BY_ID[identifier]
    found = native(oracle.evaluate(case["program"], case.get("inputs", {})))
    assert json.dumps(found) == json.dumps(case["expect"]["value"])


def test_most_pure_cases_are_compared() -> None:
    assert len(PURE) >= 300


# Cases that are none -------------------------------------------------------------


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"program": 3},
        {"program": "1", "colour": "red"},
        {"program": "1", "limits": {"max_fun": 3}},
        {"program": "1", "model": ["yes"]},
    ],
)
def test_not_a_case(case: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        run_case(case)
    assert caught.value.first.code == "E607"
