"""Draw random programs through the token masks: do all of them check, and do they cover the language?

    python -m benchmarks.sampling [--n N] [--tokenizer NAME] [--max-tokens N]

One program in four has up to N tokens, the others up to three eighths of N.
Prints how many of the programs parse and check, the kinds of nodes and the built-ins that occur in
none of them, and milliseconds per token (median and 99th percentile over programs).
"""

from __future__ import annotations

import argparse
import sys
import time

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.sampling import sample_program
from rlmlang.decode.vocabulary import open_vocabulary
from rlmlang.errors import RlmError
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, METHODS
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import INT, STR, ListType

SCOPE = """\
document: str
names: list[str]
count: int
maybe: str | None
class Clause:
    title: str
    risk: Literal["low", "high"]
clauses = [Clause("a", "low")]
"""
EXPECTED = (None, STR, INT, ListType(STR))
KINDS = {kind.__name__ for kind in vars(nodes).values() if isinstance(kind, type) and issubclass(kind, nodes.Node)}
KINDS.remove("Node")  # the base class
KNOWN = {*BUILTINS, *(name for methods in METHODS.values() for name in methods)}


def seen_in(node: object, kinds: set[str], names: set[str]) -> None:
    """Add the kinds of nodes in a tree, and the functions and methods that it applies, to the sets."""
    if isinstance(node, (list, tuple)):
        for each in node:
            seen_in(each, kinds, names)
    elif isinstance(node, nodes.Node):
        kinds.add(type(node).__name__)
        if isinstance(node, nodes.Name):
            names.add(node.id)
        elif isinstance(node, nodes.Attribute):
            names.add(node.name)
        seen_in(list(node._parts().values()), kinds, names)
        seen_in(getattr(node, "comments", ()), kinds, names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokenizer", default="smollm2")
    parser.add_argument("--max-tokens", type=int, default=40)
    options = parser.parse_args()
    vocabulary = open_vocabulary(options.tokenizer)
    kinds: set[str] = set()
    names: set[str] = set()
    good = tokens = 0
    speeds: list[float] = []
    for seed in range(options.seed, options.seed + options.n):
        expected = EXPECTED[seed % len(EXPECTED)]
        begin = time.perf_counter()
        program = ""
        try:
            most = options.max_tokens if seed // 4 % 4 == 0 else options.max_tokens * 3 // 8
            sample = sample_program(Constraint(SCOPE, expected), vocabulary, seed, most)
            program = sample.program
            checked = check(Source(program), expected)
        except (RlmError, AssertionError) as error:
            print(f"seed {seed}: {error!r}\n{program}", file=sys.stderr)
            continue
        speeds.append((time.perf_counter() - begin) / max(sample.tokens, 1) * 1e3)
        tokens += sample.tokens
        good += 1
        seen_in(checked.module, kinds, names)
        if good % 500 == 0:
            seen = f"{len(kinds & KINDS)} kinds, {len(names & KNOWN)} functions and methods"
            print(f"{good:,} of {seed + 1 - options.seed:,} check, {seen}", file=sys.stderr, flush=True)
    speeds.sort()
    print(f"programs that check        {good:,} of {options.n:,}, {tokens:,} tokens")
    print(
        f"ms a token                 {speeds[len(speeds) // 2]:.1f} median, {speeds[int(len(speeds) * 0.99)]:.1f} p99"
    )
    print(
        f"kinds of nodes             {len(kinds & KINDS)} of {len(KINDS)}; missing: {', '.join(sorted(KINDS - kinds))}"
    )
    print(
        f"functions and methods      {len(names & KNOWN)} of {len(KNOWN)}; missing: {', '.join(sorted(KNOWN - names))}"
    )


if __name__ == "__main__":
    main()
