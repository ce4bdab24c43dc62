"""Solve tasks, and keep the traces of the right runs, for training a model.

    python -m benchmarks.lora.solve --tasks tasks.jsonl --out runs
    python -m benchmarks.lora.solve --tasks tasks.jsonl --out runs --model smollm2
    rlmlang trace export runs/*.jsonl --format sft -o train.jsonl

A task is treated like a question of `rlmlang ask --write whole`: the model writes a whole program that answers it, and
the calls in that program are answered directly. Without `--model` the answers are given: the reference program of each
task, and the right replies to its calls. With a model, its own answers are used, and wrong runs are discarded. The
tasks have the format that `benchmarks/tasks/generate.py` writes.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TextIO

import rlmlang
from benchmarks.tasks.measure import Task, as_data, read_tasks
from rlmlang import Limits, RlmError
from rlmlang.models.base import Model, Request
from rlmlang.models.registry import open_model
from rlmlang.models.scripted import ScriptedModel
from rlmlang.trace.recorder import Trace

LIMITS = Limits(max_calls=30, max_depth=2, max_seconds=300)


def reference(task: Task) -> Model:
    """Return a model that answers the task rightly, with the function in a fence as chat models write it."""
    leaves = iter(task.leaves)

    def answer(request: Request) -> object:
        return f"```python\n{task.solution()}```" if request.program else next(leaves)

    return ScriptedModel(answer, name="reference")


async def solve(task: Task, model: Model, file: TextIO) -> bool:
    """Return whether the model answers rightly; the trace goes to a file."""
    trace = Trace()
    trace.sinks.append(lambda seq, text: print(text, file=file))
    program = rlmlang.compile(task.declared() + task.single_call(), task.id)
    try:
        result = await program.arun(task.inputs, model=model, limits=LIMITS, trace=trace, writing="whole")
        return task.is_right(as_data(result.value, program.type))
    except RlmError:
        return False


async def solve_all(tasks: list[Task], name: str | None, out: Path) -> int:
    """Write the traces of solved tasks to a folder, and return how many there are.

    Raises RlmError if the model cannot be opened.
    """
    out.mkdir(parents=True, exist_ok=True)
    model = open_model(name) if name else None
    right = 0
    for task in tasks:
        path = out / f"{task.id}.jsonl"
        with open(path, "w", encoding="utf-8") as file:
            solved = await solve(task, model or reference(task), file)
        right += solved
        if not solved:
            path.unlink()
    if model is not None:
        await model.aclose()
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=Path, required=True, help="JSON lines")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the traces")
    parser.add_argument("--model", help="a model's name, as of `rlmlang run --model`; the references if left out")
    options = parser.parse_args()
    tasks = read_tasks(path=options.tasks)
    print(f"{asyncio.run(solve_all(tasks, options.model, options.out))} of {len(tasks)} tasks solved")


if __name__ == "__main__":
    main()
