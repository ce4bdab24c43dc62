"""`rlmlang trace`: read the trace of a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

from rlmlang.cli import output
from rlmlang.cli.options import Command, store_option
from rlmlang.cli.runs import opened_store
from rlmlang.errors import ProgramError, UsageError, unwritable
from rlmlang.storage.runs import find_run
from rlmlang.trace.history import History, LoggedCall, history_of
from rlmlang.trace.log import read_events, read_log


def open_log(name: str, store: str | None) -> Iterator[dict[str, Any]]:
    """Yield the events of a file, or of the run with this id prefix. Raises UsageError E604, E606, E609, E610."""
    if any(sign in name for sign in "./\\") or os.path.exists(name):
        yield from read_log(name)
        return
    with opened_store(store) as kept:
        row = find_run(kept, name)
        yield from read_events(kept.events(row.id), f"the run {row.id}")


def open_history(name: str, store: str | None) -> History:
    """Return the run that a trace describes."""
    return history_of(open_log(name, store))


@contextmanager
def output_file(name: str) -> Iterator[TextIO]:
    """Open a file to write text to, `-` for standard output. Raises UsageError E612."""
    if name == "-":
        yield sys.stdout
        return
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # prompts may be private
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            yield file
    except OSError as error:
        raise unwritable(name, error) from error


@click.group("trace")
def command() -> None:
    """Read the trace of a run.

    It is shown as a tree or a page, compared with another, or written for other tools.

    TRACE is a prefix of a run's id, `last` for the latest run in the store, or a file that
    `--trace FILE` wrote, complete or not.

    \b
    Examples:
      rlmlang trace show last --errors
      rlmlang trace html last -o run.html
      rlmlang trace diff 3f2a 77b0
      rlmlang trace show run.jsonl
    """


trace_argument = click.argument("trace", metavar="TRACE")


def output_option(default: str | None) -> Callable[[Command], Command]:
    """Return the option `-o FILE`; without a default it is required."""
    shown = "FILE to write, - for standard output." + ("  [default: -]" if default == "-" else "")
    if default is None:  # given as such, click would take it for the value of the option
        return click.option("-o", "--output", "to", metavar="FILE", required=True, help=shown)
    return click.option("-o", "--output", "to", metavar="FILE", default=default, help=shown)


@command.command("show")
@trace_argument
@store_option
@click.option("--errors", is_flag=True, help="Calls that failed, or whose end is missing from the trace.")
@click.option("--stored", is_flag=True, help="Calls that the store or an equal call answered.")
@click.option("--slow", metavar="SECONDS", type=click.FloatRange(min=0), help="Calls that took at least so long.")
@click.option("--grep", metavar="TEXT", help="Calls whose prompts or answers contain the text, in any case.")
@click.option("--depth", metavar="N", type=click.IntRange(min=1), help="Calls down to this level.")
@click.option("--all", "everything", is_flag=True, help="Every call, however many one line made.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(
    trace: str,
    store: str | None,
    errors: bool,
    stored: bool,
    slow: float | None,
    grep: str | None,
    depth: int | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Show the calls of a run as a tree.

    Before them come the cost of its lines and its critical path.

    Calls that one line makes are shown together: the first few, and those that failed. With
    several filters, calls that pass all of them are shown.

    \b
    Examples:
      rlmlang trace show last
      rlmlang trace show last --slow 10 --all
      rlmlang trace show last --errors --json
    """
    from rlmlang.cli.call_tree import report, to_json

    history = open_history(trace, store)

    def selects(call: LoggedCall) -> bool:
        return (
            (not errors or call.status in ("failed", "unfinished") or call.error is not None)
            and (not stored or call.status == "stored" or call.hits.total() > 0)
            and (slow is None or call.seconds >= slow)
            and (grep is None or call.contains(grep.casefold()))
            and (depth is None or call.level <= depth)
        )

    if as_json:
        output.write_json(to_json(history, selects))
        return
    for line in report(history, selects, None if everything else 5):
        click.echo(line, color=output.colored(sys.stdout))


@command.command("html")
@trace_argument
@store_option
@output_option(None)
def html(trace: str, store: str | None, to: str) -> None:
    """Write the run as one HTML file, to open in a browser. It needs no network.

    \b
    Example:
      rlmlang trace html last -o run.html
    """
    from rlmlang.trace.html import write_html

    history = open_history(trace, store)
    with output_file(to) as file:
        write_html(history, file)


