"""Constraints in `generate` of transformers, with a model of random weights."""

from __future__ import annotations

import pytest
import torch

from rlmlang import decode
from rlmlang.errors import UsageError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import INT

pytestmark = pytest.mark.heavy

VOCABULARY = decode.Vocabulary.of_bytes()


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        bos_token_id=None, eos_token_id=256, pad_token_id=256,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.mark.parametrize("sampled", [False, True])
def test_what_any_model_generates_checks(model: torch.nn.Module, sampled: bool) -> None:
    torch.manual_seed(1)
    processor = decode.LogitsProcessor(decode.Constraint("count: int\n", INT), VOCABULARY, 60)
    prompt = torch.tensor([[1, 2, 3], [4, 5, 6]])
    found = model.generate(  # type: ignore[operator]
        prompt,
        attention_mask=torch.ones_like(prompt),
        logits_processor=[processor],
        max_new_tokens=60,
        do_sample=sampled,
    )
    for row in found[:, 3:].tolist():
        text = bytes(token for token in row if token < 256).decode()
        assert check(Source("count: int\n" + text), INT).type == INT


def test_one_processor_serves_one_generation() -> None:
    processor = decode.LogitsProcessor(decode.Constraint("count: int\n"), VOCABULARY, 60)
    processor(torch.tensor([[1]]), torch.zeros(1, 257))
    with pytest.raises(UsageError) as caught:
        processor(torch.tensor([[2, 3]]), torch.zeros(1, 257))
    assert caught.value.first.code == "E607"


def test_only_what_there_is_can_be_imported() -> None:
    with pytest.raises(AttributeError):
        decode.Mask  # noqa: B018
