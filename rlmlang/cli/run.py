"""`rlmlang run`: run a program on a model."""

from __future__ import annotations

from typing import Any

import click

from rlmlang.api import Program
from rlmlang.cli.files import read_given, read_source
from rlmlang.cli.functions import functions_of, functions_option
from rlmlang.cli.options import (
    download_option,
    guidance_of,
    guidance_option,
    input_option,
    json_option,
    leaf_model_option,
    limit_options,
    limits_of,
    model_of,
    model_option,
    models_of,
    program_argument,
    quiet_option,
    store_options,
    trace_option,
    writing_option,
)
from rlmlang.cli.running import Attempt, store_for_run
from rlmlang.cli.settings import find_settings
from rlmlang.language.check import check


@click.command("run")
@program_argument
@input_option
@download_option
@model_option
@leaf_model_option
@writing_option
@guidance_option
@functions_option
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
    allow_download: bool,
    model: str | None,
    leaf_model: str | None,
    writing: Any,
    guidance: str | None,
    functions_file: str | None,
    store: str | None,
    no_store: bool,
    trace_file: str | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run a program, and print its value.

    Text is printed as it is, every other value as JSON. Answers of the model are kept in a
    store, so that an interrupted run can be resumed, and equal calls are free. The model, the
    store and limits may also be set in a file rlmlang.toml, in this folder or one above it, and
    the model in $RLMLANG_MODEL.

    \b
    Examples:
      rlmlang run article.rlm --input document=@article.txt --model smollm2
      rlmlang run article.rlm -i document=- -m gguf:model.gguf < article.txt
      rlmlang run classify.rlm -i items=@items.json --max-calls 500 --json
      rlmlang run ratings.rlm -i reviews=@reviews.csv -m smollm2
    """
    attempt = Attempt()
    with attempt.caught():
        settings = find_settings()
        name = model_of(model, settings)
        models = models_of(leaf_model, settings)
        limits = limits_of(ctx, settings, name)
        functions = functions_of(functions_file)
        program = Program(check(read_source(file)))
        found = read_given(inputs, file)
        given = found.values(program.checked, allow_download)
        place = store_for_run(store, no_store, settings)
        attempt.is_resumable = place is not None
        attempt.run(
            lambda: program.arun(
                given, model=name, models=models, store=place, limits=limits, prices=settings.prices,
                writing=writing or settings.writing, guidance=guidance_of(guidance, settings),
                functions=functions, trace=attempt.trace,
            ),
            program.source.name, quiet, trace_file,
        )  # fmt: skip
    return attempt.end(quiet, as_json)
