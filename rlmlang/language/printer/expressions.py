"""Types and expressions as rows of text."""

from __future__ import annotations

import re

from rlmlang.language import nodes
from rlmlang.language.literal_text import constant_text, escaped, long_text, string_text
from rlmlang.language.printer.rows import CLOSING, Bracket, PrintedRow, bracket, chain, flat_text

# Types ---------------------------------------------------------------------------


def type_row(node: nodes.TypeArg) -> PrintedRow:
    """Return a type as it is written in an annotation."""
    match node:
        case nodes.TypeUnion(left, right):
            return [*type_row(left), " | ", *type_row(right)]
        case nodes.TypeList(items):
            return [f"[{', '.join(flat_text(type_row(item)) for item in items)}]"]
        case nodes.TypeLiteral(value):
            return [string_text(value) if isinstance(value, str) else str(value)]
        case nodes.TypeName(name, args):
            if len(args) < 2:  # a comma after a single argument would make it a tuple in Python
                return [name, *(("[", *type_row(args[0]), "]") if args else ())]
            return [name, bracket("[", map(type_row, args), "]")]


# Expressions ---------------------------------------------------------------------

_LEVELS = {
    "or": 2, "and": 3, "not": 4, "|": 6, "^": 7, "&": 8, "<<": 9, ">>": 9,
    "+": 10, "-": 10, "*": 11, "/": 11, "//": 11, "%": 11, "**": 13,
}  # fmt: skip
"""The precedence of operators, as in the grammar: a conditional has 1, comparisons 5, signs 12."""

_OPERAND, _SIGN, _POSTFIX = 6, 12, 14


def _level(node: nodes.Expr) -> int:
    match node:
        case nodes.Lambda():
            return 0
        case nodes.Conditional():
            return 1
        case nodes.Compare() | nodes.IsNone():
            return 5
        case nodes.Unary(op) if op != "not":
            return _SIGN
        case nodes.Unary(op) | nodes.Binary(op) | nodes.Logic(op):
            return _LEVELS[op]
    return _POSTFIX


def expr_row(node: nodes.Expr, least: int = 0, quote: str = "") -> PrintedRow:
    """Return an expression, in brackets if its precedence is below `least`. `quote` is for strings in f-strings."""
    row = _bare(node, quote)
    if _level(node) < least:
        return ["(", *row, ")"]
    return row


