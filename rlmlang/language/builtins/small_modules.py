"""The modules `operator`, `copy` and `sys`, as far as they are pure and typed."""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Callable
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import ELEMENTS, ONE, SIZE
from rlmlang.language.builtins.table import builtin, constant
from rlmlang.runtime.arithmetic import finite, finite_product
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import Value

# operator ------------------------------------------------------------------------

_NUMBERS = ("a: int, b: int) -> int", "a: float, b: float) -> float")
_INTEGERS = ("a: int, b: int) -> int",)

OPERATORS = {"add": "+", "sub": "-", "mul": "*", "and_": "&", "or_": "|", "xor": "^"}
"""The operators that functions of `operator` stand for; given as functions, they are written out as these."""

GETTER = "itemgetter"
"""The function of `operator` that makes a function: `key=itemgetter(1)`."""


def _operation(name: str) -> Callable[[Meter, Value, Value], Value]:
    work: Callable[[Value, Value], Value] = getattr(operator, name)
    check = finite_product if name == "mul" else finite

    def code(meter: Meter, a: Value, b: Value) -> Value:
        meter.charge(1)
        try:
            return check(meter, work(a, b))
        except OverflowError:
            raise RunError.of("E306", "the result is not a finite real number") from None

    return code


for _name, _sign in OPERATORS.items():
    builtin(
        *(f"{_name}({rest}" for rest in (_NUMBERS if _sign in "+-*" else _INTEGERS)),
        doc=f"`a {_sign} b`",
        examples=[f"operator.{_name}(6, 3) == 6 {_sign} 3"],
        cost=ONE,
        module="operator",
    )(_operation(_name))


@builtin(
    "itemgetter(*items: Any) -> None",
    doc="as an argument that is a function, such as a `key`: the element at an index or of a key; of several a tuple",
    examples=["sorted([(2, 1), (1, 2)], key=operator.itemgetter(1)) == [(2, 1), (1, 2)]"],
    cost=ONE,
    module="operator",
)
def _itemgetter(meter: Meter, *items: Any) -> Any:
    raise RunError.of("E304", "`itemgetter` is an argument only", hint="write `key=itemgetter(1)`")


# copy ----------------------------------------------------------------------------


@builtin(
    "copy(x: list[T]) -> list[T]",
    "copy(x: dict[H, T]) -> dict[H, T]",
    "copy(x: set[H]) -> set[H]",
    "copy(x: T) -> T",
    doc="a copy of a list, dict or set, with the same elements; other values as they are",
    examples=["copy.copy([1, 2]) == [1, 2]"],
    cost=ELEMENTS,
    module="copy",
)
def _copy(meter: Meter, x: Value) -> Value:
    meter.items(2 * len(x) if isinstance(x, (list, dict)) else 1)
    return copy.copy(x) if isinstance(x, (list, dict)) else x


@builtin(
    "deepcopy(x: T) -> T",
    doc="a copy of a value, with copies of all lists, dicts and sets in it",
    examples=["copy.deepcopy([[1], [2]]) == [[1], [2]]"],
    cost=SIZE,
    module="copy",
)
def _deepcopy(meter: Meter, x: Value) -> Value:
    meter.items(2 * meter.walk(x))
    return _copied(x)


def _copied(x: Value) -> Value:
    """Return a value with lists and dicts of its own. What cannot be changed is not copied."""
    if isinstance(x, list):
        return [_copied(each) for each in x]
    if isinstance(x, dict):
        made = copy.copy(x)  # of a Counter or defaultdict too
        for key, value in x.items():
            made[key] = _copied(value)
        return made
    return tuple(map(_copied, x)) if type(x) is tuple else x


# sys -----------------------------------------------------------------------------

constant("sys", "maxsize", sys.maxsize, "the largest integer of 64 bits, 9223372036854775807")


@builtin(
    "setrecursionlimit(limit: int) -> None",
    doc="does nothing: applications nest as deeply as they may in any program",
    examples=["sys.setrecursionlimit(10000) is None"],
    cost=ONE,
    module="sys",
)
def _setrecursionlimit(meter: Meter, limit: int) -> Any:
    meter.charge(1)
