"""The training data of nano: every context of every task, with the program that answers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from attrs import frozen

from rlmlang.nano.tasks import contexts, prompt
from rlmlang.nano.tokens import END, NUMBERS, PAD, encode

SHORT = 24
"""The most tokens of a short program and its prompt."""

KINDS = ("facts", "short", "long")


@frozen
class Example:
    """A context of a task, and the program that answers it."""

    task: str
    fact: bool
    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    """The tokens of the program, the end token included."""

    @property
    def kind(self) -> str:
        if self.fact:
            return "facts"
        return "short" if len(self.prompt) + len(self.answer) <= SHORT else "long"


def examples() -> list[Example]:
    """Return all examples, in the order of the tasks."""
    return [
        Example(task.name, task.fact, tuple(encode(prompt(task.name, shown))), (*encode(text), NUMBERS[END]))
        for task, shown, text in contexts()
    ]


class Pool:
    """The examples of one kind, as tensors, to sample from."""

    def __init__(self, chosen: Sequence[Example]) -> None:
        width = max(len(each.prompt) + len(each.answer) for each in chosen)
        self.tokens = torch.full((len(chosen), width), NUMBERS[PAD])
        self.learnt = torch.zeros((len(chosen), width), dtype=torch.bool)
        """Which tokens belong to answers."""
        for i, each in enumerate(chosen):
            end = len(each.prompt) + len(each.answer)
            self.tokens[i, :end] = torch.tensor(each.prompt + each.answer)
            self.learnt[i, len(each.prompt) : end] = True
        sizes = Counter(each.task for each in chosen)
        self.usual = torch.tensor([sizes[each.task] ** -0.5 for each in chosen])
        """The usual weight of each example; those of tasks with few contexts have more."""
        self.weights = self.usual

    def stress(self, wrong: torch.Tensor, times: float) -> None:
        """Multiply the weights of the examples that are answered wrongly."""
        self.weights = self.usual * torch.where(wrong, times, 1.0)

    def draw(self, count: int, random: torch.Generator) -> torch.Tensor:
        """Return the indices of some examples, sampled by weight."""
        return torch.multinomial(self.weights, count, replacement=True, generator=random)
