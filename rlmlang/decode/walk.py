"""Random programs: walks through the mask with no model."""

from __future__ import annotations

import random
from collections.abc import Iterator

from attrs import frozen

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.lalr import tables
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary


@frozen
class Sample:
    """A program drawn at random, and how many tokens it took."""

    program: str
    tokens: int


def walk(constraint: Constraint, vocabulary: Vocabulary, seed: int, max_tokens: int = 400) -> Sample:
    """A program drawn token by token, whatever stands in `constraint.program` included.

    Drawn evenly, programs would be little but long strings, as most tokens are of use nowhere else.
    So the names that may follow, words of the language before all, signs, f-strings, and the ends of strings
    are drawn more often.
    """
    rng = random.Random(seed)
    matcher = Matcher(constraint, vocabulary, max_tokens)
    count = 0
    while not matcher.done:
        token = next(iter(matcher.best(_order(matcher, vocabulary, rng))), None)
        if token is None:
            token = int(rng.choice(matcher.mask().nonzero()[0]))
        matcher.commit(token)
        count += token not in vocabulary.eos
    return Sample(constraint.program + matcher.text, count)


MAX_DRAWS = 500
"""Tokens that are drawn and refused before the whole mask is looked at."""

ENDS = ('"', "'", '",', '")', '"]', "}", "{", "\n")
"""How strings, and pieces of them, are ended."""


F_STRINGS = ['f"', "f'"]


def _order(matcher: Matcher, vocabulary: Vocabulary, rng: random.Random) -> Iterator[int]:
    point = matcher.point
    kinds = _kinds(vocabulary)
    partial = point.partial
    for _ in range(MAX_DRAWS):
        draw = rng.random()
        if partial and not partial[0].isalnum() and len(partial) > 1 and draw < 0.5:
            yield from vocabulary.encode(rng.choice(ENDS))[:1]
        elif (not partial or partial.isidentifier()) and draw < (0.75 if partial else 0.5):
            names = [name for name in point.prefix.names.candidates if name.startswith(partial) and name != partial]
            words = [name for name in names if name in tables().fixed]
            if not partial and draw < 0.05:
                names = F_STRINGS
            elif words and rng.random() < 0.3:
                names = words
            if names:
                name = rng.choice(names)[len(partial) :]
                space = " " if not partial and rng.random() < 0.5 else ""
                yield from vocabulary.encode(space + name)[:1]
        else:
            yield rng.choice(rng.choice(kinds))


def _kinds(vocabulary: Vocabulary) -> list[list[int]]:
    """The tokens by kind: the sign they start with, short and long words, digits, other text."""
    known = vocabulary.__dict__.get("kinds")
    if known is None:
        found: dict[str, list[int]] = {}
        for token, text in enumerate(vocabulary.texts):
            if text is not None or token in vocabulary.eos:
                found.setdefault(_kind(text), []).append(token)
        known = vocabulary.__dict__["kinds"] = list(found.values())
    return known


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
