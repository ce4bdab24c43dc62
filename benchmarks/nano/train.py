"""Train nano: `make train-nano`, or `python -m benchmarks.nano.train`.

Nano learns from all contexts of its tasks (`data`). A batch has separate parts of facts, short programs and long ones,
since facts need more repetition, and short texts would be mostly padding beside long ones. From time to time all
contexts are tested, and those that are answered wrongly are sampled more often from then on. The log records their
number, which must be 0 at the end.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch
from attrs import asdict, frozen
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils.logging import disable_progress_bar

from benchmarks.nano.data import KINDS, Pool, examples
from rlmlang.models.local.weights import digest
from rlmlang.nano import tokens
from rlmlang.nano.engine import WEIGHTS


@frozen
class Settings:
    """The settings of a training run; `facts`, `short` and `long` are the parts of a batch."""

    seed: int = 0
    steps: int = 3000
    warmup: int = 30
    facts: int = 192
    """The facts in each batch."""
    short: int = 64
    """The short programs in each batch."""
    long: int = 48
    """The other programs in each batch."""
    width: int = 64
    inner: int = 160
    layers: int = 2
    heads: int = 4
    places: int = 64
    """The most tokens of a prompt and its answer."""
    muon: float = 0.005
    """The learning rate of the matrices within the layers."""
    adamw: float = 0.005
    """The learning rate of everything else."""
    sweep: int = 200
    """The number of steps between tests of all contexts."""
    stress: float = 6.0
    """The factor of the weight of a wrong answer."""


def new_model(
    settings: Settings,
    vocabulary: int = len(tokens.TOKENS),
    pad: int = tokens.NUMBERS[tokens.PAD],
    end: int = tokens.NUMBERS[tokens.END],
) -> LlamaForCausalLM:
    """Return an untrained model, by default with nano's tokens."""
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=settings.width,
        intermediate_size=settings.inner,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        max_position_embeddings=settings.places,
        tie_word_embeddings=True,
        pad_token_id=pad,
        bos_token_id=None,
        eos_token_id=end,
    )
    torch.manual_seed(settings.seed)
    return LlamaForCausalLM(config)


def new_optimizers(model: LlamaForCausalLM, settings: Settings) -> tuple[torch.optim.Optimizer, ...]:
    """Return the optimizers: Muon for the matrices within the layers, AdamW for everything else."""
    named = list(model.named_parameters())
    matrices, others = ([weights for name, weights in named if ("proj" in name) is within] for within in (True, False))
    return (
        torch.optim.Muon(matrices, lr=settings.muon, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=settings.adamw, weight_decay=0.0, betas=(0.9, 0.98)),
    )


def train(settings: Settings, folder: Path) -> int:
    """Train a model, and save it with its tokenizer, settings and log. Return how many contexts it answers wrongly."""
    torch.set_num_threads(1)  # with two threads, sums depend on which is first
    disable_progress_bar()  # type: ignore[no-untyped-call]
    model = new_model(settings)
    random = torch.Generator().manual_seed(settings.seed)
    everything = examples()
    pools = [Pool([each for each in everything if each.kind == kind]) for kind in KINDS]
    sizes = [getattr(settings, kind) for kind in KINDS]
    optimizers = new_optimizers(model, settings)
    schedules = [torch.optim.lr_scheduler.LambdaLR(each, lambda step: _rate(step, settings)) for each in optimizers]
    log: list[dict[str, float]] = []
    begin, read, wrong = time.perf_counter(), 0, len(everything)
    for step in range(1, settings.steps + 1):
        losses = []
        for pool, size in zip(pools, sizes):
            drawn = pool.draw(size, random)
            batch, learnt = pool.tokens[drawn], pool.learnt[drawn]
            read += batch.numel()
            logits = model(input_ids=batch).logits
            losses.append(functional.cross_entropy(logits[:, :-1][learnt[:, 1:]], batch[:, 1:][learnt[:, 1:]]))
        loss = torch.stack(losses).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer, schedule in zip(optimizers, schedules):
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
        if step % settings.sweep == 0 or step == settings.steps:
            wrong = sum(_sweep(model, pool, settings.stress) for pool in pools)
            log.append({"step": step, "tokens": read, "loss": round(loss.item(), 5), "wrong": wrong})
            print(json.dumps(log[-1] | {"seconds": round(time.perf_counter() - begin, 1)}), flush=True)
    model.save_pretrained(folder)
    tokens.save(folder)
    report = {"settings": asdict(settings), "log": log, "sha256": digest(folder / "model.safetensors")}
    (folder / "training.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return wrong


def _rate(step: int, settings: Settings) -> float:
    """Return the learning rate at a step, relative to the highest one: it rises at the start, then falls to zero."""
    return min((step + 1) / settings.warmup, 1.0) * (1 - step / settings.steps)


@torch.no_grad()
def _sweep(model: LlamaForCausalLM, pool: Pool, stress: float) -> int:
    """Return the number of contexts that are answered wrongly, and sample these more often from now on.

    An answer is right if each of its tokens is the likeliest one after those before it: then greedy decoding writes it.
    """
    logits = torch.cat([model(input_ids=part).logits for part in torch.split(pool.tokens, 512)])
    hits = logits[:, :-1].argmax(-1) == pool.tokens[:, 1:]
    wrong = ~(hits | ~pool.learnt[:, 1:]).all(1)
    pool.stress(wrong, stress)
    return int(wrong.sum())


if __name__ == "__main__":
    sys.exit(train(Settings(), WEIGHTS) > 0)
