"""A tiny checkpoint with random weights, in the format of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)


LLAMA = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 2048, "initializer_range": 0.6,
    "bos_token_id": None, "eos_token_id": 1, "pad_token_id": 1,
}  # fmt: skip


def tiny_tokenizer(template: str | None = TEMPLATE) -> Any:
    """Byte-level, with a few merges; `<think>` is an added token that is not special."""
    found = Tokenizer(BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=320,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    found.train_from_iterator(["return CALL name answer document text in for the of is Answer with plain"] * 9, trainer)
    found.add_tokens(["<think>"])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=found,
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=template,
    )


def write_checkpoint(folder: Path, config: Any = None, tokenizer: Any = None) -> Path:
    torch.manual_seed(0)
    tokenizer = tokenizer or tiny_tokenizer()
    config = config or transformers.LlamaConfig(vocab_size=len(tokenizer) + 3, **LLAMA)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
