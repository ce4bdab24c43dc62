"""Training: `make train-nano`, or `python -m benchmarks.nano.train`.

Nano learns from all contexts of its tasks (`data`). A batch holds facts, short programs and long ones apart,
since facts need more repetition, and short texts would be mostly padding beside long ones. Every now and then
all contexts are swept, and those that are answered wrongly are drawn more often from then on. The log tells
how many are wrong; at the end none may be.
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
    seed: int = 0
    steps: int = 3000
    warmup: int = 30
    facts: int = 192
    """In every batch."""
    short: int = 64
    """Programs of few tokens."""
    long: int = 48
    """Other programs."""
    width: int = 64
    inner: int = 160
    layers: int = 2
    heads: int = 4
    places: int = 64
    """Tokens of a prompt and its answer, at most."""
    muon: float = 0.005
    """Rate of learning of the matrices within the layers."""
    adamw: float = 0.005
    """Of everything else."""
    sweep: int = 200
    """Steps between sweeps."""
    stress: float = 6.0
    """How many times as often a wrong answer is drawn."""


def new_model(
    settings: Settings,
    vocabulary: int = len(tokens.TOKENS),
    pad: int = tokens.NUMBERS[tokens.PAD],
    end: int = tokens.NUMBERS[tokens.END],
) -> LlamaForCausalLM:
    """An untrained model, by default with nano's tokens."""
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
    """Muon for the matrices within the layers, AdamW for all else."""
    named = list(model.named_parameters())
    matrices, others = ([weights for name, weights in named if ("proj" in name) is within] for within in (True, False))
    return (
        torch.optim.Muon(matrices, lr=settings.muon, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=settings.adamw, weight_decay=0.0, betas=(0.9, 0.98)),
    )


def train(settings: Settings, folder: Path) -> int:
    """Train a model, and save it with its tokenizer, settings and log. Gives how many contexts it answers wrongly."""
    torch.set_num_threads(1)  # what two threads add up depends on which is first
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
    told = {"settings": asdict(settings), "log": log, "sha256": digest(folder / "model.safetensors")}
    (folder / "training.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return wrong


def _rate(step: int, settings: Settings) -> float:
    """The rate of learning at a step, as a share of the highest: up at the start, then down to nothing."""
    return min((step + 1) / settings.warmup, 1.0) * (1 - step / settings.steps)


@torch.no_grad()
def _sweep(model: LlamaForCausalLM, pool: Pool, stress: float) -> int:
    """How many contexts are answered wrongly, which are then drawn more often.

    A context is answered rightly if after each token of the answer the likeliest one is the next,
    which then is what is written by taking the likeliest.
    """
    logits = torch.cat([model(input_ids=part).logits for part in torch.split(pool.tokens, 512)])
    hits = logits[:, :-1].argmax(-1) == pool.tokens[:, 1:]
    wrong = ~(hits | ~pool.learnt[:, 1:]).all(1)
    pool.stress(wrong, stress)
    return int(wrong.sum())


if __name__ == "__main__":
    sys.exit(train(Settings(), WEIGHTS) > 0)
