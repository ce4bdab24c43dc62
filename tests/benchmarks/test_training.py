"""Fine-tuning: tasks are solved and exported, and a tiny model learns them by LoRA."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.lora import solve, train
from benchmarks.tasks import generate, measure
from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.prompt import function_head
from rlmlang.cli import main
from rlmlang.decode.constraint import Constraint
from rlmlang.language.types import INT, STR
from rlmlang.models.base import PromptRenderer, Request
from rlmlang.models.registry import open_model
from tests.support.checkpoints import write_checkpoint

pytestmark = [pytest.mark.heavy, pytest.mark.filterwarnings("ignore")]  # warnings of peft


@pytest.fixture(autouse=True)
def short_card(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr("rlmlang.calls.prompt.language_card", lambda: "Write a program.")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("hf") / "tiny")


@pytest.fixture
def data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Examples from tasks of which one makes calls."""
    tasks = [task for task in measure.read_tasks(limit=20) if task.kind in ("spell_backward", "gcd", "sentiment_count")]
    assert asyncio.run(solve.solve_all(tasks, None, tmp_path / "runs")) == 3
    path = tmp_path / "train.jsonl"
    runs = map(str, sorted((tmp_path / "runs").iterdir()))
    assert main(["trace", "export", *runs, "--format", "sft", "-o", str(path)]) == 0
    assert capsys.readouterr() == ("", "")
    return path


def test_examples_are_prompts_of_the_benchmark(data: Path) -> None:
    exported = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    for task in measure.read_tasks(["spell_backward", "gcd", "sentiment_count"], 3):
        messages = task.request(False, 100).messages
        expected = [{"role": message.role, "content": message.content} for message in messages]
        (found,) = [example for example in exported if example["prompt"] == expected]
        assert found["completion"] == [{"role": "assistant", "content": f"```python\n{task.solution()}```"}]
    assert len(exported) == 3 + len(task.leaves)


def test_wrong_answers_are_not_kept(tmp_path: Path) -> None:
    replies = tmp_path / "replies.toml"
    replies.write_text('[[reply]]\ninstruction = "*"\nprogram = "word[::-1]"\n')
    tasks = measure.read_tasks(["spell_backward", "gcd"], 2)
    assert asyncio.run(solve.solve_all(tasks, f"scripted:{replies}", tmp_path / "runs")) == 1
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["spell_backward-1.jsonl"]


def test_tasks_to_train_on_share_nothing_with_the_benchmark() -> None:
    first, second, *_ = benchmark = [
        generate.task("Turn it.", "str", "ba", "return word[::-1]", word=word) for word in ("ab", "a b c", "cd")
    ]
    same_text = generate.task("Count it.", "int", 5, "return len(word)", word="a b c")
    other = generate.task("Count it.", "int", 2, "return len(word)", word="ab")
    assert list(generate.to_train(iter([first, second, same_text, other, other]), benchmark)) == [other]


def test_loss_is_that_of_whole_rows(data: Path, tiny: Path) -> None:
    texts, base = train.ChatTokenizer(tiny), train.TorchModel(tiny, "float32")
    groups = train.read_examples(data, texts, texts.tokenizer.eos_token_id, 4_000)
    assert sorted(map(len, groups.values())) == sorted([3, 6])
    config = train.LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    model = train.get_peft_model(base.model, config)
    for examples in groups.values():
        whole, count = torch.tensor(0.0), 0
        for example in examples:
            logits = model(input_ids=torch.tensor([example.tokens])).logits[0, len(example.prompt) - 1 : -1]
            expected = torch.tensor(example.completion)
            whole = whole + torch.nn.functional.cross_entropy(logits, expected, reduction="sum")
            count += len(expected)
        (whole / count).backward()
        learnt = [weight for weight in model.parameters() if weight.grad is not None]
        gradients = [weight.grad.clone() for weight in learnt if weight.grad is not None]
        model.zero_grad()
        loss = train.loss_of(model, examples, base.device)
        loss.backward()
        assert loss.item() == pytest.approx((whole / count).item(), rel=1e-4)
        for weight, gradient in zip(learnt, gradients):
            torch.testing.assert_close(weight.grad, gradient, rtol=1e-2, atol=1e-5)
        model.zero_grad()


def test_what_is_learnt_can_be_opened(
    data: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tuned"
    options = {"--data": data, "--out": out, "--model": tiny, "--steps": 10, "--batch": 3, "--rate": 0.02}
    monkeypatch.setattr(sys, "argv", ["train.py", *(str(each) for pair in options.items() for each in pair)])
    train.main()
    losses = [float(line.split()[3].strip(",")) for line in capsys.readouterr().out.splitlines() if "loss" in line]
    assert len(losses) == 10
    assert sum(losses[-3:]) < sum(losses[:3])
    assert (out / "adapter" / "adapter_model.safetensors").exists()
    model = open_model(f"hf:{out}?threads=1")
    task = measure.read_tasks(["spell_backward"], 1)[0]
    found = asyncio.run(measure.measure(task, model, "free", 20))
    assert found["finish"] in ("stop", "length")
    asyncio.run(model.aclose())


def test_batches_take_every_example_once_in_a_round() -> None:
    groups: dict[str, list[Any]] = {"a": list(range(7)), "b": list(range(10, 13))}
    drawn = train.batches(groups, 3, random.Random(0))
    first = [next(drawn) for _ in range(4)]
    assert sorted(number for batch in first for number in batch) == [*range(7), *range(10, 13)]
    assert all(len({number < 10 for number in batch}) == 1 for batch in first)


@pytest.mark.parametrize(
    ("model", "fence"), [("hf:{tiny}", True), ("openai:x@http://127.0.0.1:1/v1?dialect=none", False)]
)
def test_models_tell_how_they_begin_a_reply(model: str, fence: bool, tiny: Path) -> None:
    opened = open_model(model.format(tiny=tiny))
    assert isinstance(opened, PromptRenderer)
    program = Request("Count.", (), INT, program=True)
    held = Request("Count.", (), INT, program=True, constraint=Constraint("", INT))
    head = "```python\n" + function_head("Count.", (), INT) if fence else ""
    assert opened.render_prompt(program).opening == head
    assert opened.render_prompt(held).opening == head
    assert opened.render_prompt(Request("Tell.", (), STR)).opening == ""
    assert opened.render_prompt(Request("Count.", (), INT)).opening == (AnswerFormat.opening if fence else "")
    assert opened.render_prompt(held).messages == held.messages
