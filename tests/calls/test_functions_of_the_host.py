"""Functions of the host: declared by a program, handed in by whoever runs it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest

import rlmlang
from rlmlang.errors import FunctionFailed, FunctionUnavailable, InvalidOption

LOOKUP = "def lookup(key: str) -> str: ...\n"


def program(text: str) -> rlmlang.Program:
    return rlmlang.compile(LOOKUP + text)


def test_a_function_is_called_with_the_arguments_of_the_program() -> None:
    assert program('lookup("a")').run(functions={"lookup": lambda key: key * 2}).value == "aa"


def test_functions_in_threads_run_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=60)

    def lookup(key: str) -> str:
        together.wait()
        return key

    assert program('[lookup(key) for key in "abc"]').run(functions={"lookup": lookup}).value == ["a", "b", "c"]


def test_coroutine_functions_run_at_the_same_time_on_the_loop() -> None:
    waiting: list[asyncio.Event] = []

    async def lookup(key: str) -> str:
        waiting.append(asyncio.Event())
        if len(waiting) == 3:
            for each in waiting:
                each.set()
        await asyncio.wait_for(waiting[-1].wait(), 60)
        return key

    assert program('[lookup(key) for key in "abc"]').run(functions={"lookup": lookup}).value == ["a", "b", "c"]


def test_a_function_that_returns_an_awaitable_is_awaited() -> None:
    async def found(key: str) -> str:
        return key + "!"

    assert program('lookup("a")').run(functions={"lookup": lambda key: found(key)}).value == "a!"


def test_equal_calls_are_one_call() -> None:
    asked: list[str] = []

    def lookup(key: str) -> str:
        asked.append(key)
        return key

    result = program('[lookup(key) for key in "aba"] + [lookup("a")]').run(functions={"lookup": lookup})
    assert result.value == ["a", "b", "a", "a"]
    assert sorted(asked) == ["a", "b"]
    assert result.usage.function_calls == 2


def test_of_a_volatile_function_each_evaluation_is_a_call() -> None:
    counted = iter(range(10))
    lookup = rlmlang.function(volatile=True)(lambda key: f"{key}{next(counted)}")
    result = program('[lookup("a") for _ in range(3)]').run(functions={"lookup": lookup})
    assert sorted(result.value) == ["a0", "a1", "a2"]
    assert result.usage.function_calls == 3


def test_an_error_of_a_function_is_a_coded_error_with_the_function_s_own_as_its_cause() -> None:
    def lookup(key: str) -> str:
        raise KeyError(key)

    with pytest.raises(FunctionFailed, match="`lookup` failed: KeyError: 'a'") as caught:
        program('lookup("a")').run(functions={"lookup": lookup})
    assert caught.value.first.code == "E313"
    assert isinstance(caught.value.__cause__, KeyError)
    span = caught.value.first.span
    assert span is not None
    assert span.text == 'lookup("a")'


@pytest.mark.parametrize("error", [StopIteration(1), asyncio.CancelledError(), SystemExit(3), GeneratorExit()])
def test_no_error_of_a_function_ends_more_than_its_call(error: BaseException) -> None:
    def lookup(key: str) -> str:
        raise error

    caught = 'try:\n    x = lookup("a")\nexcept Exception:\n    x = "caught"\nx'
    assert program(caught).run(functions={"lookup": lookup}).value == "caught"


def test_a_function_that_takes_too_long_is_given_up() -> None:
    ended = threading.Event()
    try:
        lookup = rlmlang.function(timeout=0.05)(lambda key: ended.wait(20) and key)
        with pytest.raises(FunctionFailed, match=r"`lookup` took more than 0\.05 seconds"):
            program('lookup("a")').run(functions={"lookup": lookup})
    finally:
        ended.set()


def test_a_coroutine_that_takes_too_long_is_cancelled() -> None:
    ended: list[str] = []

    @rlmlang.function(timeout=0.05)
    async def lookup(key: str) -> str:
        try:
            await asyncio.sleep(20)
        finally:
            ended.append(key)
        return key

    with pytest.raises(FunctionFailed, match="took more than"):
        program('lookup("a")').run(functions={"lookup": lookup})
    assert ended == ["a"]


@pytest.mark.parametrize(
    ("declared", "result", "message"),
    [
        ("str", 3, "declared to return str: the result is 3, not str"),
        ("list[int]", [1, "a"], r"the result\[1\] is \"a\", not int"),
        ("int", True, "the result is true, not int"),
        ("float", float("nan"), "no number of the language"),
        ("str", object(), "of the Python type object"),
    ],
)
def test_a_result_that_is_not_of_the_declared_type(declared: str, result: Any, message: str) -> None:
    with pytest.raises(FunctionFailed, match=message) as caught:
        rlmlang.compile(f"def f() -> {declared}: ...\nf()").run(functions={"f": lambda: result})
    assert caught.value.first.code == "E315"


def test_a_function_gets_python_values_of_its_own() -> None:
    given: list[Any] = []
    text = """
