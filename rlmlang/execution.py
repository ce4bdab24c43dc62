"""A run from its options to its value: model and store opened, cost held against the limits, the run recorded.
(Decision 93.)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from reprlib import repr as shown
from typing import Any, TypedDict, Union, get_args

from attrs import asdict, evolve, field, fields_dict, frozen

from rlmlang.calls.answering import default_writing
from rlmlang.calls.budget import Account, Caps
from rlmlang.calls.caller import Caller
from rlmlang.calls.evaluate import ActiveRun, evaluating
from rlmlang.calls.host_functions import FunctionsLike, GivenFunctions, functions_for, host_functions
from rlmlang.calls.limits import Limits
from rlmlang.calls.prices import Price, Prices
from rlmlang.calls.roles import Roles
from rlmlang.calls.writing import Writing
from rlmlang.errors import BudgetError, RlmError, UsageError
from rlmlang.language.check.checked import Checked
from rlmlang.language.types import Type
from rlmlang.models.base import SecretHolder
from rlmlang.models.registry import usual_limits
from rlmlang.opening import ModelLike, ModelsLike, StoreLike, leaf_of, opened, refuse_no_model
from rlmlang.redact import Redactor
from rlmlang.runtime.emit.programs import emitted_program
from rlmlang.runtime.estimate import Cost, Estimate, follow
from rlmlang.runtime.inputs import OPTIONS, bind_inputs, declarations, merged_inputs, with_input_types
from rlmlang.runtime.lazy_rows import LazyRows
from rlmlang.runtime.values import Value
from rlmlang.storage.journal import Journal
from rlmlang.storage.recording import Recording, Spec, recorded, spec_of
from rlmlang.storage.store import PLACE, Store, is_place
from rlmlang.trace.recorder import Trace

SHOWN_PARTS = 5
"""Places that the refusal of a run names, those that take most first."""

LimitsLike = Union[Limits, Mapping[str, Any]]
"""Limits, or some of them by name, where the others are to be the usual ones."""


class LimitsByName(TypedDict, total=False):
    """Limits as options of their own, such as `repairs=0`."""

    max_calls: int | None
    max_depth: int
    max_prompt_tokens: int | None
    max_completion_tokens: int | None
    max_answer_tokens: int
    repairs: int
    max_cost: float | None
    max_share: float
    max_seconds: float | None
    max_steps: int
    max_bytes: int
    max_function_calls: int | None
    concurrency: int | None


@frozen(kw_only=True)
class Options:
    """How a run is made. Raises UsageError E605 for what is no model, E607 for an option of a wrong value."""

    model: ModelLike | None = None
    models: ModelsLike | None = None
    store: StoreLike | None = None
    limits: Limits = field(factory=Limits)
    prices: Prices | None = None
    memo: bool = True
    writing: Writing | None = None
    guidance: str = ""
    trace: Trace = field(factory=Trace)
    functions: FunctionsLike | None = None
    """Functions of the host, by the names by which programs declare them."""
    command: str = "run"
    """By which the store's list of runs shows it: `run`, `ask` or `complete`."""
    is_recorded: bool = True
    """Whether the run appears in that list."""
    shared: Account | None = None
    """What several runs may spend together; this one spends from it too."""

    def __attrs_post_init__(self) -> None:
        refuse_no_model(self.model)
        leaf_of(self.models)
        check_options(
            store=self.store, prices=self.prices, memo=self.memo, writing=self.writing, guidance=self.guidance,
            trace=self.trace,
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
    **dict.fromkeys(("guidance", "text", "name", "question", "prompt", "start"), ("text", _is_text)),
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


def inputs_and_limits(
    checked: Checked, inputs: Mapping[str, object] | None, named: Mapping[str, object], limits: LimitsLike | None
) -> tuple[dict[str, object], LimitsLike | None]:
    """Return the inputs and the limits of a run: what is given by the name of a limit is one, where no input has it.

    Raises ProgramError, UsageError E603, E607.
    """
    given = merged_inputs(inputs, named)
    names = [name for name in named if name in fields_dict(Limits) and name not in checked.inputs]
    if names:
        known = with_input_types(checked, given).inputs  # with the parameters of a function that it tries out
        names = [name for name in names if name not in known]
    return given, limits_by_name(limits, {name: given.pop(name) for name in names})


def limits_by_name(limits: LimitsLike | None, named: Mapping[str, Any]) -> LimitsLike | None:
    """Return limits with those that are given by their names. Raises UsageError E607."""
    if not named:
        return limits
    for name in named:
        if name not in fields_dict(Limits):
            near = get_close_matches(name, [*OPTIONS, *fields_dict(Limits)], 1)
            hint = f"did you mean `{near[0]}`?" if near else None
            raise UsageError.of("E607", f"there is no option or limit `{name}`", hint=hint)
    check_options(limits=limits)
    if isinstance(limits, Limits):
        return evolve(limits, **named)
    if twice := (limits or {}).keys() & named.keys():
        raise UsageError.of("E607", f"the limit `{min(twice)}` is given twice")
    return {**(limits or {}), **named}


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


@asynccontextmanager
async def begin(
    options: Options,
    name: str,
    text: str,
    inputs: Mapping[str, Value],
    types: Mapping[str, Type],
    functions: GivenFunctions,
    found: Mapping[str, Type],
) -> AsyncIterator[tuple[ActiveRun, Recording]]:
    """Begin a run, and record how it ends. `found` are the types of inputs that the program does not declare.

    Raises UsageError, ModelError; BudgetError E505 when its time is over.
    """
    trace, limits = options.trace, options.limits
    account = trace.account = Account(limits, share_from=options.share_from, above=options.shared)
    async with opened(options.model, leaf_of(options.models), options.store) as (main, leaf, store):
        roles = Roles.of(main, leaf, options.prices)
        holders = [role.model for role in roles if isinstance(role.model, SecretHolder)]
        trace.redactor = Redactor(secret for model in holders for secret in model.secrets)
        account.charge_for(roles)
        writing = options.writing or default_writing(main)
        spec = spec_of(options.command, name, text, inputs, roles, writing, limits, options.guidance, functions, found)
        async with (
            recorded(spec, types, store, trace, account, options.is_recorded) as recording,
            evaluating(
                roles, account, trace, recording.journal, options.memo, writing, options.guidance, functions
            ) as run,
        ):
            yield run, recording


async def run_program(checked: Checked, given: Mapping[str, object], options: Options) -> Value:
    """Run a checked program. Raises UsageError, BudgetError (E508 before any call is made), RunError, ModelError."""
    values = _bound(checked, given)
    source = checked.module.span.source
    functions = functions_for(checked, host_functions(options.functions))
    untyped = [each.name.id for each in declarations(checked) if each.type is None]
    found = {name: checked.inputs[name] for name in untyped}
    is_lazy = any(isinstance(value, LazyRows) for value in values.values())
    if is_lazy:
        options = evolve(options, is_recorded=False)  # the store would need all rows to run it again
    async with begin(options, source.name, source.text, values, checked.inputs, functions, found) as (run, recording):
        if not is_lazy:  # an estimate would read all rows too
            await admit(checked, values, run, options.trace)
        value = await run.run(checked, values)
        recording.value, recording.type = value, checked.type
    return value


def _bound(checked: Checked, given: Mapping[str, object]) -> dict[str, Value]:
    """Return the values of the inputs; say how a limit is given that is none of them. Raises UsageError E601-E603."""
    try:
        return bind_inputs(checked, given, lazily=True)
    except UsageError as error:
        unknown = next((name for name in given if name not in checked.inputs), "")
        near = get_close_matches(unknown, fields_dict(Limits), 1)
        if not near or error.first.code != "E602":
            raise
        raise error.with_hint(f"a limit is given by its name, as {near[0]}=…") from error


async def admit(checked: Checked, values: dict[str, Value], run: ActiveRun, trace: Trace) -> None:
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
        estimate = follow(checked, values, account.limits, caller.roles, caller.answering.guidance)
        cost = estimate.cost()
        if caller.journal is not None and _first_exceeded(cost, caps):  # decision 74
            cost = await _cost_of_missing(estimate, caller, caller.journal)
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


async def _cost_of_missing(estimate: Estimate, caller: Caller, journal: Journal) -> Cost:
    """Return the cost of the calls whose answers are not stored. Raises UsageError E606."""
    keys: set[bytes] = set()

    def noted(type_: Type, names: tuple[str | None, ...], args: tuple[Value, ...], sample: int) -> bool:
        keys.add(caller.key_of(type_, names, args, sample))
        return False

    estimate.cost(noted)
    stored = await journal.stored_among(keys)
    return estimate.cost(lambda *call: caller.key_of(*call) in stored)


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
