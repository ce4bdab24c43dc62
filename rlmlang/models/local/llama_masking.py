"""Constrain programs to the language token by token in llama.cpp, which takes no masks from outside (decision 51).

llama.cpp generates by itself and reports the likeliest tokens at each position. As long as it writes what masked
decoding would have chosen, nothing is lost. Where it does not, its text is truncated, and it is started again after the
token that is allowed, with everything before it still in its cache. So the result is that of masked decoding.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from attrs import define, field

from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import ModelError
from rlmlang.models.base import Reply

LIKELIEST = 40
"""The number of tokens that are tried first; if none of them is allowed, all tokens are tried."""

RESTART_COST = 2
"""The number of forced tokens for which a restart pays: it takes about as long as one token."""

SINGLE_TOKEN = {"stream": False, "max_tokens": 1}
"""The fields for a single token: all tokens are reported then, and no half of a character is held back."""

Complete = Callable[[dict[str, Any], Callable[[dict[str, Any]], bool]], Awaitable[Reply]]
"""One generation of llama.cpp. The function gets each token with its alternatives, and returns whether to stop."""


class TokenMatcher(Protocol):
    """A text that is written token by token, and what may follow in it."""

    vocabulary: Vocabulary
    left: int
    """How many tokens may still be written."""

    @property
    def done(self) -> bool:
        """Whether the text has ended."""
        ...

    @property
    def text(self) -> str:
        """What is written."""
        ...

    def allows(self, token: int) -> bool:
        """Return whether a token may come next."""
        ...

    def best(self, order: Iterable[int]) -> list[int]:
        """Return the first token of an order that is allowed; an empty list if there is none."""
        ...

    def forced(self) -> list[int]:
        """Return tokens that need not be sampled, as only they may follow."""
        ...

    def commit(self, token: int) -> None:
        """Append a token to the text. Raises ModelError."""
        ...


async def write(complete: Complete, body: dict[str, Any], matcher: TokenMatcher) -> Reply:
    """Write the text that a matcher allows. Raises ModelError, E408 among them, and what `complete` raises."""
    prompt: list[int] = body["prompt"]
    written: list[int] = []
    first: Reply | None = None
    forced = 0
    step: dict[str, Any] = {}
    while not matcher.done and matcher.left > 0:
        must = matcher.forced()
        for token in must:
            matcher.commit(token)
        written += must
        forced += len(must)
        if matcher.done:
            break
        chooser = _Chooser(matcher, body["temperature"], body["seed"])
        reply = await complete(
            body
            | {
                "prompt": prompt + written,
                "max_tokens": matcher.left,
                "n_probs": LIKELIEST,
                "seed": (body["seed"] + len(written)) % 2**32,  # else each restart would sample the same tokens
                "ignore_eos": True,  # the likeliest tokens show whether the turn may end
            }
            | step,
            chooser.take,
        )
        if chooser.error is not None:
            raise chooser.error
        first = first or reply
        if not chooser.taken and step:
            raise ModelError.of("E400", "llama.cpp does not report the probabilities of tokens")
        step = {} if chooser.taken else SINGLE_TOKEN | {"n_probs": matcher.vocabulary.size}
        written += chooser.taken
    read = (first.prompt_tokens, first.cached_tokens) if first else (len(prompt), 0)
    return Reply(matcher.text, read[0], len(written), "stop" if matcher.done else "length", read[1], forced)


@define
class _Chooser:
    """Reads what llama.cpp writes, and takes the tokens that masked decoding would choose."""

    matcher: TokenMatcher
    temperature: float
    seed: int
    taken: list[int] = field(factory=list)
    error: Exception | None = None

    def take(self, piece: dict[str, Any]) -> bool:
        """Take the token of a piece; return whether to stop, since another token was chosen or more are forced."""
        for reported in (piece.get("logprobs") or {}).get("content", ())[:1]:
            if len(piece["text"].encode()) > len(reported["bytes"]):
                return True  # earlier tokens, of half a character each, were not reported
            try:
                token = self._choice(reported)
                if token is None:
                    return True
                self.matcher.commit(token)
            except Exception as error:  # exceptions must not pass through C++ code
                self.error = error
                return True
            self.taken.append(token)
            return self.matcher.done or token != reported["id"] or len(self.matcher.forced()) >= RESTART_COST
        return False

    def _choice(self, reported: dict[str, Any]) -> int | None:
        """Return the token that masked decoding would choose; None if it is not among those reported."""
        likeliest = [(each["id"], each["logprob"]) for each in reported["top_logprobs"]]
        if self.temperature > 0:
            # The token that was sampled is kept if it is allowed; otherwise one of the others is sampled.
            if self.matcher.allows(reported["id"]):
                return int(reported["id"])
            chance = random.Random(f"{self.seed} {self.matcher.left}")
            noisy = [
                (value / self.temperature - math.log(-math.log(chance.random() or 1e-9)), token)
                for token, value in likeliest
            ]
            likeliest = [(token, value) for value, token in sorted(noisy, reverse=True)]
        return next(iter(self.matcher.best(token for token, _ in likeliest)), None)
