"""Models of the package transformers in this process: `hf:PATH?ctx=…&batch=…`, `hf:smollm2`.

PATH is a folder as `save_pretrained` writes it, or a GGUF file. Nothing is ever downloaded. Concurrent generations
share forward passes, and common prefixes of prompts are read once.
"""

from __future__ import annotations

import asyncio
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from rlmlang.decode.gguf import smollm2_path
from rlmlang.errors import ModelError
from rlmlang.models.base import Capabilities, RenderedPrompt, Reply, Request
from rlmlang.models.local.openmp import import_passive
from rlmlang.models.local.weights import folder_digest, gguf_digest
from rlmlang.models.options import SAMPLE_TEMPERATURE, at_least, one_of, read_options

if TYPE_CHECKING:
    from rlmlang.models.local.steering import Steering

KEPT_CONTEXTS = 2
"""The size of the cache of prefixes, in contexts."""

_VERSION = 1
"""Raised whenever the same model and settings could give another answer."""


@frozen
class HfOptions:
    """The options in the name of a model."""

    ctx: int = at_least(1, 4096)
    """The tokens of one prompt and its answer; fewer if the model's context is smaller."""
    batch: int = at_least(1, 8)
    """The number of generations at once."""
    threads: int = 0
    """The number of processor threads; 0 for torch's default."""
    temperature: float = 0.0
    seed: int = 0
    dtype: str = one_of("float32", "bfloat16", "float16")
    """The type of the weights. The other two take less memory, but answers can then depend on what else is in the
    batch."""


def open_model(rest: str, name: str) -> HfModel:
    """Return the model of a name. Raises UsageError E604, E607 for wrong options, ModelError E407."""
    text, _, query = rest.partition("?")
    options = read_options(HfOptions(), query, name)
    return HfModel(name, smollm2_path() if text == "smollm2" else Path(text).expanduser(), options)


class HfModel:
    """A model of transformers, loaded at the first request. Raises UsageError E604, ModelError E407."""

    def __init__(self, name: str, path: Path, options: HfOptions) -> None:
        self.name = name
        self.path = path
        self.options = options
        self.concurrency = options.batch
        self.capabilities = Capabilities(
            grammar="mask",
            schema=True,
            continues=True,
            batch=options.batch,
            free=True,
        )
        settings = {key: getattr(options, key) for key in ("dtype", "temperature", "seed")}
        weights = folder_digest(path) if path.is_dir() else gguf_digest(path)
        self.identity = json.dumps({"kind": "transformers", "version": _VERSION, "weights": weights, **settings})

    @cached_property
    def _engine(self) -> _HfEngine:
        return _HfEngine(self.path, self.options)

    @property
    def context(self) -> int:
        return self._engine.context

    def count_tokens(self, request: Request) -> int:
        return len(self._prompt(request))

    def render_prompt(self, request: Request) -> RenderedPrompt:
        return RenderedPrompt(request.messages, request.opening(continues=True, constrains_answers=True))

    async def generate(self, request: Request) -> Reply:
        prompt = self._prompt(request)
        if len(prompt) >= self.context:
            raise ModelError.of("E403", f"a prompt of {len(prompt):,} tokens; the context holds {self.context:,}")
        limit = min(request.max_tokens, self.context - len(prompt))
        opening = self.render_prompt(request).opening
        stop = request.stop_after(opening, request.constraint is not None)
        reply = await self._engine.write(prompt, self._steering(request, limit), limit, stop)
        text = reply.text.removeprefix("\n") if self._goes_on_from(request) != opening + request.written else reply.text
        return evolve(reply, text=text, opening=opening, wrapped=request.typed)

    def _prompt(self, request: Request) -> list[int]:
        rendered = self.render_prompt(request)
        return self._engine.tokenizer.template.prompt(rendered.messages, self._goes_on_from(request))

    def _goes_on_from(self, request: Request) -> str:
        """Return the start of the reply, which the model does not write; without a line end that it has to write."""
        text = self.render_prompt(request).opening + request.written
        return self._engine.tokenizer.template.program_opening(text) if request.program and not request.turns else text

    def _steering(self, request: Request, max_tokens: int) -> Steering:
        from rlmlang.decode.matcher import Matcher
        from rlmlang.models.local.answer_matcher import AnswerMatcher
        from rlmlang.models.local.steering import AnswerSteering, FreeTextSteering, ProgramSteering, TokenOrder

        tokenizer = self._engine.tokenizer
        temperature = self.options.temperature or (SAMPLE_TEMPERATURE if request.sample else 0.0)
        order = TokenOrder(temperature, self.options.seed, request.sample)
        if request.constraint is not None:
            return ProgramSteering(Matcher(request.constraint, tokenizer.vocabulary, max_tokens), order)
        if request.typed:
            return AnswerSteering(
                AnswerMatcher(request.type, tokenizer.guidance, tokenizer.vocabulary, max_tokens), order
            )
        return FreeTextSteering(tokenizer.vocabulary, order, penalty=not request.program)

    async def aclose(self) -> None:
        engine: _HfEngine | None = self.__dict__.pop("_engine", None)
        if engine is not None:
            await asyncio.to_thread(engine.batch.close)


class _HfEngine:
    """A loaded model."""

    def __init__(self, path: Path, options: HfOptions) -> None:
        torch = import_passive("torch")

        from rlmlang.models.local.batching import Batcher
        from rlmlang.models.local.kv_cache import Rows
        from rlmlang.models.local.transformer import ChatTokenizer, TorchModel

        self.tokenizer = ChatTokenizer(path)
        model = TorchModel(path, options.dtype)
        vocabulary = self.tokenizer.vocabulary
        vocabulary.eos |= model.ends
        if model.size < vocabulary.size or not vocabulary.eos:
            raise ModelError.of(
                "E407", f"the tokenizer of {path} does not fit the model, or has no token that ends a turn"
            )
        self.context = min(options.ctx, model.context)
        self.batch = Batcher(
            model,
            Rows(options.batch, model.device),
            KEPT_CONTEXTS * self.context,
            lambda: torch.set_num_threads(options.threads) if options.threads else None,
        )

    async def write(self, prompt: list[int], steering: Steering, max_tokens: int, stop: tuple[str, ...]) -> Reply:
        """Return the reply to a prompt. Raises ModelError."""
        from rlmlang.models.local.batching import BatchedGeneration

        generation = BatchedGeneration(prompt, steering, self.tokenizer.vocabulary, max_tokens, stop)
        return await asyncio.wrap_future(self.batch.submit(generation))
