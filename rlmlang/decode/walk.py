"""Random programs: walks through the mask with no model."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from attrs import frozen

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary


@frozen
class Sample:
    """A program drawn at random, and how many tokens it took."""

    program: str
    tokens: int


def walk(constraint: Constraint, vocabulary: Vocabulary, seed: int, max_tokens: int = 400) -> Sample:
    """A program drawn token by token, whatever stands in `constraint.program` included.

    At each place the kind of token is drawn first (`_kinds`), then the token: there are so many
    more tokens of plain text than others that programs would else be little but long strings.
    """
    rng = random.Random(seed)
    matcher = Matcher(constraint, vocabulary, max_tokens)
    count = 0
    while not matcher.done:
        allowed = matcher.mask().nonzero()[0]
        token = _drawn(allowed, vocabulary, rng)
        matcher.commit(token)
        count += token not in vocabulary.eos
    return Sample(constraint.program + matcher.text, count)


def _drawn(allowed: np.ndarray[Any, Any], vocabulary: Vocabulary, rng: random.Random) -> int:
    kinds = _kinds(vocabulary)[allowed]
    kind = rng.choice(np.unique(kinds))
    return int(rng.choice(allowed[kinds == kind]))


def _kinds(vocabulary: Vocabulary) -> np.ndarray[Any, Any]:
    """Of each token, the kind: the sign or word it starts with, letters, digits, other text."""
    known = vocabulary.__dict__.get("kinds")
    if known is None:
        numbers: dict[str, int] = {}
        kinds = [numbers.setdefault(_kind(text), len(numbers)) for text in vocabulary.texts]
        known = vocabulary.__dict__["kinds"] = np.array(kinds)
    return known  # type: ignore[no-any-return]


def _kind(text: str | None) -> str:
    if text is None:
        return "end"
    bare = text.strip(" ")
    if not bare:
        return "space"
    if bare[0].isalpha():
        return "long word" if len(bare) > 3 else "word"
    if bare[0].isdigit():
        return "digit"
    return bare[0] if bare[0].isascii() else "text"
