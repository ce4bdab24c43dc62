"""Run hostile programs, each in a process of its own, and measure them.

`python hostile_runs.py` prints a line of JSON a case: the code of the error (or null), the number of
model calls, seconds, and the peak memory in megabytes. Cases can be named on the command line.
With `--few-steps`, those that may end for want of steps have fewer.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from attrs import evolve

from rlmlang.models.base import Capabilities

sys.path.insert(0, str(Path(__file__).parents[2]))  # for when this is run as a program

from tests.support.hostile import Case, cases

WATCHDOG = 5
"""Seconds of work after which a case is killed. The goal is 2; a slow machine must not fail a test."""

FEW_STEPS = 1_000_000
"""With so many steps, a program that runs without end shows what it takes for each, in a fifth of the usual time."""

MEMORY = 3_000_000_000
"""Bytes of address space; the goal is 500 MB of resident memory."""


class _Model:
    name = "hostile"
    identity = "{}"
    context = 10_000_000
    concurrency = 4
    capabilities = Capabilities()

    def __init__(self, reply: Callable[[], str] | None) -> None:
        self.reply = reply if reply is None else cache(reply)
        self.calls = 0

    def count_tokens(self, request: Any) -> int:
        return 1

    async def generate(self, request: Any) -> Any:
        from rlmlang.models.base import Reply

        self.calls += 1
        assert self.reply is not None
        return Reply(self.reply(), 1, 1, "stop")

    async def aclose(self) -> None:
        pass


def attempt(subject: Case, few_steps: bool = False) -> dict[str, Any]:
    """Run one case here. Everything it may do to a user is done: checked, costed, run, shown."""
    from rlmlang.api import compile
    from rlmlang.calls.limits import Limits
    from rlmlang.errors import RlmError
    from rlmlang.render import render
    from rlmlang.runtime.values import canonical

    text = subject.text()
    model = _Model(subject.reply)
    began, worked = time.perf_counter(), time.process_time()
    code, shown, error = "value", "", None
    try:
        program = compile(text)
        limits = Limits(max_depth=2 if subject.deep else 1)
        if few_steps and "E506" in subject.codes:
            limits = evolve(limits, max_steps=FEW_STEPS)
        result = program.run(model=model, limits=limits)
        shown = canonical(result.value)
    except RlmError as failure:
        code = failure.first.code
        shown = str(failure) + render(failure.diagnostics)
    except BaseException:
        code, error = "traceback", traceback.format_exc()[-3_000:]
    return {
        "code": code,
        "calls": model.calls,
        "seconds": round(time.perf_counter() - began, 2),
        "cpu": round(time.process_time() - worked, 2),
        "shown": len(shown),
        "error": error,
    }


def apart(subject: Case, few_steps: bool = False) -> dict[str, Any]:
    """Run one case in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (WATCHDOG, WATCHDOG))
        signal.alarm(20 * WATCHDOG)  # one that waits for ever does no work
        report = attempt(subject, few_steps)
        with os.fdopen(writer, "w") as out:
            json.dump(report, out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        text = lines.read()
    _, status, usage = os.wait4(child, 0)
    report = (
        json.loads(text) if text else {"code": f"killed {status}", "calls": 0, "seconds": WATCHDOG, "cpu": WATCHDOG}
    )
    return {"name": subject.name, "megabytes": usage.ru_maxrss // 1024, **report}


def main(names: list[str], few_steps: bool) -> None:
    import rlmlang.api
    import rlmlang.render

    rlmlang.api.compile("1 + 1").run()
    for subject in cases():
        if not names or subject.name in names:
            print(json.dumps(apart(subject, few_steps)), flush=True)


if __name__ == "__main__":
    main([each for each in sys.argv[1:] if each != "--few-steps"], "--few-steps" in sys.argv)
