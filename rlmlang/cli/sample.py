"""`rlmlang sample`: write random programs, each of which checks."""

from __future__ import annotations

import sys

import click

from rlmlang.cli import output
from rlmlang.cli.scope import read_scope, read_type


@click.command("sample")
@click.option("--n", "count", type=click.IntRange(1), default=1, show_default=True, help="How many programs.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="The seed of the first program; that of the next is one more.",
)
@click.option(
    "--tokenizer",
    default="bytes",
    show_default=True,
    metavar="NAME",
    help="bytes, smollm2, or a folder or tokenizer.json of Hugging Face.",
)
@click.option(
    "--input",
    "-i",
    "inputs",
    multiple=True,
    metavar="NAME:TYPE",
    help="An input that the program sees.",
)
@click.option("--type", "type_text", metavar="TYPE", help="The type of the program's value. [default: any]")
@click.option(
    "--max-tokens", type=click.IntRange(8), default=200, show_default=True, help="The most tokens of a program."
)
def command(
    count: int, seed: int, tokenizer: str, inputs: tuple[str, ...], type_text: str | None, max_tokens: int
) -> None:
    """Write random programs with the token mask and no model.

    Prints one JSON object on each line: {"program", "tokens"}. Every program parses and checks.

    \b
    Examples:
      rlmlang sample
      rlmlang sample --n 100 --tokenizer smollm2 --input document:str --type 'list[str]'
    """
    from rlmlang.decode.constraint import Constraint
    from rlmlang.decode.sampling import sample_program
    from rlmlang.decode.vocabulary import Vocabulary, open_vocabulary

    program = read_scope(inputs, "--input")
    type_ = None if type_text is None else read_type(type_text)
    vocabulary: Vocabulary = open_vocabulary(tokenizer)
    hidden = not output.is_terminal(sys.stderr) or output.is_terminal(sys.stdout)
    with click.progressbar(range(seed, seed + count), label="programs", file=sys.stderr, hidden=hidden) as numbers:
        for number in numbers:
            found = sample_program(Constraint(program, type_), vocabulary, number, max_tokens)
            output.write_json({"program": found.program, "tokens": found.tokens})
