"""Inline mode: a model writes free text that may contain calls anywhere.

The text is written up to a `CALL`, and the rest of that call under the rules of the language. The call is
checked and run like any other, its answer is inserted after it, `CALL(…) → "…"`, and the model continues
from there; an engine with a cache reads only what is new. An answer is data: it is neither searched for
calls, nor read as part of a program. No call is parsed or checked twice (decision 94).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Literal

from attrs import define, evolve, field, frozen

from rlmlang.calls.answer_format import record_types
from rlmlang.calls.evaluate import ActiveRun
from rlmlang.calls.prompt import Heads, argument_names, program_header
from rlmlang.calls.reasoning import reasoning_and_answer
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import BudgetError, ContextOverflow, ModelError, NotClosed, ProgramError, RlmError, UsageError
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.check.checked import Checked
from rlmlang.language.depth import deep_recursion
from rlmlang.language.parse import parse
from rlmlang.language.parse.layout import lay_out, show_hidden
from rlmlang.language.parse.tables import RESERVED
from rlmlang.language.source import Source, Span
from rlmlang.language.types import STR, Type
from rlmlang.models.base import Reply, Request, cut_at_stop
from rlmlang.models.checks import refuse_cut_off
from rlmlang.runtime.inferred_records import typed_data
from rlmlang.runtime.python_values import data_of
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.run_program import steps_of_checking
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.values import Mismatch, Value, canonical, excerpt
from rlmlang.trace.recorder import CallRecord

MARKS = ("CALL(", "CALL[")
"""The texts that a call of a model begins with."""

CALL_TOKENS = 200
"""The most tokens of one call, where the limits allow more."""

CALL_ATTEMPTS = 3
"""How often one call is written, at most; then its error is inserted in place of its answer."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

SHOWN = 2_000
"""About how many characters of an answer are inserted into the text."""

Finish = Literal["stop", "length"]


@frozen
class Text:
    """A finished text."""

    written: str
    """What the model wrote, with its calls and their answers, long ones truncated."""
    answers: list[Value]
    """The answers of the calls, in order and whole."""
    program: Checked
    """The calls as a program whose value is the tuple of their answers; run on the same store, it asks no model."""
    finish: Finish
    """Whether the model ended the text, or ran out of tokens or of context."""


def declared(values: Mapping[str, Value], type_: Type = STR, functions: Heads = ()) -> str:
    """Return the declarations of inputs with these values, of the records of a type, and of functions of the host.

    Raises UsageError E607 for names that cannot be declared.
    """
    header = program_header(tuple(values.items()), type_, functions)
    try:
        check(Source(f"{header}None\n", "the inputs"))
    except ProgramError as error:
        raise UsageError.of("E607", f"the inputs cannot be declared: {error.first.message}") from error
    return header


def refuse_undeclarable(values: Mapping[str, Value], functions: Heads) -> None:
    """Raise UsageError E607 for inputs of a text that cannot be declared, or have the name of an answer."""
    for name in values:
        if re.fullmatch(r"call\d+", name):
            raise UsageError.of("E607", f"an input cannot be named {name}: the answers to calls are")
    declared(values, STR, functions)


async def write_text(
    prompt: str, values: Mapping[str, Value], start: str, max_tokens: int, run: ActiveRun, functions: Heads = ()
) -> Text:
    """Have the model write a text about the prompt, in which it may call itself on the inputs, and apply functions.

    The text begins with `start`, which may contain calls too, the last of them unfinished; the model writes at most
    `max_tokens` tokens. With a `max_depth` of 0 there are no calls, and the model sees the inputs whole. If an error
    ends the run, the text so far is in the first record of the trace.
    Raises UsageError, BudgetError, ModelError.
    """
    trace = run.caller.trace
    inline, guidance = run.account.limits.max_depth > 0, run.caller.answering.guidance
    request = Request(
        prompt, tuple(values.items()), STR, level=0, inline=inline, guidance=guidance, functions=tuple(functions)
    )
    record = CallRecord(trace.count, None, 0, prompt, "str", Span(Source(prompt, "the prompt"), 0, 0), 0.0, form="text")
    record.model = run.caller.roles.of_form(record.form).model.name
    record.status = "running"
    trace.start(record)
    inputs = dict(zip(argument_names(request.arguments), values.values()))
    beginning = Beginning.of(Source(program_header(request.arguments, STR, functions), "the inputs"))
    text = InlineText(request, run, record, max_tokens, beginning, inputs)
    status = "failed"
    try:
        finish = await text.write(start)
        status = "done"
    except RlmError as error:
        record.error = error
        raise
    finally:
        record.program = text.written
        trace.finish(record, status, run.caller.clock(), text.written)
    return Text(text.written, list(text.answers.values()), text.whole_program(), finish)


