"""Measure the same transformer without recursion: answering at once, and thinking in one context.

    python -m benchmarks.recursion baselines [--only flat,thought,untrained] [--tasks add,mul] [--seeds 3]
        [--tokens 6.4] [--count 200] [--again]

Each baseline is a model for one task alone, of nano's architecture, with nano's optimizers. With `--tokens 6.4` each
gets a third of the tokens from which nano learns all its tasks. It reads characters: `mul:123,45=`, and then writes
- `flat`: the answer;
- `thought`: the steps of the recursion that nano is taught, `#`, and the answer. A step is a call's arguments (texts,
  not lists), `=`, its value and `;`: `7,5,0=12;` for a fact. `TASKS` below says which calls are steps: the facts
  in the order in which they are needed, or the values of the parts, each once. `lcs` fills the usual table.
The loss is on everything after the prompt; contexts have at most 512 tokens. The sizes of the training are
those whose steps fit easily, drawn evenly; both baselines learn the same ones. A problem is right if the whole
answer is.
- `untrained`: nano without training, with its grammar, through the interpreter, with at most 1,000 calls per problem.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import torch
from attrs import asdict, frozen
from torch.nn import functional
from transformers import LlamaForCausalLM
from transformers.utils.logging import disable_progress_bar

from benchmarks.nano import train
from benchmarks.nano.problems import PROBLEMS
from benchmarks.recursion.counting import Counter
from benchmarks.recursion.shared import load, save, wilson
from rlmlang import Limits, RlmError
from rlmlang.nano import tokens
from rlmlang.nano.engine import NanoModel
from rlmlang.nano.tasks import TASKS as known
from rlmlang.runtime.values import Value

PAD, END = 0, 1
CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-*&|^<>=!()[]{}:;,.#_ "
NUMBERS = {character: number for number, character in enumerate(CHARACTERS, 2)}
PLACES = 512


@frozen
class Task:
    """A problem of `PROBLEMS` as the baselines learn it; sizes are those of its generator."""

    call: Callable[..., Value]
    """The call that solves it, given a function that makes calls, and the inputs."""
    learnt: Sequence[int]
    measured: Sequence[int]
    steps: tuple[str, ...] = ()
    """The tasks of nano whose calls are the steps; if empty, the facts are."""
    each_once: bool = False
    """Whether equal calls are one step."""
    table: Callable[..., str] | None = None
    """The text that replaces the steps, made from the inputs."""


def _all_exist(clauses: Sequence[str]) -> str:
    return "".join("E" + each for each in sorted({*"".join(clauses)} - {*"+-"}))


def _lcs_table(a: str, b: str) -> str:
    """Return the usual table, a line for each letter of `a`: the lengths of the common subsequences so far."""
    row, lines = [0] * (len(b) + 1), []
    for x in a:
        last, row = row, [0]
        for j, y in enumerate(b):
            row.append(last[j] + 1 if x == y else max(last[j + 1], row[j]))
        lines.append(x + "".join(CHARACTERS[length] for length in row[1:]) + ";")
    return "".join(lines)


TASKS = {
    "add": Task(lambda call, a, b: call("add", a, b, "0"), range(1, 21), (2, 4, 8, 16, 32, 64)),
    "mul": Task(lambda call, a, b: call("multiply", a, b), range(1, 6), (1, 2, 3, 4, 5, 8, 16)),
    "sort": Task(lambda call, xs: call("sort", xs), range(1, 17), (2, 4, 8, 16, 32, 64), ("sort",)),
    "lcs": Task(lambda call, a, b: call("lcs", list(a), list(b)), range(1, 17), (2, 4, 8, 16, 32), table=_lcs_table),
    "boolean": Task(lambda call, a: call("boolean", a, ""), range(1, 21), (4, 8, 16, 32, 64), ("gate",)),
    "sat": Task(
        lambda call, clauses: call("qbf", clauses, _all_exist(clauses)),
        range(3, 7),
        (3, 4, 5, 6, 8, 10),
        ("qbf",),
        each_once=True,
    ),
}


FACTS = {task.name for task in known.values() if task.fact}


@frozen
class Settings:
    seed: int = 0
    tokens: float = 6.4
    """In millions, padding included."""
    batch: int = 6_000
    """The approximate number of tokens of a batch."""
    rate: float = 0.01
    """The highest learning rate: the best of 0.005, 0.01 and 0.02 for `add`, after 2 million tokens."""


# Texts ---------------------------------------------------------------------------


def written(value: Value) -> str:
    return ",".join(map(written, value)) if isinstance(value, (list, tuple)) else str(value)


def prompt(name: str, inputs: Sequence[Value]) -> str:
    return f"{name}:{written(list(inputs))}="


def thought(name: str, inputs: Sequence[Value]) -> str:
    """Return the steps that lead to an answer."""
    task = TASKS[name]
    if task.table is not None:
        return task.table(*inputs)
    counter = Counter(remember=task.each_once)
    task.call(counter.call, *inputs)
    steps = task.steps or FACTS
    return "".join(f"{','.join(each.texts)}={written(each.value)};" for each in counter.steps if each.task in steps)


def example(kind: str, name: str, size: int, draw: random.Random) -> tuple[list[int], list[int]]:
    """Return the tokens of a prompt, and of the text after it."""
    inputs = PROBLEMS[name].inputs(draw, size)
    answer = written(PROBLEMS[name].solve(*inputs))
    text = answer if kind == "flat" else f"{thought(name, inputs)}#{answer}"
    return encode(prompt(name, inputs)), [*encode(text), END]


def encode(text: str) -> list[int]:
    return [NUMBERS[character] for character in text]


def decode(numbers: Sequence[int]) -> str:
    """Return the text of tokens up to the end token."""
    end = numbers.index(END) if END in numbers else len(numbers)
    return "".join(CHARACTERS[number - 2] for number in numbers[:end] if number != PAD)


# Training ------------------------------------------------------------------------


def batches(kind: str, name: str, settings: Settings) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield tokens, and which of them are learnt: sizes drawn evenly, texts of similar length together."""
    draw = random.Random(f"{settings.seed} {kind} {name}")
    while True:
        drawn: list[tuple[list[int], list[int]]] = []
        while sum(len(a) + len(b) for a, b in drawn) < 16 * settings.batch:
            texts = example(kind, name, draw.choice(TASKS[name].learnt), draw)
            if len(texts[0]) + len(texts[1]) <= PLACES:
                drawn.append(texts)
        drawn.sort(key=lambda texts: len(texts[0]) + len(texts[1]))
        groups: list[list[tuple[list[int], list[int]]]] = [[]]
        for texts in drawn:
            if (len(groups[-1]) + 1) * (len(texts[0]) + len(texts[1])) > settings.batch:
                groups.append([])
            groups[-1].append(texts)
        draw.shuffle(groups)
        for group in groups:
            width = max(len(a) + len(b) for a, b in group)
            batch = torch.full((len(group), width), PAD)
            learnt = torch.zeros((len(group), width), dtype=torch.bool)
            for i, (a, b) in enumerate(group):
                batch[i, : len(a) + len(b)] = torch.tensor(a + b)
                learnt[i, len(a) : len(a) + len(b)] = True
            yield batch, learnt


