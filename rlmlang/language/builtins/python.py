"""Built-in functions that Python has too, with the same meaning, and functions that read and write values."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import (
    ELEMENTS,
    ONE,
    SIZE,
    SORTING,
    TEXT,
    filtered_length,
    quoted,
    quoted_number,
    range_length,
    same_length,
    shortest_length,
    up_to_length,
)  # fmt: skip
from rlmlang.language.builtins.table import SpecialForm, builtin
from rlmlang.runtime.arithmetic import arithmetic, power
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import Value, canonical

MAX_DIGITS = 3_900
"""The most digits that `int` reads; such a number is always below `values.MAX_INT_BITS`."""


# Numbers -------------------------------------------------------------------------


def _number(meter: Meter, work: Callable[[], Any]) -> Any:
    """Return the number that the work gives. Raises RunError E306 if it is too large or not finite."""
    try:
        value = work()
    except OverflowError:
        value = math.inf
    if isinstance(value, int):
        return meter.number(value)
    if not math.isfinite(value):
        raise RunError.of("E306", "the number is too large for a float, or not a finite real number")
    return value


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
    return _number(meter, lambda: round(x, *digits))


@builtin(
    "sum(xs: Iterable[int], start: int = 0) -> int",
    "sum(xs: Iterable[float], start: float = 0) -> float",
    "sum(xs: Iterable[list[T]], start: list[T]) -> list[T]",
    doc="`start` and all elements added up; lists one after another",
    examples=[
        "sum([1, 2, 3]) == 6",
        "sum([], 5) == 5",
        "sum([0.5, 1]) == 1.5",
        "sum([[1], [2, 3]], []) == [1, 2, 3]",
    ],
    cost=ELEMENTS,
)
def _sum(meter: Meter, xs: Any, start: Any = 0) -> Any:
    meter.charge(1 + len(xs))
    if isinstance(start, list):
        meter.items(len(start) + sum(map(len, xs)))
        return list(chain(start, *xs))
    return _number(meter, lambda: sum(xs, start))


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


_divided = arithmetic(lambda a, b: a // b)
_rest = arithmetic(lambda a, b: a % b)


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


# Order ---------------------------------------------------------------------------


def _extreme(name: str, pick: Callable[..., Any]) -> Callable[..., Any]:
    def code(meter: Meter, *args: Any, key: list[Any] | None = None, **options: Any) -> Any:
        given = args if len(args) > 1 else args[0]
        meter.items(len(given))
        values = list(given)
        if not values:
            if "default" in options:
                return options["default"]
            raise RunError.of("E305", f"`{name}` of an empty sequence", hint=f"write `{name}(xs, default=…)`")
        if key is None:
            meter.walk(values)
            return pick(values)
        meter.walk(key)
        return values[pick(range(len(values)), key=key.__getitem__)]

    return code


for _name, _pick, _most, _examples in (
    ("min", min, "smallest", ["min([3, 1, 2]) == 1", "min(2, 1) == 1", 'min(["aa", "b"], key=len) == "b"']),
    ("max", max, "largest", ["max([3, 1, 2]) == 3", "max(2, 1.5) == 2", 'max(["a", "bb"], key=len) == "bb"']),
):
    builtin(
        f"{_name}(xs: Iterable[K]) -> K",
        f"{_name}(a: K, b: K, *more: K) -> K",
        f"{_name}(xs: Iterable[K], *, default: K) -> K",
        f"{_name}(xs: Iterable[T], *, key: Callable[[T], K]) -> T",
        f"{_name}(xs: Iterable[T], *, key: Callable[[T], K], default: T) -> T",
        f"{_name}(a: T, b: T, *more: T, key: Callable[[T], K]) -> T",
        doc=f"the {_most} element or argument, by `key` if there is one; of equal ones the first",
        examples=[*_examples, f"{_name}([], default=0) == 0"],
        cost=SIZE,
    )(_extreme(_name, _pick))


@builtin(
    "sorted(xs: Iterable[K], *, reverse: bool = False) -> list[K]",
    "sorted(xs: Iterable[T], *, key: Callable[[T], K], reverse: bool = False) -> list[T]",
    doc="the elements in order, by `key` if there is one; equal ones stay in theirs",
    examples=[
        "sorted([2, 1]) == [1, 2]",
        'sorted("ba") == ["a", "b"]',
        'sorted(["bb", "a"], key=len) == ["a", "bb"]',
        "sorted([1, 2], reverse=True) == [2, 1]",
    ],
    cost=SORTING,
    bounds=same_length,
)
def _sorted(meter: Meter, xs: Any, *, key: list[Any] | None = None, reverse: bool = False) -> list[Any]:
    meter.items(len(xs))
    values = list(xs)
    before = meter.steps
    meter.walk(values if key is None else key)
    meter.charge((meter.steps - before) * len(values).bit_length())
    if key is None:
        return sorted(values, reverse=reverse)
    return [values[i] for i in sorted(range(len(values)), key=key.__getitem__, reverse=reverse)]


@builtin(
    "set(xs: Iterable[K]) -> list[K]",  # decision 8
    doc="the distinct elements in order, as a list",
    examples=["set([2, 1, 2]) == [1, 2]", 'set("aba") == ["a", "b"]'],
    cost=SORTING,
    bounds=up_to_length,
)
def _set(meter: Meter, xs: Any) -> list[Any]:
    out: list[Any] = []
    for x in _sorted(meter, xs):
        if not out or out[-1] != x:
            out.append(x)
    return out


@builtin(
    "reversed(xs: Iterable[T]) -> list[T]",
    doc="the elements from last to first, as a list",
    examples=["reversed([1, 2]) == [2, 1]", 'reversed("ab") == ["b", "a"]'],
    cost=ELEMENTS,
    moves=1,
    bounds=same_length,
)
def _reversed(meter: Meter, xs: Any) -> list[Any]:
    meter.items(len(xs))
    return list(reversed(xs))


# Collections ---------------------------------------------------------------------


@builtin(
    "len(xs: Iterable[T]) -> int",
    doc="the number of characters, elements or keys",
    examples=['len("abc") == 3', "len([1, 2]) == 2", 'len({"a": 1}) == 1'],
    cost=ONE,
    moves=0,
    bounds=same_length,
)
def _len(meter: Meter, xs: Any) -> int:
    meter.charge(1)
    return len(xs)


@builtin(
    "any(xs: Iterable[T]) -> bool",
    doc="whether an element is true; of a generator no element after that one is computed",
    examples=["any([False, True])", "not any([])", "any(x > 1 for x in [1, 2])"],
    cost=ELEMENTS,
    form=SpecialForm.ANY,
)
def _any(meter: Meter, xs: Any) -> bool:
    meter.charge(1 + len(xs))
    return any(xs)


@builtin(
    "all(xs: Iterable[T]) -> bool",
    doc="whether no element is false; of a generator no element after a false one is computed",
    examples=["all([])", "not all([True, False])", "all(x > 0 for x in [1, 2])"],
    cost=ELEMENTS,
    form=SpecialForm.ALL,
)
def _all(meter: Meter, xs: Any) -> bool:
    meter.charge(1 + len(xs))
    return all(xs)


@builtin(
    "range(stop: int) -> list[int]",  # decision 13
    "range(start: int, stop: int, step: int = 1) -> list[int]",
    doc="the numbers from `start`, or 0, to before `stop`, as a list",
    examples=["range(3) == [0, 1, 2]", "range(1, 3) == [1, 2]", "range(3, 0, -1) == [3, 2, 1]"],
    cost=ELEMENTS,
    bounds=range_length,
)
def _range(meter: Meter, *bounds: int) -> list[int]:
    start, stop, step = (0, *bounds, 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if step == 0:
        raise RunError.of("E308", "the step of a range cannot be 0")
    _integers(meter, max(0, -((start - stop) // step)), start, stop)
    return list(range(start, stop, step))


def _integers(meter: Meter, count: int, *bounds: int) -> None:
    """Charge for a list of `count` integers of the size of the bounds, before it is made."""
    meter.items(count * (1 + max(bound.bit_length() for bound in bounds) // 64))


@builtin(
    "enumerate(xs: Iterable[T], start: int = 0) -> list[tuple[int, T]]",
    doc="pairs of number and element, as a list; numbers count from `start`",
    examples=['enumerate(["a"]) == [(0, "a")]', 'enumerate("b", 1) == [(1, "b")]'],
    cost=ELEMENTS,
    moves=2,
    bounds=same_length,
)
def _enumerate(meter: Meter, xs: Any, start: int = 0) -> list[tuple[int, Any]]:
    _integers(meter, 2 * len(xs), start, meter.number(start + len(xs)))
    return list(enumerate(xs, start))


@builtin(
    "zip(a: Iterable[A], b: Iterable[B]) -> list[tuple[A, B]]",
    "zip(a: Iterable[A], b: Iterable[B], c: Iterable[C]) -> list[tuple[A, B, C]]",
    "zip(a: Iterable[A], b: Iterable[B], c: Iterable[C], d: Iterable[D]) -> list[tuple[A, B, C, D]]",
    doc="tuples of the elements at the same place, as a list, as many as the shortest has",
    examples=['zip([1, 2], "ab") == [(1, "a"), (2, "b")]', "zip([1, 2], [3]) == [(1, 3)]"],
    cost=ELEMENTS,
    moves=2,
    bounds=shortest_length,
)
def _zip(meter: Meter, *xs: Any) -> list[tuple[Any, ...]]:
    meter.items(len(xs) * min(map(len, xs)))
    return list(zip(*xs))


@builtin(
    "map(function: Callable[[A], T], a: Iterable[A]) -> list[T]",
    "map(function: Callable[[A, B], T], a: Iterable[A], b: Iterable[B]) -> list[T]",
    "map(function: Callable[[A, B, C], T], a: Iterable[A], b: Iterable[B], c: Iterable[C]) -> list[T]",
    doc="what `function` gives for each element, or for the elements at the same place, as a list",
    examples=[
        'map(len, ["a", "bc"]) == [1, 2]',
        "map(lambda x: x * 2, [1, 2]) == [2, 4]",
        "map(max, [1, 5], [3, 2]) == [3, 5]",
    ],
    cost="1 step an element, and what `function` takes",
    moves=1,
    bounds=same_length,
)
def _map(meter: Meter, results: list[Any], *iterables: Any) -> list[Any]:
    meter.items(len(results))
    return list(results)


@builtin(
    "filter(function: Callable[[T], B], iterable: Iterable[T]) -> list[T]",
    "filter(function: None, iterable: Iterable[T | None]) -> list[T]",
    doc="the elements for which `function` gives something true, or, for None, those that are true, as a list",
    examples=["filter(lambda x: x > 1, [1, 2, 3]) == [2, 3]", 'filter(None, ["a", "", None]) == ["a"]'],
    cost="1 step an element, and what `function` takes",
    bounds=filtered_length,
)
def _filter(meter: Meter, truths: list[Any] | None, iterable: Any) -> list[Any]:
    meter.items(len(iterable))
    return [x for x, truth in zip(iterable, iterable if truths is None else truths) if truth]


@builtin(
    "list(xs: Iterable[T] = []) -> list[T]",
    doc="the elements, characters or keys, as a list",
    examples=["list() == []", 'list("ab") == ["a", "b"]', 'list({"k": 1}) == ["k"]'],
    cost=ELEMENTS,
    moves=1,
    bounds=same_length,
)
def _list(meter: Meter, xs: Any = ()) -> list[Any]:
    meter.items(len(xs))
    return list(xs)


@builtin(
    "dict(pairs: Iterable[tuple[str, T]] = []) -> dict[str, T]",
    doc="a dict of pairs of key and value; of equal keys the last counts",
    examples=["dict() == {}", 'dict([("a", 1)]) == {"a": 1}', 'dict(zip(["a", "a"], [1, 2])) == {"a": 2}'],
    cost=ELEMENTS,
)
def _dict(meter: Meter, pairs: Sequence[tuple[str, Any]] = ()) -> dict[str, Any]:
    meter.items(len(pairs))
    return dict(pairs)


# Reading and writing values ------------------------------------------------------


@builtin(
    "bool(x: T = False) -> bool",
    doc="whether a value is true: neither False, None, 0 nor empty",
    examples=['bool("a")', "not bool([])", "not bool(0)"],
    cost=ONE,
)
def _bool(meter: Meter, x: Any = False) -> bool:
    meter.charge(1)
    return bool(x)


@builtin(
    'str(x: T = "") -> str',
    doc="the value as text, as Python prints it",
    examples=['str(1.5) == "1.5"', 'str("a") == "a"', 'str(["a"]) == "[\'a\']"'],
    cost=SIZE,
)
def _str(meter: Meter, x: Any = "") -> str:
    meter.walk(x)
    text = str(x)
    meter.text(len(text))
    return text


@builtin(
    "repr(x: T) -> str",
    doc="the value as text, as Python writes it in a program",
    examples=['repr("a") == "\'a\'"', 'repr([1, None]) == "[1, None]"'],
    cost=SIZE,
)
def _repr(meter: Meter, x: Any) -> str:
    meter.walk(x)
    text = repr(x)
    meter.text(len(text))
    return text


@builtin(
    "to_json(x: T) -> str",
    doc="the value as JSON without spaces",
    examples=["to_json([1, None]) == '[1,null]'", 'to_json({"a": True}) == \'{"a":true}\''],
    cost=SIZE,
)
def _to_json(meter: Meter, x: Value) -> str:
    meter.walk(x)
    text = canonical(x)
    meter.text(len(text))
    return text


_DIGITS = re.compile(r"\d+(?:_\d+)*")
_LETTERS = re.compile(r"[^\W_]+(?:_[^\W_]+)*")


def _too_long(text: str, base: int = 10) -> bool:
    """Return whether a text is an integer of more digits than may be read."""
    if len(text) <= MAX_DIGITS or (base & (base - 1) == 0 and base):  # powers of 2 are read in linear time
        return False
    text = text.strip()
    digits = text[text[:1] in ("+", "-") :]
    return (
        len(digits) - digits.count("_") > MAX_DIGITS
        and (_DIGITS if base in (0, 10) else _LETTERS).fullmatch(digits) is not None
    )


@builtin(
    "int(x: str) -> int",
    "int(x: str, base: int) -> int",
    "int(x: float = 0) -> int",
    "int(x: bool) -> int",
    doc="a whole number, from text, in base 10 if there is no other, or from a number by dropping its fraction",
    examples=['int(" 42 ") == 42', "int(-2.7) == -2", "int(True) == 1", 'int("ff", 16) == 255', 'int("0b11", 0) == 3'],
    cost=TEXT,
)
def _int(meter: Meter, x: Any = 0, base: int = 10) -> int:
    if not isinstance(x, str):
        meter.charge(1)
        return int(x)
    if base != 0 and not 2 <= base <= 36:
        raise RunError.of("E308", f"`base` is {quoted_number(base)}; it must be 0, or from 2 to 36")
    found = _read_int(meter, x, base)
    if found is not None:
        return meter.number(found)
    if _too_long(x, base):
        raise RunError.of("E306", f"an integer of more than {MAX_DIGITS:,} digits")
    if base == 10:
        raise RunError.of("E304", f"{quoted(x)} is not an integer", hint="`int_or_none` returns None instead")
    raise RunError.of("E304", f"{quoted(x)} is not an integer in base {base}")


def _read_int(meter: Meter, text: str, base: int) -> int | None:
    meter.charge(1 + len(text) // 16)
    try:
        return None if _too_long(text, base) else int(text, base)
    except ValueError:
        return None


@builtin(
    "int_or_none(x: str) -> int | None",
    doc=f"the whole number that a text is, of at most {MAX_DIGITS:,} digits; None if it is none",
    examples=['int_or_none("7") == 7', 'int_or_none("seven") is None'],
    cost=TEXT,
)
def _int_or_none(meter: Meter, x: str) -> int | None:
    return _read_int(meter, x, 10)


@builtin(
    "float(x: str) -> float",
    "float(x: float = 0) -> float",
    "float(x: bool) -> float",
    doc="a number with a fraction, from text or another number",
    examples=['float(" 2.5 ") == 2.5', 'float("1e3") == 1000', "float(2) == 2"],
    cost=TEXT,
)
def _float(meter: Meter, x: Any = 0) -> float:
    meter.charge(1 + (len(x) // 16 if isinstance(x, str) else 0))
    try:
        value: float = _number(meter, lambda: float(x))
    except ValueError:
        raise RunError.of("E304", f"{quoted(x)} is not a number", hint="`float_or_none` returns None instead") from None
    return value


@builtin(
    "float_or_none(x: str) -> float | None",
    doc="the number that a text is; None if it is none, or not a finite one",
    examples=['float_or_none("0.5") == 0.5', 'float_or_none("half") is None'],
    cost=TEXT,
)
def _float_or_none(meter: Meter, x: str) -> float | None:
    meter.charge(1 + len(x) // 16)
    try:
        value = float(x)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


# Special forms, which the interpreter evaluates --------------------------------------


@builtin(
    "reduce(step: Callable[[A, T], A], xs: Iterable[T], start: A) -> A",  # decision 7
    doc="`step(state, x)` for one x after another, from the state `start`; the last state",
    examples=["reduce(lambda a, x: a + x, [1, 2], 0) == 3", 'reduce(lambda a, x: x + a, "ab", "") == "ba"'],
    cost="1 step an element, and what `step` takes",
    form=SpecialForm.FOLD,
)
def _reduce(meter: Meter, *args: Any) -> Any:
    raise AssertionError("a special form")


@builtin(
    "run_program(program: str, inputs: dict[str, str]) -> tuple[str | None, str | None]",
    doc="checks and runs a program's text: its value as JSON and None, or None and the error. "
    "Inputs are JSON, of type str bare text",
    examples=[
        'run_program("1 + 1", {}) == ("2", None)',
        'run_program("x: int\\nx * 2", {"x": "4"}) == ("8", None)',
        'run_program("1 +", {})[0] is None',
    ],
    cost="2,000 steps, 40 for each character, and what the program takes",
    form=SpecialForm.PROGRAM,
)
def _run_program(meter: Meter, *args: Any) -> Any:
    raise AssertionError("a special form")
