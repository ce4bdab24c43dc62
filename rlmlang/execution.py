"""A run from its options to its value: model and store opened, cost held against the limits, the run recorded.
(Decision 93.)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, nullcontext
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as shown
from typing import Any, Union, cast, get_args

from attrs import asdict, evolve, field, fields_dict, frozen

from rlmlang.calls.answering import default_writing
from rlmlang.calls.budget import Account, Caps, Limits
from rlmlang.calls.evaluate import ActiveRun, evaluating
from rlmlang.calls.prices import Price, Prices
from rlmlang.calls.writing import Writing
from rlmlang.errors import BudgetError, MissingModel, RlmError, UsageError
from rlmlang.language.check.checked import Checked
from rlmlang.language.depth import deep_recursion
from rlmlang.language.types import Type
from rlmlang.models.base import Capabilities, Model, SecretHolder
from rlmlang.models.checks import check_model
from rlmlang.models.functions import FunctionModel, ModelFunction, is_function
from rlmlang.models.opened import OpenModel
from rlmlang.models.registry import open_model, usual_limits
from rlmlang.redact import Redactor
from rlmlang.runtime.emit.programs import emitted_program
from rlmlang.runtime.estimate import Cost, follow
from rlmlang.runtime.inputs import bind_inputs
from rlmlang.runtime.values import Value
from rlmlang.storage.recording import Recording, Spec, recorded, spec_of
from rlmlang.storage.store import PLACE, Store, is_place
from rlmlang.trace.recorder import Trace

SHOWN_PARTS = 5
"""Places that the refusal of a run names, those that take most first."""

ModelLike = Union[Model, OpenModel, ModelFunction, str]
"""A model, an open one, a function from messages to text, or the name of a model."""

StoreLike = Union[Store, str, Path]
"""A store, or the path or URL of one."""

LimitsLike = Union[Limits, Mapping[str, Any]]
"""Limits, or some of them by name, where the others are to be the usual ones."""


@frozen
class Options:
    """How a run is made. Raises UsageError E605 for what is no model, E607 for an option of a wrong value."""

    model: ModelLike | None = None
    store: StoreLike | None = None
    limits: Limits = field(factory=Limits)
    prices: Prices | None = None
    memo: bool = True
    writing: Writing | None = None
    trace: Trace = field(factory=Trace)
    command: str = "run"
    """By which the store's list of runs shows it: `run`, `ask` or `complete`."""
    is_recorded: bool = True
    """Whether the run appears in that list."""

    def __attrs_post_init__(self) -> None:
        refuse_no_model(self.model)
        check_options(
            store=self.store, prices=self.prices, memo=self.memo, writing=self.writing, trace=self.trace
        )  # fmt: skip

    @property
    def share_from(self) -> int:
        """The first level whose calls are limited by `max_share`: below the program that answers a question."""
        return 2 if self.command == "ask" else 1


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_prices(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(price, Price) for name, price in value.items()
    )


_OPTIONS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "store": (f"{PLACE}, or None", lambda value: value is None or isinstance(value, Store) or is_place(value)),
    "limits": ("Limits, or a mapping of some by name", lambda value: isinstance(value, Limits | Mapping | None)),
    "prices": ("a mapping from names of models to Price, or None", lambda value: value is None or _are_prices(value)),
    "memo": ("True or False", lambda value: isinstance(value, bool)),
    "writing": ("'statements', 'turns', 'whole' or None", lambda value: value is None or value in get_args(Writing)),
    "trace": ("a Trace or None", lambda value: value is None or isinstance(value, Trace)),
    "run_id": ("'last', or the prefix of an id, as text", _is_text),
    "max_tokens": ("a whole number from 1, or None", lambda value: value is None or (type(value) is int and value > 0)),
    "path": ("the path of a file", lambda value: isinstance(value, str | Path)),
    **dict.fromkeys(("text", "name", "question", "prompt", "start"), ("text", _is_text)),
}
"""What each option of the API may be, in words and as a test; `Limits` and `model_of` check theirs."""