class P:
    x: int
def f(a: list[int], b: set[str], c: P, d: float, e: tuple[int, ...], g: dict[str, list[P]], h: P | None) -> None: ...
xs = [1, 2]
f(xs, {"a"}, P(1), 2, (1, 2), {"k": [P(2)]}, None)
xs.append(3)
xs
"""

    def f(*args: Any) -> None:
        given.append(args)
        args[0].clear()

    assert rlmlang.compile(text).run(functions={"f": f}).value == [1, 2, 3]
    assert given == [([], {"a"}, {"x": 1}, 2.0, (1, 2), {"k": [{"x": 2}]}, None)]
    assert type(given[0][3]) is float


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(rlmlang.ValueTooLarge, match="max_bytes"):
        program('lookup("a")').run(functions={"lookup": lambda key: "x" * 2_000}, limits={"max_bytes": 1_000})


def test_a_program_is_not_begun_without_the_functions_that_it_declares() -> None:
    with pytest.raises(FunctionUnavailable, match="declares the function `lookup` of the host"):
        program("1").run()
    with pytest.raises(FunctionUnavailable, match=r"takes \(\); it is called with \(key\)"):
        program("1").run(functions={"lookup": lambda: "a"})


def test_functions_that_no_program_declares_are_left_alone() -> None:
    assert program("1").run(functions={"lookup": str, "other": print}).value == 1


@pytest.mark.parametrize("functions", [3, {"lookup": 3}, {1: str}, [str]])
def test_what_are_no_functions(functions: Any) -> None:
    with pytest.raises(InvalidOption):
        program("1").run(functions=functions)


@pytest.mark.parametrize("options", [{"version": 2}, {"volatile": "yes"}, {"timeout": 0}, {"timeout": True}])
def test_what_are_no_options_of_a_function(options: Any) -> None:
    with pytest.raises(InvalidOption):
        rlmlang.function(**options)(str)


def test_a_decorated_function_is_still_a_function() -> None:
    @rlmlang.function
    def lookup(key: str) -> str:
        return key + "!"

    assert lookup("a") == "a!"
    assert program('lookup("a")').run(functions={"lookup": lookup}).value == "a!"


def test_a_run_that_fails_cancels_its_functions() -> None:
    cancelled = threading.Event()

    async def lookup(key: str) -> str:
        if key == "a":
            raise ValueError(key)
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return key

    begun = time.monotonic()
    with pytest.raises(FunctionFailed, match="ValueError: a"):
        program('[lookup("a"), lookup("b")]').run(functions={"lookup": lookup})
    assert cancelled.is_set()
    assert time.monotonic() - begun < 10


def test_the_trace_has_calls_of_functions_as_a_form_of_their_own() -> None:
    events: list[dict[str, Any]] = []
    trace = rlmlang.Trace()
    trace.sinks.append(lambda seq, text: events.append(json.loads(text)))

    def lookup(key: str) -> str:
        if key == "b":
            raise KeyError("nothing about b")
        return key * 2

    with pytest.raises(FunctionFailed):
        program('a = lookup("a")\nlookup(a)\nlookup("b")').run(functions={"lookup": lookup}, trace=trace)
    calls = {event["arguments"][0]["preview"]: event for event in events if event["kind"] == "call"}
    assert {event["form"] for event in calls.values()} == {"function"}
    assert {event["instruction"] for event in calls.values()} == {"lookup"}
    assert (calls['"a"']["answer"], calls['"a"']["line"], calls['"a"']["within"]) == ('"aa"', 2, "a")
    assert calls['"b"']["error"] == {"code": "E313", "message": "`lookup` failed: KeyError: 'nothing about b'"}


def test_of_the_message_of_an_error_the_first_line_is_shown() -> None:
    def lookup(key: str) -> str:
        raise ValueError("first line\nsecond line" + "x" * 1_000)

    with pytest.raises(FunctionFailed) as caught:
        program('lookup("a")').run(functions={"lookup": lookup})
    assert caught.value.first.message == "`lookup` failed: ValueError: first line"


def test_an_error_that_cannot_be_written_is_named() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def lookup(key: str) -> str:
        raise Odd

    with pytest.raises(FunctionFailed, match="`lookup` failed: Odd"):
        program('lookup("a")').run(functions={"lookup": lookup})


@pytest.mark.parametrize("n", [0, 1, 5])
def test_a_run_makes_as_many_calls_as_were_estimated(n: int) -> None:
    text = """
n: int
def lookup(key: int) -> int: ...
def again(key: int) -> int:
    return lookup(key) + lookup(key + 1)
total = sum(again(i) for i in range(n))
if total > 3:
    total += lookup(100) + lookup(total)
total
"""
    checked = rlmlang.compile(text)
    least, most = checked.cost(n=n).function_calls
    result = checked.run(n=n, functions={"lookup": lambda key: key})
    assert most is not None
    assert least <= result.usage.function_calls <= most
    assert least == (n + 1 if n else 0)
