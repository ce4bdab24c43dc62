"""Format programs: there is one layout for each program.

A node becomes a row of pieces: plain text, brackets, and chains of operators. What fits on
a line stays on it; otherwise the first bracket that does not fit is broken, one item a
line, and so on inside it. Comments stay where they were, or go above the statement whose
brackets they were in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Union

from attrs import define, field, frozen

from rlmlang.language import nodes
from rlmlang.language.depth import deep_recursion
from rlmlang.language.literal_text import constant_text, escaped, string_text

WIDTH = 100
"""The columns that a line should not exceed."""

DEEPEST = WIDTH // 2
"""The indentation beyond which lines are not broken: the text would grow with the square of its depth."""


@deep_recursion
def format_module(module: nodes.Module) -> str:
    """Return the canonical text of a program, which parses to an equal tree and formats to itself."""
    source = module.span.source.text
    lines = _Lines()
    comments = deque(module.comments)
    for unit in _units(module):
        while comments and comments[0].span.start < unit.end:
            comment = comments.popleft()
            inside = comment.span.start >= unit.start
            start, end = (unit.start, unit.start) if inside else (comment.span.start, comment.span.end)
            lines.add(_Unit(_comment(comment), start, end, unit.indent))
        if comments and not comments[0].own_line and source.find("\n", unit.end, comments[0].span.start) < 0:
            comment = comments.popleft()
            unit.text += f"  {_comment(comment)}"
            unit.end = comment.span.end
        lines.add(unit)
    for comment in comments:
        lines.add(_Unit(_comment(comment), comment.span.start, comment.span.end))
    return lines.text(source)


@deep_recursion
def format_expr(node: nodes.Expr) -> str:
    """Return an expression on one line, except for line breaks in long strings."""
    return _flat(_expr(node))


@deep_recursion
def format_type(node: nodes.TypeArg) -> str:
    """Return a type on one line."""
    return _flat(_type(node))


# Lines ---------------------------------------------------------------------------


@define
class _Unit:
    """A part of the program that is laid out at once: a simple statement, a head, a line of a body, or a comment."""

    text: str
    start: int
    end: int
    indent: int = 0
    opens: bool = False
    """Whether it is the head of a function or record."""
    closes: bool = False
    """Whether it is the last line of a function or record."""


@define
class _Lines:
    """Units in order, and the empty lines between them."""

    units: list[_Unit] = field(factory=list)

    def add(self, unit: _Unit) -> None:
        self.units.append(unit)

    def text(self, source: str) -> str:
        """Return the text: at most one empty line is kept between units, and two are around functions and records."""
        out: list[str] = []
        apart = False  # the unit below is set off as a head, or leads to one without an empty line
        gap = 0
        for i in range(len(self.units) - 1, -1, -1):
            unit = self.units[i]
            before = self.units[i - 1] if i else None
            apart = unit.opens or (apart and gap == 0 and unit.text.startswith("#") and unit.indent == 0)
            out.append(" " * unit.indent + unit.text + "\n")
            if before is None:
                break
            gap = 1 if source.count("\n", before.end, unit.start) > 1 else 0
            if before.opens or (unit.indent and not before.indent):
                gap = 0
            elif before.closes or (apart and not (gap == 0 and before.text.startswith("#"))):
                gap = 2
            out.append("\n" * gap)
        return "".join(reversed(out))


def _comment(comment: nodes.Comment) -> str:
    close = not comment.text or comment.text.startswith(("=>", "!"))
    return f"#{'' if close else ' '}{comment.text}"


def _units(module: nodes.Module) -> Iterator[_Unit]:
    for node in module.statements:
        start, end = node.span.start, node.span.end
        match node:
            case nodes.Record(name, fields):
                yield _Unit(f"class {name.id}:", start, name.span.end, opens=True)
                for item in fields:
                    text = _lay([f"{item.name.id}: ", *_type(item.type)], 4)
                    yield _Unit(text, item.span.start, item.span.end, 4, closes=item is fields[-1])
            case nodes.Function(name, params, result, body, value):
                returns = [_flat(_type(result))] if params else _type(result)  # parameters are broken first
                head = [f"def {name.id}", _bracket("(", map(_param, params), ")"), " -> ", *returns, ":"]
                yield _Unit(_lay(head, 0), start, result.span.end, opens=True)
                last = result.span.end
                for line in body:
                    yield _Unit(_binding(line, 4), line.span.start, line.span.end, 4)
                    last = line.span.end
                returned = module.span.source.text.find("return", last, end)
                yield _Unit(_statement("return ", value, 4), max(returned, last), end, 4, closes=True)
            case nodes.Input(name, type_, default):
                yield _Unit(_lay(_declared(name, type_, default), 0), start, end)
            case nodes.Binding():
                yield _Unit(_binding(node, 0), start, end)
            case nodes.ExprStatement(value):
                yield _Unit(_statement("", value, 0), start, end)


def _binding(node: nodes.Binding, indent: int) -> str:
    return _statement(f"{', '.join(name.id for name in node.names)} = ", node.value, indent)


def _statement(head: str, value: nodes.Expr, indent: int) -> str:
    """Return the lines of a statement; a chain of operators that does not fit on one line is put in brackets."""
    row = _expr(value)
    if isinstance(row[0], _Chain) and indent + len(head) + len(row[0].flat) > WIDTH:
        row = [_bracket("(", [row], ")", "")]
    return _lay([head, *row], indent)


def _declared(name: nodes.Name, type_: nodes.TypeExpr, default: nodes.Expr | None) -> _Row:
    return [f"{name.id}: ", *_type(type_), *([] if default is None else [" = ", *_expr(default)])]


def _param(param: nodes.Param) -> _Row:
    return _declared(param.name, param.type, param.default)


# Pieces --------------------------------------------------------------------------


@frozen
class _Bracket:
    open: str
    items: list[_Row]
    close: str
    comma: str
    """What follows each item when the bracket is broken: a comma or nothing."""
    flat: str


@frozen
class _Chain:
    """A chain of operands, all but the first with their operator in front."""

    items: list[_Row]
    flat: str


_Piece = Union[str, _Bracket, _Chain]
_Row = list[_Piece]


def _bracket(open_: str, items: Iterable[_Row], close: str, comma: str = ",") -> _Bracket:
    rows = list(items)
    return _Bracket(open_, rows, close, comma, open_ + f"{comma} ".join(map(_flat, rows)) + close)


def _chain(items: Iterable[_Row]) -> _Row:
    rows = list(items)
    return [_Chain(rows, " ".join(map(_flat, rows)))]


def _flat(row: _Row) -> str:
    return "".join(piece if isinstance(piece, str) else piece.flat for piece in row)


def _lay(row: _Row, indent: int, after: int = 0) -> str:
    """Return the row as lines. The first starts at column `indent`; `after` columns must be free after the last."""
    if indent > DEEPEST:
        return _flat(row)
    if isinstance(row[0], _Chain) and len(row) == 1 and indent + len(row[0].flat) + after > WIDTH:
        last = len(row[0].items) - 1
        lines = (_lay(item, indent, after * (i == last)) for i, item in enumerate(row[0].items))
        return ("\n" + " " * indent).join(lines)
    pieces = list(_inline(row))
    out = ""
    for i, piece in enumerate(pieces):
        if isinstance(piece, str):
            out += piece
            continue
        column = len(out) - (out.rfind("\n") + 1) + (0 if "\n" in out else indent)
        if not piece.items or _fits(column, piece.flat + _until_break(pieces[i + 1 :], after)):
            out += piece.flat
            continue
        inner = indent + 4
        out += piece.open
        for item in piece.items:
            out += "\n" + " " * inner + _lay(item, inner, len(piece.comma)) + piece.comma
        out += "\n" + " " * indent + piece.close
    return out


def _inline(row: _Row) -> Iterator[str | _Bracket]:
    for piece in row:
        if isinstance(piece, _Chain):
            for i, item in enumerate(piece.items):
                yield " " * (i > 0)
                yield from _inline(item)
        else:
            yield piece


def _until_break(pieces: list[str | _Bracket], after: int) -> str:
    """Return the text that must be on the same line, up to the next bracket that can be broken."""
    text = ""
    for piece in pieces:
        if isinstance(piece, _Bracket) and piece.items:
            return text + piece.open
        text += piece if isinstance(piece, str) else piece.flat
    return text + " " * after


def _fits(column: int, text: str) -> bool:
    first, *_, last = [*text.split("\n", 1), text.rpartition("\n")[2]]
    return column + len(first) <= WIDTH and len(last) <= WIDTH


# Types ---------------------------------------------------------------------------


def _type(node: nodes.TypeArg) -> _Row:
    match node:
        case nodes.TypeUnion(left, right):
            return [*_type(left), " | ", *_type(right)]
        case nodes.TypeList(items):
            return [f"[{', '.join(map(format_type, items))}]"]
        case nodes.TypeLiteral(value):
            return [string_text(value) if isinstance(value, str) else str(value)]
        case nodes.TypeName(name, args):
            if len(args) < 2:  # a comma after a single argument would make it a tuple in Python
                return [name, *(("[", *_type(args[0]), "]") if args else ())]
            return [name, _bracket("[", map(_type, args), "]")]


# Expressions ---------------------------------------------------------------------

_LEVELS = {
    "or": 2, "and": 3, "not": 4, "+": 6, "-": 6, "*": 7, "/": 7, "//": 7, "%": 7, "**": 9,
}  # fmt: skip
"""The precedence of operators, as in the grammar: a conditional has 1, comparisons 5, signs 8."""

_POSTFIX = 10


def _level(node: nodes.Expr) -> int:
    match node:
        case nodes.Lambda():
            return 0
        case nodes.Conditional():
            return 1
        case nodes.Compare() | nodes.IsNone():
            return 5
        case nodes.Unary(op) if op != "not":
            return 8
        case nodes.Unary(op) | nodes.Binary(op) | nodes.Logic(op):
            return _LEVELS[op]
    return _POSTFIX


def _expr(node: nodes.Expr, least: int = 0, quote: str = "") -> _Row:
    """Return an expression, in brackets if its precedence is below `least`. `quote` is for strings in f-strings."""
    row = _bare(node, quote)
    if _level(node) < least:
        return ["(", *row, ")"]
    return row


def _bare(node: nodes.Expr, quote: str) -> _Row:
    match node:
        case nodes.Constant(value):
            return [constant_text(node) if not (quote and isinstance(value, str)) else f"{quote}{value}{quote}"]
        case nodes.Name(name):
            return [name]
        case nodes.FString():
            return [_fstring(node, quote)]
        case nodes.ListExpr(items):
            return [_bracket("[", (_expr(item, 1, quote) for item in items), "]")]
        case nodes.TupleExpr([only]):
            return ["(", *_expr(only, 1, quote), ",)"]
        case nodes.TupleExpr(items):
            return [_bracket("(", (_expr(item, 1, quote) for item in items), ")")]
        case nodes.DictExpr(pairs):
            rows = ([*_expr(key, 1, quote), ": ", *_expr(value, 1, quote)] for key, value in pairs)
            return [_bracket("{", rows, "}")]
        case nodes.Unary(op, operand):
            return [f"{op} " if op == "not" else op, *_expr(operand, _level(node), quote)]
        case nodes.Binary("**", left, right):
            return [*_expr(left, _POSTFIX, quote), " ** ", *_expr(right, 8, quote)]
        case nodes.Binary() | nodes.Logic():
            return _chain(_operands(node, quote))
        case nodes.Compare(first, rest):
            others: list[_Row] = [[f"{op} ", *_expr(operand, 6, quote)] for op, operand in rest]
            return _chain([_expr(first, 6, quote), *others])
        case nodes.IsNone(value, negated):
            return [*_expr(value, 6, quote), " is not None" if negated else " is None"]
        case nodes.Conditional(test, then, other):
            return _chain(
                [
                    _expr(then, 2, quote),
                    ["if ", *_expr(test, 2, quote)],
                    ["else ", *_expr(other, 1, quote)],
                ]
            )
        case nodes.Attribute(value, name):
            if isinstance(value, nodes.Constant) and type(value.value) is int:  # `1.real` would be a number
                return ["(", *_expr(value), ")", f".{name}"]
            return [*_expr(value, _POSTFIX, quote), f".{name}"]
        case nodes.Index(value, index):
            return [*_expr(value, _POSTFIX, quote), "[", *_expr(index, 1, quote), "]"]
        case nodes.Slice():
            return _slice(node, quote)
        case nodes.Comprehension(kind, element, clauses, key):
            row = _expr(element, 1, quote)
            if key is not None:
                row = [*_expr(key, 1, quote), ": ", *row]
            open_, close = {"list": ("[", "]"), "dict": ("{", "}"), "generator": ("(", ")")}[kind]
            return [_bracket(open_, [row, *(_clause(clause, quote) for clause in clauses)], close, "")]
        case nodes.Lambda(params, body):
            names = ", ".join(name.id for name in params)
            return [f"lambda {names}: " if names else "lambda: ", *_expr(body, 1, quote)]
        case nodes.Apply(callee, args, keywords):
            return [*_expr(callee, _POSTFIX, quote), _arguments(args, keywords, quote)]
        case nodes.Call(type_, args, keywords):
            result: _Row = [] if type_ is None else ["[", *_type(type_), "]"]
            return ["CALL", *result, _arguments(args, keywords, quote)]


def _operands(node: nodes.Binary | nodes.Logic, quote: str) -> list[_Row]:
    """Return the operands of all operators on the left with equal precedence."""
    level = _level(node)
    rows: list[_Row] = []
    left: nodes.Expr = node
    while isinstance(left, (nodes.Binary, nodes.Logic)) and _level(left) == level:
        rows.append([f"{left.op} ", *_expr(left.right, level + 1, quote)])
        left = left.left
    return [_expr(left, level, quote), *reversed(rows)]


def _arguments(args: tuple[nodes.Expr, ...], keywords: tuple[nodes.Keyword, ...], quote: str) -> _Bracket:
    match args, keywords:
        case (nodes.Comprehension("generator") as only,), ():
            generator = _bare(only, quote)[0]
            assert isinstance(generator, _Bracket)
            return generator
    rows = [_expr(arg, 0, quote) for arg in args]
    rows += [[f"{keyword.name}=", *_expr(keyword.value, 0, quote)] for keyword in keywords]
    return _bracket("(", rows, ")")


def _clause(clause: nodes.ForClause | nodes.IfClause, quote: str) -> _Row:
    match clause:
        case nodes.ForClause(target, iterable):
            return [f"for {_target(target)} in ", *_expr(iterable, 2, quote)]
        case nodes.IfClause(test):
            return ["if ", *_expr(test, 2, quote)]


def _target(target: nodes.Target) -> str:
    match target:
        case nodes.Name(name):
            return name
        case nodes.TupleTarget(items):
            return ", ".join(
                f"({_target(item)})" if isinstance(item, nodes.TupleTarget) else _target(item) for item in items
            )


def _slice(node: nodes.Slice, quote: str) -> _Row:
    """Return a slice, with spaces around the colons if a part has operators, as in `xs[i + 1 : j]`."""
    parts = [part for part in (node.start, node.stop, node.step) if part is not None]
    space = "" if all(_level(part) >= 8 for part in parts) else " "
    row = [*_expr(node.value, _POSTFIX, quote), "["]
    if node.start is not None:
        row += [*_expr(node.start, 1, quote), space]
    row.append(":")
    if node.stop is not None:
        row += [space, *_expr(node.stop, 1, quote)]
    if node.step is not None:
        row += [space if node.stop is not None else "", ":", space, *_expr(node.step, 1, quote)]
    return [*row, "]"]


def _fstring(node: nodes.FString, quote: str) -> str:
    """Return an f-string. Its expressions can contain neither its quote nor backslashes."""
    holes = [part for part in node.parts if isinstance(part, nodes.Hole)]
    outer = quote or ("'" if any('"' in hole.spec for hole in holes) else '"')
    inner = "'" if outer == '"' else '"'
    out = ""
    for part in node.parts:
        if isinstance(part, str):
            text = part if quote else escaped(part, outer)
            out += text.replace("{", "{{").replace("}", "}}")
        else:
            conversion = f"!{part.conversion}" if part.conversion else ""
            spec = f":{part.spec}" if part.spec else ""
            out += f"{{{_flat(_expr(part.value, 1, inner))}{conversion}{spec}}}"
    return f"f{outer}{out}{outer}"
