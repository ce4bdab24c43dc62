"""The type checker: from a syntax tree to a `Checked` program, before anything runs.

Types are inferred inside expressions and written at the borders: inputs, parameters,
results, fields and CALLs. Every error of one pass is reported; an expression that
failed has the type `UNKNOWN`, which fits everywhere, so that one mistake is told once.

What the checker learns is kept beside the tree, keyed by `id(node)`: the type of each
expression, and for each application what it applies (`Target`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Union

from attrs import define, field, frozen

from rlmlang import ast
from rlmlang.builtins import BUILTINS, METHODS, Builtin, Parameter, Signature
from rlmlang.errors import Diagnostic, ProgramError
from rlmlang.parser import Parsed, parse_partial
from rlmlang.source import Source, Span
from rlmlang.types import (
    BOOL,
    FLOAT,
    INT,
    NEVER,
    NONE,
    STR,
    UNKNOWN,
    DictType,
    FunctionType,
    ListType,
    LiteralType,
    Never,
    OptionalType,
    RecordType,
    Solution,
    TupleType,
    Type,
    Unknown,
    fits,
    has_variables,
    join,
    literal,
    optional,
    ordered,
    primitive_of,
    same_constant,
    solve,
    substitute,
    without_none,
)

# A tree is at most MAX_DEPTH deep and each level takes a few frames. Python-to-Python
# calls live on the heap, so a higher limit costs nothing.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 20_000))

Constant = Union[str, int, float, bool, None]


# What an application applies -----------------------------------------------------


@frozen
class NativeTarget:
    """A built-in or method; the receiver of a method is its first argument."""

    builtin: Builtin
    signature: Signature
    args: tuple[ast.Expr, ...]
    keywords: tuple[tuple[str, ast.Expr], ...]

    @property
    def parameter_types(self) -> list[Type]:
        """The types of the parameters that `args` and then `keywords` go to."""
        positional = _positional(self.signature, len(self.args))
        named = {param.name: param.type for param in self.signature.params}
        return [param.type for param in positional] + [named[name] for name, _ in self.keywords]

    @property
    def by_name(self) -> dict[str, ast.Expr]:
        """The arguments by parameter, for a signature without variadic ones."""
        names = [param.name for param in self.signature.params]
        return dict(zip(names, self.args)) | dict(self.keywords)


@frozen
class FunctionTarget:
    """A function of the program or the standard library; one argument a parameter."""

    function: CheckedFunction
    args: tuple[ast.Expr, ...]


@frozen
class RecordTarget:
    """A record constructor; one argument a field."""

    type: RecordType
    args: tuple[ast.Expr, ...]


@frozen
class ParameterTarget:
    """A parameter of function type."""

    name: str
    args: tuple[ast.Expr, ...]


Target = Union[NativeTarget, FunctionTarget, RecordTarget, ParameterTarget]


@frozen(eq=False)
class CheckedFunction:
    node: ast.Function
    params: tuple[Type, ...]
    result: Type

    @property
    def type(self) -> FunctionType:
        return FunctionType(self.params, self.result)


@frozen(eq=False)
class Tables:
    """What is known of each node, by `id(node)`; the trees must be kept alive beside it."""

    types: dict[int, Type] = field(factory=dict)
    targets: dict[int, Target] = field(factory=dict)
    references: dict[int, CheckedFunction | NativeTarget | RecordType] = field(factory=dict)
    """Names that stand for a function where a function is wanted."""


@frozen(eq=False)
class Checked:
    """A program that checked: it can be costed and run."""

    module: ast.Module
    inputs: dict[str, Type]
    records: dict[str, RecordType]
    type: Type
    tables: Tables


def check(source: Source) -> Checked:
    """Parse and check a program. Raises ProgramError with every diagnostic found."""
    parsed = parse_partial(source)
    checker = _Checker(parsed.damaged)
    checked = checker.program(parsed)
    problems = [*parsed.diagnostics, *checker.problems]
    if problems:
        raise ProgramError(tuple(sorted(problems, key=_place)))
    return checked


def _place(problem: Diagnostic) -> int:
    return problem.span.start if problem.span else 0


# Scopes --------------------------------------------------------------------------


@frozen
class Variable:
    """A name for a value. `values` are the constants it may be, where they are known."""

    type: Type
    span: Span
    values: tuple[Constant, ...] | None = None


@frozen
class Unbound:
    """A name that this scope binds further on; until then it cannot be used."""

    span: Span


Entry = Union[Variable, Unbound, CheckedFunction, RecordType]


@define
class _Scope:
    """`kind` is `program`, `function`, `lambda` or `comprehension`."""

    kind: str
    parent: _Scope | None = None
    entries: dict[str, Entry] = field(factory=dict)
    facts: dict[str, Type] = field(factory=dict)
    """Types narrowed by a test, by the path they hold for: `x`, `x.field`."""

    def find(self, name: str) -> Entry | None:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.entries:
                return scope.entries[name]
            scope = scope.parent
        return None

    def fact(self, path: str) -> Type | None:
        scope: _Scope | None = self
        root = path.partition(".")[0]
        while scope is not None:
            if path in scope.facts:
                return scope.facts[path]
            if root in scope.entries:
                return None
            scope = scope.parent
        return None

    def names(self) -> Iterator[str]:
        scope: _Scope | None = self
        while scope is not None:
            yield from scope.entries
            scope = scope.parent


TYPE_NAMES = ("str", "int", "float", "bool", "None", "list", "dict", "tuple", "Literal", "Callable")
MAX_FORMAT_WIDTH = 1_000
_FORMAT = re.compile(
    r"(?:.?[<>=^])?[ +-]?#?0?(?P<width>\d{0,9})(?P<comma>[,_]?)(?:\.(?P<precision>\d{1,9}))?(?P<type>[a-zA-Z%]?)"
)


class _Checker:
    def __init__(self, damaged: frozenset[str] = frozenset()) -> None:
        self.problems: list[Diagnostic] = []
        self.tables = Tables()
        self.scope = _Scope("program")
        self.records: dict[str, RecordType] = {}
        self.damaged = damaged
        self.later: dict[str, Span] = {}
        """Functions and bindings that come further on in the program."""
        self.current_function: str | None = None

    # Statements

    def program(self, parsed: Parsed) -> Checked:
        module = parsed.module
        for statement in module.statements:
            for name in _bound_names(statement):
                self.later.setdefault(name.id, name.span)
        inputs: dict[str, Type] = {}
        type_: Type = UNKNOWN
        last = module.statements[-1] if module.statements else None
        for statement in module.statements:
            match statement:
                case ast.Input():
                    type_of_input = self.input(statement)
                    inputs[statement.name.id] = type_of_input
                case ast.Binding():
                    self.binding(statement)
                case ast.Record():
                    self.record(statement)
                case ast.Function():
                    self.function(statement)
                case ast.Value():
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
        if not isinstance(last, ast.Value) and not parsed.diagnostics:
            self.error(
                "E222",
                "the program has no value",
                last.span if last else module.span,
                "end it with an expression" + (f", such as `{_last_name(last)}`" if _last_name(last) else ""),
            )
        return Checked(module, inputs, self.records, type_, self.tables)

    def input(self, node: ast.Input) -> Type:
        type_ = self.resolve(node.type)
        if isinstance(type_, FunctionType):
            type_ = self.error("E215", "an input cannot be a function", node.type.span)
        if node.default is not None:
            if not _is_constant(node.default):
                self.error("E224", "the default of an input must be a constant", node.default.span)
            else:
                self.expect(node.default, type_, "the default")
        self.bind(node.name, Variable(type_, node.name.span))
        return type_

    def binding(self, node: ast.Binding) -> None:
        type_ = self.infer(node.value)
        if len(node.names) == 1:
            self.bind(node.names[0], Variable(type_, node.names[0].span, self.constants(node.value)))
            return
        for name, item in zip(node.names, self.unpack(type_, len(node.names), node.value.span)):
            self.bind(name, Variable(item, name.span))

    def record(self, node: ast.Record) -> None:
        fields: dict[str, Type] = {}
        for each in node.fields:
            type_ = self.resolve(each.type)
            if isinstance(type_, FunctionType):
                type_ = self.error("E215", "a field cannot be a function", each.type.span)
            if each.name.id in fields:
                self.error("E201", f"the field `{each.name.id}` is there already", each.name.span)
            if each.name.id.startswith("_"):
                self.error("E204", "a field cannot start with `_`", each.name.span)
            fields[each.name.id] = type_
        record = RecordType(node.name.id, tuple(fields.items()))
        if node.name.id in TYPE_NAMES:
            self.error("E229", f"`{node.name.id}` is a built-in type", node.name.span, "choose another name")
        elif self.bind(node.name, record):
            self.records[node.name.id] = record

    def function(self, node: ast.Function) -> CheckedFunction:
        params = [self.resolve(param.type, functions=True) for param in node.params]
        result = self.resolve(node.result)
        if isinstance(result, FunctionType):
            result = self.error("E215", "a function cannot return a function", node.result.span)
        seen_default = False
        for param, type_ in zip(node.params, params):
            if param.default is not None:
                seen_default = True
                if not _is_constant(param.default):
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
        checked = CheckedFunction(node, tuple(params), result)
        self.bind(node.name, checked)
        return checked

    def bind(self, name: ast.Name, entry: Entry) -> bool:
        """Enter a name into the innermost scope, if it may be bound there."""
        here = self.scope.entries.get(name.id)
        outer = self.scope.find(name.id)
        if name.id in BUILTINS:
            self.error("E229", f"`{name.id}` is a built-in and cannot be bound", name.span, "choose another name")
        elif here is not None and not isinstance(here, Unbound):
            self.error(
                "E201",
                f"`{name.id}` is bound already",
                name.span,
                "names are bound once; choose a new name",
                [("first bound here", _entry_span(here))] if _entry_span(here) else [],
            )
        elif isinstance(outer, (CheckedFunction, RecordType)):
            self.error("E201", f"`{name.id}` is a {_kind(outer)}; its name cannot be bound again", name.span)
        else:
            self.scope.entries[name.id] = entry
            return True
        return False

    @contextmanager
    def inside(self, kind: str, facts: Mapping[str, Type] | None = None) -> Iterator[_Scope]:
        outer = self.scope
        self.scope = _Scope(kind, outer, facts=dict(facts or {}))
        try:
            yield self.scope
        finally:
            self.scope = outer

    # Types as written

    def resolve(self, node: ast.TypeExpr, functions: bool = False) -> Type:
        """The type that a type expression denotes. `functions` allows `Callable` at the top."""
        if isinstance(node, ast.TypeUnion):
            left, right = self.resolve(node.left), self.resolve(node.right)
            if right == NONE:
                return optional(left)
            if left == NONE:
                return optional(right)
            if UNKNOWN in (left, right):
                return UNKNOWN
            return self.error(
                "E203",
                f"`{left} | {right}` is not a type of the language",
                node.span,
                "only `T | None` is; for several shapes use a record with optional fields",
            )
        match node.name:
            case "str" | "int" | "float" | "bool" | "None" if not node.args:
                return {"str": STR, "int": INT, "float": FLOAT, "bool": BOOL, "None": NONE}[node.name]
            case "list":
                return ListType(item) if (item := self.type_arguments(node, 1)[0]) else UNKNOWN
            case "dict":
                key, value = self.type_arguments(node, 2)
                if key is not None and key not in (STR, UNKNOWN):
                    self.error("E203", "the keys of a dict are `str`", node.args[0].span, "write `dict[str, T]`")
                return DictType(value) if value else UNKNOWN
            case "tuple":
                return TupleType(tuple(t or UNKNOWN for t in self.type_arguments(node, len(node.args) or 1)))
            case "Literal":
                return self.literal_type(node)
            case "Callable":
                return self.callable_type(node, functions)
            case name if name in self.records and not node.args:
                return self.records[name]
        if any(name == node.name for name in TYPE_NAMES) or node.name in self.records:
            return self.error("E203", f"`{node.name}` takes no type arguments", node.span)
        if node.name in self.damaged:
            return UNKNOWN
        if node.name in self.later:
            return self.error(
                "E226",
                f"the type `{node.name}` is defined further on",
                node.span,
                "move its definition up",
                [("defined here", self.later[node.name])],
            )
        near = get_close_matches(node.name, [*TYPE_NAMES, *self.records], 1)
        hint = f"did you mean `{near[0]}`?" if near else f"types are {', '.join(TYPE_NAMES[:-1])} and records"
        return self.error("E203", f"unknown type `{node.name}`", node.span, hint)

    def type_arguments(self, node: ast.TypeName, count: int) -> list[Type | None]:
        found: list[Type | None] = []
        for arg in node.args:
            if isinstance(arg, (ast.TypeName, ast.TypeUnion)):
                type_ = self.resolve(arg)
                if isinstance(type_, FunctionType):
                    type_ = self.error("E215", "functions cannot be parts of values", arg.span)
                found.append(type_)
            else:
                found.append(self.error("E203", f"`{arg.span.text}` is not a type", arg.span))
        if len(found) != count:
            example = {"list": "list[str]", "dict": "dict[str, int]", "tuple": "tuple[str, int]"}[node.name]
            self.error("E203", f"`{node.name}` needs its element types", node.span, f"write `{example}`, say")
            return [None] * count
        return found

    def literal_type(self, node: ast.TypeName) -> Type:
        values: list[str | int | bool] = []
        for arg in node.args:
            if not isinstance(arg, ast.TypeLiteral):
                return self.error("E203", f"`{arg.span.text}` is not a constant", arg.span, 'write `Literal["a", "b"]`')
            values.append(arg.value)
        if not values:
            return self.error("E203", "`Literal` needs its values", node.span, 'write `Literal["a", "b"]`')
        if len({type(value) for value in values}) > 1:
            return self.error("E203", "the values of a `Literal` must be of one type", node.span)
        return literal(tuple(values))

    def callable_type(self, node: ast.TypeName, allowed: bool) -> Type:
        if not allowed:
            return self.error(
                "E215", "functions are not values", node.span, "only a parameter may be of a `Callable` type"
            )
        match node.args:
            case (ast.TypeList(items=params), (ast.TypeName() | ast.TypeUnion()) as result):
                return FunctionType(tuple(map(self.resolve, params)), self.resolve(result))
        return self.error("E203", "a `Callable` needs parameters and result", node.span, "write `Callable[[str], bool]`")

    # Expressions

    def infer(self, node: ast.Expr) -> Type:
        """The type of an expression."""
        type_ = _INFER[type(node)](self, node)
        self.tables.types[id(node)] = type_
        return type_

    def expect(self, node: ast.Expr, wanted: Type, what: str, code: str = "E210") -> Type:
        """Check an expression against a type. Returns the wanted type."""
        inner = without_none(wanted) if isinstance(wanted, OptionalType) else wanted
        match node, inner:
            case (_, FunctionType()):
                return self.function_value(node, inner.params, inner.result, what)
            case (ast.ListExpr(), ListType()):
                for item in node.items:
                    self.expect(item, inner.item, "the element", code)
            case (ast.TupleExpr(), TupleType()) if len(node.items) == len(inner.items):
                for item, type_ in zip(node.items, inner.items):
                    self.expect(item, type_, "the element", code)
            case (ast.DictExpr(), DictType()):
                for key, item in node.items:
                    self.expect(key, STR, "the key", code)
                    self.expect(item, inner.value, "the value", code)
            case (ast.Conditional(), _):
                self.test(node.test)
                with self.inside("facts", self.facts(node.test, True)):
                    self.expect(node.then, wanted, what, code)
                with self.inside("facts", self.facts(node.test, False)):
                    self.expect(node.other, wanted, what, code)
            case (ast.Comprehension(kind="list"), ListType()):
                with self.clauses(node):
                    self.expect(node.element, inner.item, "the element", code)
            case _:
                found = self.infer(node)
                values = self.constants(node)
                known = values is not None and isinstance(inner, LiteralType)
                if known and all(any(same_constant(v, w) for w in inner.values) for v in values or ()):
                    return wanted
                if not fits(found, wanted):
                    self.mismatch(node, found, wanted, what, code)
                return wanted
        self.tables.types[id(node)] = wanted
        return wanted

    def mismatch(self, node: ast.Expr, found: Type, wanted: Type, what: str, code: str = "E210") -> Type:
        hint = None
        if isinstance(found, OptionalType) and fits(found.item, wanted):
            return self.error(
                "E216",
                f"{what} may be None; it must be {wanted}",
                node.span,
                "test it first: `… if x is not None else …`",
            )
        if wanted == STR:
            hint = "write `str(…)` or an f-string to turn it into text"
        elif wanted == INT and found == FLOAT:
            hint = "write `round(…)` or `int(…)`"
        elif wanted in (INT, FLOAT) and fits(found, STR):
            hint = f"write `{wanted}(…)` to read a number from text"
        elif wanted == BOOL:
            hint = "write a comparison, or `bool(…)`"
        elif isinstance(wanted, LiteralType) and fits(found, wanted.base):
            hint = f"it must be known to be one of {', '.join(map(_shown, wanted.values))}"
        return self.error(code, f"{what} is {found}; it must be {wanted}", node.span, hint)

    def constants(self, node: ast.Expr) -> tuple[Constant, ...] | None:
        """The constants that an expression may evaluate to, where that is plain to see."""
        match node:
            case ast.Constant():
                return (node.value,)
            case ast.Name():
                entry = self.scope.find(node.id)
                return entry.values if isinstance(entry, Variable) else None
            case ast.Conditional():
                then, other = self.constants(node.then), self.constants(node.other)
                return None if then is None or other is None else then + other
            case ast.Unary(op="-", operand=ast.Constant(value=int() as value)):
                return (-value,)
        return None

    def constant(self, node: ast.Constant) -> Type:
        return primitive_of(node.value)

    def name(self, node: ast.Name) -> Type:
        entry = self.lookup(node)
        match entry:
            case None:
                return UNKNOWN
            case Variable(type=FunctionType()):
                return self.error("E215", f"`{node.id}` is a function, not a value", node.span, f"call it: `{node.id}(…)`")
            case Variable():
                return self.scope.fact(node.id) or entry.type
        kind = "record type" if isinstance(entry, RecordType) else "function"
        return self.error("E215", f"`{node.id}` is a {kind}, not a value", node.span, f"call it: `{node.id}(…)`")

    def lookup(self, node: ast.Name) -> Variable | CheckedFunction | RecordType | Builtin | None:
        """What a name stands for; None once its error is reported."""
        entry = self.scope.find(node.id)
        if isinstance(entry, Unbound):
            self.error("E200", f"`{node.id}` is used before it is bound", node.span, None, [("bound here", entry.span)])
            return None
        if entry is not None:
            return entry
        if node.id == self.current_function:
            self.error(
                "E202",
                f"`{node.id}` calls itself",
                node.span,
                "there is no recursion among functions; use a comprehension, `reduce`, or CALL",
            )
            return None
        if node.id in self.later:
            code = "E202" if self.current_function else "E200"
            note = [("defined here", self.later[node.id])]
            self.error(code, f"`{node.id}` is defined further on", node.span, "move its definition up", note)
            return None
        if node.id in BUILTINS:
            return BUILTINS[node.id]
        if node.id in self.damaged:
            return None
        if (function := self.from_library(node.id)) is not None:
            return function
        self.unknown_name(node)
        return None

    def from_library(self, name: str) -> CheckedFunction | None:
        from rlmlang.stdlib import library_function  # the library is checked by this checker

        found = library_function(name)
        if found is None:
            return None
        function, tables = found
        self.tables.types.update(tables.types)
        self.tables.targets.update(tables.targets)
        self.tables.references.update(tables.references)
        return function

    def unknown_name(self, node: ast.Name) -> None:
        from rlmlang.stdlib import library_names

        known = [*self.scope.names(), *BUILTINS, *library_names()]
        hint = _FOREIGN.get(node.id)
        if hint is None:
            near = get_close_matches(node.id, known, 1, 0.7)
            hint = f"did you mean `{near[0]}`?" if near else None
        self.error("E200", f"unknown name `{node.id}`", node.span, hint)

    def fstring(self, node: ast.FString) -> Type:
        for part in node.parts:
            if isinstance(part, ast.Hole):
                type_ = self.infer(part.value)
                if part.spec:
                    self.format_spec(part, type_)
        return STR

    def format_spec(self, hole: ast.Hole, type_: Type) -> None:
        match = _FORMAT.fullmatch(hole.spec)
        base = STR if hole.conversion else (type_.base if isinstance(type_, LiteralType) else type_)
        allowed = {STR: "s", INT: "bcdeEfFgGnoxX%", FLOAT: "eEfFgGn%"}.get(base)  # type: ignore[call-overload]
        if isinstance(base, Unknown):
            return
        if allowed is None:
            self.error("E107", f"a format such as `:{hole.spec}` needs str, int or float, not {type_}", hole.span)
        elif match is None or (match["type"] and match["type"] not in allowed):
            self.error("E107", f"`{hole.spec}` is not a format for {type_}", hole.span, "such as `:>8`, `:.2f`, `:,`")
        elif max(int(match["width"] or 0), int(match["precision"] or 0)) > MAX_FORMAT_WIDTH:
            self.error("E107", f"a width above {MAX_FORMAT_WIDTH:,}", hole.span)
        elif not _format_works(hole.spec, base):
            self.error("E107", f"`{hole.spec}` is not a format for {type_}", hole.span, "such as `:>8`, `:.2f`, `:,`")

    def list(self, node: ast.ListExpr) -> Type:
        return ListType(self.join_all(node.items))

    def tuple(self, node: ast.TupleExpr) -> Type:
        return TupleType(tuple(self.infer(item) for item in node.items))

    def dict(self, node: ast.DictExpr) -> Type:
        for key, _ in node.items:
            self.expect(key, STR, "the key")
        return DictType(self.join_all([value for _, value in node.items]))

    def join_all(self, nodes: Iterable[ast.Expr]) -> Type:
        joined: Type = NEVER
        for node in nodes:
            type_ = self.infer(node)
            wider = join(joined, type_)
            if wider is None:
                return self.error("E213", f"elements of {joined} and {type_} in one display", node.span)
            joined = wider
        return joined

    def unary(self, node: ast.Unary) -> Type:
        if node.op == "not":
            self.test(node.operand)
            return BOOL
        type_ = self.infer(node.operand)
        return self.number(type_, node.operand, node.op)

    def number(self, type_: Type, node: ast.Expr, op: str) -> Type:
        base = _base(type_)
        if base in (INT, FLOAT, UNKNOWN):
            return base
        if isinstance(type_, OptionalType):
            return self.may_be_none(node)
        return self.error("E212", f"`{op}` needs a number, not {type_}", node.span, _number_hint(type_))

    def may_be_none(self, node: ast.Expr) -> Type:
        return self.error(
            "E216", "this may be None", node.span, "test it first: `… if x is not None else …`, or `x or default`"
        )

    def binary(self, node: ast.Binary) -> Type:
        left, right = _base(self.infer(node.left)), _base(self.infer(node.right))
        result = _operate(node, left, right)
        if result is not None:
            return result
        for type_, operand in ((left, node.left), (right, node.right)):
            if isinstance(type_, OptionalType):
                return self.may_be_none(operand)
        hint = None
        if node.op == "+" and STR in (left, right):
            hint = "write `str(…)` or an f-string to join text with other values"
        elif node.op == "%" and left == STR:
            hint = 'write an f-string: f"{x}"'
        elif BOOL in (left, right):
            hint = "bool is not a number here; write `1 if … else 0`"
        elif STR in (left, right) and (INT in (left, right) or FLOAT in (left, right)):
            hint = "write `int(…)` or `float(…)` to read a number from text"
        return self.error("E212", f"`{node.op}` does not go with {left} and {right}", node.span, hint)

    def logic(self, node: ast.Logic) -> Type:
        left = self.infer(node.left)
        with self.inside("facts", self.facts(node.left, node.op == "and")):
            right = self.infer(node.right)
        kept = without_none(left) if node.op == "or" else left
        joined = join(kept, right)
        if joined is None:
            return self.error(
                "E213",
                f"`{node.op}` of {kept} and {right} has no one type",
                node.span,
                "compare explicitly, or write `… if … else …`",
            )
        return joined

    def test(self, node: ast.Expr) -> None:
        """An expression of which only the truth counts, so that `and` and `or` need no common type."""
        if isinstance(node, ast.Logic):
            self.test(node.left)
            with self.inside("facts", self.facts(node.left, node.op == "and")):
                self.test(node.right)
            self.tables.types[id(node)] = BOOL
        else:
            self.infer(node)

    def facts(self, test: ast.Expr, truth: bool) -> dict[str, Type]:
        """What a test tells about optional values when it comes out as `truth`."""
        match test:
            case ast.IsNone() if test.negated == truth:
                return self.not_none(test.value)
            case ast.Compare(first=value, rest=(("!=" | "==" as op, ast.Constant(value=None)),)):
                return self.not_none(value) if (op == "!=") == truth else {}
            case ast.Name() | ast.Attribute() if truth:
                return self.not_none(test)
            case ast.Unary(op="not"):
                return self.facts(test.operand, not truth)
            case ast.Logic() if (test.op == "and") == truth:
                left = self.facts(test.left, truth)
                with self.inside("facts", left):
                    return left | self.facts(test.right, truth)
        return {}

    def not_none(self, node: ast.Expr) -> dict[str, Type]:
        path = _path(node)
        type_ = self.tables.types.get(id(node))
        return {path: type_.item} if path and isinstance(type_, OptionalType) else {}

    def compare(self, node: ast.Compare) -> Type:
        left_node, left = node.first, self.infer(node.first)
        for op, right_node in node.rest:
            right = self.infer(right_node)
            self.compare_pair(op, left_node, left, right_node, right)
            left_node, left = right_node, right
        return BOOL

    def compare_pair(self, op: str, a_node: ast.Expr, a: Type, b_node: ast.Expr, b: Type) -> None:
        span = a_node.span.to(b_node.span)
        if op in ("in", "not in"):
            return self.membership(op, a_node, a, b_node, b)
        joined = join(a, b)
        if op in ("==", "!="):
            if joined is None or not self.may_be_equal(a_node, a, b_node, b):
                self.error("E219", f"{_told(a_node, a)} never equals {_told(b_node, b)}", span)
            return None
        if joined is None or not ordered(joined):
            for type_, operand in ((a, a_node), (b, b_node)):
                if isinstance(type_, OptionalType):
                    self.may_be_none(operand)
                    return None
            self.error("E212", f"`{op}` does not go with {a} and {b}", span, _number_hint(a) or _number_hint(b))
        return None

    def may_be_equal(self, a_node: ast.Expr, a: Type, b_node: ast.Expr, b: Type) -> bool:
        for type_, node in ((a, b_node), (b, a_node)):
            inner = without_none(type_) if isinstance(type_, OptionalType) else type_
            values = self.constants(node)
            if isinstance(inner, LiteralType) and values is not None:
                return any(v is None or any(same_constant(v, w) for w in inner.values) for v in values)
        return True

    def membership(self, op: str, a_node: ast.Expr, a: Type, b_node: ast.Expr, b: Type) -> None:
        span = a_node.span.to(b_node.span)
        container = _base(b)
        match container:
            case Unknown():
                return
            case OptionalType():
                self.may_be_none(b_node)
                return
            case ListType(item=item):
                fine = join(a, item) is not None
            case TupleType(items=items):
                fine = any(join(a, item) is not None for item in items)
            case DictType():
                fine = fits(a, STR)
            case _ if container == STR:
                fine = fits(a, STR)
                if not fine and isinstance(a, OptionalType):
                    self.may_be_none(a_node)
                    return
            case _:
                self.error("E212", f"`{op}` needs a str, list, dict or tuple on the right, not {b}", b_node.span)
                return
        if not fine:
            self.error("E219", f"{a} is never in {b}", span)

    def is_none(self, node: ast.IsNone) -> Type:
        self.infer(node.value)
        return BOOL

    def conditional(self, node: ast.Conditional) -> Type:
        self.test(node.test)
        with self.inside("facts", self.facts(node.test, True)):
            then = self.infer(node.then)
        with self.inside("facts", self.facts(node.test, False)):
            other = self.infer(node.other)
        joined = join(then, other)
        if joined is None:
            return self.error("E213", f"the branches are {then} and {other}", node.span, "make them of one type")
        return joined

    def attribute(self, node: ast.Attribute) -> Type:
        type_ = self.infer(node.value)
        if node.name.startswith("_"):
            return self.error("E204", f"`{node.name}`: attributes that start with `_` cannot be used", node.name_span)
        match type_:
            case Unknown():
                return UNKNOWN
            case OptionalType():
                return self.may_be_none(node.value)
            case RecordType():
                found = type_.field(node.name)
                if found is None:
                    return self.no_attribute(node, type_, [name for name, _ in type_.fields])
                return self.scope.fact(_path(node) or "") or found
        if node.name in _methods(type_):
            return self.error("E215", f"`{node.name}` is a method", node.name_span, f"call it: `.{node.name}(…)`")
        return self.no_attribute(node, type_, _methods(type_))

    def no_attribute(self, node: ast.Attribute, type_: Type, names: Iterable[str]) -> Type:
        near = get_close_matches(node.name, list(names), 1)
        hint = f"did you mean `{near[0]}`?" if near else _MUTATING.get(node.name)
        return self.error("E205", f"{type_} has no `{node.name}`", node.name_span, hint)

    def index(self, node: ast.Index) -> Type:
        type_ = _base(self.infer(node.value))
        if isinstance(type_, DictType):
            self.expect(node.index, STR, "the key")
            return type_.value
        if isinstance(type_, OptionalType):
            self.infer(node.index)
            return self.may_be_none(node.value)
        if not isinstance(type_, (ListType, TupleType, Unknown)) and type_ != STR:
            self.infer(node.index)
            return self.error("E212", f"{type_} cannot be indexed", node.span)
        self.expect(node.index, INT, "the index")
        if isinstance(type_, ListType):
            return type_.item
        if isinstance(type_, TupleType):
            return self.tuple_item(node, type_)
        return type_

    def tuple_item(self, node: ast.Index, type_: TupleType) -> Type:
        values = self.constants(node.index)
        if values is None:
            joined: Type | None = NEVER
            for item in type_.items:
                joined = None if joined is None else join(joined, item)
            if joined is None:
                return self.error("E212", f"the index into {type_} must be a constant", node.index.span)
            return joined
        position = values[0]
        assert isinstance(position, int)
        if len(values) == 1 and -len(type_.items) <= position < len(type_.items):
            return type_.items[position]
        return self.error("E212", f"{type_} has {len(type_.items)} elements", node.index.span)

    def slice(self, node: ast.Slice) -> Type:
        type_ = _base(self.infer(node.value))
        bounds = (node.start, node.stop, node.step)
        for bound in bounds:
            if bound is not None:
                self.expect(bound, INT, "a bound of a slice")
        if isinstance(type_, OptionalType):
            return self.may_be_none(node.value)
        if isinstance(type_, TupleType):
            values = [None if bound is None else self.constants(bound) for bound in bounds]
            if all(bound is None or value is not None for bound, value in zip(bounds, values)):
                start, stop, step = (value[0] if value else None for value in values)
                if step != 0:
                    return TupleType(type_.items[start:stop:step])  # type: ignore[misc]
            return self.error("E212", "a slice of a tuple needs constant bounds", node.span)
        if isinstance(type_, (ListType, Unknown)) or type_ == STR:
            return type_
        return self.error("E212", f"{type_} cannot be sliced", node.span)

    def comprehension(self, node: ast.Comprehension) -> Type:
        with self.clauses(node):
            if node.key is not None:
                self.expect(node.key, STR, "the key")
                return DictType(self.infer(node.element))
            return ListType(self.infer(node.element))

    @contextmanager
    def clauses(self, node: ast.Comprehension) -> Iterator[None]:
        """The scope that the clauses of a comprehension make for its element."""
        outer = self.scope
        first = node.clauses[0]
        assert isinstance(first, ast.For)
        first_type = self.infer(first.iterable)
        self.scope = _Scope("comprehension", outer)
        try:
            for clause in node.clauses:
                if isinstance(clause, ast.For):
                    for name in _target_names(clause.target):
                        if name.id in self.scope.entries:
                            self.error("E201", f"`{name.id}` is bound twice in one comprehension", name.span)
                        self.scope.entries.setdefault(name.id, Unbound(name.span))
            inner = self.scope
            for clause in node.clauses:
                if isinstance(clause, ast.For):
                    type_ = first_type if clause is first else self.infer(clause.iterable)
                    self.bind_target(clause.target, self.element(type_, clause.iterable), inner)
                else:
                    self.test(clause.test)
                    self.scope = _Scope("facts", self.scope, facts=self.facts(clause.test, True))
            yield
        finally:
            self.scope = outer

    def element(self, type_: Type, node: ast.Expr) -> Type:
        """The type of what iterating over a value gives."""
        match _base(type_):
            case Unknown() | Never():
                return UNKNOWN
            case ListType(item=item):
                return item
            case DictType():
                return STR
            case OptionalType():
                return self.may_be_none(node)
            case TupleType(items=items):
                joined: Type | None = NEVER
                for item in items:
                    joined = None if joined is None else join(joined, item)
                if joined is not None:
                    return joined
            case base if base == STR:
                return STR
        hint = "write `range(…)`" if _base(type_) == INT else None
        return self.error("E210", f"{type_} cannot be iterated over", node.span, hint)

    def bind_target(self, target: ast.Target, type_: Type, scope: _Scope) -> None:
        if isinstance(target, ast.TupleTarget):
            for item, item_type in zip(target.items, self.unpack(type_, len(target.items), target.span)):
                self.bind_target(item, item_type, scope)
            return
        here, self.scope = self.scope, scope
        self.bind(target, Variable(type_, target.span))
        self.scope = here

    def unpack(self, type_: Type, count: int, span: Span) -> tuple[Type, ...]:
        """The types of `count` names that a value is unpacked into."""
        match type_:
            case Unknown():
                return (UNKNOWN,) * count
            case TupleType(items=items) if len(items) == count:
                return items
            case TupleType(items=items):
                self.error("E218", f"{len(items)} elements for {count} names", span)
            case ListType():
                hint = "a list has any length; index it: `xs[0]`, `xs[1]`"
                self.error("E218", f"{type_} cannot be unpacked", span, hint)
            case _:
                self.error("E218", f"{type_} cannot be unpacked", span)
        return (UNKNOWN,) * count

    def lambda_(self, node: ast.Lambda) -> Type:
        return self.error("E124", "a lambda may stand only where a function is wanted", node.span)

    # Applications

    def apply(self, node: ast.Apply) -> Type:
        callee = node.callee
        if isinstance(callee, ast.Attribute):
            return self.apply_method(node, callee)
        if not isinstance(callee, ast.Name):
            self.infer(callee)
            self.infer_arguments(node)
            return self.error("E214", "this is not a function", callee.span)
        entry = self.lookup(callee)
        match entry:
            case None:
                self.infer_arguments(node)
                return UNKNOWN
            case Builtin():
                return self.apply_builtin(node, entry, None)
            case CheckedFunction():
                params = [(p.name.id, t, p.default) for p, t in zip(entry.node.params, entry.params)]
                args = self.match_arguments(node, callee.id, params)
                if args is not None:
                    self.tables.targets[id(node)] = FunctionTarget(entry, args)
                return entry.result
            case RecordType():
                args = self.match_arguments(node, callee.id, [(n, t, None) for n, t in entry.fields], "E228")
                if args is not None:
                    self.tables.targets[id(node)] = RecordTarget(entry, args)
                return entry
            case Variable(type=FunctionType() as type_):
                params = [(f"argument {i + 1}", t, None) for i, t in enumerate(type_.params)]
                args = self.match_arguments(node, callee.id, params)
                if args is not None:
                    self.tables.targets[id(node)] = ParameterTarget(callee.id, args)
                return type_.result
        self.infer_arguments(node)
        return self.error("E214", f"`{callee.id}` is {entry.type}, not a function", callee.span)

    def infer_arguments(self, node: ast.Apply | ast.Call) -> None:
        for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
            if not isinstance(arg, ast.Lambda):
                self.infer(arg)

    def match_arguments(
        self,
        node: ast.Apply,
        name: str,
        params: list[tuple[str, Type, ast.Expr | None]],
        code: str = "E207",
    ) -> tuple[ast.Expr, ...] | None:
        """The arguments in the order of the parameters, each checked; None after an error."""
        errors = len(self.problems)
        found: dict[str, ast.Expr] = {}
        if len(node.args) > len(params):
            wanted = f"{len(params)} argument{'s' * (len(params) != 1)}"
            self.error(code, f"`{name}` takes {wanted}, not {len(node.args)}", node.args[len(params)].span)
            self.infer_arguments(node)
            return None
        for (param, _, _), arg in zip(params, node.args):
            found[param] = arg
        known = [param for param, _, _ in params]
        for keyword in node.keywords:
            if keyword.name not in known:
                near = get_close_matches(keyword.name, known, 1)
                hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(known) or 'none'}"
                self.error("E206", f"`{name}` has no parameter `{keyword.name}`", keyword.span, hint)
            elif keyword.name in found:
                self.error("E208", f"`{keyword.name}` is given twice", keyword.span)
            else:
                found[keyword.name] = keyword.value
        missing = [param for param, _, default in params if param not in found and default is None]
        if missing:
            listed = ", ".join(f"`{param}`" for param in missing)
            self.error(code, f"`{name}` lacks {listed}", node.span)
        for param, type_, default in params:
            if param in found:
                self.expect(found[param], type_, f"`{param}`")
            elif default is not None:
                found[param] = default
        return None if len(self.problems) > errors else tuple(found[param] for param in known)

    def apply_method(self, node: ast.Apply, callee: ast.Attribute) -> Type:
        receiver = self.infer(callee.value)
        if callee.name.startswith("_"):
            self.infer_arguments(node)
            return self.error(
                "E204", f"`{callee.name}`: attributes that start with `_` cannot be used", callee.name_span
            )
        if isinstance(receiver, Unknown):
            self.infer_arguments(node)
            return UNKNOWN
        if isinstance(receiver, OptionalType):
            self.infer_arguments(node)
            return self.may_be_none(callee.value)
        method = _methods(receiver).get(callee.name)
        if method is None:
            self.infer_arguments(node)
            if isinstance(receiver, RecordType) and receiver.field(callee.name) is not None:
                return self.error("E214", f"`{callee.name}` is a field, not a function", callee.name_span)
            return self.no_attribute(callee, receiver, _methods(receiver))
        return self.apply_builtin(node, method, callee.value)

    def apply_builtin(self, node: ast.Apply, builtin: Builtin, receiver: ast.Expr | None) -> Type:
        args = node.args if receiver is None else (receiver, *node.args)
        types: dict[int, Type] = {}
        errors = len(self.problems)
        for arg in (*node.args, *(keyword.value for keyword in node.keywords)):
            if not isinstance(arg, ast.Lambda) and not self.names_function(arg):
                types[id(arg)] = self.infer(arg)
        if receiver is not None:
            types[id(receiver)] = self.tables.types[id(receiver)]
        shapes: list[tuple[Signature, dict[str, list[ast.Expr]]]] = []
        for signature in builtin.signatures:
            bound = _shape(signature, args, node.keywords)
            if isinstance(bound, dict):
                shapes.append((signature, bound))
        if not shapes:
            return self.wrong_shape(node, builtin, args)
        for signature, bound in shapes:
            solution: Solution = {}
            if all(
                solve(param.type, types[id(arg)], solution)
                for param, arg in _bound_pairs(signature, bound)
                if id(arg) in types and not isinstance(param.type, FunctionType)
            ) and not any(
                isinstance(param.type, FunctionType) == (id(arg) in types)
                for param, arg in _bound_pairs(signature, bound)
            ):
                for param, arg in _bound_pairs(signature, bound):
                    if isinstance(param.type, FunctionType):
                        self.solve_function(param, arg, solution)
                self.tables.targets[id(node)] = _native(builtin, signature, bound)
                return self.instantiate(signature.result, solution, signature)
        if len(self.problems) > errors:
            return UNKNOWN
        return self.no_overload(node, builtin, shapes, types)

    def instantiate(self, result: Type, solution: Solution, signature: Signature) -> Type:
        from rlmlang.types import variables

        return substitute(result, {name: NEVER for name in variables(result)} | solution)

    def solve_function(self, param: Parameter, arg: ast.Expr, solution: Solution) -> None:
        """Check a function argument and learn the type variables of its result."""
        wanted = param.type
        assert isinstance(wanted, FunctionType)
        params = tuple(substitute(p, solution) for p in wanted.params)
        if wanted.result in wanted.params:
            # `step: (A, T) -> A`: the result must fit what went in; widen once if it does not
            self.function_value(arg, params, None, f"`{param.name}`", quiet=True)
            found = self._last_result
            joined = join(params[0], found)
            if joined is not None and joined != params[0]:
                solve(wanted.result, joined, solution)
                params = tuple(substitute(p, solution) for p in wanted.params)
            self.function_value(arg, params, substitute(wanted.result, solution), f"`{param.name}`")
            return
        if has_variables(wanted.result):
            self.function_value(arg, params, None, f"`{param.name}`")
            if not solve(wanted.result, self._last_result, solution):
                self.error(
                    "E210", f"`{param.name}` gives {self._last_result}, which has no order", arg.span
                )
            return
        self.function_value(arg, params, substitute(wanted.result, solution), f"`{param.name}`")

    _last_result: Type = UNKNOWN
    """The result type of the function that `function_value` saw last."""

    def function_value(
        self, node: ast.Expr, params: tuple[Type, ...], result: Type | None, what: str, quiet: bool = False
    ) -> Type:
        """Check an argument that must be a function of `params`; `result` None accepts any result."""
        self._last_result = UNKNOWN
        known = len(self.problems)
        found: Type = UNKNOWN
        if isinstance(node, ast.Lambda):
            found = self.check_lambda(node, params, result, what)
        elif isinstance(node, ast.Name):
            entry = self.lookup(node)
            if entry is not None:
                found = self.reference(node, entry, params, what)
        else:
            self.error("E210", f"{what} must be a function of {len(params)} arguments", node.span, "write `lambda x: …`")
        if result is not None and not fits(found, result) and not isinstance(node, ast.Lambda):
            self.error("E210", f"{what} gives {found}; it must give {result}", node.span)
        if quiet:
            del self.problems[known:]
        self._last_result = found
        return FunctionType(params, found if result is None else result)

    def check_lambda(self, node: ast.Lambda, params: tuple[Type, ...], result: Type | None, what: str) -> Type:
        if len(node.params) != len(params):
            return self.error(
                "E207", f"{what} must take {len(params)} arguments, not {len(node.params)}", node.span
            )
        with self.inside("lambda"):
            for name, type_ in zip(node.params, params):
                self.bind(name, Variable(type_, name.span))
            if result is not None:
                return self.expect(node.body, result, f"the result of {what}")
            return self.infer(node.body)

    def reference(
        self,
        node: ast.Name,
        entry: Variable | CheckedFunction | RecordType | Builtin,
        params: tuple[Type, ...],
        what: str,
    ) -> Type:
        """A function by its name; returns its result type for arguments of types `params`."""
        match entry:
            case CheckedFunction():
                required = sum(p.default is None for p in entry.node.params)
                wanted = entry.params[: len(params)]
                if required <= len(params) <= len(entry.params) and all(map(fits, params, wanted)):
                    self.tables.references[id(node)] = entry
                    return entry.result
            case RecordType():
                if len(params) == len(entry.fields) and all(map(fits, params, (t for _, t in entry.fields))):
                    self.tables.references[id(node)] = entry
                    return entry
            case Variable(type=FunctionType() as type_):
                if len(params) == len(type_.params) and all(map(fits, params, type_.params)):
                    return type_.result
            case Builtin():
                for signature in entry.signatures:
                    bound = _shape(signature, tuple(node for _ in params), ())
                    solution: Solution = {}
                    if isinstance(bound, dict) and all(
                        solve(param.type, type_, solution)
                        for param, type_ in zip(_positional(signature, len(params)), params)
                    ):
                        self.tables.references[id(node)] = NativeTarget(entry, signature, (), ())
                        return self.instantiate(signature.result, solution, signature)
            case Variable():
                return self.error("E210", f"{what} must be a function; `{node.id}` is {entry.type}", node.span)
        shown = ", ".join(map(str, params))
        return self.error("E210", f"{what} must take ({shown}); `{node.id}` does not", node.span)

    def names_function(self, node: ast.Expr) -> bool:
        if not isinstance(node, ast.Name):
            return False
        entry = self.scope.find(node.id)
        if entry is None:
            return node.id in BUILTINS or self.from_library(node.id) is not None
        return isinstance(entry, (CheckedFunction, RecordType)) or (
            isinstance(entry, Variable) and isinstance(entry.type, FunctionType)
        )

    def wrong_shape(self, node: ast.Apply, builtin: Builtin, args: tuple[ast.Expr, ...]) -> Type:
        """No overload takes this many arguments or these names: say why, by the first overload."""
        reasons = [_shape(signature, args, node.keywords) for signature in builtin.signatures]
        keyword = next((r for r in reasons if isinstance(r, ast.Keyword)), None)
        forms = "; ".join(signature.text for signature in builtin.signatures)
        if keyword is not None and all(isinstance(r, ast.Keyword) for r in reasons):
            names = [p.name for s in builtin.signatures for p in s.params]
            if keyword.name in names:
                return self.error("E208", f"`{keyword.name}` cannot be given here", keyword.span, f"it is {forms}")
            near = get_close_matches(keyword.name, names, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"it is {forms}"
            return self.error("E206", f"`{builtin.name}` has no parameter `{keyword.name}`", keyword.span, hint)
        return self.error("E207", f"wrong number of arguments for `{builtin.name}`", node.span, f"it is {forms}")

    def no_overload(
        self,
        node: ast.Apply,
        builtin: Builtin,
        shapes: list[tuple[Signature, dict[str, list[ast.Expr]]]],
        types: dict[int, Type],
    ) -> Type:
        if len(shapes) == 1:
            signature, bound = shapes[0]
            solution: Solution = {}
            for param, arg in _bound_pairs(signature, bound):
                if isinstance(param.type, FunctionType):
                    if id(arg) in types:
                        return self.error("E210", f"`{param.name}` must be a function", arg.span, "write `lambda x: …`")
                elif id(arg) not in types:
                    return self.error("E215", f"`{param.name}` is a value, not a function", arg.span)
                elif not solve(param.type, types[id(arg)], solution):
                    wanted = substitute(param.type, solution)
                    what = f"`{param.name}`" if param.name != "self" else "the receiver"
                    return self.mismatch(arg, types[id(arg)], wanted, what)
        for arg in node.args:
            if isinstance(types.get(id(arg)), OptionalType):
                return self.may_be_none(arg)
        given = ", ".join(str(types.get(id(arg), "function")) for arg in node.args)
        forms = "; ".join(signature.text for signature, _ in shapes)
        return self.error("E211", f"`{builtin.name}` does not take ({given})", node.span, f"it is {forms}")

    def call(self, node: ast.Call) -> Type:
        result: Type = STR
        if node.type is not None:
            result = self.resolve(node.type)
            if result == NONE:
                result = self.error("E220", "a model cannot answer with None alone", node.type.span, "write `T | None`")
            elif isinstance(result, FunctionType):
                result = self.error("E220", "a model cannot answer with a function", node.type.span)
        if not node.args:
            self.error("E207", "CALL needs its instruction first", node.span, 'write `CALL("what to do", …)`')
        for i, arg in enumerate(node.args):
            if i == 0:
                self.expect(arg, STR, "the instruction")
            else:
                self.infer(arg)
        seen: set[str] = set()
        for keyword in node.keywords:
            if keyword.name in seen:
                self.error("E208", f"`{keyword.name}` is given twice", keyword.span)
            seen.add(keyword.name)
            if keyword.name == "sample":
                self.expect(keyword.value, INT, "`sample`")
            elif isinstance(keyword.value, ast.Lambda):
                self.error("E215", "a function cannot be given to a model", keyword.span)
            else:
                self.infer(keyword.value)
        return result

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        hint: str | None = None,
        notes: Iterable[tuple[str, Span]] = (),
    ) -> Unknown:
        self.problems.append(Diagnostic(code, message, span, hint, notes=tuple(notes)))
        return UNKNOWN


_INFER: dict[type, Callable[[_Checker, ast.Expr], Type]] = {
    ast.Constant: _Checker.constant,
    ast.Name: _Checker.name,
    ast.FString: _Checker.fstring,
    ast.ListExpr: _Checker.list,
    ast.TupleExpr: _Checker.tuple,
    ast.DictExpr: _Checker.dict,
    ast.Unary: _Checker.unary,
    ast.Binary: _Checker.binary,
    ast.Logic: _Checker.logic,
    ast.Compare: _Checker.compare,
    ast.IsNone: _Checker.is_none,
    ast.Conditional: _Checker.conditional,
    ast.Attribute: _Checker.attribute,
    ast.Index: _Checker.index,
    ast.Slice: _Checker.slice,
    ast.Comprehension: _Checker.comprehension,
    ast.Lambda: _Checker.lambda_,
    ast.Apply: _Checker.apply,
    ast.Call: _Checker.call,
}  # type: ignore[dict-item]


# Operators -----------------------------------------------------------------------


def _operate(node: ast.Binary, left: Type, right: Type) -> Type | None:
    """The type of `left op right`, or None if the operator does not go with them."""
    op = node.op
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return UNKNOWN
    if left in (INT, FLOAT) and right in (INT, FLOAT):
        if op == "/" or FLOAT in (left, right):
            return FLOAT
        if op == "**":
            exponent = node.right.value if isinstance(node.right, ast.Constant) else -1
            return INT if isinstance(exponent, int) and exponent >= 0 else FLOAT
        return INT
    match op, left, right:
        case ("+", TupleType(), TupleType()):
            return TupleType(left.items + right.items)
        case ("+", ListType(), ListType()):
            return join(left, right)
        case ("+", _, _) if left == right == STR:
            return STR
        case ("*", _, _) if right == INT and (left == STR or isinstance(left, ListType)):
            return left
        case ("*", _, _) if left == INT and (right == STR or isinstance(right, ListType)):
            return right
    return None


def _base(type_: Type) -> Type:
    """The type without its literal values."""
    return type_.base if isinstance(type_, LiteralType) else type_


def _number_hint(type_: Type) -> str | None:
    if _base(type_) == STR:
        return "write `int(…)` or `float(…)` to read a number from text"
    return "bool is not a number here; write `1 if … else 0`" if _base(type_) == BOOL else None


def _methods(type_: Type) -> dict[str, Builtin]:
    match _base(type_):
        case ListType():
            return METHODS["list"]
        case DictType():
            return METHODS["dict"]
        case base if base == STR:
            return METHODS["str"]
    return {}


def _format_works(spec: str, base: Type) -> bool:
    try:
        format({STR: "x", INT: 1, FLOAT: 1.0}[base], spec)  # type: ignore[index]
    except ValueError:
        return False
    return True


# Matching arguments with the parameters of a built-in ------------------------------


def _shape(
    signature: Signature, args: tuple[ast.Expr, ...], keywords: tuple[ast.Keyword, ...]
) -> dict[str, list[ast.Expr]] | ast.Keyword | None:
    """The arguments by parameter; the keyword that does not fit; or None for a wrong number."""
    bound: dict[str, list[ast.Expr]] = {}
    positional = _positional(signature, len(args))
    if len(positional) < len(args):
        return None
    for param, arg in zip(positional, args):
        bound.setdefault(param.name, []).append(arg)
    names = {param.name for param in signature.params if not param.variadic and param.name != "self"}
    for keyword in keywords:
        if keyword.name not in names or keyword.name in bound:
            return keyword
        bound[keyword.name] = [keyword.value]
    if any(param.required and param.name not in bound for param in signature.params):
        return None
    return bound


def _positional(signature: Signature, count: int) -> list[Parameter]:
    """The parameters that `count` positional arguments go to."""
    params = [param for param in signature.params if not param.keyword_only]
    if params and params[-1].variadic:
        params.extend([params[-1]] * (count - len(params)))
    return params[:count]


def _bound_pairs(
    signature: Signature, bound: dict[str, list[ast.Expr]]
) -> Iterator[tuple[Parameter, ast.Expr]]:
    for param in signature.params:
        for arg in bound.get(param.name, ()):
            yield param, arg


def _native(builtin: Builtin, signature: Signature, bound: dict[str, list[ast.Expr]]) -> NativeTarget:
    """Leading arguments by position; from the first omitted one on, by keyword."""
    args: list[ast.Expr] = []
    keywords: list[tuple[str, ast.Expr]] = []
    gap = False
    for param in signature.params:
        values = bound.get(param.name, [])
        if param.keyword_only or gap:
            keywords.extend((param.name, value) for value in values)
        else:
            args.extend(values)
            gap = not values and not param.variadic
    return NativeTarget(builtin, signature, tuple(args), tuple(keywords))


# Helpers -------------------------------------------------------------------------


def _bound_names(statement: ast.Statement) -> tuple[ast.Name, ...]:
    match statement:
        case ast.Binding():
            return statement.names
        case ast.Input() | ast.Record() | ast.Function():
            return (statement.name,)
    return ()


def _last_name(statement: ast.Statement | None) -> str | None:
    names = _bound_names(statement) if isinstance(statement, ast.Binding) else ()
    return names[-1].id if names else None


def _target_names(target: ast.Target) -> Iterator[ast.Name]:
    if isinstance(target, ast.Name):
        yield target
    else:
        for item in target.items:
            yield from _target_names(item)


def _entry_span(entry: Entry) -> Span | None:
    match entry:
        case Variable() | Unbound():
            return entry.span
        case CheckedFunction():
            return entry.node.name.span
    return None


def _kind(entry: Entry) -> str:
    return "function" if isinstance(entry, CheckedFunction) else "record type"


def _is_constant(node: ast.Expr) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.Unary(op="-" | "+", operand=ast.Constant()):
            return True
        case ast.ListExpr(items=items) | ast.TupleExpr(items=items):
            return all(map(_is_constant, items))
        case ast.DictExpr(items=pairs):
            return all(_is_constant(key) and _is_constant(value) for key, value in pairs)
    return False


def _path(node: ast.Expr) -> str | None:
    """`x` or `x.field.field` as text, for what a test says about it."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (inner := _path(node.value)):
        return f"{inner}.{node.name}"
    return None


