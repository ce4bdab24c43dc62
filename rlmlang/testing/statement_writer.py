"""Write statements, well-typed by construction, and such that no change of a value can be seen by another holder.

A list, dict or set that is changed is *hidden* while it is: expressions cannot name it, so that nothing else comes to
hold it. Once it has been changed for the last time its name is given to the scope, and it is not changed any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from attrs import frozen

from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    STR,
    DictType,
    ListType,
    OptionalType,
    SetType,
    TupleType,
    Type,
)
from rlmlang.testing.choices import EXACT
from rlmlang.testing.expression_writer import ExpressionWriter
from rlmlang.testing.value_strategies import literal_text

CAUGHT = ("Exception", "ValueError", "(KeyError, IndexError)", "ZeroDivisionError as problem", "LookupError")
"""What is caught by an `except`."""

_SUMS: dict[Type, tuple[str, ...]] = {INT: ("+", "-", "*"), FLOAT: ("+", "-", "*"), STR: ("+",)}
"""The operators of augmented assignments, by the type of the variable."""

MAX_LEVEL = 5
"""How deep bodies may be that are written into others; what is made for one statement may be one or two deeper."""

_RAISED = ("ValueError", "KeyError", "IndexError")


_EMPTY = {ListType: "[]", DictType: "{}", SetType: "set()"}


@frozen
class Hidden:
    """A variable that is being changed, of which expressions know nothing."""

    name: str
    type: ListType | DictType | SetType
    grouped: bool = False
    """Whether it is a dict of lists, to which only `setdefault` adds lists."""


class StatementWriter(ExpressionWriter):
    """Writes the statements of bodies, as lines without their indentation."""

    hidden: tuple[Hidden, ...] = ()
    fixed: frozenset[str] = frozenset()
    """Names that are not bound again where the writer is: inputs, targets of loops, and what functions read."""
    result: Type | None = None
    """The type that a `return` in the body must give; None outside of functions."""
    loops: int = 0
    """How many loops are around, in the same function."""
    level: int = 0
    """How deep the body is that is being written."""
    budget: int = 0
    """How many statements may still be written, so that bodies within bodies do not make programs long."""

    def block(self, most: int) -> list[str]:
        """Write the statements of a body, with names of its own that end with it."""
        depth, self.depth = self.depth, min(self.depth, 2)
        self.level += 1
        with self.having({}):
            lines = [line for _ in range(self.number(1, most)) for line in self.statement()]
        self.level -= 1
        self.depth = depth
        return lines

    def statement(self) -> list[str]:
        """Write a statement."""
        self.budget -= 1
        forms = list(self._simple())
        if self.budget > 0 and self.level < MAX_LEVEL:
            forms += [self._if, self._if, self._for, self._for, self._collect, self._collect, self._while, self._try]
        return self.pick(forms)()

    def _simple(self) -> Iterator[Callable[[], list[str]]]:
        yield self._bind
        yield self._bind
        if self._own():
            yield self._bind_again
        if self._own(*_SUMS):
            yield self._add
        if len(self._own(STR)) > 1:
            yield self._exchange
        if self.hidden:
            yield from (self._change, self._change, self._change, self._look)
        yield self._other
        if self.loops:
            yield lambda: self._leave(self.pick(("break", "continue")))
        if self.result is not None:
            kind = self.result
            yield lambda: self._leave(f"return {self.expr(kind, EXACT)}")

    def _own(self, *types: Type) -> list[str]:
        """Return the variables that may be bound again, of these types."""
        return [
            name
            for name, type_ in self.scope.items()
            if name not in self.fixed and (type_ in types if types else self.reachable(type_))
        ]

    # Bindings

    def _bind(self) -> list[str]:
        if self.chance(6):
            kinds = self.some_type(1), self.some_type(1)
            names = self.fresh("v"), self.fresh("v")
            text = self.expr(TupleType(kinds), EXACT)
            self.scope |= dict(zip(names, kinds))
            return [f"{names[0]}, {names[1]} = {text}"]
        kind = self.some_type()
        text = self.expr(kind, EXACT)
        name = self.fresh("v")
        self.scope[name] = kind
        return [f"{name} = {text}"]

    def _bind_again(self) -> list[str]:
        name = self.pick(self._own())
        return [f"{name} = {self.expr(self.scope[name], EXACT)}"]

    def _add(self) -> list[str]:
        name = self.pick(self._own(*_SUMS))
        kind = self.scope[name]
        return [f"{name} {self.pick(_SUMS[kind])}= {self.expr(kind, EXACT)}"]

    def _exchange(self) -> list[str]:
        a, b = self._own(STR)[:2]
        return [f"{a}, {b} = {b}, {a}"]

    def _other(self) -> list[str]:
        kind = self.some_type(1)
        match self.number(0, 4):
            case 0:
                return ["pass"]
            case 1:
                return [f"assert {self.test()} or True"]
            case 2:
                return ['"""Say why."""']
        return [f"print({self.expr(kind, EXACT)})"]

    def _leave(self, statement: str) -> list[str]:
        return [f"if {self.test()}:", f"    {statement}"]

    # Changes

    def _collect(self) -> list[str]:
        """Write how a list, dict or set is made from nothing, and then give it to the scope."""
        item = self.pick((INT, STR, STR, FLOAT, BOOL, self.some_type(1)))
        types: tuple[ListType | DictType | SetType, ...] = (
            ListType(item),
            ListType(item),
            ListType(ListType(item)),
            DictType(STR, item),
            DictType(INT, item),
            DictType(STR, ListType(item)),
            SetType(self.pick((INT, STR))),
        )
        type_ = self.pick(types)
        grouped = isinstance(type_, DictType) and isinstance(type_.value, ListType)
        made = Hidden(self.fresh("made"), type_, grouped)
        lines = [self._begun(made)]
        with self._hiding(made):
            lines += self._changed(made)
            lines += self._for() if self.chance(2) else self._if()
            lines += self._look_at(made)
        if not isinstance(type_, SetType) and self.reachable(type_):
            self.scope[made.name] = type_
            self.fixed |= {made.name}
        return lines

    def _begun(self, made: Hidden) -> str:
        """Write the binding of a variable to a list, dict or set that nothing else holds."""
        name, type_ = made.name, made.type
        if made.grouped:
            return f"{name} = {{}}"
        if self.level > 0 and self.chance(2):  # at the top level of a script, this would be an input
            return f"{name}: {type_} = {_EMPTY[type(type_)]}"
        match type_:
            case ListType(item=item):
                return f"{name} = [{self.expr(item, EXACT)}]"
            case SetType(item=item):
                return f"{name} = {{{self.expr(item, EXACT)}}}"
            case DictType(key=key, value=item):
                return f"{name} = {{{self.key() if key == STR else self.expr(INT, EXACT)}: {self.expr(item, EXACT)}}}"

    @contextmanager
    def _hiding(self, *more: Hidden) -> Iterator[None]:
        before = self.hidden
        self.hidden = (*before, *more)
        yield
        self.hidden = before

    def _change(self) -> list[str]:
        return self._changed(self.pick(self.hidden))

    def _changed(self, made: Hidden) -> list[str]:
        name, type_ = made.name, made.type
        match type_:
            case ListType(item=item):
                value = self.expr(item, EXACT)
                forms = [f"{name}.append({value})"] * 4
                forms += [f"{name}.insert(0, {value})", f"{name} += [{value}]", f"{name}.extend([{value}])"]
                guarded = [f"{name}[{self.pick(('0', '-1'))}] = {value}", f"{name}.pop()", f"{name}.reverse()"]
                if item in (INT, STR, FLOAT):
                    guarded += [f"{name}.sort()", f"{name}[0] += {value}"]
                if self.chance(4):
                    return [f"if {name}:", f"    {self.pick(guarded)}"]
                return [self.pick(forms)]
            case DictType(key=key, value=item):
                index = self.key() if key == STR else self.expr(INT, EXACT)
                if made.grouped and isinstance(item, ListType):
                    # Of other expressions it is not always known that what they give is in nothing else.
                    is_plain = item.item in (INT, STR, FLOAT, BOOL)
                    value = self.expr(item.item, EXACT) if is_plain else literal_text(self.value(item.item))
                    return [f"{name}.setdefault({index}, []).append({value})"]
                value = self.expr(item, EXACT)
                forms = [f"{name}[{index}] = {value}"] * 2 + [f"{name}.setdefault({index}, {value})"]
                if item == INT:
                    forms.append(f"{name}[{index}] = {name}.get({index}, 0) + 1")
                return [self.pick([*forms, f"{name}.pop({index}, {value})", f"{name}.update({{{index}: {value}}})"])]
            case SetType(item=item):
                value = self.expr(item, EXACT)
                return [self.pick((f"{name}.add({value})", f"{name}.discard({value})", f"{name} |= {{{value}}}"))]

    def _look(self) -> list[str]:
        return self._look_at(self.pick(self.hidden))

    def _look_at(self, made: Hidden) -> list[str]:
        """Bind a variable to something that is read from what is being changed, and holds nothing of it."""
        name, type_ = made.name, made.type
        forms: list[tuple[Type, str]] = [(INT, f"len({name})"), (BOOL, f"not {name}")]
        match type_:
            case ListType(item=item) if item in (INT, STR, FLOAT):
                forms += [
                    (type_, f"sorted({name})"),
                    (type_, f"{name}[:]"),
                    (item, f"{name}[-1] if {name} else {name}[0]"),
                ]
            case DictType(key=key):
                forms += [(ListType(key), f"list({name})")]
            case SetType(item=item):
                forms += [(ListType(item), f"sorted({name})"), (BOOL, f"{self.operand(item, EXACT)} in {name}")]
        kind, text = self.pick(forms)
        bound = self.fresh("v")
        self.scope[bound] = kind
        return [f"{bound} = {text}"]

    # Branches and loops

    def _if(self) -> list[str]:
        optional = [name for name, type_ in self.scope.items() if isinstance(type_, OptionalType)]
        if optional and self.chance(3):
            return self._if_not_none(self.pick(optional))
        lines = [f"if {self.test()}:", *indented(self.block(2))]
        for _ in range(self.pick((0, 0, 0, 1))):
            lines += [f"elif {self.test()}:", *indented(self.block(2))]
        if self.chance(2):
            lines += ["else:", *indented(self.block(2))]
        return lines

    def _if_not_none(self, name: str) -> list[str]:
        type_ = self.scope[name]
        assert isinstance(type_, OptionalType)
        before, self.fixed = self.fixed, self.fixed | {name}
        with self.having({name: type_.item}):
            body = self.block(2)
        self.fixed = before
        return [f"if {self.pick((f'{name} is not None', name))}:", *indented(body)]

    @contextmanager
    def _turns(self, bound: dict[str, Type]) -> Iterator[None]:
        """Write the body of a loop, whose targets are not bound again."""
        before, self.fixed = self.fixed, self.fixed | bound.keys()
        self.loops += 1
        with self.loop(bound):
            yield
        self.loops -= 1
        self.fixed = before

    def _for(self) -> list[str]:
        first, second = self.fresh("t"), self.fresh("t")
        head, bound = self.iterable(first, second)
        with self._turns(bound):
            return [f"{head}:", *indented(self.block(3))]

    def _while(self) -> list[str]:
        """Write a loop that counts its turns, and makes no call."""
        count = self.fresh("n")
        calls, functions = self.calls, self.functions
        if calls:
            self.calls, self.functions = False, []
        with self._turns({count: INT}):
            test = self.test() if self.chance(2) else "True"
            body = [f"{count} += 1", *self.block(2)]
        self.calls, self.functions = calls, functions
        limit = f"{count} < {self.number(0, 3)}"
        return [f"{count} = 0", f"while {limit} and {parenthesized(test)}:", *indented(body)]

    def _try(self) -> list[str]:
        lines = ["try:", *indented(self.block(2))]
        if self.chance(3):
            lines += indented(self._leave(f'raise {self.pick(_RAISED)}("so")'))
        return [*lines, f"except {self.pick(CAUGHT)}:", *indented(self.block(1))]

    # Functions

    @contextmanager
    def function_body(self, params: dict[str, Type], result: Type) -> Iterator[None]:
        """Write the body of a function: it may read what is outside, but cannot bind it again."""
        before = self.hidden, self.fixed, self.result, self.loops
        self.hidden, self.fixed, self.result, self.loops = (), frozenset(self.scope) - params.keys(), result, 0
        with self.having(params):
            yield
        self.hidden, self.fixed, self.result, self.loops = before


def indented(lines: Sequence[str]) -> list[str]:
    """Return the lines of a body. A line may be an expression of several lines, of which the first is indented."""
    return [f"    {line}" for line in lines]


def parenthesized(test: str) -> str:
    return f"({test})"
