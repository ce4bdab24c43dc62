"""Choices that the program writer makes: names, types, and whether something happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeVar

from attrs import frozen
from hypothesis import strategies as st

from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
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
from rlmlang.testing.value_strategies import values

T = TypeVar("T")
DrawFunction = Callable[[st.SearchStrategy[Any]], Any]


class Strictness(IntEnum):
    """How the type of an expression is constrained by its position."""

    CHECKED = 0
    """The expression is checked against a type: constants may be given for the words of a `Literal`."""
    FITS = 1
    """The type is inferred, and must fit the expected one."""
    EXACT = 2
    """The type is inferred and used further: it must be exactly the expected one."""


CHECKED, FITS, EXACT = Strictness


@frozen
class FunctionInScope:
    """A function that expressions can apply."""

    name: str
    params: tuple[tuple[str, Type, bool], ...]
    """Name, type, and whether there is a default."""
    result: Type
    named: bool = True
    """Whether arguments can be given by keyword."""
    step: tuple[Type, Type] | None = None
    """Argument and result of a leading parameter that is a function."""


class Choices:
    """Draws choices from Hypothesis, and keeps what is in scope."""

    def __init__(self, draw: DrawFunction, scope: Mapping[str, Type], calls: bool, depth: int) -> None:
        self.draw = draw
        self.scope = dict(scope)
        self.calls = calls
        self.depth = depth
        self.records: list[RecordType] = []
        self.literals: list[LiteralType] = []
        self.functions: list[FunctionInScope] = []
        self.count = 0
        self.in_loop = 0

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        chosen: T = options[self.draw(st.integers(0, len(options) - 1))] if len(options) > 1 else options[0]
        return chosen

    def number(self, low: int, high: int) -> int:
        """Return an integer between two bounds, both included."""
        drawn: int = self.draw(st.integers(low, high))
        return drawn

    def value(self, type_: Type) -> Value:
        """Return a small value of a type."""
        drawn: Value = self.draw(values(type_))
        return drawn

    def chance(self, one_in: int) -> bool:
        """Return True once in so many times."""
        return self.number(0, one_in - 1) == one_in - 1

    def fresh(self, stem: str) -> str:
        """Return a name that nothing has yet."""
        self.count += 1
        return f"{stem}{self.count}"

    @contextmanager
    def having(self, more: Mapping[str, Type], without: Sequence[str] = ()) -> Iterator[None]:
        """Bind more names, and hide those in `without`, for the length of a block."""
        before = self.scope
        self.scope = {name: t for name, t in before.items() if name not in without} | dict(more)
        try:
            yield
        finally:
            self.scope = before

    def some_type(self, depth: int = 2) -> Type:
        """Return a type of which exact expressions can be written."""
        plain: list[Type] = [INT, STR, BOOL, FLOAT, *self.records, *filter(self.reachable, self.literals)]
        kind = self.number(0, 8) if depth > 0 else 0
        match kind:
            case 4 | 5:
                return ListType(self.some_type(depth - 1))
            case 6:
                return DictType(STR, self.some_type(depth - 1))
            case 7:
                return TupleType(tuple(self.some_type(depth - 1) for _ in range(self.number(1, 3))))
            case 8:
                return optional(self.some_type(depth - 1))
        return self.pick(plain)

    def reachable(self, type_: Type) -> bool:
        """Return whether inference can find this type: a `Literal` is found only in names."""
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

    def names(self, expected: Type, strict: Strictness) -> list[str]:
        """Return the names in scope whose type fits the expected one."""
        if strict is EXACT:
            return [name for name, found in self.scope.items() if found == expected]
        return [name for name, found in self.scope.items() if fits(found, expected)]

    @contextmanager
    def loop(self, more: Mapping[str, Type], without: Sequence[str] = ()) -> Iterator[None]:
        """Bind more names in code that may run several times, where few calls are written."""
        self.in_loop += 1
        with self.having(more, without):
            yield
        self.in_loop -= 1

    def locals(self, count: int) -> list[str]:
        """Return distinct names for parameters and targets; they may shadow those of outer ones."""
        start = self.number(0, 2)
        return ["xyzw"[(start + i) % 4] for i in range(count)]
