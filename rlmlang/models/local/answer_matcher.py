"""What may follow in a typed answer, token by token: what its grammar allows, and no key of a dict twice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.answer_keys import AnswerKeys, has_dicts
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import ModelError
from rlmlang.language.types import Type


class AnswerMatcher:
    """The text of an answer behind `AnswerFormat.opening`, with the methods of `decode.matcher.Matcher`.

    Raises ModelError E400 where llguidance fails.
    """

    def __init__(self, type_: Type, tokenizer: LLTokenizer, vocabulary: Vocabulary, max_tokens: int) -> None:
        self.vocabulary = vocabulary
        self.left = max_tokens
        """How many tokens may still be written."""
        self._written = b""
        self._matcher = LLMatcher(tokenizer, f"%llguidance {{}}\n{AnswerFormat.of(type_).grammar}")
        self._keys = AnswerKeys(type_) if has_dicts(type_) else None
        self._allowed: np.ndarray[Any, np.dtype[np.bool_]] | None = None
        self._check()

    @property
    def done(self) -> bool:
        """Whether the answer is complete."""
        return bool(self._matcher.is_stopped())

    @property
    def text(self) -> str:
        """What is written."""
        return self._written.decode("utf-8", "replace")

    def mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return the mask of the tokens that the grammar allows next; some may repeat a key."""
        if self._allowed is None:
            bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
            self._check()
            self._allowed = np.unpackbits(bits, bitorder="little").astype(bool)[: self.vocabulary.size]
        return self._allowed

    def allows(self, token: int) -> bool:
        """Return whether a token may come next."""
        if not self.mask()[token]:
            return False
        return self._keys is None or self._keys.after(self.vocabulary.bytes_of(token)) is not None

    def best(self, order: Iterable[int]) -> list[int]:
        """Return the first token of an order that is allowed; an empty list if there is none."""
        return next(([token] for token in order if self.allows(token)), [])

    def forced(self) -> list[int]:
        """Return the tokens that must come next."""
        return [] if self.done else list(self._matcher.compute_ff_tokens())

    def commit(self, token: int) -> None:
        """Append a token to the text, which must be allowed."""
        data = self.vocabulary.bytes_of(token)
        self._matcher.consume_token(token)
        self._check()
        self._allowed = None
        self._keys = None if self._keys is None else self._keys.after(data)
        self._written += data
        self.left -= 1

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ModelError.of("E400", f"llguidance: {self._matcher.get_error()}")


class _Tokens:
    """A vocabulary in the form that llguidance takes."""

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.tokens = [token or b"\xff[%d]" % number for number, token in enumerate(vocabulary.tokens)]
        self.special_token_ids = [number for number, token in enumerate(vocabulary.tokens) if not token]
        self.eos_token_id = min(vocabulary.eos)
        self._encode = vocabulary.encode

    def __call__(self, text: str | bytes) -> list[int]:
        return self._encode(text if isinstance(text, str) else text.decode("utf-8", "replace"))


def guidance_of(vocabulary: Vocabulary) -> LLTokenizer:
    """Return a vocabulary as a tokenizer of llguidance's."""
    return LLTokenizer(TokenizerWrapper(_Tokens(vocabulary)), eos_token=sorted(vocabulary.eos))
