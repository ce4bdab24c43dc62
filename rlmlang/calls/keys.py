"""The key of a call: a digest of everything that can change its answer. Calls with equal keys are one call.
(Decision 72.)
"""

from __future__ import annotations

import hashlib
import json

from rlmlang.calls.host_functions import GivenFunctions
from rlmlang.calls.limits import Limits
from rlmlang.calls.prompt import PROMPT_VERSION
from rlmlang.calls.roles import Roles
from rlmlang.language.type_structure import structure_of
from rlmlang.language.types import STR
from rlmlang.runtime.call_site import CallSite
from rlmlang.runtime.value_types import type_of
from rlmlang.runtime.values import Value, canonical

LANGUAGE_VERSION = 2
"""Raised whenever the same program and answers could give another value."""

_PLAIN = {str, int, float, bool, type(None)}
"""The types that the JSON of a value shows."""


class Keys:
    """The keys of the calls of one run (SPEC 9.4)."""

    def __init__(self, roles: Roles, limits: Limits, writing: str, guidance: str, given: GivenFunctions) -> None:
        self._roles = roles
        self._limits = limits
        self._writing = writing
        """How programs are written, which can change what they are."""
        self._guidance = [guidance] if guidance else []
        functions = [(head.text, given.by_name[head.name]) for head in given.heads]
        heads = [[text, function.version, function.is_volatile] for text, function in functions]
        self._functions = [{"functions": heads}] if heads else []
        """The functions that programs may apply, and their versions, on which the results depend."""
        self._heads: dict[tuple[str, int, tuple[str | None, ...]], hashlib._Hash] = {}
        """The part of a digest that all calls of one site share."""

    def of(self, site: CallSite, args: tuple[Value, ...], sample: int, level: int) -> bytes:
        """Return the SHA-256 digest of a call. `args` are plain, the instruction first."""
        depth_left = self._limits.max_depth - level
        if self._roles.is_recursive:
            depth_left = min(depth_left, 1)
        head = self._heads.get((site.shape, depth_left, site.names))
        if head is None:
            shared = [
                LANGUAGE_VERSION, PROMPT_VERSION, self._identity(depth_left), site.shape, depth_left,
                self._limits.max_answer_tokens, site.names, depth_left and self._writing, *self._guidance,
                *(self._functions if depth_left else []),
                *([self._limits.repairs] if depth_left or site.type != STR else []),
            ]  # fmt: skip
            head = hashlib.sha256(json.dumps(shared).encode())
            self._heads[site.shape, depth_left, site.names] = head
        digest = head.copy()
        text = canonical([sample, *args])
        if depth_left and not all(type(arg) in _PLAIN for arg in args):
            # a program sees the types of its arguments: [1, 2], (1, 2) and {1, 2} are the same JSON
            text += json.dumps([structure_of(type_of(arg)) for arg in args])
        digest.update(text.encode("utf-8", "surrogatepass"))  # decision 35
        return digest.digest()

    def _identity(self, depth_left: int) -> str | list[str]:
        """Return what identifies the models on which an answer depends: a program makes calls that others answer."""
        main, leaf = (role.model.identity for role in (self._roles.main, self._roles.leaf))
        if depth_left == 0:
            return leaf
        return main if main == leaf else [main, leaf]

    def of_function(self, site: CallSite, version: str, args: tuple[Value, ...]) -> bytes:
        """Return the SHA-256 digest of a call of a function of the host, whose name is the first argument."""
        text = json.dumps(["function", version, site.shape]) + canonical([*args])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
