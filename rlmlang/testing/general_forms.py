"""Forms of expressions that can be written for any type, names and constants included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rlmlang.language.types import (
    BOOL,
    INT,
    NONE,
    STR,
    DictType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    fits,
    optional,
)
from rlmlang.runtime.values import Value
from rlmlang.testing.choices import CHECKED, EXACT, FITS, Choices, FunctionInScope, Strictness
from rlmlang.testing.value_strategies import literal_text

ExpressionForm = tuple[bool, Callable[[], str]]
"""A way to write an expression, and whether as an operand it needs parentheses."""

INSTRUCTIONS = ("Name it", "How many?", "Is it so?", 'Say CALL("it") again')


def atom(write: Callable[[], str]) -> ExpressionForm:
    """Return a form that needs no parentheses."""
    return False, write


def compound(write: Callable[[], str]) -> ExpressionForm:
    """Return a form that needs parentheses as an operand."""
    return True, write


class GeneralForms(Choices):
    """Writes expressions in the forms that all types have. A subclass adds the forms of each type."""

    def expr(self, expected: Type, strict: Strictness = FITS, depth: int | None = None) -> str:
        """Write an expression that is delimited by brackets, commas or line ends."""
        return self._write(expected, strict, depth)[1]

    def operand(self, expected: Type, strict: Strictness = FITS, depth: int | None = None) -> str:
        """Write an expression next to an operator, a dot or a bracket, in parentheses where they are needed."""
        needs, text = self._write(expected, strict, depth)
        return f"({text})" if needs or self.chance(16) else text

    def _write(self, expected: Type, strict: Strictness, depth: int | None) -> tuple[bool, str]:
        depth = self.depth if depth is None else depth
        forms = list(self.leaves(expected, strict))
        if depth > 0:
            forms += [*self.common(expected, strict), *self.special(expected, strict)]
        outer, self.depth = self.depth, max(depth - 1, 0)
        needs, write = self.pick(forms)
        text = write()
        self.depth = outer
        return needs, text

    def special(self, expected: Type, strict: Strictness) -> Iterator[ExpressionForm]:
        """Yield the forms that only this type has."""
        raise NotImplementedError

    def leaves(self, expected: Type, strict: Strictness) -> Iterator[ExpressionForm]:
        """Yield the forms that are not nested any deeper: names, constants and displays of them."""
        exact = strict is EXACT
        if names := self.names(expected, strict):
            yield atom(lambda: self.pick(names))
        match expected:
            case LiteralType():
                if strict is CHECKED:
                    yield self.constant(self.pick(expected.values))
            case ListType():
                if not exact:
                    yield atom(lambda: "[]")
                yield atom(lambda: f"[{self.expr(expected.item, strict, 0)}]")
            case DictType():
                if not exact:
                    yield atom(lambda: "{}")
                yield atom(lambda: f"{{{self.key()}: {self.expr(expected.value, strict, 0)}}}")
            case TupleType():
                yield atom(lambda: self.tuple_([self.expr(item, strict, 0) for item in expected.items]))
            case RecordType():
                yield atom(lambda: self.construct(expected, 0))
            case OptionalType():
                if exact:
                    yield compound(lambda: f"{self.operand(expected.item, strict, 0)} if True else None")
                else:
                    yield atom(lambda: "None")
                    yield compound(lambda: self.expr(expected.item, strict, 0))
            case _ if expected == NONE:
                yield atom(lambda: "None")
            case _:
                yield self.constant(self.value(expected))

    def constant(self, value: Value) -> ExpressionForm:
        if isinstance(value, str):
            return atom(lambda: self.string(value))
        return not isinstance(value, bool) and value < 0, lambda: repr(value)

    def string(self, value: str) -> str:
        style = self.number(0, 4)
        plain = value.isprintable() and not set(value) & set("\"'\\")
        if style == 4 and plain:
            return f'r"{value}"'
        if style == 3 and plain:
            return f'"""{value}"""'
        return literal_text(value, "'" if style == 2 else '"')

    def key(self) -> str:
        return self.pick(('"a"', '"b"', '"c d"', "''"))

    def tuple_(self, items: Sequence[str]) -> str:
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"

    def comma(self, items: Sequence[str]) -> str:
        """Join items with commas; sometimes each item is on a line of its own."""
        if items and self.chance(12):
            note = "  # why" if self.chance(2) else ""
            return "\n" + "".join(f"    {item},{note}\n" for item in items)
        return ", ".join(items)

    def construct(self, type_: RecordType, depth: int | None = None) -> str:
        by_name = self.chance(2)
        args = [
            f"{name}={self.expr(t, CHECKED, depth)}" if by_name else self.expr(t, CHECKED, depth)
            for name, t in type_.fields
        ]
        return f"{type_.name}({self.comma(args)})"

    def test(self) -> str:
        """Write an operand that is used as a condition."""
        if self.chance(4):
            kind = self.some_type(1)
            return self.operand(kind, EXACT)
        return self.operand(BOOL)

    def small(self) -> str:
        """Write an operand of type int, which is mostly a small constant."""
        return self.operand(INT) if self.chance(8) else str(self.number(0, 3))

    def index_text(self) -> str:
        return self.expr(INT) if self.chance(8) else self.pick(("0", "-1", "0", "1"))

    def common(self, expected: Type, strict: Strictness) -> Iterator[ExpressionForm]:
        """Yield the forms that can have a value of any type."""
        loose = max(strict, FITS)
        yield compound(self._conditional(expected, strict))
        if strict is not CHECKED or self.reachable(expected):
            yield compound(lambda: f"{self.operand(expected, loose)} or {self.operand(expected, loose)}")
            yield compound(lambda: f"{self.operand(expected, loose)} and {self.operand(expected, loose)}")
        if self.reachable(expected):
            yield atom(lambda: self._element(expected))
            yield compound(lambda: self._element_or(expected))
            yield atom(lambda: self._get(expected))
            yield atom(lambda: self._reduce(expected))
            yield atom(lambda: self._tuple_item(expected))
        maybe = [] if isinstance(expected, OptionalType) else self.names(optional(expected), EXACT)
        if maybe and self.reachable(expected):
            yield compound(lambda: f"{self.pick(maybe)} or {self.operand(expected, EXACT)}")
        unsure = [name for name, t in self.scope.items() if isinstance(t, OptionalType)]
        if unsure:
            yield compound(lambda: self._narrowed(self.pick(unsure), expected, strict))
        fields = [
            f"{name}.{field_}"
            for name, t in self.scope.items()
            if isinstance(t, RecordType)
            for field_, found in t.fields
            if found == expected
        ]
        if fields:
            yield atom(lambda: self.pick(fields))
        functions = [
            f for f in self.functions if f.result == expected or (strict is not EXACT and fits(f.result, expected))
        ]
        if functions:
            yield atom(lambda: self.apply(self.pick(functions)))
        if self.calls and expected != NONE and self.in_loop < 2:
            for _ in range(6):  # several times, since most programs would make no call otherwise
                yield atom(lambda: self.call(expected))

    def _conditional(self, expected: Type, strict: Strictness) -> Callable[[], str]:
        return lambda: f"{self.operand(expected, strict)} if {self.test()} else {self.expr(expected, strict)}"

    def _element(self, expected: Type) -> str:
        if self.chance(6):
            return f"{self.operand(DictType(STR, expected), EXACT)}[{self.key()}]"
        return f"{self.operand(ListType(expected), EXACT)}[{self.index_text()}]"

    def _element_or(self, expected: Type) -> str:
        """Write an expression for the first element of a list, or for something else if the list is empty."""
        names = self.names(ListType(expected), EXACT)
        if not names:
            return f"{self.operand(expected, EXACT)} or {self.operand(expected, EXACT)}"
        name = self.pick(names)
        return f"{name}[{self.pick(('0', '-1'))}] if {name} else {self.expr(expected, EXACT)}"

    def _get(self, expected: Type) -> str:
        source = self.operand(DictType(STR, expected), EXACT)
        if isinstance(expected, OptionalType):
            return f"{self.operand(DictType(STR, expected.item), EXACT)}.get({self.key()})"
        return f"{source}.get({self.key()}, {self.expr(expected, EXACT)})"

    def _reduce(self, expected: Type) -> str:
        item = self.some_type(1)
        state, element = self.locals(2)
        items, start = self.expr(ListType(item), EXACT), self.expr(expected, EXACT)
        with self.loop({state: expected, element: item}):
            body = self.expr(expected, EXACT)
        return f"reduce(lambda {state}, {element}: {body}, {items}, {start})"

    def _tuple_item(self, expected: Type) -> str:
        options = [
            f"{name}[{i}]"
            for name, t in self.scope.items()
            if isinstance(t, TupleType)
            for i, found in enumerate(t.items)
            if found == expected
        ]
        if options:
            return self.pick(options)
        other = self.some_type(0)
        items = [self.expr(expected, EXACT), self.expr(other, EXACT)]
        return f"({', '.join(items)})[{self.pick(('0', '-2'))}]"

    def _narrowed(self, name: str, expected: Type, strict: Strictness) -> str:
        known = self.scope[name]
        assert isinstance(known, OptionalType)
        negated = self.chance(3)
        with self.having({name: known.item}):
            sure = self.operand(expected, strict)
        other = self.operand(expected, strict)
        if negated:
            return f"{other} if {name} is None else {sure}"
        return f"{sure} if {self.pick((f'{name} is not None', name))} else {other}"

    def apply(self, function: FunctionInScope) -> str:
        args: list[str] = []
        if function.step is not None:
            taken, given = function.step
            (name,) = self.locals(1)
            with self.loop({name: taken}):
                args.append(f"lambda {name}: {self.expr(given, CHECKED)}")
        needed = sum(not has_default for _, _, has_default in function.params)
        params = function.params[: self.number(needed, len(function.params))]
        by_name = self.number(0, len(params)) if function.named else len(params)
        for i, (name, type_, _) in enumerate(params):
            text = self.expr(type_, CHECKED)
            args.append(f"{name}={text}" if i >= by_name else text)
        return f"{function.name}({self.comma(args)})"

    def call(self, expected: Type) -> str:
        head = "CALL" if expected == STR and self.chance(2) else f"CALL[{expected}]"
        if self.chance(3):  # so that some calls are equal, or differ only in their sample
            args = [literal_text(INSTRUCTIONS[0])]
        else:
            args = [literal_text(self.pick(INSTRUCTIONS))]
            for _ in range(self.number(0, 2)):
                args.append(self.expr(self.some_type(1), EXACT))
            if self.chance(4):
                args.append(f"about={self.expr(self.some_type(1), EXACT)}")
        if self.chance(4):
            args.append(f"sample={self.number(0, 2)}")
        return f"{head}({self.comma(args)})"
