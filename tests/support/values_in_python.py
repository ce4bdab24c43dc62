"""What programs of `aliasing.py` give in CPython: as they are, and with nothing shared."""

from __future__ import annotations

import ast
import re
import sys
from functools import reduce
from types import CodeType, FrameType
from typing import Any

MAX_LINES = 400
"""How many lines may be executed; some of the programs do not end."""

MAX_ELEMENTS = 2_000
"""How much variables may hold; some of the programs double a list in each turn."""

_CHANGING = {
    "append", "extend", "insert", "sort", "reverse", "clear", "pop", "remove", "add", "update", "setdefault",
}  # fmt: skip
_FUNCTION = re.compile(r"f\d")
_ITERATORS = (map, filter, zip, enumerate, reversed, range, type({}.keys()), type({}.values()), type({}.items()))


class Endless(BaseException):
    """The program takes too long."""


def in_python(text: str) -> str:
    """Return what the value of a program is in CPython, or its exception. Raises Endless."""
    return _outcome(ast.parse(text))


def by_value(text: str) -> str:
    """Return the same for a program in which nothing is ever shared. Raises Endless."""
    return _outcome(_ByValue().visit(ast.parse(text)))


def _outcome(tree: ast.Module) -> str:
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    tree.body.append(ast.Assign([ast.Name("result__", ast.Store())], last.value))
    code = compile(ast.fix_missing_locations(tree), "<program>", "exec")
    scope: dict[str, Any] = {"copy__": _copy, "reduce": reduce}
    try:
        _run(code, scope)
    except Exception as error:
        return type(error).__name__
    return repr(scope["result__"])


def _run(code: CodeType, scope: dict[str, Any]) -> None:
    lines = 0

    def count(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal lines
        if frame.f_code.co_filename != "<program>":
            return None
        lines += 1
        if lines > MAX_LINES or sum(map(_size, frame.f_locals.values())) > MAX_ELEMENTS:
            raise Endless
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        exec(code, scope)
    finally:
        sys.settrace(before)


def _size(value: object) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        return 0
    return len(value) + (sum(map(_size, value[:50])) if len(value) < 50 else 0)


class _ByValue(ast.NodeTransformer):
    """Copies what is read from a variable, put into a container, bound or given to a function."""

    def path(self, node: ast.expr) -> Any:
        """Return what is changed, or lent to a function, which is no copy."""
        match node:
            case ast.Name():
                return node
            case ast.Subscript():
                return ast.Subscript(self.path(node.value), self.visit(node.slice), node.ctx)
        return self.visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        if isinstance(function, ast.Attribute):
            receiver = self.path(function.value) if function.attr in _CHANGING else self.visit(function.value)
            function = ast.Attribute(receiver, function.attr, ast.Load())
        lends = isinstance(function, ast.Name) and _FUNCTION.match(function.id) is not None
        args = [
            self.path(arg) if lends and isinstance(arg, (ast.Name, ast.Subscript)) else _copied(self.visit(arg))
            for arg in node.args
        ]
        call = ast.Call(function, args, [ast.keyword(each.arg, self.visit(each.value)) for each in node.keywords])
        return _copied(call) if isinstance(function, ast.Name) else call

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return _copied(node) if isinstance(node.ctx, ast.Load) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return self.path(node) if isinstance(node.ctx, ast.Store) else self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        return ast.AugAssign(self.path(node.target), node.op, _copied(self.visit(node.value)))

    def visit_Assign(self, node: ast.Assign) -> Any:
        """`a = b = e` gives each target a copy."""
        statements = [ast.Assign([ast.Name("value__", ast.Store())], self.visit(node.value))]
        for target in node.targets:
            statements.append(ast.Assign([self.visit(target)], _copied(ast.Name("value__", ast.Load()))))
        return statements

    def visit_For(self, node: ast.For) -> ast.AST:
        names = [each.id for each in ast.walk(node.target) if isinstance(each, ast.Name)]
        copies = [ast.Assign([ast.Name(name, ast.Store())], _copied(ast.Name(name, ast.Load()))) for name in names]
        body = [each for statement in node.body for each in _listed(self.visit(statement))]
        return ast.For(node.target, self.visit(node.iter), [*copies, *body], [])

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.AST:
        self.generic_visit(node)
        return ast.ListComp(node.elt, node.generators)


def _listed(found: Any) -> list[Any]:
    return found if isinstance(found, list) else [found]


def _copied(node: ast.expr) -> ast.expr:
    return ast.Call(ast.Name("copy__", ast.Load()), [node], [])


def _copy(value: Any) -> Any:
    if isinstance(value, (list, tuple, set)):
        return type(value)(map(_copy, value))
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return list(map(_copy, value)) if isinstance(value, _ITERATORS) else value
