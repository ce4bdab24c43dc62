"""Rows are read in a thread, in order, a bounded number ahead, and no call waits for a slow disk."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rlmlang
from rlmlang.data.tables import Table
from rlmlang.mapping.read_ahead import AHEAD, ReadAhead


def taken(elements: Iterator[Any], at_once: int = 1) -> list[Any]:
    async def main() -> list[Any]:
        reading, found = ReadAhead(elements), list[Any]()

        async def take() -> None:
            while (element := await reading.next()) is not None:
                found.append(element)
                if element % 7 == 0:
                    await asyncio.sleep(0)

        await asyncio.gather(*(take() for _ in range(at_once)))
        return found

    return asyncio.run(main())


@pytest.mark.parametrize("at_once", [1, 16])
@pytest.mark.parametrize("count", [0, 1, AHEAD - 1, AHEAD, AHEAD + 1, 5_000])
def test_all_come_in_order(count: int, at_once: int) -> None:
    assert taken(iter(range(1, count + 1)), at_once) == [*range(1, count + 1)]


def test_what_the_iterator_raises_comes_after_all_before_it() -> None:
    def elements() -> Iterator[int]:
        yield from range(1, 500)
        raise ValueError("broken")

    async def main() -> int:
        reading, last = ReadAhead(elements()), 0
        try:
            while (element := await reading.next()) is not None:
                last = element
        except ValueError:
            return last
        return 0

    assert asyncio.run(main()) == 499


def test_it_is_only_so_many_ahead_and_ends_when_it_is_closed() -> None:
    read: list[int] = []

    def elements() -> Iterator[int]:
        for number in range(1, 1_000_000):
            read.append(number)
            yield number

    async def main() -> threading.Thread:
        reading = ReadAhead(elements())
        assert await reading.next() == 1
        await asyncio.sleep(0.05)
        assert len(read) <= AHEAD + 2
        reading.close()
        return reading._thread

    thread = asyncio.run(main())
    thread.join(60)
    assert not thread.is_alive()
    assert len(read) <= AHEAD + 2


def test_calls_go_on_while_a_row_is_slow() -> None:
    """The second row comes only when the call of the first has ended."""
    answered = threading.Event()

    def begin() -> Iterator[dict[str, Any]]:
        yield {"text": "a"}
        if threading.current_thread() is not threading.main_thread():
            assert answered.wait(60)
        for number in range(20):
            yield {"text": f"b{number}"}

    async def model(messages: Any) -> str:
        await asyncio.sleep(0.01)
        answered.set()
        return "yes"

    # the first rows are looked at before anything runs
    def rows() -> Iterator[dict[str, Any]]:
        yield from ({"text": f"first {number}"} for number in range(10))
        yield from begin()

    program = rlmlang.compile("text: str\nCALL('Is it?', text)\n")
    results = list(program.map(Table("rows", rows, ("text",)), model=model))
    assert [result.value for result in results] == ["yes"] * 31


def test_rows_that_python_gives_are_taken_where_they_are() -> None:
    threads = set()

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(30):
            threads.add(threading.current_thread())
            yield {"text": str(number)}

    program = rlmlang.compile("text: str\ntext\n")
    assert len(list(program.map(rows()))) == 30
    assert threads == {threading.main_thread()}


def test_a_file_that_breaks_later_ends_the_map(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n' * 50 + "nonsense\n")
    program = rlmlang.compile("text: str\ntext\n")
    results = iter(program.map(str(path)))
    assert [next(results).value for _ in range(50)] == ["a"] * 50
    with pytest.raises(rlmlang.UsageError, match=r"E603.*line 51"):
        next(results)


def test_a_map_that_is_left_ends_its_thread(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n' * 5_000)
    for result in rlmlang.compile("text: str\ntext\n").map(str(path)):
        assert result.value == "a"
        break
    end = time.monotonic() + 60
    while any(thread.name == "rlmlang-rows" for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)
