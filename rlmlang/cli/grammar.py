"""`rlmlang grammar`: print the grammar of the language for other tools."""

from __future__ import annotations

import click

from rlmlang.cli.scope import read_scope, read_type
from rlmlang.errors import UsageError
from rlmlang.files import grammar_text


@click.command("grammar")
@click.option(
    "--dialect",
    "--format",
    type=click.Choice(["lark", "llguidance", "ebnf", "gbnf"]),
    default="lark",
    show_default=True,
    help="lark; llguidance, whose first line is how llama.cpp recognizes it; ebnf for xgrammar (vLLM, SGLang); "
    "gbnf for llama.cpp.",
)
@click.option(
    "--unit",
    type=click.Choice(["program", "statement", "call", "answer"]),
    help="What the model writes: a program; its next statement; the rest of a call, after the word CALL; or a direct "
    'answer, {"answer": …}.  [default: statement with --scope, else program]',
)
@click.option("--scope", multiple=True, metavar="NAME:TYPE", help="An input that a statement or a call may use.")
@click.option(
    "--type", "type_text", metavar="TYPE", help="The type of the value. It constrains answers; programs are checked."
)
@click.option("--no-calls", is_flag=True, help="Leave CALL out of programs and statements.")
def command(dialect: str, unit: str | None, scope: tuple[str, ...], type_text: str | None, no_calls: bool) -> None:
    """Print the grammar of the language.

    Without options it is the grammar file. With any except lark and llguidance, it is the grammar of
    what a model may write, in the format of its engine.

    \b
    Examples:
      rlmlang grammar > rlm.lark
      rlmlang grammar --format llguidance > rlm.llg
      rlmlang grammar --dialect ebnf --scope document:str --scope 'names:list[str]'
      rlmlang grammar --dialect gbnf --unit answer --type 'list[int]'
    """
    program = read_scope(scope, "--scope")
    type_ = None if type_text is None else read_type(type_text)
    if unit == "answer":
        if type_ is None or scope or no_calls:
            raise UsageError.of(
                "E607", "an answer has a type, but no scope and no calls", hint="write `--type 'list[str]'`"
            )
        from rlmlang.decode.grammars.lark_text import answer_text

        click.echo(answer_text(type_, dialect), nl=False)  # type: ignore[arg-type]
    elif unit or scope or type_text or no_calls or dialect in ("ebnf", "gbnf"):
        from rlmlang.decode.constraint import Constraint
        from rlmlang.decode.grammars.lark_text import grammar_text as constrained

        constraint = Constraint(program, type_, unit or ("statement" if scope else "program"), not no_calls)  # type: ignore[arg-type]
        click.echo(constrained(constraint, dialect), nl=False)  # type: ignore[arg-type]
    else:
        click.echo(("%llguidance {}\n\n" if dialect == "llguidance" else "") + grammar_text(), nl=False)
