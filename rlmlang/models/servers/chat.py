"""Chat completions, OpenAI's wire format, in the dialects of the servers that implement it.

They differ in how a text is constrained, continued and stopped. The caller checks every reply: a server ignores the
fields that it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, cast

from attrs import evolve, frozen

from rlmlang.calls.prompt import Message
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import ModelError
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.models.options import SAMPLE_TEMPERATURE
from rlmlang.models.servers.adaptation import CONTINUATION, SYSTEM, Adaptation, folded
from rlmlang.models.servers.bodies import text_of
from rlmlang.models.servers.http import Client
from rlmlang.models.servers.messages import (
    TokenCounts,
    fewest_tokens,
    finish_of,
    is_cut,
    most_prompt_tokens,
    most_tokens,
    on_the_wire,
    reported_cost,
    with_stop_text,
)
from rlmlang.models.servers.ollama import OllamaClient

Grammar = Literal["llguidance", "lark", "ebnf", "gbnf", "none"]

TOOL = "write"
"""The tool that OpenAI's models write into, since only the input of a tool can be constrained to a grammar."""


@frozen
class ServerDialect:
    """The capabilities of one kind of server, and the names of its fields."""

    name: str
    grammar: Grammar = "none"
    """The grammars that it reads, unless an option says otherwise."""
    continues: bool = False
    refuses: bool = True
    """Whether a prompt that does not fit is refused; otherwise it may be truncated silently."""
    context: int = 32_768
    """The context size where the server reports none."""
    limit: str = "max_tokens"
    """The field for the token limit of an answer."""
    local: bool = False
    """Whether it takes a seed, and strict schemas with open objects and tuples."""
    temperature: bool = True
    """Whether every model takes a temperature; else it is sent only if the name of the model gives one."""
    counts_constraint: bool = False
    """Whether what constrains an answer counts as a part of the prompt."""
    always: Mapping[str, Any] = {}
    """The fields of every request: that models answer without reasoning first, and that no prompt is shortened."""
    keeps_stop: str = ""
    """The field that keeps the stop text in the reply."""
    more_context: str = "give the server a larger context"
    """How a user makes room for longer prompts."""


_TEMPLATE = {"chat_template_kwargs": {"enable_thinking": False}}

VLLM = ServerDialect(
    "vllm", "ebnf", continues=True, local=True, always=_TEMPLATE, keeps_stop="include_stop_str_in_output"
)
SGLANG = ServerDialect("sglang", "ebnf", continues=True, local=True, always=_TEMPLATE, keeps_stop="no_stop_trim")
OLLAMA = ServerDialect(
    "ollama",
    context=4096,
    local=True,
    always={"reasoning_effort": "none"},
    more_context="start Ollama with OLLAMA_CONTEXT_LENGTH=32768, or give the model a larger num_ctx",
)
OPENAI = ServerDialect(
    "openai", "lark", context=128_000, limit="max_completion_tokens", temperature=False, counts_constraint=True
)
AZURE = evolve(OPENAI, name="azure", grammar="none")
OPENROUTER = ServerDialect("openrouter", always={"transforms": []})  # by default it shortens prompts of small models
NONE = ServerDialect("none", refuses=False)
HOSTED = evolve(NONE, refuses=True, context=128_000)
"""A service that has said what its context is, or is known."""


@frozen
class Sampling:
    """How the next token is sampled."""

    temperature: float | None = None
    """None for 0, or for the server's default where not every model takes a temperature."""
    seed: int = 0

    def of(self, request: Request, dialect: ServerDialect) -> dict[str, Any]:
        """Return the fields for a request. (The samples of one call must differ.)"""
        fields: dict[str, Any] = {}
        if self.temperature is not None or dialect.temperature:
            fields["temperature"] = self.temperature or (SAMPLE_TEMPERATURE if request.sample else 0.0)
        if dialect.local:
            fields["seed"] = (self.seed + request.sample) % 2**31
        return fields