def check_options(**given: object) -> None:
    """Raise UsageError E607 for the first option whose value is none that it may have."""
    for name, value in given.items():
        expected, admits = _OPTIONS[name]
        if not admits(value):
            raise UsageError.of("E607", f"{name} is {expected}, not {shown(value)}")


def limits_with(changes: LimitsLike | None, defaults: Limits) -> Limits:
    """Return the limits that are given, completed by defaults. Raises UsageError E607 for an unknown name."""
    check_options(limits=changes)
    if isinstance(changes, Limits):
        return changes
    known = fields_dict(Limits)
    for name in changes or ():
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"limits are {', '.join(known)}"
            raise UsageError.of("E607", f"there is no limit `{name}`", hint=hint)
    return Limits(**{**asdict(defaults), **(changes or {})})


def limits_for(changes: LimitsLike | None, model: ModelLike | None) -> Limits:
    """Return the limits of a run: those that are given, completed by the usual ones for its model.

    Raises UsageError E607 for an unknown name.
    """
    if isinstance(changes, Limits):
        return changes  # without looking through the plug-ins, which takes milliseconds
    return limits_with(changes, default_limits(model))


def default_limits(model: ModelLike | None) -> Limits:
    """Return the limits of a run with a model, if none are given."""
    refuse_no_model(model)
    name = model if model is None or isinstance(model, str) else getattr(model, "name", None)
    return Limits(**usual_limits(name))


def refuse_no_model(given: object) -> None:
    """Raise UsageError E605 for what is neither a model nor None, E607 for a model that no run can use."""
    if given is None or isinstance(given, OpenModel | str) or is_function(given):
        return
    if isinstance(given, type) or not hasattr(given, "generate"):
        raise UsageError.of(
            "E605",
            f"model is a name, a function, or an object of the protocol Model, not {shown(given)}",
            hint="an example is model='smollm2'; `rlmlang models` lists the kinds of names",
        )
    check_model(given)


def model_of(given: ModelLike | None) -> tuple[Model, bool]:
    """Return the model that is meant, and whether it is opened here, so that it is to be closed again.

    Raises UsageError E604, E605, ModelError E407.
    """
    if given is None:
        return NoModel(), False
    if isinstance(given, OpenModel):
        return given.model, False
    if isinstance(given, str):
        return open_model(given), True
    if is_function(given):
        return FunctionModel(given), True
    refuse_no_model(given)
    return cast(Model, given), False


@asynccontextmanager
async def opened(model: ModelLike | None, store: StoreLike | None) -> AsyncIterator[tuple[Model, Store | None]]:
    """Open the model and the store of a run, and close again what is opened here. Raises UsageError, ModelError."""
    engine, is_own = model_of(model)
    try:
        check_model(engine)
        with nullcontext() if store is None else stored_in(store) as kept, deep_recursion:
            yield engine, kept
    finally:
        if is_own:
            await engine.aclose()


@asynccontextmanager
async def begin(
    options: Options, name: str, text: str, inputs: Mapping[str, Value], types: Mapping[str, Type]
) -> AsyncIterator[tuple[ActiveRun, Recording]]:
    """Begin a run, and record how it ends. Raises UsageError, ModelError; BudgetError E505 when its time is over."""
    trace, limits = options.trace, options.limits
    account = trace.account = Account(limits, share_from=options.share_from)
    async with opened(options.model, options.store) as (engine, store):
        trace.redactor = Redactor(engine.secrets if isinstance(engine, SecretHolder) else ())
        account.charge_by(engine, options.prices or {})
        writing = options.writing or default_writing(engine)
        spec = spec_of(options.command, name, text, inputs, engine, writing, limits)
        async with (
            recorded(spec, types, store, trace, account, options.is_recorded) as recording,
            evaluating(engine, account, trace, recording.journal, options.memo, writing) as run,
        ):
            yield run, recording


async def run_program(checked: Checked, given: Mapping[str, object], options: Options) -> Value:
    """Run a checked program. Raises UsageError, BudgetError (E508 before any call is made), RunError, ModelError."""
    values = bind_inputs(checked, given)
    source = checked.module.span.source
    async with begin(options, source.name, source.text, values, checked.inputs) as (run, recording):
        admit(checked, values, run, options.trace)
        value = await run.run(checked, values)
        recording.value, recording.type = value, checked.type
    return value


