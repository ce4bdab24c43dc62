"""A logits processor that applies a constraint in the user's own `model.generate(...)` of transformers."""

from __future__ import annotations

from typing import Any

import torch

from rlmlang.decode.constraint import Constraint
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import UsageError


class LogitsProcessor:
    """Keeps the scores of the likeliest allowed tokens, and masks all others.

    It serves one call of `generate`, without beams: `generate(..., logits_processor=[processor],
    max_new_tokens=max_tokens)`. Greedy decoding is exact; sampling draws from the `count`
    likeliest allowed tokens. `tokenizer` is a fast tokenizer of transformers, or a Vocabulary.
    """

    def __init__(self, constraint: Constraint, tokenizer: Any, max_tokens: int, count: int = 50) -> None:
        self.constraint = constraint
        self.vocabulary = tokenizer if isinstance(tokenizer, Vocabulary) else Vocabulary.of_transformers(tokenizer)
        self.max_tokens = max_tokens
        self.count = count
        self._rows: list[Matcher] = []
        self._seen = torch.empty(0)
        """The tokens of the last step, which the next ones must continue."""

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Mask the scores of the next token: `input_ids` [rows, tokens], `scores` [rows, vocabulary].

        Raises UsageError E607 if rows change places, as they do in beam search.
        """
        if not self._rows:
            self._rows = [Matcher(self.constraint, self.vocabulary, self.max_tokens) for _ in input_ids]
        else:
            if input_ids.shape[0] != len(self._rows) or not torch.equal(input_ids[:, :-1], self._seen):
                raise UsageError.of("E607", "a LogitsProcessor serves one generation, without beams")
            for matcher, token in zip(self._rows, input_ids[:, -1].tolist()):
                if not (matcher.done and token not in self.vocabulary.eos):  # rows that have ended are padded
                    matcher.commit(token)
        self._seen = input_ids
        kept = torch.full_like(scores, -torch.inf)
        for row, matcher in enumerate(self._rows):
            if matcher.done:
                allowed = list(self.vocabulary.eos)
            else:
                order = torch.argsort(scores[row], descending=True).tolist()
                allowed = matcher.best(order, self.count)
            kept[row, allowed] = scores[row, allowed]
        return kept  # type: ignore[return-value]
