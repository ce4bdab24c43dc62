"""The key-value cache of a transformer: the rows of a batch, and prefixes that are kept of earlier ones.

The rows of a batch have different lengths. They are in one tensor for each layer, without gaps between rows, so that a
pass over neighbouring rows copies nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attrs import frozen

Saved = list[list[torch.Tensor]]
"""The keys and values of one row in each layer, [heads, tokens, features]."""

_LayerStates = list[torch.Tensor]
"""The keys and values of all rows, [rows, heads, capacity, features]."""

FIRST_CAPACITY = 256
"""The first capacity of a row in tokens; it is doubled when it is not enough."""


@frozen
class _Pass:
    """The parameters of the current forward pass."""

    rows: slice
    """The rows that take part."""
    numbers: torch.Tensor
    """[rows, 1]: the index of each row."""
    positions: torch.Tensor
    """[rows, tokens]: the position of each new token in its row."""
    end: int
    """One more than the highest position."""


class Rows:
    """The keys and values of up to `count` rows. The user keeps track of the valid length of each row.

    A model of transformers uses it like a cache of its own: each layer passes its new keys and values to `update`, and
    gets those of all tokens back.
    """

    def __init__(self, count: int, device: torch.device) -> None:
        self.count = count
        self.device = device
        self.capacity = FIRST_CAPACITY
        self._layers: list[_LayerStates] = []
        self._pass: _Pass

    def begin(self, first: int, starts: Sequence[int], width: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Prepare a pass that reads `width` tokens in each row from `first` on, after `starts` tokens.

        Return the positions [rows, width], and a mask of the tokens that each new one may attend to
        [rows, 1, width, tokens].
        """
        count, device = len(starts), self.device
        positions = torch.tensor(starts, device=device)[:, None] + torch.arange(width, device=device)
        end = max(starts) + width
        self._pass = _Pass(slice(first, first + count), torch.arange(count, device=device)[:, None], positions, end)
        self._grow(end)
        return positions, (torch.arange(end, device=device) <= positions[:, :, None])[:, None]

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the keys and values of the new tokens in a layer; return those of all tokens in the pass."""
        while len(self._layers) <= layer_idx:
            self._layers.append([self._empty(keys), self._empty(values)])
        now, layer = self._pass, self._layers[layer_idx]
        kept = [each[now.rows] for each in layer]
        for into, new in zip(kept, (keys, values)):
            into[now.numbers, :, now.positions] = new.transpose(1, 2)
        return kept[0][:, :, : now.end], kept[1][:, :, : now.end]

    # Models call these where they make masks or positions themselves; both are given to them here.

    def get_seq_length(self, *args: Any) -> int:
        return 0

    def get_mask_sizes(self, *args: Any) -> tuple[int, int]:
        return self._pass.end, 0

    # Whole rows

    def save(self, row: int, length: int) -> Saved:
        """Return a copy of the start of a row."""
        return [[each.clone() for each in layer] for layer in self.view(row, length)]

    def view(self, row: int, length: int) -> Saved:
        """Return the start of a row, valid until the row is written to."""
        return [[each[row, :, :length] for each in layer] for layer in self._layers]

    @torch.inference_mode()
    def load(self, row: int, saved: Saved, length: int) -> None:
        """Fill the start of a row with the first tokens of what was saved."""
        self._grow(length)
        for layer, old in zip(self._layers, saved):
            for into, states in zip(layer, old):
                into[row, :, :length] = states[:, :length]

    def _grow(self, length: int) -> None:
        while self.capacity < length:
            self.capacity *= 2
        for layer in self._layers:
            for i, old in enumerate(layer):
                if old.shape[2] < self.capacity:
                    layer[i] = self._empty(old)
                    layer[i][:, :, : old.shape[2]] = old

    def _empty(self, states: torch.Tensor) -> torch.Tensor:
        return states.new_zeros(self.count, states.shape[1], self.capacity, states.shape[3])


class Pool:
    """A cache of what was read: at most `limit` tokens, the least recently used ones are dropped first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: list[tuple[np.ndarray[Any, Any], Saved]] = []
        """Texts with their keys and values, the most recently used last."""

    @property
    def size(self) -> int:
        """The number of tokens that are kept."""
        return sum(len(tokens) for tokens, _ in self._kept)

    def find(self, tokens: Sequence[int]) -> tuple[int, Saved]:
        """Return the length of the longest prefix that a kept text shares with the tokens, and its keys and values."""
        shared = [common_prefix(tokens, kept) for kept, _ in self._kept]
        if not any(shared):
            return 0, []
        best = max(range(len(shared)), key=shared.__getitem__)
        self._kept.append(self._kept.pop(best))
        return shared[best], self._kept[-1][1]

    def holds(self, tokens: Sequence[int]) -> bool:
        """Return whether a kept text starts with the tokens."""
        return any(common_prefix(tokens, kept) == len(tokens) for kept, _ in self._kept)

    def keep(self, tokens: Sequence[int], saved: Saved) -> None:
        """Keep one more text, in place of those that are prefixes of it."""
        self._kept = [(kept, old) for kept, old in self._kept if common_prefix(kept, tokens) < len(kept)]
        self._kept.append((np.asarray(tokens), saved))
        while self.size > self.limit:
            del self._kept[0]


def common_prefix(left: Sequence[int] | np.ndarray[Any, Any], right: Sequence[int] | np.ndarray[Any, Any]) -> int:
    """Return the length of the common prefix of two texts."""
    length = min(len(left), len(right))
    differ = np.flatnonzero(np.asarray(left[:length]) != np.asarray(right[:length]))
    return int(differ[0]) if len(differ) else length
