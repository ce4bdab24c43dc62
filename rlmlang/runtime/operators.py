"""The operators on plain values: they mean what they mean in Python, are metered, and raise coded errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from operator import add, eq, floordiv, ge, gt, le, lt, mod, mul, ne, sub, truediv

from rlmlang.errors import RunError
from rlmlang.language import nodes
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import MAX_INT_BITS, RecordValue, Value

Operator = Callable[[Meter, Value, Value], Value]


def _number(meter: Meter, value: Value) -> Value:
    """Return a result that is an int of allowed size or a finite number. Raises RunError E306."""
    if isinstance(value, int):
        return meter.number(value)
    if isinstance(value, complex) or not isfinite(value):
        raise RunError.of("E306", "the result is not a finite real number")  # decision 11
    return value


def _arithmetic(work: Callable[[Value, Value], Value]) -> Operator:
    """Return an operator on numbers. It raises RunError E303, E306."""

    def operate(meter: Meter, a: Value, b: Value) -> Value:
        try:
            return _number(meter, work(a, b))
        except ZeroDivisionError:
            raise RunError.of("E303", "division by zero") from None
        except OverflowError:
            raise RunError.of("E306", "a number is too large for a float") from None

    return operate


_plus, _times, _to_the_power = _arithmetic(add), _arithmetic(mul), _arithmetic(pow)


def _add(meter: Meter, a: Value, b: Value) -> Value:
    if isinstance(a, (int, float)):
        return _plus(meter, a, b)
    if isinstance(a, str):
        meter.text(len(a) + len(b))
    else:
        meter.items(len(a) + len(b))
    return a + b


def _multiply(meter: Meter, a: Value, b: Value) -> Value:
    if isinstance(b, (str, list)):
        a, b = b, a
    if isinstance(a, str):
        meter.text(len(a) * max(b, 0))
        return a * b
    if isinstance(a, list):
        meter.items(len(a) * max(b, 0))
        return a * b
    return _times(meter, a, b)


def _power(meter: Meter, a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        if b > 0 and a.bit_length() * b > MAX_INT_BITS + b + 64 and abs(a) > 1:
            raise RunError.of("E306", f"a power of about {a.bit_length() * b:,} bits; the limit is {MAX_INT_BITS:,}")
    return _to_the_power(meter, a, b)


OPERATORS: dict[str, Operator] = {
    "+": _add,
    "-": _arithmetic(sub),
    "*": _multiply,
    "/": _arithmetic(truediv),
    "//": _arithmetic(floordiv),
    "%": _arithmetic(mod),
    "**": _power,
}


def _comparison(work: Callable[[Value, Value], bool]) -> Operator:
    """Return a comparison, which costs as much as its operands are large."""

    def compare(meter: Meter, a: Value, b: Value) -> bool:
        for value in (a, b):
            if value.__class__ is str:
                if len(value) >= 16:
                    meter.charge(len(value) // 16)
            elif value.__class__ in _CONTAINERS:
                meter.walk(value)
        return work(a, b)

    return compare


_CONTAINERS = frozenset({list, tuple, dict, RecordValue})

COMPARISONS: dict[str, Operator] = {
    "==": _comparison(eq),
    "!=": _comparison(ne),
    "<": _comparison(lt),
    "<=": _comparison(le),
    ">": _comparison(gt),
    ">=": _comparison(ge),
    "in": _comparison(lambda a, b: a in b),
    "not in": _comparison(lambda a, b: a not in b),
}


def index_into(meter: Meter, value: Value, index: Value) -> Value:
    """Return `value[index]`. Raises RunError E301, E302."""
    if isinstance(value, dict):
        if index not in value:
            known = ", ".join(map(repr, list(value)[:5])) or "no keys"
            raise RunError.of(
                "E302", f"the dict has no key {index!r}", hint=f"it has {known}; `.get(key, default)` does not fail"
            )
        return value[index]
    if not -len(value) <= index < len(value):
        raise RunError.of("E301", f"index {index} is out of range for {_counted(value)}")
    return value[index]


def _counted(value: Value) -> str:
    unit = "character" if isinstance(value, str) else "element"
    return f"{len(value):,} {unit}{'' if len(value) == 1 else 's'}"


def cut(meter: Meter, value: Value, start: int | None, stop: int | None, step: int | None) -> Value:
    """Return `value[start:stop:step]`. Raises RunError E308 for a step of 0."""
    if step == 0:
        raise RunError.of("E308", "the step of a slice cannot be 0")
    count = len(range(*slice(start, stop, step).indices(len(value))))
    (meter.text if isinstance(value, str) else meter.items)(count)
    return value[start:stop:step]


def fill(meter: Meter, node: nodes.FString, values: Sequence[Value]) -> str:
    """Return the text of an f-string with these values in its holes."""
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