def trained(kind: str, name: str, settings: Settings) -> tuple[LlamaForCausalLM, dict[str, Any]]:
    """Return a trained model, and the figures of its training."""
    usual = train.Settings(seed=settings.seed, places=PLACES, muon=settings.rate, adamw=settings.rate)
    model = train.new_model(usual, len(CHARACTERS) + 2, PAD, END)
    optimizers = train.new_optimizers(model, usual)
    begin, read, step, whole = time.perf_counter(), 0, 0, settings.tokens * 1e6
    losses: list[float] = []
    for batch, learnt in batches(kind, name, settings):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * min((step + 1) / 30, 1.0) * max(0.0, 1 - read / whole)
        logits = model(input_ids=batch).logits
        loss = functional.cross_entropy(logits[:, :-1][learnt[:, 1:]], batch[:, 1:][learnt[:, 1:]])
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        step, read = step + 1, read + batch.numel()
        losses.append(loss.item())
        if read >= whole:
            break
    parameters = sum(each.numel() for each in model.parameters())
    training = {"parameters": parameters, "steps": step, "seconds": round(time.perf_counter() - begin)}
    return model, training | {"loss": [round(fmean(losses[i : i + 100]), 4) for i in range(0, step, 100)]}


# Measuring -----------------------------------------------------------------------


