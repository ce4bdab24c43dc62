"""Results files and what is beside them: who may write, what is kept, how far a map is, how scores are made."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rlmlang.calls.budget import Account
from rlmlang.calls.limits import Limits
from rlmlang.cli.map_progress import RowsProgress, shown
from rlmlang.errors import UsageError
from rlmlang.mapping.compare import compare
from rlmlang.mapping.results_file import ResultsFile
from rlmlang.mapping.scoring import Scores, score_of, wilson
from rlmlang.runtime.values import SetValue
from rlmlang.trace.recorder import Trace


def opened(path: Path, **options: bool) -> ResultsFile:
    return ResultsFile(path, {"program": "p"}, **{"resume": True, "overwrite": False, "again": False, **options})


def record(row: int, value: Any = 1, **more: Any) -> dict[str, Any]:
    return {"row": row, "value": value, "error": None, "message": None, "score": None, **more}


def test_only_one_process_writes_results(tmp_path: Path) -> None:
    with opened(tmp_path / "out.jsonl"):
        with pytest.raises(UsageError) as error:
            opened(tmp_path / "out.jsonl")
        assert "another process writes" in str(error.value)
    opened(tmp_path / "out.jsonl").close()


def test_rows_are_done_once_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with opened(path) as results:
        results.add([record(3), record(1, None, error="E400")])
        assert ([number in results for number in range(5)], len(results)) == ([False, True, False, True, False], 2)
    with opened(path, again=True) as results:
        assert (1 in results, 3 in results, len(results)) == (False, True, 1)
        results.add([record(1, "again")])
        assert results.failed == set()
        results.finish(ordered=False)
    assert [line[:20] for line in path.read_text().splitlines()] == ['{"row":3,"value":1,"', '{"row":1,"value":"ag']


def test_a_disk_that_is_full_is_an_error_and_what_was_written_is_kept(tmp_path: Path) -> None:
    with opened(tmp_path / "out.jsonl") as results:
        results.add([record(1)])
        assert results._stream is not None
        results._stream.close()
        results._stream = open("/dev/full", "wb", buffering=0)  # noqa: SIM115 (closed with the results)
        with pytest.raises(UsageError) as error:
            results.add([record(2)])
        assert error.value.first.code == "E612"
    with opened(tmp_path / "out.jsonl") as results:
        assert (1 in results, 2 in results) == (True, False)


def test_how_far_a_map_is() -> None:
    trace = Trace()
    trace.account = Account(Limits())
    trace.usage.cost = Decimal("1.5")
    progress = RowsProgress(trace, 2_000)
    assert progress.line(10.0) == "0 of 2,000 rows · $1.50"
    progress.add(100, 2)
    assert progress.line(20.0) == "100 of 2,000 rows · 3:10 to go · 2 errors · $1.50 · 10.0 a second"
    progress.add(1_900, 0)
    assert "to go" not in progress.line(21.0)
    assert RowsProgress(trace).line(0.0).startswith("0 rows")


def test_the_bar_is_drawn_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with shown("out.csv", progress := RowsProgress(Trace(), 4)):
        progress.add(4, 1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "out.csv" in err
    assert "4 of 4 rows · 1 error" in err


@pytest.mark.parametrize(
    ("value", "expected", "tolerance", "score"),
    [
        ("a", "a", 0, 1), ("a", "A", 0, 0), (1, 1.0, 0, 1), (3.14, 3.1, 0.05, 1), (3.14, 3.1, 0.01, 0),
        ([1, 2], [1, 2], 0, 1), ([2, 1], [1, 2], 0, 0), (None, None, 0, 1),
        (SetValue(["a", "b"]), SetValue(["b", "c"]), 0, 1 / 3), (SetValue(), SetValue(), 0, 1), (SetValue(), SetValue([1]), 0, 0),
    ],
)  # fmt: skip
def test_scores(value: Any, expected: Any, tolerance: float, score: float) -> None:
    assert score_of(value, expected, tolerance) == score


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),
    [(0, 0, 0, 1), (0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (5, 10, 0.2366, 0.7634), (412, 500, 0.7882, 0.8549)],
)
def test_wilsons_interval(right: float, count: int, low: float, high: float) -> None:
    assert wilson(right, count) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_the_worst_rows_are_kept_and_failed_ones_count_as_wrong() -> None:
    scores = Scores("label")
    for row in range(1, 31):
        scores.add(record(row, score=row / 100, label="x"))
    scores.add(record(31, None, error="E400", score=0.0, label="x"))
    scores.add(record(32, score=None, label="x"))
    scores.add(record(33, score=None, label=None))
    assert (scores.count, scores.failed, scores.unscored) == (31, 1, 1)
    assert [each["row"] for each in scores.worst()] == [31, *range(1, 10)]
    assert scores.accuracy == pytest.approx(4.65 / 31)


def test_comparison() -> None:
    before = [
        record(1, "a", score=1.0),
        record(2, "b", score=0.0),
        record(3, "c", score=0.0),
        record(4),
        record(5, "e"),
    ]
    after = [
        record(3, "d", score=1.0), record(1, "b", score=0.0), record(2, "B", score=1.0), record(6),
        record(5, None, error="E400", message="no"),
    ]  # fmt: skip
    found = compare(before, after)
    assert (found.same, found.better, found.worse, found.only_before, found.only_after) == (0, 2, 1, 1, 1)
    assert found.chance == 1.0
    assert found.to_json()["failed"] == 1
    many = [record(row, "a", score=0.0) for row in range(10)], [record(row, "b", score=1.0) for row in range(10)]
    assert compare(*many).chance == pytest.approx(2 / 2**10)
