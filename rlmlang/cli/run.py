"""`rlmlang run`: run a program on a model."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import evolve

from rlmlang.api import Program, Result
from rlmlang.calls.budget import Account, Limits, Usage
from rlmlang.cli import output
from rlmlang.cli.failures import Interrupted, as_error
from rlmlang.cli.files import read_given, read_source
from rlmlang.cli.options import (
    input_option,
    json_option,
    limit_options,
    limits_of,
    model_of,
    model_option,
    program_argument,
    quiet_option,
    store_options,
    trace_option,
    write_option,
)
from rlmlang.cli.progress import Progress, reported
from rlmlang.cli.settings import Settings, find_settings
from rlmlang.errors import BudgetError, RlmError, UsageError
from rlmlang.files import open_private
from rlmlang.language.check import check
from rlmlang.models.registry import available
from rlmlang.runtime.estimate import Interval
from rlmlang.runtime.inputs import read_inputs
from rlmlang.runtime.values import to_json
from rlmlang.storage import upkeep
from rlmlang.storage.store import Store, default_path
from rlmlang.trace.recorder import Trace


@click.command("run")
@program_argument
@input_option
@model_option
@write_option
@store_options
@trace_option
@quiet_option
@json_option
@limit_options
@click.pass_context
def command(
    ctx: click.Context,
    file: str,
    inputs: tuple[str, ...],
    model: str | None,
    writing: Any,
    store: str | None,
    no_store: bool,
    trace_file: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run a program, and print its value.

    Text is printed as it is, every other value as JSON. Answers of the model are kept in a
    store, so that an interrupted run goes on where it was, and equal calls are free. The
    model, the store and limits may also stand in a file rlmlang.toml, in this folder or one
    above it, and the model in $RLMLANG_MODEL.

    \b
    Examples:
      rlmlang run article.rlm --input document=@article.txt --model smollm2
      rlmlang run article.rlm -i document=- -m gguf:model.gguf < article.txt
      rlmlang run classify.rlm -i items=@items.json --max-calls 500 --json
    """
    trace = Trace(keep=False)
    account: Account | None = None
    result: Result | None = None
    failure: RlmError | None = None
    options: dict[str, Any] = {}
    try:
        settings = find_settings()
        name = model_of(model, settings)
        account = Account(limits_of(ctx, settings, name))
        program = Program(check(read_source(file)))
        given = read_inputs(program.checked, read_given(inputs, file))
        options |= {"model": name, "writing": writing, "prices": settings.prices}
        options["store"] = store_with_room(store, no_store, settings)
        work = partial(program.arun, given, trace=trace, account=account, command="run", **options)
        planned = (0, None) if quiet else planned_calls(program, given, account.limits)
        result = asyncio.run(watched(work, program.source.name, trace, account, quiet, trace_file, planned))
    except (Exception, KeyboardInterrupt) as error:
        failure = failed(error, trace, options)
    return ended(result, failure, trace, account, quiet, as_json)


T = TypeVar("T")


async def watched(
    work: Callable[[], Awaitable[T]],
    title: str,
    trace: Trace,
    account: Account,
    quiet: bool,
    trace_file: str | None,
    planned: Interval = (0, None),
) -> T:
    """What the work gives; its events go to a file, if one is named.

    If it is not to be quiet, a terminal shows its calls while it goes on, and anything else says now and
    then how far it is. Raises UsageError E607.
    """
    with written_to(trace_file, trace):
        if quiet:
            return await work()
        progress = Progress(trace, account, planned)
        if not sys.stderr.isatty():
            async with reported(progress):
                return await work()
        from rlmlang.cli.live import shown

        async with shown(title, progress):
            return await work()


def planned_calls(program: Program, given: dict[str, object], limits: Limits) -> Interval:
    """How many calls a run makes if no limit ends it."""
    try:
        return program.cost(given, limits=evolve(limits, max_calls=None)).calls
    except RlmError:
        return 0, None  # the run itself will tell


