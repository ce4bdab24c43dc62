"""The type checker: from a syntax tree to a `Checked` program, before anything runs.

Types are inferred inside expressions and written at the borders: inputs, parameters,
results, fields and CALLs. Every error of one pass is reported; an expression that failed
has the type `UNKNOWN`, which fits everywhere, so that one mistake is told once.

The checker is one class in four parts, each built on the one before: `scope` (names),
`written` (types as written), `expressions`, `applications`; here are the statements.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from rlmlang.errors import Diagnostic, ProgramError
from rlmlang.files import stdlib_dir
from rlmlang.language import nodes
from rlmlang.language.check.applications import Applications
from rlmlang.language.check.checked import Checked, CheckedFunction
from rlmlang.language.check.scope import Enough, Unbound, Variable
from rlmlang.language.check.written import TYPE_NAMES
from rlmlang.language.depth import deep_recursion
from rlmlang.language.parse import Parsed, parse_partial
from rlmlang.language.source import Source
from rlmlang.language.types import UNKNOWN, RecordType, Type


@deep_recursion
def check(source: Source, wanted: Type | None = None) -> Checked:
    """Parse and check a program, whose value must be of the `wanted` type if there is one.

    Raises ProgramError with every diagnostic found.
    """
    parsed = parse_partial(source)
    checker = Checker(parsed.damaged, library_function)
    checker.wanted = wanted
    checked = checker.program(parsed)
    raise_any([*parsed.diagnostics, *checker.problems])
    return checked


def raise_any(problems: list[Diagnostic]) -> None:
    """Raise ProgramError with the problems in source order, if there are any."""
    if problems:
        raise ProgramError(tuple(sorted(problems, key=lambda p: p.span.start if p.span else 0)))


# The standard library ------------------------------------------------------------


@cache
def library_names() -> dict[str, Path]:
    """The file of `stdlib/` that each library function is defined in."""
    names: dict[str, Path] = {}
    for path in sorted(stdlib_dir().glob("*.rlm")):
        for match in re.finditer(r"^def (\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE):
            names[match[1]] = path
    return names


@cache
@deep_recursion
def _library_file(path: Path) -> dict[str, CheckedFunction]:
    """The functions of a library file, checked when one of them is first used."""
    parsed = parse_partial(Source(path.read_text(encoding="utf-8"), path.name))
    checker = Checker(parsed.damaged, library_function)
    checker.in_library = True
    functions = checker.functions(parsed)
    raise_any([*parsed.diagnostics, *checker.problems])
    return functions


def library_function(name: str) -> CheckedFunction | None:
    """A function of the standard library, checked with its file when one of them is first used."""
    path = library_names().get(name)
    return None if path is None else _library_file(path)[name]


# Statements ----------------------------------------------------------------------


class Checker(Applications):
    wanted: Type | None = None
    """What the program's value must be."""
    in_library = False
    """Whether it is a file of the standard library that is checked."""

    def program(self, parsed: Parsed, complete: bool = True) -> Checked:
        """Check the statements of a program; with `complete` false, of its beginning, which needs no value."""
        module = parsed.module
        self.inputs = frozenset(each.name.id for each in module.statements if isinstance(each, nodes.Input))
        for statement in module.statements:
            for name in _bound_names(statement):
                self.later.setdefault(name.id, name.span)
        inputs: dict[str, Type] = {}
        try:
            type_ = self.statements(module, inputs)
            if complete and not parsed.diagnostics:
                self.must_have_value(module)
        except Enough:
            type_ = UNKNOWN
        return Checked(module, inputs, self.records, type_, self.tables)

    def statements(self, module: nodes.Module, inputs: dict[str, Type]) -> Type:
        """Check them one by one, and enter the inputs. Returns the type of the program's value."""
        type_: Type = UNKNOWN
        last = module.statements[-1] if module.statements else None
        for statement in module.statements:
            match statement:
                case nodes.Input():
                    inputs[statement.name.id] = self.input(statement)
                case nodes.Binding():
                    self.binding(statement)
                case nodes.Record():
                    self.record(statement)
                case nodes.Function():
                    self.function(statement)
                case nodes.ExprStatement():
                    if statement is last and self.wanted is not None:
                        type_ = self.expect(statement.value, self.wanted, "the program's value", "E227")
                        continue
                    found = self.infer(statement.value)
                    if statement is last:
                        type_ = found
                    else:
                        self.error(
                            "E223",
                            "this expression is not the last statement, so its value is lost",
                            statement.span,
                            "bind it to a name, or remove it",
                        )
            for name in _bound_names(statement):
                self.later.pop(name.id, None)
        return type_

    def must_have_value(self, module: nodes.Module) -> None:
        last = module.statements[-1] if module.statements else None
        if not isinstance(last, nodes.ExprStatement):
            self.error(
                "E222",
                "the program has no value",
                last.span if last else module.span,
                "end it with an expression" + (f", such as `{_last_name(last)}`" if _last_name(last) else ""),
            )

    def input(self, node: nodes.Input) -> Type:
        type_ = self.resolve(node.type)
        if node.default is not None:
            if not self.is_constant(node.default):
                self.error("E224", "the default of an input must be a constant", node.default.span)
            else:
                self.expect(node.default, type_, "the default")
        self.bind(node.name, Variable(type_, node.name.span))
        return type_

    def binding(self, node: nodes.Binding) -> None:
        type_ = self.infer(node.value)
        if len(node.names) == 1:
            self.bind(node.names[0], Variable(type_, node.names[0].span, self.constants(node.value)))
            return
        for name, item in zip(node.names, self.unpack(type_, len(node.names), node.value.span)):
            self.bind(name, Variable(item, name.span))

    def record(self, node: nodes.Record) -> None:
        fields: dict[str, Type] = {}
        for each in node.fields:
            type_ = self.resolve(each.type)
            if each.name.id in fields:
                self.error("E201", f"the field `{each.name.id}` is there already", each.name.span)
            if each.name.id.startswith("_"):
                self.error("E204", "a field cannot start with `_`", each.name.span)
            fields[each.name.id] = type_
        record = RecordType(node.name.id, tuple(fields.items()))
        self.bounded(record, node.name.span)
        if node.name.id in TYPE_NAMES:
            self.error("E229", f"`{node.name.id}` is a built-in type", node.name.span, "choose another name")
        elif self.bind(node.name, record):
            self.records[node.name.id] = record

    def function(self, node: nodes.Function) -> CheckedFunction:
        params = [self.resolve(param.type, functions=True) for param in node.params]
        result = self.resolve(node.result)
        seen_default = False
        for param, type_ in zip(node.params, params):
            if param.default is not None:
                seen_default = True
                if not self.is_constant(param.default):
                    self.error("E224", "the default of a parameter must be a constant", param.default.span)
                else:
                    self.expect(param.default, type_, "the default")
            elif seen_default:
                self.error("E208", "a parameter without a default follows one with a default", param.span)
        self.current_function = node.name.id
        with self.inside("function"):
            for param, type_ in zip(node.params, params):
                self.bind(param.name, Variable(type_, param.name.span))
            for local in node.body:
                for name in local.names:
                    self.scope.entries.setdefault(name.id, Unbound(name.span))
            for local in node.body:
                self.binding(local)
            self.expect(node.value, result, "the result", code="E227")
        self.current_function = None
        checked = CheckedFunction(node, tuple(params), result, self.tables, self.in_library)
        self.bind(node.name, checked)
        return checked

    def is_constant(self, node: nodes.Expr) -> bool:
        match node:
            case nodes.Constant():
                return True
            case nodes.Unary(op="-" | "+", operand=nodes.Constant()):
                return True
            case nodes.ListExpr(items=items) | nodes.TupleExpr(items=items):
                return all(map(self.is_constant, items))
            case nodes.DictExpr(items=pairs):
                return all(self.is_constant(key) and self.is_constant(value) for key, value in pairs)
        return False

    def functions(self, parsed: Parsed) -> dict[str, CheckedFunction]:
        """The functions of a library file, which holds nothing else."""
        found: dict[str, CheckedFunction] = {}
        functions = [node for node in parsed.module.statements if isinstance(node, nodes.Function)]
        self.later = {node.name.id: node.name.span for node in functions}
        for node in functions:
            found[node.name.id] = self.function(node)
            del self.later[node.name.id]
        return found


def _bound_names(statement: nodes.Statement) -> tuple[nodes.Name, ...]:
    match statement:
        case nodes.Binding():
            return statement.names
        case nodes.Input() | nodes.Record() | nodes.Function():
            return (statement.name,)
    return ()


def _last_name(statement: nodes.Statement | None) -> str | None:
    names = _bound_names(statement) if isinstance(statement, nodes.Binding) else ()
    return names[-1].id if names else None
