"""Calls within running text: the model writes, and where it writes a CALL, its answer is put in.

The text is generated up to the word `CALL`; the rest of the call is generated under the grammar of
a call, checked, and run as any call is. Its answer is spliced in behind it, `CALL(…) → "…"`, and the
model goes on behind that from what its engine has read before. An answer is data: what it says is
never taken for a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from attrs import asdict, define, evolve, field, frozen

from rlmlang.budget import Account, Limits, Usage
from rlmlang.calls import Writing
from rlmlang.check import check
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import BudgetError, ModelError, RlmError, UsageError
from rlmlang.interp import Evaluate, evaluating
from rlmlang.models import open_model
from rlmlang.models.base import Model, Reply, Request
from rlmlang.prompt import argument_names, program_header, type_of
from rlmlang.source import Source
from rlmlang.store import Store
from rlmlang.trace import Trace
from rlmlang.types import STR
from rlmlang.values import Value, preview

MARKS = ("CALL(", "CALL[")
"""Where a call begins."""

CALL_TOKENS = 200
"""Of one call, where the limits allow more."""

ATTEMPTS = 3
"""How often one call is written before what is wrong with it is put in the place of its answer."""

SHOWN = 2_000
"""Characters of an answer that are put into the text."""


@frozen(eq=False)
class Completion:
    """A finished text."""

    response: str
    """What the model wrote, with its calls and their answers."""
    values: list[Value]
    """The answers of the calls, in order."""
    program: str
    """The calls as a program that gives their answers as a list of texts; run on the same store, it makes no call."""
    finish: Literal["stop", "length"]
    """Whether the model ended the text, or ran out of tokens."""
    usage: Usage
    trace: Trace

    @property
    def usage_summary(self) -> dict[str, Any]:
        """Counts of calls, memo hits and tokens, and seconds; texts between calls count as calls too."""
        return asdict(self.usage)


def completion(prompt: str, **options: Any) -> Completion:
    """`acompletion` from code that is not asynchronous; takes the same arguments."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(acompletion(prompt, **options))
    raise UsageError.of("E607", "completion() inside a running event loop", hint="write `await acompletion(…)`")


async def acompletion(
    prompt: str,
    *,
    model: Model | str,
    inputs: Mapping[str, object] | None = None,
    start: str = "",
    max_tokens: int | None = None,
    store: Store | str | Path | None = None,
    limits: Limits | None = None,
    writing: Writing | None = None,
    trace: Trace | None = None,
    account: Account | None = None,
) -> Completion:
    """A text about the prompt, in which the model may call itself on the inputs and on what it writes.

    The model sees of the inputs their names, types, sizes and beginnings. Its text begins with
    `start`, and has at most `max_tokens` tokens of its own (by default `limits.max_answer_tokens`).
    Raises UsageError, BudgetError, ModelError.
    """
    account = account or Account(limits or Limits())
    trace = trace or Trace()
    arguments = tuple((name, _plain(name, value)) for name, value in (inputs or {}).items())
    request = Request(prompt, arguments, STR, inline=True, level=0)
    opened = open_model(model) if isinstance(model, str) else None
    kept = Store(store) if isinstance(store, (str, Path)) else None
    engine = opened or model
    assert not isinstance(engine, str)
    try:
        async with evaluating(engine, account, trace, kept or store, writing=writing) as evaluate:  # type: ignore[arg-type]
            text = _Text(request, engine, account, evaluate, start)
            finish = await text.write(max_tokens or account.limits.max_answer_tokens)
    finally:
        if kept is not None:
            kept.close()
        if opened is not None:
            await opened.aclose()
    return Completion(text.written, text.values, text.program(), finish, account.usage, trace)


def _plain(name: str, value: Any) -> Value:
    """An input's value. Raises UsageError E603 if no type of the language has it."""
    try:
        type_of(value)
    except (AssertionError, KeyError, TypeError) as error:
        raise UsageError.of(
            "E603", f"`{name}` is of no type of the language", hint="give text, numbers, or lists or dicts of one type"
        ) from error
    return value


