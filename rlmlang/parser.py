"""From text to a syntax tree, in three steps: layout, Lark, tree.

Layout looks at characters, strings and brackets only. It turns line breaks and comments
inside brackets into spaces of the same length, so that offsets stay, and cuts the text
into top-level statements. Each is parsed by itself, so that one pass reports the errors of
all of them. The tree is built bottom-up while Lark reduces: nothing here recurses as deep
as the input nests.
"""

from __future__ import annotations

import ast as python
import hashlib
import json
import keyword
import os
import re
import unicodedata
from functools import cache
from math import isinf
from pathlib import Path
from threading import Lock
from typing import Any

from attrs import define, field, frozen
from lark import Lark, Token, Transformer, UnexpectedInput
from lark import __version__ as lark_version
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError

from rlmlang import ast
from rlmlang.errors import Diagnostic, ProgramError
from rlmlang.foreign import explain
from rlmlang.resources import grammar_text
from rlmlang.source import Source, Span

MAX_SOURCE = 200_000
"""Code points of a program text."""

MAX_DEPTH = 200
"""How deep brackets, and the tree, may nest."""

MAX_DIGITS = 3_900
"""Digits of an integer literal."""


MAX_CLAUSES = 50
"""Clauses of one comprehension."""

MAX_PROBLEMS = 50
"""Errors told at once."""


@frozen
class Parsed:
    """What could be parsed of a text, and what could not."""

    module: ast.Module
    diagnostics: tuple[Diagnostic, ...]
    damaged: frozenset[str]
    """Names that the statements which did not parse seem to bind."""


def parse(source: Source) -> ast.Module:
    """The syntax tree of a whole text. Raises ProgramError with every diagnostic found."""
    parsed = parse_partial(source)
    if parsed.diagnostics:
        raise ProgramError(parsed.diagnostics)
    return parsed.module


def parse_partial(source: Source) -> Parsed:
    """The statements that parse, and diagnostics for the others. Never raises."""
    whole = Span(source, 0, len(source.text))
    try:
        layout = _lay_out(source)
    except ProgramError as error:
        return Parsed(ast.Module((), span=whole), error.diagnostics, frozenset())
    statements: list[ast.Statement] = []
    problems = list(layout.problems)
    damaged: set[str] = set()
    for start, end in layout.chunks:
        if any(p.span is not None and start <= p.span.start < end for p in layout.problems):
            damaged.update(_bound_names(layout.text[start:end]))
            continue
        try:
            statements.extend(_parse_chunk(source, layout.text[start:end], start))
        except ProgramError as error:
            problems.extend(error.diagnostics)
            damaged.update(_bound_names(layout.text[start:end]))
            if len(problems) >= MAX_PROBLEMS:
                break
    module = ast.Module(tuple(statements), tuple(layout.comments), span=whole)
    return Parsed(module, tuple(sorted(problems, key=lambda p: p.span.start if p.span else 0)), frozenset(damaged))


def _bound_names(chunk: str) -> list[str]:
    match = re.match(r"(?:def|class) +([A-Za-z_]\w*)|([A-Za-z_]\w*(?: *, *[A-Za-z_]\w*)*) *[:=]", chunk)
    return re.findall(r"\w+", match[1] or match[2]) if match else []


# Layout --------------------------------------------------------------------------

