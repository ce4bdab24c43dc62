"""Measure nano: on every context, and on whole problems through the interpreter.

`python -m benchmarks.nano.evaluate [COUNT]` prints a table, with COUNT problems of each size (docs/nano.md).
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from statistics import fmean

from attrs import frozen

from benchmarks.nano.problems import PROBLEMS
from rlmlang.language.types import STR, ListType
from rlmlang.models.base import Model, Request
from rlmlang.nano.engine import NanoModel
from rlmlang.nano.tasks import TASKS, contexts
from rlmlang.nano.tasks.base import LIST, LONG
from rlmlang.runtime.values import Value

_VALUES: dict[str, Value] = {LONG: "10", **dict(zip(LIST, ([], ["1"], ["1", "2"])))}


def request_of(task: str, shown: Sequence[str]) -> Request:
    """Return the request of a call with these visible arguments."""
    values = [_VALUES.get(each, each.strip('"')) for each in shown]
    type_ = STR if TASKS[task].gives == "str" else ListType(STR)
    return Request(task, tuple((None, value) for value in values), type_, program=True)


async def sweep(model: Model) -> list[str]:
    """Return the contexts in which a model does not write the program of `tasks`."""
    known = list(contexts())
    replies = await asyncio.gather(*(model.generate(request_of(task.name, shown)) for task, shown, _ in known))
    return [
        f"{task.name}({', '.join(shown)})" for (task, shown, text), reply in zip(known, replies) if reply.text != text
    ]


@frozen
class Measure:
    """What problems of one size took: means, except for the largest context."""

    right: int
    of: int
    calls: float
    """The calls that were made; each is answered by one generation, and no two are equal."""
    hits: float
    """The calls that were answered by an equal one."""
    read: float
    """The tokens of prompts."""
    written: float
    """The tokens of programs."""
    context: int
    """The most tokens of a prompt and its program."""
    seconds: float


async def measure(model: Model, name: str, size: int, count: int, seed: int = 0) -> Measure:
    """Solve problems one after another."""
    problem, draw = PROBLEMS[name], random.Random(f"{seed} {name} {size}")
    program = problem.compiled()
    right, context, usages = 0, 0, []
    begin = time.perf_counter()
    for _ in range(count):
        inputs = problem.inputs(draw, size)
        result = await program.arun(dict(zip(program.inputs, inputs)), model=model)
        right += result.value == problem.solve(*inputs)
        context = max(context, *(call.prompt_tokens + call.completion_tokens for call in result.trace.calls))
        usages.append(result.usage)
    seconds = time.perf_counter() - begin

    return Measure(
        right,
        count,
        fmean(usage.calls for usage in usages),
        fmean(usage.memo_hits for usage in usages),
        fmean(usage.prompt_tokens for usage in usages),
        fmean(usage.completion_tokens for usage in usages),
        context,
        seconds / count,
    )


SIZES = {
    "add": (16, 256), "sub": (16, 256), "mul": (4, 16), "div": (4, 16), "gcd": (4, 8), "compare": (16, 64),
    "total": (32,), "modpow": (2, 4), "fibonacci": (10, 100), "sort": (8, 64), "lcs": (8, 16), "lps": (8, 24),
    "knapsack": (4, 12), "matrix_chain": (4, 8), "boolean": (8, 64), "sat": (5, 8), "qbf": (5, 8), "zebra": (3, 4),
}  # fmt: skip


async def report(count: int) -> bool:
    """Print a table of all kinds and sizes. Return whether everything was right."""
    model = NanoModel()
    wrong = await sweep(model)
    total = sum(1 for _ in contexts())
    print(f"{total - len(wrong)} of {total} contexts right", *wrong[:10], sep="\n")
    print("| problem | size | right | calls | memo hits | read | written | context | seconds |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    right = not wrong
    for name, sizes in SIZES.items():
        for size in sizes:
            found = await measure(model, name, size, count)
            right = right and found.right == found.of
            numbers = [f"{each:,.0f}" for each in (found.calls, found.hits, found.read, found.written)]
            row = (name, size, f"{found.right}/{found.of}", *numbers, found.context, f"{found.seconds:.2f}")
            print("|", " | ".join(map(str, row)), "|", flush=True)
    return right


if __name__ == "__main__":
    sys.exit(not asyncio.run(report(int(sys.argv[1]) if len(sys.argv) > 1 else 50)))