def _bare(node: nodes.Expr, quote: str) -> PrintedRow:
    match node:
        case nodes.Constant(value):
            return [_inner_string(value, quote) if quote and isinstance(value, str) else constant_text(node)]
        case nodes.Name(name):
            return [name]
        case nodes.FString():
            return [_long_fstring(node) if not quote and _is_long(node) else _fstring(node, quote)]
        case nodes.ListExpr(items):
            return [bracket("[", (expr_row(item, 1, quote) for item in items), "]")]
        case nodes.TupleExpr([only]):
            return ["(", *expr_row(only, 1, quote), ",)"]
        case nodes.TupleExpr(items):
            return [bracket("(", (expr_row(item, 1, quote) for item in items), ")")]
        case nodes.SetExpr(items):
            return [bracket("{", (expr_row(item, 1, quote) for item in items), "}")]
        case nodes.Starred(value):
            return ["*", *expr_row(value, _OPERAND, quote)]
        case nodes.DictExpr(pairs):
            rows = ([*expr_row(key, 1, quote), ": ", *expr_row(value, 1, quote)] for key, value in pairs)
            return [bracket("{", rows, "}")]
        case nodes.Walrus(target, value):
            return ["(", f"{target.id} := ", *expr_row(value, 1, quote), ")"]
        case nodes.Unary(op, operand):
            return [f"{op} " if op == "not" else op, *expr_row(operand, _level(node), quote)]
        case nodes.Binary("**", left, right):
            return [*expr_row(left, _POSTFIX, quote), " ** ", *expr_row(right, _SIGN, quote)]
        case nodes.Binary() | nodes.Logic():
            return chain(_operands(node, quote))
        case nodes.Compare(first, rest):
            others: list[PrintedRow] = [[f"{op} ", *expr_row(operand, _OPERAND, quote)] for op, operand in rest]
            return chain([expr_row(first, _OPERAND, quote), *others])
        case nodes.IsNone(value, negated):
            return [*expr_row(value, _OPERAND, quote), " is not None" if negated else " is None"]
        case nodes.Conditional(test, then, other):
            return chain(
                [
                    expr_row(then, 2, quote),
                    ["if ", *expr_row(test, 2, quote)],
                    ["else ", *expr_row(other, 1, quote)],
                ]
            )
        case nodes.Attribute(value, name):
            if isinstance(value, nodes.Constant) and type(value.value) is int:  # `1.real` would be a number
                return ["(", *expr_row(value), ")", f".{name}"]
            return [*expr_row(value, _POSTFIX, quote), f".{name}"]
        case nodes.Index(value, index):
            return [*expr_row(value, _POSTFIX, quote), *_key(index, quote)]
        case nodes.Slice():
            return _slice(node, quote)
        case nodes.Comprehension(kind, element, clauses, key):
            row = expr_row(element, 1, quote)
            if key is not None:
                row = [*expr_row(key, 1, quote), ": ", *row]
            open_ = {"list": "[", "dict": "{", "set": "{", "generator": "("}[kind]
            return [bracket(open_, [row, *(_clause(clause, quote) for clause in clauses)], CLOSING[open_], "")]
        case nodes.Lambda(params, body):
            names = ", ".join(name.id for name in params)
            return [f"lambda {names}: " if names else "lambda: ", *expr_row(body, 1, quote)]
        case nodes.Apply(nodes.Name("{**}"), args):
            return [bracket("{", (row for arg in args for row in _merged(arg, quote)), "}")]
        case nodes.Apply(callee, args, keywords):
            return [*expr_row(callee, _POSTFIX, quote), _arguments(args, keywords, quote)]
        case nodes.Call(type_, args, keywords):
            result: PrintedRow = [] if type_ is None else ["[", *type_row(type_), "]"]
            return ["CALL", *result, _arguments(args, keywords, quote)]


def _merged(arg: nodes.Expr, quote: str) -> list[PrintedRow]:
    """Return the rows of a part of `{**a, k: v}`."""
    if isinstance(arg, nodes.DictExpr) and arg.items:
        return [[*expr_row(key, 1, quote), ": ", *expr_row(value, 1, quote)] for key, value in arg.items]
    return [["**", *expr_row(arg, _OPERAND, quote)]]


def _key(index: nodes.Expr, quote: str) -> PrintedRow:
    """Return a subscript; a tuple in it has no brackets of its own."""
    if isinstance(index, nodes.TupleExpr) and len(index.items) > 1 and not has_stars(index):
        return [bracket("[", (expr_row(item, 1, quote) for item in index.items), "]")]
    return ["[", *expr_row(index, 1, quote), "]"]


def has_stars(node: nodes.TupleExpr) -> bool:
    return any(isinstance(item, nodes.Starred) for item in node.items)


def _operands(node: nodes.Binary | nodes.Logic, quote: str) -> list[PrintedRow]:
    """Return the operands of all operators on the left with equal precedence."""
    level = _level(node)
    rows: list[PrintedRow] = []
    left: nodes.Expr = node
    while isinstance(left, (nodes.Binary, nodes.Logic)) and _level(left) == level:
        rows.append([f"{left.op} ", *expr_row(left.right, level + 1, quote)])
        left = left.left
    return [expr_row(left, level, quote), *reversed(rows)]


def _arguments(args: tuple[nodes.Expr, ...], keywords: tuple[nodes.Keyword, ...], quote: str) -> Bracket:
    match args, keywords:
        case (nodes.Comprehension("generator") as only,), ():
            generator = _bare(only, quote)[0]
            assert isinstance(generator, Bracket)
            return generator
    rows = [expr_row(arg, 0, quote) for arg in args]
    rows += [[f"{keyword.name}=", *expr_row(keyword.value, 0, quote)] for keyword in keywords]
    return bracket("(", rows, ")")


