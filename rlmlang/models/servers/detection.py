"""Find out what a server with OpenAI's wire format is: by its host, or by what it answers where models are listed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from rlmlang.models.known_servers import HOSTS
from rlmlang.models.servers.azure import is_azure
from rlmlang.models.servers.chat import (
    AZURE,
    HOSTED,
    NONE,
    OLLAMA,
    OPENAI,
    OPENROUTER,
    SGLANG,
    VLLM,
    ServerDialect,
)
from rlmlang.models.servers.http import Client, NotFound
from rlmlang.models.servers.llama_server import LLAMA
from rlmlang.models.servers.messages import count
from rlmlang.models.servers.ollama import is_ollama

DIALECTS = {dialect.name: dialect for dialect in (VLLM, SGLANG, LLAMA, OLLAMA, OPENAI, AZURE, OPENROUTER, NONE)}

_OWNERS = {"vllm": VLLM, "sglang": SGLANG, "library": OLLAMA, "organization_owner": HOSTED}
"""The dialects of servers by what they say owns a model; the last is LM Studio, which refuses what does not fit."""

_CONTEXT_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")
"""The names of the context size in a list of models."""


def is_openai(url: str) -> bool:
    """Return whether an address is of OpenAI itself."""
    return urlsplit(url).hostname == "api.openai.com"


def dialect_of_service(url: str) -> ServerDialect | None:
    """Return the dialect of a service that is known by its address; None for any other server."""
    if is_openai(url):
        return OPENAI
    if is_azure(url):
        return AZURE
    name = HOSTS.get(urlsplit(url).hostname or "")
    return None if name is None else DIALECTS.get(name, HOSTED)


def detected(client: Client, base: str, model: str) -> tuple[ServerDialect, int]:
    """Return the dialect of the server of a model, and its context size; 0 if it reports none.

    `base` is the path of its API. Raises ModelError E400.
    """
    try:
        listed = client.request_now("GET", f"{base}/models")
    except NotFound:
        listed = None
    listed = listed.get("data") if isinstance(listed, dict) else listed  # some servers send the bare list
    models = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    entry = next((each for each in models if each.get("id") == model), models[0] if models else {})
    size = next((size for name in _CONTEXT_NAMES if (size := count(entry.get(name)))), 0)
    if dialect := _OWNERS.get(str(entry.get("owned_by"))):
        return dialect, size
    if size:
        return HOSTED, size
    settings = _fields_at(client, "/props").get("default_generation_settings")
    if isinstance(settings, dict):
        return LLAMA, count(settings.get("n_ctx")) or 0
    if "max_total_num_tokens" in _fields_at(client, "/get_server_info"):
        return SGLANG, 0
    if is_ollama(client):
        return OLLAMA, 0
    return NONE, 0


def _fields_at(client: Client, path: str) -> dict[str, Any]:
    """Return the JSON object at a path of a server; an empty one if it has anything else there, or nothing."""
    data = client.look_at(path)
    return data if isinstance(data, dict) else {}
