"""The Python API: `load` or `compile` a program, look at its cost, run it; `ask`, `complete`, `resume`, `replay`.

Each of them has an asynchronous twin whose name begins with `a`. Options are the same everywhere:

- `model`: the name of a model (`"smollm2"`), one that is open (`open_model`), a function or coroutine function from
  chat messages to text, or any object of the protocol `Model`. What is given by name is opened for this run alone.
- `models`: other models by what they do: the one under `"leaf"` answers directly, so that a cheap model reads where
  `model` writes programs.
- `store`: a `Store`, or the path or URL of one, in which answers and runs are kept; None for no store.
- `limits`: `Limits`, or a mapping of those that differ from the usual ones. A limit may also be given by its own name,
  as in `repairs=0`, unless an input of the program has that name.
- `prices`: the prices of models by their names or patterns of them; `max_cost` needs that of the model, unless it
  runs in this process.
- `memo`: whether equal calls are one call.
- `writing`: how models write programs: by `statements`, each shown what those before it give; in `turns` of a chat,
  each a block of statements, shown likewise; or `whole`. None for what suits the model.
- `guidance`: your own words for the models, which stand in every prompt of the run.
- `functions`: the functions of the host that the program declares, by name: any function, or what
  `rlmlang.function` makes of one.
- `trace`: a `Trace` to watch the run with while it is active, or to inspect after an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, Unpack, cast, overload

from attrs import evolve, field, frozen

from rlmlang.annotations import meaning, type_of_annotation
from rlmlang.calls.budget import Usage
from rlmlang.calls.host_functions import FunctionsLike, GivenFunctions, declaration, host_functions
from rlmlang.calls.inline import Finish, declared, refuse_undeclarable, values_of, write_text
from rlmlang.calls.prices import Prices
from rlmlang.calls.prompt import argument_names
from rlmlang.calls.roles import LEAF
from rlmlang.calls.writing import Writing
from rlmlang.cluster.places import Cluster, cluster_of
from rlmlang.errors import MissingModel, ProgramError, UsageError, unreadable
from rlmlang.execution import (
    LimitsByName,
    LimitsLike,
    Options,
    begin,
    check_options,
    inputs_and_limits,
    limits_again,
    limits_by_name,
    limits_for,
    run_program,
)
from rlmlang.files import text_of
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked
from rlmlang.language.source import Source
from rlmlang.language.type_structure import type_of_structure
from rlmlang.language.types import STR, Type
from rlmlang.mapping.mapped import Mapped, RowsLike, limits_of_all
from rlmlang.mapping.scoring import Scorer
from rlmlang.models.opened import OpenModel, synchronous
from rlmlang.opening import (
    ModelLike,
    ModelsLike,
    StoreLike,
    asked_in_loop,
    leaf_of,
    model_of,
    opened_again,
    opened_to_count,
    refuse_no_model,
)
from rlmlang.runtime.estimate import Cost, estimate
from rlmlang.runtime.inputs import bind_inputs, input_mapping, with_input_types
from rlmlang.runtime.value_types import declarable_type
from rlmlang.runtime.values import Value
from rlmlang.storage.recording import Spec
from rlmlang.storage.runs import ReplayModel, find_run, read_spec, replayed_functions
from rlmlang.storage.store import Store
from rlmlang.trace.recorder import Trace

T = TypeVar("T")
ClassOf = type[T]
"""A class; in `Result`, `type` is something else."""

QUESTION = "question__"
"""The input that a question is given as; no program binds such a name."""

QUESTION_SOURCE = "the question"
"""The name of the source of the program that asks a question."""


@frozen(eq=False)
class Result:
    """A finished run."""

    value: Value
    """The value of the program, the answer to the question, or the text."""
    type: Type = field(repr=str)
    """The type of the value."""
    usage: Usage
    """What the run has spent."""
    trace: Trace = field(repr=False)
    """The calls of the run."""
    program: Program = field(repr=False)
    """The program that ran; for `ask` and `complete`, the one that the model wrote."""

    @property
    def printed(self) -> str:
        """What the program printed."""
        asked = None if self.trace.first is None else self.trace.first.id
        own = (None, asked) if self.program.source.name == "<answer>" else (None,)
        return "".join(text for call, text in self.trace.printed if call in own)

    @property
    def run_id(self) -> str:
        """The id by which the store knows the run."""
        return self.trace.run_id

    @overload
    def to(self, kind: ClassOf[T]) -> T: ...

    @overload
    def to(self, kind: Any) -> Any: ...  # unions and the like are no classes

    def to(self, kind: Any) -> Any:
        """Return the value as an object of a Python type: a dataclass, `list[Invoice]`, an enum, a pydantic model.

        Raises UsageError E611 for a value that does not fit, with the field; E607 for a type no value can be made.
        """
        from rlmlang.structuring import structured  # imported here, since few programs need cattrs

        return structured(self.value, kind)


@frozen(eq=False)
class Completion(Result):
    """A finished text with the calls in it: `value` is the text.

    `program` holds its calls, and has the tuple of their answers as its value; run on the same store, it asks no model.
    """

    answers: list[Value]
    """The answers of the calls, in order and whole; the text shows long ones truncated."""
    finish: Finish
    """`stop` if the model ended the text, `length` if it ran out of tokens or of context."""


@frozen(eq=False)
class Program:
    """A program that checked.

    Inputs are Python values (records as dicts), given by name or in the mapping `inputs`; the mapping also serves
    inputs that are named like an option, such as `model`.
    """

    checked: Checked

    @property
    def source(self) -> Source:
        """The text and its name."""
        return self.checked.module.span.source

    @property
    def inputs(self) -> Mapping[str, Type]:
        """The inputs and their types, in order."""
        return self.checked.inputs

    @property
    def type(self) -> Type:
        """The type of the program's value."""
        return self.checked.type

    def cost(
        self,
        inputs: Mapping[str, object] | None = None,
        *,
        model: ModelLike | None = None,
        models: ModelsLike | None = None,
        limits: LimitsLike | None = None,
        prices: Prices | None = None,
        guidance: str = "",
        **named: object,
    ) -> Cost:
        """Return what a run costs at least and at most, without calling a model.

        A model counts the tokens of prompts; for money its price is needed too.
        Raises UsageError E601–E603, and RunError if the program fails whatever the model answers.
        """
        given, limits = inputs_and_limits(self.checked, inputs, named, limits)
        checked = with_input_types(self.checked, given)
        values = bind_inputs(checked, given)
        limits = limits_for(limits, model)
        check_options(prices=prices, guidance=guidance)
        leaf = leaf_of(models)
        if leaf is not None and limits.max_depth <= 1:
            model, leaf = leaf, None  # nothing else is asked
        if model is None:
            return estimate(checked, values, limits)
        with opened_to_count(model, leaf, prices) as roles:
            return estimate(checked, values, limits, roles, guidance)

    async def arun(
        self,
        inputs: Mapping[str, object] | None = None,
        *,
        model: ModelLike | None = None,
        models: ModelsLike | None = None,
        store: StoreLike | None = None,
        limits: LimitsLike | None = None,
        prices: Prices | None = None,
        memo: bool = True,
        writing: Writing | None = None,
        guidance: str = "",
        functions: FunctionsLike | None = None,
        trace: Trace | None = None,
        **named: object,
    ) -> Result:
        """Run the program. The options are described at the top of `rlmlang.api`.

        Raises UsageError, BudgetError (E508 before any call is made), RunError, ModelError.
        """
        given, limits = inputs_and_limits(self.checked, inputs, named, limits)
        limits, trace = limits_for(limits, model), Trace() if trace is None else trace
        options = Options(
            model=model, models=models, store=store, limits=limits, prices=prices, memo=memo, writing=writing,
            guidance=guidance, functions=functions, trace=trace,
        )  # fmt: skip
        program = Program(with_input_types(self.checked, given))
        value = await run_program(program.checked, given, options)
        return Result(value, program.type, trace.usage, trace, program)

    run = synchronous(arun, "await program.arun(…)")

    def map(
        self,
        rows: RowsLike,
        inputs: Mapping[str, object] | None = None,
        *,
        model: ModelLike | None = None,
        models: ModelsLike | None = None,
        store: StoreLike | None = None,
        limits: LimitsLike | None = None,
        row_limits: Mapping[str, Any] | None = None,
        prices: Prices | None = None,
        memo: bool = True,
        writing: Writing | None = None,
        guidance: str = "",
        functions: FunctionsLike | None = None,
        trace: Trace | None = None,
        ordered: bool = True,
        max_errors: int | None = None,
        rows_at_once: int | None = None,
        expect: str | None = None,
        tolerance: float = 0.0,
        judge: Program | None = None,
        on: str | Cluster | None = None,
        **named: object,
    ) -> Mapped:
        """Run the program on every row: `async for row in program.map(rows, …)`, or `for` outside of event loops.

        Rows are dicts or objects with fields, a table of a library, or the place of a file. Columns are inputs by
        their names; an input that is given here is the same for all rows. What comes is a `RowResult` for each row, in
        order or, unless `ordered`, as they end; a row that fails has its error in it. `limits` are those of all rows
        together, `row_limits` those of each. More than `max_errors` failed rows end the rest, with RunError E316.
        With `expect`, the column of that name says what is right, and each result has a score: see
        `rlmlang.mapping.scoring.Scorer`. `on="ray"` runs the rows on all processors of this machine, and another
        `rlmlang.Cluster` on many machines. Other options are described at the top of `rlmlang.api`.
        Raises ProgramError, UsageError; while the results come: BudgetError, ModelError E407 and E409, UsageError.
        """
        given, limits = inputs_and_limits(self.checked, inputs, named, limits)
        limits, trace = limits_of_all(limits, model), Trace(keep=False) if trace is None else trace
        options = Options(
            model=model, models=models, store=store, limits=limits, prices=prices, memo=memo, writing=writing,
            guidance=guidance, functions=functions, trace=trace, command="map", is_recorded=False,
        )  # fmt: skip
        return Mapped(
            self.checked, rows, given, options, row_limits,
            ordered=ordered, max_errors=max_errors, rows_at_once=rows_at_once,
            scorer=None if expect is None else Scorer(expect, tolerance, None if judge is None else judge.checked),
            cluster=cluster_of(on),
        )  # fmt: skip


