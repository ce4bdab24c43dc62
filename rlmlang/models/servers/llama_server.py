"""llama-server, llama.cpp's own server, over its native API.

Its chat completions repeat the text that they continue, and do not report which stop text ended them. Its plain
completions take tokens. So prompts are tokenized here: the chat template with its special tokens, the messages without,
so that no text can contain the token that ends a turn. Counts are exact.
"""

from __future__ import annotations

from typing import Any, Literal

from rlmlang.errors import ModelError
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.models.local.chat_template import ChatTemplate
from rlmlang.models.servers.adaptation import SYSTEM, Adaptation, folded
from rlmlang.models.servers.chat import Grammar, Sampling, ServerDialect, grammar_for
from rlmlang.models.servers.http import Client
from rlmlang.models.servers.messages import TokenCounts, alternating, count, with_stop_text
from rlmlang.models.servers.server_errors import NO_SYSTEM

LLAMA = ServerDialect("llama", "gbnf", continues=True, context=4096, local=True)


class LlamaServer:
    """A llama-server with one model, or several by name."""

    def __init__(
        self,
        client: Client,
        model: str,
        grammar: Grammar,
        context: int,
        sampling: Sampling,
        stream: bool = False,
        schema: bool = True,
    ) -> None:
        self.context = context
        self.capabilities = Capabilities(grammar=grammar, schema=schema, continues=True)
        self._client = client
        self._model = model
        self._grammar = grammar
        self._sampling = sampling
        self._stream = stream
        self.adaptation = Adaptation(client, "/completion", model)
        self._counts = TokenCounts(client.root)
        self._template = ChatTemplate(
            self._apply, self._tokenize, lambda piece, first: self._tokenize(piece, special=True, first=first)
        )

    def count(self, request: Request) -> int:
        """Return the number of tokens of the prompt. Raises ModelError E400."""
        return len(self._prompt(request))

    async def generate(self, request: Request) -> Reply:
        """Return the reply to a request. Raises ModelError."""
        body, data = await self.adaptation.exchange_typed(lambda: self.body(request), "content", request)
        try:
            return self._reply(request, body, data)
        except (LookupError, TypeError, AttributeError) as error:
            raise self._wrong() from error

    def body(self, request: Request) -> dict[str, Any]:
        """Return the body of the HTTP request."""
        body: dict[str, Any] = {"model": self._model, "prompt": self._prompt(request), "n_predict": request.max_tokens}
        body |= self._sampling.of(request, LLAMA)
        body["cache_prompt"] = True
        if request.constraint is not None and self._grammar != "none":
            body["grammar"] = self._checked(grammar_for(request.constraint, self._grammar))
        elif request.typed and self.capabilities.schema and self.adaptation.takes_schema(request):
            body["json_schema"] = request.answer_format.object_schema
        if stop := self._stop(request, body):
            body["stop"] = list(stop)
        body["stream"] = self._stream
        return body

    def _checked(self, grammar: str) -> str:
        """Return the grammar, validated: llama.cpp ignores an invalid one. Raises ModelError E400, E407."""
        if self._grammar != "llguidance":
            return grammar
        try:
            from llguidance import LLMatcher
        except ImportError:
            raise ModelError.of(
                "E407", "`grammar=llguidance` needs llguidance here too", hint="pip install 'rlmlang[llama]'"
            ) from None
        if not grammar.startswith("%llguidance"):
            grammar = f"%llguidance {{}}\n{grammar}"
        if problem := LLMatcher.validate_grammar(grammar):
            raise ModelError.of("E400", f"llguidance does not take the grammar: {problem}")
        return grammar

    def _reply(self, request: Request, body: dict[str, Any], data: Any) -> Reply:
        text = data["content"]
        if not isinstance(text, str):
            raise self._wrong()
        prompt, completion = count(data["tokens_evaluated"]), count(data["tokens_predicted"])
        if prompt is None or completion is None:
            raise self._wrong()
        most = len(body["prompt"])
        if data.get("truncated") and prompt < most:
            raise ModelError.of("E403", f"{self._client.root} truncated the prompt of {most:,} tokens to {prompt:,}")
        is_cut = data.get("truncated") or data.get("stop_type") == "limit"  # at the end of the context, or of the limit
        finish: Literal["stop", "length"] = "length" if is_cut else "stop"
        if finish == "stop":
            text = with_stop_text(text, self._stop(request, body), data.get("stopping_word"))
        cached = self._counts.read(data, "timings", "cache_n")
        opening = self._opening(request)
        reply = Reply(text, prompt, completion, finish, cached, opening=opening, wrapped="json_schema" in body)
        return self._counts.checked(reply, most, request.max_tokens)

    # Prompts

    def _prompt(self, request: Request) -> list[int]:
        opening = self._opening(request) + request.written
        messages = alternating(request.messages)
        if SYSTEM not in self.adaptation.refused:
            try:
                return self._template.prompt(messages, opening)
            except ModelError as error:
                if error.first.code != "E407" and not NO_SYSTEM.search(error.first.message):
                    raise
            self.adaptation.refuse(SYSTEM)
        return self._template.prompt(folded(messages), opening)

    def _stop(self, request: Request, body: dict[str, Any]) -> tuple[str, ...]:
        return request.stop_after(self._opening(request), "grammar" in body)

    def _opening(self, request: Request) -> str:
        return request.opening(continues=True)

    def _apply(self, messages: list[dict[str, str]]) -> str:
        body = {"model": self._model, "messages": messages, "chat_template_kwargs": {"enable_thinking": False}}
        prompt: str = self._field("/apply-template", body, "prompt", str)
        return prompt

    def _tokenize(self, text: str, special: bool = False, first: bool = False) -> list[int]:
        body = {"model": self._model, "content": text, "parse_special": special, "add_special": first}
        tokens: list[int] = self._field("/tokenize", body, "tokens", list)
        return tokens

    def _field(self, path: str, body: dict[str, Any], field: str, kind: type) -> Any:
        data = self._client.request_now("POST", path, body)
        if not isinstance(data, dict) or not isinstance(data.get(field), kind):
            raise self._wrong()
        return data[field]

    def _wrong(self) -> ModelError:
        return ModelError.of("E400", f"{self._client.root} does not answer like a llama-server")
