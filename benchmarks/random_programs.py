"""Draw random programs through the token masks, check and run them: are all right, and do they cover the language?

    python -m benchmarks.random_programs [--count N] [--start SEED] [--jobs N] [--tokenizer NAME] [--log FILE]

A program has at most 15, 25, 40, 60, 80 or 120 tokens, in turn, and its value any type, `str` or `list[int]`. Each must
parse and check, and have a value or end with an error of a run without a model (E301–E399) or of a limit (E501–E599).
Prints what is wrong with others, each with its seed; how the programs end; which kinds of statements and which
built-ins, methods and members of modules occur in none; and the seconds that drawing one takes. What came of each is
appended to the log, if one is given; programs that it has already are not drawn again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from attrs import asdict, field, frozen

import rlmlang
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.sampling import sample_program
from rlmlang.decode.vocabulary import Vocabulary, open_vocabulary
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES
from rlmlang.language.check import check
from rlmlang.language.parse import parse_as_written
from rlmlang.language.source import Source
from rlmlang.language.types import INT, STR, ListType
from rlmlang.testing.echo import echo_model

SCOPE = "text: str\nnumbers: list[int]\n"
INPUTS = {"text": "It was a dark night.", "numbers": [3, 1, 2]}
LIMITS = {"max_steps": 300_000, "max_calls": 50, "max_seconds": 20}
EXPECTED = (None, STR, ListType(INT))
LENGTHS = (15, 25, 40, 60, 80, 120)

UNWRITTEN = ("Decorator", "HostBody", "Walrus")
"""Kinds of nodes that no whole program here has: the parser makes others of them, or they are functions of a host."""

KINDS = {
    kind.__name__
    for kind in vars(nodes).values()
    if isinstance(kind, type) and issubclass(kind, nodes.Node) and kind not in (nodes.Node, nodes.Hole, nodes.Module)
} - {*UNWRITTEN}
MEMBERS = {
    *(f"built-in {name}" for name in BUILTINS),
    *(f"method {name}" for methods in METHODS.values() for name in methods),
    *(f"{module} {name}" for module, members in MODULES.items() for name in members),
}


@frozen
class Row:
    """A random program, and what came of it."""

    seed: int
    seconds: float = 0.0
    program: str = ""
    end: str = ""
    """`value`, or the code of the error that it ends with."""
    fault: str = ""
    kinds: list[str] = field(factory=list)
    members: list[str] = field(factory=list)


@cache
def vocabulary(name: str) -> Vocabulary:
    return open_vocabulary(name)


def row_of(job: tuple[int, str]) -> Row:
    """Draw the program of a seed, check it and run it."""
    seed, tokenizer = job
    expected = EXPECTED[seed % 3]
    program, seconds, end = "", 0.0, ""
    begin = time.thread_time()
    try:
        program = sample_program(
            Constraint(SCOPE, expected), vocabulary(tokenizer), seed, LENGTHS[seed // 3 % len(LENGTHS)]
        ).program
        seconds = time.thread_time() - begin
        check(Source(program), expected)
        end = end_of(program)
    except Exception as error:  # whatever is wrong is a fault that is counted
        return Row(seed, seconds, program, fault=repr(error))
    is_right = end == "value" or (end[:2] in ("E3", "E5") and end != "E300")
    fault = "" if is_right else f"ends with {end}"
    return Row(seed, seconds, program, end, fault, *contents(program))


def end_of(program: str) -> str:
    """Run a program, and return how it ends."""
    try:
        rlmlang.compile(program).run(model=echo_model(), **INPUTS, limits=LIMITS, store=None)
    except rlmlang.RlmError as error:
        return error.first.code
    return "value"


def contents(program: str) -> tuple[list[str], list[str]]:
    """Return the kinds of nodes in a program, and the built-ins, methods and members of modules that it uses."""
    kinds: set[str] = set()
    members: set[str] = set()
    modules: dict[str, str] = {}
    imported: dict[str, str] = {}
    module = parse_as_written(Source(program))
    kinds.update({"Comment"} if module.comments else ())
    for each in (part for statement in module.statements for part in nodes.nodes_in(statement)):
        kinds.add(type(each).__name__)
        match each:
            case nodes.Import(module=None, names=names):
                modules |= {name.alias.id if name.alias else name.name: name.name for name in names}
            case nodes.Import(module=str(source), names=names):
                imported |= {name.alias.id if name.alias else name.name: f"{source} {name.name}" for name in names}
            case nodes.Attribute(value=nodes.Name(id=alias), name=name) if alias in modules:
                members.add(f"{modules[alias]} {name}")
            case nodes.Name(id=name) if name in imported:
                members.add(imported[name])
            case nodes.Apply(callee=nodes.Name(id=name)):
                members.add(f"built-in {name}")
            case nodes.Apply(callee=nodes.Attribute(name=name)):
                members.add(f"method {name}")
    return sorted(kinds & KINDS), sorted(members & MEMBERS)


def rows(seeds: Collection[int], jobs: int, tokenizer: str) -> Iterator[Row]:
    """Yield what comes of the programs, in any order."""
    wanted = [(seed, tokenizer) for seed in seeds]
    vocabulary(tokenizer)
    if jobs == 1:
        yield from map(row_of, wanted)
    else:
        with get_context("fork").Pool(jobs) as pool:
            yield from pool.imap_unordered(row_of, wanted, chunksize=10)


def logged(path: Path | None, seeds: range, jobs: int, tokenizer: str) -> Iterator[Row]:
    """Yield what a log has of the programs, then what comes of the others, which is appended to it."""
    known: dict[int, Row] = {}
    if path is not None and path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            row = Row(**json.loads(line))
            known[row.seed] = row
    yield from (known[seed] for seed in seeds if seed in known)
    for row in rows([seed for seed in seeds if seed not in known], jobs, tokenizer):
        if path is not None:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")
        yield row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--tokenizer", default="smollm2")
    parser.add_argument("--log", type=Path, help="a file to which results are appended, as lines of JSON")
    options = parser.parse_args()
    kinds: Counter[str] = Counter()
    members: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    seconds: list[float] = []
    faults = done = 0
    seeds = range(options.start, options.start + options.count)
    for done, row in enumerate(logged(options.log, seeds, options.jobs, options.tokenizer), 1):
        seconds.append(row.seconds)
        kinds.update(row.kinds)
        members.update(row.members)
        ends[row.end] += 1
        if row.fault:
            faults += 1
            print(f"seed {row.seed}: {row.fault}\n{row.program}", flush=True)
        if done % 500 == 0:
            print(f"{done:,} drawn, {faults} wrong, {len(members)} of {len(MEMBERS)} built-ins", flush=True)
    seconds.sort()
    print(f"right                  {done - faults:,} of {done:,}")
    how = ", ".join(f"{end or 'wrong'} {count:,}" for end, count in ends.most_common())
    print(f"how they end           {how}")
    missing = ", ".join(sorted(KINDS - kinds.keys())) or "none"
    print(f"kinds of nodes         {len(kinds)} of {len(KINDS)}; missing: {missing}")
    missing = ", ".join(sorted(MEMBERS - members.keys())) or "none"
    print(f"built-ins              {len(members)} of {len(MEMBERS)}; missing: {missing}")
    rare = ", ".join(f"{name} {members[name]}" for name in sorted(MEMBERS, key=lambda name: members[name])[:10])
    print(f"in the fewest programs {rare}")
    mean, median, most = sum(seconds) / done, seconds[done // 2], seconds[done * 99 // 100]
    print(f"seconds to draw one    {mean:.3f} mean, {median:.3f} median, {most:.3f} p99")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
