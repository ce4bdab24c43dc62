"""Parse program text: `layout` reads characters and lines, Lark (`tables`) tokens, and `tree` makes the nodes.

Each top-level statement is parsed by itself, with the lines of its body, so that one pass reports the errors of all of
them. `explain` describes what the grammar refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from attrs import frozen
from lark import Lark, Token
from lark.exceptions import UnexpectedInput, UnexpectedToken

from rlmlang.errors import Diagnostic, NotInLanguage, ProgramError
from rlmlang.language import nodes
from rlmlang.language.parse.descriptions import described
from rlmlang.language.parse.layout import MAX_DEPTH, MAX_PROBLEMS, MAX_SOURCE, Layout, lay_out
from rlmlang.language.parse.tables import LINE_ENDS, RESERVED, load
from rlmlang.language.parse.tree import Builder
from rlmlang.language.source import Source, Span

if TYPE_CHECKING:
    from rlmlang.language.parse.refused_token import Explanation

__all__ = ["MAX_DEPTH", "MAX_SOURCE", "Parsed", "parse", "parse_as_written", "parse_body", "parse_partial"]


@frozen
class Parsed:
    """The statements of a text that parsed, and the diagnostics of the others."""

    module: nodes.Module
    diagnostics: tuple[Diagnostic, ...]
    damaged: frozenset[str]
    """The names that the other statements seem to bind."""


def parse(source: Source, start: int = 0) -> nodes.Module:
    """Return the syntax tree of a text from an offset on. Raises ProgramError with every diagnostic found."""
    return _whole(parse_partial(source, start))


def parse_as_written(source: Source) -> nodes.Module:
    """Return the syntax tree of a text with the short forms that `parse` rewrites. Raises ProgramError."""
    layout = lay_out(source, 0)
    return _whole(_parsed(layout, _SourceBuilder(source, 0, layout.levels), source, 0, as_written=True))


def parse_body(source: Source, start: int, margin: str = "    ") -> nodes.Module:
    """Return the statements of a function's body from an offset on, where the text is indented by the margin.

    The offset is at the start of a line. Raises ProgramError with every diagnostic found.
    """
    layout = lay_out(source, start, margin)
    return _whole(_parsed(layout, _SourceBuilder(source, start, layout.levels, in_body=True), source, start))


def _whole(parsed: Parsed) -> nodes.Module:
    if parsed.diagnostics:
        raise ProgramError(parsed.diagnostics)
    return parsed.module


def parse_partial(source: Source, start: int = 0) -> Parsed:
    """Return the statements that parse, from an offset on, and diagnostics for the others. Never raises.

    Expressions are numbered from the offset on. A text has fewer of them than characters, so their numbers
    stay unique when a program is parsed statement by statement.
    """
    layout = lay_out(source, start)
    return _parsed(layout, _SourceBuilder(source, start, layout.levels), source, start)


def _parsed(layout: Layout, builder: _SourceBuilder, source: Source, start: int, as_written: bool = False) -> Parsed:
    statements: list[nodes.Statement] = []
    problems = list(layout.problems)
    damaged = _bound(source.text[layout.end :])
    if layout.indented is not None:
        problems.append(layout.indented)
    failures = 0
    for begin, end in layout.chunks:  # decision 22
        text = layout.text[begin:end].rstrip(" ")
        found, errors = _read_chunk(builder, layout, begin, text) if failures < MAX_PROBLEMS else ([], [])
        statements += found
        problems += errors
        failures += len(errors)
        if not found:
            damaged |= _bound(text)
    if builder.is_written_short and not as_written:
        statements, errors, names = _without_short_forms(statements)
        problems += errors
        damaged |= names
    statements = described(statements, layout.comments)
    module = nodes.Module(tuple(statements), tuple(layout.comments), span=Span(source, start, len(source.text)))
    return Parsed(module, tuple(sorted(problems, key=_place)[:MAX_PROBLEMS]), frozenset(damaged))


def _without_short_forms(
    written: list[nodes.Statement],
) -> tuple[list[nodes.Statement], list[Diagnostic], set[str]]:
    """Return the statements without short forms; of those that have none, the diagnostics and the names they bind."""
    from rlmlang.language.parse.lowering import lowered  # imported here, since it is seldom needed

    statements: list[nodes.Statement] = []
    problems: list[Diagnostic] = []
    names: set[str] = set()
    for each in written:
        try:
            statements += lowered(each, written)
        except ProgramError as error:
            problems += error.diagnostics
            names |= _bound(each.span.text)
    return statements, problems, names


def _place(problem: Diagnostic) -> int:
    return problem.span.start if problem.span is not None else 0


def _read_chunk(
    builder: _SourceBuilder, layout: Layout, start: int, text: str
) -> tuple[list[nodes.Statement], list[Diagnostic]]:
    """Return the statement in a piece of laid-out text, or else its diagnostics that are not reported yet."""
    if start in layout.troubled:
        return [], []
    indent = layout.indents.get(start)
    try:
        statements = _parse_statement(builder, text, start)
    except ProgramError as error:
        return [], list(error.diagnostics) if indent is None or isinstance(error, NotInLanguage) else [indent]
    return ([], [indent]) if indent is not None else (statements, [])


_NAMES = r"[A-Za-z_]\w*(?:\ *,\ *[A-Za-z_]\w*)*"
_BINDS = rf"""(?mx)^(?P<indent>\ *)
    (?: (?:async\ +)?(?:def|class)\ +(?P<head>\w+)
      | [(\[]?(?P<names>{_NAMES})[)\]]?\ *(?::|[-+*/%@&|^<>]*=(?!=))
      | (?:for|import|(?:from|with)\ .*\ (?:import|as))\ +(?P<others>{_NAMES}) )"""


def _bound(text: str) -> set[str]:
    """Return the names that a text which does not parse would bind, except those local to a function."""
    names: set[str] = set()
    inside = False
    for match in re.finditer(_BINDS, text):
        if not match["indent"]:
            inside = match["head"] is not None
        if not (inside and match["indent"]):
            names.update(re.findall(r"\w+", match["head"] or match["names"] or match["others"]))
    return names - RESERVED


# Lark ----------------------------------------------------------------------------

_running: ContextVar[_SourceBuilder] = ContextVar("builder")
"""The builder of the parse in this context. Lark has one set of callbacks for all parses."""


class _RunningBuilder:
    """The transformer that Lark knows. It passes each reduced rule to the builder of the running parse."""

    def __getattr__(self, rule: str) -> Callable[[list[Any]], Any]:
        make = getattr(Builder, rule)
        return lambda children: make(_running.get(), children)


@cache
def _lark() -> Lark:
    return load(_RunningBuilder(), _line_end)


def _line_end(token: Token) -> Token:
    """Return a line end as the terminal of the next line's level, by whatever indentation that has."""
    running = _running.get()
    line = running.offset + (token.start_pos or 0) + token.rindex("\n") + 1
    return token.update(type=LINE_ENDS[running.levels.get(line, 0)])


