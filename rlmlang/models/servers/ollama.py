"""Ollama over its own interface, which takes the size of the context and refuses a prompt that does not fit.

Its endpoint with OpenAI's format does neither (decision 110): it has the context that Ollama was started with, 4,096
tokens unless somebody raised that, and cuts a longer prompt without a word. Where only that endpoint can be reached,
`Chat` uses it, and finds out from the tokens that were counted.
"""

from __future__ import annotations

from typing import Any

from rlmlang.errors import ContextOverflow
from rlmlang.models.servers.http import Client, NotFound
from rlmlang.models.servers.messages import count

HINT = "raise the context of the model with `?ctx=32768`, or split the text with chunk(text, size)"


def is_ollama(client: Client) -> bool:
    """Return whether Ollama's own interface can be reached at a server. Raises ModelError E400."""
    version = client.look_at("/api/version")
    return isinstance(version, dict) and list(version) == ["version"]


def reached(client: Client, model: str, context: int) -> tuple[Client | OllamaClient, int]:
    """Return what to ask Ollama by: its own interface, with the context that is asked for, if that can be reached.

    The second is the longest context of the model; 0 if that is not known. Raises ModelError E400.
    """
    if not is_ollama(client):
        return client, 0
    try:
        described = client.request_now("POST", "/api/show", {"model": model})
    except NotFound as error:
        if "model" in error.first.message:
            raise
        return client, 0  # something before Ollama, such as Open WebUI, which has a version at the same path
    about = described.get("model_info") if isinstance(described, dict) else None
    sizes = about.items() if isinstance(about, dict) else ()
    longest = next((count(size) or 0 for name, size in sizes if str(name).endswith(".context_length")), 0)
    return OllamaClient(client, context), longest


class OllamaClient:
    """Sends requests in OpenAI's format to Ollama's own interface, and returns its responses in that format."""

    def __init__(self, client: Client, context: int) -> None:
        self.root = client.root
        self.shown = client.shown
        self._client = client
        self._context = context
        """The size of the context to ask for; 0 for Ollama's own."""

    async def request(self, method: str, path: str, body: dict[str, Any], *more: Any) -> Any:
        """Send a request for a chat completion. Raises ModelError."""
        try:
            data = await self._client.request(method, "/api/chat", self._native(body), "message", *more[1:])
        except ContextOverflow as error:
            raise error.with_hint(HINT) from error
        return _completion(data)

    def _native(self, body: dict[str, Any]) -> dict[str, Any]:
        options = {native: body[name] for name, native in _OPTIONS.items() if name in body}
        if self._context:
            options["num_ctx"] = self._context
        native = {
            "model": body["model"],
            "messages": body["messages"],
            "stream": body.get("stream", False),
            "truncate": False,
            "shift": False,
            "options": options,
        }
        if "reasoning_effort" in body:
            native["think"] = False
        if "response_format" in body:
            native["format"] = body["response_format"]["json_schema"]["schema"]
        return native


_OPTIONS = {"max_tokens": "num_predict", "temperature": "temperature", "seed": "seed", "stop": "stop"}


def _completion(data: Any) -> Any:
    """Return a chat completion with what Ollama has answered; an object without choices for what is no answer."""
    message = data.get("message") if isinstance(data, dict) else None
    if not isinstance(message, dict):
        return {}
    return {
        "choices": [
            {
                "message": {
                    "content": message.get("content"),
                    "reasoning": message.get("thinking"),
                    "tool_calls": message.get("tool_calls"),
                },
                "finish_reason": data.get("done_reason"),
            }
        ],
        "usage": {"prompt_tokens": data.get("prompt_eval_count"), "completion_tokens": data.get("eval_count")},
    }
