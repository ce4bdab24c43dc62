"""Keep the results of functions under `@cache` or `@lru_cache`, as Python does, for as long as their frame lasts."""

from __future__ import annotations

from typing import Any

from rlmlang.language.check.checked import CheckedFunction
from rlmlang.runtime.closures import FunctionCode
from rlmlang.runtime.frames import Frame, charge
from rlmlang.runtime.pending import UNRESOLVED, resolved
from rlmlang.runtime.steps import APPLICATION
from rlmlang.runtime.values import Value

MOST_RESULTS = 100_000
"""How many results of one function are kept; then it starts anew, so that memory is bounded."""


def with_results_kept(checked: CheckedFunction, function: FunctionCode) -> FunctionCode:
    """Return the code of a function that runs it once for equal arguments. What waits for an answer is not kept."""
    if checked.makes_calls:
        return function
    span = checked.node.name.span
    # It is the same after a variable that the function reads was bound again: Python keeps the results even so.
    name = f"results {span.start} {checked.params} {checked.result}"

    def run(around: Frame | None, args: list[Value], caller: Frame, site: int, turn: int) -> Value:
        values = [resolved(arg) for arg in args]
        if around is None or any(value.__class__ in UNRESOLVED for value in values):
            return function(around, args, caller, site, turn)
        results: dict[Any, Value] = around.variables.setdefault(name, {})
        key = values[0] if len(values) == 1 and type(values[0]) in (int, str) else tuple(values)  # as CPython does
        found = results.get(key, results)
        if found is not results:
            charge(caller, APPLICATION, span, site, turn)
            return found
        value = resolved(function(around, args, caller, site, turn))
        if value.__class__ not in UNRESOLVED:
            if len(results) >= MOST_RESULTS:
                results.clear()
            results[key] = value
        return value

    return run
