"""The checker of one program or library file: its state, its statements, and how its expressions are checked."""

from __future__ import annotations

from collections.abc import Iterable

from rlmlang.language import nodes
from rlmlang.language.check import applications, expressions
from rlmlang.language.check.annotations import TYPE_NAMES, resolve
from rlmlang.language.check.checked import Checked, CheckedFunction, Tables
from rlmlang.language.check.constants import constants, is_constant
from rlmlang.language.check.inference import facts
from rlmlang.language.check.mismatches import mismatch
from rlmlang.language.check.problems import Problems, TooManyProblems
from rlmlang.language.check.scope import FindFunction, Names, Unbound, Variable
from rlmlang.language.types import (
    BOOL,
    STR,
    UNKNOWN,
    DictType,
    FunctionType,
    ListType,
    LiteralType,
    RecordType,
    TupleType,
    Type,
    fits,
    primitive_of,
    same_constant,
    without_none,
)

MAX_WORK = 200_000  # decision 24
"""Expressions checked in one program; functions that are passed as arguments are checked more than once."""


class Checker:
    """Checks the statements of one file in order, and holds the names, types and problems found so far.

    The rules for each kind of expression are functions in `expressions` and `applications`.
    """

    def __init__(
        self,
        library: FindFunction,
        damaged: frozenset[str] = frozenset(),
        expected: Type | None = None,
        in_library: bool = False,
        problems: Problems | None = None,
        names: Names | None = None,
    ) -> None:
        self.problems = Problems() if problems is None else problems
        self.names = Names(self.problems, library, damaged) if names is None else names
        self.tables = Tables()
        self.expected = expected
        """The type that the program's value must have."""
        self.in_library = in_library
        """Whether the file is of the standard library."""
        self.work = 0
        """How many expressions have been checked."""

    # Expressions

    def infer(self, node: nodes.Expr) -> Type:
        """Return the type of an expression, after its problems are reported."""
        self.work += 1
        if self.work > MAX_WORK:
            self.problems.error("E103", "functions passed as arguments are nested too deeply to be checked", node.span)
            raise TooManyProblems
        type_ = self.problems.bounded(self.type_of(node), node.span)
        self.tables.types[node.node_id] = type_
        return type_

    def type_of(self, node: nodes.Expr) -> Type:
        """Apply the rule for the kind of expression; its parts are checked by `infer` and `expect`."""
        match node:
            case nodes.Name():
                return expressions.name(self, node)
            case nodes.Constant():
                return primitive_of(node.value)
            case nodes.Apply():
                return applications.apply(self, node)
            case nodes.Call():
                return applications.call(self, node)
            case nodes.Attribute():
                return expressions.attribute(self, node)
            case nodes.Binary():
                return expressions.binary(self, node)
            case nodes.Compare():
                return expressions.compare(self, node)
            case nodes.FString():
                return expressions.fstring(self, node)
            case nodes.Comprehension():
                return expressions.comprehension(self, node)
            case nodes.ListExpr():
                return ListType(expressions.common_type(self, node.items))
            case nodes.TupleExpr():
                return TupleType(tuple(map(self.infer, node.items)))
            case nodes.DictExpr():
                return expressions.dict_display(self, node)
            case nodes.Index():
                return expressions.index(self, node)
            case nodes.Slice():
                return expressions.slice_(self, node)
            case nodes.Conditional():
                return expressions.conditional(self, node)
            case nodes.Logic():
                return expressions.logic(self, node)
            case nodes.Unary():
                return expressions.unary(self, node)
            case nodes.IsNone():
                self.infer(node.value)
                return BOOL
            case nodes.Lambda():
                return self.problems.error("E124", "a lambda is only allowed where a function is expected", node.span)

    def expect(self, node: nodes.Expr, expected: Type, what: str, code: str = "E210") -> Type:
        """Check an expression against a type, which is returned. Messages call the expression `what`."""
        inner = without_none(expected)
        match node, inner:
            case (_, FunctionType()):
                applications.function_argument(self, node, inner.params, inner.result, what)
                return expected
            case (nodes.ListExpr(), ListType()):
                for item in node.items:
                    self.expect(item, inner.item, "the element", code)
            case (nodes.TupleExpr(), TupleType()) if len(node.items) == len(inner.items):
                for item, type_ in zip(node.items, inner.items):
                    self.expect(item, type_, "the element", code)
            case (nodes.DictExpr(), DictType()):
                for key, item in node.items:
                    self.expect(key, STR, "the key", code)
                    self.expect(item, inner.value, "the value", code)
            case (nodes.Conditional(), _):
                self.test(node.test)
                with self.names.inside("facts", facts(self, node.test, True)):
                    self.expect(node.then, expected, what, code)
                with self.names.inside("facts", facts(self, node.test, False)):
                    self.expect(node.other, expected, what, code)
            case (nodes.Comprehension(kind="list"), ListType()):
                with expressions.clauses(self, node):
                    self.expect(node.element, inner.item, "the element", code)
            case _:
                found = self.infer(node)
                values = constants(node, self.names.scope)
                if values is not None and isinstance(inner, LiteralType):
                    if all(any(same_constant(v, w) for w in inner.values) for v in values):
                        return expected
                if not fits(found, expected):
                    mismatch(self.problems, node, found, expected, what, code)
                return expected
        self.tables.types[node.node_id] = expected
        return expected

    def test(self, node: nodes.Expr) -> None:
        """Check a condition: only its truth matters, so `and` and `or` need no common type."""
        if isinstance(node, nodes.Logic):
            self.test(node.left)
            with self.names.inside("facts", facts(self, node.left, node.op == "and")):
                self.test(node.right)
            self.tables.types[node.node_id] = BOOL
        else:
            self.infer(node)

    def is_constant(self, node: nodes.Expr) -> bool:
        """Return whether an expression may be a default."""
        return is_constant(node)

    # Statements

    def program(self, module: nodes.Module, complete: bool = True) -> Checked:
        """Check a program, or with `complete` false the beginning of one, which needs no value."""
        self.names.inputs = frozenset(each.name.id for each in module.statements if isinstance(each, nodes.Input))
        for statement in module.statements:
            for name in _names_bound_by(statement):
                self.names.later.setdefault(name.id, name.span)
        inputs: dict[str, Type] = {}
        try:
            type_ = self._statements(module.statements, inputs)
            if complete:
                self._require_value(module)
        except TooManyProblems:
            type_ = UNKNOWN
        return Checked(module, inputs, self.names.records, type_, self.tables)

    def functions(self, module: nodes.Module) -> dict[str, CheckedFunction]:
        """Check a library file, which holds functions only."""
        found: dict[str, CheckedFunction] = {}
        functions = [node for node in module.statements if isinstance(node, nodes.Function)]
        self.names.later = {node.name.id: node.name.span for node in functions}
        for node in functions:
            found[node.name.id] = self.function(node)
            del self.names.later[node.name.id]
        return found

    def _statements(self, statements: Iterable[nodes.Statement], inputs: dict[str, Type]) -> Type:
        """Check statements and enter their inputs. Returns the type of the last one, if it is an expression."""
        statements = tuple(statements)
        type_: Type = UNKNOWN
        for statement in statements:
            match statement:
                case nodes.Input():
                    inputs[statement.name.id] = self.input(statement)
                case nodes.Binding():
                    self.binding(statement)
                case nodes.Record():
                    self.record(statement)
                case nodes.Function():
                    self.function(statement)
                case nodes.ExprStatement() if statement is statements[-1]:
                    type_ = self.value(statement.value)
                case nodes.ExprStatement():
                    self.infer(statement.value)
                    message = "this expression is not the last statement, so its value is unused"
                    self.problems.error("E223", message, statement.span, "bind it to a name, or remove it")
            for name in _names_bound_by(statement):
                self.names.later.pop(name.id, None)
        return type_

    def value(self, node: nodes.Expr) -> Type:
        """Check the expression that is the value of the program."""
        if self.expected is None:
            return self.infer(node)
        return self.expect(node, self.expected, "the program's value", "E227")

    def _require_value(self, module: nodes.Module) -> None:
        last = module.statements[-1] if module.statements else None
        if isinstance(last, nodes.ExprStatement):
            return
        example = f", such as `{last.names[-1].id}`" if isinstance(last, nodes.Binding) else ""
        span = last.span if last else module.span
        self.problems.error("E222", "the program has no value", span, f"end it with an expression{example}")

    def input(self, node: nodes.Input) -> Type:
        type_ = resolve(node.type, self.names)
        if node.default is not None:
            self._default(node.default, type_, "an input")
        self.names.bind(node.name, Variable(type_, node.name.span))
        return type_

    def _default(self, node: nodes.Expr, type_: Type, of: str) -> None:
        if self.is_constant(node):
            self.expect(node, type_, "the default")
        else:
            self.problems.error("E224", f"the default of {of} must be a constant", node.span)

    def binding(self, node: nodes.Binding) -> None:
        type_ = self.infer(node.value)
        if len(node.names) == 1:
            (name,) = node.names
            self.names.bind(name, Variable(type_, name.span, constants(node.value, self.names.scope)))
            return
        items = expressions.unpack(self.problems, type_, len(node.names), node.value.span)
        for name, item in zip(node.names, items):
            self.names.bind(name, Variable(item, name.span))

    def record(self, node: nodes.Record) -> None:
        fields: dict[str, Type] = {}
        for each in node.fields:
            type_ = resolve(each.type, self.names)
            if each.name.id in fields:
                self.problems.error("E201", f"duplicate field `{each.name.id}`", each.name.span)
            if each.name.id.startswith("_"):
                self.problems.error("E204", "the name of a field cannot start with `_`", each.name.span)
            fields[each.name.id] = type_
        record = RecordType(node.name.id, tuple(fields.items()))
        self.problems.bounded(record, node.name.span)
        if node.name.id in TYPE_NAMES:
            message = f"`{node.name.id}` is a built-in type"
            self.problems.error("E229", message, node.name.span, "choose another name")
        elif self.names.bind(node.name, record):
            self.names.records[node.name.id] = record

    def function(self, node: nodes.Function) -> CheckedFunction:
        params = [resolve(param.type, self.names, functions=True) for param in node.params]
        result = resolve(node.result, self.names)
        seen_default = False
        for param, type_ in zip(node.params, params):
            if param.default is not None:
                seen_default = True
                self._default(param.default, type_, "a parameter")
            elif seen_default:
                self.problems.error(
                    "E208", "a parameter without a default follows a parameter with a default", param.span
                )
        self.names.current_function = node.name.id
        with self.names.inside("function") as scope:
            for param, type_ in zip(node.params, params):
                self.names.bind(param.name, Variable(type_, param.name.span))
            for local in node.body:
                for name in local.names:
                    scope.entries.setdefault(name.id, Unbound(name.span))
            for local in node.body:
                self.binding(local)
            self.expect(node.value, result, "the result", code="E227")
        self.names.current_function = None
        checked = CheckedFunction(node, tuple(params), result, self.tables, self.in_library)
        self.names.bind(node.name, checked)
        return checked


def _names_bound_by(statement: nodes.Statement) -> tuple[nodes.Name, ...]:
    match statement:
        case nodes.Binding():
            return statement.names
        case nodes.Input() | nodes.Record() | nodes.Function():
            return (statement.name,)
    return ()
