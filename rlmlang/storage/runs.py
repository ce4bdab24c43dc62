"""Runs that were written down: gone on with, or gone through again without a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import fields_dict

from rlmlang.api import Program, Result
from rlmlang.calls.budget import Account, Limits
from rlmlang.calls.keys import LANGUAGE_VERSION
from rlmlang.calls.prices import Prices
from rlmlang.calls.prompt import PROMPT_VERSION
from rlmlang.errors import ModelError, UsageError
from rlmlang.language.check import check
from rlmlang.language.source import Source
from rlmlang.models.base import Capabilities, Model, Reply, Request
from rlmlang.storage.recording import Spec
from rlmlang.storage.store import RunRow, Store
from rlmlang.trace.recorder import Trace


def find_run(store: Store, beginning: str) -> RunRow:
    """The one run whose id begins like this; `last` is the latest. Raises UsageError E610."""
    rows = store.runs() if beginning == "last" else store.runs(beginning)
    if beginning == "last":
        rows = rows[:1]
    if len(rows) == 1:
        return rows[0]
    what = f"no run {beginning}" if not rows else f"{len(rows):,} runs begin with {beginning}"
    raise UsageError.of("E610", f"{what} in {store.name}", hint="`rlmlang runs list` shows them")


def spec_of_row(row: RunRow) -> Spec:
    """What it takes to run it again. Raises UsageError E610 if this rlmlang cannot."""
    names = fields_dict(Spec)
    try:
        spec = Spec(**{name: value for name, value in row.spec.items() if name in names})
    except TypeError as error:
        raise UsageError.of("E610", f"the run {row.id} is not written down whole") from error
    if spec.command == "complete":
        raise UsageError.of(
            "E610",
            f"the run {row.id} wrote a text, and texts are not kept while they are written",
            hint="run `rlmlang complete` again; the answers of its calls are kept",
        )
    return spec


async def resume(
    store: Store,
    row: RunRow,
    *,
    model: Model | str | None = None,
    limits: Mapping[str, Any] | None = None,
    trace: Trace | None = None,
    account: Account | None = None,
    prices: Prices | None = None,
) -> Result:
    """Go on with a run: evaluate its program again, with the answers that are kept.

    `limits` are those that are to be others than before. Raises what `Program.arun` raises, and
    UsageError E610 if the run is going on, or its calls would have other keys now.
    """
    spec = spec_of_row(row)
    if row.status == "running":
        raise UsageError.of("E610", f"the run {row.id} is going on", hint="wait until it has ended, or end it")
    _refuse_other_keys(row, spec)
    return await _program(spec).arun(
        spec.inputs,
        model=model or spec.model,
        store=store,
        trace=_with_id(trace, row.id),
        account=account or account_of(spec, limits),
        prices=prices,
        writing=spec.writing,  # type: ignore[arg-type]  # one of them, or Caller would not have taken it
        command=spec.command,
    )


async def replay(store: Store, row: RunRow, *, trace: Trace | None = None, account: Account | None = None) -> Result:
    """Go through a run again with the answers that are kept, and no model.

    Raises ModelError E410 where an answer is missing, and else what `Program.arun` raises.
    """
    spec = spec_of_row(row)
    _refuse_other_keys(row, spec)
    return await _program(spec).arun(
        spec.inputs,
        model=_NoMore(spec),
        store=store,
        trace=_with_id(trace, row.id),
        account=account or account_of(spec),
        writing=spec.writing,  # type: ignore[arg-type]
        record=False,
    )


def account_of(spec: Spec, others: Mapping[str, Any] | None = None) -> Account:
    """The account of a run that begins again, with some of its limits changed."""
    names = fields_dict(Limits)
    limits = Limits(**{name: value for name, value in {**spec.limits, **(others or {})}.items() if name in names})
    return Account(limits, share_from=2 if spec.command == "ask" else 1)


def _with_id(trace: Trace | None, id: str) -> Trace:
    trace = trace or Trace()
    trace.run_id = id
    return trace


def _program(spec: Spec) -> Program:
    return Program(check(Source(spec.program, spec.name)))


def _refuse_other_keys(row: RunRow, spec: Spec) -> None:
    now = (LANGUAGE_VERSION, PROMPT_VERSION)
    if (spec.language, spec.prompts) != now:
        raise UsageError.of(
            "E610",
            f"the run {row.id} was made with language {spec.language} and prompts {spec.prompts}; this rlmlang "
            f"has {now[0]} and {now[1]}, so that none of its answers would be found",
            hint="run the program anew, or resume with the rlmlang that began it",
        )


class _NoMore:
    """Stands in for the model of a run, and answers nothing."""

    context = 2**31
    concurrency = 16

    def __init__(self, spec: Spec) -> None:
        self.name = spec.model
        self.identity = spec.identity
        self.capabilities = Capabilities(free=True, recursive=spec.recursive)

    def count_tokens(self, request: Request) -> int:
        raise ModelError.of(
            "E410",
            f"the replay needs an answer that is not kept: {request.instruction[:80]!r}",
            hint="`rlmlang runs resume` makes what is missing",
        )

    async def generate(self, request: Request) -> Reply:
        raise AssertionError

    async def aclose(self) -> None:
        pass
