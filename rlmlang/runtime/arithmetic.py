"""Arithmetic for operators and built-ins: Python's, but results are finite and errors have codes."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from operator import floordiv

from rlmlang.errors import RunError
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import MAX_INT_BITS, Value

Operator = Callable[[Meter, Value, Value], Value]


INFINITE = (inf, -inf)
"""What `float("inf")` gives, and what is computed from it. No other number becomes infinite."""


def finite(meter: Meter, value: Value) -> Value:
    """Return a result that is an int of allowed size or a finite number. Raises RunError E306."""
    if isinstance(value, int):
        return meter.number(value)
    if isinstance(value, complex) or not isfinite(value):
        raise RunError.of("E306", "the result is not a finite real number")  # decision 11
    return value


def finite_product(meter: Meter, value: Value) -> Value:
    """Return a product or power, as `finite` does; the work on large ints is charged."""
    return meter.product(value) if isinstance(value, int) else finite(meter, value)


def negated(meter: Meter, value: Value) -> Value:
    """Return `-value`."""
    return meter.number(-value) if isinstance(value, int) else -value


def inverted(meter: Meter, value: Value) -> Value:
    """Return `~value`."""
    return meter.number(~value)


def division(work: Callable[[Value, Value], Value]) -> Operator:
    """Return `//` or `%` on numbers. It raises RunError E303, E306, BudgetError E506."""
    divide = arithmetic(work, finite if work is floordiv else _remainder)

    def operate(meter: Meter, a: Value, b: Value) -> Value:
        if isinstance(a, int) and isinstance(b, int):
            meter.division(a, b)
        return divide(meter, a, b)

    return operate


def _remainder(meter: Meter, value: Value) -> Value:
    """Return a remainder: a finite float, or an int, which is never larger than what was divided."""
    return value if isinstance(value, int) else finite(meter, value)


def arithmetic(work: Callable[[Value, Value], Value], result: Callable[[Meter, Value], Value] = finite) -> Operator:
    """Return an operator on numbers, whose results are checked and charged. It raises RunError E303, E306."""

    def operate(meter: Meter, a: Value, b: Value) -> Value:
        try:
            value = work(a, b)
            if value in INFINITE and (a in INFINITE or b in INFINITE):
                return value
            return result(meter, value)
        except ZeroDivisionError:
            raise RunError.of("E303", "division by zero") from None
        except OverflowError:
            raise RunError.of("E306", "a number is too large for a float") from None

    return operate


_to_the_power = arithmetic(pow, finite_product)


def power(meter: Meter, a: Value, b: Value) -> Value:
    """Return `a ** b`. Raises RunError E303, E306; E306 before an integer is computed that would be too large."""
    if isinstance(a, int) and isinstance(b, int):
        if b > 0 and a.bit_length() * b > MAX_INT_BITS + b + 64 and abs(a) > 1:
            raise RunError.of("E306", f"a power of about {a.bit_length() * b:,} bits; the limit is {MAX_INT_BITS:,}")
    return _to_the_power(meter, a, b)
