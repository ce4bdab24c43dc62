"""Functions of the host that give what is written down for their arguments, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rlmlang.calls.host_functions import HostFunction
from rlmlang.errors import UsageError


def scripted_function(name: str, calls: Sequence[Mapping[str, Any]]) -> HostFunction:
    """Return a function that gives the `result` of the first call with its `args`, or raises the `error` of it.

    Arguments are compared as JSON; a call without `args` is for any. Raises UsageError E607 for other keys.
    """
    for each in calls:
        if not each.keys() <= {"args", "result", "error"}:
            raise UsageError.of("E607", f"a call of the function `{name}` has no keys but args, result and error")

    def function(*args: Any) -> Any:
        given = _text(args)
        for each in calls:
            if "args" not in each or _text(each["args"]) == given:
                if "error" in each:
                    raise ValueError(each["error"])
                return each.get("result")
        raise LookupError(f"no result is written down for {name}({given[1:-1]})")

    return HostFunction(function)


def _text(args: Sequence[Any]) -> str:
    return json.dumps([*args], default=sorted)
