"""What runs write to a store and read from it, and how the store tells a damaged answer."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any

from attrs import define, field, frozen

LEASE = 30.0  # decision 64
"""Seconds after which a claim expires unless it is renewed."""

_DAY = 86_400

logger = logging.getLogger("rlmlang")


@frozen
class StoredAnswer:
    """An answer to be stored."""

    value: str
    """Canonical JSON."""
    prompt_tokens: int
    completion_tokens: int
    fence: int
    """The number of the claim under which the call was made."""
    model: str = ""
    """The name of the model that gave it."""

    @property
    def data(self) -> bytes:
        """The value as it is stored. (JSON may contain unpaired surrogates.)"""
        return self.value.encode("utf-8", "surrogatepass")


@define
class WriteBatch:
    """What a run writes at once: answers and events in one transaction, and then claims."""

    run: str
    answers: dict[bytes, StoredAnswer] = field(factory=dict)
    events: list[tuple[int, str]] = field(factory=list)
    """Sequence numbers and JSON texts."""
    claims: list[bytes] = field(factory=list)
    """Keys to claim."""
    released: dict[bytes, int] = field(factory=dict)
    """Keys that are given up without an answer, with the fences of their claims."""

    def __bool__(self) -> bool:
        return bool(self.answers or self.events or self.claims or self.released)


@frozen
class WriteResult:
    """The result of writing a batch."""

    claimed: Mapping[bytes, int]
    """The keys that are claimed now, with their fences. Other keys of `claims` are in `found`, or another owner's."""
    found: Mapping[bytes, str]
    """The keys of `claims` that had been answered already, with their values."""
    refused: Mapping[bytes, str | None]
    """The keys whose answers were refused since their claims had been taken over, with the values stored instead."""


Edge = tuple[bytes, bytes]
"""The key of a call that waits, which its run has claimed, and the key of another run's call that it waits for."""


@frozen
class Awaited:
    """The keys that a run waits for, since other runs have claimed them."""

    keys: tuple[bytes, ...]
    run: str = ""
    edges: frozenset[Edge] | None = None
    """Which of this run's own claims wait for which of the keys. None if none ever did."""


Found = tuple[dict[bytes, str], set[bytes]]
"""Of keys that are awaited those that are answered by now, with their values, and those that are free again."""


@define
class AnswerCheck:
    """Compares answers that were read with their digests, and notes which of them to keep for longer."""

    name: str
    """That of the store, for messages."""
    damaged: set[bytes] = field(factory=set)
    """Keys whose damage has been reported."""
    _touched: set[bytes] = field(factory=set)

    def value(self, key: bytes, value: Any, digest: Any, used: float) -> str | None:
        """Return a value that was read if it matches its digest, else None."""
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
        if digest_of(data) != (digest if isinstance(digest, bytes) else b""):
            if key not in self.damaged:
                self.damaged.add(key)
                logger.warning("%s holds a damaged answer (key %s…); the call is made again", self.name, key.hex()[:12])
            return None
        if used < time.time() - _DAY:
            self._touched.add(key)
        return data.decode("utf-8", "surrogatepass")

    def take_touched(self) -> list[bytes]:
        """Return the keys of answers that were used for the first time today, once."""
        if not self._touched:
            return []
        touched, self._touched = self._touched, set()
        return sorted(touched)


def digest_of(data: bytes) -> bytes:
    """Return the digest that is stored with an answer to detect damage."""
    return hashlib.sha256(data).digest()[:16]
