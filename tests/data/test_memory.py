"""Tables that are larger than the memory end with an error, and rows are read one by one."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from rlmlang.data import memory, read_value, rows
from rlmlang.errors import FileUnreadable
from rlmlang.language.types import INT, STR, ListType, RecordType


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A table of 30,000 rows, some 3 MB."""
    path = tmp_path / "table.csv"
    path.write_text("n,text\n" + "".join(f"{n},{'x' * 90}\n" for n in range(30_000)))
    return str(path)


def test_rows_take_no_more_memory_than_a_few_of_them(table: str) -> None:
    next(iter(rows(table)))
    tracemalloc.start()
    count = sum(1 for _ in rows(table))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 30_000
    assert peak < 1_500_000


@pytest.mark.parametrize("expected", [None, ListType(RecordType("Row", (("n", INT),)))])
def test_a_table_that_does_not_fit_is_an_error(table: str, monkeypatch: pytest.MonkeyPatch, expected: ListType) -> None:
    sizes = iter([10**9, 5 * 10**9])
    monkeypatch.setattr(memory, "used", lambda: next(sizes))
    monkeypatch.setattr(memory, "available", lambda: 7 * 10**9)
    with pytest.raises(FileUnreadable) as caught:
        read_value(table, expected)
    assert caught.value.first.message.endswith("10,000 of its rows take 4,000 MB, and 7,000 MB are free")
    assert "rlmlang map" in str(caught.value.first.hint)


def test_a_file_that_does_not_fit_as_a_whole_is_an_error(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 10**7)
    with pytest.raises(FileUnreadable, match="it has more than 2,000,000 bytes, too many to be read as a whole"):
        read_value(table, STR)
    assert sum(1 for _ in rows(table)) == 30_000


def test_the_memory_is_known_here() -> None:
    if Path("/proc/meminfo").exists():
        free, taken = memory.available(), memory.used()
        assert free is not None
        assert taken is not None
        assert free > 0
        assert taken > 10**6
