"""Record a run in its store and its trace: what is needed to run it again, its log, and how it ended."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from attrs import asdict, define, field, frozen

from rlmlang.calls.budget import Account
from rlmlang.calls.host_functions import GivenFunctions
from rlmlang.calls.keys import LANGUAGE_VERSION
from rlmlang.calls.limits import Limits
from rlmlang.calls.prompt import PROMPT_VERSION
from rlmlang.calls.roles import Roles
from rlmlang.errors import RlmError
from rlmlang.language.type_structure import structure_of
from rlmlang.language.types import Type
from rlmlang.runtime.lazy_rows import LazyRows
from rlmlang.runtime.values import Value, excerpt, preview, to_json
from rlmlang.storage.journal import Journal
from rlmlang.storage.run_records import begun, ended, next_call
from rlmlang.storage.store import Store
from rlmlang.trace.events import VERSION, EndEvent, InputSummary, ProgramText, RunEvent
from rlmlang.trace.recorder import MAX_VALUE, Trace, event_error

_MAX_INPUT = 80
"""Characters of an input that the log shows."""


@frozen
class Spec:
    """Everything that is needed to run a program again, as JSON data."""

    command: str
    """`run`, `ask` or `complete`."""
    name: str
    program: str
    """The program text; for `complete`, the prompt."""
    inputs: Mapping[str, Any]
    """The values of all inputs."""
    model: str
    identity: str
    """The identity of the model; with the versions below, it is part of the keys of calls (SPEC.md, "CALL")."""
    writing: str | None
    limits: Mapping[str, Any]
    language: int = LANGUAGE_VERSION
    prompts: int = PROMPT_VERSION
    recursive: bool = False
    """Whether the keys of calls are the same at every depth, which depends on the model."""
    leaf_model: str | None = None
    """The model for direct answers, if it is one of its own."""
    leaf_identity: str | None = None
    guidance: str = ""
    """What models are told with every prompt, which is part of the keys of calls too."""
    functions: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    """The functions of the host: the `version` of each, and whether it is `volatile`."""
    types: Mapping[str, Any] = field(factory=dict)
    """The structures of the types of inputs, where they were found from the values given."""

    def to_json(self) -> dict[str, Any]:
        """Return the spec as JSON data."""
        return asdict(self)


def spec_of(
    command: str,
    name: str,
    program: str,
    inputs: Mapping[str, Value],
    roles: Roles,
    writing: str | None,
    limits: Limits,
    guidance: str,
    functions: GivenFunctions,
    types: Mapping[str, Type],
) -> Spec:
    """Return the spec of a run on open models; `types` are those of inputs that the program does not declare."""
    values = {each: to_json(value) for each, value in inputs.items()}
    main, leaf = roles.main.model, roles.leaf_model
    return Spec(
        command, name, program, values, main.name, main.identity, writing, asdict(limits),
        recursive=roles.is_recursive,
        leaf_model=leaf.name if leaf else None,
        leaf_identity=leaf.identity if leaf else None,
        guidance=guidance,
        functions={
            name: {"version": each.version, "volatile": each.is_volatile} for name, each in functions.by_name.items()
        },
        types={name: structure_of(each) for name, each in types.items()},
    )  # fmt: skip


@define
class Recording:
    """A run that is being recorded."""

    journal: Journal | None
    """The journal for its answers, if there is a store."""
    value: Value = None
    """The value of the run; set by whoever evaluates it."""
    type: Type | None = None


@asynccontextmanager
async def recorded(
    spec: Spec, types: Mapping[str, Type], store: Store | None, trace: Trace, account: Account, record: bool = True
) -> AsyncIterator[Recording]:
    """Record a run: that it begins, or is resumed if the store has it already, and how it ended.

    Without `record`, the store keeps only its answers. Raises UsageError E606.
    """
    journal = None if store is None else Journal(store, trace.run_id)
    recording = Recording(journal)
    resumed = False
    if store is not None and journal is not None and record:
        seq = await store.ask(lambda: begun(store.db.now, store.owner, trace.run_id, spec.to_json()))
        resumed = seq > 0
        trace.resume_at(seq, await store.ask(lambda: next_call(trace.run_id)) if resumed else 0)
        trace.sinks.insert(0, journal.add_event)
    trace.emit(
        RunEvent(
            version=VERSION,
            run=trace.run_id,
            started=round(time.time(), 3),
            resumed=resumed,
            command=spec.command,
            program=ProgramText(name=spec.name, text=spec.program),
            inputs={name: _summary(value, types[name]) for name, value in spec.inputs.items()},
            model=spec.model,
            identity=spec.identity,
            leaf_model=spec.leaf_model,
            leaf_identity=spec.leaf_identity,
            guidance=spec.guidance,
            writing=spec.writing,
            limits=dict(spec.limits),
            language=spec.language,
            prompts=spec.prompts,
            rlmlang=version("rlmlang"),
        )
    )
    status, error = "interrupted", None
    try:
        trace.check()
        yield recording
        trace.check()
        status = "done"
    except RlmError as failure:
        status, error = "failed", failure
        raise
    finally:
        trace.emit(
            EndEvent(
                status=status,
                time=account.usage.seconds,
                usage=account.usage.to_json(),
                type=str(recording.type) if recording.type else None,
                value=excerpt(recording.value, MAX_VALUE) if status == "done" else None,
                error=event_error(error),
            )
        )
        if journal is not None:
            await journal.close()
            if store is not None and record:
                if journal.add_event in trace.sinks:
                    trace.sinks.remove(journal.add_event)
                await store.ask(lambda: ended(store.db.now, trace.run_id, status, account.usage.to_json()))
    trace.check()


def _summary(value: Any, type_: Type) -> InputSummary:
    if isinstance(value, LazyRows):
        return InputSummary(type=str(type_), size=len(value), preview=f"the rows of {value.name}")
    size = len(value) if isinstance(value, (str, list, dict)) else None
    return InputSummary(type=str(type_), size=size, preview=preview(value, _MAX_INPUT))
