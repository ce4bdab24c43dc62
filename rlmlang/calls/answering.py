"""The answer to one call: given by the model directly, or by a program that the model writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache

from attrs import evolve

from rlmlang.calls.answer_format import AnswerFormat
from rlmlang.calls.budget import Account
from rlmlang.calls.in_flight import CallInFlight
from rlmlang.calls.prompt import HostHead, argument_names, function_head
from rlmlang.calls.reasoning import reasoning_and_answer
from rlmlang.calls.roles import Role, Roles
from rlmlang.calls.turns import TurnSession
from rlmlang.calls.writing import Writing
from rlmlang.calls.writing_session import ANSWER, WritingSession
from rlmlang.calls.written_program import whole_program
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import (
    AnswerEmpty,
    AnswerTruncated,
    BudgetError,
    ContextOverflow,
    ModelError,
    ProgramError,
    RlmError,
    UsageError,
)
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked
from rlmlang.language.source import Source
from rlmlang.language.types import Type
from rlmlang.models.base import Model, PromptRenderer, RenderedPrompt, Reply, Request, TextListener, Unsent
from rlmlang.models.checks import check_reply, described, prompt_tokens, refuse_cut_off, refuse_without_content
from rlmlang.render import render
from rlmlang.runtime.inputs import bind_inputs, with_input_types
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.run_program import steps_of_checking
from rlmlang.runtime.stepwise import Step
from rlmlang.runtime.value_types import declarable_type
from rlmlang.runtime.values import Mismatch, Value, to_json
from rlmlang.trace.recorder import CallRecord, Trace

PROGRAM_ATTEMPTS = 3  # decision 36
"""How often a program is written whole, at most, until one checks and runs."""

REPAIR_SAMPLES = 1_000_000
"""What is added to the number of a sample for each further attempt: greedy decoding would write the same again."""

EvaluateAnswer = Callable[[CallInFlight, Checked, Mapping[str, Value]], Awaitable[Value]]
"""Evaluates a program that answers a call, with the values of its inputs."""

StepAnswer = Callable[[CallInFlight, Checked, Mapping[str, Value], int], Awaitable[Step]]
"""Runs the body of a function that answers a call from a statement on, with the variables by then."""


def default_writing(model: Model) -> Writing:
    """Return how a model writes programs: by statements, but for engines that cannot be constrained to one, or read
    everything again for each (decision 52)."""
    able = model.capabilities
    return "statements" if able.continues and able.grammar != "none" else "whole"


class Answering:
    """Has the models of a run answer its calls, within budget and context."""

    def __init__(
        self,
        roles: Roles,
        account: Account,
        trace: Trace,
        clock: Callable[[], float],
        evaluate: EvaluateAnswer,
        step: StepAnswer,
        writing: Writing | None = None,
        guidance: str = "",
        functions: tuple[HostHead, ...] = (),
    ) -> None:
        self.roles = roles
        self.account = account
        self.trace = trace
        self.clock = clock
        self.writing = writing or default_writing(roles.main.model)
        self.guidance = guidance
        """What the user has models told with every prompt."""
        self.functions = functions
        """The functions of the host that programs may apply."""
        self.concurrency = account.limits.concurrency or roles.leaf.model.concurrency
        """How many direct answers are worth asking for at once."""
        self.squeezed = False  # decision 72
        """Whether a program was written with fewer tokens than it may have: engines bring it to an end in time,
        so the answer might be another. From then on no answer of a program is stored."""
        self._evaluate, self._step = evaluate, step
        self._slots = _slots(roles, account.limits.concurrency)

    # Generations

    async def generate(self, record: CallRecord, request: Request, account: Account) -> Reply:
        """Have the model generate once, within budget and context; the reply may be cut off.

        Raises BudgetError, ModelError E403, E404.
        """
        role = self.roles.of_form(record.form)
        model = role.model
        prompt = prompt_tokens(model, request)
        if prompt >= model.context:
            raise ModelError.of(
                "E403",  # decision 33
                f"the prompt of this call takes {prompt:,} tokens; the context of {model.name} holds {model.context:,}",
                hint="split the text with chunk(text, size) and give the model one piece at a time",
            )
        async with self._slots[role]:
            return await self._generate(role, record, request, account, prompt)

    async def _generate(self, role: Role, record: CallRecord, request: Request, account: Account, prompt: int) -> Reply:
        model = role.model
        reserved = await account.reserve(prompt, min(request.max_tokens, model.context - prompt), role.price)
        if reserved.short is not None and request.constraint is not None:
            self.squeezed = True
        if record.status == "waiting":
            account.withdraw()
            record.status, record.started = "running", self.clock()
        granted = reserved.completion_tokens
        sent = request if granted == request.max_tokens else evolve(request, max_tokens=granted)
        began, record.attempts = self.clock(), record.attempts + 1
        try:
            reply = await _reply(model, sent)
        except BaseException as error:
            cost = account.settle(reserved, None, called=not isinstance(error, Unsent))
            record.pay(cost)
            if isinstance(error, RlmError) and self.trace.sinks:
                self.trace.generated(record, sent, _rendered(model, sent), began, self.clock(), cost, None, error)
            raise
        spent = (reply.prompt_tokens, reply.completion_tokens, reply.cached_tokens)
        cost = account.settle(reserved, spent, charged=reply.cost)
        record.pay(cost)
        if self.trace.sinks:
            self.trace.generated(record, sent, _rendered(model, sent), began, self.clock(), cost, reply)
        record.prompt_tokens += reply.prompt_tokens
        record.completion_tokens += reply.completion_tokens
        if reply.finish == "length" and _is_whole(request, reply):
            return evolve(reply, finish="stop")
        if reply.finish == "length" and reserved.short is not None:
            raise reserved.short
        if reply.finish == "refusal":
            raise ModelError.of("E404", f"the model refused: {_short(reply.text)}")
        return reply

    async def _whole_reply(self, call: CallInFlight, request: Request) -> Reply:
        """Have the model generate once.

        Raises ModelError E402 if the reply was cut off, E411 if it has no content, and what `generate` raises.
        """
        reply = await self.generate(call.record, request, call.account)
        refuse_cut_off(reply)
        refuse_without_content(reply, request.max_tokens)
        return reply

    def _request(self, call: CallInFlight, program: bool) -> Request:
        return Request(
            instruction=call.args[0],
            arguments=tuple(zip(call.site.names, call.args[1:])),
            type=call.site.type,
            program=program,
            level=call.level,
            max_tokens=self.account.limits.max_answer_tokens,
            sample=call.sample,
            guidance=self.guidance,
            functions=self.functions if program else (),
        )

    # Direct answers

    async def directly(self, call: CallInFlight, heard: TextListener | None = None) -> Value:
        """Return the value of a direct answer, which is heard while it is written.

        One that is not of its type is asked for again, with the error shown (decision 112).
        Raises BudgetError; ModelError E401 if the answer is not of its type, E402–E404, E411.
        """
        request, type_ = self._request(call, program=False), call.site.type
        if heard is not None:
            request = evolve(request, listener=heard)
        left = 0 if self.roles.leaf.model.capabilities.holds_answers else self.account.limits.repairs
        problem: ModelError | None = None
        while True:
            try:
                reply = await self._whole_reply(call, request)
            except ContextOverflow as error:  # the answer and what is wrong with it are too much
                raise error if problem is None else problem from error
            try:
                return self._value(reply, type_)
            except Mismatch as mismatch:
                written = reply.opening + reply.text
                problem = ModelError.of(
                    "E401",
                    f"the answer is not of type {type_}: {mismatch}",
                    hint=f"the model said: {_short(written)}",
                )
                if left == 0:
                    raise problem from mismatch
                left -= 1
                request = evolve(request, repair=(reasoning_and_answer(written)[1].strip(), str(mismatch)))

    def _value(self, reply: Reply, type_: Type) -> Value:
        """Return the value of a direct answer. Raises BudgetError E507, Mismatch."""
        most = self.account.limits.max_bytes
        if len(reply.text) > most:
            raise BudgetError.of(
                "E507", f"an answer of {len(reply.text):,} characters; the limit is {most:,}", hint="raise max_bytes"
            )
        return AnswerFormat.of(type_).read(reply.text, reply.opening, reply.wrapped)

    # Answers by programs

    async def by_program(self, call: CallInFlight) -> Value:
        """Return the value of a program that the model writes as its answer.

        Raises BudgetError, UsageError; ModelError E405 if no program works, E402–E404.
        """
        request = self._request(call, program=True)
        if self.writing == "statements":
            return await self._by_session(call, WritingSession, request)
        if self.writing == "turns":
            return await self._by_session(call, TurnSession, evolve(request, turns=()))
        head = function_head(request.instruction, request.arguments, request.type, request.functions)
        return await self._whole(call, evolve(request, constraint=Constraint(head, request.type, within=True)))

    async def _whole(self, call: CallInFlight, request: Request) -> Value:
        """Have a program written in one go, and a few times again if it does not check or run."""
        problem: RlmError | None = None
        for attempt in range(PROGRAM_ATTEMPTS):
            try:
                reply = await self._whole_reply(call, request)
            except (AnswerTruncated, AnswerEmpty) as error:  # no model would correct such a text: it starts anew
                problem, request = error, evolve(request, repair=None, sample=_another(call, attempt))
                continue
            text = whole_program(
                reply.opening + reply.text, request.instruction, request.arguments, request.type, request.functions
            )
            call.record.program = text
            try:
                return await self._run_whole(call, request, text)
            except (BudgetError, UsageError):
                raise
            except RlmError as error:
                problem = error
                repair = (reply.text, render(error.diagnostics))
                request = evolve(request, repair=repair, sample=_another(call, attempt))
        assert problem is not None
        last = problem.first
        raise ModelError.of(
            "E405",
            f"the model's program failed {PROGRAM_ATTEMPTS} times, last with {last.code}: {last.message}",
            hint=last.hint
            if isinstance(problem, (AnswerTruncated, AnswerEmpty))
            else "lower max_depth so that the model answers directly, or give it a smaller task",
            notes=[("in its program", last.span)] if last.span else [],
        ) from problem

    async def _run_whole(self, call: CallInFlight, request: Request, text: str) -> Value:
        """Return the value of a program that the model wrote. Raises RlmError."""
        call.account.meter.charge(steps_of_checking(text))
        given = {name: value for name, (_, value) in zip(argument_names(request.arguments), request.arguments)}
        try:
            checked = with_input_types(_checked(text, request.type), given, request.type)
            values = bind_inputs(checked, given)
        except UsageError as error:  # a function with other parameters is a mistake of the model, not of the user
            raise ProgramError(error.diagnostics) from error
        for name, function in checked.host.items():
            if not any(head.name == name for head in request.functions):
                message = f"there is no function `{name}` of the host"
                raise ProgramError.of("E126", message, function.node.span, "write what it does")
        if self.trace.binds and call.record.parent is None and _is_function_alone(checked):
            step = await self._step(call, checked, values, 0)
            value = step.returned[0] if step.returned else None
            call.record.bound = _with_types(each for each in step.variables.items() if each[0] not in given)
        else:
            value = await self._evaluate(call, checked, values)
        return from_json(to_json(value), request.type)

    async def _by_session(self, call: CallInFlight, kind: type[WritingSession], request: Request) -> Value:
        async def generate(statement: Request) -> Reply:
            return await self.generate(call.record, statement, call.account)

        async def step(program: Checked, variables: Mapping[str, Value], begin: int) -> Step:
            return await self._step(call, program, variables, begin)

        session = kind(request, generate, step, call.account.meter)
        try:
            value = await session.write()
            if call.record.parent is None:
                call.record.bound = session.bound()
            return value
        finally:
            call.record.program = session.text


@lru_cache(1024)
def _checked(text: str, expected: Type) -> Checked:
    """Check the program of an answer. A model that recurses writes the same one for many calls (decision 83)."""
    return check(Source(text, ANSWER), expected)


def _is_function_alone(checked: Checked) -> bool:
    """Return whether all variables of a program are those of its function."""
    apart = nodes.Function, nodes.Record, nodes.Import
    return checked.entry is not None and all(isinstance(each, apart) for each in checked.module.statements)


def _with_types(variables: Iterable[tuple[str, Value]]) -> list[tuple[str, Type, Value]]:
    """Return variables with the types of their values, but for those that no input can have."""
    found = []
    for name, value in variables:
        with suppress(Mismatch):
            found.append((name, declarable_type(value), value))
    return found


def _another(call: CallInFlight, attempt: int) -> int:
    """Return the number of the sample after an attempt that failed."""
    return call.sample + (attempt + 1) * REPAIR_SAMPLES


def _is_whole(request: Request, reply: Reply) -> bool:
    """Return whether a typed answer had ended before its text was cut off, as where white space follows it."""
    if not request.typed:
        return False
    answers = request.answer_format
    try:
        answers.read(reply.text, reply.opening, reply.wrapped)
    except Mismatch:
        return False
    return answers.ends_in(reply.opening + reply.text)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else text[:199] + "…"


def _slots(roles: Roles, limit: int | None) -> dict[Role, asyncio.Semaphore]:
    """Return what bounds how many generations of each model run at once; under a limit, of all together."""
    if limit is not None:
        return dict.fromkeys(roles, asyncio.Semaphore(limit))
    return {role: asyncio.Semaphore(role.model.concurrency) for role in roles}


async def _reply(model: Model, request: Request) -> Reply:
    """Return what the backend replies. Raises ModelError E400 for any error of it, and for a wrong reply."""
    try:
        reply = await model.generate(request)
    except RlmError:
        raise
    except Exception as error:
        raise ModelError.of("E400", f"the model failed: {described(error)}") from error
    return check_reply(reply, model.name)


def _rendered(model: Model, request: Request) -> RenderedPrompt:
    """Return a request as the model reads it."""
    return model.render_prompt(request) if isinstance(model, PromptRenderer) else RenderedPrompt(request.messages)