@contextmanager
def written_to(name: str | None, trace: Trace) -> Iterator[None]:
    """Write the events of a run to a file, one on a line. Raises UsageError E607."""
    if name is None:
        yield
        return
    try:
        descriptor = open_private(Path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    except OSError as error:
        raise UsageError.of("E607", f"cannot write {name}: {error.strerror}") from error
    with open(descriptor, "w", encoding="utf-8", buffering=1) as file:
        trace.sinks.append(lambda _, event: print(event, file=file))
        yield


def store_of(option: str | None, settings: Settings) -> str | Path | None:
    """Where answers are kept, if they are."""
    if named := option or os.environ.get("RLMLANG_STORE"):
        return named
    return None if settings.store is False else settings.store or default_path()


def store_with_room(option: str | None, no_store: bool, settings: Settings) -> str | Path | None:
    """`store_of` for a new run: a store that has grown beyond its limit is made smaller. Raises UsageError E606."""
    place = None if no_store else store_of(option, settings)
    if place is not None and settings.store_limit is not None:
        store = Store(place)
        try:
            if upkeep.stats(store).disk_bytes > settings.store_limit:
                upkeep.collect(store, max_bytes=settings.store_limit)
        finally:
            store.close()
    return place


def failed(error: Exception | KeyboardInterrupt, trace: Trace, options: dict[str, Any]) -> RlmError:
    """What went wrong in a run with a `model` and a `store`, told to the user."""
    failure = as_error(error)
    if failure.first.code == "E605" and options.get("model") is None:
        return no_model()
    passing = isinstance(failure, (Interrupted, BudgetError)) or failure.first.code in ("E400", "E409")
    if passing and trace.count and options.get("store"):
        again = f"finished calls are kept; go on with: rlmlang runs resume {trace.run_id}"
        hint = "\n".join(text for text in (failure.first.hint, again) if text)
        return type(failure)((evolve(failure.first, hint=hint), *failure.diagnostics[1:]))
    return failure


def no_model() -> UsageError:
    """The error of a CALL when no model is named."""
    ready = [name for name, _, is_ready, _ in available() if is_ready]
    return UsageError.of(
        "E605",
        "the program makes a CALL, and no model is named",
        hint=f"name one with --model, in $RLMLANG_MODEL or in rlmlang.toml; ready here: {', '.join(ready)}",
    )


def outcome(result: Result | None, failure: RlmError | None) -> dict[str, Any]:
    """The part of the JSON object that tells how the run ended."""
    if failure is not None:
        return {"error": output.error_json(failure)}
    assert result is not None
    return {"value": to_json(result.value), "type": str(result.program.type)}


def ended(
    result: Result | None, failure: RlmError | None, trace: Trace, account: Account | None, quiet: bool, as_json: bool
) -> int:
    """Print how a run ended; gives the exit code."""
    usage = account.usage if account else Usage()
    if as_json:
        output.write_json({"run_id": trace.run_id} | outcome(result, failure) | {"usage": usage.to_json()})
    else:
        show(result, failure, None if quiet or not trace.count else usage)
    return failure.exit_code if failure else 0


def show(result: Result | None, failure: RlmError | None, usage: Usage | None) -> None:
    """Print the value, or what went wrong; and what it took."""
    if result is not None:
        value = to_json(result.value)
        output.write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2))
    if failure is not None:
        output.show_error(failure)
    if usage is not None:
        click.echo(summary(usage), err=True)


def summary(usage: Usage) -> str:
    """What a run took, on a line."""
    return (
        f"{usage.calls:,} call{'' if usage.calls == 1 else 's'}, "
        f"{usage.memo_hits:,} memo hit{'' if usage.memo_hits == 1 else 's'}, "
        f"{usage.prompt_tokens:,} tokens in"
        + (f" ({usage.cached_tokens:,} not read again)" if usage.cached_tokens else "")
        + f", {usage.completion_tokens:,} out"
        + (f", {output.money(usage.cost)}" if usage.cost else "")
        + f", {usage.seconds:.1f} s"
    )
