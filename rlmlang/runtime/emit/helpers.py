"""Functions that emitted code calls, besides those of the built-ins and operators."""

from __future__ import annotations

from collections.abc import Callable

from rlmlang.errors import RunError
from rlmlang.runtime.arithmetic import finite
from rlmlang.runtime.exceptions import RaisedError, failed_assertion, too_deep, unbound
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import SetValue, Value, set_of


def not_bound(meter: Meter, name: str) -> Value:
    """Raise RunError E310, for a variable that is not bound."""
    raise unbound(name)


def recursion(meter: Meter) -> None:
    """Raise RunError E309."""
    raise too_deep()


def finite_before(meter: Meter, value: Value, steps: int) -> Value:
    """Return a result that is not too large, as it is checked before some of the steps that are charged already."""
    meter.steps -= steps
    checked = finite(meter, value)
    meter.steps += steps
    return checked


def is_int(meter: Meter, value: Value) -> bool:
    return value.__class__ is int


def is_float(meter: Meter, value: Value) -> bool:
    return value.__class__ is float


IS_NUMBER: dict[type, Callable[[Meter, Value], bool]] = {int: is_int, float: is_float}


def dict_of(meter: Meter, pairs: list[tuple[Value, Value]]) -> dict[Value, Value]:
    """Return the dict of pairs; of equal keys the last counts. Raises BudgetError."""
    meter.items(len(pairs))
    meter.put_all([key for key, _ in pairs])
    return dict(pairs)


def set_from(meter: Meter, items: list[Value], constants: bool = False) -> SetValue:
    """Return the set of elements. Raises RunError E306."""
    meter.put_all(items)
    return set_of(items, constants)


def unpacked(meter: Meter, value: Value, count: int) -> None:
    """Raise RunError E304 if there are not as many elements as targets."""
    if len(value) != count:
        few = "more" if len(value) > count else "fewer"
        raise RunError.of("E304", f"there are {few} than {count} elements to unpack: {len(value)}")


def asserted(meter: Meter, message: Value = "") -> None:
    """Raise RunError E311."""
    raise failed_assertion(_text(meter, message))


def raised(meter: Meter, kind: str, message: Value = "") -> None:
    """Raise RunError E312."""
    raise RaisedError.make(kind, _text(meter, message))


def _text(meter: Meter, message: Value) -> str:
    if isinstance(message, str):
        return message
    meter.walk(message)
    return str(message)
