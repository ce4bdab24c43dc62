"""Exact counts of calls and tokens with and without the memo, by running the right programs in Python.

The programs of nano's tasks are Python too. Here `CALL` looks a call up in a memo, or runs the program of its
context there and then. With each value the memo keeps what the call takes where nothing is remembered: itself,
and every call of its program with all below it, as often as it stands there. So 10^17 calls are counted by
running the thousand that differ.

nano writes the same programs, as the sweep over all contexts shows; `sizes` compares the calls and tokens that
differ, of every problem, with those of its runs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from attrs import define, field, frozen

import rlmlang
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.nano.tasks import TASKS, prompt, visible
from rlmlang.nano.tokens import encode
from rlmlang.runtime.values import Value


@frozen
class Took:
    """Calls, and the tokens that they read and write."""

    calls: int = 0
    read: int = 0
    written: int = 0

    def __add__(self, other: Took) -> Took:
        return Took(self.calls + other.calls, self.read + other.read, self.written + other.written)


@frozen
class Answer:
    task: str
    texts: tuple[str, ...]
    """Those of the arguments that are texts, not lists."""
    value: Value
    own: Took
    """The call itself."""
    all: Took
    """With all calls below it, where nothing is remembered."""
    depth: int
    """Calls on the longest way down."""


@define
class Counter:
    """A memo that counts. It serves as a model as well, which is asked for whole problems."""

    remember: bool = True
    """Whether there is a memo at all."""
    memo: dict[tuple[Any, ...], Answer] = field(factory=dict)
    hits: int = 0
    steps: list[Answer] = field(factory=list)
    """The calls in the order in which they are answered, facts as often as they are asked for."""
    _below: list[tuple[Took, int]] = field(factory=lambda: [(Took(), 0)])
    """What the calls so far took of each program that is running, the one outside of all first."""

    name = identity = "counter"
    context = 10**9
    concurrency = 1
    capabilities = Capabilities(free=True, recursive=True)

    def call(self, task: str, *arguments: Any) -> Any:
        """The value of a call."""
        key = (task, *[tuple(each) if isinstance(each, list) else each for each in arguments])
        answer = self.memo.get(key) if self.remember else None
        if answer is None:
            shown = tuple([visible(each) for each in arguments])
            texts = tuple([each for each in arguments if isinstance(each, str)])
            program, own = _program(task, shown)
            self._below.append((own, 0))
            value = program(self.call, *arguments)
            took, depth = self._below.pop()
            answer = self.memo[key] = Answer(task, texts, value, own, took, depth + 1)
            self.steps.append(answer)
        else:
            self.hits += 1
            if TASKS[task].fact:
                self.steps.append(answer)
        took, depth = self._below[-1]
        self._below[-1] = took + answer.all, max(depth, answer.depth)
        return answer.value

    @property
    def unique(self) -> Took:
        """With the memo: each call once."""
        return sum((answer.own for answer in self.memo.values()), Took())

    @property
    def all(self) -> Took:
        """Without the memo."""
        return self._below[0][0]

    @property
    def depth(self) -> int:
        return self._below[0][1]

    # As a model ----------------------------------------------------------------------

    def count_tokens(self, request: Request) -> int:
        return 1

    async def generate(self, request: Request) -> Reply:
        value = self.call(request.instruction, *(value for _, value in request.arguments))
        is_text = isinstance(value, str) and not request.program
        return Reply(value if is_text else json.dumps(value), 1, 1, "stop")

    async def aclose(self) -> None:
        pass


@cache
def _program(task: str, shown: tuple[str, ...]) -> tuple[Callable[..., Value], Took]:
    """The program of a context as a function of CALL and the arguments, and what it takes to write it."""
    text = TASKS[task].program(*shown)
    assert text is not None, f"{task}{shown} cannot come about"
    *names, last = text.replace("CALL[list[str]](", "CALL(").split("\n")
    parameters = ", ".join(["CALL", *(f"arg{i + 1}" for i in range(len(shown)))])
    scope: dict[str, Any] = {}
    exec("\n ".join([f"def program({parameters}):", *names, f"return {last}"]), scope)
    took = Took(1, len(encode(prompt(task, shown))), len(encode(text)) + 1)  # and the token that ends
    return scope["program"], took


async def count(program: rlmlang.Program, inputs: Mapping[str, Value], remember: bool = True) -> tuple[Value, Counter]:
    """Run a program whose calls are all nano's tasks, and count."""
    counter = Counter(remember)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)  # calls of Python by Python alone take no room on its stack; those of C do
    try:
        result = await program.arun(dict(inputs), model=counter, record=False)
    finally:
        sys.setrecursionlimit(limit)
    return result.value, counter
