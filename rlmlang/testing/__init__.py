"""Hypothesis strategies for programs and their values, and a model that answers anything.

    from hypothesis import given
    from rlmlang import testing

    @given(testing.programs())
    def test_my_backend(case):
        testing.run(case, model=MyModel())

Programs are generated as text, well-typed by construction: the writer keeps its own types
and never asks the checker. `programs(calls=False)` gives the pure fragment, of which every
program is also a Python program with the same meaning.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeVar

from attrs import field, frozen
from hypothesis import strategies as st

from rlmlang import api
from rlmlang.api import Program, Result
from rlmlang.calls import answer_format
from rlmlang.calls.prompt import argument_names
from rlmlang.language.types import (
    BOOL,
    FLOAT,
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
    ordered,
)
from rlmlang.models.base import Capabilities, Reply, Request
from rlmlang.runtime.values import RecordValue, Value, canonical

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]

LETTERS = "abcxyzABZ 019.,;:-_\n\t'\"\\{}#éß中😀\u202e\u00a0\x00"
"""What generated text is made of: quotes, escapes, braces, bidi controls and wide letters included."""


# Types and values ----------------------------------------------------------------


def types(records: Sequence[RecordType] = (), literals: Sequence[LiteralType] = ()) -> st.SearchStrategy[Type]:
    """Types of values, with the given record and `Literal` types among them."""
    leaves: list[Type] = [STR, INT, FLOAT, BOOL, *records, *literals]
    return st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.one_of(
            inner.map(ListType),
            inner.map(DictType),
            st.lists(inner, min_size=1, max_size=3).map(lambda items: TupleType(tuple(items))),
            inner.map(optional),
        ),
        max_leaves=4,
    )


def texts(max_size: int = 12) -> st.SearchStrategy[str]:
    """Short texts of troublesome characters."""
    return st.text(LETTERS, max_size=max_size)


def floats() -> st.SearchStrategy[float]:
    """Real numbers of moderate size."""
    return st.one_of(
        st.sampled_from([0.0, 0.5, 1.0, -2.5, 1e-7, 1e16, 123456.789]),
        st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 4)),
    )


def values(type_: Type) -> st.SearchStrategy[Value]:
    """Values of a type, small ones."""
    match type_:
        case ListType():
            return st.lists(values(type_.item), max_size=3)
        case DictType():
            return st.dictionaries(texts(4), values(type_.value), max_size=3)
        case TupleType():
            return st.tuples(*map(values, type_.items))
        case OptionalType():
            return st.one_of(st.none(), values(type_.item))
        case LiteralType():
            return st.sampled_from(type_.values)
        case RecordType():
            parts = st.tuples(*(values(item) for _, item in type_.fields))
            return parts.map(lambda items: RecordValue(type_, items))
    plain: dict[Type, st.SearchStrategy[Value]] = {
        STR: texts(),
        INT: st.integers(-9, 99),
        FLOAT: floats(),
        BOOL: st.booleans(),
        NONE: st.none(),
    }
    return plain[type_]


def literal_text(value: Value, quote: str = '"') -> str:
    """The value as program text: an expression that denotes it."""
    if isinstance(value, str):
        return quote + "".join(_escape(char, quote) for char in value) + quote
    if isinstance(value, list):
        return "[" + ", ".join(literal_text(item, quote) for item in value) + "]"
    if isinstance(value, tuple):
        inner = ", ".join(literal_text(item, quote) for item in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        pairs = (f"{literal_text(k, quote)}: {literal_text(v, quote)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, RecordValue):
        parts = zip(value.type.fields, value.values)
        return f"{value.type}({', '.join(f'{name}={literal_text(v, quote)}' for (name, _), v in parts)})"
    return repr(value)


def _escape(char: str, quote: str) -> str:
    if char in (quote, "\\"):
        return "\\" + char
    if char.isprintable():
        return char
    named = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return named.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}")


# Programs ------------------------------------------------------------------------


@frozen
class Case:
    """A generated program and values for its inputs."""

    text: str
    inputs: dict[str, Value] = field(factory=dict)

    def compile(self) -> Program:
        return api.compile(self.text)


class At(IntEnum):
    """What is asked of the type of an expression at a position."""

    WANTED = 0
    """It is checked against a type: constants may stand for words of a `Literal`."""
    FITS = 1
    """It is inferred, and must fit."""
    EXACT = 2
    """It is inferred, and goes on: it must be the very type."""


@frozen
class _Function:
    name: str
    params: tuple[tuple[str, Type, bool], ...]
    """Name, type, and whether there is a default."""
    result: Type
    named: bool = True
    """Whether arguments can be given by keyword."""
    step: tuple[Type, Type] | None = None
    """Argument and result of a leading parameter that is a function."""


Form = tuple[bool, Callable[[], str]]
"""A way to write an expression, and whether as an operand it needs parentheses."""


def atom(write: Callable[[], str]) -> Form:
    return False, write


def compound(write: Callable[[], str]) -> Form:
    return True, write


INSTRUCTIONS = ("Name it", "How many?", "Is it so?", 'Say CALL("it") again')
FORBIDDEN_IN_HOLES = frozenset('"\\{}#\n!:')


_SIZED: tuple[Type, ...] = (STR, ListType(INT), DictType(STR))
_KEYED: tuple[Type, ...] = (STR, DictType(INT))
_PLAIN: dict[Type, str] = {STR: "'x'", FLOAT: "2.5", BOOL: "True"}
_SPECS: dict[Type, tuple[str, ...]] = {
    STR: (":>6", ":^3", ":.2"),
    INT: (":03d", ":,", ":+", ":x"),
    FLOAT: (":.2f", ":8.1f", ":e"),
}


class _Writer:
    """Writes expressions of wanted types, with what is in scope."""

    def __init__(self, draw: Draw, scope: Mapping[str, Type], calls: bool, depth: int) -> None:
        self.draw = draw
        self.scope = dict(scope)
        self.calls = calls
        self.depth = depth
        self.records: list[RecordType] = []
        self.literals: list[LiteralType] = []
        self.functions: list[_Function] = []
        self.count = 0
        self.in_loop = 0

    # Choices

    def pick(self, options: Sequence[T]) -> T:
        chosen: T = options[self.draw(st.integers(0, len(options) - 1))] if len(options) > 1 else options[0]
        return chosen

    def number(self, low: int, high: int) -> int:
        drawn: int = self.draw(st.integers(low, high))
        return drawn

    def chance(self, one_in: int) -> bool:
        return self.number(0, one_in - 1) == one_in - 1

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    @contextmanager
    def having(self, more: Mapping[str, Type], without: Sequence[str] = ()) -> Iterator[None]:
        before = self.scope
        self.scope = {name: t for name, t in before.items() if name not in without} | dict(more)
        try:
            yield
        finally:
            self.scope = before

    def some_type(self, depth: int = 2) -> Type:
        """A type of which exact expressions can be written."""
        plain: list[Type] = [INT, STR, BOOL, FLOAT, *self.records, *filter(self.reachable, self.literals)]
        kind = self.number(0, 8) if depth > 0 else 0
        match kind:
            case 4 | 5:
                return ListType(self.some_type(depth - 1))
            case 6:
                return DictType(self.some_type(depth - 1))
            case 7:
                return TupleType(tuple(self.some_type(depth - 1) for _ in range(self.number(1, 3))))
            case 8:
                return optional(self.some_type(depth - 1))
        return self.pick(plain)

    def reachable(self, type_: Type) -> bool:
        """Whether inference can find this type: a `Literal` is found only in names."""
        match type_:
            case LiteralType():
                return type_ in self.scope.values()
            case ListType() | OptionalType():
                return self.reachable(type_.item)
            case DictType():
                return self.reachable(type_.value)
            case TupleType():
                return all(map(self.reachable, type_.items))
        return True

    # Expressions

    def expr(self, want: Type, at: At = At.FITS, depth: int | None = None) -> str:
        """An expression that stands between brackets, commas or line ends."""
        return self._write(want, at, depth)[1]

    def operand(self, want: Type, at: At = At.FITS, depth: int | None = None) -> str:
        """An expression that stands beside an operator, a dot or a bracket."""
        needs, text = self._write(want, at, depth)
        return f"({text})" if needs or self.chance(16) else text

    def _write(self, want: Type, at: At, depth: int | None) -> tuple[bool, str]:
        depth = self.depth if depth is None else depth
        forms = list(self.leaves(want, at))
        if depth > 0:
            forms += [*self.common(want, at), *self.special(want, at)]
        outer, self.depth = self.depth, max(depth - 1, 0)
        needs, write = self.pick(forms)
        text = write()
        self.depth = outer
        return needs, text

    def names(self, want: Type, at: At) -> list[str]:
        if at is At.EXACT:
            return [name for name, found in self.scope.items() if found == want]
        return [name for name, found in self.scope.items() if fits(found, want)]

    def leaves(self, want: Type, at: At) -> Iterator[Form]:
        exact = at is At.EXACT
        if names := self.names(want, at):
            yield atom(lambda: self.pick(names))
        match want:
            case LiteralType():
                if at is At.WANTED:
                    yield self.constant(self.pick(want.values))
            case ListType():
                if not exact:
                    yield atom(lambda: "[]")
                yield atom(lambda: f"[{self.expr(want.item, at, 0)}]")
            case DictType():
                if not exact:
                    yield atom(lambda: "{}")
                yield atom(lambda: f"{{{self.key()}: {self.expr(want.value, at, 0)}}}")
            case TupleType():
                yield atom(lambda: self.tuple_([self.expr(item, at, 0) for item in want.items]))
            case RecordType():
                yield atom(lambda: self.construct(want, 0))
            case OptionalType():
                if exact:
                    yield compound(lambda: f"{self.operand(want.item, at, 0)} if True else None")
                else:
                    yield atom(lambda: "None")
                    yield compound(lambda: self.expr(want.item, at, 0))
            case _ if want == NONE:
                yield atom(lambda: "None")
            case _:
                yield self.constant(self.draw(values(want)))

    def constant(self, value: Value) -> Form:
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
        """Items between brackets, at times one a line."""
        if items and self.chance(12):
            note = "  # why" if self.chance(2) else ""
            return "\n" + "".join(f"    {item},{note}\n" for item in items)
        return ", ".join(items)

    def construct(self, type_: RecordType, depth: int | None = None) -> str:
        by_name = self.chance(2)
        args = [
            f"{name}={self.expr(t, At.WANTED, depth)}" if by_name else self.expr(t, At.WANTED, depth)
            for name, t in type_.fields
        ]
        return f"{type_.name}({self.comma(args)})"

    def test(self) -> str:
        """An operand of which only the truth counts."""
        if self.chance(4):
            kind = self.some_type(1)
            return self.operand(kind, At.EXACT)
        return self.operand(BOOL)

    def small(self) -> str:
        """An int that is mostly a small constant."""
        return self.operand(INT) if self.chance(8) else str(self.number(0, 3))

    def index_text(self) -> str:
        return self.expr(INT) if self.chance(8) else self.pick(("0", "-1", "0", "1"))

    def common(self, want: Type, at: At) -> Iterator[Form]:
        """Forms that give a value of any type."""
        loose = max(at, At.FITS)
        yield compound(self._conditional(want, at))
        if at is not At.WANTED or self.reachable(want):
            yield compound(lambda: f"{self.operand(want, loose)} or {self.operand(want, loose)}")
            yield compound(lambda: f"{self.operand(want, loose)} and {self.operand(want, loose)}")
        if self.reachable(want):
            yield atom(lambda: self._element(want))
            yield compound(lambda: self._element_or(want))
            yield atom(lambda: self._get(want))
            yield atom(lambda: self._reduce(want))
            yield atom(lambda: self._tuple_item(want))
        maybe = [] if isinstance(want, OptionalType) else self.names(optional(want), At.EXACT)
        if maybe and self.reachable(want):
            yield compound(lambda: f"{self.pick(maybe)} or {self.operand(want, At.EXACT)}")
        unsure = [name for name, t in self.scope.items() if isinstance(t, OptionalType)]
        if unsure:
            yield compound(lambda: self._narrowed(self.pick(unsure), want, at))
        fields = [
            f"{name}.{field_}"
            for name, t in self.scope.items()
            if isinstance(t, RecordType)
            for field_, found in t.fields
            if found == want
        ]
        if fields:
            yield atom(lambda: self.pick(fields))
        functions = [f for f in self.functions if f.result == want or (at is not At.EXACT and fits(f.result, want))]
        if functions:
            yield atom(lambda: self.apply(self.pick(functions)))
        if self.calls and want != NONE and self.in_loop < 2:
            for _ in range(6):  # often, or most programs would make none
                yield atom(lambda: self.call(want))

    def _conditional(self, want: Type, at: At) -> Callable[[], str]:
        return lambda: f"{self.operand(want, at)} if {self.test()} else {self.expr(want, at)}"

    def _element(self, want: Type) -> str:
        if self.chance(6):
            return f"{self.operand(DictType(want), At.EXACT)}[{self.key()}]"
        return f"{self.operand(ListType(want), At.EXACT)}[{self.index_text()}]"

    def _element_or(self, want: Type) -> str:
        """The first element of a list if there is one."""
        names = self.names(ListType(want), At.EXACT)
        if not names:
            return f"{self.operand(want, At.EXACT)} or {self.operand(want, At.EXACT)}"
        name = self.pick(names)
        return f"{name}[{self.pick(('0', '-1'))}] if {name} else {self.expr(want, At.EXACT)}"

    def _get(self, want: Type) -> str:
        source = self.operand(DictType(want), At.EXACT)
        if isinstance(want, OptionalType):
            return f"{self.operand(DictType(want.item), At.EXACT)}.get({self.key()})"
        return f"{source}.get({self.key()}, {self.expr(want, At.EXACT)})"

    def _reduce(self, want: Type) -> str:
        item = self.some_type(1)
        state, element = self.locals(2)
        items, start = self.expr(ListType(item), At.EXACT), self.expr(want, At.EXACT)
        with self.loop({state: want, element: item}):
            body = self.expr(want, At.EXACT)
        return f"reduce(lambda {state}, {element}: {body}, {items}, {start})"

    def _tuple_item(self, want: Type) -> str:
        options = [
            f"{name}[{i}]"
            for name, t in self.scope.items()
            if isinstance(t, TupleType)
            for i, found in enumerate(t.items)
            if found == want
        ]
        if options:
            return self.pick(options)
        other = self.some_type(0)
        items = [self.expr(want, At.EXACT), self.expr(other, At.EXACT)]
        return f"({', '.join(items)})[{self.pick(('0', '-2'))}]"

    def _narrowed(self, name: str, want: Type, at: At) -> str:
        known = self.scope[name]
        assert isinstance(known, OptionalType)
        negated = self.chance(3)
        with self.having({name: known.item}):
            sure = self.operand(want, at)
        other = self.operand(want, at)
        if negated:
            return f"{other} if {name} is None else {sure}"
        return f"{sure} if {self.pick((f'{name} is not None', name))} else {other}"

    @contextmanager
    def loop(self, more: Mapping[str, Type], without: Sequence[str] = ()) -> Iterator[None]:
        self.in_loop += 1
        with self.having(more, without):
            yield
        self.in_loop -= 1

    def locals(self, count: int) -> list[str]:
        """Distinct names for parameters and targets; they may shadow those of outer ones."""
        start = self.number(0, 2)
        return ["xyzw"[(start + i) % 4] for i in range(count)]

    def apply(self, function: _Function) -> str:
        args: list[str] = []
        if function.step is not None:
            taken, given = function.step
            (name,) = self.locals(1)
            with self.loop({name: taken}):
                args.append(f"lambda {name}: {self.expr(given, At.WANTED)}")
        needed = sum(not has_default for _, _, has_default in function.params)
        params = function.params[: self.number(needed, len(function.params))]
        by_name = self.number(0, len(params)) if function.named else len(params)
        for i, (name, type_, _) in enumerate(params):
            text = self.expr(type_, At.WANTED)
            args.append(f"{name}={text}" if i >= by_name else text)
        return f"{function.name}({self.comma(args)})"

    def call(self, want: Type) -> str:
        head = "CALL" if want == STR and self.chance(2) else f"CALL[{want}]"
        args = [literal_text(self.pick(INSTRUCTIONS))]
        for _ in range(self.number(0, 2)):
            args.append(self.expr(self.some_type(1), At.EXACT))
        if self.chance(4):
            args.append(f"about={self.expr(self.some_type(1), At.EXACT)}")
        if self.chance(4):
            args.append(f"sample={self.number(0, 2)}")
        return f"{head}({self.comma(args)})"

    # Forms of one type

    def special(self, want: Type, at: At) -> Iterator[Form]:
        match want:
            case ListType():
                return self.lists(want, at)
            case DictType():
                return self.dicts(want, at)
            case TupleType():
                return iter([atom(lambda: self.tuple_([self.expr(item, at) for item in want.items]))])
            case RecordType():
                return iter([atom(lambda: self.construct(want))])
            case OptionalType():
                return self.optionals(want, at)
        tables: dict[Type, Callable[[At], Iterator[Form]]] = {
            STR: self.strings,
            INT: self.ints,
            FLOAT: self.floats,
            BOOL: self.bools,
        }
        return tables[want](at) if want in tables else iter(())

    def strings(self, at: At) -> Iterator[Form]:
        s = self.operand
        yield compound(lambda: f"{s(STR)} + {s(STR)}")
        yield compound(lambda: f"{s(STR)} * {self.small()}")
        yield atom(self.fstring)
        yield atom(self.fstring)
        yield atom(lambda: f"str({self.expr(self.some_type(1), At.EXACT)})")
        methods = ("upper", "lower", "strip", "title", "capitalize", "swapcase", "lstrip", "casefold")
        yield atom(lambda: f"{s(STR, At.EXACT)}.{self.pick(methods)}()")
        yield atom(lambda: f"{s(STR, At.EXACT)}.replace({self.expr(STR)}, {self.expr(STR)})")
        trims = ("strip", "rstrip", "removeprefix", "removesuffix")
        yield atom(lambda: f"{s(STR, At.EXACT)}.{self.pick(trims)}({self.expr(STR)})")
        pads = ("ljust", "rjust", "zfill", "center")
        yield atom(lambda: f"{s(STR, At.EXACT)}.{self.pick(pads)}({self.number(0, 9)})")
        yield atom(lambda: f"{s(STR, At.EXACT)}.join({self.expr(ListType(STR), At.EXACT)})")
        yield atom(lambda: f"{s(STR, At.EXACT)}.join({self.comprehension(STR, At.EXACT)})")
        yield atom(lambda: f"{s(STR, At.EXACT)}[{self.slice()}]")
        yield atom(lambda: f"max({self.expr(STR, At.EXACT)}, {self.expr(STR, At.EXACT)})")

    def fstring(self) -> str:
        parts: list[str] = []
        for _ in range(self.number(1, 3)):
            if self.chance(3):
                parts.append(self.pick(("so ", "{{", "}}", "\\n", "\\\\", "é: ")))
            else:
                parts.append("{" + self.hole() + "}")
        return 'f"' + "".join(parts) + '"'

    def hole(self) -> str:
        kinds: tuple[Type, ...] = (STR, INT, FLOAT, BOOL, ListType(INT))
        kind = self.pick(kinds)
        text = self.expr(kind, At.EXACT)
        if set(text) & FORBIDDEN_IN_HOLES:
            names = self.names(kind, At.EXACT)
            text = self.pick(names) if names else _PLAIN.get(kind, "[7]")
            text = "7" if kind == INT and not names else text
        if " if " in text or " or " in text or "lambda" in text:
            text = f"({text})"
        return text + self.pick(("", "", "!r", *_SPECS.get(kind, ())))

    def slice(self) -> str:
        bounds = [str(self.number(-3, 3)) if self.chance(2) else "" for _ in range(2)]
        step = self.pick(("", "", ":2", ":-1", ":1"))
        return ":".join(bounds) + step

    def ints(self, at: At) -> Iterator[Form]:
        i = self.operand
        exact = At.EXACT
        yield compound(lambda: f"{i(INT)} {self.pick(('+', '-', '*'))} {i(INT)}")
        yield compound(lambda: f"{i(INT)} {self.pick(('//', '%'))} {self.pick(('2', '7', '(-3)'))}")
        yield compound(lambda: f"{i(INT)} {self.pick(('//', '%'))} {i(INT)}")
        yield compound(lambda: f"{i(INT)} ** {self.number(0, 3)}")
        yield compound(lambda: f"{self.pick(('-', '+', '- -'))}{i(INT)}")
        yield atom(lambda: f"len({self.expr(self.pick(_SIZED), exact)})")
        yield atom(lambda: f"{self.pick(('sum', 'max', 'min'))}({self.expr(ListType(INT), exact)})")
        yield atom(lambda: f"sum({self.comprehension(INT, exact)})")
        yield atom(lambda: f"{self.pick(('max', 'min'))}({self.expr(INT)}, {self.expr(INT)})")
        yield atom(lambda: f"abs({self.expr(INT)})")
        yield atom(lambda: f"round({self.expr(FLOAT, exact)})")
        yield atom(lambda: f"int({self.expr(self.pick((FLOAT, BOOL, STR)), exact)})")
        yield atom(lambda: f"int({literal_text(str(self.number(-9, 99)))})")
        yield atom(lambda: f"{i(STR, exact)}.{self.pick(('find', 'count', 'rfind', 'index'))}({self.expr(STR)})")
        yield atom(lambda: f"{i(ListType(INT), exact)}.{self.pick(('count', 'index'))}({self.expr(INT)})")

    def floats(self, at: At) -> Iterator[Form]:
        f = self.operand
        exact = At.EXACT
        yield compound(lambda: f"{f(FLOAT, exact)} {self.pick(('+', '-', '*'))} {f(FLOAT)}")
        yield compound(lambda: f"{f(INT)} {self.pick(('+', '-', '*'))} {f(FLOAT, exact)}")
        yield compound(lambda: f"{f(FLOAT)} / {self.pick(('2', '0.5', '(-3)'))}")
        yield compound(lambda: f"{f(FLOAT)} / {f(FLOAT)}")
        yield compound(lambda: f"{f(FLOAT, exact)} {self.pick(('//', '%'))} {self.pick(('2', '0.5', '(-3.0)'))}")
        yield compound(lambda: f"{f(FLOAT, exact)} ** {self.pick(('2', '0', '1'))}")
        yield compound(lambda: f"{self.pick(('-', '+'))}{f(FLOAT, exact)}")
        yield atom(lambda: f"float({self.expr(self.pick((FLOAT, INT)), exact)})")
        yield atom(lambda: f"round({self.expr(FLOAT, exact)}, {self.number(0, 3)})")
        yield atom(lambda: f"abs({self.expr(FLOAT, exact)})")
        yield atom(lambda: f"{self.pick(('sum', 'max', 'min'))}({self.expr(ListType(FLOAT), exact)})")
        if at is not At.EXACT:
            yield compound(lambda: self.expr(INT, at))

    def bools(self, at: At) -> Iterator[Form]:
        b = self.operand
        exact = At.EXACT
        orders = ("<", "<=", ">", ">=", "==", "!=")
        yield compound(lambda: f"not {self.test()}")
        yield compound(lambda: f"{b(INT, exact)} {self.pick(orders)} {b(FLOAT, exact)}")
        yield compound(
            lambda: f"{b(INT, exact)} {self.pick(orders)} {b(INT, exact)} {self.pick(orders)} {b(INT, exact)}"
        )
        yield compound(lambda: f"{b(STR, exact)} {self.pick(orders)} {b(STR, exact)}")
        yield compound(self._equal)
        yield compound(lambda: f"{b(STR, exact)} {self.pick(('in', 'not in'))} {b(STR, exact)}")
        yield compound(lambda: f"{self.key()} {self.pick(('in', 'not in'))} {b(DictType(INT), exact)}")
        yield compound(self._member)
        yield compound(self._is_none)
        yield atom(lambda: f"{self.pick(('any', 'all'))}({self.comprehension(BOOL, exact)})")
        yield atom(lambda: f"{self.pick(('any', 'all'))}({self.expr(ListType(BOOL), exact)})")
        yield atom(lambda: f"bool({self.expr(self.some_type(1), exact)})")
        asks = ("isdigit", "isalpha", "isspace", "isupper", "islower", "isalnum")
        yield atom(lambda: f"{b(STR, exact)}.{self.pick(asks)}()")
        yield atom(lambda: f"{b(STR, exact)}.{self.pick(('startswith', 'endswith'))}({self.expr(STR)})")

    def _equal(self) -> str:
        kind = self.some_type(1)
        return f"{self.operand(kind, At.EXACT)} {self.pick(('==', '!='))} {self.operand(kind, At.EXACT)}"

    def _member(self) -> str:
        kind = self.some_type(1)
        return f"{self.operand(kind, At.EXACT)} in {self.operand(ListType(kind), At.EXACT)}"

    def _is_none(self) -> str:
        kind = optional(self.some_type(1))
        return f"{self.operand(kind, At.EXACT)} {self.pick(('is', 'is not'))} None"

    def lists(self, want: ListType, at: At) -> Iterator[Form]:
        item = want.item
        least = 1 if at is At.EXACT else 0
        exact = At.EXACT

        def display() -> str:
            return f"[{self.comma([self.expr(item, at) for _ in range(self.number(least, 3))])}]"

        yield atom(display)
        yield atom(lambda: f"[{self.comprehension(item, at)}]")
        if not self.reachable(want):
            return
        yield compound(lambda: f"{self.operand(want, exact)} + {self.operand(want, max(at, At.FITS))}")
        yield compound(lambda: f"{self.operand(want, exact)} * {self.number(0, 2)}")
        yield atom(lambda: f"{self.operand(want, exact)}[{self.slice()}]")
        yield atom(lambda: f"{self.pick(('reversed', 'list'))}({self.expr(want, exact)})")
        yield atom(lambda: f"{self.operand(DictType(item), exact)}.values()")
        yield atom(lambda: self._sorted(want))
        if item in (STR, INT):
            yield atom(lambda: f"set({self.expr(want, exact)})")
        if item == INT:
            yield atom(lambda: f"range({self.small()})")
            yield atom(lambda: f"range({self.small()}, {self.small()}, {self.pick(('1', '2', '-1'))})")
        if item == STR:
            s = self.operand
            yield atom(lambda: f"{s(STR, exact)}.split()")
            yield atom(lambda: f"{s(STR, exact)}.split({self.key()})")
            yield atom(lambda: f"{s(STR, exact)}.splitlines()")
            yield atom(lambda: f"list({self.expr(STR, exact)})")
            yield atom(lambda: f"{s(DictType(INT), exact)}.keys()")
        match item:
            case TupleType(items=(first, second)):
                if first == STR:
                    yield atom(lambda: f"{self.operand(DictType(second), exact)}.items()")
                if first == INT:
                    yield atom(lambda: f"enumerate({self.expr(ListType(second), exact)})")
                yield atom(lambda: f"zip({self.expr(ListType(first), exact)}, {self.expr(ListType(second), exact)})")

    def _sorted(self, want: ListType) -> str:
        down = self.pick(("", ", reverse=True", ", reverse=False"))
        if ordered(want.item) and self.chance(2):
            return f"sorted({self.expr(want, At.EXACT)}{down})"
        (name,) = self.locals(1)
        items = self.expr(want, At.EXACT)
        with self.loop({name: want.item}):
            key = self.expr(self.pick((INT, STR)), At.EXACT)
        return f"sorted({items}, key=lambda {name}: {key}{down})"

    def dicts(self, want: DictType, at: At) -> Iterator[Form]:
        least = 1 if at is At.EXACT else 0

        def display() -> str:
            pairs = [f"{self.key()}: {self.expr(want.value, at)}" for _ in range(self.number(least, 3))]
            return "{" + self.comma(pairs) + "}"

        yield atom(display)
        loose = max(at, At.FITS)
        if self.reachable(want):
            yield atom(lambda: f"{{{self.comprehension(want.value, loose, keyed=True)}}}")
            pairs = ListType(TupleType((STR, want.value)))
            yield atom(lambda: f"dict({self.expr(pairs, At.EXACT)})")

    def optionals(self, want: OptionalType, at: At) -> Iterator[Form]:
        item = want.item
        yield compound(lambda: f"{self.operand(item, at)} if {self.test()} else None")
        if self.reachable(item):
            yield atom(lambda: f"{self.operand(DictType(item), At.EXACT)}.get({self.key()})")
        if at is not At.EXACT:
            yield compound(lambda: self.expr(item, at))

    def comprehension(self, item: Type, at: At, keyed: bool = False) -> str:
        """The inside of a comprehension: element and clauses."""
        rounds = 2 if self.chance(4) and self.in_loop == 0 else 1
        targets = self.locals(2 * rounds)
        clauses: list[str] = []
        bound: dict[str, Type] = {}
        self.in_loop += 1
        for i in range(rounds):
            first, second = targets[2 * i : 2 * i + 2]
            with self.having(bound, targets) if i else self.having({}):
                text, names = self.iterable(first, second)
            bound |= names
            clauses.append(text)
            if self.chance(3):
                with self.having(bound, targets):
                    clauses.append(f"if {self.test()}")
        with self.having(bound, targets):
            key = f"{self.operand(STR, At.FITS)}: " if keyed else ""
            element = self.expr(item, at)
        self.in_loop -= 1
        return f"{key}{element} {' '.join(clauses)}"

    def iterable(self, first: str, second: str) -> tuple[str, dict[str, Type]]:
        """A `for` clause and what it binds."""
        exact = At.EXACT
        match self.number(0, 5):
            case 0 | 1:
                kind = self.some_type(1)
                return f"for {first} in {self.operand(ListType(kind), exact)}", {first: kind}
            case 2:
                return f"for {first} in range({self.number(0, 3)})", {first: INT}
            case 3:
                return f"for {first} in {self.operand(self.pick(_KEYED), exact)}", {first: STR}
            case 4:
                kind = self.some_type(0)
                text = f"for {first}, {second} in enumerate({self.expr(ListType(kind), exact)})"
                return text, {first: INT, second: kind}
        kind = self.some_type(0)
        text = f"for ({first}, {second}) in {self.operand(DictType(kind), exact)}.items()"
        return text, {first: STR, second: kind}


def expressions(
    type_: Type, scope: Mapping[str, Type] | None = None, *, calls: bool = True, depth: int = 3
) -> st.SearchStrategy[str]:
    """Texts of expressions that fit a type, with the names of a scope."""

    @st.composite
    def write(draw: Draw) -> str:
        return _Writer(draw, scope or {}, calls, draw(st.integers(0, depth))).expr(type_, At.WANTED)

    return write()


def programs(*, calls: bool = True, depth: int = 3, statements: int = 4) -> st.SearchStrategy[Case]:
    """Well-typed programs with values for their inputs.

    With `calls` false no program makes a CALL. `depth` is how deep expressions nest;
    `statements` is the most functions and bindings a program has.
    """

    @st.composite
    def write(draw: Draw) -> Case:
        return _ProgramWriter(draw, {}, calls, depth).program(statements)

    return write()


class _ProgramWriter(_Writer):
    def program(self, statements: int) -> Case:
        parts = [self.record() for _ in range(self.number(0, 1))]
        if self.chance(2):
            self.literals.append(LiteralType(self.pick((("low", "high"), ("yes", "no", "é"), (1, 2)))))
        given: dict[str, Value] = {}
        for wanted in [*self.literals, *(self.some_type() for _ in range(self.number(0, 2)))]:
            parts.append(self.input(wanted, given))
        for _ in range(self.number(0, statements)):
            parts.append(self.function() if self.chance(3) else self.binding())
        kind = self.some_type()
        parts.append(self.expr(kind, At.EXACT))
        gaps = [self.pick(("\n", "\n", "\n\n", "\n# note\n", "  # why\n")) for _ in parts]
        return Case("".join(part + gap for part, gap in zip(parts, gaps)), given)

    def record(self) -> str:
        name = self.fresh("Record")
        fields = tuple((stem, self.some_type(1)) for stem in ("head", "size")[: self.number(1, 2)])
        self.records.append(RecordType(name, fields))
        return f"class {name}:\n" + "\n".join(f"    {stem}: {type_}" for stem, type_ in fields)

    def input(self, type_: Type, given: dict[str, Value]) -> str:
        name = self.fresh("given")
        self.scope[name] = type_
        if isinstance(type_, (LiteralType, RecordType)) or self.chance(2):
            given[name] = self.draw(values(type_))
            return f"{name}: {type_}"
        default = self.draw(values(type_))
        if _has_record(type_):
            given[name] = default
            return f"{name}: {type_}"
        return f"{name}: {type_} = {literal_text(default)}"

    def binding(self) -> str:
        if self.chance(6):
            kinds = self.some_type(1), self.some_type(1)
            names = self.fresh("v"), self.fresh("v")
            text = self.expr(TupleType(kinds), At.EXACT)
            self.scope |= dict(zip(names, kinds))
            return f"{names[0]}, {names[1]} = {text}"
        kind = self.some_type()
        text = self.expr(kind, At.EXACT)
        name = self.fresh("v")
        self.scope[name] = kind
        return f"{name} = {text}"

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
            value = literal_text(self.draw(values(type_))) if default else ""
            texts.append(f"{stem}: {type_} = {value}" if default else f"{stem}: {type_}")
        result = self.some_type(1)
        lines: list[str] = []
        outer = list(self.functions)
        with self.having({stem: type_ for stem, type_, _ in params}):
            if step is not None:
                self.functions.append(_Function("g", (("argument", step[0], False),), step[1], named=False))
            for _ in range(self.number(0, 1)):
                lines.append(f"    {self.binding()}")
            lines.append(f"    return {self.expr(result, At.WANTED)}")
        self.functions = [*outer, _Function(name, tuple(params), result, named=step is None, step=step)]
        return f"def {name}({', '.join(texts)}) -> {result}:\n" + "\n".join(lines)


def _has_record(type_: Type) -> bool:
    match type_:
        case ListType() | OptionalType():
            return _has_record(type_.item)
        case DictType():
            return _has_record(type_.value)
        case TupleType():
            return any(map(_has_record, type_.items))
    return isinstance(type_, RecordType)


# A model -------------------------------------------------------------------------


class EchoModel:
    """A model whose answer is made from a digest of the request: of the right type, always the same.

    Asked for a program, it writes one that makes a call of its own, or one that is repaired at
    the second attempt, or just a value.
    """

    name = "echo"
    identity = '{"kind": "echo"}'
    context = 1_000_000

    def __init__(self, concurrency: int = 8) -> None:
        self.concurrency = concurrency
        self.capabilities = Capabilities(free=True)

    def count_tokens(self, request: Request) -> int:
        return 1 + len(request.instruction) // 4 + sum(len(canonical(v)) // 4 for _, v in request.arguments)

    async def generate(self, request: Request) -> Reply:
        told = canonical([request.instruction, request.sample, str(request.type), list(request.arguments)])
        seed = hashlib.sha256(told.encode("utf-8", "surrogatepass")).digest()
        source = random.Random(seed)
        value = _made(request.type, source)
        if request.program:
            text = _program_text(request, value, source)
        else:
            text = str(value) if answer_format.form(request.type) in ("text", "word") else canonical(value)
        return Reply(text, self.count_tokens(request), 1 + len(text) // 4, "stop")

    async def aclose(self) -> None:
        pass


def _program_text(request: Request, value: Value, source: random.Random) -> str:
    match source.randrange(4):
        case 0 if request.repair is None:
            return f"{literal_text(value)} +"
        case 1 | 2:
            arguments = ", ".join([literal_text(request.instruction + "!"), *argument_names(request.arguments)])
            return f"CALL[{request.type}]({arguments})"
    return literal_text(value)


def _made(type_: Type, source: random.Random) -> Value:
    """A value of the type; `source` decides which."""
    match type_:
        case ListType():
            return [_made(type_.item, source) for _ in range(source.randrange(4))]
        case DictType():
            return {key: _made(type_.value, source) for key in source.sample(["a", "b", "c d"], source.randrange(4))}
        case TupleType():
            return tuple(_made(item, source) for item in type_.items)
        case OptionalType():
            return None if source.random() < 0.3 else _made(type_.item, source)
        case LiteralType():
            return source.choice(type_.values)
        case RecordType():
            return RecordValue(type_, tuple(_made(item, source) for _, item in type_.fields))
    if type_ == STR:
        return source.choice(["yes", "no", 'CALL("x")', "a, b", "é 中", "42"]) + str(source.randrange(3))
    if type_ == INT:
        return source.randrange(-3, 9)
    if type_ == FLOAT:
        return source.randrange(-8, 40) / 4
    return source.random() < 0.5


def echo_model(concurrency: int = 8) -> EchoModel:
    """A deterministic model that answers any call with a value of its type."""
    return EchoModel(concurrency)


def run(case: Case, **options: Any) -> Result:
    """Compile and run a generated program on the echo model, or on `model=`."""
    return case.compile().run(**{"model": echo_model()} | options, **case.inputs)
