"""Questions and texts: `ask` lets a model write the program that answers, and `complete` a text with calls in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from attrs import evolve

from rlmlang.annotations import meaning, type_of_annotation
from rlmlang.calls.host_functions import FunctionsLike, GivenFunctions, declaration, host_functions
from rlmlang.calls.inline import declared, refuse_undeclarable, values_of, write_text
from rlmlang.calls.prices import Prices
from rlmlang.calls.prompt import argument_names
from rlmlang.calls.writing import Writing
from rlmlang.errors import MissingModel, ProgramError, UsageError
from rlmlang.execution import (
    LimitsByName,
    LimitsLike,
    Options,
    begin,
    check_options,
    limits_by_name,
    limits_for,
    run_program,
)
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.language.types import STR, Type
from rlmlang.models.open_model import synchronous
from rlmlang.opening import (
    ModelLike,
    ModelsLike,
    StoreLike,
    asked_in_loop,
)
from rlmlang.programs import Completion, Program, Result, compile
from rlmlang.runtime.inputs import input_mapping
from rlmlang.runtime.value_types import declarable_type
from rlmlang.runtime.values import Value
from rlmlang.trace.recorder import Trace

QUESTION = "question__"
"""The input that a question is given as; no program binds such a name."""

QUESTION_SOURCE = "the question"
"""The name of the source of the program that asks a question."""


async def aask(
    question: str,
    inputs: Mapping[str, object] | None = None,
    *,
    type: Any = str,
    model: ModelLike,
    models: ModelsLike | None = None,
    store: StoreLike | None = None,
    limits: LimitsLike | None = None,
    prices: Prices | None = None,
    memo: bool = True,
    writing: Writing | None = None,
    guidance: str = "",
    functions: FunctionsLike | None = None,
    trace: Trace | None = None,
    **named: Unpack[LimitsByName],
) -> Result:
    """Let the model write a program that answers the question, and run it.

    The model sees of the inputs their names, types, sizes and beginnings; its program reads them, and may call the
    model on parts of them. `type` is that of the answer: a type of the language as text, or a Python type.
    `limits.max_depth` counts the levels below the program; with 0, the model answers directly.
    `program` of the result is the one that the model wrote, also where the answer comes from a store that has the
    events of that run; the question as one CALL where it wrote none.
    The program may apply the `functions` of the host, of which the model sees heads and docstrings: they are declared
    by their annotations.
    Raises UsageError, BudgetError, RunError, ModelError.
    """
    if model is None:
        raise _needs_model("a question")
    check_options(question=question)
    limits = limits_by_name(limits, named)
    options = Options(
        model=model, models=models, store=store, limits=limits_for(limits, model), prices=prices, memo=memo,
        writing=writing, guidance=guidance, functions=host_functions(functions),
        trace=Trace() if trace is None else trace,
    )  # fmt: skip
    if not isinstance(type, str):
        type, about = type_of_annotation(type), meaning(type)
        question += f"\n\nAbout the answer: {about}." if about else ""
    return await answered(question, inputs, type, options)


ask = synchronous(aask, "await rlmlang.aask(…)")


def values_beside_question(inputs: Mapping[str, object] | None, known: Sequence[Type] = ()) -> dict[str, Value]:
    """Return the values of the inputs of a question, as `values_of` does. Raises UsageError E603, E607."""
    values = values_of(input_mapping(inputs), known)
    if QUESTION in values:
        raise UsageError.of("E607", f"an input cannot be named {QUESTION}")
    return values


async def answered(question: str, inputs: Mapping[str, object] | None, type: str | Type, options: Options) -> Result:
    """Do what `aask` does, for a type of the language as text or itself, with options that are complete."""
    functions = host_functions(options.functions)
    heads = [declaration(name, each) for name, each in functions.items()]
    own = STR if isinstance(type, str) else type
    values = values_beside_question(inputs, [own, *(each for head in heads for each in head.types)])
    given = dict(zip(argument_names(tuple(values.items())), values.values()))
    arguments = "".join(f", {name}={name}" for name in given)
    header = declared(values, own, heads)
    program = compile(f"{header}{QUESTION}: str\nCALL[{type}]({QUESTION}{arguments})\n", QUESTION_SOURCE)
    limits = evolve(options.limits, max_depth=options.limits.max_depth + 1)
    options = evolve(options, limits=limits, functions=functions, command="ask")
    value = await run_program(program.checked, {**given, QUESTION: question}, options)
    trace = options.trace
    return Result(value, program.type, trace.usage, trace, await written(trace, program, options.store))


async def acomplete(
    prompt: str,
    inputs: Mapping[str, object] | None = None,
    *,
    start: str = "",
    max_tokens: int | None = None,
    model: ModelLike,
    models: ModelsLike | None = None,
    store: StoreLike | None = None,
    limits: LimitsLike | None = None,
    prices: Prices | None = None,
    memo: bool = True,
    writing: Writing | None = None,
    guidance: str = "",
    functions: FunctionsLike | None = None,
    trace: Trace | None = None,
    **named: Unpack[LimitsByName],
) -> Completion:
    """Let the model write a text about the prompt, in which it may call itself on the inputs and on what it writes.

    The model sees of the inputs their names, types, sizes and beginnings. The text begins with `start`, in which
    calls may stand too, the last of them unfinished; the model writes at most `max_tokens` tokens, by default
    `limits.max_answer_tokens`. With a `max_depth` of 0 there are no calls, and the model sees the inputs whole. The
    text may apply the `functions` of the host as it makes calls. If an error ends the run, the text so far is
    `trace.first.program`.
    Raises UsageError, BudgetError, ModelError.
    """
    if model is None:
        raise _needs_model("a text")
    check_options(prompt=prompt, start=start, max_tokens=max_tokens)
    limits, trace = limits_for(limits_by_name(limits, named), model), Trace() if trace is None else trace
    given = host_functions(functions)
    heads = tuple(declaration(name, each) for name, each in given.items())
    values = values_of(input_mapping(inputs), [each for head in heads for each in head.types])
    options = Options(
        model=model, models=models, store=store, limits=limits, prices=prices, memo=memo, writing=writing,
        guidance=guidance, functions=given, trace=trace, command="complete",
    )  # fmt: skip
    refuse_undeclarable(values, heads)
    types = {name: declarable_type(value) for name, value in values.items()}
    async with begin(options, "the prompt", prompt, values, types, GivenFunctions(given, heads), {}) as (
        run,
        recording,
    ):
        tokens = limits.max_answer_tokens if max_tokens is None else max_tokens
        text = await write_text(prompt, values, start, tokens, run, heads)
        recording.value, recording.type = text.written, STR
    return Completion(text.written, STR, trace.usage, trace, Program(text.program), text.answers, text.finish)


complete = synchronous(acomplete, "await rlmlang.acomplete(…)")


async def written(trace: Trace, asked: Program, store: StoreLike | None) -> Program:
    """Return the program that the model wrote to answer a question, now or in the run that has stored the answer.

    It is the question itself if there is none: the events of that run may be gone, or have secrets taken out.
    """
    record = trace.first
    if record is None or record.form != "program":
        return asked
    text = record.program
    if text is None and record.status == "stored" and record.key is not None and store is not None:
        key = record.key
        async with asked_in_loop(store) as kept:
            text = await kept.aside(lambda: kept.program_of(key))
    try:
        return asked if text is None else Program(check(Source(text, "<answer>"), asked.type))
    except ProgramError:
        return asked


def _needs_model(what: str) -> UsageError:
    return MissingModel.of("E605", f"{what} needs a model", hint="give one: model=…")
