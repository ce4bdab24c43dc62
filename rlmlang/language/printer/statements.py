"""Statements as lines of text, one after the other, each with its place in the source."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain as chained

from attrs import define, field

from rlmlang.language import nodes
from rlmlang.language.hidden_names import DELETE, DELETE_SLICE, SET_SLICE, places_of
from rlmlang.language.printer.expressions import expr_row, has_stars, target_text, type_row
from rlmlang.language.printer.rows import WIDTH, Chain, PrintedRow, bracket, fits, flat_text, lay


@define
class PrintedUnit:
    """A part of the program that is laid out at once: a statement of one line, a head, or a comment."""

    text: str
    start: int
    end: int
    indent: int = 0
    opens: bool = False
    """Whether a function or record begins with it: its head, or the decorator above."""
    goes_on: bool = False
    """Whether it belongs to what is above it: a head such as `else:`, or one below a decorator."""


@define
class Statements:
    """Writes the statements of a module."""

    module: nodes.Module
    text: str = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.text = self.module.span.source.text

    def units(self) -> Iterator[PrintedUnit]:
        return self.body(self.module.statements, 0)

    def body(self, statements: Iterable[nodes.Statement], indent: int) -> Iterator[PrintedUnit]:
        return chained.from_iterable(self.statement(statement, indent) for statement in statements)

    def statement(self, node: nodes.Statement, indent: int) -> Iterator[PrintedUnit]:
        start = node.span.start
        inner = indent + 4
        match node:
            case nodes.Record(name, fields, docstring=docstring):
                yield from _decorators(node, indent)
                is_below = bool(node.decorators)
                yield PrintedUnit(f"class {name.id}:", start, name.span.end, indent, opens=True, goes_on=is_below)
                yield from _docstring(docstring, inner)
                for item in fields:
                    text = lay(_declared(item.name, item.type, item.default), inner)
                    yield PrintedUnit(text, item.span.start, item.span.end, inner)
                    yield from _docstring(item.docstring, inner)
            case nodes.Function(name, params, result, body):
                if len(body) == 1 and node.is_declared:
                    yield PrintedUnit(_head(node, indent, ": ..."), start, node.span.end, indent, opens=True)
                    return
                last = result or (params[-1] if params else name)
                yield from _decorators(node, indent)
                is_below = bool(node.decorators)
                yield PrintedUnit(_head(node, indent), start, last.span.end, indent, opens=True, goes_on=is_below)
                yield from self.body(body, inner)
            case nodes.If(branches, orelse):
                for branch in branches:
                    word = "if " if branch is branches[0] else "elif "
                    text = _with_value(word, branch.test, indent, ":")
                    goes_on = branch is not branches[0]
                    yield PrintedUnit(text, branch.span.start, branch.test.span.end, indent, goes_on=goes_on)
                    yield from self.body(branch.body, inner)
                yield from self.orelse(branches[-1].span.end, orelse, indent)
            case nodes.For(target, iterable, body):
                text = _with_value(f"for {target_text(target)} in ", iterable, indent, ":")
                yield PrintedUnit(text, start, iterable.span.end, indent)
                yield from self.body(body, inner)
                yield from self.orelse(body[-1].span.end, node.orelse, indent)
            case nodes.While(test, body):
                yield PrintedUnit(_with_value("while ", test, indent, ":"), start, test.span.end, indent)
                yield from self.body(body, inner)
                yield from self.orelse(body[-1].span.end, node.orelse, indent)
            case nodes.Try(body, handlers):
                yield PrintedUnit("try:", start, start + 3, indent)
                yield from self.body(body, inner)
                for handler in handlers:
                    text, end = _handler(handler)
                    yield PrintedUnit(text, handler.span.start, end, indent, goes_on=True)
                    yield from self.body(handler.body, inner)
                yield from self.orelse(handlers[-1].span.end, node.orelse, indent)
            case _:
                yield PrintedUnit(_one_line(node, indent), start, node.span.end, indent)

    def orelse(self, end: int, body: tuple[nodes.Statement, ...], indent: int) -> Iterator[PrintedUnit]:
        """Yield an `else` behind what ends at a place, if it has a body."""
        if body:
            at = self.place_of_else(end, body[0].span.start)
            yield PrintedUnit("else:", at, at + 4, indent, goes_on=True)
            yield from self.body(body, indent + 4)

    def place_of_else(self, start: int, end: int) -> int:
        """Return where the `else` between two positions is, which is in no span."""
        for found in re.compile(r"#[^\n]*|else\b").finditer(self.text, start, end):
            if found[0] == "else":
                return found.start()
        return start


def _decorators(node: nodes.Function | nodes.Record, indent: int) -> Iterator[PrintedUnit]:
    """Yield the lines above a definition, of which the first is set off from what is above."""
    for i, each in enumerate(node.decorators):
        text = f"@{flat_text(expr_row(each))}"
        yield PrintedUnit(text, each.span.start - 1, each.span.end, indent, opens=i == 0, goes_on=i > 0)


def _docstring(node: nodes.Constant | None, indent: int) -> Iterator[PrintedUnit]:
    """Yield the string that describes a part of a record, if there is one."""
    if node is not None:
        yield PrintedUnit(_with_value("", node, indent), node.span.start, node.span.end, indent)


def _head(node: nodes.Function, indent: int, end: str = ":") -> str:
    """Return the head of a function. Its parameters are broken first."""
    result: PrintedRow = []
    if node.result is not None:
        row = type_row(node.result)
        result = [" -> ", *([flat_text(row)] if node.params else row)]
    return lay([f"def {node.name.id}", bracket("(", map(_param, node.params), ")"), *result, end], indent)


def _param(param: nodes.Param) -> PrintedRow:
    if param.is_rest:
        return [f"*{param.name.id}", *([] if param.type is None else [": ", *type_row(param.type)])]
    if param.type is not None:
        return _declared(param.name, param.type, param.default)
    return [param.name.id, *([] if param.default is None else ["=", *expr_row(param.default, 1)])]


def _declared(name: nodes.Name, type_: nodes.TypeExpr, value: nodes.Expr | None) -> PrintedRow:
    return [f"{name.id}: ", *type_row(type_), *([] if value is None else [" = ", *expr_row(value, 1)])]


def _handler(handler: nodes.Handler) -> tuple[str, int]:
    """Return the head of a handler, and where it ends in the source."""
    names = [name.id for name in handler.errors]
    text, last = "except", handler.span.start + 6
    if names:
        text += f" {names[0]}" if len(names) == 1 else f" ({', '.join(names)})"
        last = handler.errors[-1].span.end
    if handler.name is not None:
        text += f" as {handler.name.id}"
        last = handler.name.span.end
    return f"{text}:", last


def _one_line(node: nodes.Statement, indent: int) -> str:
    match node:
        case nodes.Input(name, type_, value) | nodes.AnnotatedAssign(name, type_, value):
            return lay(_declared(name, type_, value), indent)
        case nodes.Assign((nodes.TupleTarget(items),), nodes.Apply(nodes.Name(name), (value,))) if places := places_of(
            name
        ):
            names = [f"*{target_text(item)}" if i == places[0] else target_text(item) for i, item in enumerate(items)]
            return _with_value(f"{', '.join(names)}{',' if len(names) == 1 else ''} = ", value, indent, bare=True)
        case nodes.Assign(targets, value):
            unpacks = any(isinstance(target, nodes.TupleTarget) for target in targets)
            head = "".join(f"{target_text(target)} = " for target in targets)
            return _with_value(head, value, indent, bare=unpacks)
        case nodes.AugmentedAssign(target, op, value):
            return _with_value(f"{target_text(target)} {op}= ", value, indent)
        case nodes.ExprStatement(nodes.Apply(nodes.Attribute(container, name), args)) if name in CHANGES:
            return _element_change(name, container, args, indent)
        case nodes.ExprStatement(value):
            return _with_value("", value, indent)
        case nodes.Return(value):
            return "return" if value is None else _with_value("return ", value, indent, bare=True)
        case nodes.Assert(test, message):
            if message is None:
                return _with_value("assert ", test, indent)
            return lay(["assert ", *_closed(test, indent), ", ", *_closed(message, indent)], indent)
        case nodes.Raise(error, message):
            arguments = [] if message is None else [bracket("(", [expr_row(message, 1)], ")", "")]
            return "raise" if error is None else lay([f"raise {error.id}", *arguments], indent)
        case nodes.Import():
            return _import(node, indent)
        case nodes.Pass() | nodes.Break() | nodes.Continue():
            return type(node).__name__.lower()
        case nodes.HostBody():
            return "..."
    raise AssertionError(type(node))


CHANGES = (DELETE, DELETE_SLICE, SET_SLICE)


def _element_change(name: str, container: nodes.Expr, args: tuple[nodes.Expr, ...], indent: int) -> str:
    """Return `del xs[i]`, `del xs[i:j]` or `xs[i:j] = ys`."""
    span = container.span
    if name == DELETE:
        return _with_value("del ", nodes.Index(container, args[0], span=span), indent)
    start, stop, step = (None if bound == nodes.Constant(None, span=span) else bound for bound in args[-3:])
    part = nodes.Slice(container, start, stop, step, span=span)
    if name == DELETE_SLICE:
        return _with_value("del ", part, indent)
    return _with_value(f"{flat_text(expr_row(part, 1))} = ", args[0], indent, bare=True)


def _import(node: nodes.Import, indent: int) -> str:
    rows: list[PrintedRow] = [[name.name + (f" as {name.alias.id}" if name.alias else "")] for name in node.names]
    names = ", ".join(map(flat_text, rows))
    if node.module is None:
        return f"import {names}"
    head = f"from {node.module} import "
    return head + names if fits(indent, head + names) else lay([head, bracket("(", rows, ")")], indent)


def _with_value(head: str, value: nodes.Expr, indent: int, tail: str = "", bare: bool = False) -> str:
    """Return the lines of a statement. What does not fit on one line is put in brackets, unless it has some.

    With `bare`, a tuple that fits has none.
    """
    if bare and isinstance(value, nodes.TupleExpr) and len(value.items) > 1 and not has_stars(value):
        text = head + ", ".join(flat_text(expr_row(item, 1)) for item in value.items) + tail
        if fits(indent, text):
            return text
    row = expr_row(value, 1)
    if isinstance(row[0], Chain) and indent + len(head) + len(row[0].flat) + len(tail) > WIDTH:
        row = [bracket("(", [row], ")", "")]
    return lay([head, *row, tail], indent)


def _closed(value: nodes.Expr, indent: int) -> PrintedRow:
    """Return an expression, in brackets if it is a chain of operators that does not fit on a line."""
    row = expr_row(value, 1)
    if isinstance(row[0], Chain) and not fits(indent, row[0].flat):
        return [bracket("(", [row], ")", "")]
    return row