class _SourceBuilder(Builder):
    def __init__(self, source: Source, first_id: int, levels: dict[int, int], in_body: bool = False) -> None:
        super().__init__(source, first_id, in_body)
        self.levels = levels
        """How many blocks a line is in, by its start in the source."""

    def parse_hole(self, text: str, offset: int) -> nodes.Expr:
        found: nodes.Expr = _run(self, text, offset, "expr")
        return found


def _parse_statement(builder: _SourceBuilder, text: str, offset: int) -> list[nodes.Statement]:
    """Return the statements in a piece of laid-out text that starts at an offset. Raises ProgramError."""
    builder.begin_statement()
    statements: list[nodes.Statement] = _run(builder, text if text.endswith("\n") else text + "\n", offset, "start")
    return statements


def _run(builder: _SourceBuilder, text: str, offset: int, start: str) -> Any:
    """Parse a text by the rule `start`. Expressions in f-strings are parsed while the text around them is."""
    outer = builder.text, builder.offset
    builder.text, builder.offset = text, offset
    before = _running.set(builder)
    try:
        return _lark().parse(text, start=start)
    except UnexpectedInput as error:
        code, message, (a, b), hint = _explain(error, text, start == "expr")
        raise ProgramError.of(code, message, builder.span(a, b), hint) from None
    finally:
        _running.reset(before)
        builder.text, builder.offset = outer


def _explain(error: UnexpectedInput, text: str, hole: bool) -> Explanation:
    from rlmlang.language.parse.explain import explain  # imported here, since it is seldom needed
    from rlmlang.language.parse.refused_token import RefusedToken

    expected = frozenset(error.interactive_parser.accepts())  # type: ignore[no-untyped-call]
    if not isinstance(error, UnexpectedToken):
        at = error.pos_in_stream or 0
        return explain(RefusedToken(text, at, at + 1, "", expected, hole))
    token = error.token
    if token.type == "$END":
        at = len(text.rstrip("\n"))
        return explain(RefusedToken(text, at, at, "_NL0", expected, hole))
    at = token.start_pos or 0
    end = at if token.type in LINE_ENDS else at + len(token)
    return explain(RefusedToken(text, at, end, token.type, expected, hole))
