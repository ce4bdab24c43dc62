"""Count calls and tokens with and without the memo exactly, by running the right programs in Python.

The programs of nano's tasks are Python too. Here `CALL` looks a call up in a memo, or runs the program of its
context at once. With each value the memo keeps the cost of the call without a memo: itself, and every call of its
program with all below it, as often as it occurs there. So 10^17 calls are counted by running the thousand that
differ.

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
    """A number of calls, and the tokens that they read and write."""

    calls: int = 0
    read: int = 0
    written: int = 0

    def __add__(self, other: Took) -> Took:
        return Took(self.calls + other.calls, self.read + other.read, self.written + other.written)


@frozen
class Answer:
    task: str
    texts: tuple[str, ...]
    """The arguments that are texts, not lists."""
    value: Value
    own: Took
    """The cost of the call itself."""
    all: Took
    """The cost with all calls below it, without a memo."""
    depth: int
    """The number of calls on the longest path down."""


@define
class Counter:
    """A memo that counts; it also serves as a model that is asked whole problems."""

    remember: bool = True
    """Whether there is a memo."""
    memo: dict[tuple[Any, ...], Answer] = field(factory=dict)
    hits: int = 0
    steps: list[Answer] = field(factory=list)
    """The calls in the order in which they are answered, facts as often as they are requested."""
    _below: list[tuple[Took, int]] = field(factory=lambda: [(Took(), 0)])
    """The cost of the calls so far of each running program, the outermost first."""

    name = identity = "counter"
    context = 10**9
    concurrency = 1
    capabilities = Capabilities(free=True, recursive=True)

    def call(self, task: str, *arguments: Any) -> Any:
        """Return the value of a call."""
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
        """Return the cost with the memo: each call once."""
        return sum((answer.own for answer in self.memo.values()), Took())

    @property
    def all(self) -> Took:
        """Return the cost without the memo."""
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
    """Return the program of a context as a function of CALL and the arguments, and the cost of writing it."""
    text = TASKS[task].program(*shown)
    assert text is not None, f"{task}{shown} cannot come about"
    *names, last = text.replace("CALL[list[str]](", "CALL(").split("\n")
    parameters = ", ".join(["CALL", *(f"arg{i + 1}" for i in range(len(shown)))])
    scope: dict[str, Any] = {}
    exec("\n ".join([f"def program({parameters}):", *names, f"return {last}"]), scope)
    took = Took(1, len(encode(prompt(task, shown))), len(encode(text)) + 1)  # and the end token
    return scope["program"], took


async def count(program: rlmlang.Program, inputs: Mapping[str, Value], remember: bool = True) -> tuple[Value, Counter]:
    """Run a program whose calls are all nano's tasks, and count."""
    counter = Counter(remember)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10**6)  # in CPython, calls from Python to Python do not use the C stack; calls by C code do
    try:
        result = await program.arun(dict(inputs), model=counter)
    finally:
        sys.setrecursionlimit(limit)
    return result.value, counter
