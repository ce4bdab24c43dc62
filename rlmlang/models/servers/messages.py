"""What all servers share of requests and replies: messages on the wire, upper bounds of token counts, stop texts."""

from __future__ import annotations

from rlmlang.calls.prompt import Message
from rlmlang.models.base import cut_at_stop


def on_the_wire(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    """Return messages as JSON data."""
    return [{"role": message.role, "content": message.content} for message in messages]


def most_tokens(*texts: str) -> int:
    """Return an upper bound of the tokens that a server counts for a prompt of these texts.

    A token is at least one byte. The rest is a generous allowance for what chat templates add to each message, and at
    the start.
    """
    return 256 + sum(16 + len(text.encode("utf-8", "replace")) for text in texts)


def most_prompt_tokens(bound: int, context: int, max_tokens: int) -> int:
    """Return the bound, lowered to what a server accepts, where it refuses prompts that do not fit.

    A request that is accepted leaves `max_tokens` of the context free. So a prompt is not taken for too long because
    of a bound that is four times its length.
    """
    return min(bound, max(context - max_tokens, context // 2))


def with_stop_text(text: str, stops: tuple[str, ...], reported: object = None) -> str:
    """Return the text up to the end of the stop text that ended it, if it is one of `stops`.

    `reported` is what the server says has ended it; most servers leave it out of the text.
    """
    if isinstance(reported, str) and reported in stops and not any(stop in text for stop in stops):
        return text + reported
    return cut_at_stop(text, stops)


def count(value: object) -> int | None:
    """Return a number of tokens that a server reports; None for anything else."""
    return value if type(value) is int and 0 <= value < 2**31 else None
