"""Run one case of the conformance suite: a program with its inputs and a scripted model, as data (decision 39).

tests/conformance/README.md describes the format of a case. `rlmlang conform` reads one from its standard input.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import fields_dict

from rlmlang.api import compile
from rlmlang.calls.limits import Limits
from rlmlang.errors import RlmError, UsageError
from rlmlang.models.scripted import ScriptedModel
from rlmlang.runtime.values import to_json
from rlmlang.testing.scripted_functions import scripted_function

KEYS: dict[str, type] = {
    "name": str, "program": str, "inputs": dict, "model": list, "functions": dict, "context": int, "limits": dict,
    "plan": bool,
}  # fmt: skip
"""The keys of a case, and the types of their values."""


def run_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """Run a case, and return `value`, `type` and `calls` (with `plan` also `cost`), or `error`.

    Raises UsageError E607 if the object is not a case.
    """
    _check(case)
    limits = Limits(**{"repairs": 0, **case.get("limits", {})})
    model = ScriptedModel(case.get("model", ()), context=case.get("context", 1_000_000))
    functions = {name: scripted_function(name, calls) for name, calls in case.get("functions", {}).items()}
    inputs = case.get("inputs", {})
    found: dict[str, Any] = {}
    try:
        program = compile(case["program"])
        if case.get("plan"):
            found["cost"] = program.cost(inputs, limits=limits, model=model).to_json()
        result = program.run(inputs, model=model, limits=limits, functions=functions)
    except RlmError as error:
        place = error.first.to_json()
        return {"error": {name: place[name] for name in ("code", "line", "column")}}
    return {"value": to_json(result.value), "type": str(result.type), "calls": result.usage.calls, **found}


def _check(case: Mapping[str, Any]) -> None:
    """Raise UsageError E607 if the object is not a case."""
    if "program" not in case:
        raise UsageError.of("E607", "a case needs its `program`")
    for key, value in case.items():
        if key not in KEYS:
            raise UsageError.of("E607", f"a case has no key `{key}`", hint=f"its keys are {', '.join(KEYS)}")
        if type(value) is not KEYS[key]:
            raise UsageError.of("E607", f"`{key}` must be of type {KEYS[key].__name__}")
    for key in case.get("limits", ()):
        if key not in fields_dict(Limits):
            raise UsageError.of("E607", f"there is no limit `{key}`")
    if not all(type(calls) is list for calls in case.get("functions", {}).values()):
        raise UsageError.of("E607", "each of `functions` must be a list of objects")
    if not all(type(reply) is dict for reply in case.get("model", ())):
        raise UsageError.of("E607", "`model` must be a list of objects")
