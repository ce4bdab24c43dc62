"""Models of transformers in this process: `hf:PATH?ctx=…&batch=…`, `hf:smollm2`.

PATH is a folder as `save_pretrained` writes it, or a GGUF file. Nothing is ever downloaded. What
is asked for at the same time shares forward passes, and prompts that start alike are read once.
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

KEPT = 2
"""What was read and is kept for other prompts, in contexts."""

_VERSION = 1
"""Raised whenever the same model and settings could give another answer."""


@frozen
class HfOptions:
    """What may stand behind the `?` of a name."""

    ctx: int = at_least(1, 4096)
    """Tokens of one prompt and its answer; fewer if the model reads no more."""
    batch: int = at_least(1, 8)
    """Generations at once."""
    threads: int = 0
    """Processor threads; 0 for as many as torch takes by itself."""
    temperature: float = 0.0
    seed: int = 0
    dtype: str = one_of("float32", "bfloat16", "float16")
    """What the weights are calculated with. The others are smaller, and with them answers can depend
    on what else is asked."""


def open_model(rest: str, name: str) -> HfModel:
    """The model of a name. Raises UsageError E607 for wrong options, ModelError E407."""
    text, _, query = rest.partition("?")
    options = read_options(HfOptions(), query, name)
    return HfModel(name, smollm2_path() if text == "smollm2" else Path(text).expanduser(), options)


class HfModel:
    """A model of transformers, loaded when it is first asked something. Raises ModelError E407."""

    def __init__(self, name: str, path: Path, options: HfOptions) -> None:
        self.name = name
        self.path = path
        self.options = options
        self.concurrency = options.batch
        self.capabilities = Capabilities(
            grammar="mask",
            schema=True,
            continues=True,
            logprobs=True,
            batch=options.batch,
            prefix_reuse=True,
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
        return RenderedPrompt(request.messages, request.opening(constrains_programs=True, constrains_answers=True))

    async def generate(self, request: Request) -> Reply:
        prompt = self._prompt(request)
        if len(prompt) >= self.context:
            raise ModelError.of("E403", f"a prompt of {len(prompt):,} tokens; the context holds {self.context:,}")
        most = min(request.max_tokens, self.context - len(prompt))
        reply = await self._engine.write(prompt, self._steering(request, most), most, request.stop)
        return evolve(reply, opening=self.render_prompt(request).opening, wrapped=request.typed)

    def _prompt(self, request: Request) -> list[int]:
        rendered = self.render_prompt(request)
        return self._engine.texts.template.prompt(rendered.messages, rendered.opening + request.written)

    def _steering(self, request: Request, most: int) -> Steering:
        from rlmlang.decode.matcher import Matcher
        from rlmlang.models.local.steering import AnswerSteering, FreeTextSteering, ProgramSteering, TokenOrder

        texts = self._engine.texts
        temperature = self.options.temperature or (SAMPLE_TEMPERATURE if request.sample else 0.0)
        draw = TokenOrder(temperature, self.options.seed, request.sample)
        if request.constraint is not None:
            return ProgramSteering(Matcher(request.constraint, texts.vocabulary, most), draw)
        if request.typed:
            return AnswerSteering(f"%llguidance {{}}\n{request.answer_format.grammar}", texts.guidance, draw)
        return FreeTextSteering(texts.vocabulary, draw, penalty=not request.program)

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

        self.texts = ChatTokenizer(path)
        model = TorchModel(path, options.dtype)
        vocabulary = self.texts.vocabulary
        vocabulary.eos |= model.ends
        if model.size < vocabulary.size or not vocabulary.eos:
            raise ModelError.of(
                "E407", f"the tokenizer of {path} does not fit the model, or has no token that ends a turn"
            )
        self.context = min(options.ctx, model.context)
        self.batch = Batcher(
            model,
            Rows(options.batch, model.device),
            KEPT * self.context,
            lambda: torch.set_num_threads(options.threads) if options.threads else None,
        )

    async def write(self, prompt: list[int], steering: Steering, most: int, stop: tuple[str, ...]) -> Reply:
        from rlmlang.models.local.batching import BatchedGeneration

        generation = BatchedGeneration(prompt, steering, self.texts.vocabulary, most, stop)
        return await asyncio.wrap_future(self.batch.submit(generation))
