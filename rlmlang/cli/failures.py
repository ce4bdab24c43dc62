"""Whatever ends a command, as an error that can be shown."""

from __future__ import annotations

import os
from typing import ClassVar

import click

from rlmlang.errors import RlmError, UsageError


class Interrupted(RlmError):
    """Ended from the keyboard."""

    exit_code: ClassVar[int] = 130


def as_error(error: Exception | KeyboardInterrupt) -> RlmError:
    """The error to show. A fault of rlmlang itself is raised again if RLMLANG_DEBUG is set."""
    match error:
        case RlmError():
            return error
        case KeyboardInterrupt() | click.Abort():
            return Interrupted.of("E300", "interrupted")
        case click.ClickException():
            command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "rlmlang"
            return UsageError.of("E607", error.format_message(), hint=f"see `{command} --help`")
    if os.environ.get("RLMLANG_DEBUG"):
        raise error
    return RlmError.of(
        "E300",
        f"internal error: {type(error).__name__}: {error}",
        hint="this is a fault of rlmlang: please report it, with the traceback that RLMLANG_DEBUG=1 shows",
    )
