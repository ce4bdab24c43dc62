"""Programs that checked, and what their runs give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

from attrs import field, frozen

from rlmlang.calls.budget import Usage
from rlmlang.calls.host_functions import FunctionsLike
from rlmlang.calls.inline import Finish
from rlmlang.calls.prices import Prices
from rlmlang.calls.writing import Writing
from rlmlang.cluster.options import Cluster, cluster_of
from rlmlang.errors import MissingModel, unreadable
from rlmlang.execution import (
    LimitsLike,
    Options,
    check_options,
    inputs_and_limits,
    limits_for,
    run_program,
)
from rlmlang.files import text_of
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked
from rlmlang.language.source import Source
from rlmlang.language.types import Type
from rlmlang.mapping.mapped import Mapped, RowsLike, limits_of_all
from rlmlang.mapping.scoring import Scorer
from rlmlang.models.open_model import OpenModel, synchronous
from rlmlang.opening import (
    ModelLike,
    ModelsLike,
    StoreLike,
    leaf_of,
    model_of,
    opened_to_count,
)
from rlmlang.runtime.estimate import Cost, estimate
from rlmlang.runtime.inputs import bind_inputs, with_input_types
from rlmlang.runtime.values import Value
from rlmlang.trace.recorder import Trace

T = TypeVar("T")
ClassOf = type[T]
"""A class; in `Result`, `type` is something else."""


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
