"""Prefixes of programs, lexeme by lexeme, of which it is known that they can be completed.

A `Prefix` holds a closing: lexemes that make a whole statement of it, which was parsed and
checked with them. A lexeme may follow if a closing is found for what comes out. So whatever
is accepted can be ended at any time, and what was accepted to its end parses and checks.
The closing is sought with holes first (`oracle`), which settles most questions at once,
then each hole is filled with a constant of a type that fits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from attrs import evolve, frozen
from lark import Tree

from rlmlang import ast
from rlmlang.builtins import BUILTINS, METHODS, Builtin
from rlmlang.check import library_function, library_names
from rlmlang.check.checked import CheckedFunction
from rlmlang.check.expressions import methods_of
from rlmlang.check.scope import Variable
from rlmlang.check.written import TYPE_NAMES
from rlmlang.decode.lalr import FString, Stack, tables
from rlmlang.decode.oracle import HOLE, NOWHERE, Ground, Oracle
from rlmlang.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DictType,
    FunctionType,
    IterableType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    TypeVar,
    Unknown,
    substitute,
    variables,
)

MAX_LEXEMES = 400
"""Of one statement. Behind that only its closing may follow."""

MAX_NESTING = 20
"""Open brackets at once."""

MAX_CLOSING = 60
"""Lexemes of a closing."""

LINE, BODY = "\n", "\n    "
"""Line ends as lexemes: before the margin, and before the body of a function or record."""


@frozen(eq=False)
class Frame:
    """An open bracket."""

    bracket: str
    kind: str
    """`call`, `group`, `list`, `dict`, `index`, `type` or `params`."""
    below: Frame | None
    depth: int
    opened: int
    """How many lexemes stand before it."""
    callee: str | None = None
    """Of a call, the name before the bracket, if it is one."""
    method: bool = False
    commas: int = 0
    keywords: frozenset[str] = frozenset()
    filled: bool = False
    """Whether something stands behind the bracket or the last comma."""


class Prefix:
    """A statement as far as it is written. Prefixes are immutable; what follows from one is kept in it."""

    __slots__ = (
        "_children",
        "_names",
        "_literals",
        "_receiver",
        "closing",
        "frame",
        "ground",
        "inside",
        "last",
        "points",
        "size",
        "stack",
        "unit",
        "words",
    )

    def __init__(
        self,
        ground: Ground,
        unit: str,
        stack: Stack | None,
        frame: Frame | None = None,
        last: str = "",
        size: int = 0,
        words: tuple[str, ...] = (),
        inside: FString | None = None,
    ) -> None:
        self.ground = ground
        self.unit = unit
        """`program`: statements up to a value; `statement`: any one; `expression`: one that stands alone."""
        self.stack = stack
        """None behind the end of a unit."""
        self.inside = inside
        """The f-string in whose hole the expression of the stack stands."""
        self.frame = frame
        self.last = last
        self.size = size
        self.words = words
        """The first two lexemes."""
        self.closing: tuple[str, ...] = ()
        """Lexemes that end the statement. At the start of one, none."""
        self._children: dict[str, Prefix | None] = {}
        self._names: Names | None = None
        self._receiver: Type | None = None
        self._literals: tuple[str, ...] | None = None
        self.points: dict[tuple[object, ...], object] = {}
        """What is known of the places behind this prefix, for `decode.point`."""

    @property
    def ended(self) -> bool:
        """Whether nothing may follow."""
        return self.stack is None

    def child(self, lexeme: str) -> Prefix | None:
        """The prefix with one more lexeme, or None if it cannot follow."""
        try:
            return self._children[lexeme]
        except KeyError:
            found = self._children[lexeme] = self._grow(lexeme)
            return found

    # Growing

    def _grow(self, lexeme: str) -> Prefix | None:
        if self.stack is None:
            return None
        if lexeme.startswith(HOLE) or (lexeme == "CALL" and not self.ground.calls):
            return None
        follows = self.closing[:1] == (lexeme,)
        if not follows and self.size >= MAX_LEXEMES:
            return None
        grown = self._with(lexeme)
        if grown is None:
            return None
        if lexeme == LINE:
            return grown._next()
        if follows:
            grown.closing = self.closing[1:]
            return grown
        if grown.frame is not None and grown.frame.depth > MAX_NESTING:
            return None
        hints = [self.closing[1:], self.closing]
        if self.closing and lexeme.isidentifier() and self.closing[0].isidentifier():
            hints.insert(0, tuple(lexeme if word == self.closing[0] else word for word in self.closing[1:]))
        if self._names is not None and lexeme.isidentifier():
            hints = [*self._names.closings(lexeme), *hints]
        closing = _Search(grown).closing(hints)
        if closing is None:
            return None
        grown.closing = closing
        return grown

    def _with(self, lexeme: str) -> Prefix | None:
        assert self.stack is not None
        found = tables().step(self.stack, self.inside, lexeme)
        if found is None:
            return None
        words = self.words if len(self.words) == 2 else (*self.words, lexeme)
        frame = _framed(self, lexeme, found[1])
        return Prefix(self.ground, self.unit, found[0], frame, lexeme, self.size + 1, words, found[1])

    def _next(self) -> Prefix | None:
        """What follows the line end that this statement ends with."""
        assert self.stack is not None
        found = tables().finish(self.stack, "start")
        if not found:
            return None
        statement = found[0]
        ground = self.ground.after(statement)
        if ground is None:
            return None
        over = self.unit == "statement" or isinstance(statement, ast.Value)
        return Prefix(ground, self.unit, None if over else tables().start("start"))

    # What may follow

    @property
    def names(self) -> Names:
        """The names that may follow."""
        if self._names is None:
            self._names = Names(self)
        return self._names

    def receiver(self) -> Type | None:
        """Behind a dot, the type of what stands before it."""
        if self._receiver is None:
            self._receiver = _Search(self).receiver()
        return self._receiver

    @property
    def literals(self) -> tuple[str, ...]:
        """The strings that may follow and can do what not any string can."""
        if self._literals is None:
            values = self.ground.constants | _constants_in(self)
            texts = [text for value in sorted(values) for text in (json.dumps(value, ensure_ascii=False), repr(value))]
            free = self.child(FREE)
            self._literals = tuple(text for text in dict.fromkeys(texts) if not self.alike(text, free))
        return self._literals

    def alike(self, lexeme: str, other: Prefix | None) -> bool:
        """Whether a constant can be ended like another, so that it does not matter which of them it is."""
        child = self.child(lexeme)
        return child is None or (other is not None and child.closing == other.closing)


FREE = '"zq0"'
"""A string that nothing in a program compares with."""

FRESH = "zq0"
"""A name that nothing has, for finding out whether a new one may stand somewhere."""


class Names:
    """The names that may follow a prefix. What is asked of one is found out for all like it."""

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix
        self._known: dict[str, bool] = {}
        self._verdicts: dict[Type, tuple[str, ...] | None] = {}
        self.candidates, self._judge = self._role()

    def _role(self) -> tuple[tuple[str, ...], Callable[[str], bool]]:
        """The names that come into question, and how each is judged."""
        prefix, takes = self.prefix, tables().takes
        if prefix.stack is None:
            return (), self._child
        words = [word for word in (*tables().fixed, *prefix.closing[:1]) if word.isidentifier()]
        if not takes(prefix.stack, "NAME"):
            return tuple(words), self._child
        if prefix.last == ".":
            return tuple(_attribute_names(prefix)), self._child
        if takes(prefix.stack, "NONE") and not takes(prefix.stack, "FSTRING"):
            return (*words, *(name for name in TYPE_NAMES if name != "None"), *prefix.ground.records), self._child
        known = dict.fromkeys([*words, *prefix.ground.entries, *_locals(prefix)])
        if prefix.frame is not None and prefix.frame.kind == "call":
            known.update(dict.fromkeys(_parameters(prefix)))
        if not takes(prefix.stack, "FSTRING"):
            return tuple(known), self._child
        known.update(dict.fromkeys([*BUILTINS, *library_names()]))
        return tuple(known), self._operand

    @property
    def fresh(self) -> bool:
        """Whether a new name may follow."""
        return self.prefix.last != "." and self._child(FRESH)

    @property
    def allowed(self) -> list[str]:
        return [name for name in self.candidates if self.may_follow(name)]

    def may_follow(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = not name.startswith(HOLE) and self._judge(name)
        return known

    def starts(self, text: str) -> bool:
        """Whether some name that starts so may follow."""
        return any(name.startswith(text) and self.may_follow(name) for name in self.candidates)

    def _child(self, name: str) -> bool:
        return self.prefix.child(name) is not None

    def _operand(self, name: str) -> bool:
        if name in tables().fixed:
            return self._child(name)
        entry = _function(self.prefix.ground, name)
        match entry:
            case Variable(type=type_, values=None) if not isinstance(type_, (FunctionType, OptionalType)):
                return self.closing_of(type_) is not None
            case Variable(type=type_) if not isinstance(type_, FunctionType):
                return self._child(name)
            case None if name not in BUILTINS:  # a name of the statement itself
                return self._child(name)
        if any(self.closing_of(type_) is not None for _, type_ in applications(self.prefix.ground, name)):
            return self._child(name)
        return self._wants_function() and self._child(name)

    def _wants_function(self) -> bool:
        if self.prefix.frame is None:
            return False
        expected = _Search(self.prefix).expected()
        return expected is None or isinstance(expected, FunctionType)

    def closing_of(self, type_: Type) -> tuple[str, ...] | None:
        """What ends the statement behind an operand of a type; None if no such operand may follow."""
        try:
            return self._verdicts[type_]
        except KeyError:
            prefix = self.prefix
            entries = {**prefix.ground.entries, FRESH: Variable(type_, NOWHERE)}
            twin = Prefix(
                evolve(prefix.ground, entries=entries), prefix.unit, prefix.stack, prefix.frame,
                prefix.last, prefix.size, prefix.words, prefix.inside,
            )  # fmt: skip
            twin.closing = prefix.closing
            child = twin.child(FRESH)
            found = self._verdicts[type_] = child.closing if child is not None else None
            return found

    def closings(self, name: str) -> Iterator[tuple[str, ...]]:
        """What may end the statement behind a name, by what is known of its type."""
        entry = _function(self.prefix.ground, name)
        if isinstance(entry, Variable) and not isinstance(entry.type, FunctionType):
            if (closing := self._verdicts.get(entry.type)) is not None:
                yield closing
        elif entry is not None or name in BUILTINS:
            for arguments, type_ in applications(self.prefix.ground, name):
                if (closing := self._verdicts.get(type_)) is not None:
                    yield (*arguments, *closing)


_INSTANCES: tuple[Type, ...] = (STR, INT, ListType(STR), FLOAT, BOOL, TupleType((STR, STR)))
"""What the variables of a signature may stand for."""

_library_applications: dict[str, tuple[tuple[tuple[str, ...], Type], ...]] = {}


def applications(ground: Ground, name: str) -> tuple[tuple[tuple[str, ...], Type], ...]:
    """Ways to apply a function, as lexemes from the bracket on, each with the type of the result."""
    own = name in ground.entries
    known = None if own else _library_applications.get(name)
    if known is not None:
        return known
    found: list[tuple[tuple[str, ...], Type]] = []
    for params, result in _forms(ground, name):
        names = sorted(set().union(variables(result), *map(variables, params)))
        for type_ in _INSTANCES if names else (STR,):
            solution = dict.fromkeys(names, type_)
            arguments = _spread([constant(substitute(param, solution)) for param in params])
            found.append((("(", *arguments, ")"), substitute(result, solution)))
    ways = tuple({type_: (arguments, type_) for arguments, type_ in reversed(found)}.values())
    if not own:
        _library_applications[name] = ways
    return ways


def _forms(ground: Ground, name: str) -> Iterator[tuple[list[Type], Type]]:
    match _function(ground, name):
        case CheckedFunction() as function:
            required = [t for t, param in zip(function.params, function.node.params) if param.default is None]
            yield required, function.result
        case RecordType() as record:
            yield [type_ for _, type_ in record.fields], record
        case Variable(type=FunctionType(params=params, result=result)):
            yield list(params), result
        case None if name in BUILTINS:
            for signature in BUILTINS[name].signatures:
                if not any(param.required and param.keyword_only for param in signature.params):
                    yield [param.type for param in signature.params if param.required], signature.result


def _attribute_names(prefix: Prefix) -> list[str]:
    type_ = prefix.receiver()
    if type_ is None:
        names = [name for record in prefix.ground.records.values() for name, _ in record.fields]
        return list(dict.fromkeys([*names, *(name for methods in METHODS.values() for name in methods)]))
    return list(_attributes(type_.item if isinstance(type_, OptionalType) else type_))


def _attributes(type_: Type) -> tuple[str, ...]:
    if isinstance(type_, RecordType):
        return tuple(name for name, _ in type_.fields)
    return tuple(methods_of(type_))


def _locals(prefix: Prefix) -> list[str]:
    """Names that the statement itself may have bound so far."""
    names: dict[str, None] = {}
    for stack in (prefix.stack, prefix.inside.below if prefix.inside is not None else None):
        while stack is not None:
            _collect(stack.value, names)
            stack = stack.below
    return list(names)


def _collect(value: object, names: dict[str, None]) -> None:
    """The names in what a stack holds: nodes, lists and tuples of nodes, tokens."""
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, ast.Name):
            names[each.id] = None
        elif isinstance(each, str):
            if getattr(each, "type", None) == "NAME":
                names[str(each)] = None
        elif isinstance(each, (list, tuple)):
            todo.extend(each)
        elif isinstance(each, Tree):
            todo.extend(each.children)
        elif isinstance(each, ast.Node):
            todo.extend(each._parts().values())


def _constants_in(prefix: Prefix) -> set[str]:
    """The strings that the statement itself holds so far."""
    found: set[str] = set()
    stacks = [prefix.stack, prefix.inside.below if prefix.inside is not None else None]
    for stack in stacks:
        while stack is not None:
            todo = [stack.value]
            while todo:
                each = todo.pop()
                if isinstance(each, (ast.TypeLiteral, ast.Constant)) and isinstance(each.value, str):
                    found.add(each.value)
                elif isinstance(each, (list, tuple)):
                    todo.extend(each)
                elif isinstance(each, Tree):
                    todo.extend(each.children)
                elif isinstance(each, ast.Node):
                    todo.extend(each._parts().values())
            stack = stack.below
    return found


def _parameters(prefix: Prefix) -> list[str]:
    """The parameters of the function whose arguments are being written."""
    frame = prefix.frame
    assert frame is not None
    if frame.callee is None:
        return ["sample"] if not frame.method else []
    names: list[str] = []
    if frame.method:
        tables_ = [methods[frame.callee] for methods in METHODS.values() if frame.callee in methods]
        signatures = [signature for method in tables_ for signature in method.signatures]
    else:
        entry = _function(prefix.ground, frame.callee)
        if isinstance(entry, CheckedFunction):
            return [param.name.id for param in entry.node.params]
        if isinstance(entry, RecordType):
            return [name for name, _ in entry.fields]
        signatures = list(BUILTINS[frame.callee].signatures) if frame.callee in BUILTINS else []
    for signature in signatures:
        names += [param.name for param in signature.params if not param.variadic and param.name != "self"]
    return names


def _function(ground: Ground, name: str) -> object:
    entry = ground.entries.get(name)
    if entry is None and name not in BUILTINS and (found := library_function(name)) is not None:
        return found[0]
    return entry


# Brackets ------------------------------------------------------------------------


def _framed(prefix: Prefix, lexeme: str, inside: FString | None) -> Frame | None:
    """The innermost open bracket once a lexeme has been written."""
    frame = prefix.frame
    if (inside is None) != (prefix.inside is None):
        if inside is None:
            return frame.below if frame is not None else None
        if frame is not None and not frame.filled:
            frame = evolve(frame, filled=True)
        return Frame(lexeme, "fstring", frame, 1 if frame is None else frame.depth + 1, prefix.size)
    match tables().terminal(lexeme):
        case "LPAR" | "LSQB" | "LBRACE":
            if frame is not None and not frame.filled:
                frame = evolve(frame, filled=True)
            return _opened(prefix, frame, lexeme)
        case "RPAR" | "RSQB" | "RBRACE":
            return frame.below if frame is not None else None
        case "COMMA" if frame is not None and _separates(prefix, frame):
            return evolve(frame, commas=frame.commas + 1, filled=False)
        case "EQUAL" if frame is not None and frame.kind == "call":
            return evolve(frame, keywords=frame.keywords | {prefix.last})
    if frame is not None and not frame.filled:
        frame = evolve(frame, filled=True)
    return frame


def _separates(prefix: Prefix, frame: Frame) -> bool:
    """Whether a comma here separates elements, and not the names of a lambda or a `for`."""
    return frame.kind in ("type", "params") or (prefix.stack is not None and tables().takes(prefix.stack, "__ANON_1"))


def _opened(prefix: Prefix, frame: Frame | None, bracket: str) -> Frame:
    depth = 1 if frame is None else frame.depth + 1
    operand = prefix.stack is not None and tables().takes(prefix.stack, "FSTRING")
    before = prefix.stack.below if prefix.stack is not None else None
    if bracket == "{":
        return Frame(bracket, "dict", frame, depth, prefix.size)
    if bracket == "[":
        if prefix.last == "CALL" or (prefix.stack is not None and _in_type(prefix)):
            return Frame(bracket, "type", frame, depth, prefix.size, callee=prefix.last)
        return Frame(bracket, "list" if operand else "index", frame, depth, prefix.size)
    if operand or not (prefix.last.isidentifier() or prefix.last in (")", "]")):
        return Frame(bracket, "group", frame, depth, prefix.size)
    if prefix.words[:1] == ("def",) and prefix.size == 2:
        return Frame(bracket, "params", frame, depth, prefix.size)
    name = prefix.last if prefix.last.isidentifier() and prefix.last != "CALL" else None
    method = before is not None and str(before.value) == "." if name else False
    return Frame(bracket, "call", frame, depth, prefix.size, callee=name, method=method)


def _in_type(prefix: Prefix) -> bool:
    """Whether a `[` here gives type arguments."""
    if prefix.frame is not None and prefix.frame.kind == "type":
        return True
    value = prefix.stack.value if prefix.stack is not None else None
    below = prefix.stack.below if prefix.stack is not None else None
    before = str(below.value) if below is not None and isinstance(below.value, str) else ""
    if before not in (":", "->", "|") or getattr(value, "type", "") != "NAME":
        return False
    if before == ":" and prefix.frame is not None and prefix.frame.kind in ("index", "dict"):
        return False
    return not _is_lambda(below)


def _is_lambda(stack: Stack | None) -> bool:
    """Whether the `:` on top of a stack ends the parameters of a lambda."""
    below = stack.below if stack is not None else None
    for _ in range(2):
        if below is None:
            return False
        if isinstance(below.value, str) and str(below.value) == "lambda":
            return True
        below = below.below
    return False


# Closings ------------------------------------------------------------------------

_ORDER = (
    ("_NL", LINE),
    ("_IN", BODY),
    ("RPAR", ")"),
    ("RSQB", "]"),
    ("RBRACE", "}"),
    ("ELSE", "else"),
    ("COLON", ":"),
    ("RETURN", "return"),
    ("IN", "in"),
    ("NAME", HOLE),
    ("EQUAL", "="),
    ("__ANON_0", "->"),
    ("LPAR", "("),
    ("NONE", "None"),
    ("INT", "1"),
    ("STRING", '""'),
)
"""What is tried next when a statement is to be ended soon."""

_CONSTANTS: tuple[Type, ...] = (
    STR,
    INT,
    ListType(STR),
    BOOL,
    FLOAT,
    ListType(INT),
    DictType(STR),
    NONE,
    TupleType((STR, STR)),
    TupleType((INT, STR)),
    TupleType((STR, STR, STR)),
    ListType(TupleType((STR, STR))),
    ListType(ListType(STR)),
    ListType(TupleType((INT, STR))),
    ListType(TupleType((INT, INT))),
    ListType(TupleType((STR, INT))),
    ListType(TupleType((INT, INT, INT))),
    ListType(TupleType((STR, STR, STR))),
    ListType(FLOAT),
    ListType(BOOL),
    ListType(DictType(STR)),
    ListType(ListType(INT)),
)
"""The types of constants that are tried in a hole of which nothing is known."""


_FURTHER = (["==", HOLE], ["[", "0", "]"], ["[", HOLE, "]"])
"""What may stand behind an operand to make another type of it."""

_TYPES = (
    ["str"],
    ["None"],
    ["int"],
    ["bool"],
    ["list", "[", "str", "]"],
    ["tuple", "[", "str", ",", "str", "]"],
    ["tuple", "[", "str", ",", "str", ",", "str", "]"],
)

MAX_ASKED = 240
"""Closings that are tried for one prefix."""

MAX_FILLINGS = 60
"""Of these, for the holes of one."""


class _Search:
    """The search for a closing of one prefix."""

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix
        self.count = 0
        self.asked = 0
        self.until = 0

    def closing(self, hints: Sequence[tuple[str, ...]]) -> tuple[str, ...] | None:
        """Lexemes that end the statement. The hints come first: often the last lexeme stands for
        the first of those that would have ended it before, or in front of it."""
        for hint in hints:
            answer = self._ask(hint)
            if answer is not None and not answer.unknown:
                return hint
        for start, told in self._starts():
            if self.asked > MAX_ASKED:
                return None
            skeleton = self._close(start, told)
            if skeleton is None or len(skeleton) > MAX_CLOSING:
                continue
            for bound in self._bound(start, told, skeleton):
                self.until = self.asked + MAX_FILLINGS
                if (filled := self._fill(*bound)) is not None:
                    return filled
        return None

    def expected(self) -> Type | None:
        """The type that is wanted next, if one is."""
        skeleton = self._close([HOLE], False)
        oracle = self._ask(skeleton, fine=False) if skeleton is not None else None
        hole = next((lexeme for lexeme in skeleton or () if lexeme.startswith(HOLE)), "")
        return oracle.hole_types().get(hole) if oracle is not None else None

    def receiver(self) -> Type | None:
        """Behind a dot, the type of what it is taken of."""
        skeleton = self._close([HOLE], False)
        oracle = self._ask(skeleton, fine=False) if skeleton is not None else None
        return None if oracle is None or isinstance(oracle.receiver, Unknown) else oracle.receiver

    # How the closing may start

    def _starts(self) -> Iterator[tuple[list[str], bool]]:
        """Each with whether it gives the call that is open all its arguments."""
        frame = self.prefix.frame
        for start in self._plain_starts():
            yield start, False
        if frame is not None and frame.kind == "call":
            for start in self._arguments(frame):
                yield start, True
        for start in self._late_starts():
            yield start, False

    def _plain_starts(self) -> Iterator[list[str]]:
        prefix = self.prefix
        assert prefix.stack is not None
        frame, last, stack = prefix.frame, prefix.last, prefix.stack
        if last == ".":
            yield from self._attributes(self.receiver())
            return
        if last == "lambda":
            yield [HOLE, ":", HOLE]
            yield [HOLE, ",", HOLE, ":", HOLE]
            yield [":", HOLE]
            return
        if _is_lambda(stack) and tables().takes(stack, "COLON"):
            yield [":", HOLE]
            yield [",", HOLE, ":", HOLE]
            yield [",", HOLE, ",", HOLE, ":", HOLE]
            return
        if last == "CALL":
            yield []
            yield ["[", HOLE, "]"]
        if frame is not None and frame.kind == "type" and last == "[":
            yield from _type_arguments(frame.callee or "")
            return
        if frame is not None and frame.kind == "type":
            yield []
            yield ["]", ",", HOLE]
            yield [",", HOLE, "]", ",", HOLE, "]"]
            yield ["]", ",", HOLE, "]"]
            yield [",", HOLE]
            yield [",", HOLE, ",", HOLE]
            yield [HOLE, ",", HOLE]
            yield [HOLE, "]", ",", HOLE, "]"]
        if last in ("list", "dict", "tuple", "Literal", "Callable") and _in_type(prefix):
            yield from (["[", *each] for each in _type_arguments(last))
        if frame is not None and frame.kind == "index" and not frame.filled:
            yield ["0"]
        if last == "-":
            yield ["1"]
        yield []
        if frame is not None and frame.kind == "index" and not frame.filled:
            yield [HOLE]
        if frame is None and tables().takes(stack, "EQUAL"):
            yield ["=", HOLE]
        if prefix.size == 1 and last.isidentifier() and tables().takes(stack, "COLON"):
            yield [":", "str"]

    def _late_starts(self) -> Iterator[list[str]]:
        prefix = self.prefix
        assert prefix.stack is not None
        frame, last, stack = prefix.frame, prefix.last, prefix.stack
        if stack.below is not None and str(stack.below.value) == ".":
            for methods in METHODS.values():
                if last in methods:
                    for call in _method_calls(methods[last]):
                        yield call
                        yield from ([*call, *more] for more in _FURTHER)
        if last.isidentifier():
            yield from self._suffixes(last)
            if frame is not None and frame.kind == "call" and tables().takes(stack, "EQUAL"):
                yield ["=", HOLE]
                yield ["=", "lambda", HOLE, ":", HOLE]
        elif last[:1] in (")", "]", "}", *"\"'fr0123456789"):
            yield from self._suffixes("")
        if tables().takes(stack, "FSTRING"):
            if last in ("==", "!="):
                yield ["None"]
            yield [HOLE]
            yield [HOLE, "==", HOLE]
            if last == "[":
                yield [HOLE, "]", "[", "0", "]"]
            elif last == "," and frame is not None and frame.kind == "dict":
                yield [HOLE, ":", HOLE, "}", ".", "items", "(", ")"]
            elif last == "{":
                yield [HOLE, ":", HOLE, "}", "[", HOLE, "]"]
                yield [HOLE, ":", HOLE, "}", ".", "items", "(", ")"]
        if frame is not None and frame.kind == "group":
            first = [HOLE] if not frame.filled else []
            comma = [","] if frame.filled or not frame.commas else []
            yield [*first, *comma, HOLE]
            yield [*first, *comma, HOLE, ",", HOLE]
        elif frame is not None and frame.kind == "dict":
            yield ["}", ".", "items", "(", ")"]
            yield [":", HOLE, "}", ".", "items", "(", ")"]
            yield ["}", "[", HOLE, "]"]
        elif frame is not None and frame.kind == "list":
            yield ["]", "[", "0", "]"]
        yield from self._tested()

    def _tested(self) -> Iterator[list[str]]:
        """With tests of what may be None."""
        prefix = self.prefix
        assert prefix.stack is not None
        names = [name for name in _locals(prefix) if self._may_be_none(name)]
        operand = [HOLE] if tables().takes(prefix.stack, "FSTRING") else []
        if not names or not (operand or tables().takes(prefix.stack, "IF")):
            return
        for chosen in [*([name] for name in names), names]:
            test = [word for name in chosen for word in ("and", name, "is", "not", "None")][1:]
            yield [*operand, "if", *test, "else", HOLE]
            if prefix.frame is not None and prefix.frame.kind in ("list", "dict", "call"):
                yield [*operand, "if", *test]

    def _tests(self) -> Iterator[list[str]]:
        for name in _locals(self.prefix):
            if self._may_be_none(name):
                yield ["if", name, "is", "not", "None", "else", HOLE]

    def _may_be_none(self, name: str) -> bool:
        entry = self.prefix.ground.entries.get(name)
        if isinstance(entry, Variable):
            return isinstance(entry.type, OptionalType)
        return entry is None and self.prefix.ground.optional

    def _attributes(self, type_: Type | None) -> Iterator[list[str]]:
        if isinstance(type_, OptionalType):
            for name in _attributes(type_.item):
                for suffix in _attribute_suffixes(type_.item, name):
                    yield from ([name, *suffix, *test] for test in self._tests())
            return
        if type_ is not None:
            for name in _attributes(type_):
                yield from ([name, *suffix] for suffix in _attribute_suffixes(type_, name))
            return
        for record in self.prefix.ground.records.values():
            yield from ([name] for name, _ in record.fields)
        for methods in METHODS.values():
            for name, method in methods.items():
                yield from ([name, *call] for call in _method_calls(method))

    def _arguments(self, frame: Frame) -> Iterator[list[str]]:
        """Ways to give what a call still lacks."""
        comma = [","] if frame.filled else []
        for missing in _lacking(self.prefix.ground, frame):
            if missing:
                yield [*comma, *missing]
        more: list[str] = []
        for _ in range(3):
            more = [*more, ","] if more else list(comma)
            more = [*more, HOLE]
            yield list(more)
        if not frame.filled or self.prefix.last == "=":
            yield ["lambda", HOLE, ":", HOLE]
        elif "key" in _parameters(self.prefix):
            yield [",", "key", "=", "lambda", HOLE, ":", HOLE]

    def _suffixes(self, name: str) -> Iterator[list[str]]:
        """What may make something fitting of an operand that does not fit."""
        stack = self.prefix.stack
        assert stack is not None
        if name and tables().takes(stack, "LPAR") and self._is_function(name):
            for call in _calls(self.prefix.ground, name):
                yield call
                yield from ([*call, *more] for more in _FURTHER)
        if tables().takes(stack, "LSQB"):
            yield from _FURTHER
            yield ["in", HOLE]
        if tables().takes(stack, "IS"):
            yield ["is", "None"]
            yield ["or", HOLE]
            yield ["if", HOLE, "else", HOLE]
        if tables().takes(stack, "DOT"):
            behind = tables().shift(stack, "DOT", ".")
            if behind is not None:
                dotted = Prefix(self.prefix.ground, self.prefix.unit, behind, self.prefix.frame, ".", 2, ("", ""))
                type_ = _Search(dotted).receiver()
                for attribute in _telling(type_) if type_ is not None else ():
                    for suffix in _attribute_suffixes(type_, attribute):
                        yield [".", attribute, *suffix]
                        if isinstance(type_, RecordType):
                            yield [".", attribute, *suffix, "[", "0", "]"]

    def _is_function(self, name: str) -> bool:
        entry = _function(self.prefix.ground, name)
        if isinstance(entry, Variable):
            return isinstance(entry.type, FunctionType)
        return entry is not None or name in BUILTINS or self.prefix.words[:1] == ("def",)

    # How it goes on: what ends soonest

    def _close(
        self, start: Sequence[str], told: bool, bind: Frame | None = None, names: Sequence[str] = ()
    ) -> list[str] | None:
        """The closing that starts so, with holes; in the bracket `bind`, names are bound by clauses."""
        out: list[str] = []
        prefix: Prefix | None = self.prefix
        for lexeme in start:
            prefix = self._take(prefix, self._numbered(lexeme, prefix), out)
            if prefix is None:
                return None
        for _ in range(MAX_CLOSING):
            stack = prefix.stack
            assert stack is not None
            frame = prefix.frame
            if frame is not None and frame.kind == "fstring" and prefix.inside and tables().takes(stack, "$END"):
                prefix = self._take(prefix, "}" + prefix.inside.quote, out)
                if prefix is None:
                    return None
                continue
            for terminal, lexeme in _ORDER:
                if tables().takes(stack, terminal):
                    break
            else:
                return None
            if terminal in ("RPAR", "RSQB", "RBRACE") and frame is not None:
                own = self.prefix.frame
                extra: list[str] = []
                if frame.kind == "call" and not (told and own is not None and own.opened == frame.opened):
                    missing = next(iter(_lacking(self.prefix.ground, frame)), [])
                    if missing and not (bind is not None and frame.depth == bind.depth):
                        extra = [*([","] if frame.filled else []), *missing]
                if bind is not None and frame.depth == bind.depth:
                    extra = [word for name in names for word in ("for", name, "in", HOLE)]
                    bind = None
                for word in extra:
                    prefix = self._take(prefix, self._numbered(word, prefix), out)
                    if prefix is None:
                        return None
                if extra:
                    continue
            prefix = self._take(prefix, self._numbered(lexeme, prefix), out)
            if prefix is None:
                return None
            if terminal == "_NL":
                return out
        return None

    def _numbered(self, lexeme: str, prefix: Prefix | None) -> str:
        """Each hole has a name that tells what belongs there: an expression, a type, a new name."""
        if lexeme != HOLE or prefix is None or prefix.stack is None:
            return lexeme
        self.count += 1
        if tables().takes(prefix.stack, "FSTRING"):
            return f"{HOLE}{self.count}"
        if tables().takes(prefix.stack, "NONE"):
            return f"{HOLE}_type{self.count}"
        return f"{HOLE}_attribute" if prefix.last == "." else self._new_name()

    def _new_name(self) -> str:
        return f"v{self.prefix.size}_{self.count}"

    def _take(self, prefix: Prefix | None, lexeme: str, out: list[str]) -> Prefix | None:
        assert prefix is not None
        if prefix.inside is not None:
            lexeme = _requoted(lexeme, prefix.inside.quote)
        out.append(lexeme)
        return prefix._with(lexeme)

    # Whether it checks

    def _ask(self, closing: Sequence[str], fine: bool = True) -> Oracle | None:
        """The oracle about the statement with this closing; None if something is wrong with it."""
        assert self.prefix.stack is not None
        self.asked += 1
        at: tuple[Stack, FString | None] | None = (self.prefix.stack, self.prefix.inside)
        for lexeme in closing:
            at = tables().step(*at, lexeme)
            if at is None:
                return None
        found = tables().finish(at[0], "start") if at[1] is None else None
        if not found:
            return None
        oracle = Oracle(self.prefix.ground)
        if not oracle.look_at(found[0]) and fine:
            return None
        return oracle

    def _bound(self, start: list[str], told: bool, skeleton: list[str]) -> Iterator[tuple[list[str], Oracle]]:
        """The skeleton with all names bound, in each of the ways that work."""
        oracle = self._ask(skeleton, fine=False)
        if oracle is not None and not oracle.unknown and not oracle.problems:
            yield skeleton, oracle
        names = list(dict.fromkeys(oracle.unknown)) if oracle is not None else []
        frame = self.prefix.frame
        while frame is not None:
            once = frame.commas == 0 and not frame.keywords
            if once and (frame.kind in ("list", "dict", "call") if names else frame.kind == "call"):
                self.count += 1
                closing = self._close(start, told, frame, names or [self._new_name()])
                answer = self._ask(closing) if closing is not None else None
                if answer is not None and closing is not None and not answer.unknown:
                    yield closing, answer
            frame = frame.below

    def _fill(self, closing: list[str], oracle: Oracle) -> tuple[str, ...] | None:
        """The closing with constants in its holes, such that it checks."""
        holes = [i for i, lexeme in enumerate(closing) if lexeme.startswith(HOLE)]
        if not holes:
            return tuple(closing)
        # What is iterated over settles the types of other holes, so it comes first.
        wanted = oracle.hole_types()
        at = next((i for i in holes if closing[i].startswith(f"{HOLE}_") or (i and closing[i - 1] == "in")), -1)
        if at < 0:
            at = next((i for i in holes if closing[i] in wanted), holes[0])
        before = closing[at - 1] if at else self.prefix.last
        for filling in self._fillings(closing[at], wanted.get(closing[at]), before, oracle):
            if self.asked > self.until:
                return None
            if self.prefix.inside is not None and any(lexeme[0] == "}" for lexeme in closing[at:]):
                filling = [_requoted(lexeme, self.prefix.inside.quote) for lexeme in filling]
            tried = [*closing[:at], *filling, *closing[at + 1 :]]
            answer = self._ask(tried)
            if answer is not None and not answer.unknown:
                if (filled := self._fill(tried, answer)) is not None:
                    return filled
        return None

    def _fillings(self, hole: str, wanted: Type | None, before: str, oracle: Oracle) -> Iterator[list[str]]:
        if hole.startswith(f"{HOLE}_type"):
            yield from _TYPES
            return
        if wanted is not None:
            for type_ in _instances(wanted, oracle.seen()):
                yield constant(type_)
            return
        arithmetic = ("-", "*", "/", "//", "%", "**")
        likely: list[Type] = [INT, FLOAT] if before in arithmetic else []
        if before == "in" and self.prefix.last in arithmetic:
            likely = [ListType(INT)]
        for type_ in dict.fromkeys(
            [*likely, *oracle.seen(), *_CONSTANTS[:4], *_types_of(self.prefix.ground), *_CONSTANTS]
        ):
            yield constant(type_)


def _lacking(ground: Ground, frame: Frame) -> Iterator[list[str]]:
    """The arguments that a call still needs, as lexemes with holes; in each way that is likely."""
    given = frame.commas + frame.filled
    if frame.callee is None or frame.keywords:
        if frame.callee is not None:
            yield from _lacking_keywords(ground, frame)
        elif not frame.method and not given:
            yield [HOLE]
        return
    if frame.method:
        builtins = [methods[frame.callee] for methods in METHODS.values() if frame.callee in methods]
    else:
        entry = _function(ground, frame.callee)
        if isinstance(entry, (CheckedFunction, RecordType)):
            required = (
                sum(param.default is None for param in entry.node.params)
                if isinstance(entry, CheckedFunction)
                else len(entry.fields)
            )
            yield _listed([HOLE] * max(0, required - given))
            return
        if isinstance(entry, Variable) and isinstance(entry.type, FunctionType):
            yield _listed([HOLE] * max(0, len(entry.type.params) - given))
            return
        if frame.callee not in BUILTINS:  # a parameter, or a name that is not known yet
            yield from (_listed([HOLE] * max(0, count - given)) for count in (1, 2, 0))
            return
        builtins = [BUILTINS[frame.callee]]
    counts = {
        sum(param.required and not param.keyword_only for param in signature.params) - frame.method
        for builtin in builtins
        for signature in builtin.signatures
    }
    for count in sorted(counts):
        yield _listed([HOLE] * max(0, count - given))


def _lacking_keywords(ground: Ground, frame: Frame) -> Iterator[list[str]]:
    assert frame.callee is not None
    entry = _function(ground, frame.callee)
    if frame.method or not isinstance(entry, (CheckedFunction, RecordType)):
        return
    if isinstance(entry, CheckedFunction):
        names = [param.name.id for param in entry.node.params if param.default is None]
    else:
        names = [name for name, _ in entry.fields]
    positional = frame.commas + frame.filled - len(frame.keywords)
    missing = [name for name in names[max(positional, 0) :] if name not in frame.keywords]
    out: list[str] = []
    for name in missing:
        out += [*([","] if out else []), name, "=", HOLE]
    yield out


def _listed(parts: list[str]) -> list[str]:
    out: list[str] = []
    for part in parts:
        out += [*([","] if out else []), part]
    return out


def _calls(ground: Ground, name: str) -> Iterator[list[str]]:
    """Applications of a function, with holes."""
    seen: set[int] = set()
    for arguments in _lacking(ground, Frame("(", "call", None, 1, 0, callee=name)):
        if len(arguments) not in seen:
            seen.add(len(arguments))
            yield ["(", *arguments, ")"]
    if not seen:
        yield ["(", ")"]


def _attribute_suffixes(type_: Type | None, name: str) -> Iterator[list[str]]:
    if type_ is None or isinstance(type_, RecordType):
        yield []
        return
    yield from _method_calls(methods_of(type_)[name])


def _telling(type_: Type) -> tuple[str, ...]:
    """Of the attributes of a type, one for each type that they give."""
    if isinstance(type_, RecordType):
        return tuple(name for name, _ in type_.fields)
    found: dict[Type, str] = {}
    for name, method in methods_of(type_).items():
        for signature in method.signatures:
            found.setdefault(signature.result, name)
    return tuple(found.values())


def _method_calls(method: Builtin) -> Iterator[list[str]]:
    counts = {
        sum(param.required and not param.keyword_only for param in signature.params) - 1
        for signature in method.signatures
    }
    for count in sorted(counts):
        yield ["(", *_listed([HOLE] * count), ")"]


def _type_arguments(head: str) -> Iterator[list[str]]:
    match head:
        case "list" | "CALL":
            yield [HOLE, "]"]
        case "dict":
            yield ["str", ",", HOLE, "]"]
        case "tuple":
            yield [HOLE, "]"]
        case "Literal":
            yield ['"a"', "]"]
        case "Callable":
            yield ["[", HOLE, "]", ",", HOLE, "]"]
        case "[":
            yield [HOLE, "]", ",", HOLE, "]"]
        case _:
            yield [HOLE]


def _types_of(ground: Ground) -> list[Type]:
    """The types of the names in scope, and lists of them."""
    found: dict[Type, None] = {}
    for entry in ground.entries.values():
        type_ = entry.type if isinstance(entry, Variable) else entry if isinstance(entry, RecordType) else None
        if type_ is not None and not isinstance(type_, FunctionType):
            found[type_] = None
            if isinstance(type_, ListType):
                found[type_.item] = None
            elif isinstance(type_, RecordType):
                found[ListType(type_)] = None
    return list(found)


def _instances(wanted: Type, likely: Sequence[Type]) -> Iterator[Type]:
    """A signature type with its variables put in."""
    names = sorted(variables(wanted))
    if not names:
        yield wanted
        return
    for type_ in dict.fromkeys([*likely, STR, INT, ListType(STR), TupleType((STR, STR)), FLOAT, BOOL, DictType(STR)]):
        yield substitute(wanted, dict.fromkeys(names, type_))


def constant(type_: Type) -> list[str]:
    """Lexemes of an expression without calls that is of a type."""
    match type_:
        case LiteralType(values=(value, *_)):
            return ["-", str(-value)] if type(value) is int and value < 0 else [_literal(value)]
        case ListType() | IterableType():
            return ["[", *constant(type_.item), "]"]
        case DictType():
            return ["{", '""', ":", *constant(type_.value), "}"]
        case TupleType():
            items = [word for item in type_.items for word in (*constant(item), ",")]
            return ["(", *items[: -1 if len(type_.items) > 1 else None], ")"]
        case OptionalType():
            return ["None"]
        case RecordType():
            return [type_.name, "(", *_spread([constant(field) for _, field in type_.fields]), ")"]
        case FunctionType():
            names = [f"a{i}" for i in range(len(type_.params))]
            body = next((n for n, p in zip(names, type_.params) if p == type_.result), None)
            return ["lambda", *_listed(names), ":", *([body] if body else constant(type_.result))]
        case TypeVar():
            return ['""']
    return {INT: ["0"], FLOAT: ["0.5"], BOOL: ["True"], NONE: ["None"]}.get(type_, ['""'])  # type: ignore[call-overload]


def _requoted(lexeme: str, quote: str) -> str:
    """A string constant as it can stand in an f-string that a quote ends."""
    return f"'{lexeme[1:-1]}'" if quote == '"' and lexeme[0] == '"' else lexeme


def _spread(parts: list[list[str]]) -> list[str]:
    out: list[str] = []
    for part in parts:
        out += [*([","] if out else []), *part]
    return out


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
