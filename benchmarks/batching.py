"""Measure leaf calls that are ready together against the same calls one after another.

    python -m benchmarks.batching [--calls N] [--rounds N] [MODEL …]

For each model and kind of prompt, prints leaf calls per second both ways (medians over rounds, in
which the two take turns) and their ratio. The prompts of one round share a prefix; no two rounds share
more than the first line. `short` prompts are answered with one of two words; `long` ones, which follow a
shared text, with at most 16 tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

from attrs import frozen

from rlmlang.language.types import STR, LiteralType, Type
from rlmlang.models.base import Model, Request
from rlmlang.models.registry import open_model

MODELS = ("hf:smollm2?batch=32", "hf:smollm2?batch=8", "smollm2?slots=1", "smollm2?slots=2", "smollm2?slots=4")
THINGS = ("lamp", "film", "book", "town", "boat", "song", "house", "garden", "coat", "letter", "bridge", "road")
SENTENCE = (
    "In the year {year} the bridge over the river was repaired, and the {thing} of the town was sold for a small sum. "
)


@frozen
class Work:
    """A kind of prompt and the form of its answer."""

    name: str
    type: Type
    instruction: str
    max_tokens: int

    def requests(self, count: int, round_: int) -> list[Request]:
        """Return requests that share a prefix, which differs from those of other rounds."""
        return [
            Request(
                self.instruction,
                tuple((None, text) for text in self._texts(i, round_)),
                self.type,
                max_tokens=self.max_tokens,
            )
            for i in range(count)
        ]

    def _texts(self, i: int, round_: int) -> list[str]:
        thing = THINGS[i % len(THINGS)]
        if self.name == "short":
            return [f"Review {round_}. I had {i + 1} of them: I {('love', 'hate')[i % 2]} this {thing}."]
        facts = [
            SENTENCE.format(year=1900 + round_ + year, thing=THINGS[year % len(THINGS)]) for year in range(len(THINGS))
        ]
        return [f"Chronicle {round_}. " + "".join(facts), f"In which year was the {thing} sold, asked {i + 1} people?"]


WORK = (
    Work("short", LiteralType(("positive", "negative")), "Classify the review.", 16),
    Work("long", STR, "Answer the question from the text.", 16),
)


async def measure(model: Model, work: Work, calls: int, rounds: int) -> tuple[float, float, int]:
    """Return calls per second one after another and together, and the tokens of a prompt."""
    speeds: dict[bool, list[float]] = {False: [], True: []}
    for number in range(2 * rounds):
        requests = work.requests(calls, number)
        together = number % 2 == 1
        begin = time.perf_counter()
        if together:
            await asyncio.gather(*map(model.generate, requests))
        else:
            for request in requests:
                await model.generate(request)
        speeds[together].append(calls / (time.perf_counter() - begin))
    return statistics.median(speeds[False]), statistics.median(speeds[True]), model.count_tokens(requests[0])


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    parser.add_argument("--calls", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'calls a second':<22} {'prompt':<16} {'one by one':>12} {f'{options.calls} together':>12} {'ratio':>7}")
    for name in options.models:
        model = open_model(name)
        await model.generate(WORK[0].requests(1, -1)[0])  # load the model
        for work in WORK:
            alone, together, tokens = await measure(model, work, options.calls, options.rounds)
            prompt = f"{work.name}, {tokens} tokens"
            print(f"{name:<22} {prompt:<16} {alone:>12.2f} {together:>12.2f} {together / alone:>6.1f}×", flush=True)
        await model.aclose()


if __name__ == "__main__":
    asyncio.run(main())
