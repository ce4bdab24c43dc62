"""Masked decoding over an engine that only reports which tokens are likely."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import ModelError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import INT
from rlmlang.models.base import Reply
from rlmlang.models.local.llama_masking import LIKELIEST, write

pytestmark = pytest.mark.heavy

BYTES = Vocabulary.of_bytes()
SCOPE = "document: str\ncount: int\n"
CONSTRAINT = Constraint(SCOPE, INT)
PROMPT = [1, 2, 3]


class Engine:
    """Writes tokens in an order that depends only on the text before, as llama.cpp would."""

    def __init__(self, wish: str = "", silent: bool = False, draw: bool = False) -> None:
        self.wish = wish.encode()
        self.silent = silent
        self.draw = draw
        self.starts = 0
        self.bodies: list[dict[str, Any]] = []

    def order(self, written: list[int]) -> list[int]:
        """All tokens, the likeliest first."""
        chance = random.Random(str(written))
        tokens = [*range(32, 127), 10, 256, *range(128, 256)]
        chance.shuffle(tokens)
        if len(written) < len(self.wish):
            tokens.insert(0, self.wish[len(written)])
        return list(dict.fromkeys(tokens)) + [each for each in range(257) if each not in set(tokens)]

    async def complete(self, body: dict[str, Any], watch: Callable[[dict[str, Any]], bool]) -> Reply:
        self.starts += 1
        self.bodies.append(body)
        written = body["prompt"][len(PROMPT) :]
        start, pending = len(written), b""
        for _ in range(body["max_tokens"]):
            order = self.order(written)
            token = next(each for each in order if each != 256)  # ignore_eos
            if self.draw:
                token = random.Random(f"{body['seed']} {len(written)}").choice(order[:LIKELIEST])
                token = order[0] if token == 256 else token
            written = [*written, token]
            pending += bytes([token])
            try:
                text = pending.decode()
            except UnicodeDecodeError:
                if body.get("stream", True):
                    continue  # llama.cpp holds half a character back, and never reports its first tokens
                text = ""
            pending = b""
            reported = [{"id": each, "logprob": -float(i)} for i, each in enumerate(order[: body["n_probs"]])]
            content = [{"id": token, "bytes": [token], "top_logprobs": reported}]
            if watch({"text": text, "logprobs": None if self.silent else {"content": content}}):
                break
        return Reply("", len(body["prompt"]), len(written) - start, "stop", cached_tokens=len(body["prompt"]) - 1)


def reference(engine: Engine, max_tokens: int) -> str:
    """Masked greedy decoding, token by token."""
    matcher = Matcher(CONSTRAINT, BYTES, max_tokens)
    written: list[int] = []
    while not matcher.done:
        tokens = matcher.forced() or matcher.best(engine.order(written))
        for token in tokens:
            matcher.commit(token)
        written += tokens
    return matcher.text


def written_by(engine: Engine, max_tokens: int, temperature: float = 0.0, seed: int = 0) -> tuple[str, Reply]:
    body = {"prompt": PROMPT, "max_tokens": max_tokens, "temperature": temperature, "seed": seed}
    reply = asyncio.run(write(engine.complete, body, Matcher(CONSTRAINT, BYTES, max_tokens)))
    return reply.text, reply


@pytest.mark.parametrize(
    "wish", ["", "x = 12\nlen(docu", "words(document", "é", '"é", "日本"][0', "document[0", "# é\n"]
)
def test_it_is_masked_greedy_decoding(wish: str) -> None:
    engine = Engine(wish)
    text, reply = written_by(engine, 60)
    assert text == reference(engine, 60)
    check(Source(SCOPE + text), INT)
    assert (reply.finish, reply.prompt_tokens, reply.cached_tokens) == ("stop", 3, 2)
    assert reply.completion_tokens <= 60


def test_what_is_allowed_is_written_in_one_go_but_for_what_is_forced() -> None:
    wish = "x = document\nlen(x)\n"
    engine = Engine(wish)
    text, reply = written_by(engine, 400)
    assert text == wish
    assert (engine.starts, reply.forced_tokens) == (2, len("cument"))
    assert [body["n_probs"] for body in engine.bodies] == [LIKELIEST] * 2
    assert engine.bodies[1]["prompt"] == PROMPT + list(b"x = document")


def test_where_no_likely_token_is_allowed_all_are_looked_at() -> None:
    engine = Engine("x = ")
    written_by(engine, 50)
    assert any(body["n_probs"] == 257 and body["max_tokens"] == 1 for body in engine.bodies)


def test_draws_differ_by_seed_and_are_kept_to_the_language() -> None:
    texts = {written_by(Engine(draw=True), 40, temperature=1.0, seed=seed)[0] for seed in range(4)}
    assert len(texts) == 4
    for text in texts:
        check(Source(SCOPE + text), INT)
    assert written_by(Engine(draw=True), 40, temperature=1.0, seed=1)[0] in texts


def test_an_engine_that_reports_nothing_is_an_error() -> None:
    with pytest.raises(ModelError) as caught:
        written_by(Engine(silent=True), 40)
    assert caught.value.first.code == "E400"


def test_an_error_while_a_token_is_looked_at_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> list[int]:
        raise ModelError.of("E408", "no")

    monkeypatch.setattr(Matcher, "best", fail)
    with pytest.raises(ModelError, match="no"):
        written_by(Engine(), 40)
