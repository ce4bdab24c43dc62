"""Statement sessions: a model writes the body of a function statement by statement, and sees what each comes to.

A statement is parsed, checked and run as soon as it is written, and a preview of what it binds or prints is appended
as a comment; the model continues after it, until a statement returns. A statement that does not check or run is
removed, and written again with the diagnostic shown. The transcript is a program like any other: run again, it gives
the same value. No statement is parsed or checked twice (decision 94).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import ClassVar

from attrs import define, evolve, field, frozen

from rlmlang.calls.prompt import argument_names, function_head
from rlmlang.calls.written_program import MARGIN, body_text
from rlmlang.decode.constraint import Constraint
from rlmlang.errors import BudgetError, ModelError, ProgramError, RlmError, UsageError
from rlmlang.language.check.beginning import Beginning
from rlmlang.language.check.checked import Checked
from rlmlang.language.check.scope import Variable
from rlmlang.language.parse import parse_body
from rlmlang.language.parse.layout import lay_out, show_hidden
from rlmlang.language.source import Source
from rlmlang.language.types import Type
from rlmlang.models.base import Reply, Request
from rlmlang.models.checks import refuse_cut_off, refuse_without_content
from rlmlang.render import render
from rlmlang.runtime.effects import effects_of
from rlmlang.runtime.inputs import bind_inputs
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.run_program import steps_of_checking
from rlmlang.runtime.stepwise import Step
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


@frozen
class Preview:
    """What some statements have come to, as far as a model is shown it."""

    variables: tuple[tuple[str, Type, Value], ...] = ()
    """The names, types and values of the variables that they bind or change."""
    printed: tuple[str, ...] = ()

    def lines(self, most: int) -> list[str]:
        """Return a line for each variable, with the given number of characters of its value."""
        return [_shown(name, type_, value, most) for name, type_, value in self.variables]


Generate = Callable[[Request], Awaitable[Reply]]
RunStep = Callable[[Checked, Mapping[str, Value], int], Awaitable[Step]]
"""Runs the body of a program's function from a statement on, given its variables by then."""


@define
class WritingSession:
    """One program that a model is writing."""

    unit: ClassVar[str] = "statements"
    """What the model writes at a time."""

    request: Request
    generate: Generate
    run: RunStep
    meter: Meter
    """Charged for parsing and checking."""
    header: str = field(init=False)
    """The records and the head of the function, which the model does not write."""
    written: str = field(default="", init=False)
    """The transcript: what the model has written after the header, with previews."""
    beginning: Beginning = field(init=False)
    """The header and the transcript, checked."""
    variables: dict[str, Value] = field(init=False)
    """The variables of the function, its inputs included, after the transcript."""
    preview: Preview = field(factory=Preview, init=False)
    """What the last statement has come to."""
    count: int = field(default=0, init=False)
    """Statements so far."""

    def __attrs_post_init__(self) -> None:
        request = self.request
        self.header = function_head(request.instruction, request.arguments, request.type, request.functions)
        self.beginning = checked_head(self.header)
        given = {name: value for name, (_, value) in zip(argument_names(request.arguments), request.arguments)}
        self.variables = bind_inputs(self.beginning.checked, given)

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
                for bad in self._parts(reply):
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
                    f"the model wrote {STATEMENT_ATTEMPTS} {self.unit} that do not work, "
                    f"last with {last.code}: {last.message}",
                    hint="lower max_depth so that the model answers directly, or give it a smaller task",
                    notes=[("in its program", last.span)] if last.span else [],
                ) from problem[1]
        raise ModelError.of("E405", f"the model's program has returned nothing after {MAX_STATEMENTS} {self.unit}")

    def bound(self) -> tuple[tuple[str, Type, Value], ...]:
        """Return the names, types and values of the variables that the program has bound, without its inputs."""
        given = {name for name, _ in zip(argument_names(self.request.arguments), self.request.arguments)}
        return tuple(
            (name, entry.type, value)
            for name, value in self.variables.items()
            if name not in given and isinstance(entry := self.beginning.entries.get(name), Variable)
        )

    def _next_request(self, attempt: int, problem: tuple[str, RlmError] | None) -> Request:
        request = self.request
        return evolve(
            request,
            constraint=Constraint(self.text, request.type, "statement", within=True, beginning=self.beginning),
            written=self.written,
            max_tokens=min(request.max_tokens, STATEMENT_TOKENS),
            sample=request.sample * STATEMENT_ATTEMPTS + attempt,
            repair=None if problem is None else (problem[0], render(problem[1].diagnostics)),
        )

    def _parts(self, reply: Reply) -> list[str]:
        """Return what is added of a reply, piece by piece.

        Raises ProgramError; ModelError E402 if it was cut off, E405 if there is no statement, E411 if there is nothing.
        """
        refuse_cut_off(reply)
        refuse_without_content(reply, self.request.max_tokens)
        return _statements(reply.text, self.header)

    async def _add(self, text: str) -> tuple[Value] | None:
        """Check and run more of the body, and return the value if it returns one. Raises RlmError."""
        self.meter.charge(steps_of_checking(text))
        before = self.text
        module = parse_body(Source(before + text, ANSWER), len(before))
        if any(comment.span.text.startswith("#=>") for comment in module.comments):
            raise ModelError.of("E405", "the model wrote a result itself")
        beginning = self.beginning.extended(module)
        function = beginning.checked.entry
        assert function is not None
        step = await self.run(beginning.checked, self.variables, len(function.node.body) - len(module.statements))
        if step.returned is not None:
            self.written += text
            self.beginning, self.variables = beginning, step.variables
            return (from_json(to_json(step.returned[0]), self.request.type),)
        assigned = effects_of(function.tables, module.statements).assigned
        self.preview = Preview(
            tuple(
                (name, entry.type, step.variables[name])
                for name in sorted(assigned & step.variables.keys())
                if isinstance(entry := beginning.entries[name], Variable)
            ),
            tuple(step.printed),
        )
        shown = [f"printed {show_hidden(preview(text, PREVIEW))}" for text in step.printed]
        shown += self.preview.lines(PREVIEW)
        self.beginning, self.variables = beginning, step.variables
        self.written += _with_comment(text, "; ".join(shown))
        self.count += 1
        return None


@lru_cache(256)
def checked_head(text: str) -> Beginning:
    """Return the checked head of a function. The calls of a comprehension have the same one."""
    return Beginning.of_function(Source(text, ANSWER))


def _with_comment(statement: str, shown: str) -> str:
    """Return the text of a statement with what it came to, on its line or, if it has several, on one of its own."""
    statement = statement.rstrip("\n")
    if not shown:
        return statement + "\n"
    return f"{statement}\n{MARGIN}#=> {shown}\n" if "\n" in statement else f"{statement}  #=> {shown}\n"


def _statements(reply: str, header: str) -> list[str]:
    """Return the statements in a reply, each with its line end; one, unless the engine was not constrained to it.

    Raises ProgramError, ModelError E405 if there is none.
    """
    text = body_text(reply, header)
    layout = lay_out(Source(text), 0, MARGIN)
    if problems := (*layout.problems, *([layout.indented] if layout.indented else [])):
        raise ProgramError(problems)
    if not layout.chunks:
        raise ModelError.of("E405", "the model wrote no statement")
    return [MARGIN + text[start:end].rstrip() + "\n" for start, end in layout.chunks]


def _shown(name: str, type_: Type, value: Value, most: int) -> str:
    size = f", {len(value):,} items" if isinstance(value, (list, dict, set)) else ""
    return f"{name}: {type_}{size}: {show_hidden(preview(value, most))}"
