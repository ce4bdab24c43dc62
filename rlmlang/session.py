"""Statement sessions: a model writes a program statement by statement, and sees what each one gives.

After a statement has been written it is checked and run, and a preview of its value is put
behind it as a comment; the model goes on from there. A statement that does not check or run
is taken back and written again. The transcript is a program like any other: run again, it
gives the same value.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from attrs import evolve

from rlmlang import ast
from rlmlang.check import check
from rlmlang.check.scope import Variable
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.oracle import ground_of
from rlmlang.errors import BudgetError, ModelError, RlmError, UsageError
from rlmlang.models.base import Reply, Request
from rlmlang.parser import parse
from rlmlang.parser.layout import HIDDEN
from rlmlang.prompt import program_header
from rlmlang.source import Source
from rlmlang.types import FunctionType, Never, Type, Unknown
from rlmlang.values import Value, preview

MAX_STATEMENTS = 40
"""Of one program."""

ATTEMPTS = 4
"""How often one statement is written before the session gives up."""

STATEMENT_TOKENS = 200
"""Of one statement, where the request allows more."""

PREVIEW = 80
"""Characters of a value that are shown."""

Generate = Callable[[Request], Awaitable[Reply]]
Run = Callable[[str, Type], Awaitable[Value]]
"""Runs a program text without its inputs; gives its value, which is of the type."""


async def stepwise(request: Request, generate: Generate, run: Run) -> tuple[str, Value]:
    """The finished transcript, without the inputs that it starts from, and its value.

    Raises ModelError E405 if no program comes about; BudgetError, UsageError and ModelError from
    generations and runs.
    """
    header = program_header(request)
    written = ""
    for _ in range(MAX_STATEMENTS):
        problem: RlmError | None = None
        for attempt in range(ATTEMPTS):
            asked = evolve(
                request,
                constraint=Constraint(header + written, request.type, "statement"),
                written=written,
                max_tokens=min(request.max_tokens, STATEMENT_TOKENS),
                sample=request.sample * ATTEMPTS + attempt,
            )
            try:
                text, ends = _statement(header + written, (await generate(asked)).text, request.type)
                if ends:
                    return written + text, await run(written + text, request.type)
                shown = await _preview(header, written, text, run)
            except (BudgetError, UsageError):
                raise
            except RlmError as error:
                problem = error
                continue
            written += text.rstrip("\n") + shown + "\n"
            break
        else:
            assert problem is not None
            raise ModelError.of(
                "E405",
                f"the model wrote {ATTEMPTS} statements that do not work, last with "
                f"{problem.first.code}: {problem.first.message}",
                hint="lower max_depth so that the model answers directly, or give it a smaller task",
            ) from problem
    raise ModelError.of("E405", f"the model's program has no value after {MAX_STATEMENTS} statements")


def _statement(before: str, text: str, wanted: Type) -> tuple[str, bool]:
    """The one statement in a text, and whether it ends the program. Raises ProgramError, ModelError."""
    text = text.strip("\n").rstrip() + "\n"
    if "#=>" in text:
        raise ModelError.of("E405", "the model wrote a result itself")
    found = parse(Source(text)).statements
    if len(found) != 1:
        raise ModelError.of("E405", f"{len(found)} statements where one was asked for")
    ends = isinstance(found[0], ast.Value)
    if isinstance(found[0], ast.Input):
        raise ModelError.of("E405", "the program's inputs are given; it declares no others")
    if ends:
        check(Source(before + text), wanted)
    else:
        ground_of(Constraint(before + text))
    return text, ends


async def _preview(header: str, written: str, text: str, run: Run) -> str:
    """The values that a statement binds, as a comment."""
    statement = parse(Source(text)).statements[0]
    if not isinstance(statement, ast.Binding):
        return ""
    ground = ground_of(Constraint(header + written + text))
    parts: list[str] = []
    for name in statement.names:
        entry = ground.entries[name.id]
        if isinstance(entry, Variable) and not isinstance(entry.type, (FunctionType, Never, Unknown)):
            value = await run(f"{written}{text}{name.id}\n", entry.type)
            size = f", {len(value):,} items" if isinstance(value, (list, dict)) else ""
            shown = re.sub(HIDDEN, lambda match: f"\\u{ord(match[0]):04x}", preview(value, PREVIEW))
            parts.append(f"{entry.type}{size}: {shown}")
    return f"  #=> {'; '.join(parts)}" if parts else ""