def admit(checked: Checked, values: dict[str, Value], run: ActiveRun, trace: Trace) -> None:
    """Estimate what a run will take, for whoever watches it, and refuse one that cannot end within its limits.

    Answers that the store has are taken off only where that may let the run pass.
    Raises BudgetError E508, UsageError E606.
    """
    if emitted_program(checked).whole() is not None:  # it makes no call
        trace.planned_calls = 0, 0
        return
    account, caller = run.account, run.caller
    caps = Caps.of(account.limits)
    if not trace.watchers and all(getattr(caps, name) is None for name in fields_dict(Caps)):
        return
    try:
        estimate = follow(checked, values, account.limits, caller.model, account.price)
        cost = estimate.cost()
        if caller.journal is not None and _first_exceeded(cost, caps):  # decision 74
            cost = estimate.cost(caller.is_stored)
    except UsageError:
        raise
    except RlmError:
        return  # the run itself will report it
    trace.planned_calls = estimate.calls
    if what := _first_exceeded(cost, caps):
        least, cap = _amount(getattr(cost, what)[0], what), _amount(getattr(caps, what), what)
        parts = [(getattr(site, what)[0], site.span) for site in cost.sites]
        most = sorted((part for part in parts if part[0]), key=lambda part: part[0], reverse=True)
        raise BudgetError.of(
            "E508",
            f"the run takes at least {least}; the limit is {cap}",
            hint=f"raise max_{what}",
            notes=[(f"at least {_amount(number, what)} here", span) for number, span in most[:SHOWN_PARTS]],
        )


def _first_exceeded(cost: Cost, caps: Caps) -> str | None:
    """Return the first cap that the least possible cost exceeds."""
    for what in fields_dict(Caps):
        cap = getattr(caps, what)
        if cap is not None and getattr(cost, what)[0] > cap:
            return what
    return None


def _amount(number: int | Decimal, what: str) -> str:
    if isinstance(number, Decimal):
        return f"${number:f}"
    unit = what.replace("_", " ")
    return f"{number:,} {unit.removesuffix('s') if number == 1 else unit}"


# Runs that are run again -------------------------------------------------------


def limits_again(spec: Spec, changes: LimitsLike | None) -> Limits:
    """Return the limits of a recorded run with some changed. Those of a question count from below its program."""
    known = fields_dict(Limits)
    recorded = Limits(**{name: value for name, value in spec.limits.items() if name in known})
    limits = limits_with(changes, recorded)
    if spec.command == "ask" and (isinstance(changes, Limits) or "max_depth" in (changes or {})):
        limits = evolve(limits, max_depth=limits.max_depth + 1)
    return limits


@asynccontextmanager
async def model_again(spec: Spec, model: ModelLike | None) -> AsyncIterator[ModelLike]:
    """The model to resume a run with. A function of the name that the run's had is taken for the same."""
    if model is None and spec.identity == NoModel.identity:
        yield NoModel()
        return
    if model is None and json.loads(spec.identity).get("kind") == "function":
        raise MissingModel.of("E605", f"the model of the run was the function {spec.model}", hint="give it: model=…")
    if not is_function(model):
        yield spec.model if model is None else model
        return
    own = FunctionModel(model)
    if own.name == spec.model:
        own.identity = spec.identity
    try:
        yield own
    finally:
        await own.aclose()


@contextmanager
def stored_in(store: StoreLike) -> Iterator[Store]:
    """The store that is given, or the one in a place, which is closed again."""
    if isinstance(store, Store):
        yield store
    else:
        with Store(store) as own:
            yield own


class NoModel:
    """The model of a run that is given none: programs without a CALL need no other."""

    name = "none"
    identity = "none"
    context = 1
    concurrency = 1
    capabilities = Capabilities(free=True)

    def count_tokens(self, request: object) -> int:
        raise MissingModel.of("E605", "the program makes a CALL, and no model is given", hint="give one: model=…")

    async def generate(self, request: object) -> Any:
        raise AssertionError("a prompt is counted before it is sent")

    async def aclose(self) -> None:
        pass
