"""Measuring: every context swept, and whole problems through the interpreter.

`python -m rlmlang.nano.evaluate [COUNT]` prints a table of COUNT problems a size (docs/nano.md).
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from attrs import frozen

import rlmlang
from rlmlang.models.base import Model, Request
from rlmlang.nano.engine import NanoModel
from rlmlang.nano.tasks import LIST, LONG, TASKS, contexts
from rlmlang.types import STR, ListType
from rlmlang.values import Value

_VALUES: dict[str, Value] = {LONG: "10", **dict(zip(LIST, ([], ["1"], ["1", "2"])))}


def request_of(task: str, shown: Sequence[str]) -> Request:
    """A call in which this is visible."""
    values = [_VALUES.get(each, each.strip('"')) for each in shown]
    type_ = STR if TASKS[task].gives == "str" else ListType(STR)
    return Request(task, tuple((None, value) for value in values), type_, program=True)


async def sweep(model: Model) -> list[str]:
    """The contexts, of all there are, in which a model does not write the program of `tasks`."""
    known = list(contexts())
    replies = await asyncio.gather(*(model.generate(request_of(task.name, shown)) for task, shown, _ in known))
    return [
        f"{task.name}({', '.join(shown)})" for (task, shown, text), reply in zip(known, replies) if reply.text != text
    ]


@frozen
class Problem:
    """A kind of problem: a program with the inputs `a` and `b`, or `xs`, and what Python says."""

    program: str
    solve: Callable[..., Value]
    inputs: Callable[[random.Random, int], Sequence[Value]]
    """Of a size."""

    def compiled(self) -> rlmlang.Program:
        declared = "xs: list[str]\n" if "xs" in self.program else "a: str\nb: str\n"
        return rlmlang.compile(declared + self.program)


def number(draw: random.Random, digits: int) -> str:
    """A number of so many digits."""
    return str(draw.randrange(10 ** (digits - 1), 10**digits))


def _two(draw: random.Random, size: int) -> Sequence[Value]:
    return number(draw, size), number(draw, size)


def _larger_and_smaller(draw: random.Random, size: int) -> Sequence[Value]:
    return number(draw, size), number(draw, max(1, size // 2))


def _list(draw: random.Random, size: int) -> Sequence[Value]:
    return ([number(draw, 2) for _ in range(size)],)


PROBLEMS = {
    "add": Problem("add(a, b)", lambda a, b: str(int(a) + int(b)), _two),
    "sub": Problem("sub(a, b)", lambda a, b: str(int(a) - int(b)), _two),
    "mul": Problem("mul(a, b)", lambda a, b: str(int(a) * int(b)), _two),
    "div": Problem("div(a, b)", lambda a, b: tuple(map(str, divmod(int(a), int(b)))), _larger_and_smaller),
    "gcd": Problem("gcd(a, b)", lambda a, b: str(math.gcd(int(a), int(b))), _two),
    "compare": Problem("compare(a, b)", lambda a, b: "<=>"[(int(a) > int(b)) - (int(a) < int(b)) + 1], _two),
    "sort": Problem("sort(xs)", lambda xs: sorted(xs, key=int), _list),
}


@frozen
class Measure:
    """What problems of a size took, in the mean but for the largest context."""

    right: int
    of: int
    calls: float
    """Made; each is answered by one generation, and no two are equal."""
    hits: float
    """Calls that were answered by an equal one."""
    read: float
    """Tokens of prompts."""
    written: float
    """Tokens of programs."""
    context: int
    """Tokens of a prompt and its program, at most."""
    seconds: float


async def measure(model: Model, name: str, size: int, count: int, seed: int = 0) -> Measure:
    """Solve problems one after another."""
    problem, draw = PROBLEMS[name], random.Random(f"{seed} {name} {size}")
    program = problem.compiled()
    right, context, usages = 0, 0, []
    begin = time.perf_counter()
    for _ in range(count):
        inputs = problem.inputs(draw, size)
        result = await program.arun(dict(zip(program.inputs, inputs)), model=model, record=False)
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
    "add": (4, 16, 64, 256), "sub": (4, 16, 64, 256), "mul": (4, 8, 16), "div": (4, 8, 16),
    "gcd": (4, 8), "compare": (16, 64), "sort": (8, 32, 128),
}  # fmt: skip


async def report(count: int) -> bool:
    """Print a table of all kinds and sizes. Gives whether everything was right."""
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
