"""Built-ins that Python has too, and mean the same here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from rlmlang.builtins.table import builtin
from rlmlang.errors import RunError
from rlmlang.values import MAX_INT_BITS, Meter, Value, canonical

MAX_DIGITS = 3_900
"""Digits that `int` reads, and that are sure to be below `values.MAX_INT_BITS`."""


@builtin(
    "len(xs: Iterable[T]) -> int",
    doc="the number of characters, elements or keys",
    examples=['len("abc") == 3', "len([1, 2]) == 2", 'len({"a": 1}) == 1'],
    cost="1",
)
def _len(meter: Meter, xs: Any) -> int:
    return len(xs)


@builtin(
    "sum(xs: Iterable[int]) -> int",
    "sum(xs: Iterable[float]) -> float",
    "sum(xs: Iterable[int], start: int) -> int",
    "sum(xs: Iterable[float], start: float) -> float",
    doc="the sum of numbers",
    examples=["sum([1, 2, 3]) == 6", "sum([], 5) == 5", "sum([0.5, 1]) == 1.5"],
    cost="an element each",
)
def _sum(meter: Meter, xs: list[Any], start: Any = 0) -> Any:
    meter.charge(1 + len(xs))
    total = start
    for x in xs:
        total = total + x
        if isinstance(total, int):
            meter.number(total)
    return finite(total)


def finite(value: Any) -> Any:
    """A number that is real. Raises RunError E306."""
    if isinstance(value, float) and not math.isfinite(value):
        raise RunError.of("E306", "the result is too large for a float")
    return value


def _extreme(pick: Callable[..., Any], name: str) -> Callable[..., Any]:
    def code(meter: Meter, *args: Any, key: list[Any] | None = None, **options: Any) -> Any:
        values = list(args[0]) if len(args) == 1 else list(args)
        if not values:
            if "default" in options:
                return options["default"]
            raise RunError.of(
                "E305", f"`{name}` of nothing", hint=f"give a default: `{name}(xs, default=…)`, or test `if xs` first"
            )
        if key is None:
            meter.walk(*values)
            return pick(values)
        meter.walk(*key)
        return values[pick(range(len(values)), key=key.__getitem__)]

    return code


_EXTREME = (
    "{0}(xs: Iterable[K]) -> K",
    "{0}(a: K, b: K, *more: K) -> K",
    "{0}(xs: Iterable[K], *, default: K) -> K",
    "{0}(xs: Iterable[T], *, key: Callable[[T], K]) -> T",
    "{0}(xs: Iterable[T], *, key: Callable[[T], K], default: T) -> T",
)
builtin(
    *(text.format("min") for text in _EXTREME),
    doc="the smallest element, or argument; the first of equal ones",
    examples=["min([3, 1, 2]) == 1", "min(2, 1) == 1", "min([], default=0) == 0", 'min(["aa", "b"], key=len) == "b"'],
    cost="an element each",
)(_extreme(min, "min"))
builtin(
    *(text.format("max") for text in _EXTREME),
    doc="the largest element, or argument; the first of equal ones",
    examples=["max([3, 1, 2]) == 3", "max(2, 1.5) == 2", 'max(["a", "bb"], key=len) == "bb"'],
    cost="an element each",
)(_extreme(max, "max"))


@builtin(
    "sorted(xs: Iterable[K], *, reverse: bool = False) -> list[K]",
    "sorted(xs: Iterable[T], *, key: Callable[[T], K], reverse: bool = False) -> list[T]",
    doc="the elements in order; equal ones keep theirs",
    examples=[
        "sorted([2, 1]) == [1, 2]",
        'sorted("ba") == ["a", "b"]',
        'sorted(["bb", "a"], key=len) == ["a", "bb"]',
        "sorted([1, 2], reverse=True) == [2, 1]",
    ],
    cost="n log n elements",
)
def _sorted(meter: Meter, xs: Any, *, key: list[Any] | None = None, reverse: bool = False) -> list[Any]:
    values = list(xs)
    meter.items(len(values))
    meter.charge(meter.walk(*(values if key is None else key)) * len(values).bit_length())
    if key is None:
        return sorted(values, reverse=reverse)
    return [values[i] for i in sorted(range(len(values)), key=key.__getitem__, reverse=reverse)]


@builtin(
    "reversed(xs: Iterable[T]) -> list[T]",
    doc="the elements from last to first, as a list",
    examples=["reversed([1, 2]) == [2, 1]", 'reversed("ab") == ["b", "a"]'],
    cost="an element each",
)
def _reversed(meter: Meter, xs: Any) -> list[Any]:
    meter.items(len(xs))
    return list(xs)[::-1]


@builtin(
    "any(xs: Iterable[T]) -> bool",
    doc="whether an element is true; over a generator it stops at the first",
    examples=["any([False, True])", "not any([])", "any(x > 1 for x in [1, 2])"],
    cost="an element each",
)
def _any(meter: Meter, xs: Any) -> bool:
    meter.charge(1 + len(xs))
    return any(xs)


@builtin(
    "all(xs: Iterable[T]) -> bool",
    doc="whether no element is false; over a generator it stops at the first",
    examples=["all([])", "not all([True, False])", "all(x > 0 for x in [1, 2])"],
    cost="an element each",
)
def _all(meter: Meter, xs: Any) -> bool:
    meter.charge(1 + len(xs))
    return all(xs)


@builtin(
    "range(stop: int) -> list[int]",
    "range(start: int, stop: int, step: int = 1) -> list[int]",
    doc="the numbers from start up to, not including, stop",
    examples=["range(3) == [0, 1, 2]", "range(1, 3) == [1, 2]", "range(3, 0, -1) == [3, 2, 1]"],
    cost="an element each",
)
def _range(meter: Meter, *args: int, **named: int) -> list[int]:
    start, stop, step = (0, args[0], 1) if len(args) == 1 and not named else (*args, 1)[:3]
    step = named.get("step", step)
    if "start" in named or "stop" in named:
        start, stop = named.get("start", start), named.get("stop", stop)
    if step == 0:
        raise RunError.of("E308", "the step of a range cannot be 0")
    span = stop - start if step > 0 else start - stop
    meter.items(max(0, -(-span // abs(step))))
    return list(range(start, stop, step))


@builtin(
    "enumerate(xs: Iterable[T], start: int = 0) -> list[tuple[int, T]]",
    doc="pairs of index and element",
    examples=['enumerate(["a"]) == [(0, "a")]', 'enumerate("b", 1) == [(1, "b")]'],
    cost="an element each",
)
def _enumerate(meter: Meter, xs: Any, start: int = 0) -> list[tuple[int, Any]]:
    meter.items(2 * len(xs))
    return list(enumerate(xs, start))


@builtin(
    "zip(a: Iterable[A], b: Iterable[B]) -> list[tuple[A, B]]",
    "zip(a: Iterable[A], b: Iterable[B], c: Iterable[C]) -> list[tuple[A, B, C]]",
    "zip(a: Iterable[A], b: Iterable[B], c: Iterable[C], d: Iterable[D]) -> list[tuple[A, B, C, D]]",
    doc="tuples of the elements at the same place, as many as the shortest has",
    examples=['zip([1, 2], "ab") == [(1, "a"), (2, "b")]', "zip([1, 2], [3]) == [(1, 3)]"],
    cost="an element each",
)
def _zip(meter: Meter, *xs: Any) -> list[tuple[Any, ...]]:
    meter.items(len(xs) * min(map(len, xs)))
    return list(zip(*xs))


@builtin(
    "abs(x: int) -> int",
    "abs(x: float) -> float",
    doc="the size of a number",
    examples=["abs(-3) == 3", "abs(-0.5) == 0.5"],
    cost="1",
)
def _abs(meter: Meter, x: Any) -> Any:
    return abs(x)


@builtin(
    "round(x: float) -> int",
    "round(x: int, digits: int) -> int",
    "round(x: float, digits: int) -> float",
    doc="the nearest integer, or number of so many digits; halves go to the even one",
    examples=["round(2.5) == 2", "round(3.14159, 2) == 3.14", "round(1234, -2) == 1200"],
    cost="1",
)
def _round(meter: Meter, x: Any, digits: int | None = None) -> Any:
    if digits is not None and abs(digits) > 10_000:
        raise RunError.of("E308", f"{digits} digits; between -10,000 and 10,000 can be asked for")
    return finite(round(x) if digits is None else round(x, digits))


@builtin(
    "str(x: T) -> str",
    doc="the value as text, as Python prints it",
    examples=['str(1.5) == "1.5"', 'str(["a"]) == "[\'a\']"', 'str(None) == "None"'],
)
def _str(meter: Meter, x: Any) -> str:
    meter.text(meter.walk(x))
    return str(x)


_INT = re.compile(r"\s*[+-]?[0-9]+(?:_[0-9]+)*\s*", re.ASCII)
_FLOAT = re.compile(
    r"\s*[+-]?(?:[0-9]+(?:_[0-9]+)*\.?(?:[0-9]+(?:_[0-9]+)*)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][+-]?[0-9]+(?:_[0-9]+)*)?\s*"
)


@builtin(
    "int(x: str) -> int",
    "int(x: float) -> int",
    "int(x: bool) -> int",
    doc="a whole number, from text or by dropping the fraction",
    examples=['int(" 42 ") == 42', "int(-2.7) == -2", "int(True) == 1"],
)
def _int(meter: Meter, x: Any) -> int:
    if isinstance(x, str):
        meter.charge(1 + len(x) // 16)
        if len(x) > MAX_DIGITS:
            raise RunError.of("E306", f"an integer of {len(x):,} characters; the limit is {MAX_DIGITS:,}")
        if not _INT.fullmatch(x):
            raise RunError.of("E304", f"{_shown(x)} is not an integer", hint="`int_or_none` gives None instead")
    return int(x)


@builtin(
    "float(x: str) -> float",
    "float(x: float) -> float",
    "float(x: bool) -> float",
    doc="a number with a fraction, from text or another number",
    examples=['float("2.5") == 2.5', 'float("1e3") == 1000', "float(2) == 2"],
)
def _float(meter: Meter, x: Any) -> float:
    if isinstance(x, str):
        meter.charge(1 + len(x) // 16)
        if len(x) > MAX_DIGITS or not _FLOAT.fullmatch(x):
            raise RunError.of("E304", f"{_shown(x)} is not a number", hint="`float_or_none` gives None instead")
    try:
        value = float(x)
    except OverflowError:
        raise RunError.of("E306", "the number is too large for a float") from None
    return finite(value)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


@builtin(
    "int_or_none(x: str) -> int | None",
    doc="a whole number from text, or None if it is none",
    examples=['int_or_none("7") == 7', 'int_or_none("seven") is None'],
)
def _int_or_none(meter: Meter, x: str) -> int | None:
    meter.charge(1 + len(x) // 16)
    return int(x) if len(x) <= MAX_DIGITS and _INT.fullmatch(x) else None


@builtin(
    "float_or_none(x: str) -> float | None",
    doc="a number from text, or None if it is none",
    examples=['float_or_none("0.5") == 0.5', 'float_or_none("half") is None'],
)
def _float_or_none(meter: Meter, x: str) -> float | None:
    meter.charge(1 + len(x) // 16)
    if len(x) > MAX_DIGITS or not _FLOAT.fullmatch(x):
        return None
    value = float(x)
    return value if math.isfinite(value) else None


@builtin(
    "bool(x: T) -> bool",
    doc="whether a value is true: not 0, not empty, not None, not False",
    examples=['bool("a")', "not bool([])", "not bool(0)"],
    cost="1",
)
def _bool(meter: Meter, x: Any) -> bool:
    return bool(x)


@builtin(
    "list(xs: Iterable[T]) -> list[T]",
    doc="the elements, characters or keys as a list",
    examples=['list("ab") == ["a", "b"]', 'list({"k": 1}) == ["k"]'],
    cost="an element each",
)
def _list(meter: Meter, xs: Any) -> list[Any]:
    meter.items(len(xs))
    return list(xs)


@builtin(
    "dict(pairs: Iterable[tuple[str, T]]) -> dict[str, T]",
    doc="a dict of key and value pairs; of equal keys the last counts",
    examples=['dict([("a", 1)]) == {"a": 1}', 'dict(zip(["a"], [2]))["a"] == 2'],
    cost="an element each",
)
def _dict(meter: Meter, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    meter.items(len(list(pairs)))
    return dict(pairs)


@builtin(
    "set(xs: Iterable[K]) -> list[K]",
    doc="the distinct elements in order, as a list",
    examples=["set([2, 1, 2]) == [1, 2]", 'set("aba") == ["a", "b"]'],
    cost="n log n elements",
)
def _set(meter: Meter, xs: Any) -> list[Any]:
    out: list[Any] = []
    for x in _sorted(meter, xs):
        if not out or out[-1] != x:
            out.append(x)
    return out


@builtin(
    "to_json(x: T) -> str",
    doc="the value as JSON text",
    examples=["to_json([1, None]) == '[1,null]'", 'to_json({"a": True}) == \'{"a":true}\''],
)
def _to_json(meter: Meter, x: Value) -> str:
    meter.text(meter.walk(x))
    return canonical(x)


@builtin(
    "reduce(step: Callable[[A, T], A], xs: Iterable[T], start: A) -> A",
    doc="step(… step(step(start, x1), x2) …, xn): carries a value over a list",
    examples=["reduce(lambda a, x: a + x, [1, 2], 0) == 3", 'reduce(lambda a, x: x + a, "ab", "") == "ba"'],
    cost="a step each",
)
def _reduce(meter: Meter, *args: Any) -> Any:
    raise AssertionError("the interpreter does it")


@builtin(
    "run_program(program: str, inputs: dict[str, str]) -> tuple[str | None, str | None]",
    doc="checks and runs program text: its value as JSON and None, or None and the error",
    examples=[
        'run_program("1 + 1", {}) == ("2", None)',
        'run_program("x: int\\nx * 2", {"x": "4"}) == ("8", None)',
        'run_program("1 +", {})[0] is None',
    ],
    cost="the program's, out of the same budget",
)
def _run_program(meter: Meter, *args: Any) -> Any:
    raise AssertionError("the interpreter does it")


assert MAX_DIGITS * 3.33 < MAX_INT_BITS