@define
class _Text:
    """One text being written."""

    request: Request
    model: Model
    account: Account
    evaluate: Evaluate
    written: str
    values: list[Value] = field(factory=list)
    calls: list[str] = field(factory=list)

    @property
    def header(self) -> str:
        return program_header(self.request)

    async def write(self, left: int) -> Literal["stop", "length"]:
        """Write on to the end, within so many tokens. Raises RlmError."""
        marks = MARKS if self.account.limits.max_depth > 0 else ()
        while True:
            if not self.written.endswith(MARKS) or not marks:
                reply = await self._generate(evolve(self.request, written=self.written, stop=marks, max_tokens=left))
                self.written += reply.text
                left -= reply.completion_tokens
                if reply.finish == "length" or left <= 0:
                    return "length"
                if not marks or not reply.text.endswith(marks):
                    return "stop"
            left -= await self._call(left)
            if left <= 0:
                return "length"

    async def _call(self, left: int) -> int:
        """Write and run the call that the text ends with the beginning of; gives the tokens that it took."""
        before = self.written[: -len(MARKS[0])]
        used = 0
        call, result = self.written[len(before) :], ""
        for attempt in range(ATTEMPTS):
            most = min(CALL_TOKENS, left - used)
            if most <= 0:
                break
            asked = evolve(
                self.request,
                written=before + "CALL",
                constraint=Constraint(self.header, None, "call"),
                max_tokens=most,
                sample=self.request.sample * ATTEMPTS + attempt,
                stop=() if self.model.capabilities.grammar != "none" else ("\n",),
            )
            reply = await self._generate(asked)
            used += reply.completion_tokens
            call = "CALL" + reply.text.rstrip("\n")
            try:
                call = self._first(call)
                value = await self._run(call)
            except (BudgetError, UsageError):
                raise
            except RlmError as error:
                result = f"{error.first.code}: {error.first.message}"
                continue
            self.calls.append(call)
            self.values.append(value)
            result = preview(value, SHOWN)
            break
        self.written = f"{before}{call} → {result}"
        return used

    def _first(self, text: str) -> str:
        """The call that a text begins with; engines that were not held to one go on behind it. Raises ProgramError."""
        ends = [i + 1 for i, char in enumerate(text) if char == ")"]
        for end in ends:
            try:
                check(Source(f"{self.header}{text[:end]}\n"))
            except RlmError:
                continue
            return text[:end]
        check(Source(f"{self.header}{text}\n"))  # which says what is wrong
        return text

    async def _run(self, call: str) -> Value:
        arguments = self.request.arguments
        given = {name: value for name, (_, value) in zip(argument_names(arguments), arguments)}
        return await self.evaluate(check(Source(f"{self.header}{call}\n", "<text>")), given)

    async def _generate(self, request: Request) -> Reply:
        """One piece of the text. Raises BudgetError, ModelError E403, E404."""
        prompt = self.model.count_tokens(request)
        if prompt >= self.model.context:
            raise ModelError.of(
                "E403",
                f"prompt and text take {prompt:,} tokens; the context of {self.model.name} "
                f"holds {self.model.context:,}",
                hint="lower max_tokens, or ask for less",
            )
        granted = await self.account.reserve(prompt, min(request.max_tokens, self.model.context - prompt))
        spent: tuple[int, int] | None = None
        try:
            reply = await self.model.generate(evolve(request, max_tokens=granted))
            spent = (reply.prompt_tokens, reply.completion_tokens)
            self.account.usage.cached_tokens += reply.cached_tokens
        finally:
            self.account.settle((prompt, granted), spent)
        if reply.finish == "refusal":
            raise ModelError.of("E404", f"the model refused: {reply.text[:200]}")
        return reply

    def program(self) -> str:
        """The calls as a program."""
        names = [f"call{i}" for i in range(1, len(self.calls) + 1)]
        bound = "".join(f"{name} = {call}\n" for name, call in zip(names, self.calls))
        texts = ", ".join(f"to_json({name})" for name in names)
        return f"{self.header}{bound}[{texts}]\n"
