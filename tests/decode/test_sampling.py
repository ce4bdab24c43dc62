"""Random programs, drawn through the token masks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.sampling import sample_program, uses
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.language.builtins import BUILTINS, METHODS, MODULES, STATIC
from rlmlang.language.check import check
from rlmlang.language.source import Source

BYTES = Vocabulary.of_bytes()


def test_examples_of_all_built_ins_are_drawn_with_what_they_import() -> None:
    tables = (BUILTINS, *METHODS.values(), *STATIC.values(), *MODULES.values())
    assert len(uses()) == sum(map(len, tables))
    for use in (use for row in uses() for use in row):
        check(Source("\n".join(use)))


def test_a_seed_gives_one_program() -> None:
    drawn = [sample_program(Constraint("text: str\n"), BYTES, seed, 30).program for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.long
def test_an_example_of_every_built_in_is_written() -> None:
    """But for two: an operand of a comprehension that a method makes iterable, and a function that makes a function."""

    def is_written(use: Sequence[str]) -> bool:
        *before, last = use
        matcher = Matcher(Constraint(""), BYTES, 10_000)
        text = "\n".join([*before, f"result = {last}\n"])
        return all(matcher.allows(byte) and matcher.commit(byte) is None for byte in text.encode())

    refused = [row[0][-1] for row in uses() if not any(map(is_written, row))]
    assert refused == [
        '[m.start() for m in re.compile("a").finditer("banana")] == [1, 3, 5]',
        "sorted([(2, 1), (1, 2)], key=operator.itemgetter(1)) == [(2, 1), (1, 2)]",
    ]
