"""The operators on plain values: they mean what they mean in Python, are metered, and raise coded errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import add, eq, floordiv, ge, gt, le, lt, mod, mul, ne, sub, truediv

from rlmlang.errors import RunError
from rlmlang.language import nodes
from rlmlang.render import counted
from rlmlang.runtime.arithmetic import Operator, arithmetic, power
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import RecordValue, Value

_plus, _times = arithmetic(add), arithmetic(mul)


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


OPERATORS: dict[str, Operator] = {
    "+": _add,
    "-": arithmetic(sub),
    "*": _multiply,
    "/": arithmetic(truediv),
    "//": arithmetic(floordiv),
    "%": arithmetic(mod),
    "**": power,
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
        raise RunError.of("E301", f"index {index} is out of range for {_size(value)}")
    return value[index]


def _size(value: Value) -> str:
    return counted(len(value), "character" if isinstance(value, str) else "element")


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