@torch.no_grad()
def measured(kind: str, model: LlamaForCausalLM, name: str, size: int, problems: int) -> dict[str, Any]:
    """Measure problems of a size, answered greedily; those that do not fit a context count as wrong."""
    draw = random.Random(f"baselines {name} {size}")
    examples = [example(kind, name, size, draw) for _ in range(problems)]
    rows = [(prompt, text) for prompt, text in examples if len(prompt) + len(text) <= PLACES]
    right = 0
    if rows:
        width = max(len(prompt) for prompt, _ in rows)
        left = PLACES - width  # an answer may be half as long again as the longest right one
        most = min(left, max(len(text) for _, text in rows) * 3 // 2)
        padded = torch.tensor([[PAD] * (width - len(prompt)) + prompt for prompt, _ in rows])
        found = model.generate(padded, attention_mask=(padded != PAD).long(), max_new_tokens=most, do_sample=False)
        texts = [decode(row) for row in found[:, width:].tolist()]
        right = sum(
            text.rpartition("#")[2] == decode(expected).rpartition("#")[2] for text, (_, expected) in zip(texts, rows)
        )
    answers = Tally(decode(text).rpartition("#")[2] for _, text in examples)
    return {"right": right, "count": problems, "fit": len(rows), "commonest": max(answers.values())}


def measure_model(kind: str, name: str, settings: Settings, problems: int) -> dict[str, Any]:
    model, training = trained(kind, name, settings)
    print(f"{kind} {settings.seed} {name}: {training['seconds']} s, losses {training['loss']}", flush=True)
    sizes: dict[str, dict[str, Any]] = {}
    for size in TASKS[name].measured:
        found = sizes[str(size)] = measured(kind, model, name, size, problems)
        low, high = wilson(found["right"], problems)
        print(
            f"{kind} {settings.seed} {name} {size}: {found['right']}/{problems} ({low:.1%} to {high:.1%})", flush=True
        )
    return {"settings": asdict(settings)} | training | {"sizes": sizes}


async def measure_untrained(name: str, seed: int, problems: int) -> dict[str, Any]:
    """Measure nano before its training, on the smallest sizes."""
    limits = Limits(max_depth=100_000, max_calls=1_000, max_steps=10**7)
    sizes: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as folder:
        train.new_model(train.Settings(seed=seed)).save_pretrained(folder)
        tokens.save(Path(folder))
        model = NanoModel(Path(folder))
        for size in TASKS[name].measured[:2]:
            draw, problem, right = random.Random(f"baselines {name} {size}"), PROBLEMS[name], 0
            program = problem.compiled()
            for _ in range(problems):
                inputs = problem.inputs(draw, size)
                try:
                    values = dict(zip(program.inputs, inputs))
                    result = await program.arun(values, model=model, limits=limits)
                    right += result.value == problem.solve(*inputs)
                except RlmError:
                    pass
            sizes[str(size)] = {"right": right, "count": problems}
            print(f"untrained {seed} {name} {size}: {right}/{problems}", flush=True)
    return {"sizes": sizes}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="flat,thought,untrained", help="baselines (default: %(default)s)")
    parser.add_argument("--tasks", default=",".join(TASKS), help="default: %(default)s")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each (default: %(default)s)")
    parser.add_argument("--tokens", type=float, default=6.4, help="of a training, in millions (default: %(default)s)")
    parser.add_argument("--count", type=int, default=200, help="problems of a size (default: %(default)s)")
    parser.add_argument("--again", action="store_true", help="measure anew what was measured")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    for seed, name, kind in product(range(options.seeds), options.tasks.split(","), options.only.split(",")):
        if not options.again and str(seed) in load(f"baselines-{kind}").get(name, {}):
            continue
        if kind == "untrained":
            found = asyncio.run(measure_untrained(name, seed, options.count))
        else:
            found = measure_model(kind, name, Settings(seed, options.tokens), options.count)
        file = load(f"baselines-{kind}")
        file.setdefault(name, {})[str(seed)] = found
        save(f"baselines-{kind}", file)
