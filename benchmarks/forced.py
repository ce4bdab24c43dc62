"""Measure how many tokens are forced, that is, need not be sampled, and what that saves.

    python -m benchmarks.forced [--tasks N] [--rounds N] [MODEL …]

For the first tasks of `tasks/tasks.jsonl` the model writes whole programs constrained to types, once with
forced tokens appended in one pass, and once with every token sampled; the two take turns. Prints the share of
forced tokens, medians over rounds of seconds per token, their ratio, and whether all texts were the same.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from unittest.mock import patch

from benchmarks.tasks.measure import read_tasks
from rlmlang.decode.matcher import Matcher
from rlmlang.models.registry import open_model

MODELS = ("hf:smollm2", "smollm2?slots=1")


async def measure(name: str, count: int, rounds: int, max_tokens: int) -> None:
    model = open_model(name)
    requests = [task.request(True, max_tokens) for task in read_tasks(limit=count)]
    await model.generate(requests[0])  # load the model, and read the common prefix of all prompts
    seconds: dict[bool, list[float]] = {True: [], False: []}
    texts: dict[bool, list[str]] = {}
    forced = written = 0
    for _ in range(rounds):
        for skipping in (True, False):
            begin = time.perf_counter()
            with patch.object(Matcher, "forced", Matcher.forced if skipping else lambda self: []):
                replies = [await model.generate(request) for request in requests]
            took = time.perf_counter() - begin
            tokens = sum(reply.completion_tokens for reply in replies)
            seconds[skipping].append(took / tokens)
            texts[skipping] = [reply.text for reply in replies]
            if skipping:
                forced, written = sum(reply.forced_tokens for reply in replies), tokens
    fast, slow = (statistics.median(seconds[skipping]) for skipping in (True, False))
    print(
        f"{name:20} forced {forced / written:6.1%} of {written:,} tokens   {fast * 1e3:6.1f} ms a token, "
        f"{slow * 1e3:6.1f} without: {slow / fast:.2f} x; the same texts: {texts[True] == texts[False]}",
        flush=True,
    )
    await model.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--tasks", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-tokens", type=int, default=60)
    options = parser.parse_args()
    for name in options.models:
        asyncio.run(measure(name, options.tasks, options.rounds, options.max_tokens))


if __name__ == "__main__":
    main()
