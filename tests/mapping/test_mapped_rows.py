"""`Program.map`: rows bound to inputs, run on one memo and one budget, each failing on its own."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

import rlmlang
from rlmlang.errors import (
    CallsExhausted,
    InputMismatch,
    InvalidOption,
    MissingInput,
    MissingModel,
    ModelError,
    MoneyExhausted,
    ProgramError,
    RlmError,
    RunError,
    ServerUnavailable,
    StepsExhausted,
    TimeExhausted,
    UnknownInput,
)
from rlmlang.mapping.rows import RowResult
from rlmlang.models.base import Request
from tests.support import virtual
from tests.support.fakes import Fake

ASK = rlmlang.compile('text: str\nquestion: str = "What?"\nCALL(question, text)\n')


def upper(request: Request) -> str:
    return str(request.arguments[0][1]).upper()


def texts(*found: str) -> list[dict[str, Any]]:
    return [{"text": each} for each in found]


def values(rows: list[RowResult]) -> list[Any]:
    return [row.value if row.error is None else row.error.first.code for row in rows]


def test_rows_come_in_order_with_what_they_took() -> None:
    model = Fake(upper)
    rows = list(ASK.map(texts("a", "b", "c"), model=model))
    assert [(row.number, row.value, row.row["text"]) for row in rows] == [(1, "A", "a"), (2, "B", "b"), (3, "C", "c")]
    assert [row.usage.calls for row in rows] == [1, 1, 1]
    assert all(row.usage.prompt_tokens > 0 and row.usage.seconds >= 0 for row in rows)


def test_columns_are_inputs_and_others_are_kept_aside() -> None:
    rows = [{"id": 7, "text": "a", "question": "in the row"}]
    (row,) = ASK.map(rows, model=Fake(lambda request: request.instruction), question="for all")
    assert row.value == "for all"
    assert row.row == rows[0]
    (row,) = ASK.map(rows, model=Fake(lambda request: request.instruction))
    assert row.value == "in the row"


def test_a_column_is_found_by_the_name_that_a_field_would_have() -> None:
    program = rlmlang.compile(
        "def answer(review_text: str, number_of_stars: int) -> str:\n    return review_text * number_of_stars\n"
    )
    (row,) = program.map([{"Review text": "ab", "Number of stars": 2}])
    assert row.value == "abab"


@pytest.mark.parametrize(
    ("rows", "given", "kind", "message"),
    [
        (texts("a"), {"txet": "x"}, UnknownInput, "no input `txet`"),
        ([{"body": "a", "id": 1}], {}, MissingInput, "no column is the input `text: str`; there are body, id"),
        (texts("a"), {"question": 3}, InputMismatch, "`question` is 3, not str"),
        ([{"text": 5}, {"text": 6}], {}, InputMismatch, "5, not str"),
        ({"text": "a"}, {}, InvalidOption, "rows are several rows"),
        ([5], {}, InputMismatch, "a row is 5"),
    ],
)
def test_what_does_not_fit_is_one_error_before_anything_runs(
    rows: Any, given: dict[str, Any], kind: type[RlmError], message: str
) -> None:
    model = Fake(upper)
    with pytest.raises(kind) as error:
        ASK.map(rows, given, model=model)
    assert message in str(error.value)
    assert model.requests == []


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.yaml"])
def test_an_input_with_a_default_has_the_value_of_each_row_that_has_one(name: str, tmp_path: Path) -> None:
    found = [{}, {"n": 1}, *[{"n": 2, "Mark ": "!"}] * 10, {"n": 3, "more": "?"}]
    program = rlmlang.compile("def f(n: int, mark: str = '.', more: str = '') -> str:\n    return mark * n + more\n")
    path = tmp_path / name
    path.write_text("\n".join(map(json.dumps, found)) if path.suffix == ".jsonl" else json.dumps(found))
    for rows in (found, str(path)):
        assert [each.value for each in program.map(rows)] == [None, ".", *["!!"] * 10, "...?"]


def test_a_row_that_does_not_fit_fails_alone() -> None:
    rows = [{"text": "a"}, {"text": 5}, {"other": 1}, {"text": "d"}]
    assert values(list(ASK.map(rows, model=Fake(upper)))) == ["A", "E603", "E601", "D"]


def test_cells_of_text_are_read_as_their_inputs_declare(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("n,flag,note\n3,yes,\n4,no,x\n")
    program = rlmlang.compile("n: int\nflag: bool\nnote: str | None\n(n + 1, flag, note)\n")
    assert values(list(program.map(str(table)))) == [(4, True, None), (5, False, "x")]


@frozen
class Ticket:
    text: str


def test_rows_may_be_objects_with_fields_and_a_generator() -> None:
    def rows() -> Iterator[Ticket]:
        yield Ticket("a")
        yield Ticket("b")

    assert values(list(ASK.map(rows(), model=Fake(upper)))) == ["A", "B"]


def test_a_program_without_types_is_checked_for_those_of_each_row() -> None:
    program = rlmlang.compile("def answer(a, b):\n    return a + b\n")
    rows = [{"a": 1, "b": 2}, {"a": "x", "b": "y"}, {"a": 1, "b": "y"}, {"a": [1], "b": [2]}]
    assert values(list(program.map(rows))) == [3, "xy", "E212", [1, 2]]
    with pytest.raises(ProgramError):
        program.map([{"a": 1, "b": "y"}])


def test_a_row_does_not_see_what_another_changed() -> None:
    program = rlmlang.compile("n: int\nseen: list[int] = []\nseen.append(n)\nseen\n")
    assert values(list(program.map([{"n": 1}, {"n": 2}]))) == [[1], [2]]
    assert values(list(program.map([{"n": 1}, {"n": 2}], seen=[0]))) == [[0, 1], [0, 2]]


def test_equal_calls_of_rows_are_one() -> None:
    model = Fake(upper)
    rows = list(ASK.map(texts("a", "b", "a", "a"), model=model))
    assert values(rows) == ["A", "B", "A", "A"]
    assert len(model.requests) == 2
    assert sum(row.usage.calls for row in rows) == 2
    assert sum(row.usage.memo_hits for row in rows) == 2
    assert len(list(ASK.map(texts("a", "a"), model=(plain := Fake(upper)), memo=False))) == len(plain.requests) == 2


def test_a_store_answers_rows_of_an_earlier_map(tmp_path: Path) -> None:
    for asked in (2, 0):
        model = Fake(upper)
        assert values(list(ASK.map(texts("a", "b"), model=model, store=tmp_path / "s.db"))) == ["A", "B"]
        assert len(model.requests) == asked


class Waits(Fake):
    """A model that lets each text wait until the one after it is answered."""

    def __init__(self, rows: int) -> None:
        super().__init__(upper, concurrency=16)
        self.answered = [asyncio.Event() for _ in range(rows)]

    async def wait(self, request: Request) -> None:
        number = int(request.arguments[0][1])
        for later in self.answered[number + 1 : number + 2]:
            await later.wait()
        self.answered[number].set()


def test_rows_come_in_order_or_as_they_end() -> None:
    rows = texts(*map(str, range(12)))
    in_order = [row.number for row in ASK.map(rows, model=Waits(12))]
    as_ended = [row.number for row in ASK.map(rows, model=Waits(12), ordered=False)]
    assert in_order == [*range(1, 13)]
    assert as_ended == in_order[::-1]


def test_only_a_window_of_rows_is_read_ahead() -> None:
    read = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal read
        for number in range(1000):
            read = number + 1
            yield {"text": str(number)}

    for taken, _ in enumerate(ASK.map(rows(), model=Fake(upper), rows_at_once=4), 1):
        assert read - taken <= 4 * 4 + 1 + 10  # those that are looked at before
        if taken == 200:
            break


def test_a_limit_of_all_rows_ends_them() -> None:
    model = Fake(upper)
    found: list[RowResult] = []
    with pytest.raises(CallsExhausted):
        found.extend(ASK.map(texts(*"abcdef"), model=model, limits={"max_calls": 3}))
    assert values(found) == ["A", "B", "C"]  # what is paid for is not lost
    assert len(model.requests) == 3


def test_rows_behind_one_that_ends_the_map_come_in_order() -> None:
    def answer(request: Request) -> Any:
        text = str(request.arguments[0][1])
        return ModelError.of("E409", "the server is down") if text == "b" else text.upper()

    found: list[RowResult] = []
    rows = ({"text": each} for each in "abcdefghijklmnopqrstuvwxyz" * 20)
    with pytest.raises(ServerUnavailable):
        found.extend(ASK.map(rows, model=Fake(answer, concurrency=2), rows_at_once=4))
    numbers = [row.number for row in found]
    assert 1 in numbers
    assert 2 not in numbers
    assert numbers == sorted(numbers)
    assert len(numbers) < 20


def test_money_and_time_of_all_rows_are_limited() -> None:
    prices = {"fake": rlmlang.Price(input=1000, output=1000)}
    with pytest.raises(MoneyExhausted):
        list(
            ASK.map(
                texts(*"abcdef"), model=Fake(upper), limits={"max_cost": 0.08, "max_answer_tokens": 20}, prices=prices
            )
        )

    class Slow(Fake):
        async def wait(self, request: Request) -> None:
            await asyncio.sleep(0.2)

    with pytest.raises(TimeExhausted):
        list(ASK.map(texts(*"abcdef"), model=Slow(upper, concurrency=1), limits={"max_seconds": 0.3}))


def test_a_limit_of_rows_ends_only_those_that_exceed_it() -> None:
    program = rlmlang.compile('n: int\nlen([CALL("x", i) for i in range(n)])\n')
    rows = [{"n": 2}, {"n": 9}, {"n": 3}]
    found = list(program.map(rows, model=Fake(lambda _: "a"), row_limits={"max_calls": 4}, memo=False))
    assert values(found) == [2, "E512", 3]
    assert "row 2: 4 of 4 calls are used" in str(found[1].error)
    slow = rlmlang.compile("n: int\ntotal = 0\nwhile total < n:\n    total += 1\ntotal\n")
    found = list(slow.map([{"n": 5}, {"n": 10**6}], row_limits={"max_steps": 10_000}))
    assert values(found) == [5, "E506"]
    assert isinstance(found[1].error, StepsExhausted)


def test_a_row_that_takes_too_long_fails_alone() -> None:
    class Sticks(Fake):
        async def wait(self, request: Request) -> None:
            await asyncio.sleep(30 if "slow" in request.arguments[0][1] else 0)

    async def rows() -> list[RowResult]:
        limits = {"max_seconds": 20}
        return [row async for row in ASK.map(texts("a", "slow", "c"), model=Sticks(upper), row_limits=limits)]

    assert values(virtual.run(rows())) == ["A", "E512", "C"]


def test_a_row_is_not_ended_by_the_limit_of_another_that_makes_an_equal_call() -> None:
    """The first row asks for what both need, and may not: its own calls come before it in the queue."""
    program = rlmlang.compile(
        'n: int\nfirst = [CALL("own", n, i) for i in range(n)]\nlen(first) + len(CALL("shared", 0))\n'
    )

    async def answer(request: Request) -> str:
        await asyncio.sleep(0.01)
        return "xx"

    rows = [{"n": 5}, {"n": 1}, {"n": 0}]
    found = list(program.map(rows, model=Fake(answer, concurrency=1), row_limits={"max_calls": 5}))
    assert values(found) == ["E512", 3, 2]


def test_failed_rows_have_errors_and_too_many_end_the_rest() -> None:
    def sometimes(request: Request) -> Any:
        text = str(request.arguments[0][1])
        return ModelError.of("E400", f"no {text}") if text.startswith("bad") else text.upper()

    rows = texts("a", "bad1", "c", "bad2", "e", "bad3")
    found = list(ASK.map(rows, model=Fake(sometimes)))
    assert values(found) == ["A", "E400", "C", "E400", "E", "E400"]
    with pytest.raises(ModelError, match="no bad1"):
        found[1].to(str)
    assert found[0].to(str) == "A"
    with pytest.raises(RunError) as error:
        list(ASK.map(rows, model=Fake(sometimes), max_errors=1))
    assert error.value.first.code == "E316"
    assert error.value.first.message.startswith("2 rows failed, and max_errors is 1; ")
    with pytest.raises(RunError, match="1 row failed, and max_errors is 0; "):
        list(ASK.map(rows, model=Fake(sometimes), max_errors=0))
    assert len(list(ASK.map(rows, model=Fake(sometimes), max_errors=3))) == 6


def test_a_missing_model_ends_all_rows() -> None:
    with pytest.raises(MissingModel):
        list(ASK.map(texts("a", "b")))


def test_asynchronous_code_iterates_too() -> None:
    async def work() -> list[RowResult]:
        with pytest.raises(InvalidOption):
            list(ASK.map(texts("a"), model=Fake(upper)))
        return [row async for row in ASK.map(texts("a", "b"), model=Fake(upper))]

    assert values(asyncio.run(work())) == ["A", "B"]


def test_results_that_are_not_taken_end_with_the_loop() -> None:
    started: Counter[str] = Counter()

    async def answer(request: Request) -> str:
        started["begun"] += 1
        try:
            await asyncio.sleep(0.001 * int(request.arguments[0][1]))
        finally:
            started["ended"] += 1
        return "x"

    mapped = ASK.map(texts(*map(str, range(100))), model=Fake(answer))
    for _ in mapped:
        break
    assert started["begun"] == started["ended"] < 100
    with pytest.raises(InvalidOption):
        next(iter(mapped))


def test_an_open_model_serves_several_maps() -> None:
    with rlmlang.open_model(Fake(upper)) as model:
        for _ in range(2):
            assert values(list(ASK.map(texts("a", "b"), model=model))) == ["A", "B"]


@pytest.mark.parametrize("limits", [{"max_depth": 2}, {"max_rows": 2}, 5])
def test_limits_that_rows_do_not_have(limits: Any) -> None:
    with pytest.raises(InvalidOption):
        ASK.map(texts("a"), model=Fake(upper), row_limits=limits)


def test_no_rows_are_no_results() -> None:
    assert list(ASK.map([], model=Fake(upper))) == []


def test_memory_does_not_grow_with_the_texts_of_rows() -> None:
    class Forgets(Fake):
        async def wait(self, request: Request) -> None:
            self.requests.clear()

    size, count = 100_000, 400
    rows = ({"text": f"{number} " + "x" * size} for number in range(count))
    tracemalloc.start()
    try:
        model = Forgets(lambda _: "ok", context=10**9)
        answered = sum(row.value == "ok" for row in ASK.map(rows, model=model))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answered == count
    assert peak < size * count / 2


def test_rows_may_have_answers_by_programs_and_functions_of_the_host() -> None:
    def answer(request: Request) -> str:
        return 'return CALL("low", text) + CALL("shared")' if request.program else "x"

    program = rlmlang.compile('def size(text: str) -> int: ...\ntext: str\nCALL("Sum", text=text) * size(text)\n')
    rows, functions = texts("aa", "b", "aa"), {"size": len}
    found = list(program.map(rows, model=Fake(answer), functions=functions, limits={"max_depth": 2}))
    assert values(found) == ["xxxx", "xx", "xxxx"]
    assert sum(row.usage.calls for row in found) == 2 + 2 + 1  # "shared" is one call for both
    assert [row.usage.function_calls for row in found] == [1, 1, 0]
    assert found[0].usage.steps > found[2].usage.steps
    limited = list(
        program.map(rows, model=Fake(answer), functions=functions, limits={"max_depth": 2}, row_limits={"max_calls": 1})
    )
    assert values(limited) == ["E512"] * 3
    assert [str(row.error).count(f"row {row.number}: ") for row in limited] == [1, 1, 1]