@deep_recursion
def values_of(inputs: Mapping[str, object], known: Sequence[Type] = ()) -> dict[str, Value]:
    """Return the values of inputs whose types no program declares; objects are of a known record that they fit.

    Raises UsageError E603 if they have no type, and E607 for a name that none can have.
    """
    for name in inputs:
        if not _NAME.fullmatch(name) or name in RESERVED:
            hint = "a name is letters from a to z, digits and `_`, and no word of the language such as `class`"
            raise UsageError.of("E607", f"an input cannot be named {name!r:.80}", hint=hint)
    values: dict[str, Value] = {}
    records = {record.name: record for record in record_types(*known)}
    taken = {*inputs, *records}
    for name, given in inputs.items():
        try:
            data = data_of(given, "it")
            with suppress(TypeError):  # a set of several types has no order; it is refused below
                parse_json(canonical(data))  # not too deep
            values[name] = from_json(*typed_data(data, name, taken, records))
        except (Mismatch, RecursionError) as error:
            raise UsageError.of(
                "E603",
                f"`{name}` is of no type of the language: {error}",
                hint=getattr(error, "hint", None) or "give text, numbers, or lists or dicts of one type",
            ) from error
    return values


@define(eq=False, slots=False)
class InlineText:
    """One text that a model is writing."""

    request: Request
    run: ActiveRun
    record: CallRecord
    left: int
    """Tokens that may still be written."""
    beginning: Beginning
    """The inputs, and the calls so far as bindings, checked."""
    inputs: Mapping[str, Value]
    written: str = ""
    """The text so far, with the answers of its calls."""
    count: int = 0
    """Calls so far, including those without an answer."""
    answers: dict[str, Value] = field(factory=dict)
    """The answers by name."""

    @property
    def _functions(self) -> tuple[str, ...]:
        return tuple(head.name for head in self.request.functions)

    @property
    def _marks(self) -> tuple[str, ...]:
        """The texts that a call begins with."""
        return (*MARKS, *(f"{name}(" for name in self._functions))

    @cached_property
    def _begins(self) -> re.Pattern[str]:
        """What finds the beginning of a call."""
        return re.compile("|".join([r"\bCALL(?=[(\[])", *(rf"(?<![\w.]){name}(?=\()" for name in self._functions)]))

    @property
    def program(self) -> str:
        """The inputs, and the calls so far as bindings."""
        return self.beginning.checked.module.span.source.text

    async def write(self, start: str) -> Finish:
        """Write the text to its end. Raises BudgetError, UsageError, ModelError."""
        try:
            return await self._write(start)
        except ContextOverflow:
            if self.written == start:
                raise
            return "length"  # the context is full

    async def _write(self, text: str) -> Finish:
        finish: Finish | None = None
        while True:
            while self.request.inline and (found := self._begins.search(self.written + text, len(self.written))):
                at = found.start() - len(self.written)
                self.written += text[:at]
                text = await self._call(text[at:])
            self.written += text
            if finish is not None:
                return finish
            if self.left <= 0:
                return "length"
            text, finish = await self._written_on()

    async def _written_on(self) -> tuple[str, Finish | None]:
        """Return how the model goes on, up to where a call begins, and how the text ended, None if it did not.

        Reasoning in front is no part of the text, and nothing in it is a call. Raises BudgetError, ModelError.
        """
        marks = self._marks if self.request.inline else ()
        thought = ""
        while True:
            reply = await self._generate(stop=marks, written=self.written + thought, max_tokens=self.left)
            whole = thought + reply.text
            reasoning, text = reasoning_and_answer(whole)
            if not text and reasoning and whole.endswith(marks) and self.left > 0:
                thought = whole  # it thinks of a call
                continue
            if reasoning and not (text or self.written):
                refuse_cut_off(reply)
            text = cut_at_stop(text.lstrip() if reasoning else text, marks)
            if marks and text.endswith(marks):
                return text, None
            return text, "length" if reply.finish == "length" else "stop"

    async def _generate(self, **fields: Any) -> Reply:
        reply = await self.run.caller.answering.generate(self.record, evolve(self.request, **fields), self.run.account)
        self.left -= max(1, reply.completion_tokens - reply.dropped_tokens)
        return reply

    # Calls

    async def _call(self, text: str) -> str:
        """Make the call that a text starts with, once it has been written to its end.

        What is added to the text is the call and its answer, or after a few attempts, the error.
        Returns the text after the call. Raises BudgetError, UsageError.
        """
        self.count += 1
        found = self._find_call(text)
        call, rest = (text, "") if found is None else (found[0], text[len(found[0]) :])
        answer = "E402: no tokens are left"
        for attempt in range(CALL_ATTEMPTS if found is None else 1):
            try:
                if found is not None:
                    statement = found[1]
                elif self.left <= 0:
                    break
                else:
                    call = await self._rest_of(text, attempt)
                    statement = self._parse(call)
                value = await self._run(call, statement)
            except (BudgetError, UsageError):
                raise
            except RlmError as error:
                call = call.splitlines()[0]
                answer = f"{error.first.code}: {error.first.message}"[:SHOWN]
            else:
                answer = excerpt(value, SHOWN)
                break
        self.written += f"{call} → {show_hidden(' '.join(answer.splitlines()))}"
        return rest

    async def _rest_of(self, text: str, attempt: int) -> str:
        """Have the call that a text begins written to its end, and return it.

        An engine that is constrained to the language starts after the word CALL. Any other is stopped at
        each bracket that may be the last.
        """
        answering = self.run.caller.answering
        sample = self.request.sample * CALL_ATTEMPTS + attempt
        if answering.roles.main.model.capabilities.grammar != "none" and text in MARKS:
            reply = await self._generate(
                written=self.written + "CALL",
                constraint=Constraint(self.program, unit="call", beginning=self.beginning),
                max_tokens=min(CALL_TOKENS, self.left),
                sample=sample,
            )
            return "CALL" + reply.text.rstrip()
        least = max(0, self.left - CALL_TOKENS)
        while self.left > least:
            reply = await self._generate(
                written=self.written + text, stop=(")",), max_tokens=self.left - least, sample=sample
            )
            text += cut_at_stop(reply.text, (")",))
            if not text.endswith(")") or not _is_open(text):
                break
        return text

    def _find_call(self, text: str) -> tuple[str, nodes.Module] | None:
        """Return the call that a text starts with, and its binding; None if it does not end or is not right."""
        for bracket in re.finditer(r"\)", text):
            call = text[: bracket.end()]
            if not _is_open(call):
                try:
                    return call, self._parse(call)
                except RlmError:
                    return None
        return None

    def _parse(self, call: str) -> nodes.Module:
        """Return a call's text as the binding that the program continues with.

        Raises ProgramError, or ModelError E405 if it is not one call.
        """
        text = f"{self.program}{self._name} = {call}\n"
        module = parse(Source(text, "the text"), len(self.program))
        match module.statements:
            case (nodes.Assign(value=nodes.Call()),):
                return module
            case (nodes.Assign(value=nodes.Apply(callee=nodes.Name(id=name))),) if name in self._functions:
                return module
        raise ModelError.of("E405", "this is not one call")

    @property
    def _name(self) -> str:
        """The name of the call's answer."""
        return f"call{self.count}"

    async def _run(self, call: str, statement: nodes.Module) -> Value:
        """Return the answer to a call. Raises RlmError."""
        self.run.account.meter.charge(steps_of_checking(call))
        beginning = self.beginning.extended(statement)
        program = beginning.giving([nodes.Name(self._name, span=statement.span)])
        begin = len(program.module.statements) - 2
        variables = {**self.inputs, **self.answers}
        (value,) = await self.run.run(program, variables, begin, parent=self.record.id)
        self.beginning = beginning
        self.answers[self._name] = value
        return value

    def whole_program(self) -> Checked:
        """Return the calls as a program whose value is the tuple of their answers."""
        answers = f"({', '.join(self.answers)},)" if self.answers else "[]"
        last = parse(Source(f"{self.program}{answers}\n", "the calls"), len(self.program))
        return self.beginning.extended(last).checked


def _is_open(text: str) -> bool:
    """Return whether a string or bracket in a text is not closed yet."""
    problems = lay_out(Source(text)).problems
    return bool(problems) and ProgramError(tuple(problems)).includes(NotClosed)
