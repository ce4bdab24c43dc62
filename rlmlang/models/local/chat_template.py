"""Make prompts of tokens, for engines that take tokens (decision 45).

A chat template and the messages in it are tokenized separately. So no text of a program or document can contain the
special tokens that end a turn.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from functools import lru_cache

from rlmlang.calls.prompt import Message
from rlmlang.errors import ModelError

ApplyTemplate = Callable[[list[dict[str, str]]], str]
"""Returns the template's text for some messages, up to where the answer begins."""
Encode = Callable[[str], list[int]]


class ChatTemplate:
    """The chat template of a model.

    `encode` tokenizes plain text. `encode_template` tokenizes a piece of the template; its second argument says whether
    the piece is the first.
    """

    def __init__(self, apply: ApplyTemplate, encode: Encode, encode_template: Callable[[str, bool], list[int]]) -> None:
        self._apply = apply
        self._encode_template = encode_template
        self._pieces = lru_cache(self._read)
        self._text = lru_cache(maxsize=256)(encode)

    def prompt(self, messages: Sequence[Message], opening: str = "") -> list[int]:
        """Return the tokens of the whole prompt, with the opening of the answer at its end.

        Raises ModelError E407 if the template cannot represent the messages, and what the functions raise.
        """
        pieces = self._pieces(tuple(message.role for message in messages))
        tokens = list(pieces[0])
        for message, piece in zip(messages, pieces[1:]):
            tokens += self._text(message.content)
            tokens += piece
        return tokens + self._text(opening) if opening else tokens

    def program_opening(self, text: str) -> str:
        """Return a text that a program goes on from, an indented line, such that the model can go on from it.

        Many tokenizers read a line end and the indentation after it as one token, which a model expects, but cannot
        write after the line end. Then the line end is left to the model (decision 104).
        """
        line = text[text.rfind("\n", 0, -1) + 1 :]
        alone, followed = self._text(line), self._text(f"{line}    return")
        return text if followed[: len(alone)] == alone else text.removesuffix("\n")

    def _read(self, roles: tuple[str, ...]) -> list[list[int]]:
        """Return the tokens that the template puts before, between and after messages with these roles."""
        marks = [secrets.token_hex(8) for _ in roles]
        prompt = self._apply([{"role": role, "content": mark} for role, mark in zip(roles, marks)])
        if re.findall("|".join(marks), prompt) != marks:
            raise ModelError.of(
                "E407", f"the chat template of this model cannot represent the turns {', '.join(roles)}"
            )
        return [self._encode_template(piece, i == 0) for i, piece in enumerate(re.split("|".join(marks), prompt))]
