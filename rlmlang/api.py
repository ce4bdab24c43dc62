"""The Python API: `load` or `compile` a program, look at its cost, run it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from attrs import field, fields_dict, frozen

from rlmlang.calls.answering import Writing, default_writing
from rlmlang.calls.budget import Account, Caps, Limits, Usage
from rlmlang.calls.caller import Caller
from rlmlang.calls.evaluate import evaluating
from rlmlang.calls.prices import Prices, price_of
from rlmlang.errors import BudgetError, RlmError, UsageError
from rlmlang.language.check import check
from rlmlang.language.check.checked import Checked
from rlmlang.language.depth import deep_recursion
from rlmlang.language.source import Source
from rlmlang.language.types import Type
from rlmlang.models.base import Capabilities, Model
from rlmlang.models.registry import open_model, usual_limits
from rlmlang.runtime.estimate import Cost, estimate
from rlmlang.runtime.inputs import bind_inputs
from rlmlang.runtime.values import Value
from rlmlang.storage.recording import recorded, spec_of
from rlmlang.storage.store import Store
from rlmlang.trace.recorder import Trace

SHOWN_PARTS = 5
"""Places that the refusal of a run names, those that take most first."""


@frozen(eq=False)
class Result:
    """A finished run."""

    value: Value
    usage: Usage
    trace: Trace = field(repr=False)
    program: Program = field(repr=False)

    @property
    def run_id(self) -> str:
        return self.trace.run_id


@frozen(eq=False)
class Program:
    """A program that checked.

    Inputs are Python values (records as dicts), given by name or in a mapping; the mapping
    serves inputs whose names are taken by options, such as `model`.
    """

    checked: Checked

    @property
    def source(self) -> Source:
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
        given: Mapping[str, object] | None = None,
        /,
        *,
        limits: Limits | None = None,
        model: Model | None = None,
        prices: Prices | None = None,
        **inputs: object,
    ) -> Cost:
        """What a run must and may take at most, without calling a model.

        A model given counts the prompts; for money its price is needed too.

        Raises UsageError E601–E603, and RunError if the pure part fails in any case.
        """
        values = bind_inputs(self.checked, {**(given or {}), **inputs})
        price = None if model is None else price_of(model, prices or {})
        return estimate(self.checked, values, limits or limits_for(model), model, price)

    async def arun(
        self,
        given: Mapping[str, object] | None = None,
        /,
        *,
        model: Model | str | None = None,
        store: Store | str | Path | None = None,
        limits: Limits | None = None,
        prices: Prices | None = None,
        memo: bool = True,
        trace: Trace | None = None,
        account: Account | None = None,
        writing: Writing | None = None,
        command: str = "api",
        record: bool = True,
        **inputs: object,
    ) -> Result:
        """Run the program. A model or store given by name is opened for this run alone.

        `prices` are those of models by their names or patterns; `limits.max_cost` needs that of the model,
        unless it runs in this process.
        `writing` is how callees write programs: by `statements`, each shown what the ones before it
        give, or `whole`; None for what suits the model.
        `trace` and `account` may be handed in to watch the run while it goes on; with the `run_id` of
        an earlier run in the trace, that one is gone on with. The store's list of runs shows the
        `command`; without `record`, the run is not in it.
        Raises UsageError, BudgetError (E508 before any call is made), RunError, ModelError.
        """
        values = bind_inputs(self.checked, {**(given or {}), **inputs})
        account = account or Account(limits or limits_for(model))
        trace = trace or Trace()
        async with opened(model, store) as (engine, kept):
            account.charge_by(engine, prices or {})
            writing = writing or default_writing(engine)
            name, text = self.source.name, self.source.text
            spec = spec_of(command, name, text, values, engine, writing, account.limits)
            async with (
                recorded(spec, self.inputs, kept, trace, account, record) as recording,
                evaluating(engine, account, trace, recording.journal, memo, writing) as evaluation,
            ):
                refuse_if_over(self.checked, values, evaluation.caller)
                value = await evaluation.run(self.checked, values)
                recording.value, recording.type = value, self.type
        return Result(value, account.usage, trace, self)

    def run(self, given: Mapping[str, object] | None = None, /, **arguments: Any) -> Result:
        """`arun` from code that is not asynchronous; takes the same arguments."""
        return run_now(lambda: self.arun(given, **arguments), "run()", "await program.arun(…)")


def compile(text: str, name: str = "<program>") -> Program:
    """Parse and check a program text. Raises ProgramError with every diagnostic found."""
    return Program(check(Source(text, name)))


def load(path: str | Path) -> Program:
    """Read, parse and check a program file (UTF-8). Raises UsageError E604, ProgramError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError.of("E604", f"cannot read {path}: {error}") from error
    return compile(text, str(path))