def _clause(clause: nodes.ForClause | nodes.IfClause, quote: str) -> PrintedRow:
    match clause:
        case nodes.ForClause(target, iterable):
            return [f"for {target_text(target)} in ", *expr_row(iterable, 2, quote)]
        case nodes.IfClause(test):
            return ["if ", *expr_row(test, 2, quote)]


def target_text(target: nodes.Target) -> str:
    match target:
        case nodes.TupleTarget([only]):
            return f"{_inner_target(only)},"
        case nodes.TupleTarget(items):
            return ", ".join(map(_inner_target, items))
        case _:
            return flat_text(expr_row(target))


def _inner_target(target: nodes.Target) -> str:
    return f"({target_text(target)})" if isinstance(target, nodes.TupleTarget) else target_text(target)


def _slice(node: nodes.Slice, quote: str) -> PrintedRow:
    """Return a slice, with spaces around the colons if a part has operators, as in `xs[i + 1 : j]`."""
    parts = [part for part in (node.start, node.stop, node.step) if part is not None]
    space = "" if all(_level(part) >= _SIGN for part in parts) else " "
    row = [*expr_row(node.value, _POSTFIX, quote), "["]
    if node.start is not None:
        row += [*expr_row(node.start, 1, quote), space]
    row.append(":")
    if node.stop is not None:
        row += [space, *expr_row(node.stop, 1, quote)]
    if node.step is not None:
        row += [space if node.stop is not None else "", ":", space, *expr_row(node.step, 1, quote)]
    return [*row, "]"]


# F-strings -----------------------------------------------------------------------

_LONG = '"""'
"""The `quote` of the expressions in a long f-string, in which both kinds of quotes may be used."""


def _inner_string(value: str, quote: str) -> str:
    """Return a string in an expression of an f-string, where there are no escapes."""
    if quote != _LONG or not ("'" in value or '"' in value):
        return f"'{value}'" if quote == _LONG else f"{quote}{value}{quote}"
    pieces = re.findall(r"'+|[^'\"]*\"|[^'\"]+", value)
    return " ".join(f'"{piece}"' if piece[0] == "'" else f"'{piece}'" for piece in pieces)


def _is_long(node: nodes.FString) -> bool:
    """Return whether an f-string is written with three quotes: it was, over several lines, or has strings with quotes
    in it that no other form allows."""
    if node.span.text.startswith(('f"""', "f'''")) and any(
        isinstance(part, str) and "\n" in part for part in node.parts
    ):
        return True
    return any(
        isinstance(each, nodes.Constant) and isinstance(each.value, str) and ("'" in each.value or '"' in each.value)
        for each in nodes.nodes_in(*(part.value for part in node.parts if isinstance(part, nodes.Hole)))
    )


def _long_fstring(node: nodes.FString) -> str:
    *before, last = node.parts
    pieces = [_doubled(long_text(f"{part}{{")[:-1]) if isinstance(part, str) else _hole(part, _LONG) for part in before]
    pieces.append(_doubled(long_text(last)) if isinstance(last, str) else _hole(last, _LONG))
    return f"f{_LONG}{''.join(pieces)}{_LONG}"


def _fstring(node: nodes.FString, quote: str) -> str:
    """Return an f-string on one line. Its expressions can contain neither its quote nor backslashes."""
    if quote == _LONG:
        quote = '"' if any("'" in part for part in node.parts if isinstance(part, str)) else "'"
    holes = [part for part in node.parts if isinstance(part, nodes.Hole)]
    outer = quote or ("'" if any('"' in hole.spec for hole in holes) else '"')
    inner = "'" if outer == '"' else '"'
    pieces = (
        _doubled(part if quote else escaped(part, outer)) if isinstance(part, str) else _hole(part, inner)
        for part in node.parts
    )
    return f"f{outer}{''.join(pieces)}{outer}"


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _hole(hole: nodes.Hole, quote: str) -> str:
    conversion = f"!{hole.conversion}" if hole.conversion else ""
    spec = f":{hole.spec}" if hole.spec else ""
    return f"{{{flat_text(expr_row(hole.value, 1, quote))}{conversion}{spec}}}"
