"""What all servers share of requests and replies: messages on the wire, ends of answers, token counts, stop texts."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from attrs import evolve

from rlmlang.calls.prompt import Message
from rlmlang.errors import ModelError
from rlmlang.models.base import Reply, cut_at_stop


def alternating(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return messages of which no two in a row are of one role, and none is empty: many servers refuse others."""
    merged: list[Message] = []
    for message in messages:
        if not message.content.strip():
            continue
        if merged and merged[-1].role == message.role:
            message = Message(message.role, f"{merged.pop().content}\n\n{message.content}")
        merged.append(message)
    return tuple(merged)


def on_the_wire(messages: Iterable[Message]) -> list[dict[str, str]]:
    """Return messages as JSON data, alternating."""
    return [{"role": message.role, "content": message.content} for message in alternating(messages)]


# Ends of answers -----------------------------------------------------------------

_CUT_OFF = frozenset(
    {
        "length", "max_tokens", "max_output_tokens", "max_completion_tokens", "max_new_tokens", "max_length",
        "model_length", "model_context_window_exceeded", "context_length_exceeded", "token_limit",
    }
)  # fmt: skip
_REFUSED = frozenset(
    {
        "content_filter", "content_filtered", "refusal", "safety", "recitation", "blocklist", "prohibited_content",
        "spii", "guardrail_intervened", "sensitive", "moderation", "error_toxic",
    }
)  # fmt: skip
_GIVEN_UP = frozenset(
    {
        "error", "abort", "aborted", "cancelled", "canceled", "pause_turn", "network_error", "timeout",
        "insufficient_system_resource",
    }
)  # fmt: skip
_ENDED = frozenset(
    {
        "", "stop", "eos", "eos_token", "stop_token", "stop_sequence", "end_turn", "end", "complete", "completed",
        "finished", "done", "tool_calls", "tool_use", "function_call",
    }
)  # fmt: skip


def finish_of(reason: object, text: str, root: str) -> Literal["stop", "length", "refusal"]:
    """Return how an answer ended, by what its server calls that. An unknown end with a text before it is an end.

    Raises ModelError E400 for an end by which the server gave the answer up.
    """
    word = "" if reason is None else str(reason).lower().replace("-", "_").removeprefix("finish_reason_")
    word = word.partition(":")[0]  # Gemini adds which of its filters it was
    if word in _CUT_OFF:
        return "length"
    if word in _REFUSED:
        return "refusal"
    if word in _ENDED or (word not in _GIVEN_UP and text.strip()):
        return "stop"
    raise ModelError.of("E400", f"{root} ended the answer for another reason: {reason!r:.60}")


# Tokens --------------------------------------------------------------------------


def most_tokens(*texts: str) -> int:
    """Return an upper bound of the tokens that a server counts for a prompt of these texts.

    A token is at least one byte. The rest is a generous allowance for what chat templates add to each message, and at
    the start.
    """
    return 256 + sum(16 + len(text.encode("utf-8", "replace")) for text in texts)


def fewest_tokens(*texts: str) -> int:
    """Return a lower bound of the tokens that a server counts for a prompt of these texts.

    Tokenizers do not join words, break up long ones, and have no word of many signs for scripts without spaces.
    """
    return sum(
        len(_WORD.findall(text)) + len(_LONG.findall(text)) + len(_WIDE.findall(text)) // MOST_WIDE for text in texts
    )


_WORD = re.compile(r"\w+")
_LONG = re.compile(r"\w{16}")
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\u0e00-\u0eff]")
"""The letters of scripts without spaces, or with long words: Chinese, Japanese, Korean, Thai, Lao."""

MOST_WIDE = 4
"""The most letters of such a script that a token usually has."""

SMALLEST_CONTEXT = 1_000
"""No server has a context of fewer tokens, so none cuts a prompt to less."""

CUT = 0.75
"""A prompt for which a server counts less than this part of the fewest tokens has been cut."""


def is_cut(counted: int, least: int) -> bool:
    """Return whether a server must have cut a prompt of which it counted so many tokens, and which has so many."""
    return least > SMALLEST_CONTEXT and counted < CUT * least


def most_prompt_tokens(bound: int, context: int, max_tokens: int) -> int:
    """Return the bound, lowered to what a server accepts, where it refuses prompts that do not fit.

    A request that is accepted leaves `max_tokens` of the context free. So a prompt is not taken for too long because
    of a bound that is four times its length.
    """
    return min(bound, max(context - max_tokens, context // 2))


def with_stop_text(text: str, stops: tuple[str, ...], reported: object) -> str:
    """Return the text up to the end of the stop text that ended it, if it is one of `stops`.

    `reported` is what the server says has ended it; most servers leave it out of the text.
    """
    if isinstance(reported, str) and reported in stops and not any(stop in text for stop in stops):
        return text + reported
    return cut_at_stop(text, stops)


class TokenCounts:  # decision 117
    """The tokens that a server counts. What cannot be right is replaced by what can, with one warning of each kind."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._warned: set[str] = set()

    def read(self, usage: object, *path: str) -> int:
        """Return the number of tokens at a path of fields of a server's report; 0 for none, and for what is none."""
        found = usage
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        number = count(found)
        if found is not None and number is None:
            self._warn(f"%s reports `{'.'.join(path)}` that is no number of tokens, and is not counted")
        return number or 0

    def checked(self, reply: Reply, most: int, max_tokens: int) -> Reply:
        """Return a reply with token counts that can be right, given the most that prompt and answer can have.

        It has those of the server, 0 where that counts none: no prompt has no tokens, and no text has.
        """
        prompt, completion = reply.prompt_tokens, reply.completion_tokens
        if not prompt or (not completion and (reply.text or reply.reasoning)):
            self._warn("%s counts no tokens; they are estimated")
            prompt = prompt or most
            completion = completion or min(max_tokens, most_tokens(reply.text, reply.reasoning))
        if prompt > most or completion > max_tokens:
            self._warn("%s counts more tokens than there can be; as many as there can be are counted")
            prompt, completion = min(prompt, most), min(completion, max_tokens)
        return evolve(
            reply,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=min(reply.cached_tokens, prompt),
            reasoning_tokens=min(reply.reasoning_tokens, completion),
        )

    def _warn(self, warning: str) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            logging.getLogger("rlmlang").warning(warning, self._root)


def reported_cost(usage: dict[str, Any]) -> Decimal | None:
    """Return the dollars that a server says a request has cost; None if it says nothing.

    OpenRouter and others have them in `cost`, Perplexity in `cost.total_cost`, DeepInfra in `estimated_cost`.
    """
    cost = usage.get("cost", usage.get("estimated_cost"))
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    if not isinstance(cost, int | float) or isinstance(cost, bool) or not 0 <= cost < 1_000_000:
        return None
    return Decimal(str(cost))


def count(value: object) -> int | None:
    """Return a number of tokens that a server reports, `12` or `12.0`; None for anything else."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < 2**31 else None
