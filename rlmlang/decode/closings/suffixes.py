"""What may follow an operand, or the outermost bracket, to give it another type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from rlmlang.decode.closings.constants import constant, written
from rlmlang.decode.closings.conversions import can_become, ways_to_become
from rlmlang.decode.closings.fragments import (
    applications,
    applications_giving,
    attribute_suffixes,
    calls,
    function_named,
    method_calls,
    parameters,
    representative_attributes,
    type_arguments,
)
from rlmlang.decode.closings.holes import Holes
from rlmlang.decode.placeholders import HOLE
from rlmlang.decode.recognizer import tables
from rlmlang.decode.state import LineState, outermost
from rlmlang.language.builtins import BUILTINS, METHODS
from rlmlang.language.check.scope import Variable
from rlmlang.language.types import BOOL, FunctionType, OptionalType, RecordType, TupleType, Type, fits

FURTHER = (["==", HOLE], ["[", "0", "]"], ["[", HOLE, "]"], ["[", "1", "]"])
"""Suffixes that give an operand another type."""


_OUTER_SUFFIXES: dict[str, tuple[Sequence[str], ...]] = {
    "list": (["[", "0", "]"], ["[", "0", "]", "[", "0", "]"], [".", "index", "(", HOLE, ")"]),
    "dict": (
        ["[", HOLE, "]"],
        ["[", HOLE, "]", "[", HOLE, "]"],
        [".", "keys", "(", ")"],
        [".", "values", "(", ")"],
        [".", "items", "(", ")"],
    ),
    "group": (["[", "0", "]"], ["[", "1", "]"], ["[", "1", ":", "]"]),
    "call": (["[", "0", "]"], ["or", HOLE], ["[", "0", "]", "[", "0", "]"]),
    "type": (["[", HOLE, "]"], ["or", HOLE], [".", "keys", "(", ")"]),
    "index": (["[", "0", "]"], ["=", HOLE]),
}
"""By the kind of the outermost bracket, suffixes after it that may give the whole the expected type."""


def _tuple_suffixes(size: int, expected: TupleType) -> Iterator[list[str]]:
    """Yield operators behind a tuple of a size which may give it the expected type."""
    yield ["[", ":", ":", "-", "1", "]"]
    if size < len(expected.items):
        yield ["+", *constant(TupleType(expected.items[size:]))]
        if len(expected.items) % size == 0:
            yield ["*", str(len(expected.items) // size)]


class Suffixes:
    """The suffixes for one unfinished line."""

    def __init__(self, state: LineState, holes: Holes, receiver_of: Callable[[LineState], Type | None]) -> None:
        self.state = state
        self.holes = holes
        self.receiver_of = receiver_of
        """Returns the type of the operand before the dot that ends a line, if it is known."""

    @cached_property
    def receiver(self) -> Type | None:
        return self.receiver_of(self.state)

    def outer_suffixes(self) -> list[Sequence[str]]:
        """Return suffixes of the outermost bracket that may give the whole the expected type."""
        frame, expected = outermost(self.state), self.state.goal
        if expected is None or frame is None:
            return []
        if expected == BOOL:
            return [["==", HOLE]]
        found: list[Sequence[str]] = [*_OUTER_SUFFIXES.get(frame.kind, ())]
        if frame.kind in ("list", "call", "type", "index"):
            fields = [each for record in self.state.environment.records.values() for each in record.fields]
            names = dict.fromkeys(name for name, type_ in fields if can_become(type_, expected))
            found += [[*index, ".", name] for name in names for index in ([], ["[", "0", "]"])]
        if frame.kind == "call" and frame.callee is not None and not frame.method and not frame.module:
            found += self._becoming(frame.callee, expected)
        if isinstance(expected, TupleType):
            found += [[word for _ in range(more) for word in (",", HOLE)] for more in range(1, len(expected.items))]
            if frame.kind == "group":
                found += _tuple_suffixes(frame.commas + 1, expected)
        return found

    def suffixed_ways(self) -> Iterator[tuple[list[str], bool, Sequence[str]]]:
        """Yield starts with a suffix of the outermost bracket that may give the whole the expected type."""
        inner, last, stack = self.state.frame, self.state.last, self.state.stack
        frame, expected, suffixes = outermost(self.state), self.state.goal, self.outer_suffixes()
        if expected is None or frame is None or inner is None:
            return
        if last == "(" and inner is frame and frame.kind == "call" and frame.callee is not None:
            yield from ((arguments[1:], False, ()) for arguments in self._applied_to_goal(frame.callee, frame.opened))
        starts: list[list[str]] = [[]]
        if last == "CALL":
            starts += [["[", HOLE, "]"], *([["(", HOLE, ")", ":", HOLE]] if inner.kind == "dict" else [])]
        elif last == "(" and inner.below is not None and inner.below.kind == "dict" and not inner.below.commas:
            starts.append([HOLE, ")", ":", HOLE])
        elif inner.kind == "type" and last == "[":
            starts += [["dict", "[", "str", ",", *each, "]"] for each in (written(expected), ["int"])]
        elif inner.kind == "type" and last in ("list", "dict"):
            starts += [["[", *each] for each in type_arguments(last)]
        elif inner.kind == "dict" and tables().takes(stack, "COLON"):
            starts.append([":", HOLE])
        elif last == "." and (type_ := self.receiver) is not None:
            starts += [
                [name, *more] for name in representative_attributes(type_) for more in attribute_suffixes(type_, name)
            ]
        elif last.isidentifier() and stack.below is not None and str(stack.below.value) == ".":
            methods = [table[last] for table in METHODS.values() if last in table]
            starts += [call for each in methods for call in method_calls(each)]
        elif last.isidentifier() and last not in self.state.environment.entries and not tables().takes(stack, "EQUAL"):
            starts += [[".", field] for record in self.state.environment.records.values() for field, _ in record.fields]
        elif inner.kind == "group" and not inner.filled:
            starts.append([HOLE])
        elif inner.kind == "index" and not inner.filled:
            starts += [["0"], [HOLE]]
        elif inner.kind == "call" and last.isidentifier() and last in parameters(self.state):
            starts.append(["=", "lambda", HOLE, ":", HOLE])
        elif inner.kind == "call" and inner.filled and "key" in parameters(self.state):
            starts.append([",", "key", "=", "lambda", HOLE, ":", HOLE])
        elif last.isidentifier() and tables().takes(stack, "LPAR") and self.is_function(last):
            starts += [each for each, _ in zip(calls(self.state.environment, last), range(2))]
        if frame.kind == "group" and isinstance(expected, TupleType) and last.isidentifier():
            starts += [["[", "0", "]"], ["[", "1", "]"]]
        elif frame.kind == "group" and inner.filled and inner is frame:
            starts.append([",", HOLE])
        for start in starts:
            for suffix in suffixes:
                yield start, False, suffix

    def _becoming(self, function: str, expected: Type) -> Iterator[Sequence[str]]:
        """Yield what gives the result of a function the expected type."""
        for _, result in applications(self.state.environment, function):
            for way, type_ in ways_to_become(result, compared=False):
                if way and fits(type_, expected):
                    yield way
                elif way and isinstance(type_, OptionalType) and fits(type_.item, expected):
                    yield (*way, "or", *constant(type_.item))

    def _applied_to_goal(self, name: str, size: int) -> Iterator[list[str]]:
        """Yield applications of a function that give what the line must have, if it is all of it."""
        goal = self.state.goal
        if goal is not None and size == 1 + (self.state.words[:1] == ("return",)):
            yield from applications_giving(self.state.environment, name, goal)

    def suffixes(self, name: str) -> Iterator[list[str]]:
        """Yield suffixes that may give the last operand a fitting type; `name` is its name, if it has one.
        (Decision 88.)
        """
        stack = self.state.stack
        assert stack is not None
        if name and tables().takes(stack, "LPAR") and self.is_function(name):
            for call in calls(self.state.environment, name):
                yield call
                yield from ([*call, *more] for more in FURTHER)
            if self.state.goal is not None:
                yield from self._applied_to_goal(name, self.state.size)
                if self.state.frame is None and isinstance(self.state.goal, TupleType):
                    further = [[",", HOLE] * count for count in range(1, len(self.state.goal.items))]
                    called = calls(self.state.environment, name)
                    yield from ([*call, *more] for call in called for more in further)
                yield from ([*call] for call, _ in applications(self.state.environment, name))
        if self.state.size == 1 and self.state.goal is not None and tables().takes(stack, "STAR"):
            yield from ([operator, *constant(self.state.goal)] for operator in ("+", "*"))
        if self.state.last == ")" and self.state.frame is None and isinstance(self.state.goal, TupleType):
            for size in range(1, len(self.state.goal.items)):
                yield from _tuple_suffixes(size, self.state.goal)
        if name and tables().takes(stack, "DOT"):  # it may be a name that is bound later
            for record in self.state.environment.records.values():
                yield from ([".", field] for field, _ in record.fields)
        if tables().takes(stack, "LSQB"):
            yield from FURTHER
            yield ["in", HOLE]
        if tables().takes(stack, "IS"):
            yield ["is", "None"]
            yield ["or", HOLE]
            yield ["[", "0", "]", "or", HOLE]
            yield ["if", HOLE, "else", HOLE]
        if tables().takes(stack, "DOT"):
            yield from self.attribute_suffixes(())

    def attribute_suffixes(self, lexemes: Sequence[str]) -> Iterator[list[str]]:
        """Yield attributes of the operand that the given lexemes end."""
        state: LineState | None = self.state
        for lexeme in lexemes:
            state = self.holes.take(state, self.holes.numbered(lexeme, state), [])
        dot = tables().shift(state.stack, "DOT", ".") if state is not None else None
        if dot is None or state is None:
            return
        dotted = LineState(state.environment, dot, state.frame, ".", 2, ("", ""))
        type_ = self.receiver_of(dotted)
        for attribute in representative_attributes(type_) if type_ is not None else ():
            for suffix in attribute_suffixes(type_, attribute):
                yield [".", attribute, *suffix]
                if isinstance(type_, RecordType):
                    yield [".", attribute, *suffix, "[", "0", "]"]

    def is_function(self, name: str) -> bool:
        entry = function_named(self.state.environment, name)
        if isinstance(entry, Variable):
            return isinstance(entry.type, FunctionType)
        return entry is not None or name in BUILTINS or self.state.words[:1] == ("def",)
