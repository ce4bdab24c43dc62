"""Solves tasks, and keeps the traces of the runs that were right: what a model can be trained on.

    python -m benchmarks.lora.solve --tasks tasks.jsonl --out runs
    python -m benchmarks.lora.solve --tasks tasks.jsonl --out runs --model smollm2
    rlmlang trace export runs/*.jsonl --format sft -o train.jsonl

A task is asked as `rlmlang ask --write whole` asks a question: the model writes a program that answers it, in one
go, and the calls in that program are answered directly. Without `--model` the answers are written down beforehand:
the reference program of each task, and what a model that is right says to its calls. With one, its own answers are
taken, and those that are wrong are thrown away. The tasks are as `benchmarks/tasks/generate.py` writes them.
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
    """A model that answers the task rightly, with the program in a fence as chat models write it."""
    leaves = iter(task.leaves)

    def answer(request: Request) -> object:
        return f"```python\n{task.reference}```" if request.program else next(leaves)

    return ScriptedModel(answer, name="reference")


async def solve(task: Task, model: Model, file: TextIO) -> bool:
    """Whether the model answers rightly; the trace goes to a file."""
    trace = Trace()
    trace.sinks.append(lambda seq, text: print(text, file=file))
    program = rlmlang.compile(task.declared() + task.single_call(), task.id)
    try:
        result = await program.arun(task.inputs, model=model, limits=LIMITS, trace=trace, writing="whole")
        return task.is_right(as_data(result.value, program.type))
    except RlmError:
        return False


async def solve_all(tasks: list[Task], name: str | None, out: Path) -> int:
    """How many tasks are solved; their traces are in a folder then. Raises RlmError if the model cannot be opened."""
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
