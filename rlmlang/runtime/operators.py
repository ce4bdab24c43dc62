"""The operators on plain values: they mean what they mean in Python, are metered, and raise coded errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from operator import (
    add,
    and_,
    eq,
    floordiv,
    ge,
    gt,
    iand,
    isub,
    ixor,
    le,
    lshift,
    lt,
    mod,
    mul,
    ne,
    or_,
    rshift,
    sub,
    truediv,
    xor,
)

from rlmlang.errors import RunError
from rlmlang.language import nodes
from rlmlang.render import counted
from rlmlang.runtime.arithmetic import Operator, arithmetic, division, finite_product, power
from rlmlang.runtime.formatting import filled, with_format
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import DICTS, MAX_INT_BITS, RecordValue, SetValue, Value

_plus, _minus = arithmetic(add), arithmetic(sub)
_times = arithmetic(mul, finite_product)
_rest = division(mod)


def _add(meter: Meter, a: Value, b: Value) -> Value:
    if isinstance(a, (int, float)):
        return _plus(meter, a, b)
    if isinstance(a, str):
        meter.text(len(a) + len(b))
    else:
        meter.items(len(a) + len(b))
    return a + b


def _multiply(meter: Meter, a: Value, b: Value) -> Value:
    if isinstance(b, (str, list, tuple)):
        a, b = b, a
    if isinstance(a, str):
        meter.text(len(a) * meter.times(b))
        return a * b
    if isinstance(a, (list, tuple)):
        meter.items(len(a) * meter.times(b))
        return a * b
    return _times(meter, a, b)


def _subtract(meter: Meter, a: Value, b: Value) -> Value:
    if isinstance(a, (SetValue, dict)):
        meter.items(len(a) + len(b))
        return a - b
    return _minus(meter, a, b)


def _remainder(meter: Meter, a: Value, b: Value) -> Value:
    return filled(meter, a, b) if isinstance(a, str) else _rest(meter, a, b)


def _bits(work: Callable[[Value, Value], Value]) -> Operator:
    """Return an operator on the bits of integers, on bools, sets and dicts."""

    def operate(meter: Meter, a: Value, b: Value) -> Value:
        if isinstance(a, (SetValue, dict)):
            meter.items((len(a) + len(b)) * (2 if isinstance(a, dict) else 1))
            meter.put_all(b, len(a))
            return work(a, b)
        return meter.number(work(a, b))

    return operate


def _shift(work: Callable[[int, int], int]) -> Operator:
    """Return a shift of an integer. It raises RunError E306, E308."""

    def operate(meter: Meter, a: int, b: int) -> int:
        if b < 0:
            raise RunError.of("E308", f"a shift by {b}; it must be at least 0")
        if a and work is lshift and a.bit_length() + b > MAX_INT_BITS:
            raise RunError.of("E306", f"an integer of {a.bit_length() + b:,} bits; the limit is {MAX_INT_BITS:,}")
        return meter.number(work(a, min(b, MAX_INT_BITS)))

    return operate


OPERATORS: dict[str, Operator] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": arithmetic(truediv),
    "//": division(floordiv),
    "%": _remainder,
    "**": power,
    "&": _bits(and_),
    "|": _bits(or_),
    "^": _bits(xor),
    "<<": _shift(lshift),
    ">>": _shift(rshift),
}


def _comparison(work: Callable[[Value, Value], bool]) -> Operator:
    """Return a comparison, which costs as much as its operands are large."""

    def compare(meter: Meter, a: Value, b: Value) -> bool:
        _look_at(meter, a)
        _look_at(meter, b)
        return work(a, b)

    return compare


def _membership(work: Callable[[Value, Value], bool]) -> Operator:
    """Return a test whether an element is in a container. In a set or dict, no other elements are looked at."""

    def test(meter: Meter, a: Value, b: Value) -> bool:
        _look_at(meter, a)
        if not isinstance(b, (dict, SetValue)):
            _look_at(meter, b)
        return work(a, b)

    return test


def _look_at(meter: Meter, value: Value) -> None:
    """Charge for looking at all of a value."""
    if value.__class__ is str:
        if len(value) >= 16:
            meter.charge(len(value) // 16)
    elif value.__class__ in _CONTAINERS:
        meter.walk(value)


_CONTAINERS = frozenset({list, tuple, *DICTS, SetValue, RecordValue})

COMPARISONS: dict[str, Operator] = {
    "==": _comparison(eq),
    "!=": _comparison(ne),
    "<": _comparison(lt),
    "<=": _comparison(le),
    ">": _comparison(gt),
    ">=": _comparison(ge),
    "in": _membership(lambda a, b: a in b),
    "not in": _membership(lambda a, b: a not in b),
    "is": lambda meter, a, b: a is b,
    "is not": lambda meter, a, b: a is not b,
}


def index_into(meter: Meter, value: Value, index: Value) -> Value:
    """Return `value[index]`. Raises RunError E301, E302."""
    if isinstance(value, dict):
        if index not in value:
            if value.__class__ is not dict:  # a Counter, or a defaultdict, which keeps the default
                meter.grow(2 * len(value) + 2)
                meter.put(index, len(value))
                return value[index]
            known = ", ".join(map(_named, islice(value, 5))) or "no keys"
            raise RunError.of(
                "E302",
                f"the dict has no key {_named(index)}",
                hint=f"it has {known}; `.get(key, default)` does not fail",
            )
        return value[index]
    if not -len(value) <= index < len(value):
        raise RunError.of("E301", f"index {index} is out of range for {_size(value)}")
    return value[index]


def _named(key: Value) -> str:
    text = repr(key)
    return text if len(text) <= 200 else text[:199] + "…"


def _size(value: Value) -> str:
    return counted(len(value), "character" if isinstance(value, str) else "element")


def set_item(meter: Meter, container: Value, index: Value, value: Value) -> None:
    """Do `container[index] = value`. Raises RunError E301, BudgetError."""
    if isinstance(container, dict):
        meter.key(index)
        if index not in container:
            meter.grow(2 * len(container) + 2)
            meter.put(index, len(container))
    elif not -len(container) <= index < len(container):
        raise RunError.of("E301", f"index {index} is out of range for {_size(container)}")
    container[index] = value


def _extend(meter: Meter, a: Value, b: Value) -> Value:
    meter.grow(len(a) + len(b))
    meter.charge(len(b))
    a += b
    return a


def _update(meter: Meter, a: Value, b: Value) -> Value:
    meter.grow((len(a) + len(b)) * (2 if isinstance(a, dict) else 1))
    meter.charge(len(b))
    meter.put_all(b, len(a))
    a |= b
    return a


def _narrow(work: Callable[[Value, Value], Value]) -> Operator:
    def operate(meter: Meter, a: Value, b: Value) -> Value:
        meter.items(len(a))
        return work(a, b)

    return operate


def _repeat(meter: Meter, a: Value, b: Value) -> Value:
    meter.items(len(a) * meter.times(b))
    a *= b
    return a


CHANGING: dict[tuple[type, str], Operator] = {
    (list, "+"): _extend,
    (list, "*"): _repeat,
    (dict, "|"): _update,
    (SetValue, "|"): _update,
    (SetValue, "&"): _narrow(iand),
    (SetValue, "-"): _narrow(isub),
    (SetValue, "^"): _narrow(ixor),
}
"""Augmented assignments that change the value of their target in place, as in Python."""


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
        shown.append(with_format(value, part.spec) if part.spec else str(value))
    meter.text(sum(map(len, shown)))
    return "".join(shown)
