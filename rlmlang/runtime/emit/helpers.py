"""Functions that emitted code calls, besides those of the built-ins and operators."""

from __future__ import annotations

from rlmlang.errors import RunError
from rlmlang.runtime.exceptions import RaisedError, failed_assertion, unbound
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import Value

MAX_APPLICATIONS = 1_000
"""How many applications of recursive functions may be inside of each other, as in Python."""


class _Unset:
    """The class of the value of a variable that is not bound yet, where a function inside reads the variable."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET = _Unset()


def not_bound(meter: Meter, name: str) -> Value:
    """Raise RunError E310, for a variable that is not bound."""
    raise unbound(name)


def too_deep(meter: Meter) -> None:
    """Raise RunError E309."""
    raise RunError.of(
        "E309",
        f"a recursive function is applied more than {MAX_APPLICATIONS:,} deep",
        hint="let it end earlier, or use a loop",
    )


def dict_of(meter: Meter, pairs: list[tuple[Value, Value]]) -> dict[Value, Value]:
    """Return the dict of pairs; of equal keys the last counts. Raises BudgetError."""
    meter.items(len(pairs))
    return dict(pairs)


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
