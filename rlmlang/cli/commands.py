"""The group of all commands, and how their errors end a process."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import TextIO

import click

from rlmlang.cli.failures import as_error
from rlmlang.cli.output import error_json, show_error, write_json
from rlmlang.errors import FileUnwritable, UsageError
from rlmlang.language.depth import deep_recursion

COMMANDS = (
    "check", "fmt", "explain", "plan", "run", "map", "ask", "sessions", "complete", "runs", "trace", "store", "models",
    "grammar", "sample", "conform", "completion", "serve", "mcp",
)  # fmt: skip


class _Commands(click.Group):
    """The group of commands, each imported when it is first used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"rlmlang.cli.{cmd_name}").command
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, 1)
            hint = f"did you mean `rlmlang {near[0]}`?" if near else "see `rlmlang --help`"
            raise UsageError.of("E607", f"there is no command {name}", hint=hint)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, param: click.Parameter, given: bool) -> None:
    if given:
        import rlmlang

        click.echo(f"rlmlang {rlmlang.__version__}")
        ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
def commands() -> None:
    """Check, estimate and run programs of recursive language models.

    \b
    Examples:
      rlmlang check article.rlm
      rlmlang plan article.rlm --input document=@article.txt
      rlmlang run article.rlm --input document=@article.txt --model smollm2

    Exit codes: 0 success, 1 the program or its check failed, 2 wrong usage, 3 a budget ended
    the run, 4 the model failed, 130 interrupted.
    """


def named_command(args: Sequence[str]) -> str:
    """Return the command that the first words of a command line name, such as `rlmlang runs list`."""
    command: click.Command | None = commands
    path = "rlmlang"
    for word in args:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word)
        if command is None:
            break
        path += f" {word}"
    return path


def take_any_text(stream: TextIO | None) -> None:
    """Let a stream take every text: what it cannot write, such as half a surrogate pair, becomes an escape.

    Windows writes files and pipes in the encoding of the country, which lacks most characters; there they are UTF-8.
    """
    if isinstance(stream, TextIOWrapper):
        encoding = "utf-8" if sys.platform == "win32" and not stream.isatty() else None
        stream.reconfigure(encoding=encoding, errors="backslashreplace")


def run(args: Sequence[str]) -> int:
    """Run a command line, and return the exit code. Whatever happens, there is no traceback."""
    for stream in (sys.stdout, sys.stderr):
        take_any_text(stream)
    try:
        if sys.stdout is None:  # else a run would be paid for, and its value lost
            raise UsageError.of("E612", "standard output is closed", hint="send it to a file, or to /dev/null")
        with deep_recursion:
            code = commands.main(args, "rlmlang", standalone_mode=False)
        sys.stdout.flush()
        return code or 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:  # the reader has closed its end
        _give_up_output()
        return 1
    except (Exception, KeyboardInterrupt) as error:
        failure = as_error(error, named_command(args))
        if isinstance(failure, FileUnwritable):
            _give_up_output()
            show_error(failure)
        elif "--json" in args:
            write_json({"error": error_json(failure)})
        else:
            show_error(failure)
        return failure.exit_code


def _give_up_output() -> None:
    """Write what is still buffered to nowhere: at the exit, Python would fail once more."""
    with suppress(OSError, AttributeError):  # there may be no standard output at all
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
