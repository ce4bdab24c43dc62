"""Make the nodes of types and expressions, bottom-up while Lark reduces, so that nothing recurses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, groupby
from typing import Any, TypeVar

from lark import Token

from rlmlang.errors import ProgramError
from rlmlang.language import hidden_names, nodes
from rlmlang.language.parse import literals
from rlmlang.language.parse.adjacent_strings import F_STRINGS, JoinedStrings
from rlmlang.language.parse.layout import MAX_CLAUSES, MAX_DEPTH
from rlmlang.language.source import Source, Span

Items = list[Any]
"""The children of a rule: nodes, tokens, results of other rules, and None for optional parts that are missing."""

Edges = tuple[int, int]

T = TypeVar("T")


class ExpressionBuilder:
    """Makes the types and expressions of one parse.

    It has a method for each rule, or alias of one, which takes the rule's children.
    """

    def __init__(self, source: Source, first_id: int = 0) -> None:
        self.source = source
        self.text = ""
        """The text that is being parsed: a statement, or an expression of an f-string."""
        self.offset = 0
        """Where that text starts in the source."""
        self.is_written_short = False
        """Whether the text has forms that are rewritten before a program is checked (`lowering.py`)."""
        self._ids = count(first_id)
        self._depths: dict[int, int] = {}
        """The depth of the tree below a node, by `id()`."""
        self._groups: dict[int, tuple[int, int]] = {}
        """The range of the round brackets around a node, by `id()`."""

    def begin_statement(self) -> None:
        """Forget the nodes of other statements, since Python may use their `id()` again."""
        self._depths.clear()
        self._groups.clear()

    def parse_hole(self, text: str, offset: int) -> nodes.Expr:
        """Parse an expression of an f-string, at an offset in the source, with this builder."""
        raise NotImplementedError

    # Places

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, self.offset + start, self.offset + end)

    def of(self, token: Token) -> Span:
        return self.span(token.start_pos or 0, token.end_pos or 0)

    def edges(self, item: Any) -> Edges:
        """Return where a child starts and ends, including brackets around it."""
        if isinstance(item, Token):
            return self.offset + (item.start_pos or 0), self.offset + (item.end_pos or 0)
        if isinstance(item, tuple):
            return self.edges(item[0])[0], self.edges(item[-1])[1]
        return self._groups.get(id(item)) or (item.span.start, item.span.end)

    def at(self, items: Items) -> Span:
        """Return the span from the first child to the last one that is present."""
        last = next(item for item in reversed(items) if item is not None)
        return Span(self.source, self.edges(items[0])[0], self.edges(last)[1])

    def fail(self, code: str, message: str, span: Span, hint: str | None = None) -> ProgramError:
        return ProgramError.of(code, message, span, hint)

    def node(self, made: T, children: Items) -> T:
        """Note the depth of a new node, and return it. Raises ProgramError E103."""
        depths, depth = self._depths, 0
        for child in children:
            depth = max(depth, depths.get(id(child), 0))
        depth += 1
        if depth > MAX_DEPTH:
            span: Span = made.span  # type: ignore[attr-defined]
            raise self.fail(
                "E103", f"expressions are nested more than {MAX_DEPTH} levels deep", span, "bind parts to names"
            )
        depths[id(made)] = depth
        return made

    def expr(self, kind: Callable[..., T], items: Items, *parts: Any, inside: Items | None = None) -> T:
        """Make an expression that spans the items; `inside` are its children, if they are not the items."""
        made = kind(*parts, span=self.at(items), node_id=next(self._ids))
        return self.node(made, items if inside is None else inside)

    # Names

    def name_of(self, token: Token) -> nodes.Name:
        return nodes.Name(str(token), span=self.of(token), node_id=next(self._ids))

    def names(self, items: Items) -> Any:
        return tuple(self.name_of(token) for token in parts(items, "NAME"))

    def dotted(self, items: Items) -> Token:
        """Return names with dots between them as one token, without spaces."""
        first, *_, last = [*items, items[-1]]
        return Token("NAME", "".join(items), start_pos=first.start_pos, end_pos=last.end_pos)

    # Types

    def union(self, items: Items) -> nodes.TypeUnion:
        return self.node(nodes.TypeUnion(items[0], items[2], span=self.at(items)), items)

    def type1(self, items: Items) -> nodes.TypeName:
        args = tuple(parts(items))
        return self.node(nodes.TypeName(str(items[0]), args, span=self.at(items)), items)

    def type_list(self, items: Items) -> nodes.TypeList:
        return self.node(nodes.TypeList(tuple(parts(items)), span=self.at(items)), items)

    def type_literal(self, items: Items) -> nodes.TypeLiteral:
        value = self.value_of(items[-1])
        return nodes.TypeLiteral(value if len(items) == 1 else -value, span=self.at(items))

    # Operators

    def conditional(self, items: Items) -> nodes.Conditional:
        return self.expr(nodes.Conditional, items, items[2], items[0], items[4])

    def logic(self, items: Items) -> nodes.Logic:
        return self.expr(nodes.Logic, items, str(items[1]), items[0], items[2])

    def unary(self, items: Items) -> nodes.Unary:
        return self.expr(nodes.Unary, items, str(items[0]), items[1])

    def compare(self, items: Items) -> nodes.Compare:
        rest = tuple(zip(items[1::2], items[2::2]))
        return self.expr(nodes.Compare, items, items[0], rest)

    def compare_op(self, items: Items) -> str:
        return " ".join(items)

    def is_(self, items: Items) -> nodes.IsNone | nodes.Compare:
        value, _, negation, constant = items
        if constant == "None":
            return self.expr(nodes.IsNone, items, value, negation is not None)
        operator = "is" if negation is None else "is not"
        return self.expr(nodes.Compare, items, value, ((operator, self.constant([constant])),))

    def binary(self, items: Items) -> nodes.Binary:
        return self.expr(nodes.Binary, items, str(items[1]), items[0], items[2])

    # Postfixes

    def attribute(self, items: Items) -> nodes.Attribute:
        return self.expr(nodes.Attribute, items, items[0], str(items[2]), self.of(items[2]))

    def index(self, items: Items) -> nodes.Index | nodes.Slice:
        value, _, inside, _ = items
        if isinstance(inside, list):
            start, _, stop, _, step = inside
            return self.expr(nodes.Slice, items, value, start, stop, step, inside=[value, *inside])
        return self.expr(nodes.Index, items, value, inside)

    def slice(self, items: Items) -> Items:
        return items

    def apply(self, items: Items) -> nodes.Apply:
        args, keywords = self.split(items[2] or [])
        return self.expr(nodes.Apply, items, items[0], args, keywords, inside=[items[0], *args, *keywords])

    def call(self, items: Items) -> nodes.Call:
        args, keywords = self.split(items[5] or [])
        return self.expr(nodes.Call, items, items[2], args, keywords, inside=[items[2], *args, *keywords])

    def arguments(self, items: Items) -> Items:
        return parts(items)

    def generator(self, items: Items) -> Items:
        element, *clauses = items
        span = Span(self.source, self.edges(element)[0], self.edges(clauses[-1])[1])
        made = nodes.Comprehension("generator", element, self.clauses(clauses), span=span, node_id=next(self._ids))
        return [self.node(made, items)]

    def generator_in_brackets(self, items: Items) -> nodes.Expr:
        _, *inside, _ = items
        (made,) = self.generator(inside)
        return made  # type: ignore[no-any-return]

    def starred_generator(self, items: Items) -> nodes.Starred:
        return self.expr(nodes.Starred, items, self.generator_in_brackets(items[1:]))

    def split(self, arguments: Items) -> Any:
        """Return the positional and the keyword arguments."""
        seen: set[str] = set()
        for argument in arguments:
            if not isinstance(argument, nodes.Keyword):
                if seen:
                    raise self.fail(
                        "E208",
                        "positional argument follows keyword argument",
                        argument.span,
                        "put positional arguments first",
                    )
            elif argument.name in seen:
                raise self.fail("E208", f"keyword argument `{argument.name}` is repeated", argument.span)
            else:
                seen.add(argument.name)
        count = len(arguments) - len(seen)
        return tuple(arguments[:count]), tuple(arguments[count:])

    def keyword(self, items: Items) -> nodes.Keyword:
        return self.node(nodes.Keyword(str(items[0]), items[2], span=self.at(items)), items)

    def lambda_(self, items: Items) -> nodes.Lambda:
        return self.expr(nodes.Lambda, items, items[1] or (), items[3])

    def walrus(self, items: Items) -> nodes.Walrus:
        self.is_written_short = True
        return self.expr(nodes.Walrus, items, self.name_of(items[0]), items[2])

    def walrus_in_brackets(self, items: Items) -> Any:
        return self.group([items[0], self.walrus(items[1:-1]), items[-1]])

    # Displays

    def group(self, items: Items) -> Any:
        self._groups[id(items[1])] = self.edges(items[0])[0], self.edges(items[2])[1]
        return items[1]

    def tuple(self, items: Items) -> nodes.TupleExpr:
        return self.expr(nodes.TupleExpr, items, tuple(parts(items)))

    def starred(self, items: Items) -> nodes.Starred:
        return self.expr(nodes.Starred, items, items[1])

    def set(self, items: Items) -> nodes.SetExpr:
        return self.expr(nodes.SetExpr, items, tuple(parts(items)))

    def list(self, items: Items) -> nodes.ListExpr:
        return self.expr(nodes.ListExpr, items, tuple(parts(items)))

    def unpacked_dict(self, items: Items) -> nodes.Starred:
        return self.expr(nodes.Starred, items, items[1])

    def dict(self, items: Items) -> nodes.DictExpr | nodes.Apply:
        pairs = tuple(parts(items))
        if any(isinstance(pair, nodes.Starred) for pair in pairs):
            return self.merged(items, pairs)
        return self.expr(nodes.DictExpr, items, pairs, inside=[part for pair in pairs for part in pair])

    def merged(self, items: Items, given: Any) -> nodes.Apply:
        """Return the application that merges dicts, for `{**a, k: v}`."""
        args: Items = []
        for is_starred, group in groupby(given, lambda each: isinstance(each, nodes.Starred)):
            if is_starred:
                args += [each.value for each in group]
            else:
                pairs = tuple(group)
                span = Span(self.source, self.edges(pairs[0][0])[0], self.edges(pairs[-1][1])[1])
                made = nodes.DictExpr(pairs, span=span, node_id=next(self._ids))
                args.append(self.node(made, [part for pair in pairs for part in pair]))
        callee = nodes.Name(hidden_names.MERGED, span=self.at(items), node_id=next(self._ids))
        return self.expr(nodes.Apply, items, callee, tuple(args), inside=args)

    def pair(self, items: Items) -> Any:
        return items[0], items[2]

    def comprehension(self, items: Items) -> nodes.Comprehension:
        _, element, *clauses, _ = items
        kind, key = "list" if items[0] == "[" else "set", None
        if isinstance(element, tuple):
            kind, (key, element) = "dict", element
        inside = [element, key, *clauses]
        return self.expr(nodes.Comprehension, items, kind, element, self.clauses(clauses), key, inside=inside)

    def clauses(self, clauses: Items) -> Any:
        if len(clauses) > MAX_CLAUSES:
            message = f"a comprehension has more than {MAX_CLAUSES} clauses"
            raise self.fail("E103", message, clauses[MAX_CLAUSES].span, "bind parts to names")
        return tuple(clauses)

    def for_clause(self, items: Items) -> nodes.ForClause:
        return self.node(nodes.ForClause(items[1], items[3], span=self.at(items)), items)

    def if_clause(self, items: Items) -> nodes.IfClause:
        return self.node(nodes.IfClause(items[1], span=self.at(items)), items)

    def targets(self, items: Items) -> Any:
        targets = parts(items)
        if items[1:] in ([], [None]):  # there is no comma
            if isinstance(targets[0], nodes.Starred):
                hint = "write `*xs, = …`, or `xs = list(…)`"
                raise self.fail("E117", "a starred target is one of a list of targets", targets[0].span, hint)
            return targets[0]
        return self.node(nodes.TupleTarget(tuple(targets), span=self.at(items)), targets)

    def loop_targets(self, items: Items) -> Any:
        return self.targets(items)

    # Atoms

    def name(self, items: Items) -> nodes.Name:
        return self.node(self.name_of(items[0]), [])

    def constant(self, items: Items) -> nodes.Constant:
        return self.expr(nodes.Constant, items, self.value_of(items[0]), inside=[])

    def value_of(self, token: Token) -> Any:
        """Return the value of the token of a constant."""
        if isinstance(token, JoinedStrings):
            return "".join(map(self.value_of, token.pieces))
        text = str(token)
        match token.type:
            case "TRUE" | "FALSE" | "NONE":
                return {"True": True, "False": False, "None": None}[text]
            case "INT" | "FLOAT":
                self.apart(token)
                return self.literal(literals.integer if token.type == "INT" else literals.real, text, token)
            case "RAW_STRING":
                return text[2:-1]
            case "LONG_STRING":
                return self.literal(literals.unescape, text[3:-3], token, 3)
        return self.literal(literals.unescape, text[1:-1], token, 1)

    def apart(self, number: Token) -> None:
        """Refuse a number that touches a name, although Python still accepts `1if x else 2`."""
        start, end = number.start_pos or 0, number.end_pos or 0
        if self.text[end : end + 1].isalpha():
            raise self.fail(
                "E106", "a number is followed directly by a name", self.span(start, end + 1), "put a space between them"
            )

    def literal(self, read: Callable[[str], T], text: str, token: Token, skip: int = 0) -> T:
        """Return the value of a part of the token, which starts after `skip` characters. Raises ProgramError."""
        try:
            return read(text)
        except literals.Malformed as error:
            raise self.malformed("E106", error, (token.start_pos or 0) + skip) from None

    def malformed(self, code: str, error: literals.Malformed, start: int) -> ProgramError:
        return self.fail(code, error.message, self.span(start + error.start, start + error.end), error.hint)

    def fstring(self, items: Items) -> nodes.FString:
        token: Token = items[0]
        parts: list[str | nodes.Hole] = []
        for piece in token.pieces if isinstance(token, JoinedStrings) else (token,):
            for part in self.pieces(piece) if piece.type in F_STRINGS else (self.value_of(piece),):
                if isinstance(part, str) and parts and isinstance(parts[-1], str):
                    parts[-1] += part
                elif part != "":
                    parts.append(part)
        return self.expr(nodes.FString, items, tuple(parts), inside=parts)

    def pieces(self, token: Token) -> Iterator[str | nodes.Hole]:
        """Yield the texts and the holes of one f-string."""
        opening = 4 if token.type == "LONG_FSTRING" else 2
        start = (token.start_pos or 0) + opening
        for text, at, is_hole in literals.parts(token[opening : 1 - opening]):
            if is_hole:
                yield from self.hole(text, start + at)
            else:
                yield self.literal(literals.unescape, text, token, opening + at)

    def hole(self, text: str, start: int) -> Iterator[str | nodes.Hole]:
        """Parse `value!r:spec`, in which the value is an expression of the same grammar."""
        try:
            end, shown, conversion, spec = literals.hole(text)
        except literals.Malformed as error:
            raise self.malformed("E107", error, start) from None
        span = self.span(start, start + len(text))
        value = self.parse_hole(text[:end].replace("\n", " "), self.offset + start)
        if shown:
            yield shown
        yield self.node(nodes.Hole(value, conversion, spec, span=span), [value])


def parts(items: Items, kind: str = "") -> Items:
    """Return the children that are neither missing nor tokens, except those of one kind."""
    return [item for item in items if item is not None and (not isinstance(item, Token) or item.type == kind)]
