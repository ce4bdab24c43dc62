"""Programs held to the language token by token, over llama.cpp, which cannot be handed a mask.

It writes on by itself and tells of each token which ones were likeliest. As long as it writes
what would have been taken under the mask, nothing is lost; where it does not, its text is cut,
and it starts again behind the token that is taken instead, with all before it still in its cache.
So what comes out is what masked decoding gives.
"""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, field

from rlmlang.decode.matcher import Matcher
from rlmlang.errors import ModelError
from rlmlang.models.base import Reply

LIKELIEST = 40
"""Tokens that are looked at first; where none of them is allowed, all are."""

WORTH = 2
"""Forced tokens for which a generation is ended: starting again takes about as long as one."""

EVERY = {"stream": False, "max_tokens": 1}
"""Asks for one token alone: all tokens are told then, and none is held back for being half a character."""

Complete = Callable[[dict[str, Any], Callable[[dict[str, Any]], bool]], Awaitable[Reply]]
"""One generation of llama.cpp. The function is told each token with its alternatives, and answers whether to end."""


async def write(complete: Complete, body: dict[str, Any], matcher: Matcher) -> Reply:
    """The text that the matcher allows. Raises ModelError, E408 among them, and what `complete` raises."""
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
                "seed": (body["seed"] + len(written)) % 2**32,  # or each start would draw the same again
                "ignore_eos": True,  # whether a turn may end, the likeliest tokens tell
            }
            | step,
            chooser.take,
        )
        if chooser.error is not None:
            raise chooser.error
        first = first or reply
        if not chooser.taken and step:
            raise ModelError.of("E400", "llama.cpp does not tell how likely tokens are")
        step = {} if chooser.taken else EVERY | {"n_probs": matcher.vocabulary.size}
        written += chooser.taken
    read = (first.prompt_tokens, first.cached_tokens) if first else (len(prompt), 0)
    return Reply(matcher.text, read[0], len(written), "stop" if matcher.done else "length", read[1], forced)


@define
class _Chooser:
    """Follows what llama.cpp writes, and takes the tokens that masked decoding would take."""

    matcher: Matcher
    temperature: float
    seed: int
    taken: list[int] = field(factory=list)
    error: Exception | None = None

    def take(self, piece: dict[str, Any]) -> bool:
        """Take the token of a piece; whether to end, as llama.cpp has gone another way."""
        for told in (piece.get("logprobs") or {}).get("content", ())[:1]:
            if len(piece["text"].encode()) > len(told["bytes"]):
                return True  # tokens before this one, of half a character each, were not told
            try:
                token = self._choice(told)
                if token is None:
                    return True
                self.matcher.commit(token)
            except Exception as error:  # it must not pass through code that is not Python
                self.error = error
                return True
            self.taken.append(token)
            return self.matcher.done or token != told["id"] or len(self.matcher.forced()) >= WORTH
        return False

    def _choice(self, told: dict[str, Any]) -> int | None:
        likeliest = [(each["id"], each["logprob"]) for each in told["top_logprobs"]]
        if self.temperature > 0:
            # What was drawn stands if it is allowed; if not, the others are drawn from in proportion.
            if self.matcher.allows(told["id"]):
                return int(told["id"])
            chance = random.Random(f"{self.seed} {self.matcher.left}")
            noisy = [
                (value / self.temperature - math.log(-math.log(chance.random() or 1e-9)), token)
                for token, value in likeliest
            ]
            likeliest = [(token, value) for value, token in sorted(noisy, reverse=True)]
        return next(iter(self.matcher.best(token for token, _ in likeliest)), None)