def _told(node: ast.Expr, type_: Type) -> str:
    return _shown(node.value) if isinstance(node, ast.Constant) else str(type_)


def _shown(value: object) -> str:
    from rlmlang.values import preview

    return preview(value, 40)


_FOREIGN = {
    "print": "the value of the program is its last expression",
    "open": "programs read no files; declare an input: `document: str`",
    "input": "declare an input: `question: str`",
    "map": "write a comprehension: `[f(x) for x in xs]`",
    "filter": "write a comprehension: `[x for x in xs if …]`",
    "sum_": "did you mean `sum`?",
    "eval": "text is never run; see `run_program`",
    "exec": "text is never run; see `run_program`",
    "isinstance": "every type is known before the program runs",
    "type": "every type is known before the program runs",
    "tuple": "write `(a, b)`",
    "frozenset": "write `set(…)`, a sorted list without repetition",
    "next": "write an index: `xs[0]`",
    "iter": "lists are iterated over by comprehensions",
    "pow": "write `a ** b`",
    "divmod": "write `a // b` and `a % b`",
    "llm_query": 'write `CALL("instruction", …)`',
    "call": 'write `CALL("instruction", …)`',
}
_MUTATING = {
    "append": "values do not change; write `xs + [x]`",
    "extend": "values do not change; write `xs + ys`",
    "insert": "values do not change; write `xs[:i] + [x] + xs[i:]`",
    "pop": "values do not change; write `xs[:-1]` and `xs[-1]`",
    "remove": "values do not change; write `[y for y in xs if y != x]`",
    "sort": "values do not change; write `sorted(xs)`",
    "reverse": "values do not change; write `reversed(xs)`",
    "update": "values do not change; write a dict comprehension",
    "format": "write an f-string",
}
