"""The errors that end a command, with hints in terms of the command line."""

from __future__ import annotations

import errno
import os
import re
from typing import ClassVar

import click

from rlmlang.errors import (
    INTERNAL,
    AnswerNotStored,
    BudgetError,
    CostExceedsBudget,
    InputMismatch,
    MissingInput,
    ModelError,
    PriceUnknown,
    RlmError,
    RunNotFound,
    StoreUnusable,
    TraceUnreadable,
    UsageError,
    internal_error,
    unwritable,
)


class Interrupted(RlmError):
    """The command was interrupted from the keyboard."""

    exit_code: ClassVar[int] = 130


HINTS: dict[type[RlmError], str] = {
    AnswerNotStored: "`rlmlang runs resume` makes what is missing",
    CostExceedsBudget: "`rlmlang plan` shows the whole estimate",
    RunNotFound: "`rlmlang runs list` shows them",
    StoreUnusable: "name another store with --store",
    TraceUnreadable: "a trace is what `rlmlang run --trace FILE` writes: an event on a line",
}
"""What to do about an error on the command line, besides what its own hint says."""

_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EBADF})
"""What the system answers where something cannot be written: the disk is full, or the file closed."""

_JSON = re.compile(r"`(\w+)` .*\nwrite JSON, such as `([^'`]*\"[^'`]*)`(, or `null`)?", re.DOTALL)
"""An error of an input that is no JSON, whose hint shows an example with quotes."""

_LIMIT = re.compile(r"\bmax_[a-z_]+\b")


def for_command_line(error: RlmError) -> RlmError:
    """Return the error with hints that name commands and options instead of Python's names."""
    hint = error.first.hint
    if isinstance(error, MissingInput) and error.first.span is not None:
        name = error.first.span.text.partition(":")[0].strip()
        hint = f"give it: --input {name}=…, or --input {name}=@FILE"
    elif isinstance(error, InputMismatch) and (json := _JSON.fullmatch(f"{error.first.message}\n{hint}")):
        name, example, more = json.groups("")
        hint = f"write JSON, in quotes that the shell takes away: --input '{name}={example}'{more}"
    elif isinstance(error, PriceUnknown) and (model := re.search("no price of (.+) is known", error.first.message)):
        hint = f'give it in rlmlang.toml, in dollars a million tokens: [prices."{model[1]}"] input = …, output = …'
    elif hint is not None and isinstance(error, (BudgetError, ModelError)):
        hint = _LIMIT.sub(lambda found: "--" + found[0].replace("_", "-"), hint)
    return with_more_hints(error.with_hint(hint), *(text for kind, text in HINTS.items() if isinstance(error, kind)))


def with_more_hints(error: RlmError, *more: str) -> RlmError:
    """Return the error with lines added to its hint."""
    return error.with_hint("\n".join(text for text in (error.first.hint, *more) if text) or None)


def _unmarked_inputs(command: click.Command, message: str) -> str:
    """Return the extra arguments that a message names as options, if all of them are inputs without `--input`."""
    extra = re.search(r"unexpected extra arguments? \((.+)\)", message, re.DOTALL)
    is_taken = any("--input" in parameter.opts for parameter in command.params)
    if not extra or not is_taken or not re.fullmatch(r"(\s*[A-Za-z_]\w*=\S*)+", extra[1]):
        return ""
    return " ".join(f"--input {pair}" for pair in extra[1].split())


def _takes_text(command: click.Command) -> bool:
    """Return whether a command has an argument that is a text of the user's."""
    return any(parameter.name in ("question", "prompt") for parameter in command.params)


def as_error(error: Exception | KeyboardInterrupt, command: str = "rlmlang") -> RlmError:
    """Return the error to show. A bug of rlmlang itself is raised again if RLMLANG_DEBUG is set.

    `command` is the command that the hints of wrong usage name, where the error itself does not.
    """
    match error:
        case RlmError():
            if os.environ.get("RLMLANG_DEBUG") and error.first.message.startswith(INTERNAL):
                raise error
            return for_command_line(error)
        case KeyboardInterrupt() | click.Abort():
            return Interrupted.of("E300", "interrupted")
        case click.ClickException():
            context = error.ctx if isinstance(error, click.UsageError) else None
            message = error.format_message()
            if context is not None and (inputs := _unmarked_inputs(context.command, message)):
                return UsageError.of("E607", message, hint=f"an input needs its option: {inputs}")
            if isinstance(error, click.NoSuchOption) and context is not None and _takes_text(context.command):
                more = "; a text that begins with - comes last, after --"
                return UsageError.of("E607", message, hint=f"see `{context.command_path} --help`{more}")
            shown = command if context is None else context.command_path
            return UsageError.of("E607", message, hint=f"see `{shown} --help`")
        case OSError() if error.errno in _UNWRITABLE:
            return unwritable(error.filename or "the output", error)
    if os.environ.get("RLMLANG_DEBUG"):
        raise error
    return internal_error(error)
