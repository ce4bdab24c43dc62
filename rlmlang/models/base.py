"""Requests, replies and the `Model` protocol: all that a backend has to know of the rest of rlmlang.

A backend is a class with the attributes and methods of `Model`. The smallest one sends the messages of a request to an
engine, and returns the text that comes back:

    class MyModel:
        name = "mine"
        identity = '{"kind": "mine", "version": 1}'
        context = 8192
        concurrency = 4
        capabilities = Capabilities(exact_counts=False)

        def count_tokens(self, request: Request) -> int:
            # At most one token per byte of UTF-8, and some for the marks around each message
            texts = [message.content.encode("utf-8", "replace") for message in request.messages_with_written]
            return sum(16 + len(text) for text in texts)

        async def generate(self, request: Request) -> Reply:
            chat = [(message.role, message.content) for message in request.messages_with_written]
            text, prompt_tokens, completion_tokens = await my_engine(chat, request.max_tokens)
            is_cut = completion_tokens >= request.max_tokens
            text = cut_at_stop(text, request.stop)
            return Reply(text, prompt_tokens, completion_tokens, "length" if is_cut else "stop")

        async def aclose(self) -> None:
            pass

    def open_model(rest: str, name: str) -> Model:
        return MyModel()

`open_model` returns the model of a name, given the text after the colon and the whole name. It makes a kind of names,
here `mine`, known by a line in the `pyproject.toml` of its package, under `[project.entry-points."rlmlang.models"]`:

    mine = "my_package.my_module:open_model"

In rlmlang itself, it is the opener of a row in `BACKENDS` of `rlmlang/models/registry.py`:

    Backend("mine", "a model of mine", "rlmlang.models.my_module:open_model"),

A program can also be given the object: `program.run(model=MyModel())`.

A reply's text is what the engine wrote, unchanged but for what follows a stop text; the caller reads it. An engine that
can do more says so in its `Capabilities`, and takes more of the request into account: `constraint` (what a program may
be), `typed` and `answer_format` (how an answer may be constrained), `messages` and `written` (the prompt, and the start
of the reply, where an engine can continue its own text), and `sample` (different samples of one call should differ). A
model with an API key is a `SecretHolder` too, and one that shows the engine other messages than these a
`PromptRenderer`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable

from attrs import field, frozen

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.prompt import (
    ChatTurn,
    HostHead,
    Message,
    continuation_messages,
    direct_messages,
    function_head,
    guided,
    inline_messages,
    program_messages,
    turn_messages,
)
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import ModelError, ModelFailed
from rlmlang.language.type_structure import structure_of
from rlmlang.language.types import Type
from rlmlang.runtime.values import Value


class TextListener(Protocol):
    """Hears what a model writes while it writes, in any thread."""

    def begin(self) -> None:
        """Record that the text is written from its beginning, perhaps again."""
        ...

    def add(self, piece: str) -> None:
        """Hear the next piece of the text."""
        ...


@frozen
class Request:
    """One generation. Making a request costs nothing: its messages are made when they are first read."""

    instruction: str
    arguments: tuple[tuple[str | None, Value], ...]
    """The name and value of each argument; the name of a positional one is None."""
    type: Type
    """The type of the answer; for a program, of the program's value."""
    program: bool = False
    """Whether the reply is a program in the language, with the arguments as its inputs."""
    inline: bool = False
    """Whether the reply is running text with calls in it, about the instruction."""
    level: int = 1
    """The depth of the call in the tree of calls; those of the program itself are at level 1."""
    max_tokens: int = 1024
    sample: int = 0
    """The number of the independent sample."""
    repair: tuple[str, str] | None = None
    """For a program or a direct answer: the previous text, and what was wrong with it."""
    constraint: Constraint | None = None
    """What the text may be, as far as the engine can enforce it; the caller checks the rest."""
    written: str = ""
    """The part of the reply that is written already, with the results that were inserted; the model continues it."""
    turns: tuple[ChatTurn, ...] | None = None
    """For a program that is written in turns, those before this one; None for any other text."""
    guidance: str = ""
    """What the user has the model told with every prompt of the run."""
    functions: tuple[HostHead, ...] = ()
    """The functions of the host that a program, or a running text, may apply."""
    stop: tuple[str, ...] = ()
    """Texts at which the generation ends; the one that ended it is the end of the reply."""
    listener: TextListener | None = field(default=None, eq=False, repr=False)
    """Who hears the text while it is written, from engines that can tell it."""

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """The prompt, unchanging parts first, so that engines can reuse what they have read."""
        return guided(self._messages(), self.guidance)

    def _messages(self) -> tuple[Message, ...]:
        if self.inline:
            return inline_messages(self.instruction, self.arguments, self.functions)
        if self.turns is not None:
            return turn_messages(self.instruction, self.arguments, self.type, self.turns, self.functions)
        if self.program:
            return program_messages(
                self.instruction, self.arguments, self.type, self.repair, self.constraint, self.written, self.functions
            )
        return direct_messages(self.instruction, self.arguments, self.type, self.repair)

    @property
    def messages_with_written(self) -> tuple[Message, ...]:
        """The prompt for engines that cannot continue their own text: what is written so far comes last."""
        return continuation_messages(self.messages, self.written, self.constraint)

    @property
    def answer_format(self) -> AnswerFormat:
        """The format of a direct answer."""
        return AnswerFormat.of(self.type)

    @property
    def typed(self) -> bool:
        """Whether an answer is expected in the format of its type: no program, call or free text."""
        return self.constraint is None and not self.program and self.answer_format.style != "text"

    @cached_property
    def constraint_digest(self) -> str | None:
        """A digest of what the text is constrained to, 16 hex digits; None for free text."""
        if self.constraint is not None:
            limits = [
                self.constraint.program, str(self.constraint.expected), self.constraint.unit, self.constraint.calls,
            ]  # fmt: skip
        elif self.typed:
            limits = [structure_of(self.type)]
        else:
            return None
        return hashlib.sha256(json.dumps(limits).encode()).hexdigest()[:16]

    def opening(self, continues: bool, constrains_answers: bool = False) -> str:
        """Return what an engine should put before the reply, as if the model had written it.

        Before a program, if the engine `continues` its own text, that is the start of a fence, since in a fence models
        write code and else they start with prose, and the head of the function whose body is written, except in later
        turns of the same program. Before a constrained answer, it is `AnswerFormat.opening`.
        """
        if constrains_answers and self.typed:
            return self.answer_format.opening
        if not (continues and self.program):
            return ""
        if self.turns:
            return "```python\n"
        head = function_head(self.instruction, self.arguments, self.type, self.functions)
        return f"```python\n{head}"  # decisions 50 and 99

    def stop_after(self, opening: str, is_constrained: bool) -> tuple[str, ...]:
        """Return the texts at which the reply ends that goes on from an opening.

        Where nothing constrains it, the end of the fence that the opening begins is one of them.
        """
        return (*self.stop, FENCE_END) if opening.startswith("```") and not is_constrained else self.stop


