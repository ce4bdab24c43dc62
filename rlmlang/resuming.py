"""Recorded runs again: `resume` asks models only for answers that are missing, `replay` none."""

from __future__ import annotations

from typing import Unpack, cast

from rlmlang.asking import written
from rlmlang.calls.host_functions import FunctionsLike
from rlmlang.calls.prices import Prices
from rlmlang.calls.roles import LEAF
from rlmlang.calls.writing import Writing
from rlmlang.errors import UsageError
from rlmlang.execution import (
    LimitsByName,
    LimitsLike,
    Options,
    check_options,
    limits_again,
    limits_by_name,
    run_program,
)
from rlmlang.language.type_structure import type_of_structure
from rlmlang.models.open_model import synchronous
from rlmlang.opening import (
    ModelLike,
    ModelsLike,
    StoreLike,
    asked_in_loop,
    leaf_of,
    opened_again,
    refuse_no_model,
)
from rlmlang.programs import Program, Result, compile
from rlmlang.runtime.inputs import with_input_types
from rlmlang.storage.recording import Spec
from rlmlang.storage.runs import ReplayModel, find_run, read_spec, replayed_functions
from rlmlang.storage.store import Store
from rlmlang.trace.recorder import Trace


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
    shown = await written(trace, program, store) if spec.command == "ask" else program
    return Result(value, program.type, trace.usage, trace, shown)