class Chat:
    """A server of chat completions, at a path of the client's address."""

    def __init__(
        self,
        client: Client | OllamaClient,
        path: str,
        model: str,
        dialect: ServerDialect,
        grammar: Grammar,
        context: int,
        sampling: Sampling,
        stream: bool = False,
        schema: bool = True,
    ) -> None:
        self.context = context
        self.capabilities = Capabilities(
            grammar=grammar,
            schema=schema,
            continues=dialect.continues,
            exact_counts=False,
        )
        self._client = client
        self._path = path
        self._model = model
        self._dialect = dialect
        self._grammar = grammar
        self._sampling = sampling
        self._stream = stream
        self.adaptation = Adaptation(client, path, model)
        self._counts = TokenCounts(client.root)

    def count(self, request: Request) -> int:
        """Return an upper bound of the tokens of the prompt."""
        bound = self._most(request)
        return most_prompt_tokens(bound, self.context, request.max_tokens) if self._dialect.refuses else bound

    def _most(self, request: Request) -> int:
        """Return the most tokens that the prompt can have, whatever the context."""
        texts = [message["content"] for message in self._messages(request)]
        if self._dialect.counts_constraint:
            texts.append(json.dumps(self._constraint_fields(request)))  # counts as a part of the prompt
        return most_tokens(*texts)

    async def generate(self, request: Request) -> Reply:
        """Return the reply to a request. Raises ModelError."""
        body, data = await self.adaptation.exchange_typed(lambda: self.body(request), "choices", request)
        try:
            return self._reply(request, body, data)
        except (LookupError, TypeError, AttributeError) as error:
            shown = self._client.shown(json.dumps(data)[:3000])
            raise ModelError.of("E400", f"{self._client.root} answered what is no chat completion: {shown}") from error

    # Requests

    def body(self, request: Request) -> dict[str, Any]:
        """Return the body of the HTTP request."""
        dialect = self._dialect
        body: dict[str, Any] = {"model": self._model, "messages": self._messages(request)}
        body[dialect.limit] = request.max_tokens
        body |= self._sampling.of(request, dialect)
        body |= self._constraint_fields(request)
        body |= dialect.always
        if self._continued(request):
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        stop = self._stop(request)
        if stop and dialect.keeps_stop:  # decision 109: others do not say which stop text ended a reply, if one did
            body |= {"stop": list(stop), dialect.keeps_stop: True}
        is_stream = self._stream or request.listener is not None
        body |= {"stream": True, "stream_options": {"include_usage": True}} if is_stream else {"stream": False}
        return body

    def _messages(self, request: Request) -> list[dict[str, str]]:
        messages = request.messages_with_written
        if text := self._continued(request):
            messages = (*request.messages, Message("assistant", text))
        return on_the_wire(folded(messages) if SYSTEM in self.adaptation.refused else messages)

    def _opening(self, request: Request) -> str:
        return request.opening(self._continues)

    @property
    def _continues(self) -> bool:
        return self._dialect.continues and CONTINUATION not in self.adaptation.refused

    def _stop(self, request: Request) -> tuple[str, ...]:
        return request.stop_after(self._opening(request), bool(self._constraint_fields(request)))

    def _continued(self, request: Request) -> str:
        """Return the start of the answer that the server is to continue; empty if it is to start a new one."""
        return self._opening(request) + request.written if self._continues else ""

    def _constraint_fields(self, request: Request) -> dict[str, Any]:
        """Return the fields that constrain the answer to a grammar or a schema."""
        if request.constraint is not None:
            return (
                {} if self._grammar == "none" else self._grammar_fields(grammar_for(request.constraint, self._grammar))
            )
        if not (request.typed and self.capabilities.schema and self.adaptation.takes_schema(request)):
            return {}
        schema = request.answer_format.object_schema
        strict = self._dialect.local or not _too_rich(schema)
        json_schema = {"name": "answer", "strict": strict, "schema": schema}
        return {"response_format": {"type": "json_schema", "json_schema": json_schema}}

    def _grammar_fields(self, grammar: str) -> dict[str, Any]:
        match self._dialect.name:
            case "vllm":
                return {"structured_outputs": {"grammar": grammar}}
            case "sglang":
                return {"ebnf": grammar}
            case "openai" | "azure":
                written = {"type": "grammar", "grammar": {"syntax": "lark", "definition": grammar}}
                return {
                    "tools": [{"type": "custom", "custom": {"name": TOOL, "format": written}}],
                    "tool_choice": {"type": "custom", "custom": {"name": TOOL}},
                    "parallel_tool_calls": False,
                }
        return {"grammar": grammar}

    # Replies

    def _reply(self, request: Request, body: dict[str, Any], data: Any) -> Reply:
        choice = data["choices"][0]
        message = choice["message"]
        refusal = message.get("refusal")
        text = text_of(refusal or message.get("content"))
        finish = "refusal" if refusal else finish_of(choice.get("finish_reason"), text, self._client.root)
        if finish != "refusal" and "tools" in body:
            text = self._tool_input(message)
        if not isinstance(text, str):
            raise TypeError
        opening, whole = request.opening(CONTINUATION in body), text
        if finish != "refusal":
            stop = request.stop_after(opening, bool(self._constraint_fields(request)))
            text = with_stop_text(text, stop, choice.get("stop_reason", choice.get("matched_stop")))
            finish = "stop" if len(text) < len(whole) else finish  # what was cut off is not missed
        usage = data.get("usage") or {}
        completion = self._counts.read(usage, "completion_tokens")
        reply = Reply(
            text,
            self._counts.read(usage, "prompt_tokens"),
            completion,
            finish,
            cached_tokens=self._counts.read(usage, "prompt_tokens_details", "cached_tokens"),
            opening=opening,
            wrapped="response_format" in body,
            reasoning=_reasoning(message),
            reasoning_tokens=self._counts.read(usage, "completion_tokens_details", "reasoning_tokens"),
            tool_call="" if text else _called_tool(message),
            dropped_tokens=completion * max(0, len(whole) - len(text)) // max(1, len(whole)),
            cost=reported_cost(usage),
        )
        if reply.prompt_tokens:
            self._refuse_cut(request, reply.prompt_tokens + reply.cached_tokens)
        return self._counts.checked(reply, self._most(request), request.max_tokens)

    def _tool_input(self, message: dict[str, Any]) -> str:
        """Return what was written into the tool. Raises ModelError E400 if the server ignored the grammar."""
        for call in message.get("tool_calls") or ():
            if call.get("type") == "custom" and call["custom"]["name"] == TOOL:
                return cast(str, call["custom"]["input"])
        raise ModelError.of(
            "E400",
            f"{self._client.root} did not constrain {self._model} to the grammar",
            hint="only newer models of OpenAI take grammars; `?dialect=none` does without",
        )

    def _refuse_cut(self, request: Request, counted: int) -> None:
        """Raise ModelError E403 if the server has counted so few tokens that it must have cut the prompt."""
        texts = [message["content"] for message in self._messages(request)]
        if sum(map(len, texts)) < 3 * counted:  # more letters a token are usual
            return
        least = fewest_tokens(*texts)
        if is_cut(counted, least):
            raise ModelError.of(
                "E403",
                f"{self._client.root} has cut the prompt: it counted {counted:,} tokens of at least {least:,}",
                hint=f"{self._dialect.more_context}, or split the text with chunk(text, size)",
            )


