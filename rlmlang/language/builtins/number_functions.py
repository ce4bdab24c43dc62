"""Built-in functions of numbers and characters that Python has too, with the same meaning."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import (
    ELEMENTS,
    MAX_DIGITS,
    ONE,
    TEXT,
    checked_number,
    quoted_number,
)  # fmt: skip
from rlmlang.language.builtins.table import builtin, method
from rlmlang.runtime.arithmetic import division, power
from rlmlang.runtime.meter import Meter

# Numbers -------------------------------------------------------------------------


@builtin(
    "abs(x: int) -> int",
    "abs(x: float) -> float",
    doc="the size of a number, without its sign",
    examples=["abs(-3) == 3", "abs(-0.5) == 0.5"],
    cost=ONE,
)
def _abs(meter: Meter, x: Any) -> Any:
    meter.charge(1)
    return abs(x)


@builtin(
    "round(x: float) -> int",
    "round(x: int, ndigits: int) -> int",
    "round(x: float, ndigits: int) -> float",
    doc="the nearest integer, or number with `ndigits` digits after the point; halves go to the even neighbour",
    examples=["round(2.5) == 2", "round(3.14159, 2) == 3.14", "round(1250, -2) == 1200"],
    cost=ONE,
)
def _round(meter: Meter, x: Any, *ndigits: int) -> Any:
    meter.charge(1)
    digits = [max(-MAX_DIGITS - 100, min(n, MAX_DIGITS)) for n in ndigits]  # beyond, nothing changes any more
    return checked_number(meter, lambda: round(x, *digits))


@builtin(
    "sum(xs: Iterable[int], start: int = 0) -> int",
    "sum(xs: Iterable[bool], start: int = 0) -> int",
    "sum(xs: Iterable[float], start: float = 0) -> float",
    "sum(xs: Iterable[list[T]], start: list[T]) -> list[T]",
    doc="`start` and all elements added up, True as 1; lists one after another",
    examples=[
        "sum([1, 2, 3]) == 6",
        "sum([], 5) == 5",
        "sum([0.5, 1]) == 1.5",
        "sum([True, False, True]) == 2",
        "sum([[1], [2, 3]], []) == [1, 2, 3]",
    ],
    cost=ELEMENTS,
)
def _sum(meter: Meter, xs: Any, start: Any = 0) -> Any:
    meter.charge(1 + len(xs))
    if isinstance(start, list):
        meter.items(len(start) + sum(map(len, xs)))
        return list(chain(start, *xs)) if xs else start  # the very list, as in Python, where changes of it show
    return checked_number(meter, lambda: sum(xs, start))


@builtin(
    "pow(base: int, exp: Natural) -> int",
    "pow(base: float, exp: float) -> float",
    "pow(base: int, exp: int, mod: int) -> int",
    doc="`base ** exp`, or the remainder of its division by `mod`; `exp` may be negative",
    examples=["pow(2, 10) == 1024", "pow(2, -1) == 0.5", "pow(3, 100, 7) == 4", "pow(3, -1, 7) == 5"],
    cost="1 step; with `mod` for each bit of `exp` 1, and an eighth of the square of the number of 64 bits in `mod`",
)
def _pow(meter: Meter, base: Any, exp: Any, mod: int | None = None) -> Any:
    if mod is None:
        meter.charge(1)
        return power(meter, base, exp)
    meter.charge(1 + exp.bit_length() * (1 + (mod.bit_length() // 64) ** 2 // 8))
    if mod == 0:
        raise RunError.of("E308", "`mod` is 0")
    if exp < 0 and math.gcd(base, mod) != 1:
        raise RunError.of("E308", "`exp` is negative, and `base` and `mod` have a common divisor")
    return pow(base, exp, mod)


_divided = division(lambda a, b: a // b)
_rest = division(lambda a, b: a % b)


@builtin(
    "divmod(a: int, b: int) -> tuple[int, int]",
    "divmod(a: float, b: float) -> tuple[float, float]",
    doc="the pair of `a // b` and `a % b`",
    examples=["divmod(7, 2) == (3, 1)", "divmod(-7, 2) == (-4, 1)", "divmod(7.5, 2) == (3, 1.5)"],
    cost=ONE,
)
def _divmod(meter: Meter, a: Any, b: Any) -> tuple[Any, Any]:
    meter.charge(1)
    return _divided(meter, a, b), _rest(meter, a, b)


def _digits(name: str, work: Callable[[int], str]) -> Callable[[Meter, int], str]:
    def code(meter: Meter, number: int) -> str:
        meter.text(3 + number.bit_length() // (4 if name == "hex" else 3 if name == "oct" else 1))
        return work(number)

    return code


for _name, _work, _base, _digits_of_ten in (
    ("bin", bin, 2, "0b1010"),
    ("oct", oct, 8, "0o12"),
    ("hex", hex, 16, "0xa"),
):
    builtin(
        f"{_name}(number: int) -> str",
        doc=f"the number in base {_base}, after `{_digits_of_ten[:2]}`",
        examples=[f'{_name}(10) == "{_digits_of_ten}"', f'{_name}(-10) == "-{_digits_of_ten}"'],
        cost=TEXT,
    )(_digits(_name, _work))


# Characters ----------------------------------------------------------------------


@builtin(
    "ord(c: str) -> int",
    doc="the code point of a text of one character",
    examples=['ord("a") == 97', 'ord("é") == 233'],
    cost=ONE,
)
def _ord(meter: Meter, c: str) -> int:
    meter.charge(1)
    if len(c) != 1:
        raise RunError.of("E308", f"`c` has {len(c):,} characters; it must have one")
    return ord(c)


@builtin(
    "chr(i: int) -> str",
    doc="the character with a code point, which is no surrogate",
    examples=['chr(97) == "a"', 'chr(ord("b") + 1) == "c"'],
    cost=ONE,
)
def _chr(meter: Meter, i: int) -> str:
    meter.charge(1)
    if not 0 <= i < 0x110000 or 0xD800 <= i < 0xE000:
        hint = "code points are from 0 to 1114111, without 55296 to 57343"
        raise RunError.of("E308", f"{quoted_number(i)} is not the code point of a character", hint=hint)
    return chr(i)


# Methods -------------------------------------------------------------------------------


@method(
    "int",
    "bit_length(self: int) -> int",
    doc="the number of binary digits, without the sign",
    examples=["(5).bit_length() == 3", "(0).bit_length() == 0"],
    cost=ONE,
)
def _bit_length(meter: Meter, self: int) -> int:
    meter.charge(1)
    return self.bit_length()


@method(
    "int",
    "bit_count(self: int) -> int",
    doc="the number of ones among the binary digits",
    examples=["(5).bit_count() == 2"],
    cost=ONE,
)
def _bit_count(meter: Meter, self: int) -> int:
    meter.charge(1)
    return int(self).bit_count()


@method(
    "float",
    "is_integer(self: float) -> bool",
    doc="whether the number has no fraction",
    examples=["(4 ** 0.5).is_integer()", "not (0.5).is_integer()"],
    cost=ONE,
)
def _is_integer(meter: Meter, self: float) -> bool:
    meter.charge(1)
    return float(self).is_integer()
