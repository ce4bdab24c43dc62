"""What the operators do on plain values: Python's meaning, metered, with coded errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

from rlmlang import ast
from rlmlang.errors import RunError
from rlmlang.values import MAX_INT_BITS, Meter, RecordValue, Value


def _finite(value: float) -> float:
    if isinstance(value, complex) or not isfinite(value):
        raise RunError.of("E306", "the result is not a real number, or too large for a float")
    return value


def _add(meter: Meter, a: Value, b: Value) -> Value:
    if isinstance(a, str):
        meter.text(len(a) + len(b))
        return a + b
    if isinstance(a, (list, tuple)):
        meter.items(len(a) + len(b))
        return a + b
    return _number(meter, a + b)


def _number(meter: Meter, value: Value) -> Value:
    return meter.number(value) if isinstance(value, int) else _finite(value)


def _multiply(meter: Meter, a: Value, b: Value) -> Value:
    if isinstance(b, (str, list)):
        a, b = b, a
    if isinstance(a, str):
        meter.text(len(a) * max(b, 0))
        return a * b
    if isinstance(a, list):
        meter.items(len(a) * max(b, 0))
        return a * b
    return _number(meter, _float_safe(lambda: a * b))


def _float_safe(work: Callable[[], Value]) -> Value:
    try:
        return work()
    except ZeroDivisionError:
        raise RunError.of("E303", "division by zero") from None
    except OverflowError:
        raise RunError.of("E306", "a number is too large for a float") from None


def _power(meter: Meter, a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        if b > 0 and a.bit_length() * b > MAX_INT_BITS + b + 64 and abs(a) > 1:
            raise RunError.of("E306", f"a power of about {a.bit_length() * b:,} bits; the limit is {MAX_INT_BITS:,}")
    return _number(meter, _float_safe(lambda: a**b))


OPERATORS: dict[str, Callable[[Meter, Value, Value], Value]] = {
    "+": lambda meter, a, b: _float_safe(lambda: _add(meter, a, b)),
    "-": lambda meter, a, b: _number(meter, _float_safe(lambda: a - b)),
    "*": _multiply,
    "/": lambda meter, a, b: _number(meter, _float_safe(lambda: a / b)),
    "//": lambda meter, a, b: _number(meter, _float_safe(lambda: a // b)),
    "%": lambda meter, a, b: _number(meter, _float_safe(lambda: a % b)),
    "**": _power,
}


def _charge(meter: Meter, *values: Value) -> None:
    """Comparing costs what is looked at."""
    for value in values:
        if isinstance(value, str):
            meter.charge(1 + len(value) // 16)
        elif isinstance(value, (list, tuple, dict, RecordValue)):
            meter.walk(value)


def _comparison(work: Callable[[Value, Value], bool]) -> Callable[[Meter, Value, Value], bool]:
    def compare(meter: Meter, a: Value, b: Value) -> bool:
        _charge(meter, a, b)
        return work(a, b)

    return compare


COMPARISONS: dict[str, Callable[[Meter, Value, Value], bool]] = {
    "==": _comparison(lambda a, b: bool(a == b)),
    "!=": _comparison(lambda a, b: bool(a != b)),
    "<": _comparison(lambda a, b: bool(a < b)),
    "<=": _comparison(lambda a, b: bool(a <= b)),
    ">": _comparison(lambda a, b: bool(a > b)),
    ">=": _comparison(lambda a, b: bool(a >= b)),
    "in": _comparison(lambda a, b: a in b),
    "not in": _comparison(lambda a, b: a not in b),
}


def index_into(meter: Meter, value: Value, index: Value) -> Value:
    if isinstance(value, dict):
        if index not in value:
            known = ", ".join(map(repr, list(value)[:5])) or "no keys"
            raise RunError.of("E302", f"no key {index!r}", hint=f"it has {known}; or write `.get(key, default)`")
        return value[index]
    if not -len(value) <= index < len(value):
        raise RunError.of("E301", f"index {index} into {len(value)} elements")
    return value[index]


def cut(meter: Meter, value: Value, start: int | None, stop: int | None, step: int | None) -> Value:
    """`value[start:stop:step]`. Raises RunError E308 for a step of 0."""
    if step == 0:
        raise RunError.of("E308", "the step of a slice cannot be 0")
    count = len(range(*slice(start, stop, step).indices(len(value))))
    (meter.text if isinstance(value, str) else meter.items)(count)
    return value[start:stop:step]


def fill(meter: Meter, node: ast.FString, values: Sequence[Value]) -> str:
    """The text of an f-string with the values of its holes put in."""
    given = iter(values)
    shown: list[str] = []
    for part in node.parts:
        if isinstance(part, str):
            shown.append(part)
            continue
        value = next(given)
        if not isinstance(value, str):
            meter.walk(value)
        value = repr(value) if part.conversion else value
        shown.append(format(value, part.spec) if part.spec else str(value))
    meter.text(sum(map(len, shown)))
    return "".join(shown)