@asynccontextmanager
async def opened(
    model: Model | str | None, store: Store | str | Path | None
) -> AsyncIterator[tuple[Model, Store | None]]:
    """The model and the store; those given by name are opened, and closed again. Raises UsageError, ModelError."""
    own = open_model(model) if isinstance(model, str) else None
    kept = Store(store) if isinstance(store, (str, Path)) else None
    try:
        engine = own or model or _NoModel()
        with deep_recursion:
            yield engine, kept or store  # type: ignore[misc]
    finally:
        if kept is not None:
            kept.close()
        if own is not None:
            await own.aclose()


def limits_for(model: Model | str | None) -> Limits:
    """The limits of a run with a model, if none are given."""
    return Limits(**usual_limits(model.name if model is not None and not isinstance(model, str) else model))


T = TypeVar("T")


def run_now(begin: Callable[[], Coroutine[Any, Any, T]], what: str, instead: str) -> T:
    """Run what is asynchronous from code that is not. Raises UsageError E607 within an event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(begin())
    raise UsageError.of("E607", f"{what} inside a running event loop", hint=f"write `{instead}`")


def refuse_if_over(checked: Checked, values: dict[str, Value], caller: Caller) -> None:
    """Refuse a run that cannot end within its budget, answers that are kept taken off.

    Raises BudgetError E508, UsageError E606.
    """
    account = caller.account
    caps = Caps.of(account.limits)
    if all(getattr(caps, name) is None for name in fields_dict(Caps)):
        return
    try:
        cost = estimate(checked, values, account.limits, caller.model, account.price)
        if caller.journal is not None and _least_over(cost, caps):
            cost = estimate(checked, values, account.limits, caller.model, account.price, caller.is_stored)
    except UsageError:
        raise
    except RlmError:
        return  # the run itself will tell
    if what := _least_over(cost, caps):
        least, cap = _amount(getattr(cost, what)[0], what), _amount(getattr(caps, what), what)
        parts = [(getattr(site, what)[0], site.span) for site in cost.sites]
        most = sorted((part for part in parts if part[0]), key=lambda part: part[0], reverse=True)
        raise BudgetError.of(
            "E508",
            f"the run takes at least {least}; the limit is {cap}",
            hint=f"raise max_{what}; `rlmlang plan` shows the whole estimate",
            notes=[(f"at least {_amount(number, what)} here", span) for number, span in most[:SHOWN_PARTS]],
        )


def _least_over(cost: Cost, caps: Caps) -> str | None:
    """What a run takes more of, at least, than it may."""
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


class _NoModel:
    """Stands in for a model in programs that make no CALL."""

    name = "none"
    identity = "none"
    context = 1
    concurrency = 1
    capabilities = Capabilities(free=True)

    def count_tokens(self, request: object) -> int:
        raise UsageError.of("E605", "the program makes a CALL, and no model is given", hint="give one: model=…")

    async def generate(self, request: object) -> Any:
        raise AssertionError

    async def aclose(self) -> None:
        pass
