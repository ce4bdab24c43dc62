"""Write expressions of any type, well-typed by construction."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    STR,
    DictType,
    ListType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    optional,
    ordered,
)
from rlmlang.testing.choices import EXACT, FITS, Strictness
from rlmlang.testing.general_forms import ExpressionForm, GeneralForms, atom, compound
from rlmlang.testing.value_strategies import literal_text

FORBIDDEN_IN_HOLES = frozenset('"\\{}#\n!:')
"""The characters that Python 3.11 does not allow in an expression within an f-string."""

_SIZED: tuple[Type, ...] = (STR, ListType(INT), DictType(STR, STR))
_KEYED: tuple[Type, ...] = (STR, DictType(STR, INT))
_PLAIN: dict[Type, str] = {STR: "'x'", FLOAT: "2.5", BOOL: "True"}
_LETTERS = ("'a'", '"é"')
_SPECS: dict[Type, tuple[str, ...]] = {
    STR: (":>6", ":^3", ":.2"),
    INT: (":03d", ":,", ":+", ":x"),
    FLOAT: (":.2f", ":8.1f", ":e"),
}


class ExpressionWriter(GeneralForms):
    """Writes expressions of a given type, with the names in scope."""

    def special(self, expected: Type, strict: Strictness) -> Iterator[ExpressionForm]:
        match expected:
            case ListType():
                return self.lists(expected, strict)
            case DictType():
                return self.dicts(expected, strict)
            case TupleType():
                return iter([atom(lambda: self.tuple_([self.expr(item, strict) for item in expected.items]))])
            case RecordType():
                return iter([atom(lambda: self.construct(expected))])
            case OptionalType():
                return self.optionals(expected, strict)
            case _ if expected == FLOAT:
                return self.floats(strict)
        tables: dict[Type, Callable[[], Iterator[ExpressionForm]]] = {
            STR: self.strings,
            INT: self.ints,
            BOOL: self.bools,
        }
        return tables[expected]() if expected in tables else iter(())

    def strings(self) -> Iterator[ExpressionForm]:
        s = self.operand
        yield compound(lambda: f"{s(STR)} + {s(STR)}")
        yield compound(lambda: f"{s(STR)} * {self.small()}")
        yield atom(self.fstring)
        yield atom(self.fstring)
        yield atom(lambda: f"str({self.expr(self.some_type(1), EXACT)})")
        methods = ("upper", "lower", "strip", "title", "capitalize", "swapcase", "lstrip", "casefold")
        yield atom(lambda: f"{s(STR, EXACT)}.{self.pick(methods)}()")
        yield atom(lambda: f"{s(STR, EXACT)}.replace({self.expr(STR)}, {self.expr(STR)})")
        trims = ("strip", "rstrip", "removeprefix", "removesuffix")
        yield atom(lambda: f"{s(STR, EXACT)}.{self.pick(trims)}({self.expr(STR)})")
        pads = ("ljust", "rjust", "zfill", "center")
        yield atom(lambda: f"{s(STR, EXACT)}.{self.pick(pads)}({self.number(0, 9)})")
        yield atom(lambda: f"{s(STR, EXACT)}.join({self.expr(ListType(STR), EXACT)})")
        yield atom(lambda: f"{s(STR, EXACT)}.join({self.comprehension(STR, EXACT)})")
        yield atom(lambda: f"{s(STR, EXACT)}[{self.slice()}]")
        yield atom(lambda: f"max({self.expr(STR, EXACT)}, {self.expr(STR, EXACT)})")
        yield atom(lambda: f"repr({self.expr(self.some_type(1), EXACT)})")
        yield atom(lambda: f"{self.pick(('bin', 'oct', 'hex'))}({self.expr(INT)})")
        yield atom(lambda: f"chr({self.number(32, 400)})")

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
        text = self.expr(kind, EXACT)
        if set(text) & FORBIDDEN_IN_HOLES:
            names = self.names(kind, EXACT)
            text = self.pick(names) if names else _PLAIN.get(kind, "[7]")
            text = "7" if kind == INT and not names else text
        if " if " in text or " or " in text or "lambda" in text:
            text = f"({text})"
        return text + self.pick(("", "", "!r", *_SPECS.get(kind, ())))

    def slice(self) -> str:
        bounds = [str(self.number(-3, 3)) if self.chance(2) else "" for _ in range(2)]
        step = self.pick(("", "", ":2", ":-1", ":1"))
        return ":".join(bounds) + step

    def ints(self) -> Iterator[ExpressionForm]:
        i = self.operand
        yield compound(lambda: f"{i(INT)} {self.pick(('+', '-', '*'))} {i(INT)}")
        yield compound(lambda: f"{i(INT)} {self.pick(('//', '%'))} {self.pick(('2', '7', '(-3)'))}")
        yield compound(lambda: f"{i(INT)} {self.pick(('//', '%'))} {i(INT)}")
        yield compound(lambda: f"{i(INT)} ** {self.number(0, 3)}")
        yield compound(lambda: f"{i(INT)} {self.pick(('&', '|', '^'))} {i(INT)}")
        yield compound(lambda: f"{i(INT)} {self.pick(('<<', '>>'))} {self.number(0, 3)}")
        yield compound(lambda: f"{self.pick(('-', '+', '- -', '~'))}{i(INT)}")
        yield atom(lambda: f"len({self.expr(self.pick(_SIZED), EXACT)})")
        yield atom(lambda: f"{self.pick(('sum', 'max', 'min'))}({self.expr(ListType(INT), EXACT)})")
        yield atom(lambda: f"sum({self.comprehension(INT, EXACT)})")
        yield atom(lambda: f"{self.pick(('max', 'min'))}({self.expr(INT, EXACT)}, {self.expr(INT)})")
        yield atom(lambda: f"abs({self.expr(INT)})")
        yield atom(lambda: f"round({self.expr(FLOAT, EXACT)})")
        yield atom(lambda: f"int({self.expr(self.pick((FLOAT, BOOL, STR)), EXACT)})")
        yield atom(lambda: f"int({literal_text(str(self.number(-9, 99)))})")
        yield atom(lambda: f"int({literal_text(self.pick(('101', '0x1f', '-7', '2')))}, {self.pick((2, 8, 16, 0))})")
        yield atom(lambda: f"ord({self.pick(_LETTERS)})")
        yield atom(lambda: f"ord({self.operand(STR, EXACT)}[{self.index_text()}])")
        yield atom(lambda: f"pow({self.expr(INT, EXACT)}, {self.number(0, 3)})")
        yield atom(lambda: f"pow({self.expr(INT)}, {self.number(0, 20)}, {self.expr(INT)})")
        yield atom(lambda: f"divmod({self.expr(INT, EXACT)}, {self.pick(('2', '7', '-3'))})[{self.pick(('0', '1'))}]")
        yield atom(lambda: f"{i(STR, EXACT)}.{self.pick(('find', 'count', 'rfind', 'index'))}({self.expr(STR)})")
        yield atom(lambda: f"{i(ListType(INT), EXACT)}.{self.pick(('count', 'index'))}({self.expr(INT)})")

    def floats(self, strict: Strictness) -> Iterator[ExpressionForm]:
        f = self.operand
        yield compound(lambda: f"{f(FLOAT, EXACT)} {self.pick(('+', '-', '*'))} {f(FLOAT)}")
        yield compound(lambda: f"{f(INT)} {self.pick(('+', '-', '*'))} {f(FLOAT, EXACT)}")
        yield compound(lambda: f"{f(FLOAT)} / {self.pick(('2', '0.5', '(-3)'))}")
        yield compound(lambda: f"{f(FLOAT)} / {f(FLOAT)}")
        yield compound(lambda: f"{f(FLOAT, EXACT)} {self.pick(('//', '%'))} {self.pick(('2', '0.5', '(-3.0)'))}")
        yield compound(lambda: f"{f(FLOAT, EXACT)} ** {self.pick(('2', '0', '1'))}")
        yield compound(lambda: f"{self.pick(('-', '+'))}{f(FLOAT, EXACT)}")
        yield atom(lambda: f"float({self.expr(self.pick((FLOAT, INT)), EXACT)})")
        yield atom(lambda: f"round({self.expr(FLOAT, EXACT)}, {self.number(0, 3)})")
        yield atom(lambda: f"abs({self.expr(FLOAT, EXACT)})")
        yield atom(lambda: f"{self.pick(('sum', 'max', 'min'))}({self.expr(ListType(FLOAT), EXACT)})")
        if strict is not EXACT:
            yield compound(lambda: self.expr(INT, strict))

    def bools(self) -> Iterator[ExpressionForm]:
        b = self.operand
        orders = ("<", "<=", ">", ">=", "==", "!=")
        yield compound(lambda: f"not {self.test()}")
        yield compound(lambda: f"{b(INT, EXACT)} {self.pick(orders)} {b(FLOAT, EXACT)}")
        yield compound(
            lambda: f"{b(INT, EXACT)} {self.pick(orders)} {b(INT, EXACT)} {self.pick(orders)} {b(INT, EXACT)}"
        )
        yield compound(lambda: f"{b(STR, EXACT)} {self.pick(orders)} {b(STR, EXACT)}")
        yield compound(self._equal)
        yield compound(lambda: f"{b(STR, EXACT)} {self.pick(('in', 'not in'))} {b(STR, EXACT)}")
        yield compound(lambda: f"{self.key()} {self.pick(('in', 'not in'))} {b(DictType(STR, INT), EXACT)}")
        yield compound(self._member)
        yield compound(self._is_none)
        yield atom(lambda: f"{self.pick(('any', 'all'))}({self.comprehension(BOOL, EXACT)})")
        yield atom(lambda: f"{self.pick(('any', 'all'))}({self.expr(ListType(BOOL), EXACT)})")
        yield atom(lambda: f"bool({self.expr(self.some_type(1), EXACT)})")
        asks = ("isdigit", "isalpha", "isspace", "isupper", "islower", "isalnum", "istitle", "isascii", "isprintable")
        yield atom(lambda: f"{b(STR, EXACT)}.{self.pick(asks)}()")
        yield atom(lambda: f"{b(STR, EXACT)}.{self.pick(('startswith', 'endswith'))}({self.expr(STR)})")

    def _equal(self) -> str:
        kind = self.some_type(1)
        return f"{self.operand(kind, EXACT)} {self.pick(('==', '!='))} {self.operand(kind, EXACT)}"

    def _member(self) -> str:
        kind = self.some_type(1)
        return f"{self.operand(kind, EXACT)} in {self.operand(ListType(kind), EXACT)}"

    def _is_none(self) -> str:
        kind = optional(self.some_type(1))
        return f"{self.operand(kind, EXACT)} {self.pick(('is', 'is not'))} None"

    def lists(self, expected: ListType, strict: Strictness) -> Iterator[ExpressionForm]:
        item = expected.item
        least = 1 if strict is EXACT else 0

        def display() -> str:
            return f"[{self.comma([self.expr(item, strict) for _ in range(self.number(least, 3))])}]"

        yield atom(display)
        yield atom(lambda: f"[{self.comprehension(item, strict)}]")
        if not self.reachable(expected):
            return
        yield compound(lambda: f"{self.operand(expected, EXACT)} + {self.operand(expected, max(strict, FITS))}")
        yield compound(lambda: f"{self.operand(expected, EXACT)} * {self.number(0, 2)}")
        yield atom(lambda: f"{self.operand(expected, EXACT)}[{self.slice()}]")
        yield atom(lambda: f"{self.pick(('reversed', 'list'))}({self.expr(expected, EXACT)})")
        yield atom(lambda: f"{self.operand(DictType(STR, item), EXACT)}.values()")
        yield atom(lambda: f"{self.operand(expected, EXACT)}.copy()")
        yield atom(lambda: self._sorted(expected))
        yield atom(lambda: self._map(item))
        yield atom(lambda: self._filter(expected))
        if item in (STR, INT):
            yield atom(lambda: f"sorted(set({self.expr(expected, EXACT)}))")
        if item == INT:
            yield atom(lambda: f"range({self.small()})")
            yield atom(lambda: f"range({self.small()}, {self.small()}, {self.pick(('1', '2', '-1'))})")
        if item == STR:
            s = self.operand
            yield atom(lambda: f"{s(STR, EXACT)}.split()")
            yield atom(lambda: f"{s(STR, EXACT)}.split({self.key()})")
            yield atom(lambda: f"{s(STR, EXACT)}.splitlines()")
            yield atom(lambda: f"list({self.expr(STR, EXACT)})")
            yield atom(lambda: f"{s(DictType(STR, INT), EXACT)}.keys()")
        match item:
            case TupleType(items=(first, second)):
                if first == STR:
                    yield atom(lambda: f"{self.operand(DictType(STR, second), EXACT)}.items()")
                if first == INT:
                    yield atom(lambda: f"enumerate({self.expr(ListType(second), EXACT)})")
                yield atom(lambda: f"zip({self.expr(ListType(first), EXACT)}, {self.expr(ListType(second), EXACT)})")

    def _sorted(self, expected: ListType) -> str:
        down = self.pick(("", ", reverse=True", ", reverse=False"))
        if ordered(expected.item) and self.chance(2):
            return f"sorted({self.expr(expected, EXACT)}{down})"
        (name,) = self.locals(1)
        items = self.expr(expected, EXACT)
        with self.loop({name: expected.item}):
            key = self.expr(self.pick((INT, STR)), EXACT)
        return f"sorted({items}, key=lambda {name}: {key}{down})"

    def _map(self, item: Type) -> str:
        names = self.locals(self.number(1, 2))
        kinds = {name: self.some_type(1) for name in names}
        items = [self.expr(ListType(kind), EXACT) for kind in kinds.values()]
        with self.loop(kinds):
            body = self.expr(item, EXACT)
        return f"map(lambda {', '.join(names)}: {body}, {', '.join(items)})"

    def _filter(self, expected: ListType) -> str:
        (name,) = self.locals(1)
        items = self.expr(expected, EXACT)
        with self.loop({name: expected.item}):
            test = self.test()
        return f"filter({self.pick((f'lambda {name}: {test}', 'bool'))}, {items})"

    def dicts(self, expected: DictType, strict: Strictness) -> Iterator[ExpressionForm]:
        least = 1 if strict is EXACT else 0

        def display() -> str:
            pairs = [f"{self.key()}: {self.expr(expected.value, strict)}" for _ in range(self.number(least, 3))]
            return "{" + self.comma(pairs) + "}"

        yield atom(display)
        loose = max(strict, FITS)
        if self.reachable(expected):
            yield atom(lambda: f"{{{self.comprehension(expected.value, loose, keyed=True)}}}")
            pairs = ListType(TupleType((STR, expected.value)))
            yield atom(lambda: f"dict({self.expr(pairs, EXACT)})")

    def optionals(self, expected: OptionalType, strict: Strictness) -> Iterator[ExpressionForm]:
        item = expected.item
        yield compound(lambda: f"{self.operand(item, strict)} if {self.test()} else None")
        if self.reachable(item):
            yield atom(lambda: f"{self.operand(DictType(STR, item), EXACT)}.get({self.key()})")
        if strict is not EXACT:
            yield compound(lambda: self.expr(item, strict))

    def comprehension(self, item: Type, strict: Strictness, keyed: bool = False) -> str:
        """Write the element and the clauses of a comprehension."""
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
            key = f"{self.operand(STR, strict)}: " if keyed else ""
            element = self.expr(item, strict)
        self.in_loop -= 1
        return f"{key}{element} {' '.join(clauses)}"

    def iterable(self, first: str, second: str) -> tuple[str, dict[str, Type]]:
        """Write a `for` clause, and return it with the names that it binds."""
        match self.number(0, 5):
            case 0 | 1:
                kind = self.some_type(1)
                return f"for {first} in {self.operand(ListType(kind), EXACT)}", {first: kind}
            case 2:
                return f"for {first} in range({self.number(0, 3)})", {first: INT}
            case 3:
                return f"for {first} in {self.operand(self.pick(_KEYED), EXACT)}", {first: STR}
            case 4:
                kind = self.some_type(0)
                text = f"for {first}, {second} in enumerate({self.expr(ListType(kind), EXACT)})"
                return text, {first: INT, second: kind}
        kind = self.some_type(0)
        text = f"for ({first}, {second}) in {self.operand(DictType(STR, kind), EXACT)}.items()"
        return text, {first: STR, second: kind}