def compile(text: str, name: str = "<program>") -> Program:
    """Parse and check a program text. Raises ProgramError with every diagnostic found; UsageError E607."""
    check_options(text=text, name=name)
    return Program(check(Source(text.removeprefix("\ufeff"), name)))  # which files of Windows begin with


def load(path: str | Path) -> Program:
    """Read, parse and check a program file. Raises UsageError E604, E607, ProgramError."""
    check_options(path=path)
    try:
        text = text_of(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return compile(text, str(path))


def open_model(model: ModelLike) -> OpenModel:
    """Open a model for many runs, until it is closed: `with rlmlang.open_model("smollm2") as model: …`.

    The model is given by its name, as a function, or as an object of the protocol `Model`; one that is open is
    returned as it is. Raises UsageError E605 for an unknown name or what is no model, E604 for a file that cannot be
    read, ModelError E407 if the model cannot be loaded.
    """
    if isinstance(model, OpenModel):
        return model
    if model is None:
        raise MissingModel.of("E605", "no model is given", hint="give its name, such as 'smollm2', or a function")
    return OpenModel(model_of(model)[0])


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
    return Result(value, program.type, trace.usage, trace, await _written(trace, program, options.store))


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


async def aresume(
    run_id: str = "last",
    *,
    store: StoreLike,
    model: ModelLike | None = None,
    models: ModelsLike | None = None,
    limits: LimitsLike | None = None,
    prices: Prices | None = None,
    functions: FunctionsLike | None = None,
    trace: Trace | None = None,
    **named: Unpack[LimitsByName],
) -> Result:
    """Resume a recorded run: evaluate its program again, and ask the model only for answers that are not stored.

    `run_id` is the prefix of an id, or `last` for the latest run. The models are those of the run unless others are
    given, and so are the limits; a mapping changes some of them. Functions of the host are given again.
    Raises what `Program.arun` raises, and UsageError E610 if the run cannot be found or resumed.
    """
    refuse_no_model(model)
    leaf = leaf_of(models)
    check_options(run_id=run_id, limits=limits, prices=prices, trace=trace)
    limits = limits_by_name(limits, named)
    async with asked_in_loop(store) as kept:
        row = await kept.aside(lambda: find_run(kept, run_id))
        spec = read_spec(row)
        if row.status == "running":
            raise UsageError.of("E610", f"the run {row.id} is still running", hint="wait until it has ended, or end it")
        async with opened_again(spec, model, leaf) as engines:
            return await _again(spec, row.id, engines, kept, limits, prices, functions, trace)


resume = synchronous(aresume, "await rlmlang.aresume(…)")


async def areplay(run_id: str = "last", *, store: StoreLike, trace: Trace | None = None) -> Result:
    """Replay a recorded run offline, from stored answers alone.

    Raises ModelError E410 where an answer is missing, and else what `Program.arun` raises.
    """
    check_options(run_id=run_id, trace=trace)
    async with asked_in_loop(store) as kept:
        row = await kept.aside(lambda: find_run(kept, run_id))
        spec = read_spec(row)
        engines = ReplayModel(spec.model, spec.identity, spec.recursive), ReplayModel.leaf(spec)
        return await _again(spec, row.id, engines, kept, None, None, replayed_functions(spec), trace, is_recorded=False)


replay = synchronous(areplay, "await rlmlang.areplay(…)")


async def _again(
    spec: Spec,
    run_id: str,
    engines: tuple[ModelLike, ModelLike | None],
    store: Store,
    limits: LimitsLike | None,
    prices: Prices | None,
    functions: FunctionsLike | None,
    trace: Trace | None,
    is_recorded: bool = True,
) -> Result:
    """Run a recorded program again, under the id that it has, on its model and that for direct answers."""
    trace = Trace() if trace is None else trace
    trace.run_id = run_id
    writing = cast("Writing | None", spec.writing)
    limits = limits_again(spec, limits)
    options = Options(
        model=engines[0], models={LEAF: engines[1]}, store=store, limits=limits, prices=prices,
        writing=writing, guidance=spec.guidance, functions=functions, trace=trace,
        command=spec.command, is_recorded=is_recorded,
    )  # fmt: skip
    types = {name: type_of_structure(each) for name, each in spec.types.items()}
    program = Program(with_input_types(compile(spec.program, spec.name).checked, spec.inputs, known=types))
    value = await run_program(program.checked, spec.inputs, options)
    shown = await _written(trace, program, store) if spec.command == "ask" else program
    return Result(value, program.type, trace.usage, trace, shown)


async def _written(trace: Trace, asked: Program, store: StoreLike | None) -> Program:
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
