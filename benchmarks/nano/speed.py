"""Measure how fast nano writes: tokens a second with 1, 8 and 64 concurrent calls, beside transformers' own.

    python -m benchmarks.nano.speed

Both write the programs of the same contexts, in one order, on one thread.
"""

from __future__ import annotations

import asyncio
import random
import time

import torch
from transformers import LlamaForCausalLM

from benchmarks.nano.evaluate import request_of
from rlmlang.models.base import Request
from rlmlang.nano.engine import WEIGHTS, NanoModel
from rlmlang.nano.tasks import contexts, prompt, visible
from rlmlang.nano.tokens import encode

REQUESTS = [request_of(task.name, shown) for task, shown, _ in contexts()]
random.Random(0).shuffle(REQUESTS)


async def written(requests: list[Request], at_once: int) -> int:
    """Return the number of tokens of the programs of some calls, with a number of them at once."""
    model, rest, counts = NanoModel(), iter(requests), []

    async def work() -> None:
        for request in rest:
            counts.append((await model.generate(request)).completion_tokens)

    await asyncio.gather(*(work() for _ in range(at_once)))
    return sum(counts)


def written_by_transformers(requests: list[Request]) -> int:
    model, count = LlamaForCausalLM.from_pretrained(WEIGHTS), 0
    for request in requests:
        read = torch.tensor([encode(prompt(request.instruction, [visible(value) for _, value in request.arguments]))])
        text = model.generate(read, attention_mask=torch.ones_like(read), max_new_tokens=45, do_sample=False)
        count += text.shape[1] - read.shape[1]
    return count


def show(name: str, count: int, begin: tuple[float, float]) -> None:
    wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
    print(f"| {name} | {count:,} | {count / wall:,.0f} | {count / cpu:,.0f} |", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    print("| | tokens written | a second | a second of processor time |\n|---|--:|--:|--:|")
    for at_once, calls in ((1, 300), (8, 1_500), (64, 4_000)):
        begin = time.perf_counter(), time.process_time()
        count = asyncio.run(written(REQUESTS[:calls], at_once))
        show(f"nano, {at_once} at once", count, begin)
    begin = time.perf_counter(), time.process_time()
    show("transformers, one", written_by_transformers(REQUESTS[:100]), begin)


if __name__ == "__main__":
    main()
