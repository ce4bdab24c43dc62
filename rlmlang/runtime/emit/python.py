"""Build Python syntax trees, of a closed list of nodes and attributes."""

from __future__ import annotations

import ast
from collections.abc import Sequence

NODES: tuple[type[ast.AST], ...] = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg,
    ast.Assign, ast.Expr, ast.If, ast.For, ast.While, ast.Break, ast.Continue, ast.Pass, ast.Return, ast.Raise,
    ast.Try, ast.ExceptHandler,
    ast.Name, ast.Constant, ast.Load, ast.Store, ast.Attribute, ast.Subscript, ast.Slice, ast.Starred,
    ast.List, ast.Tuple, ast.Dict, ast.Set,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.LShift, ast.RShift, ast.BitAnd, ast.BitOr, ast.BitXor,
    ast.UnaryOp, ast.USub, ast.UAdd, ast.Invert, ast.Not, ast.BoolOp, ast.And, ast.Or,
    ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot,
    ast.ListComp, ast.comprehension, ast.IfExp, ast.NamedExpr, ast.Call, ast.keyword, ast.JoinedStr, ast.FormattedValue,
)  # fmt: skip
"""The kinds of nodes that are emitted."""

ATTRIBUTES = frozenset(
    [
        "steps",
        "max_steps",
        "largest",
        "max_bytes",
        "patterns",
        "charge",
        "text",
        "items",
        "grow",
        "put",
        "append",
        "add",
        "get",
        "values",
    ]
)
"""The attributes that emitted code uses: of the meter, of containers, and the values of a record."""

# What has no place of its own in the text is one object for all trees, as in those that Python makes itself.

LOAD, STORE, AND, OR = ast.Load(), ast.Store(), ast.And(), ast.Or()

BINARY: dict[str, ast.operator] = {
    "+": ast.Add(), "-": ast.Sub(), "*": ast.Mult(), "/": ast.Div(), "//": ast.FloorDiv(), "%": ast.Mod(),
    "**": ast.Pow(), "<<": ast.LShift(), ">>": ast.RShift(), "&": ast.BitAnd(), "|": ast.BitOr(), "^": ast.BitXor(),
}  # fmt: skip

COMPARE: dict[str, ast.cmpop] = {
    "==": ast.Eq(), "!=": ast.NotEq(), "<": ast.Lt(), "<=": ast.LtE(), ">": ast.Gt(), ">=": ast.GtE(),
    "in": ast.In(), "not in": ast.NotIn(), "is": ast.Is(), "is not": ast.IsNot(),
}  # fmt: skip

UNARY: dict[str, ast.unaryop] = {"-": ast.USub(), "+": ast.UAdd(), "~": ast.Invert(), "not": ast.Not()}


def load(name: str) -> ast.Name:
    return ast.Name(name, LOAD)


def store(name: str) -> ast.Name:
    return ast.Name(name, STORE)


def const(value: object) -> ast.Constant:
    return ast.Constant(value)  # type: ignore[arg-type]


def attribute(value: ast.expr, name: str) -> ast.Attribute:
    assert name in ATTRIBUTES
    return ast.Attribute(value, name, LOAD)


def call(function: ast.expr | str, *args: ast.expr) -> ast.Call:
    return ast.Call(load(function) if isinstance(function, str) else function, [*args], [])


def binary(left: ast.expr, op: str, right: ast.expr) -> ast.BinOp:
    return ast.BinOp(left, BINARY[op], right)


def compare(left: ast.expr, op: str, right: ast.expr) -> ast.Compare:
    return ast.Compare(left, [COMPARE[op]], [right])


def both(*tests: ast.expr) -> ast.expr:
    return tests[0] if len(tests) == 1 else ast.BoolOp(AND, [*tests])


def negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(UNARY["not"], test)


def assign(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([store(name)], value)


def when(test: ast.expr, then: list[ast.stmt], other: list[ast.stmt] | None = None) -> ast.If:
    return ast.If(test, then or [ast.Pass()], other or [])


def function(name: str, params: Sequence[str], body: list[ast.stmt]) -> ast.FunctionDef:
    arguments = ast.arguments([], [ast.arg(param) for param in params], None, [], [], None, [])
    return ast.FunctionDef(name, arguments, body, [])


def is_simple(code: ast.expr) -> bool:
    """Return whether evaluating the code has no effect and cannot fail, so that it may be repeated or moved.

    A name with a line of its own is that of a variable which may be not bound.
    """
    return isinstance(code, ast.Constant) or (isinstance(code, ast.Name) and not hasattr(code, "lineno"))


def again(code: ast.expr) -> ast.expr:
    """Return a copy of simple code, since a node of a tree has one place."""
    match code:
        case ast.Name(id=name):
            return load(name)
        case ast.Constant(value=value):
            return const(value)
    return code


def located(code: ast.AST, line: int) -> None:
    """Give the node a line. What it contains has the same one, unless it has its own."""
    code.lineno = code.end_lineno = line  # type: ignore[attr-defined]
    code.col_offset = code.end_col_offset = 0  # type: ignore[attr-defined]


def fill_locations(module: ast.Module) -> None:
    """Give every node without a line that of the node which contains it."""
    rest: list[tuple[ast.AST, int]] = [(module, 1)]
    while rest:
        node, line = rest.pop()
        if node._attributes:
            if not hasattr(node, "lineno"):
                located(node, line)
            line = node.lineno  # type: ignore[attr-defined]
        for name in node._fields:
            part = getattr(node, name, None)
            if isinstance(part, list):
                rest += [(each, line) for each in part if isinstance(each, ast.AST)]
            elif isinstance(part, ast.AST) and part._fields:
                rest.append((part, line))
