"""Write whole programs, well-typed by construction, with values for their inputs."""

from __future__ import annotations

from attrs import field, frozen

from rlmlang import api
from rlmlang.api import Program
from rlmlang.language.types import (
    DictType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
)
from rlmlang.runtime.values import Value
from rlmlang.testing.choices import CHECKED, EXACT, FunctionInScope
from rlmlang.testing.statement_writer import StatementWriter, indented
from rlmlang.testing.value_strategies import literal_text


@frozen
class Case:
    """A generated program and values for its inputs."""

    text: str
    inputs: dict[str, Value] = field(factory=dict)

    def compile(self) -> Program:
        """Compile the program."""
        return api.compile(self.text)


class ProgramWriter(StatementWriter):
    """Writes a program: record types, inputs, functions and statements, then its value.

    It is a script that ends with an expression, or its last statement is a function that gives the value.
    """

    def program(self, statements: int) -> Case:
        """Write a program with at most `statements` functions and statements at its top level."""
        parts = [self.record() for _ in range(self.number(0, 1))]
        self.budget = 3 * statements
        is_function = self.chance(3)
        given: dict[str, Value] = {}
        if not is_function:
            if self.chance(2):
                self.literals.append(LiteralType(self.pick((("low", "high"), ("yes", "no", "é"), (1, 2)))))
            for type_ in [*self.literals, *(self.some_type() for _ in range(self.number(0, 2)))]:
                parts.append(self.input(type_, given))
            self.fixed = frozenset(self.scope)
        for _ in range(self.number(0, statements)):
            parts.append(self.function() if self.chance(3) else "\n".join(self.statement()))
        parts.append(self.entry(given) if is_function else self.last_expression())
        gaps = [self.pick(("\n", "\n", "\n\n", "\n# note\n", "  # why\n")) for _ in parts]
        return Case("".join(part + gap for part, gap in zip(parts, gaps)), given)

    def last_expression(self) -> str:
        """Write the value of a script: an expression, or the last variables, which show what the statements did."""
        names = list(self.scope)[-6:]
        if names and self.chance(2):
            return f"({', '.join(names)},)"
        return self.expr(self.some_type(), EXACT)

    def entry(self, given: dict[str, Value]) -> str:
        """Write the function whose result is the value of the program, with values for its parameters in `given`."""
        params: dict[str, Type] = {}
        for _ in range(self.number(0, 2)):
            name = self.fresh("given")
            params[name] = self.some_type()
            given[name] = self.value(params[name])
        result = self.some_type()
        with self.function_body(params, result):
            lines = [*self.block(3), f"return {self.expr(result, EXACT)}"]
        typed = ", ".join(f"{name}: {type_}" for name, type_ in params.items())
        head = f"def answer({typed}) -> {result}:" if self.chance(2) else f"def answer({typed}):"
        return "\n".join([head, *indented(lines)])

    def record(self) -> str:
        name = self.fresh("Record")
        fields = tuple((stem, self.some_type(1)) for stem in ("head", "size")[: self.number(1, 2)])
        self.records.append(RecordType(name, fields))
        return f"class {name}:\n" + "\n".join(f"    {stem}: {type_}" for stem, type_ in fields)

    def input(self, type_: Type, given: dict[str, Value]) -> str:
        """Declare an input; it has a default value or a value in `given`."""
        name = self.fresh("given")
        self.scope[name] = type_
        if isinstance(type_, (LiteralType, RecordType)) or self.chance(2):
            given[name] = self.value(type_)
            return f"{name}: {type_}"
        default = self.value(type_)
        if _has_record(type_):
            given[name] = default
            return f"{name}: {type_}"
        return f"{name}: {type_} = {literal_text(default)}"

    def function(self) -> str:
        name = self.fresh("f")
        step = (self.some_type(0), self.some_type(0)) if self.chance(4) else None
        params: list[tuple[str, Type, bool]] = []
        texts: list[str] = []
        if step is not None:
            texts.append(f"g: Callable[[{step[0]}], {step[1]}]")
        for stem in ("p", "q")[: self.number(0, 2)]:
            type_ = self.some_type(1)
            default = bool(params) and self.chance(2) and not _has_record(type_)
            params.append((stem, type_, default))
            value = literal_text(self.value(type_)) if default else ""
            texts.append(f"{stem}: {type_} = {value}" if default else f"{stem}: {type_}")
        result = self.some_type(1)
        outer = list(self.functions)
        with self.function_body({stem: type_ for stem, type_, _ in params}, result):
            if step is not None:
                self.functions.append(FunctionInScope("g", (("argument", step[0], False),), step[1], named=False))
            lines = [*(self.block(2) if self.chance(2) else []), f"return {self.expr(result, CHECKED)}"]
        self.functions = [*outer, FunctionInScope(name, tuple(params), result, named=step is None, step=step)]
        return "\n".join([f"def {name}({', '.join(texts)}) -> {result}:", *indented(lines)])


def _has_record(type_: Type) -> bool:
    match type_:
        case ListType() | OptionalType():
            return _has_record(type_.item)
        case DictType():
            return _has_record(type_.value)
        case TupleType():
            return any(map(_has_record, type_.items))
    return isinstance(type_, RecordType)
