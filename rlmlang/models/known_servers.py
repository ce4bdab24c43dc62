"""The servers that people have, and which model somebody means who writes a name that is none."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from attrs import frozen


@frozen
class KnownServer:
    """A server with OpenAI's wire format."""

    address: str
    key: str = ""
    """The environment variable in which people keep its key; empty for a server that needs none."""

    def model(self, name: str) -> str:
        """Return the name of one of its models."""
        return f"openai:{name}@{self.address}{f'?key={self.key}' if self.key else ''}"


SERVERS = {
    "ollama": KnownServer("http://localhost:11434/v1"),
    "lmstudio": KnownServer("http://localhost:1234/v1"),
    "llama-server": KnownServer("http://localhost:8080/v1"),
    "vllm": KnownServer("http://localhost:8000/v1"),
    "sglang": KnownServer("http://localhost:30000/v1"),
    "azure": KnownServer("https://NAME.openai.azure.com", "AZURE_OPENAI_API_KEY"),
    "openrouter": KnownServer("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "groq": KnownServer("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "together": KnownServer("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "mistral": KnownServer("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "gemini": KnownServer("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
    "deepseek": KnownServer("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "xai": KnownServer("https://api.x.ai/v1", "XAI_API_KEY"),
    "fireworks": KnownServer("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "perplexity": KnownServer("https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
}
"""The servers by the names that people call them."""

_ALIASES = {
    "ollama_chat": "ollama",
    "lm_studio": "lmstudio",
    "lm-studio": "lmstudio",
    "llamacpp": "llama-server",
    "llama.cpp": "llama-server",
    "llama_cpp": "llama-server",
    "hosted_vllm": "vllm",
    "azure_openai": "azure",
    "azure_ai": "azure",
    "together_ai": "together",
    "togetherai": "together",
    "mistralai": "mistral",
    "google": "gemini",
    "google_genai": "gemini",
    "grok": "xai",
    "fireworks_ai": "fireworks",
}
"""Other names of the same servers."""

_KINDS = {"huggingface": "hf", "transformers": "hf", "hf": "hf", "llama": "gguf", "gguf": "gguf", "claude": "anthropic"}
"""Names that people use for kinds of models."""

_FAMILIES = (
    (r".*\.gguf", "gguf:{}"),
    (r"gpt-oss.*", SERVERS["ollama"].model("{}")),
    (r"((gpt|chatgpt)-[-\w.]+|o[1-9](-[-\w.]+)?)", "openai:{}"),
    (r"claude[-\w.@]*", "anthropic:{}"),
    (r"gemini[-\w.]+", SERVERS["gemini"].model("{}")),
    (r"(codestral|ministral|magistral|mistral-(small|medium|large))[-\w.]*", SERVERS["mistral"].model("{}")),
    (r"grok[-\w.]+", SERVERS["xai"].model("{}")),
    (r"deepseek-(chat|reasoner)", SERVERS["deepseek"].model("{}")),
    (r"(code)?(llama|qwen|gemma|phi|mistral|mixtral|deepseek|smollm)[-\w.]*(:[-\w.]+)?", SERVERS["ollama"].model("{}")),
)
"""Patterns of the names of models without a server, each with the name to write."""


HOSTS = {
    urlsplit(server.address).hostname or "": name
    for name, server in SERVERS.items()
    if server.address.startswith("https://") and name != "azure"
}
"""The servers of services by their hosts."""


def suggestion(name: str) -> str | None:
    """Return the name of the model that somebody means by a name of no known kind; None if there is no telling."""
    name, mark, options = name.partition("?")
    meant = _meant(name)
    return f"{meant}{'&' if '?' in meant else '?'}{options}" if meant and mark else meant


def _meant(name: str) -> str | None:
    """Return the name of the model that is meant by a name without options."""
    model, at, url = name.partition("@")
    if re.fullmatch(r"(localhost|[\w.-]+:\d+)(/.*)?", url):  # a host without http://
        url = f"http://{url}" if "/" in url else f"http://{url}/v1"
    if re.match("https?://", name):
        return f"openai:MODEL@{name}"
    kind, mark, rest = re.fullmatch("([^:/]*)([:/]?)(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
    kind = _ALIASES.get(kind.lower(), kind.lower())
    if kind in SERVERS and (mark or kind != "mistral"):
        if at and re.match("https?://", url):
            return f"openai:{rest.partition('@')[0]}@{url}"
        return SERVERS[kind].model(rest or "MODEL")
    if mark == "/" and kind in ("openai", "anthropic"):
        return f"{kind}:{rest}"
    if mark and rest and kind in _KINDS:
        return f"{_KINDS[kind]}:{rest}"
    for pattern, written in _FAMILIES:
        if re.fullmatch(pattern, model, re.IGNORECASE):
            return f"openai:{model}@{url}" if re.match("https?://", url) else written.format(name)
    return None
