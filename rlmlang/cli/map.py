"""`rlmlang map`: run a program on every row of a data set, and `rlmlang map diff`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from attrs import fields_dict

from rlmlang.api import Program
from rlmlang.calls.limits import Limits
from rlmlang.cli.files import read_given, read_source
from rlmlang.cli.functions import functions_of, functions_option
from rlmlang.cli.map_diff import command as diff
from rlmlang.cli.map_job import MapJob, canonical_text, digest
from rlmlang.cli.options import (
    download_option,
    guidance_of,
    guidance_option,
    input_option,
    json_option,
    leaf_model_option,
    limit_options,
    limits_given,
    model_of,
    model_option,
    models_of,
    program_argument,
    quiet_option,
    store_options,
    trace_option,
    writing_option,
)
from rlmlang.cli.running import store_for_run
from rlmlang.cli.settings import find_settings, limit
from rlmlang.cluster.options import Cluster, workers_of
from rlmlang.data import rows as rows_at
from rlmlang.errors import UsageError
from rlmlang.language.check import check
from rlmlang.mapping.results_file import ResultsFile
from rlmlang.trace.recorder import Trace


class _MapOrDiff(click.Command):
    """The command itself, or `rlmlang map diff`, where that is its first word."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == ["diff"]:
            return diff.make_context(f"{info_name} diff", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


def _row_limits(ctx: click.Context, param: click.Parameter, pairs: Sequence[str]) -> dict[str, Any]:
    """Return the limits that `--row-limit` gives."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        name = name.replace("-", "_")
        if name not in fields_dict(Limits):
            raise click.BadParameter(f"{pair}: expected a limit, such as max_calls=20", ctx, param)
        try:
            found[name] = limit(name, value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from error
    return found


def _workers(ctx: click.Context, param: click.Parameter, text: str | None) -> int | tuple[int, int] | None:
    """Return how many workers `--workers` gives."""
    try:
        return None if text is None else workers_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


@click.command("map", cls=_MapOrDiff)
@program_argument
@click.argument("rows", type=click.Path(allow_dash=True))
@click.option(
    "--out",
    "-o",
    required=True,
    metavar="RESULTS",
    type=click.Path(allow_dash=True),
    help="Where the results go: a file .jsonl, .csv or .parquet, or - for JSON Lines on standard output.",
)
@input_option
@download_option
@model_option
@leaf_model_option
@writing_option
@guidance_option
@functions_option
@click.option("--resume", is_flag=True, help="Continue results that were begun; no finished row is run again.")
@click.option("--retry-failed", is_flag=True, help="Like --resume, but rows that failed are run again.")
@click.option("--overwrite", is_flag=True, help="Replace results that exist already.")
@click.option("--unordered", is_flag=True, help="Write results in the order in which rows end.")
@click.option(
    "--columns",
    metavar="NAMES",
    help="Columns of the rows to keep in results, separated by commas.  [default: all]",
)
@click.option("--max-errors", metavar="N", type=click.IntRange(0), help="End when more than N rows have failed.")
@click.option(
    "--row-limit",
    "row_limits",
    multiple=True,
    metavar="NAME=N",
    callback=_row_limits,
    help="A limit of each row, such as max_calls=20.  [default: 1,000 calls of the model, and as many of functions]",
)
@click.option(
    "--rows-at-once",
    metavar="N",
    type=click.IntRange(1),
    help="Rows that run at once.  [default: set by the model]",
)
@click.option(
    "--on",
    metavar="CLUSTER",
    help="Run the rows with Ray: ray for all processors of this machine, auto, HOST:PORT or ray://HOST:PORT.",
)
@click.option(
    "--workers",
    metavar="N",
    callback=_workers,
    help="Workers on the cluster, or the fewest and the most, such as 2-16.  [default: set by the cluster]",
)
@click.option("--worker-cpus", metavar="N", type=float, default=1.0, help="Processors held for each worker.")
@click.option("--worker-gpus", metavar="N", type=float, default=0.0, help="Graphics processors held for each worker.")
@click.option("--expect", metavar="COLUMN", help="Score the values against this column.")
@click.option(
    "--tolerance", metavar="N", type=float, default=0.0, help="By how much numbers may differ from what is expected."
)
@click.option(
    "--judge",
    metavar="FILE",
    help="A program of the inputs value and expected that returns whether the value is right.",
)
@store_options
@trace_option
@quiet_option
@json_option
@partial(limit_options, unlimited=("max_calls", "max_function_calls"))
@click.pass_context
def command(
    ctx: click.Context,
    file: str,
    rows: str,
    out: str,
    inputs: tuple[str, ...],
    allow_download: bool,
    model: str | None,
    leaf_model: str | None,
    writing: Any,
    guidance: str | None,
    functions_file: str | None,
    resume: bool,
    retry_failed: bool,
    overwrite: bool,
    unordered: bool,
    columns: str | None,
    max_errors: int | None,
    row_limits: dict[str, Any],
    rows_at_once: int | None,
    on: str | None,
    workers: int | tuple[int, int] | None,
    worker_cpus: float,
    worker_gpus: float,
    expect: str | None,
    tolerance: float,
    judge: str | None,
    store: str | None,
    no_store: bool,
    trace_file: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run a program on every row of a data set.

    One line of results is written for each row. A column is the input that has its name; --input
    gives an input that is the same for all rows. Equal calls of different rows are made once. A row
    that fails is a line with its error, and the exit code is then 1. The limits hold for all rows
    together; when one is reached, or a server is down, finished rows are kept, and --resume
    continues. With --on, many processes or machines run the rows, with one store in PostgreSQL.
    `rlmlang map diff A B` compares two results.

    \b
    Examples:
      rlmlang map classify.rlm tickets.csv --out labels.csv --model smollm2
      rlmlang map classify.rlm tickets.csv --out labels.csv --resume --max-cost 5
      rlmlang map answer.rlm facts.jsonl -o answers.jsonl -i question="Who?" --expect answer
      rlmlang map diff before.jsonl after.jsonl
    """
    job = MapJob(Trace(keep=False), rows, out, quiet)
    with job.caught():
        if out == "-" and (resume or retry_failed):
            raise UsageError.of("E607", "standard output cannot be resumed", hint="name a file with --out")
        if out == "-" and as_json:
            raise UsageError.of("E607", "--json and --out - both write to standard output")
        if rows.endswith(".rlm") and not file.endswith((".rlm", ".py")):
            hint = f"write `rlmlang map {rows} {file} …`"
            raise UsageError.of("E607", f"the program comes first, and then the rows; {rows} is a program", hint=hint)
        if expect is None and (judge is not None or tolerance):
            hint = "name the column: --expect COLUMN"
            raise UsageError.of("E607", "nothing says what is expected", hint=hint)
        if on is None and workers is not None:
            raise UsageError.of("E607", "--workers are those of a cluster", hint="name it: --on ray")
        cluster = None if on is None else Cluster(on, workers, cpus=worker_cpus, gpus=worker_gpus)
        settings = find_settings()
        name = model_of(model, settings)
        program = Program(check(read_source(file)))
        given = read_given(inputs, file).values(program.checked, allow_download)
        table = rows_at(rows, download=allow_download)
        mapped = program.map(
            table, given, model=name, models=models_of(leaf_model, settings),
            store=store_for_run(store, no_store, settings), limits={**settings.limits, **limits_given(ctx)},
            row_limits=row_limits, prices=settings.prices, writing=writing or settings.writing,
            guidance=guidance_of(guidance, settings), functions=functions_of(functions_file), trace=job.trace,
            ordered=out == "-" and not unordered, max_errors=max_errors, rows_at_once=rows_at_once,
            expect=expect, tolerance=tolerance, judge=None if judge is None else Program(check(read_source(judge))),
            on=cluster,
        )  # fmt: skip
        job.keep(columns, expect, mapped.columns)
        if out == "-":
            job.run(mapped, table.count, trace_file, None)
        else:
            begun = {
                "program": digest(program.source.text),
                "rows": rows,
                "inputs": digest(canonical_text(given)),
                "first_row": digest(canonical_text(mapped.first)),
                "model": name,
                "leaf_model": next(iter(models_of(leaf_model, settings).values()), None),
                "guidance": digest(guidance_of(guidance, settings)),
            }
            with ResultsFile(
                Path(out), begun, resume=resume or retry_failed, overwrite=overwrite, again=retry_failed
            ) as results:
                job.run(mapped, table.count, trace_file, results)
                job.finish(results, ordered=not unordered)
    return job.end(as_json)
