"""The modules `math` and `statistics`: functions of numbers that a program may import."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import ELEMENTS, ONE, SORTING, charge_for_sorting, checked_number, quoted_number
from rlmlang.language.builtins.table import builtin, constant
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import MAX_INT_BITS

MULTIPLICATION = "1 step; of large integers as many as their multiplications take"

# Floats --------------------------------------------------------------------------


def _of_floats(name: str) -> Callable[..., Any]:
    """Return the code of a function of `math` that takes a step. It raises RunError E306, E308."""
    work: Callable[..., Any] = getattr(math, name)

    def code(meter: Meter, *args: float) -> Any:
        meter.charge(1)
        try:
            return checked_number(meter, lambda: work(*args))
        except ZeroDivisionError:
            raise RunError.of("E303", "division by zero") from None
        except ValueError:
            shown = ", ".join(quoted_number(arg) if isinstance(arg, int) else repr(arg) for arg in args)
            raise RunError.of("E308", f"`{name}` is not defined for {shown}") from None

    return code


for _signature, _doc, _example in (
    ("sqrt(x: float) -> float", "the square root", "sqrt(16) == 4"),
    ("exp(x: float) -> float", "`e ** x`", "exp(0) == 1"),
    ("log2(x: float) -> float", "the logarithm of base 2", "log2(8) == 3"),
    ("log10(x: float) -> float", "the logarithm of base 10", "log10(1000) == 3"),
    ("pow(x: float, y: float) -> float", "`x ** y`, as a float", "pow(2, 3) == 8"),
    ("fabs(x: float) -> float", "the size of a number, as a float", "fabs(-2) == 2"),
    ("floor(x: float) -> int", "the largest integer that is not above `x`", "floor(-1.5) == -2"),
    ("ceil(x: float) -> int", "the smallest integer that is not below `x`", "ceil(1.2) == 2"),
    ("trunc(x: float) -> int", "the integer without the fraction", "trunc(-1.5) == -1"),
    ("sin(x: float) -> float", "the sine", "sin(0) == 0"),
    ("cos(x: float) -> float", "the cosine", "cos(0) == 1"),
    ("tan(x: float) -> float", "the tangent", "tan(0) == 0"),
    ("asin(x: float) -> float", "the angle of a sine", "asin(0) == 0"),
    ("acos(x: float) -> float", "the angle of a cosine", "acos(1) == 0"),
    ("atan(x: float) -> float", "the angle of a tangent", "atan(0) == 0"),
    ("atan2(y: float, x: float) -> float", "the angle of a point", "atan2(0, 1) == 0"),
    ("sinh(x: float) -> float", "the hyperbolic sine", "sinh(0) == 0"),
    ("cosh(x: float) -> float", "the hyperbolic cosine", "cosh(0) == 1"),
    ("tanh(x: float) -> float", "the hyperbolic tangent", "tanh(0) == 0"),
    ("degrees(x: float) -> float", "an angle in degrees", "degrees(0) == 0"),
    ("radians(x: float) -> float", "an angle in radians", "radians(0) == 0"),
    ("fmod(x: float, y: float) -> float", "the rest of a division, with the sign of `x`", "fmod(-7, 3) == -1"),
    ("copysign(x: float, y: float) -> float", "the size of `x` with the sign of `y`", "copysign(2, -0.5) == -2"),
):
    builtin(_signature, doc=_doc, examples=[f"math.{_example}"], cost=ONE, module="math")(
        _of_floats(_signature.partition("(")[0])
    )


@builtin(
    "isqrt(n: int) -> int",
    doc="the square root, rounded down",
    examples=["math.isqrt(17) == 4"],
    cost=MULTIPLICATION,
    module="math",
)
def _isqrt(meter: Meter, n: int) -> int:
    meter.charge(1 + _words(n) ** 2 // 64)
    if n < 0:
        raise RunError.of("E308", f"`isqrt` is not defined for {quoted_number(n)}")
    return math.isqrt(n)


builtin(
    "log(x: float) -> float",
    "log(x: float, base: float) -> float",
    doc="the natural logarithm, or that of a base",
    examples=["math.log(1) == 0", "math.log(8, 2) == 3"],
    cost=ONE,
    module="math",
)(_of_floats("log"))


@builtin(
    "hypot(*coordinates: float) -> float",
    doc="the length of a vector",
    examples=["math.hypot(3, 4) == 5"],
    cost=ELEMENTS,
    module="math",
)
def _hypot(meter: Meter, *coordinates: float) -> Any:
    meter.charge(1 + len(coordinates))
    return checked_number(meter, lambda: math.hypot(*coordinates))


@builtin(
    "dist(p: Iterable[float], q: Iterable[float]) -> float",
    doc="the distance of two points with as many coordinates",
    examples=["math.dist((0, 0), (3, 4)) == 5"],
    cost=ELEMENTS,
    module="math",
)
def _dist(meter: Meter, p: Any, q: Any) -> Any:
    meter.charge(1 + len(p) + len(q))
    if len(p) != len(q):
        raise RunError.of("E304", f"points of {len(p):,} and {len(q):,} coordinates")
    return checked_number(meter, lambda: math.dist(list(p), list(q)))


@builtin(
    "isclose(a: float, b: float, *, rel_tol: float = 1e-09, abs_tol: float = 0.0) -> bool",
    doc="whether two numbers are nearly equal",
    examples=["math.isclose(0.1 + 0.2, 0.3)", "not math.isclose(1, 1.1)"],
    cost=ONE,
    module="math",
)
def _isclose(meter: Meter, a: float, b: float, *, rel_tol: float = 1e-09, abs_tol: float = 0.0) -> bool:
    meter.charge(1)
    if rel_tol < 0 or abs_tol < 0:
        raise RunError.of("E308", "a tolerance is negative")
    try:
        return math.isclose(a, b, rel_tol=rel_tol, abs_tol=abs_tol)
    except OverflowError:
        raise RunError.of("E306", "an integer is too large for a float") from None


for _name, _doc, _holds in (
    ("isnan", "whether it is no number, which no float of the language is", False),
    ("isinf", "whether it is infinite", False),
    ("isfinite", "whether it is finite", True),
):
    builtin(
        f"{_name}(x: float) -> bool",
        doc=_doc,
        examples=[f"math.{_name}(1.5)" if _holds else f"not math.{_name}(1.5)"],
        cost=ONE,
        module="math",
    )(_of_floats(_name))


# Integers ------------------------------------------------------------------------


def _words(*numbers: int) -> int:
    return sum(number.bit_length() // 64 for number in numbers)


def _common(name: str) -> Callable[..., int]:
    work: Callable[..., int] = getattr(math, name)

    def code(meter: Meter, *integers: int) -> int:
        meter.charge(1 + sum(1 + _words(each) ** 2 for each in integers))
        result = 1 if name == "lcm" else 0
        for each in integers:  # a product at a time, so that none is larger than an integer may be
            result = meter.number(work(result, each))
        return result

    return code


for _name, _doc, _example in (
    ("gcd", "the largest common divisor", "math.gcd(12, 18) == 6"),
    ("lcm", "the smallest common multiple", "math.lcm(4, 6) == 12"),
):
    builtin(
        f"{_name}(*integers: int) -> int",
        doc=_doc,
        examples=[_example],
        cost="1 step an integer; of large ones the square of the number of 64 bits",
        module="math",
    )(_common(_name))


def _natural(**given: int) -> None:
    for name, number in given.items():
        if number < 0:
            raise RunError.of("E308", f"`{name}` is {quoted_number(number)}; it must be at least 0")


def _bounded(bits: float) -> None:
    """Raise RunError E306 if an integer of about so many bits would be too large."""
    if bits > MAX_INT_BITS + 64:
        raise RunError.of("E306", f"an integer of more than {MAX_INT_BITS:,} bits")


@builtin(
    "factorial(n: int) -> int",
    doc="the product of the integers from 1 to `n`",
    examples=["math.factorial(5) == 120", "math.factorial(0) == 1"],
    cost=MULTIPLICATION,
    module="math",
)
def _factorial(meter: Meter, n: int) -> int:
    _natural(n=n)
    if n > MAX_INT_BITS:
        _bounded(n)
    _bounded(math.lgamma(n + 1) / math.log(2))
    meter.charge(1 + n // 8)
    return meter.number(math.factorial(n))


@builtin(
    "comb(n: int, k: int) -> int",
    doc="how many ways there are to choose `k` of `n`",
    examples=["math.comb(5, 2) == 10", "math.comb(2, 5) == 0"],
    cost=MULTIPLICATION,
    module="math",
)
def _comb(meter: Meter, n: int, k: int) -> int:
    _natural(n=n, k=k)
    few = min(k, n - k)
    if few > MAX_INT_BITS:
        _bounded(math.inf)
    if few > 0:
        # a product of `few` numbers, each at least as large as the one that it is divided by
        _bounded(few * max(1.0, math.log2(n) - math.log2(few)))
    meter.charge(1 + max(0, few) * (2 + n.bit_length() // 32))
    return meter.number(math.comb(n, k))


@builtin(
    "perm(n: int, k: int) -> int",
    "perm(n: int) -> int",
    doc="how many ways there are to choose `k` of `n` in order, or to order all",
    examples=["math.perm(5, 2) == 20", "math.perm(3) == 6"],
    cost=MULTIPLICATION,
    module="math",
)
def _perm(meter: Meter, n: int, k: int | None = None) -> int:
    if k is None:
        return _factorial(meter, n)
    _natural(n=n, k=k)
    if k > n:
        return 0
    if k > MAX_INT_BITS:
        _bounded(math.inf)
    _bounded(k * max(1.0, math.log2(max(1, n - k))))
    meter.charge(1 + k * (2 + n.bit_length() // 32))
    return meter.number(math.perm(n, k))


@builtin(
    "prod(xs: Iterable[int], *, start: int = 1) -> int",
    "prod(xs: Iterable[float], *, start: float = 1) -> float",
    doc="`start` and all elements multiplied",
    examples=["math.prod([2, 3, 4]) == 24", "math.prod([]) == 1", "math.prod([0.5], start=3) == 1.5"],
    cost=ELEMENTS,
    module="math",
)
def _prod(meter: Meter, xs: Any, *, start: Any = 1) -> Any:
    meter.charge(1 + len(xs))
    result = start
    for x in xs:
        result = checked_number(meter, lambda x=x, result=result: result * x)  # type: ignore[misc]
        meter.charge(result.bit_length() // 64 if isinstance(result, int) else 0)
    return result


for _name, _doc in (
    ("pi", "the ratio of a circle's circumference to its diameter"),
    ("e", "the base of natural logarithms"),
    ("tau", "the ratio of a circle's circumference to its radius"),
    ("inf", "a number that is larger than all others"),
):
    constant("math", _name, getattr(math, _name), _doc)


# statistics ----------------------------------------------------------------------


def _of_data(name: str, least: int) -> Callable[[Meter, Sequence[float]], Any]:
    """Return the code of a function of `statistics`, for at least so many values. It raises RunError E304, E306."""
    work: Callable[[list[float]], Any] = getattr(statistics, name)

    def code(meter: Meter, data: Sequence[float]) -> Any:
        meter.items(len(data))
        values = list(data)
        before = meter.steps
        meter.walk(values)
        meter.charge((meter.steps - before) * (8 + len(values).bit_length()))
        if len(values) < least:
            raise RunError.of(
                "E304", f"`{name}` needs at least {least} value{'s' if least > 1 else ''}, and there are {len(values)}"
            )
        return checked_number(meter, lambda: work(values))

    return code


STATISTICS = "20 steps and log n more an element"

for _name, _doc, _least, _example in (
    ("mean", "the sum divided by the number of elements", 1, "statistics.mean([1, 2, 3, 4]) == 2.5"),
    ("fmean", "the sum divided by the number of elements, as a float", 1, "statistics.fmean([1, 2]) == 1.5"),
    ("median", "the middle element, or the mean of the two in the middle", 1, "statistics.median([3, 1, 2]) == 2"),
    ("stdev", "the standard deviation of a sample", 2, "statistics.stdev([1, 3]) ** 2 > 1.99"),
    ("pstdev", "the standard deviation of a population", 1, "statistics.pstdev([1, 3]) == 1"),
    ("variance", "the variance of a sample", 2, "statistics.variance([1, 3]) == 2"),
    ("pvariance", "the variance of a population", 1, "statistics.pvariance([1, 3]) == 1"),
):
    builtin(
        f"{_name}(data: Iterable[float]) -> float",
        doc=_doc,
        examples=[_example],
        cost=STATISTICS,
        module="statistics",
    )(_of_data(_name, _least))


def _middle(place: Callable[[int], int]) -> Callable[[Meter, Any], Any]:
    def code(meter: Meter, data: Any) -> Any:
        meter.items(len(data))
        values = list(data)
        charge_for_sorting(meter, values)
        if not values:
            raise RunError.of("E304", "a median needs at least 1 value, and there are 0")
        return sorted(values)[place(len(values))]

    return code


for _name, _doc, _place, _example in (
    ("median_low", "the middle element, or the lower of the two there", lambda n: (n - 1) // 2, "([1, 2]) == 1"),
    ("median_high", "the middle element, or the higher of the two there", lambda n: n // 2, "([1, 2]) == 2"),
):
    builtin(
        f"{_name}(data: Iterable[K]) -> K",
        doc=_doc,
        examples=[f"statistics.{_name}{_example}"],
        cost=SORTING,
        module="statistics",
    )(_middle(_place))


@builtin(
    "mode(data: Iterable[H]) -> H",
    doc="the most frequent element, of equally frequent ones the one seen first",
    examples=['statistics.mode(["b", "a", "a"]) == "a"', "statistics.mode([2, 1]) == 2"],
    cost=ELEMENTS,
    module="statistics",
)
def _mode(meter: Meter, data: Any) -> Any:
    meter.items(len(data))
    meter.walk(data)
    if not data:
        raise RunError.of("E304", "`mode` needs at least 1 value, and there are 0")
    return statistics.mode(data)
