"""Measure what the type constraint costs per token, compared with llguidance's grammar mask and a step of a model.

    python -m benchmarks.masks [--programs N]

Both follow the same conformance programs, tokenized by SmolLM2's tokenizer. `rlmlang` asks for one token and
continues after it (`Matcher.best` with the token first, as in greedy decoding where the model is right); `llguidance`
fills its mask and continues. The whole typed mask, which sampling and batches need, is measured on a twentieth of the
programs: in a process that has written nothing yet, after all the other programs, and on texts that were written
before, as when a model is asked for several samples. Times are of the processor, so that other work on the
machine does not count. A step of SmolLM2-135M is one token written by llama.cpp after a prompt of some hundred tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import llguidance.hf
import llguidance.numpy
from llguidance import LLMatcher
from transformers import AutoTokenizer

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.gguf import smollm2_path
from rlmlang.decode.grammars.lark_text import grammar_text
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import RlmError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import STR
from rlmlang.models.base import Request
from rlmlang.models.registry import open_model

SUITE = Path(__file__).parent.parent / "tests" / "conformance"


def programs() -> Iterator[str]:
    """Yield the conformance programs that check, each with its final line end."""
    for path in sorted(SUITE.glob("*/*.toml")):
        for case in tomllib.loads(path.read_text(encoding="utf-8")).get("case", []):
            text = case.get("program")
            if isinstance(text, str) and len(text) < 1000:
                try:
                    check(Source(text))
                except RlmError:
                    continue
                yield text.rstrip("\n") + "\n"


def timed(action: Callable[..., object], *args: object) -> tuple[float, object]:
    """Return the microseconds of processor time that an action took, and its result."""
    begin = time.thread_time()
    found = action(*args)
    return (time.thread_time() - begin) * 1e6, found


def report(name: str, times: list[float]) -> None:
    times = sorted(times)
    mean = sum(times) / len(times)
    middle, late = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"{name:<37}{len(times):>8,} tokens   p50 {middle:>9,.0f}   p99 {late:>9,.0f}   mean {mean:>9,.0f} µs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=200)
    options = parser.parse_args()
    path = smollm2_path()
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    vocabulary = Vocabulary.of_transformers(tokenizer)
    other = llguidance.hf.from_tokenizer(tokenizer)
    grammar = LLMatcher.grammar_from_lark(grammar_text(Constraint(), "lark"))
    bitmask = llguidance.numpy.allocate_token_bitmask(1, other.vocab_size)
    some = list(programs())
    some = some[:: max(1, len(some) // options.programs)]
    report("rlmlang, whole masks, first texts", whole_masks(some[::40], vocabulary))
    ours: list[float] = []
    theirs: list[float] = []
    forced = written = 0
    for text in some:
        tokens = vocabulary.encode(text)
        matcher = Matcher(Constraint(), vocabulary, 10_000)
        for token in tokens:
            asked, found = timed(matcher.best, [token])
            if not found:
                break
            forced += token in matcher.forced()[:1]
            written += 1
            ours.append(asked + timed(matcher.commit, token)[0])
        follower = LLMatcher(other, grammar)
        for token in tokens:
            filled, _ = timed(llguidance.numpy.fill_next_token_bitmask, follower, bitmask)
            went, good = timed(follower.consume_token, token)
            if not good:
                break
            theirs.append(filled + went)
    report("rlmlang, one token", ours)
    report("rlmlang, one token, written before", single_tokens(some, vocabulary))
    report("rlmlang, whole masks, after others", whole_masks(some[20::40], vocabulary))
    report("rlmlang, whole masks, written before", whole_masks(some[20::40], vocabulary))
    report("llguidance, the grammar's mask", theirs)
    step = asyncio.run(step_of_smollm2())
    middle = sorted(ours)[len(ours) // 2]
    print(f"p50 of rlmlang to llguidance: {middle / sorted(theirs)[len(theirs) // 2]:.2f}")
    print(f"a step of SmolLM2-135M: {step / 1000:.1f} ms; p50 of rlmlang is {middle / step:.1%} of it, ", end="")
    print(f"the mean {sum(ours) / len(ours) / step:.1%}")
    print(f"tokens that were the only ones that could follow: {forced / written:.1%}")


def whole_masks(texts: Iterable[str], vocabulary: Vocabulary) -> list[float]:
    """Return the times of all masks of some texts."""
    times: list[float] = []
    for text in texts:
        matcher = Matcher(Constraint(), vocabulary, 10_000)
        for token in vocabulary.encode(text):
            times.append(timed(matcher.mask)[0])
            if not matcher.best([token]):
                break
            matcher.commit(token)
    return times


def single_tokens(texts: Iterable[str], vocabulary: Vocabulary) -> list[float]:
    """Return the times of asking for each token of some texts and going on after it."""
    times: list[float] = []
    for text in texts:
        matcher = Matcher(Constraint(), vocabulary, 10_000)
        for token in vocabulary.encode(text):
            asked, found = timed(matcher.best, [token])
            if not found:
                break
            times.append(asked + timed(matcher.commit, token)[0])
    return times


async def step_of_smollm2() -> float:
    """Return the microseconds per token."""
    model = open_model("smollm2")
    took: list[float] = []
    for most in (1, 65, 1, 65):
        begin = time.perf_counter()
        await model.generate(Request("Tell a long story of a ship and its crew.", (), STR, max_tokens=most))
        took.append(time.perf_counter() - begin)
    await model.aclose()
    return (took[3] - took[2]) / 64 * 1e6


if __name__ == "__main__":
    main()
