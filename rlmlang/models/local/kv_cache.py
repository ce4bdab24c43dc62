"""Keys and values of what a transformer has read: the rows of a batch, and what is kept of earlier ones.

The rows of a batch stand at different lengths. They lie in one tensor for each layer, without gaps
between rows, so that a pass over neighbouring rows copies nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from attrs import frozen

Saved = list[list[torch.Tensor]]
"""Keys and values of one row in each layer, [heads, tokens, features]."""

_LayerStates = list[torch.Tensor]
"""Keys and values of all rows, [rows, heads, capacity, features]."""

FIRST_CAPACITY = 256
"""Tokens that a row has room for at first; it is doubled when they are not enough."""


@frozen
class _Pass:
    """What the layers are to do in the pass that is under way."""

    rows: slice
    """Those that take part."""
    numbers: torch.Tensor
    """[rows, 1]: counts them."""
    positions: torch.Tensor
    """[rows, tokens]: where each new token stands in its row."""
    end: int
    """Behind the last position of any."""


class Rows:
    """The keys and values of up to `count` rows. Whoever uses them knows how much of each row is valid.

    To a model of transformers it is a cache like its own: each layer hands its new keys and values
    to `update`, and gets those of all tokens back.
    """

    def __init__(self, count: int, device: torch.device) -> None:
        self.count = count
        self.device = device
        self.capacity = FIRST_CAPACITY
        self._layers: list[_LayerStates] = []
        self._pass: _Pass

    def begin(self, first: int, starts: Sequence[int], width: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Prepare a pass that reads `width` tokens in each row from `first` on, behind `starts` tokens.

        Gives the positions [rows, width], and which of a row's tokens each new one may look at
        [rows, 1, width, tokens].
        """
        count, device = len(starts), self.device
        positions = torch.tensor(starts, device=device)[:, None] + torch.arange(width, device=device)
        end = max(starts) + width
        self._pass = _Pass(slice(first, first + count), torch.arange(count, device=device)[:, None], positions, end)
        self._make_room(end)
        return positions, (torch.arange(end, device=device) <= positions[:, :, None])[:, None]

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take the new tokens' keys and values in a layer; gives those of all tokens of the rows of the pass."""
        while len(self._layers) <= layer_idx:
            self._layers.append([self._empty(keys), self._empty(values)])
        now, layer = self._pass, self._layers[layer_idx]
        kept = [each[now.rows] for each in layer]
        for into, new in zip(kept, (keys, values)):
            into[now.numbers, :, now.positions] = new.transpose(1, 2)
        return kept[0][:, :, : now.end], kept[1][:, :, : now.end]

    # Models ask for these where they make masks or positions themselves; here both are given.

    def get_seq_length(self, *args: Any) -> int:
        return 0

    def get_mask_sizes(self, *args: Any) -> tuple[int, int]:
        return self._pass.end, 0

    # Whole rows

    def save(self, row: int, length: int) -> Saved:
        """A copy of the start of a row."""
        return [[each.clone() for each in layer] for layer in self.view(row, length)]

    def view(self, row: int, length: int) -> Saved:
        """The start of a row, as long as nothing is written there."""
        return [[each[row, :, :length] for each in layer] for layer in self._layers]

    @torch.inference_mode()
    def load(self, row: int, saved: Saved, length: int) -> None:
        """Let a row start with the first tokens of what was saved."""
        self._make_room(length)
        for layer, old in zip(self._layers, saved):
            for into, states in zip(layer, old):
                into[row, :, :length] = states[:, :length]

    def _make_room(self, length: int) -> None:
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
    """What was read and may be of use again: at most `limit` tokens, least recently used first out."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._kept: list[tuple[np.ndarray[Any, Any], Saved]] = []
        """The most recently used last."""

    @property
    def size(self) -> int:
        return sum(len(tokens) for tokens, _ in self._kept)

    def find(self, tokens: Sequence[int]) -> tuple[int, Saved]:
        """How many tokens the best of the kept starts with, and its keys and values."""
        shared = [common(tokens, kept) for kept, _ in self._kept]
        if not any(shared):
            return 0, []
        best = max(range(len(shared)), key=shared.__getitem__)
        self._kept.append(self._kept.pop(best))
        return shared[best], self._kept[-1][1]

    def holds(self, tokens: Sequence[int]) -> bool:
        """Whether all of the tokens are kept."""
        return any(common(tokens, kept) == len(tokens) for kept, _ in self._kept)

    def keep(self, tokens: Sequence[int], saved: Saved) -> None:
        """Keep one more, in the place of those that it starts with."""
        self._kept = [(kept, old) for kept, old in self._kept if common(kept, tokens) < len(kept)]
        self._kept.append((np.asarray(tokens), saved))
        while self.size > self.limit:
            del self._kept[0]


def common(left: Sequence[int] | np.ndarray[Any, Any], right: Sequence[int] | np.ndarray[Any, Any]) -> int:
    """How many tokens two texts share at their start."""
    length = min(len(left), len(right))
    differ = np.flatnonzero(np.asarray(left[:length]) != np.asarray(right[:length]))
    return int(differ[0]) if len(differ) else length
