"""Prompts as tokens, for engines that take them.

A chat template and what stands in it are tokenized apart. So no text of a program or document can
hold the marks that end a turn.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache

from rlmlang.calls.prompt import Message
from rlmlang.errors import ModelError

ApplyTemplate = Callable[[list[dict[str, str]]], str]
"""The template's text for some turns, up to where the answer begins."""
Encode = Callable[[str], list[int]]


class ChatTemplate:
    """The template of a model. `encode` reads plain text; `encode_marks` reads a piece of the template,
    and is told whether it is the first."""

    def __init__(self, apply: ApplyTemplate, encode: Encode, encode_marks: Callable[[str, bool], list[int]]) -> None:
        self._apply = apply
        self._encode_marks = encode_marks
        self._pieces = lru_cache(self._read)
        self._text = lru_cache(maxsize=256)(encode)

    def prompt(self, messages: Sequence[Message], opening: str = "") -> list[int]:
        """The tokens of the whole prompt, up to the opening of the answer.

        Raises ModelError E407 if the template cannot hold the turns, and what the functions raise.
        """
        pieces = self._pieces(tuple(message.role for message in messages))
        tokens = list(pieces[0])
        for message, piece in zip(messages, pieces[1:]):
            tokens += self._text(message.content)
            tokens += piece
        return tokens + self._text(opening) if opening else tokens

    def _read(self, roles: tuple[str, ...]) -> list[list[int]]:
        """What the template puts before, between and after the messages."""
        marks = [secrets.token_hex(8) for _ in roles]
        prompt = self._apply([{"role": role, "content": mark} for role, mark in zip(roles, marks)])
        if re.findall("|".join(marks), prompt) != marks:
            raise ModelError.of("E407", f"the chat template of this model cannot hold the turns {', '.join(roles)}")
        return [self._encode_marks(piece, i == 0) for i, piece in enumerate(re.split("|".join(marks), prompt))]
