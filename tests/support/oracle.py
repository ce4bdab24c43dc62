"""CPython as the oracle: runs a program's text as Python, with what the language adds."""

from __future__ import annotations
import __future__

import ast
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rlmlang.runtime.values import RecordValue, Value

ERRORS: dict[type[Exception], frozenset[str]] = {
    ZeroDivisionError: frozenset({"E303"}),
    IndexError: frozenset({"E301", "E312"}),
    KeyError: frozenset({"E302", "E312"}),
    ValueError: frozenset({"E304", "E305", "E308", "E312"}),
    StopIteration: frozenset({"E312"}),
    AssertionError: frozenset({"E311"}),
    UnboundLocalError: frozenset({"E310"}),
    NameError: frozenset({"E310"}),
    RecursionError: frozenset({"E309"}),
    OverflowError: frozenset({"E306"}),
}
"""The codes that stand for a Python exception."""

LIMITS = frozenset({"E306", "E309", "E506", "E507"})
"""Codes for what Python would do, given time and memory."""

LIST_METHODS = frozenset({"keys", "values", "items"})


class _Adapt(ast.NodeTransformer):
    """Records become dataclasses, views lists, CALLs applications of `call__`; given inputs lose their defaults."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self.given = given

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.decorator_list = [ast.Name("record__", ast.Load())]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if isinstance(node.target, ast.Name) and node.target.id in self.given:
            node.value = None
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        match node.func:
            case ast.Name("CALL"):
                return ast.Call(ast.Name("call__", ast.Load()), [ast.Constant("str"), *node.args], node.keywords)
            case ast.Subscript(ast.Name("CALL"), type_):
                text = ast.Constant(ast.unparse(type_))
                return ast.Call(ast.Name("call__", ast.Load()), [text, *node.args], node.keywords)
        if isinstance(node.func, ast.Attribute) and node.func.attr in LIST_METHODS:
            return ast.Call(ast.Name("list", ast.Load()), [node], [])
        return node


def _range(*bounds: int) -> Sequence[int]:
    """Return a range as a list, unless it is so long that only the head of a loop can have it."""
    numbers = range(*bounds)
    return list(numbers) if abs(numbers.stop - numbers.start) < 10**8 else numbers


def _listed(work: Callable[..., Any]) -> Callable[..., list[Any]]:
    return lambda *args, **keywords: list(work(*args, **keywords))


def evaluate(text: str, inputs: Mapping[str, Value], call: Callable[..., Value] | None = None) -> Any:
    """The value of the program as CPython sees it. Raises what it raises.

    `call` answers a CALL, whose type is given first, as text.
    """
    tree = ast.parse(text)
    last = tree.body[-1]
    if isinstance(last, ast.FunctionDef):  # the inputs are its arguments
        value: ast.expr = ast.Call(
            ast.Name(last.name, ast.Load()),
            [],
            [ast.keyword(name, ast.Name(name, ast.Load())) for name in inputs],
        )
    else:
        assert isinstance(last, ast.Expr)
        value = last.value
        tree.body.pop()
    tree.body.append(ast.Assign([ast.Name("value__", ast.Store())], value))
    tree = ast.fix_missing_locations(_Adapt(inputs).visit(tree))
    scope: dict[str, Any] = {
        "record__": dataclasses.dataclass(frozen=True),
        "field": dataclasses.field,
        "reduce": functools.reduce,
        "print": lambda *args, **keywords: None,
        "range": _range,
        **{work.__name__: _listed(work) for work in (zip, enumerate, reversed, map, filter)},
    }
    flags = __future__.annotations.compiler_flag
    if call is not None:
        scope["call__"] = lambda *args, **named: _native(call(*args, **named), scope)
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    exec(compile(ast.Module(list(classes), []), "<program>", "exec", flags), scope)
    scope |= {name: _native(value, scope) for name, value in inputs.items()}
    rest = [node for node in tree.body if not isinstance(node, ast.ClassDef)]
    exec(compile(ast.Module(rest, []), "<program>", "exec", flags), scope)
    return scope["value__"]


def _native(value: Value, scope: Mapping[str, Any]) -> Any:
    """The value with records as instances of the program's dataclasses."""
    if isinstance(value, RecordValue):
        return scope[value.type.name](*(_native(item, scope) for item in value.values))
    if isinstance(value, (list, tuple, set)):
        return (set if isinstance(value, set) else type(value))(_native(item, scope) for item in value)
    if isinstance(value, dict):
        return {key: _native(item, scope) for key, item in value.items()}
    return value


def exact_text(value: Any) -> str:
    """A text that tells values apart which `==` does not: `1`, `1.0`, `True`; `0.0`, `-0.0`."""
    if isinstance(value, RecordValue):
        return f"{value.type.name}({', '.join(map(exact_text, value.values))})"
    if dataclasses.is_dataclass(value):
        fields = (getattr(value, field.name) for field in dataclasses.fields(value))
        return f"{type(value).__name__}({', '.join(map(exact_text, fields))})"
    if isinstance(value, (set, frozenset)):
        return f"set{{{', '.join(map(exact_text, sorted(value)))}}}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}[{', '.join(map(exact_text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {exact_text(item)}" for key, item in value.items()) + "}"
    return f"{type(value).__name__} {value!r}"
