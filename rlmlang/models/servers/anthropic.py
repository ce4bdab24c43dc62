"""Anthropic's models over their own wire format: `anthropic:MODEL`.

They take no grammar; the caller checks what they write. The system message, which is the same in many calls, is marked
for their cache.
"""

from __future__ import annotations

import json
from typing import Any

from rlmlang.errors import ModelError
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.models.options import SAMPLE_TEMPERATURE, read_options
from rlmlang.models.servers.adaptation import Adaptation
from rlmlang.models.servers.endpoint import ServerOptions, key_variable, no_key, read_key, route_of, split_name
from rlmlang.models.servers.http import Client
from rlmlang.models.servers.messages import (
    TokenCounts,
    finish_of,
    most_prompt_tokens,
    most_tokens,
    on_the_wire,
    with_stop_text,
)

ADDRESS = "https://api.anthropic.com"

VERSION = "2023-06-01"
"""The version of the wire format."""

PATH = "/v1/messages"

CONTEXT = 200_000


def open_model(rest: str, name: str) -> AnthropicModel:
    """Return the model of `MODEL@URL?OPTIONS`.

    Raises UsageError E607 for a wrong name, option or key, ModelError E407 for a missing key.
    """
    model, url, query = split_name(rest, name, ADDRESS)
    return AnthropicModel(name, model, url.removesuffix("/v1"), read_options(ServerOptions(), query, name))


class AnthropicModel:
    """A model of Anthropic."""

    def __init__(self, name: str, model: str, url: str, options: ServerOptions) -> None:
        self.name = name
        self.model = model
        self.options = options
        self.concurrency = options.concurrency
        self.context = options.ctx or CONTEXT
        self.capabilities = Capabilities(exact_counts=False)
        variable = key_variable(options.key, "ANTHROPIC_API_KEY", url == ADDRESS)
        self._key = read_key(variable, url)
        self.secrets = frozenset([self._key] if self._key else [])
        if (url == ADDRESS or options.key) and not self._key:
            raise no_key(name, variable)
        headers = {"anthropic-version": VERSION, **({"x-api-key": self._key} if self._key else {})}
        self._client = Client(
            url,
            headers,
            timeout=options.timeout,
            retries=options.retries,
            secrets=self.secrets,
            route=route_of(options, url, self._key),
        )
        self._adaptation = Adaptation(self._client, PATH, model)
        self._counts = TokenCounts(url)
        self.identity = json.dumps(
            {"kind": "anthropic", "url": url, "model": model, "temperature": options.temperature}
        )

    def count_tokens(self, request: Request) -> int:
        """Return an upper bound of the tokens of the prompt."""
        return most_prompt_tokens(self._most(request), self.context, request.max_tokens)

    def _most(self, request: Request) -> int:
        return most_tokens(*(message.content for message in request.messages_with_written))

    async def generate(self, request: Request) -> Reply:
        _, data = await self._adaptation.exchange(lambda: self.body(request), "content")
        try:
            return self._reply(request, data)
        except (LookupError, TypeError, AttributeError) as error:
            shown = self._client.shown(json.dumps(data)[:3000])
            raise ModelError.of("E400", f"{self._client.root} answered what is no message: {shown}") from error

    async def aclose(self) -> None:
        await self._client.aclose()

    def body(self, request: Request) -> dict[str, Any]:
        """Return the body of the HTTP request."""
        messages = request.messages_with_written
        system = [message.content for message in messages if message.role == "system"]
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": request.max_tokens,
            "system": [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}} for text in system],
            "messages": on_the_wire(tuple(message for message in messages if message.role != "system")),
        }
        if self.options.temperature is not None:
            body["temperature"] = self.options.temperature or (SAMPLE_TEMPERATURE if request.sample else 0.0)
        if stops := [stop for stop in request.stop if stop.strip()]:  # others are refused
            body["stop_sequences"] = stops
        body["stream"] = self.options.stream
        return body

    def _reply(self, request: Request, data: Any) -> Reply:
        text = "".join(block["text"] for block in data["content"] if block["type"] == "text")
        finish = finish_of(data.get("stop_reason"), text, self._client.root)
        if finish == "stop":
            text = with_stop_text(text, request.stop, data.get("stop_sequence"))
        usage = data.get("usage") or {}
        read = [
            self._counts.read(usage, key)
            for key in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        ]
        thought = "".join(block["thinking"] for block in data["content"] if block["type"] == "thinking")
        tools = [block["name"] for block in data["content"] if block["type"] == "tool_use"]
        reply = Reply(
            text,
            sum(read),
            self._counts.read(usage, "output_tokens"),
            finish,
            cached_tokens=read[2],
            reasoning=thought,
            tool_call=tools[0] if tools and not text else "",
        )
        return self._counts.checked(reply, self._most(request), request.max_tokens)