def _reasoning(message: dict[str, Any]) -> str:
    """Return what the model thought before it answered, in any of the places where servers put it."""
    found = message.get("reasoning_content") or message.get("reasoning")
    return found if isinstance(found, str) else text_of(message.get("content"), "thinking")


def _called_tool(message: dict[str, Any]) -> str:
    """Return the name of the tool that the model called, although it was given none; empty if it called none."""
    for call in message.get("tool_calls") or ():
        name = (call.get("function") or call.get("custom") or {}).get("name")
        return name if isinstance(name, str) else "a tool"
    return ""


@lru_cache(maxsize=64)
def grammar_for(constraint: Constraint, grammar: Grammar) -> str:
    """Return the text of a constraint's grammar. Raises ModelError."""
    from rlmlang.decode.grammars.lark_text import grammar_text

    assert grammar != "none"
    text: str = grammar_text(constraint, grammar)
    return text


def _too_rich(schema: Any) -> bool:
    """Return whether a schema uses what OpenAI's strict mode lacks: open objects, and tuples."""
    if isinstance(schema, list):
        return any(map(_too_rich, schema))
    if not isinstance(schema, dict):
        return False
    return "prefixItems" in schema or bool(schema.get("additionalProperties")) or any(map(_too_rich, schema.values()))