@command.command("export")
@click.argument("traces", metavar="TRACE…", nargs=-1, required=True)
@store_option
@click.option(
    "--format",
    "form",
    type=click.Choice(("jsonl", "otlp", "chrome", "rlm", "sft")),
    required=True,
    help="jsonl: the events. otlp: OpenTelemetry. chrome: Perfetto. rlm: the visualizer of alexzhang13/rlm. "
    "sft: chats to train a model on, from runs that succeeded.",
)
@click.option("--expect", metavar="VALUE", help="For sft: only runs with this value.")
@click.option("--check", "checker", metavar="FILE", help="For sft: only runs for whose `value` this program is True.")
@output_option("-")
def export(
    traces: tuple[str, ...], store: str | None, form: str, expect: str | None, checker: str | None, to: str
) -> None:
    """Write a trace for other tools, one JSON object on each line.

    For sft there may be several: runs, files, or `all` for all runs in the store.

    \b
    Examples:
      rlmlang trace export last --format chrome -o run.json
      rlmlang trace export last --format otlp -o spans.jsonl
      rlmlang trace export last --format sft --expect 42 >> train.jsonl
      rlmlang trace export all --format sft --check right.rlm -o train.jsonl
    """
    import json

    from rlmlang.trace import export
    from rlmlang.trace.sft import examples

    objects: Iterator[dict[str, Any]]
    if form == "sft":
        names = [name for trace in traces for name in (all_runs(store) if trace == "all" else [trace])]
        is_right = value_filter(expect, checker)
        objects = examples(filter(is_right, (open_history(name, store) for name in names)))
    elif len(traces) > 1 or expect is not None or checker is not None:
        raise UsageError.of("E607", f"{form} is of one trace, whatever its value", hint="--format sft takes more")
    elif form == "jsonl":
        objects = open_log(traces[0], store)
    else:
        write = {"otlp": export.otlp, "chrome": export.chrome, "rlm": export.rlm}
        objects = write[form](open_history(traces[0], store))
    with output_file(to) as file:
        for each in objects:
            file.write(json.dumps(each, ensure_ascii=True) + "\n")


def all_runs(store: str | None) -> list[str]:
    """The ids of the runs in the store, the oldest first. Raises UsageError E606."""
    with opened_store(store) as kept:
        return [row.id for row in reversed(kept.runs())]


def value_filter(expect: str | None, checker: str | None) -> Callable[[History], bool]:
    """Return a function that says whether a run has the expected value, and the program in a file is True for it.

    Raises UsageError E604, E607, ProgramError; and where the program does not take a value or fails, RlmError.
    """
    import json

    from rlmlang.api import compile, load

    program = load(checker) if checker is not None else None
    if program is not None and (list(program.inputs) != ["value"] or str(program.type) != "bool"):
        raise UsageError.of(
            "E607", f"{checker} is no check", hint="write `value: TYPE`, and an expression that is True or False"
        )

    def is_right(history: History) -> bool:
        shown = history.end.value if history.end else None
        if history.status != "done" or shown is None:
            return False
        if expect is not None and shown not in (expect, json.dumps(expect, ensure_ascii=False)):
            return False
        if program is None:
            return True
        try:
            value = compile(shown).run().value
        except ProgramError as error:
            raise UsageError.of(
                "E607", f"the trace of run {history.run.run} does not show its value whole", hint="leave the run out"
            ) from error
        return bool(program.run(value=value).value)

    return is_right


@command.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@store_option
@click.option("--all", "everything", is_flag=True, help="Every difference, however many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def diff(before: str, after: str, store: str | None, everything: bool, as_json: bool) -> None:
    """Show how two runs differ in their calls, answers and usage.

    Calls are matched by their key, or if that has changed, by line and instruction.

    \b
    Example:
      rlmlang trace diff 3f2a 77b0
    """
    from rlmlang.cli.call_tree import difference
    from rlmlang.trace.diff import compare

    found = compare(open_history(before, store), open_history(after, store))
    if as_json:
        output.write_json(found.to_json())
        return
    for line in difference(found, None if everything else 10):
        click.echo(line, color=output.colored(sys.stdout))
