"""Statement sessions: a model writes a program statement by statement, and sees the value of each.

A statement is parsed, checked and run as soon as it is written, and a preview of its value is appended
as a comment; the model continues after it. A statement that does not check or run is removed, and
written again with the diagnostic shown. The transcript is a program like any other: run again, it
gives the same value. No statement is parsed or checked twice (decision 94).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache

from attrs import define, evolve, field

from rlmlang.calls.prompt import argument_names, program_header, program_text
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import BudgetError, ModelError, ProgramError, RlmError, UsageError
from rlmlang.language import nodes
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.check.checked import Checked
from rlmlang.language.check.scope import Variable
from rlmlang.language.parse import parse
from rlmlang.language.parse.layout import lay_out, show_hidden
from rlmlang.language.source import Source
from rlmlang.language.types import Type
from rlmlang.models.base import Reply, Request
from rlmlang.render import render
from rlmlang.runtime.inputs import bind_inputs
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.nested import steps_of_checking
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.values import Value, preview, to_json

ANSWER = "<answer>"
"""The name of the source of a program that a model wrote as its answer."""

MAX_STATEMENTS = 40
"""How many statements one program may have."""

STATEMENT_ATTEMPTS = 4  # decision 49
"""How often one statement is written, at most, until one checks and runs."""

STATEMENT_TOKENS = 200
"""The most tokens of one statement, where the request allows more."""

PREVIEW = 80
"""Characters of a value that are shown."""

Generate = Callable[[Request], Awaitable[Reply]]
EvaluateStatements = Callable[[Checked, Mapping[str, Value]], Awaitable[Value]]
"""Evaluates a program with the values of its inputs and of bindings that were evaluated before."""


@define
class Session:
    """One program that a model is writing."""

    request: Request
    generate: Generate
    evaluate: EvaluateStatements
    meter: Meter
    """Charged for parsing and checking."""
    header: str = field(init=False)
    """The inputs and records that the program begins with, which the model does not write."""
    written: str = field(default="", init=False)
    """The transcript: what the model has written after the header, with previews."""
    beginning: Beginning = field(init=False)
    """The header and the transcript, checked."""
    values: dict[str, Value] = field(init=False)
    """The values of the inputs and of the names that the transcript binds."""
    count: int = field(default=0, init=False)
    """Statements so far."""

    def __attrs_post_init__(self) -> None:
        arguments = self.request.arguments
        self.header = program_header(arguments, self.request.type)
        self.beginning = checked_header(self.header)
        given = {name: value for name, (_, value) in zip(argument_names(arguments), arguments)}
        self.values = bind_inputs(self.beginning.checked, given)

    @property
    def text(self) -> str:
        """The whole program so far."""
        return self.header + self.written

    async def write(self) -> Value:
        """Have the program written to its end, and return its value.

        Raises ModelError E405 if the model does not write one; BudgetError, UsageError and ModelError from
        generations and evaluation.
        """
        problem: tuple[str, RlmError] | None = None
        attempt = 0
        while self.count < MAX_STATEMENTS:
            reply = await self.generate(self._next_request(attempt, problem))
            count, bad, problem = self.count, reply.text, None
            try:
                for bad in _statements(reply.text):
                    if (value := await self._add(bad)) is not None:
                        return value[0]
            except (BudgetError, UsageError):
                raise
            except RlmError as error:
                problem = (bad, error)
            attempt = 0 if problem is None or self.count > count else attempt + 1
            if problem is not None and attempt == STATEMENT_ATTEMPTS:
                last = problem[1].first
                raise ModelError.of(
                    "E405",
                    f"the model wrote {STATEMENT_ATTEMPTS} statements that do not work, "
                    f"last with {last.code}: {last.message}",
                    hint="lower max_depth so that the model answers directly, or give it a smaller task",
                ) from problem[1]
        raise ModelError.of("E405", f"the model's program has no value after {MAX_STATEMENTS} statements")

    def _next_request(self, attempt: int, problem: tuple[str, RlmError] | None) -> Request:
        request = self.request
        return evolve(
            request,
            constraint=Constraint(self.text, request.type, "statement", beginning=self.beginning),
            written=self.written,
            max_tokens=min(request.max_tokens, STATEMENT_TOKENS),
            sample=request.sample * STATEMENT_ATTEMPTS + attempt,
            repair=None if problem is None else (problem[0], render(problem[1].diagnostics)),
        )

    async def _add(self, text: str) -> tuple[Value] | None:
        """Check and run one more statement, and return the program's value if it ends it. Raises RlmError."""
        self.meter.charge(steps_of_checking(text))
        before = self.text
        module = parse(Source(before + text, ANSWER), len(before))
        if any(comment.span.text.startswith("#=>") for comment in module.comments):
            raise ModelError.of("E405", "the model wrote a result itself")
        (statement,) = module.statements
        if isinstance(statement, nodes.Input):
            raise ModelError.of("E405", "the program's inputs are given; it declares no others")
        beginning = self.beginning.extended(module, self.request.type)
        if isinstance(statement, nodes.ExprStatement):
            value = await self._evaluated(beginning.checked, self.request.type)
            self.written += text
            return (value,)
        shown = ""
        if isinstance(statement, nodes.Binding):
            program = beginning.giving(statement.names)
            values = dict(zip([name.id for name in statement.names], await self._evaluated(program, program.type)))
            self.values.update(values)
            shown = "  #=> " + "; ".join(_shown(beginning.entries[name], value) for name, value in values.items())
        self.beginning = beginning
        self.written += text.rstrip("\n") + shown + "\n"
        self.count += 1
        return None

    async def _evaluated(self, program: Checked, type_: Type) -> Value:
        return from_json(to_json(await self.evaluate(program, self.values)), type_)


@lru_cache(256)
def checked_header(text: str) -> Beginning:
    """Return the checked header of a program. The calls of a comprehension have the same one."""
    return Beginning.of(Source(text, ANSWER))


def _statements(reply: str) -> list[str]:
    """Return the statements in a reply, each with its line end; one, unless the engine was not constrained to it.

    Raises ProgramError, ModelError E405 if there is none.
    """
    text = program_text(reply)
    layout = lay_out(Source(text))
    if problems := (*layout.problems, *([layout.indented] if layout.indented else [])):
        raise ProgramError(problems)
    if not layout.chunks:
        raise ModelError.of("E405", "the model wrote no statement")
    return [text[start:end].strip("\n").rstrip() + "\n" for start, end in layout.chunks]


def _shown(entry: object, value: Value) -> str:
    assert isinstance(entry, Variable)
    size = f", {len(value):,} items" if isinstance(value, (list, dict)) else ""
    return f"{entry.type}{size}: {show_hidden(preview(value, PREVIEW))}"