FENCE_END = "\n```"


def cut_at_stop(text: str, stops: tuple[str, ...]) -> str:
    """Return the text up to the end of the first stop text in it; all of it if there is none."""
    return text[: min((text.find(stop) + len(stop) for stop in stops if stop in text), default=None)]


@frozen
class Reply:
    """The text that an engine wrote, unchanged but for what follows a stop text, and what it cost."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish: Literal["stop", "length", "refusal"]
    """`length` if the text was cut off after `max_tokens`; `refusal` if the model declined to answer."""
    cached_tokens: int = 0
    """The tokens of the prompt that were not read again, because the engine still had them."""
    forced_tokens: int = 0
    """The tokens of the completion that were not sampled, because the grammar left no choice."""
    opening: str = ""
    """What the engine put before the text, as if the model had written it; `text` does not repeat it."""
    dropped_tokens: int = 0
    """About how many tokens of the completion are no part of the text, since they came behind a stop text."""
    cost: Decimal | None = None
    """The US dollars that it cost, where the engine says so."""
    wrapped: bool = False
    """Whether the engine constrained an answer to a JSON object: `opening` and `text` together are that object."""
    reasoning: str = ""
    """What the model thought before the text, where the server reports that apart from it."""
    reasoning_tokens: int = 0
    """The tokens of the completion that went into reasoning, as far as the server counts them."""
    tool_call: str = ""
    """The name of the tool that the model called instead of writing an answer."""


@frozen
class Capabilities:
    """What an engine can do. The caller works around what it cannot."""

    grammar: Literal["mask", "llguidance", "lark", "ebnf", "gbnf", "none"] = "none"
    """How a constraint is enforced: by masking logits in this process, or by a grammar text in a dialect:
    llguidance's Lark, OpenAI's Lark, xgrammar's EBNF, llama.cpp's GBNF."""
    schema: bool = False
    """Whether answers are constrained to their type."""
    continues: bool = False
    """Whether `written` is continued as the model's own text; otherwise it is shown as part of the question."""
    batch: int = 1
    """How many generations share a forward pass."""
    free: bool = False
    """Whether its tokens cost no money, since it runs in this process."""
    recursive: bool = False  # decision 81
    """Whether it answers by a program at every depth, and equal calls in the same way. The remaining depth is then
    not part of a call's key."""
    exact_counts: bool = True
    """Whether `count_tokens` is exact; if not, it is an upper bound."""

    @property
    def holds_answers(self) -> bool:
        """Whether every answer that ends is of its type, so that none has to be asked for again."""
        return self.grammar == "mask"


@frozen
class RenderedPrompt:
    """A request as a model reads it."""

    messages: tuple[Message, ...]
    opening: str = ""
    """What the engine puts before the reply, as if the model had written it."""


@runtime_checkable
class PromptRenderer(Protocol):
    """A model that reports how it reads a request. Of any other model, the trace shows the request's messages."""

    def render_prompt(self, request: Request) -> RenderedPrompt:
        """Return the prompt of a request. Raises ModelError."""
        ...


@runtime_checkable
class SecretHolder(Protocol):
    """A model that holds secrets, such as an API key, which are taken out of errors and traces."""

    secrets: frozenset[str]


class Unsent(ModelFailed):
    """The model could not be reached: nothing was sent, and nothing is spent."""


@contextmanager
def before_sending() -> Iterator[None]:
    """Raise ModelError as `Unsent` while a request is made, so that it does not count as spent."""
    try:
        yield
    except Unsent:
        raise
    except ModelError as error:
        raise Unsent(error.diagnostics) from error


class Model(Protocol):
    """A backend. Several generations may be in flight at once; each may be cancelled."""

    name: str
    """The name by which the user opened it."""
    identity: str
    """JSON text of everything about the model that can change an answer: kind, weights, sampling. It is part of the
    key under which answers are stored, so it never holds secrets or timeouts."""
    context: int
    """The tokens that prompt and answer may take together."""
    concurrency: int
    """How many generations are useful at once."""
    capabilities: Capabilities

    def count_tokens(self, request: Request) -> int:
        """Return the length of the prompt, exact or an upper bound (`exact_counts`). Raises ModelError."""
        ...

    async def generate(self, request: Request) -> Reply:
        """Return the model's reply, of at most `max_tokens` tokens. Raises ModelError; `Unsent` if it cost nothing."""
        ...

    async def aclose(self) -> None:
        """Free what the model holds."""
        ...
