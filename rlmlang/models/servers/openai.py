"""Servers with OpenAI's wire format: `openai:MODEL@URL?dialect=…`.

An option gives the dialect; without it, the server is asked once what it is.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import cast

from attrs import asdict, frozen

from rlmlang.errors import UsageError
from rlmlang.models.base import Capabilities, RenderedPrompt, Reply, Request
from rlmlang.models.options import one_of, read_options
from rlmlang.models.servers.adaptation import CONTINUATION, SYSTEM, folded
from rlmlang.models.servers.azure import is_azure, root_and_path
from rlmlang.models.servers.chat import AZURE, NONE, OLLAMA, OPENAI, Chat, Grammar, Sampling
from rlmlang.models.servers.detection import DIALECTS, detected, dialect_of_service, is_openai
from rlmlang.models.servers.endpoint import ServerOptions, key_variable, no_key, read_key, route_of, split_name
from rlmlang.models.servers.http import Client
from rlmlang.models.servers.llama_server import LLAMA, LlamaServer
from rlmlang.models.servers.ollama import OllamaClient, reached

ADDRESS = "https://api.openai.com/v1"

GRAMMARS = ("llguidance", "lark", "ebnf", "gbnf", "none")


@frozen
class OpenAIOptions(ServerOptions):
    """The options in the name of a model."""

    dialect: str = ""
    """One of `DIALECTS`; empty to detect it."""
    grammar: str = ""
    """One of `GRAMMARS`, where the server reads other grammars than its dialect says: a llama-server that is built with
    llguidance, a vLLM that uses it."""
    schema: str = one_of("yes", "no")
    """Whether typed answers are held to a JSON schema."""
    seed: int = 0
    api_version: str = ""
    """The version of Azure's interface; empty for a default."""


USUAL = OpenAIOptions()


def open_model(rest: str, name: str) -> OpenAIModel:
    """Return the model of `MODEL@URL?OPTIONS`. Raises UsageError E607 for a wrong name, option or key."""
    model, url, query = split_name(rest, name, ADDRESS, "OPENAI_BASE_URL")
    options = read_options(OpenAIOptions(), query, name)
    for what, given, known in (("dialect", options.dialect, DIALECTS), ("grammar", options.grammar, GRAMMARS)):
        if given and given not in known:
            raise UsageError.of("E607", f"unknown {what} `{given}` in `{name}`", hint=f"one of {', '.join(known)}")
    return OpenAIModel(name, model, url, options)


class OpenAIModel:
    """A model of a server. The first request is sent when its context size is needed."""

    def __init__(self, name: str, model: str, url: str, options: OpenAIOptions) -> None:
        self.name = name
        self.model = model
        self.options = options
        self.concurrency = options.concurrency
        self._known = DIALECTS.get(options.dialect) or dialect_of_service(url)
        """The dialect of the server; None if it is to be found out."""
        if self._known is AZURE:
            root, self._path = root_and_path(url, model, options.api_version)
        else:
            root = url.removesuffix("/v1")
            self._path = f"{url[len(root) :]}/chat/completions"
        self._needs_key = is_openai(url) or is_azure(url) or bool(options.key)
        self._variable = key_variable(options.key, "OPENAI_API_KEY", is_openai(url))
        self._key = read_key(self._variable, url)
        self.secrets = frozenset([self._key] if self._key else [])
        header = {"api-key": self._key} if self._known is AZURE else {"Authorization": f"Bearer {self._key}"}
        headers = header if self._key else {}
        self._client = Client(
            root,
            headers,
            timeout=options.timeout,
            retries=options.retries,
            secrets=self.secrets,
            route=route_of(options, url, self._key),
        )
        values = asdict(options)
        kept = {key: values[key] for key in ("dialect", "grammar", "temperature", "seed")}
        kept |= {key: values[key] for key in ("api_version", "schema") if values[key] != getattr(USUAL, key)}
        self.identity = json.dumps({"kind": "openai", "url": url, "model": model, **kept})

    @property
    def context(self) -> int:
        return self._server.context

    @property
    def capabilities(self) -> Capabilities:
        return self._server.capabilities

    def count_tokens(self, request: Request) -> int:
        """Return the length of the prompt: exact for llama-server, an upper bound for the others. Raises ModelError."""
        return self._server.count(request)

    def render_prompt(self, request: Request) -> RenderedPrompt:
        refused = self._server.adaptation.refused
        messages = folded(request.messages) if SYSTEM in refused else request.messages
        continues = self.capabilities.continues and CONTINUATION not in refused
        return RenderedPrompt(messages, request.opening(continues))

    async def generate(self, request: Request) -> Reply:
        return await self._server.generate(request)

    async def aclose(self) -> None:
        await self._client.aclose()

    # The server

    @cached_property
    def _server(self) -> Chat | LlamaServer:
        """The server in its dialect. Raises ModelError E400, E407."""
        options = self.options
        if self._needs_key and not self._key:
            raise no_key(self.name, self._variable)
        dialect, context = self._known, options.ctx
        if dialect is None or (not context and dialect not in (OPENAI, AZURE, NONE)):
            found, size = detected(self._client, self._path.removesuffix("/chat/completions"), self.model)
            dialect = dialect or found
            context = context or size
        client: Client | OllamaClient = self._client
        if dialect is OLLAMA:
            client, size = reached(self._client, self.model, options.ctx)
            context = context or size
        context = context or dialect.context
        grammar = cast(Grammar, options.grammar) or dialect.grammar
        schema = options.schema == "yes"
        sampling = Sampling(options.temperature, options.seed)
        if dialect is LLAMA:
            return LlamaServer(self._client, self.model, grammar, context, sampling, options.stream, schema)
        return Chat(client, self._path, self.model, dialect, grammar, context, sampling, options.stream, schema)
