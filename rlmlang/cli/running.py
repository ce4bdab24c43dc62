"""What the commands that run something share: a run watched, recorded, and its end printed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

import click
from attrs import define, field

from rlmlang.api import Result
from rlmlang.calls.budget import Usage
from rlmlang.calls.prices import money
from rlmlang.cli import output
from rlmlang.cli.failures import Interrupted, as_error, with_more_hints
from rlmlang.cli.settings import Settings
from rlmlang.errors import BudgetError, FunctionFailed, MissingModel, ModelFailed, RlmError, UsageError, unwritable
from rlmlang.files import open_private
from rlmlang.language.parse.layout import show_hidden
from rlmlang.models.registry import available
from rlmlang.render import counted
from rlmlang.runtime.values import to_json
from rlmlang.storage import upkeep
from rlmlang.storage.store import Store, default_path
from rlmlang.trace.progress import Progress
from rlmlang.trace.recorder import Trace

EVERY = 10.0
"""Seconds between two lines about a run if there is no terminal."""


@define
class Attempt:
    """A run from the command line: its trace, and its result or what went wrong."""

    trace: Trace = field(factory=lambda: Trace(keep=False))
    result: Result | None = None
    failure: RlmError | None = None
    need: str = "the program makes a CALL"
    """Why a model is needed."""
    again: str | None = None
    """How it goes on after what may pass, if not by resuming the run."""
    is_resumable: bool = False
    """Whether the store keeps what is needed to resume it."""

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Keep what goes wrong as the failure of the run."""
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error.__cause__, BrokenPipeError):
                raise error.__cause__ from None  # whoever reads the trace has enough of it
            self.failure = self._explained(as_error(error))

    def _explained(self, failure: RlmError) -> RlmError:
        if isinstance(failure, MissingModel):
            return missing_model(self.need)
        may_pass = isinstance(failure, (Interrupted, BudgetError, ModelFailed, FunctionFailed))
        if may_pass and self.is_resumable and self.trace.count:
            again = self.again or f"resume the run with: rlmlang runs resume {self.trace.run_id}"
            return with_more_hints(failure, f"finished calls are kept; {again}")
        return failure

    def run(self, work: Callable[[], Awaitable[Result]], title: str, quiet: bool, trace_file: str | None) -> None:
        """Do the work, and keep its result."""
        self.result = asyncio.run(watched(work, title, self.trace, quiet, trace_file))

    @property
    def exit_code(self) -> int:
        return self.failure.exit_code if self.failure else 0

    def end(self, quiet: bool, as_json: bool, **more: Any) -> int:
        """Print how the run ended, with more in its JSON object; return the exit code."""
        if as_json:
            output.write_json({"run_id": self.trace.run_id} | self.outcome() | more | {"usage": self.usage.to_json()})
        else:
            self.show(quiet)
        return self.exit_code

    @property
    def usage(self) -> Usage:
        return self.trace.usage

    def outcome(self) -> dict[str, Any]:
        """Return the part of the JSON object that says how the run ended."""
        if self.failure is not None:
            return {"error": output.error_json(self.failure, self.trace.redactor)}
        assert self.result is not None
        return {"value": to_json(self.result.value), "type": str(self.result.type)}

    def show(self, quiet: bool) -> None:
        """Print what the program printed, the value or what went wrong, and unless it is to be quiet, what it took."""
        for _, text in self.trace.printed:
            click.echo(show_hidden(text), nl=False, err=True)
        if self.result is not None:
            value = to_json(self.result.value)
            output.write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2))
        if self.failure is not None:
            output.show_error(self.failure, self.trace.redactor)
        if self.trace.count and not quiet:
            click.echo(summary(self.usage), err=True)


async def watched(
    work: Callable[[], Awaitable[Result]], title: str, trace: Trace, quiet: bool, trace_file: str | None
) -> Result:
    """Return what the work gives; its events are written to a file, if one is named.

    Unless it is to be quiet, a terminal shows its calls meanwhile, and anything else a line every few seconds.
    Raises UsageError E612.
    """
    with written_to(trace_file, trace):
        if quiet:
            return await work()
        progress = Progress(trace)
        if not output.is_terminal(sys.stderr):
            async with reported(progress):
                return await work()
        from rlmlang.cli.live import shown

        async with shown(title, progress):
            return await work()


@asynccontextmanager
async def reported(progress: Progress) -> AsyncIterator[None]:
    """Print the state of a run on standard error every few seconds while it runs."""

    async def report() -> None:
        while True:
            progress.sample(progress.seconds)
            await asyncio.sleep(EVERY)
            progress.sample(progress.seconds)
            click.echo(progress.line(progress.seconds), err=True)

    reporting = asyncio.ensure_future(report())
    try:
        yield
    finally:
        reporting.cancel()


@contextmanager
def written_to(name: str | None, trace: Trace) -> Iterator[None]:
    """Write the events of a run to a file, one on a line. Raises UsageError E607, E612."""
    if name is None:
        yield
        return
    if name == "-":
        hint = "name a file, /dev/stdout for standard output, or ./- for a file of that name"
        raise UsageError.of("E607", "--trace - names no file", hint=hint)
    try:
        descriptor = open_private(Path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    except OSError as error:
        raise unwritable(name, error) from error
    with open(descriptor, "wb", buffering=0) as file:
        trace.sinks.append(_TraceFile(name, file).write)
        yield


@define
class _TraceFile:
    """The file of a trace."""

    name: str
    stream: IO[bytes]

    def write(self, _: int, event: str) -> None:
        """Write an event. Raises UsageError E612."""
        try:
            rest = event.encode("utf-8", "surrogatepass") + b"\n"
            while rest:
                rest = rest[self.stream.write(rest) :]
        except OSError as error:
            raise unwritable(self.name, error) from error


def store_place(option: str | None, settings: Settings) -> str | Path | None:
    """Return where answers are kept: by an option, the environment, the settings or default. None for nowhere."""
    if named := option or os.environ.get("RLMLANG_STORE"):
        return named
    return None if settings.store is False else settings.store or default_path()


def store_for_run(option: str | None, no_store: bool, settings: Settings) -> str | Path | None:
    """Return `store_place` for a new run, after removing old answers from a store that exceeds its limit.

    Raises UsageError E606.
    """
    place = None if no_store else store_place(option, settings)
    if place is not None and settings.store_limit is not None:
        with Store(place) as store:
            if upkeep.stats(store).disk_bytes > settings.store_limit:
                upkeep.collect(store, max_bytes=settings.store_limit)
    return place


def missing_model(need: str) -> UsageError:
    """The error of what needs a model when none is named."""
    ready = [name for name, _, is_ready, _ in available() if is_ready]
    return MissingModel.of(
        "E605",
        f"{need}, and no model is named",
        hint=f"name one with --model, in $RLMLANG_MODEL or in rlmlang.toml; ready here: {', '.join(ready)}",
    )


def summary(usage: Usage) -> str:
    """Return what a run took, on a line."""
    return (
        f"{counted(usage.calls, 'call')}, {counted(usage.memo_hits, 'memo hit')}, "
        f"{usage.prompt_tokens:,} tokens in"
        + (f" ({usage.cached_tokens:,} not read again)" if usage.cached_tokens else "")
        + f", {usage.completion_tokens:,} out"
        + (f", {money(usage.cost)}" if usage.cost else "")
        + (f", {counted(usage.function_calls, 'function call')}" if usage.function_calls else "")
        + f", {usage.seconds:.1f} s"
    )
