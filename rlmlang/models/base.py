"""What the interpreter knows of a model: requests, replies and the `Model` protocol."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

from attrs import frozen

from rlmlang.calls.answer_format import form
from rlmlang.calls.prompt import Message, direct_messages, inline_messages, program_messages
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import ModelFailed
from rlmlang.language.types import Type, shape_of
from rlmlang.runtime.values import Value


@frozen
class Request:
    """One generation. Making one costs nothing; its messages are written when they are asked for."""

    instruction: str
    arguments: tuple[tuple[str | None, Value], ...]
    """Name and value; those given by position have no name."""
    type: Type
    """What the answer must be; for a program, what its value must be."""
    program: bool = False
    """Whether the reply is a program in the language, with the arguments as its inputs."""
    inline: bool = False
    """Whether the reply is running text with calls in it, about the instruction."""
    level: int = 1
    max_tokens: int = 1024
    sample: int = 0
    repair: tuple[str, str] | None = None
    """For a program: the previous text, and what was wrong with it."""
    constraint: Constraint | None = None
    """What the model's text is held to, as far as the engine can; whoever asked checks the rest."""
    written: str = ""
    """What the model has written of its reply so far, results inserted by others included; it goes on from there."""
    stop: tuple[str, ...] = ()
    """Texts at which the generation ends; the text that ended it stands at the end of the reply."""

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """The prompt, unchanging parts first, so that engines can reuse what they have read."""
        if self.inline:
            return inline_messages(self.instruction, self.arguments)
        if self.program:
            return program_messages(
                self.instruction, self.arguments, self.type, self.repair, self.constraint, self.written
            )
        return direct_messages(self.instruction, self.arguments, self.type)

    @property
    def typed(self) -> bool:
        """Whether the answer is held to the form of its type: it is no program, call or free text."""
        return self.constraint is None and not self.program and form(self.type) != "text"

    @cached_property
    def held_to(self) -> str | None:
        """A digest of what the text is held to, 16 hex digits; None for free text."""
        if self.constraint is not None:
            held = self.constraint
            limits = [held.program, str(held.wanted), held.unit, held.calls]
        elif self.typed:
            limits = [shape_of(self.type)]
        else:
            return None
        return hashlib.sha256(json.dumps(limits).encode()).hexdigest()[:16]

    def opening(self, held: bool) -> str:
        """What an engine that holds programs to the language puts before one, as if the model had written it:
        the start of a fence. (In a fence models write code; else they start with prose.)"""
        return "```python\n" if held and self.program and self.constraint is not None else ""

    def so_far(self, held: bool) -> str:
        """What the reply starts with: `written`, behind its opening."""
        return self.opening(held) + self.written


def until(text: str, stops: tuple[str, ...]) -> str:
    """The text up to and including what comes first of `stops`; all of it if there is nothing."""
    return text[: min((text.find(stop) + len(stop) for stop in stops if stop in text), default=None)]


@frozen
class Reply:
    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: Literal["stop", "length", "refusal"]
    cached_tokens: int = 0
    """Of the prompt's tokens, those that were not read again because the engine still had them."""
    forced_tokens: int = 0
    """Of the completion's tokens, those that were not sampled because the grammar left no choice."""


@frozen
class Capabilities:
    """What an engine can do; what it cannot, the session makes up for."""

    grammar: Literal["mask", "llguidance", "lark", "ebnf", "gbnf", "none"] = "none"
    """How a constraint is kept: by masking logits in this process, or by a grammar text in a dialect:
    llguidance's Lark, OpenAI's Lark, xgrammar's EBNF, llama.cpp's GBNF."""
    schema: bool = False
    """Whether answers are held to their type."""
    continues: bool = False
    """Whether `written` is gone on from as the model's own text, not shown as part of the question."""
    logprobs: bool = False
    """Whether the engine tells how likely tokens are."""
    batch: int = 1
    """Generations that share one forward pass."""
    prefix_reuse: bool = False
    """Whether a prompt that starts like an earlier one is not read again."""
    free: bool = False
    """Whether its tokens cost no money, since it runs in this process."""
    recursive: bool = False
    """Whether it answers by a program at every depth, and equal calls in the same way: what is left of the
    depth is then not in the key of a call."""
    exact_counts: bool = True
    """Whether `count_tokens` is exact; if not, it is no less than the truth."""


@frozen
class Told:
    """A request as a model reads it."""

    messages: tuple[Message, ...]
    opening: str = ""
    """What the engine puts before the reply, as if the model had written it."""


@runtime_checkable
class Teller(Protocol):
    """A model that can say how it reads a request. Of any other the trace shows the request's messages."""

    def told(self, request: Request) -> Told: ...


class Unsent(ModelFailed):
    """The model could not be reached: nothing was sent, and nothing is spent."""


class Model(Protocol):
    """A backend. Several generations may be under way at once; each may be cancelled."""

    name: str
    """As the user gave it."""
    identity: str
    """JSON text of everything about the model that can change an answer: kind, weights, sampling."""
    context: int
    """Tokens that prompt and answer may take together."""
    concurrency: int
    """How many generations are useful at once."""
    capabilities: Capabilities

    def count_tokens(self, request: Request) -> int:
        """The length of the prompt, exact or at most (`exact_counts`). Raises ModelError."""
        ...

    async def generate(self, request: Request) -> Reply:
        """The model's answer, of at most `max_tokens` tokens. Raises ModelError; `Unsent` if it cost nothing."""
        ...

    async def aclose(self) -> None:
        """Give back what the model holds."""
        ...
