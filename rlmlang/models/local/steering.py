"""Choose the next token from a model's logits: of free text, of a program, or of a typed answer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import ModelError
from rlmlang.models.local.answer_matcher import AnswerMatcher

Logits = np.ndarray[Any, np.dtype[np.float32]]
"""One number for each token; a steering may change them in place."""

MIN_P = 0.05
"""Sampling draws from tokens whose probability is at least this part of the highest one."""

REPEAT_PENALTY, REPEAT_LAST = 1.1, 256
"""The penalty for tokens among the last ones of free text: small models that decode greedily repeat themselves."""


class TokenOrder:
    """The order in which tokens are tried: by descending logits, with noise added if there is a temperature.

    The noise depends on the seed, the sample and the position in the text alone. The first token by logits with Gumbel
    noise is a sample of the distribution (Maddison et al., 2014), and the first one that is allowed is a sample of the
    masked distribution.
    """

    def __init__(self, temperature: float, seed: int, sample: int) -> None:
        self.temperature = temperature
        self._random = np.random.default_rng((seed, sample))

    def order(self, logits: Logits) -> Iterator[int]:
        """Yield the tokens in the order in which they should be tried."""
        best = int(logits.argmax())
        if self.temperature > 0:
            noise = self._random.gumbel(size=len(logits))
            likely = np.flatnonzero(logits >= logits[best] + math.log(MIN_P))
            yield from likely[np.argsort(-(logits[likely] / self.temperature + noise[likely]))].tolist()
        else:
            yield best
        yield from np.argsort(-logits, kind="stable").tolist()


class Steering(Protocol):
    """The choice of the tokens of one text, one after another."""

    @property
    def done(self) -> bool:
        """Whether the text has ended."""
        ...

    def choose(self, logits: Logits) -> int | None:
        """Return the next token; None if the text ends without one. Raises ModelError."""
        ...

    def forced(self) -> list[int]:
        """Return the tokens that must come next; the text continues after them. Raises ModelError."""
        ...


class FreeTextSteering:
    """The steering of free text, up to the end of the turn."""

    def __init__(self, vocabulary: Vocabulary, draw: TokenOrder, penalty: bool) -> None:
        self.vocabulary = vocabulary
        self.draw = draw
        self.penalty = penalty
        self.done = False
        self._written: list[int] = []
        self._banned = [i for i, token in enumerate(vocabulary.tokens) if token is None and i not in vocabulary.eos]

    def choose(self, logits: Logits) -> int | None:
        logits[self._banned] = -np.inf
        if self.penalty:
            recent = list(set(self._written[-REPEAT_LAST:]))
            values = logits[recent]
            logits[recent] = np.where(values > 0, values / REPEAT_PENALTY, values * REPEAT_PENALTY)
        token = next(self.draw.order(logits))
        if token in self.vocabulary.eos:
            self.done = True
            return None
        self._written.append(token)
        return token

    def forced(self) -> list[int]:
        return []


class ProgramSteering:
    """The steering of a program, statement or call that a Matcher constrains to the language."""

    def __init__(self, matcher: Matcher, draw: TokenOrder) -> None:
        self.matcher = matcher
        self.draw = draw

    @property
    def done(self) -> bool:
        matcher = self.matcher
        return matcher.done or (matcher.left <= 0 and matcher.allows(min(matcher.vocabulary.eos)))

    def choose(self, logits: Logits) -> int | None:
        found = self.matcher.best(self.draw.order(logits))
        if not found:
            raise ModelError.of("E408", f"no token may follow {self.matcher.text[-40:]!r}")
        self.matcher.commit(found[0])
        return None if found[0] in self.matcher.vocabulary.eos else found[0]

    def forced(self) -> list[int]:
        tokens = self.matcher.forced()
        for token in tokens:
            self.matcher.commit(token)
        return tokens


class AnswerSteering:
    """The steering of a typed answer that a matcher holds to its form."""

    def __init__(self, matcher: AnswerMatcher, draw: TokenOrder) -> None:
        self.matcher = matcher
        self.draw = draw

    @property
    def done(self) -> bool:
        return self.matcher.done

    def choose(self, logits: Logits) -> int | None:
        logits[~self.matcher.mask()] = -np.inf
        found = self.matcher.best(self.draw.order(logits))
        if not found:
            raise ModelError.of("E408", f"no token may follow {self.matcher.text[-40:]!r}")
        self.matcher.commit(found[0])
        return found[0]

    def forced(self) -> list[int]:
        tokens = self.matcher.forced()
        for token in tokens:
            self.matcher.commit(token)
        return tokens