_PIECE = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?P<string>\"{3}(?:[^"\\]|\\[\s\S]|"(?!""))*\"{3} | "(?!"")(?:[^"\\\n]|\\[^\n])*" | '(?:[^'\\\n]|\\[^\n])*')
      | (?P<quote>\"{3}|["'])
      | (?P<open>[\[({])
      | (?P<close>[\])}])
      | (?P<newline>\r?\n)
      | (?P<odd>[^\x20-\x7e])""",
    re.VERBOSE,
)
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]|\r(?!\n)"
)
"""Characters that are not to be seen: controls, bidirectional marks, zero-width ones."""

_CLOSING = {"(": ")", "[": "]", "{": "}"}


@define
class _Layout:
    text: str
    chunks: list[tuple[int, int]] = field(factory=list)
    comments: list[ast.Comment] = field(factory=list)
    problems: list[Diagnostic] = field(factory=list)


def _lay_out(source: Source) -> _Layout:
    """Raises ProgramError for what makes the rest of the text unreadable."""
    text = source.text
    if len(text) > MAX_SOURCE:
        raise ProgramError.of(
            "E101",
            f"the program has {len(text):,} characters; the limit is {MAX_SOURCE:,}",
            Span(source, MAX_SOURCE, MAX_SOURCE),
            "pass long text as an input: `document: str`",
        )
    layout = _Layout(text)
    out: list[str] = []
    done = 0
    brackets: list[int] = []
    line_start = True
    starts: list[int] = []

    def problem(code: str, message: str, start: int, end: int, hint: str | None = None) -> None:
        layout.problems.append(Diagnostic(code, message, Span(source, start, end), hint))

    def blank(start: int, end: int, filling: str = " ") -> None:
        """What Lark sees in place of a piece of the text."""
        nonlocal done
        out.extend((text[done:start], filling * (end - start)))
        done = end

    def at_line(at: int) -> None:
        """A line begins outside brackets: see how far it is indented."""
        end = at
        while end < len(text) and text[end] in " \t":
            end += 1
        if end == len(text) or text[end] in "\n\r#":
            blank(at, end, "#")  # else its indentation would be taken for that of a body
            return
        if end == at:
            starts.append(at)
        elif text[at:end] != "    ":
            found = "tabs" if "\t" in text[at:end] else f"{end - at} spaces"
            problem("E105", f"indented by {found}", at, end, "indent the body of a `def` or `class` by four spaces")

    at_line(0)
    for match in _PIECE.finditer(text):
        start, end = match.span()
        kind = match.lastgroup
        if kind in ("comment", "string"):
            for hidden in _HIDDEN.finditer(text, start, end):
                problem(
                    "E102",
                    f"the hidden character {_name(hidden[0])}",
                    *hidden.span(),
                    f"write it as the escape `\\u{ord(hidden[0]):04x}`" if kind == "string" else "remove it",
                )
        if kind == "comment":
            own_line = not text[text.rfind("\n", 0, start) + 1 : start].strip()
            layout.comments.append(
                ast.Comment(text[start + 1 : end].removeprefix(" ").rstrip(), own_line, span=Span(source, start, end))
            )
            if brackets:
                blank(start, end)
        elif kind == "newline":
            if brackets:
                blank(start, end)
            else:
                blank(start, end - 1)
                at_line(end)
        elif kind == "open":
            brackets.append(start)
            if len(brackets) > MAX_DEPTH:
                raise ProgramError.of(
                    "E103", f"brackets nest more than {MAX_DEPTH} deep", Span(source, start, end), "bind parts to names"
                )
        elif kind == "close":
            if not brackets:
                problem("E104", f"`{match[0]}` closes nothing", start, end)
            elif _CLOSING[text[brackets[-1]]] != match[0]:
                opener = brackets.pop()
                layout.problems.append(
                    Diagnostic(
                        "E104",
                        f"`{match[0]}` does not close `{text[opener]}`",
                        Span(source, start, end),
                        notes=(("opened here", Span(source, opener, opener + 1)),),
                    )
                )
            else:
                brackets.pop()
        elif kind == "quote":
            layout.problems.append(
                Diagnostic("E104", "the string is not closed", Span(source, start, end), "close it on the same line")
            )
            raise ProgramError(tuple(layout.problems))
        elif kind == "odd":
            hint = _plain(match[0])
            if match[0] == "\t":
                if text[text.rfind("\n", 0, start) + 1 : start].strip(" \t"):
                    problem("E102", "a tab", start, end, "write spaces")
            else:
                problem("E102", f"the character {_name(match[0])} outside a string", start, end, hint)
        if len(layout.problems) >= MAX_PROBLEMS:
            raise ProgramError(tuple(layout.problems))
    if brackets:
        opener = brackets[-1]
        problem("E104", f"`{text[opener]}` is never closed", opener, opener + 1)
        raise ProgramError(tuple(layout.problems))
    out.append(text[done:])
    layout.text = "".join(out)
    layout.chunks = list(zip(starts, [*starts[1:], len(text)]))
    if not starts and any(p.code == "E105" for p in layout.problems):
        raise ProgramError(tuple(layout.problems))
    return layout


def _name(char: str) -> str:
    known = unicodedata.name(char, "")
    return f"U+{ord(char):04X}" + (f" ({known})" if known else "")


def _plain(char: str) -> str | None:
    """What was probably meant by a look-alike."""
    quotes = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'"}
    plain = quotes.get(char) or {"–": "-", "—": "-", "−": "-", "×": "*", "÷": "/", "…": "..."}.get(char)
    plain = plain or unicodedata.normalize("NFKC", char)
    if plain != char and plain.isascii():
        return f"write `{plain.strip() or 'a space'}`"
    return "names are made of a–z, A–Z, 0–9 and _" if char.isalpha() else None


# Lark ----------------------------------------------------------------------------

_OPTIONS: dict[str, Any] = {
    "parser": "lalr", "maybe_placeholders": True, "keep_all_tokens": True,
}  # fmt: skip


@cache
def _lark() -> tuple[Lark, _Builder]:
    """The parser, its tables from the user's cache if they are there: building them takes long."""
    grammar = grammar_text()
    builder = _Builder()
    hooks: dict[str, Any] = {"transformer": builder, "lexer_callbacks": {"NAME": _refuse_reserved}}
    digest = hashlib.sha256(f"{lark_version}\n{sorted(_OPTIONS)}\n{grammar}".encode()).hexdigest()[:24]
    path = _cache_folder() / f"grammar-{digest}.json"
    try:
        data, memo = json.loads(path.read_text(encoding="utf-8"))
        memo = {int(key): value for key, value in memo.items()}
        table = data["parser"]["parser"]
        table["states"] = {int(key): value for key, value in table["states"].items()}  # JSON made them text
        return Lark._load_from_dict(data, memo, **hooks), builder
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    lark = Lark(grammar, **_OPTIONS, **hooks)
    _save_tables(path, Lark(grammar, **_OPTIONS))
    return lark, builder


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rlmlang"


def _save_tables(path: Path, lark: Lark) -> None:
    import tempfile  # it takes long to import, and is seldom needed

    from lark.grammar import Rule
    from lark.lexer import TerminalDef

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(lark.memo_serialize([TerminalDef, Rule]), file)
        os.replace(file.name, path)
    except (OSError, ValueError, TypeError):
        pass  # the next start builds them again


class _Reserved(Exception):
    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self.token = token


def _refuse_reserved(token: Token) -> Token:
    if keyword.iskeyword(token) or token == "CALL":
        raise _Reserved(token)
    return token


_LOCK = Lock()


def _parse_chunk(source: Source, text: str, offset: int) -> list[ast.Statement]:
    """The statements of one piece of laid-out text. Raises ProgramError."""
    with _LOCK:
        return _parse_at(source, text, offset)


def _parse_at(source: Source, text: str, offset: int) -> list[ast.Statement]:
    lark, builder = _lark()
    text = text if text.endswith("\n") else text + "\n"
    outer = builder.enter(source, offset)
    try:
        statements: Any = lark.parse(text)
    except VisitError as error:
        raise error.orig_exc from None
    except _Reserved as error:
        at = error.token.start_pos or 0
        raise ProgramError((explain(source, text, offset, at, at + len(error.token), str(error.token), ()),)) from None
    except UnexpectedInput as error:
        raise ProgramError((_unexpected(error, source, text, offset),)) from None
    finally:
        builder.leave(outer)
    return list(statements)


def _unexpected(error: UnexpectedInput, source: Source, text: str, offset: int) -> Diagnostic:
    at = error.pos_in_stream if error.pos_in_stream is not None and error.pos_in_stream >= 0 else len(text) - 1
    if isinstance(error, UnexpectedToken):
        token = error.token
        at = token.start_pos if token.start_pos is not None else len(text) - 1
        expected = tuple(error.accepts or error.expected)
        return explain(source, text, offset, at, at + max(1, len(token.rstrip("\n"))), str(token), expected)
    assert isinstance(error, UnexpectedCharacters)
    return explain(source, text, offset, at, at + 1, text[at : at + 1], tuple(error.allowed or ()))


# Tree ----------------------------------------------------------------------------

_ESCAPE = re.compile(
    r"\\(?:[\n\\'\"abfnrtv]|[0-3]?[0-7]{1,2}|x[0-9a-fA-F]{2}|N\{[^{}]+\}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|(.|$))"
)
_HOLE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


class _Builder(Transformer[Token, Any]):
    """Makes nodes of rules as they are reduced. Children include every token of the rule."""

    def __init__(self) -> None:
        super().__init__()
        self.source = Source("")
        self.offset = 0
        self.depths: dict[int, int] = {}
        """How deep the tree is below a node, by `id`."""
        self.groups: dict[int, tuple[int, int]] = {}
        """Where the brackets around a node start and end, by `id`."""

    def enter(self, source: Source, offset: int) -> tuple[Any, ...]:
        outer = self.source, self.offset, self.depths, self.groups
        self.source, self.offset, self.depths, self.groups = source, offset, {}, {}
        return outer

    def leave(self, outer: tuple[Any, ...]) -> None:
        self.source, self.offset, self.depths, self.groups = outer

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, self.offset + start, self.offset + end)

    def at(self, items: list[Any]) -> Span:
        """From the first to the last of a rule's children, brackets around them included."""
        present = [item for item in items if item is not None]
        return Span(self.source, self.edges(present[0])[0], self.edges(present[-1])[1])

    def edges(self, item: Any) -> tuple[int, int]:
        if isinstance(item, Token):
            return self.offset + (item.start_pos or 0), self.offset + (item.end_pos or 0)
        if isinstance(item, (tuple, list)):
            present = [part for part in item if part is not None]
            return self.edges(present[0])[0], self.edges(present[-1])[1]
        return self.groups.get(id(item)) or (item.span.start, item.span.end)

    def of(self, token: Token) -> Span:
        return self.span(token.start_pos or 0, token.end_pos or 0)

    def node(self, made: Any, children: list[Any]) -> Any:
        """Note how deep the tree is below a node."""
        depth = 1 + max((self.depths.get(id(child), 0) for child in children), default=0)
        if depth > MAX_DEPTH:
            raise ProgramError.of(
                "E103", f"expressions nest more than {MAX_DEPTH} deep", made.span, "bind parts to names"
            )
        self.depths[id(made)] = depth
        return made

    # Statements

    def start(self, items: list[Any]) -> list[Any]:
        return [item for item in items if item is not None and not isinstance(item, Token)]

    def name_of(self, token: Token) -> ast.Name:
        return ast.Name(str(token), span=self.of(token))

    def input(self, items: list[Any]) -> ast.Input:
        name, _, type_, _, default, _ = items
        return ast.Input(self.name_of(name), type_, default, span=self.at(items[:-1]))

    def until(self, items: list[Any], last: Any) -> Span:
        """From the first child to the last that shows: line ends are left out."""
        return Span(self.source, self.edges(items[0])[0], self.edges(last)[1])

    def binding(self, items: list[Any]) -> ast.Binding:
        names, _, value, _ = items
        return ast.Binding(names, value, span=self.until(items, value))

    def value(self, items: list[Any]) -> ast.Value:
        return ast.Value(items[0], span=self.at(items[:1]))

    def record(self, items: list[Any]) -> ast.Record:
        fields = tuple(item for item in items if isinstance(item, ast.Field))
        return ast.Record(self.name_of(items[1]), fields, span=self.until(items, fields[-1]))

    def field(self, items: list[Any]) -> ast.Field:
        return ast.Field(self.name_of(items[0]), items[2], span=self.at(items))

    def function(self, items: list[Any]) -> ast.Function:
        _, name, _, params, _, _, result, *_ = items
        body = tuple(item for item in items if isinstance(item, ast.Binding))
        value = items[-2]
        return ast.Function(self.name_of(name), params or (), result, body, value, span=self.until(items, value))

    def local(self, items: list[Any]) -> ast.Binding:
        return ast.Binding(items[0], items[2], span=self.until(items, items[2]))

    def params(self, items: list[Any]) -> tuple[ast.Param, ...]:
        return tuple(item for item in items if isinstance(item, ast.Param))

    def param(self, items: list[Any]) -> ast.Param:
        name, _, type_, _, default = items
        return ast.Param(self.name_of(name), type_, default, span=self.at(items))

    def names(self, items: list[Any]) -> tuple[ast.Name, ...]:
        return tuple(self.name_of(token) for token in items if token.type == "NAME")

    # Types

    def union(self, items: list[Any]) -> Any:
        return self.node(ast.TypeUnion(items[0], items[2], span=self.at(items)), items)

    def type1(self, items: list[Any]) -> Any:
        name, *rest = items
        args = tuple(item for item in rest if item is not None and not isinstance(item, Token))
        return self.node(ast.TypeName(str(name), args, span=self.at(items)), rest)

    def type_list(self, items: list[Any]) -> ast.TypeList:
        types = tuple(item for item in items if item is not None and not isinstance(item, Token))
        return ast.TypeList(types, span=self.at(items))

    def type_literal(self, items: list[Any]) -> ast.TypeLiteral:
        value = self.constant_value(items[-1])
        return ast.TypeLiteral(-value if len(items) == 2 else value, span=self.at(items))

    # Expressions

    def conditional(self, items: list[Any]) -> Any:
        return self.node(ast.Conditional(items[2], items[0], items[4], span=self.at(items)), items)

    def logic(self, items: list[Any]) -> Any:
        return self.node(ast.Logic(str(items[1]), items[0], items[2], span=self.at(items)), items)

    def unary(self, items: list[Any]) -> Any:
        return self.node(ast.Unary(str(items[0]), items[1], span=self.at(items)), items)

    def compare_op(self, items: list[Any]) -> str:
        return " ".join(map(str, items))

    def compare(self, items: list[Any]) -> Any:
        rest = tuple(zip(items[1::2], items[2::2]))
        return self.node(ast.Compare(items[0], rest, span=self.at(items)), items)

    def is_none(self, items: list[Any]) -> Any:
        return self.node(ast.IsNone(items[0], items[2] is not None, span=self.at(items)), items)

    def binary(self, items: list[Any]) -> Any:
        return self.node(ast.Binary(str(items[1]), items[0], items[2], span=self.at(items)), items)

    def attribute(self, items: list[Any]) -> Any:
        node = ast.Attribute(items[0], str(items[2]), self.of(items[2]), span=self.at(items))
        return self.node(node, items)

    def index(self, items: list[Any]) -> Any:
        value, _, inside, _ = items
        if isinstance(inside, list):
            start, _, stop, _, step = inside
            return self.node(ast.Slice(value, start, stop, step, span=self.at(items)), [value, *inside])
        return self.node(ast.Index(value, inside, span=self.at(items)), items)

    def slice(self, items: list[Any]) -> list[Any]:
        return items

    def arguments(self, items: list[Any]) -> list[Any]:
        return [item for item in items if item is not None and not isinstance(item, Token)]

    def generator(self, items: list[Any]) -> list[Any]:
        return self.arguments(items)

    def apply(self, items: list[Any]) -> Any:
        args, keywords = self.split(items[2])
        return self.node(ast.Apply(items[0], args, keywords, span=self.at(items)), [items[0], *args, *keywords])

    def call(self, items: list[Any]) -> Any:
        type_, arguments = items[2], items[5]
        args, keywords = self.split(arguments)
        return self.node(ast.Call(type_, args, keywords, span=self.at(items)), [*args, *keywords])

    def split(self, arguments: list[Any] | None) -> tuple[tuple[Any, ...], tuple[ast.Keyword, ...]]:
        """Positional and keyword arguments; a bare generator is one argument."""
        arguments = arguments or []
        if any(isinstance(item, (ast.For, ast.If)) for item in arguments):
            element, *clauses = arguments
            node = ast.Comprehension(
                "generator", element, self.checked(clauses), span=element.span.to(clauses[-1].span)
            )
            return (self.node(node, arguments),), ()
        args = tuple(item for item in arguments if not isinstance(item, ast.Keyword))
        keywords = tuple(item for item in arguments if isinstance(item, ast.Keyword))
        for earlier, later in zip(arguments, arguments[1:]):
            if isinstance(earlier, ast.Keyword) and not isinstance(later, ast.Keyword):
                raise ProgramError.of(
                    "E208", "a positional argument after a keyword argument", later.span, "put it before them"
                )
        seen: set[str] = set()
        for item in keywords:
            if item.name in seen:
                raise ProgramError.of("E208", f"`{item.name}` is given twice", item.span)
            seen.add(item.name)
        return args, keywords

    def keyword(self, items: list[Any]) -> Any:
        return self.node(ast.Keyword(str(items[0]), items[2], span=self.at(items)), items)

    def lambda_(self, items: list[Any]) -> Any:
        _, names, _, body = items
        return self.node(ast.Lambda(names or (), body, span=self.at(items)), items)

    def name(self, items: list[Any]) -> Any:
        return self.node(self.name_of(items[0]), [])

    def constant(self, items: list[Any]) -> Any:
        return self.node(ast.Constant(self.constant_value(items[0]), span=self.at(items)), [])

    def group(self, items: list[Any]) -> Any:
        self.groups[id(items[1])] = self.edges(items)
        return items[1]

    def tuple(self, items: list[Any]) -> Any:
        parts = self.arguments(items)
        return self.node(ast.TupleExpr(tuple(parts), span=self.at(items)), parts)

    def list(self, items: list[Any]) -> Any:
        parts = self.arguments(items)
        return self.node(ast.ListExpr(tuple(parts), span=self.at(items)), parts)

    def pair(self, items: list[Any]) -> tuple[Any, Any]:
        return items[0], items[2]

    def dict(self, items: list[Any]) -> Any:
        pairs = [item for item in items if isinstance(item, tuple)]
        parts = [part for pair in pairs for part in pair]
        return self.node(ast.DictExpr(tuple(pairs), span=self.at(items)), parts)

    def comprehension(self, items: list[Any]) -> Any:
        _, element, *clauses, _ = items
        kind, key = "list", None
        if isinstance(element, tuple):
            kind, (key, element) = "dict", element
        node = ast.Comprehension(kind, element, self.checked(clauses), key, span=self.at(items))
        return self.node(node, [element, key, *clauses])

    def checked(self, clauses: list[Any]) -> tuple[Any, ...]:
        if isinstance(clauses[0], ast.If):
            raise ProgramError.of(
                "E100", "a comprehension starts with `for`", clauses[0].span, "write `[x for x in xs if …]`"
            )
        if len(clauses) > MAX_CLAUSES:
            raise ProgramError.of(
                "E103",
                f"more than {MAX_CLAUSES} clauses in one comprehension",
                clauses[MAX_CLAUSES].span,
                "bind parts to names",
            )
        return tuple(clauses)

    def for_clause(self, items: list[Any]) -> Any:
        _, target, _, iterable = items
        return self.node(ast.For(target, iterable, span=self.at(items)), [iterable])

    def if_clause(self, items: list[Any]) -> Any:
        return self.node(ast.If(items[1], span=self.at(items)), items)

    def targets(self, items: list[Any]) -> Any:
        parts = [item for item in items if not isinstance(item, Token)]
        if len(parts) == 1:
            return parts[0]
        return self.node(ast.TupleTarget(tuple(parts), span=self.at(items)), parts)

    # Constants

    def constant_value(self, token: Token) -> Any:
        text = str(token)
        match token.type:
            case "TRUE" | "FALSE" | "NONE":
                return {"True": True, "False": False, "None": None}[text]
            case "INT":
                if len(text) > MAX_DIGITS:
                    raise ProgramError.of("E106", f"an integer of {len(text):,} digits", self.of(token))
                return int(text.replace("_", ""))
            case "FLOAT":
                value = float(text.replace("_", ""))
                if isinf(value):
                    raise ProgramError.of("E106", "the number is too large for a float", self.of(token))
                return value
            case "RAW_STRING":
                return text[2:-1]
            case "LONG_STRING":
                return self.unescape(text[3:-3].replace("\r\n", "\n"), token, 3)
        return self.unescape(text[1:-1], token, 1)

    def unescape(self, text: str, token: Token, skip: int) -> str:
        """The text that a string's inside denotes."""
        if "\\" not in text:
            return text
        for match in _ESCAPE.finditer(text):
            at = (token.start_pos or 0) + skip + match.start()
            if match[1] is not None or re.match(r"\\(?:u[dD][89a-fA-F]|U0000[dD][89a-fA-F])", match[0]):
                raise ProgramError.of(
                    "E106",
                    f"`{match[0]}` is not an escape",
                    self.span(at, at + len(match[0])),
                    'write `\\\\` for a backslash, or a raw string: r"…"',
                )
        try:
            return _evaluate(text)
        except (SyntaxError, ValueError):
            raise ProgramError.of("E106", "a malformed escape", self.of(token)) from None

    def fstring(self, items: list[Any]) -> Any:
        token: Token = items[0]
        text = str(token)[2:-1]
        parts: list[str | ast.Hole] = []
        literal = ""
        done = 0
        holes: list[Any] = []
        for match in _HOLE.finditer(text):
            literal += self.unescape(text[done : match.start()], token, 2 + done)
            done = match.end()
            if match[0] in ("{{", "}}"):
                literal += match[0][0]
                continue
            if literal:
                parts.append(literal)
                literal = ""
            hole = self.hole(match[1], (token.start_pos or 0) + 3 + match.start())
            parts.append(hole)
            holes.append(hole)
        literal += self.unescape(text[done:], token, 2 + done)
        if literal:
            parts.append(literal)
        return self.node(ast.FString(tuple(parts), span=self.at(items)), holes)

    def hole(self, text: str, start: int) -> ast.Hole:
        """`{value!r:spec}`, parsed by the same grammar."""
        cut = _end_of_value(text)
        rest = text[cut:]
        span = self.span(start, start + len(text))
        match = re.fullmatch(r"(?:!(\w*))?(?::(.*))?", rest, re.DOTALL)
        if not text[:cut].strip():
            raise ProgramError.of("E107", "an empty hole in an f-string", span, "write `{{` for a brace")
        if match is None or match[1] not in (None, "r"):
            raise ProgramError.of("E107", f"`{rest}` in an f-string", span, "the one conversion is `!r`")
        padded = text[:cut]
        lead = len(padded) - len(padded.lstrip())
        try:
            statements = _parse_at(self.source, padded.strip(), self.offset + start + lead)
        except ProgramError as error:
            raise error.at(span) from None
        if len(statements) != 1 or not isinstance(statements[0], ast.Value):
            raise ProgramError.of("E107", "a hole in an f-string holds one expression", span)
        value = statements[0].value
        hole = ast.Hole(value, match[1] or "", match[2] or "", span=span)
        self.depths[id(hole)] = 1
        return hole


def _evaluate(text: str) -> str:
    """The text that the inside of a string with well-formed escapes denotes."""
    out: list[str] = []
    done = 0
    for match in _ESCAPE.finditer(text):
        out.append(text[done : match.start()])
        done = match.end()
        escape = match[0]
        if escape == "\\\n":
            continue
        value = python.literal_eval(f"'{escape}'" if escape != "\\'" else '"\'"')
        out.append(value)
    out.append(text[done:])
    return "".join(out)


def _end_of_value(text: str) -> int:
    """Where the expression of an f-string's hole ends: before `!r` or the format."""
    depth = 0
    quote = ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif depth == 0 and (char == ":" or (char == "!" and text[i + 1 : i + 2] != "=")):
            return i
    return len(text)
