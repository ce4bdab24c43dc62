"""Statement sessions: a model writes a program statement by statement, and sees what each one gives.

After a statement has been written it is checked and run, and a preview of its value is put
behind it as a comment; the model goes on from there. A statement that does not check or run
is taken back, and written again with what was wrong shown. The transcript is a program like
any other: run again, it gives the same value.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from attrs import define, evolve, field

from rlmlang.calls.prompt import program_header, program_text
from rlmlang.decode.constraint import Constraint
from rlmlang.decode.partial import ground_of
from rlmlang.errors import BudgetError, ModelError, ProgramError, RlmError, UsageError
from rlmlang.language import nodes
from rlmlang.language.check import check
from rlmlang.language.check.scope import Variable
from rlmlang.language.parse import parse
from rlmlang.language.parse.layout import lay_out, show_hidden
from rlmlang.language.source import Source
from rlmlang.language.types import FunctionType, Never, TupleType, Type, Unknown
from rlmlang.models.base import Reply, Request
from rlmlang.render import render
from rlmlang.runtime.values import Value, preview

MAX_STATEMENTS = 40
"""Of one program."""

ATTEMPTS = 4
"""How often one statement is written before the session gives up."""

STATEMENT_TOKENS = 200
"""Of one statement, where the request allows more."""

PREVIEW = 80
"""Characters of a value that are shown."""

Generate = Callable[[Request], Awaitable[Reply]]
Run = Callable[[str, Type, Mapping[str, Value]], Awaitable[Value]]
"""Runs a program text without its inputs; gives its value, which is of the type. The values of
names that are known are not found again."""


@define
class Session:
    """One program being written."""

    request: Request
    generate: Generate
    run: Run
    written: str = ""
    """The transcript, without the inputs and records that it starts from."""
    known: dict[str, Value] = field(factory=dict)
    """The values of the names that it binds."""
    count: int = 0
    """Statements so far."""

    async def write(self) -> Value:
        """Write the program to its end, and give its value.

        Raises ModelError E405 if none comes about; BudgetError, UsageError and ModelError from
        generations and runs.
        """
        problem: tuple[str, RlmError] | None = None
        attempt = 0
        while self.count < MAX_STATEMENTS:
            reply = await self.generate(self._asked(attempt, problem))
            count, bad, problem = self.count, reply.text, None
            try:
                for bad in _statements(reply.text):
                    if (value := await self._take(bad)) is not None:
                        return value[0]
            except (BudgetError, UsageError):
                raise
            except RlmError as error:
                problem = (bad, error)
            attempt = 0 if problem is None or self.count > count else attempt + 1
            if problem is not None and attempt == ATTEMPTS:
                last = problem[1].first
                raise ModelError.of(
                    "E405",
                    f"the model wrote {ATTEMPTS} statements that do not work, last with {last.code}: {last.message}",
                    hint="lower max_depth so that the model answers directly, or give it a smaller task",
                ) from problem[1]
        raise ModelError.of("E405", f"the model's program has no value after {MAX_STATEMENTS} statements")

    def _asked(self, attempt: int, problem: tuple[str, RlmError] | None) -> Request:
        request = self.request
        return evolve(
            request,
            constraint=Constraint(
                program_header(request.arguments, request.type) + self.written, request.type, "statement"
            ),
            written=self.written,
            max_tokens=min(request.max_tokens, STATEMENT_TOKENS),
            sample=request.sample * ATTEMPTS + attempt,
            repair=None if problem is None else (problem[0], render(problem[1].diagnostics)),
        )

    async def _take(self, text: str) -> tuple[Value] | None:
        """Check and run one more statement; the program's value, if it ends it. Raises RlmError."""
        request = self.request
        before = program_header(request.arguments, request.type) + self.written
        module = parse(Source(text))
        if any(comment.span.text.startswith("#=>") for comment in module.comments):
            raise ModelError.of("E405", "the model wrote a result itself")
        (statement,) = module.statements
        if isinstance(statement, nodes.Input):
            raise ModelError.of("E405", "the program's inputs are given; it declares no others")
        if isinstance(statement, nodes.ExprStatement):
            check(Source(before + text), request.type)
            value = await self.run(self.written + text, request.type, self.known)
            self.written += text
            return (value,)
        shown = ""
        ground = ground_of(Constraint(before + text))
        if isinstance(statement, nodes.Binding):
            found = {name.id: _type_of(ground.entries[name.id]) for name in statement.names}
            types = {name: type_ for name, type_ in found.items() if type_ is not None}
            if types:
                wanted = TupleType(tuple(types.values()))
                values = await self.run(f"{self.written}{text}({', '.join(types)},)\n", wanted, self.known)
                self.known.update(zip(types, values))
                shown = "  #=> " + "; ".join(_shown(type_, self.known[name]) for name, type_ in types.items())
        self.written += text.rstrip("\n") + shown + "\n"
        self.count += 1
        return None


def _statements(reply: str) -> list[str]:
    """The statements in a reply, each with its line end; one, unless the engine was not held to it.

    Raises ProgramError, ModelError E405 if there is none.
    """
    text = program_text(reply)
    layout = lay_out(Source(text))
    if problems := (*layout.problems, *([layout.indented] if layout.indented else [])):
        raise ProgramError(problems)
    if not layout.chunks:
        raise ModelError.of("E405", "the model wrote no statement")
    return [text[start:end].strip("\n").rstrip() + "\n" for start, end in layout.chunks]


def _type_of(entry: object) -> Type | None:
    """The type of a value that can be shown."""
    if isinstance(entry, Variable) and not isinstance(entry.type, (FunctionType, Never, Unknown)):
        return entry.type
    return None


def _shown(type_: Type, value: Value) -> str:
    size = f", {len(value):,} items" if isinstance(value, (list, dict)) else ""
    return f"{type_}{size}: {show_hidden(preview(value, PREVIEW))}"
