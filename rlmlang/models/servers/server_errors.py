"""What servers say when they fail, read from any form in which they say it, and what their words mean.

Every wording that rlmlang acts on is in this module: a new server's is one more line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from attrs import frozen

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 529})
"""The statuses after which the same request may succeed. (Those from 520 to 523 are Cloudflare's.)"""

TOO_SLOW = frozenset({504, 524})
"""The statuses by which a proxy says that it has waited long enough for an answer."""

OVERLOADED = frozenset({429, 503, 529})
"""The statuses by which a server says that it is overloaded."""


def _any_of(*wordings: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{wording})" for wording in wordings), re.IGNORECASE)


OVERFLOW = _any_of(
    r"context[ _-](?:length|size|window|limit)",  # OpenAI, Azure, OpenRouter, Mistral, vLLM, SGLang, llama-server
    r"maximum (?:prompt|model|input|sequence) length",  # xAI, vLLM
    r"prompt (?:is )?too long",  # Anthropic, Bedrock, Fireworks, Ollama
    r"input (?:token length |length )?(?:is )?too (?:long|large)",  # Bedrock, Perplexity, Moonshot
    r"too many input tokens",  # Bedrock
    r"too many tokens: ",  # Cohere; "too many tokens, please wait" is a rate limit
    r"reduce (?:your prompt|the length of (?:the|your) (?:messages|prompt|input))",  # Groq, Cerebras, Azure
    r"token count (?:\(\d+\) )?exceeds",  # Gemini
    r"exceeds? the maximum number of (?:input )?tokens",  # Gemini, Perplexity
    r"request (?:body )?too large",  # Groq, GitHub, OpenAI where a request is above its limit for a minute
    r"`?inputs`? (?:tokens \+|must have less than)",  # Text Generation Inference, Together
    r"input tokens (?:\d+ )?cannot exceed",  # watsonx
    r"exceeded model token limit",  # Moonshot
    r"range of input length should be",  # DashScope
    r"prompt exceeds max length",  # Zhipu
)
"""The wordings by which servers say that a prompt is too long."""

OVERFLOW_CODES = frozenset(
    {
        "context_length_exceeded",  # OpenAI, Azure, Groq, Cerebras
        "context_window_exceeded",
        "contextwindowexceedederror",  # LiteLLM
        "exceed_context_size_error",  # llama-server
        "model_context_window_exceeded",
        "request_too_large",  # Anthropic
        "string_above_max_length",  # OpenAI
        "tokens_limit_reached",  # GitHub
    }
)

FILTERED = _any_of(
    r"content exists risk",  # DeepSeek
    r"(?:prompt|input|request|content) (?:was|has been|is) (?:flagged|filtered|blocked by)",  # OpenAI, OpenRouter
    r"violat\w+ (?:our |the )?(?:usage|content) (?:polic|guideline)",  # OpenAI, xAI
    r"inappropriate content",  # DashScope
    r"considered high risk",  # Moonshot
)
"""The wordings by which services say that a filter before the model has refused the prompt."""

FILTER_CODES = frozenset(
    {
        "content_filter", "content_policy_violation", "responsibleaipolicyviolation", "moderation_blocked",
        "invalid_prompt", "data_inspection_failed",
    }
)  # fmt: skip
"""What servers call that error: Azure, OpenAI, DashScope, and others."""

LOADING = _any_of(
    r"loading (?:the )?model",  # llama-server
    r"(?:is|are) (?:currently |still )?(?:loading|being loaded)",  # Hugging Face, Text Generation Inference
    r"still (?:loading|starting)",
    r"warming up",
    r"model (?:is )?not (?:yet )?(?:ready|loaded)",
)
"""The wordings by which servers say that their model will be there soon."""

NO_SYSTEM = _any_of(
    r"system (?:role|message|prompt|instruction)s? (?:is |are )?not (?:supported|allowed|enabled)",  # Gemma's template
    r"(?:does not|doesn't) support (?:the )?(?:system|developer) (?:role|message|prompt|instruction)",  # Bedrock
    r"developer instruction is not enabled",  # Gemini
    r"only user and assistant roles",  # Mistral's template
    r"roles must alternate",  # the same, of a conversation that does alternate behind the system's text
    r"(?:unexpected|invalid|unknown|unsupported) role:? [\"'`]?(?:system|developer)",
    r"role[\"'`]* does not support [\"'`]?(?:system|developer)",  # OpenAI's o1-mini
    r"(?:first message|conversation|messages) (?:must|should) (?:be|start|begin|use)\b.{0,20}\buser\b",
)
"""The wordings by which servers say that they take no system message."""

NO_CONTINUATION = _any_of(
    r"continue_final_message",  # vLLM, transformers
    r"add_generation_prompt",
    r"prefill",  # Anthropic, Bedrock, llama-server
    r"expected last role",  # Mistral
    r"(?:last|final) message (?:must|should|cannot|can not)",
    r"must end with a user message",
)
"""The wordings by which servers say that they do not continue the text of an assistant."""

UNSUPPORTED = _any_of(
    r"unsupported",
    r"(?:not|n't)(?: be)? (?:support|permit|allow|accept|available)",
    r"unrecogni[sz]ed|unknown|unexpected",
    r"extra(?:neous)? (?:inputs?|keys?|fields?)|extra_forbidden|additional propert",
    r"deprecated",
    r"only the default",
    r"cannot both be",
)
"""The wordings by which servers say that they do not take a field of a request."""

WRONG_PATH = _any_of(r"unexpected endpoint")  # LM Studio, with status 200

TOO_MANY_TOKENS = re.compile(
    r"max_(?:completion_|output_|new_)?tokens.{0,80}(?:large|exceed|at most|less than|maximum|range|<=)", re.IGNORECASE
)
"""The wordings by which servers say that an answer may not be as long as the request allows."""

_UNPAID_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_RATE_LIMIT_CODES = frozenset({"rate_limit_exceeded", "rate_limit_error", "too_many_requests", "resource_exhausted"})
_OVERLOAD_CODES = frozenset({"overloaded_error", "overloaded", "service_unavailable", "unavailable"})
_SERVER_CODES = frozenset(
    {"server_error", "internal_server_error", "internal_error", "internal", "api_error", "timeout"}
)


@frozen
class ServerError:
    """An error that a server reports."""

    status: int
    """The HTTP status; for an error in the body of a response with status 200, the status that it should have had."""
    message: str = ""
    codes: frozenset[str] = frozenset()
    """What the server calls the error, in lower case: `error.code` and `error.type`."""
    names: frozenset[str] = frozenset()
    """The fields of the request that the error is about, as far as the server names them apart from its message."""
    seconds: float | None = None
    """How long the server says that it will last."""

    @property
    def is_overflow(self) -> bool:
        """Whether the prompt is too long."""
        return self.status == 413 or bool(self.codes & OVERFLOW_CODES or OVERFLOW.search(self.message))

    @property
    def is_filtered(self) -> bool:
        """Whether a filter has refused the prompt."""
        return self.status < 500 and bool(self.codes & FILTER_CODES or FILTERED.search(self.message))

    @property
    def is_loading(self) -> bool:
        """Whether the server has yet to load its model."""
        return self.status == 503 and bool(LOADING.search(self.message))

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in AGAIN and not self.codes & _UNPAID_CODES and not self.is_overflow

    def refuses(self, *names: str) -> bool:
        """Whether the server says that it does not take a field, which it may call by any of these names."""
        if self.status >= 500 and not self.names:
            return False  # words such as "unexpected" then mean a fault of the server's
        if not UNSUPPORTED.search(self.message) and not any(map(UNSUPPORTED.search, self.codes)):
            return False
        if self.names:
            return not self.names.isdisjoint(names)
        return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", self.message, re.IGNORECASE) for name in names)


def error_of(status: int, data: object) -> ServerError:
    """Return the error of a status other than 200, with the JSON data that came with it, if any."""
    inner = next((each for each in _levels(data) if isinstance(each, dict)), {})
    return ServerError(status, _message(data), _codes(data), _names(data), _seconds(inner))


def error_within(data: object, key: str | None) -> ServerError | None:
    """Return the error in a response with status 200; None if there is none.

    `key` is what every right response has, such as `choices`; None if nothing is known of it.
    """
    if not isinstance(data, dict):
        return None
    inside = data
    if key == "choices" and isinstance(choices := data.get("choices"), list) and choices:
        inside = choices[0] if isinstance(choices[0], dict) and choices[0].get("error") else data
    if not inside.get("error") and (key is None or data.get(key) is not None):
        return None
    feedback = data.get("promptFeedback")
    if isinstance(feedback, dict) and feedback.get("blockReason"):  # Gemini's own interface, behind a gateway
        return ServerError(400, f"the prompt was blocked: {feedback['blockReason']}", frozenset({"content_filter"}))
    if not inside.get("error") and not _message(data):
        return None
    error = error_of(200, inside)
    return ServerError(_status(inside, error), error.message, error.codes, error.names, error.seconds)


def _status(data: dict[str, Any], error: ServerError) -> int:
    """Return the status that an error in a response with status 200 should have had."""
    if WRONG_PATH.search(error.message):
        return 404
    for level in _levels(data):
        for key in ("code", "status", "status_code"):
            number = level.get(key) if isinstance(level, dict) else None
            if isinstance(number, str) and number.isdecimal():
                number = int(number[:9])
            if type(number) is int and 400 <= number < 600:
                return number
    for codes, status in ((_RATE_LIMIT_CODES, 429), (_OVERLOAD_CODES, 503), (_SERVER_CODES, 500)):
        if error.codes & codes:
            return status
    return 400


# The forms of errors -------------------------------------------------------------


def _levels(data: object) -> Iterator[object]:
    """Yield what the message of an error may be in: the data, and what is within it."""
    for _ in range(4):
        yield data
        if isinstance(data, list) and data:  # Gemini puts its errors into a list
            data = data[0]
        elif isinstance(data, dict):
            data = next((data[key] for key in ("error", "errors", "message", "detail", "msg") if data.get(key)), None)
        else:
            return


def _message(data: object) -> str:
    """Return the message of an error, in any of the usual forms."""
    for _ in range(4):
        if isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict) and not data[0].get("loc"):
            data = data[0]
        if isinstance(data, dict):
            data = next((data[key] for key in ("error", "message", "detail", "errors", "msg") if data.get(key)), "")
    return data if isinstance(data, str) else json.dumps(data) if data else ""


def _codes(data: object) -> frozenset[str]:
    found = [level.get(key) for level in _levels(data) if isinstance(level, dict) for key in ("code", "type", "status")]
    return frozenset(word.lower() for word in found if isinstance(word, str))


def _names(data: object) -> frozenset[str]:
    """Return the fields that an error names: OpenAI's `param`, and the last of the `loc` of FastAPI."""
    found: list[object] = []
    for level in _levels(data):
        if isinstance(level, dict):
            found.append(level.get("param"))
            place = level.get("loc")
            found += place[1:2] if isinstance(place, list) else []
    return frozenset(name for name in found if isinstance(name, str) and name)


def _seconds(data: object) -> float | None:
    value = data.get("estimated_time") if isinstance(data, dict) else None  # Hugging Face
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e6 else None
