"""The shape of an unfinished line: what decides which lexemes may follow (decision 103).

Of what is written, only its types matter, and of the names in scope only those that are written or are no plain
variables. So `total = total - ` has the shape of `size = count - `, and what is found out about one line is known of
all lines of its shape. What is kept here is a number for each shape, the number of equal shapes being equal.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from lark import Token, Tree

from rlmlang.decode.blocks import CHANGING
from rlmlang.decode.closings.fillings import CONSTANTS
from rlmlang.decode.closings.fragments import types_of
from rlmlang.decode.interning import number_of
from rlmlang.decode.partial import Environment
from rlmlang.decode.recognizer import OpenFString, Stack
from rlmlang.decode.state import BracketFrame, LineState
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS
from rlmlang.language.check import library_names
from rlmlang.language.check.annotations import TYPE_NAMES
from rlmlang.language.check.checked import CheckedFunction
from rlmlang.language.check.inference import path_of
from rlmlang.language.check.problems import TooManyProblems
from rlmlang.language.check.scope import Conflicted, Definition, Unbound, Variable
from rlmlang.language.depth import deep_recursion
from rlmlang.language.types import UNKNOWN, FunctionType, OptionalType, RecordType, Type, Unknown

DEEP = 100
"""The depth of a tree from which on it is part of a shape: near the deepest one that is parsed it matters."""

_kept: dict[int, object] = {}
"""Objects whose ids are in shapes, so that no other object gets the same id."""


def shape_of(state: LineState, tells_names_apart: bool, flags: Hashable) -> int:
    """Return the number of the shape of a line; `flags` say what else matters of the place where it is."""
    shapes = _shapes_in(state.environment, tells_names_apart)
    words = state.words
    second = words[1] if len(words) > 1 and (words[1] in (",", "import") or words[0] == "from") else ""
    return number_of(
        (
            shapes.signature,
            shapes.stack(state.stack),
            shapes.inside(state.inside),
            shapes.frame(state.frame),
            shapes.word(state.last),
            shapes.word(words[0]) if words else "",
            second,
            min(state.size, 3),
            state.leans,
            flags,
        )
    )


def _shapes_in(environment: Environment, tells_names_apart: bool) -> Shapes:
    known: dict[bool, Shapes] = environment.__dict__.setdefault("shapes", {})
    found = known.get(tells_names_apart)
    if found is None:
        found = known[tells_names_apart] = Shapes(environment, tells_names_apart)
    return found


class Shapes:
    """The shapes of the parts of lines in one environment."""

    def __init__(self, environment: Environment, tells_names_apart: bool) -> None:
        self.environment = environment
        self.tells_names_apart = tells_names_apart
        """Whether variables of one type differ."""
        self._stacks: dict[Stack, int] = {}
        self._nodes: dict[int, Hashable] = {}
        self._names: dict[str, Hashable] = {}
        self._frames: dict[BracketFrame, int] = {}
        self._facts = {path: type_ for _, state in environment.scopes for path, type_ in state.facts.items()}
        self._entries = {
            name: entry for _, state in reversed(environment.scopes) for name, entry in state.entries.items()
        }
        self._depths = {
            name: depth for depth, (_, state) in reversed([*enumerate(environment.scopes)]) for name in state.entries
        }
        self.signature = number_of(self._signature())

    def _signature(self) -> Hashable:
        environment, body = self.environment, self.environment.body
        special = {*BUILTINS, *library_names(), *TYPE_NAMES}
        shadowed = special.intersection(self._entries)
        others = [
            (name, self.name(name))
            for name, entry in sorted(self._entries.items())
            if not isinstance(entry, Variable) or isinstance(entry.type, FunctionType)
        ]
        records = [(name, _record(record)) for name, record in sorted(environment.records.items())]
        record = environment.record
        fields = record and tuple((each.name.id, repr(each.type), each.default is None) for each in record.fields)
        return (
            frozenset(shadowed),
            tuple(others),
            tuple(records),
            tuple(sorted(environment.typing.items())),
            frozenset(str(type_) for type_ in types_of(environment) if type_ not in CONSTANTS),
            frozenset(environment.constants),
            tuple(sorted((path, str(type_)) for path, type_ in self._facts.items())),
            environment.expected,
            (environment.calls, environment.inputs, environment.is_outside, environment.optional, fields),
            body.declared,
            (body.whiles > 0, body.handlers > 0, body.guessing, body.scope.kind),
            tuple(scope.kind for scope, _ in environment.scopes),
            len(environment.active),
        )

    # What is written

    def stack(self, stack: Stack | None) -> int:
        """Return the number of the parser's stack."""
        todo: list[Stack] = []
        while stack is not None and stack not in self._stacks:
            todo.append(stack)
            stack = stack.below
        found = -1 if stack is None else self._stacks[stack]
        while todo:
            each = todo.pop()
            value = self._distinct(each.value.children) if _is_in_display(each) else self.value(each.value)
            found = self._stacks[each] = number_of((each.state, value, found, each.depth if each.depth > DEEP else 0))
        return found

    def inside(self, inside: OpenFString | None) -> Hashable:
        """Return the shape of the f-string whose hole is being written."""
        return None if inside is None else (inside.quote, self.stack(inside.below))

    def frame(self, frame: BracketFrame | None) -> int:
        """Return the number of the open brackets."""
        if frame is None:
            return -1
        found = self._frames.get(frame)
        if found is None:
            key = (
                self.frame(frame.below), frame.bracket, frame.kind, frame.callee and self.word(frame.callee),
                frame.method, frame.module, min(frame.commas, 1) if frame.kind in ("list", "dict") else frame.commas,
                frame.keywords, frame.filled, frame.starred, frame.lambda_commas,
            )  # fmt: skip
            found = self._frames[frame] = number_of(key)
        return found

    def word(self, lexeme: str) -> Hashable:
        """Return the shape of a lexeme."""
        return self.name(lexeme) if lexeme.isidentifier() else _unquoted(lexeme)

    def name(self, name: str) -> Hashable:
        """Return the shape of a name: its type if it is a plain variable."""
        if name not in self._names:
            self._names[name] = self._find_name(name)
        return self._names[name]

    def _find_name(self, name: str) -> Hashable:
        entry = self._entries.get(name)
        match entry:
            case Variable(type=type_) if not isinstance(type_, FunctionType):
                is_special = name in BUILTINS or name in TYPE_NAMES or name in library_names()
                facts = any(path.partition(".")[0] == name for path in self._facts)
                own = name if self.tells_names_apart or is_special or facts or _may_be_narrowed(type_) else ""
                return ("variable", type_, entry.values, entry.may_be_unbound, self._depths[name], own)
            case Variable(type=type_):
                return (name, type_, self._depths[name])
            case Definition() | CheckedFunction():
                params = tuple((each.name.id, each.default is None) for each in entry.node.params)
                if UNKNOWN not in (*entry.params, entry.result):
                    return (name, params, entry.params, entry.result)
                _kept[id(entry.node)] = entry.node
                return (name, params, id(entry.node))
            case RecordType():
                return (name, _record(entry))
            case Unbound() | Conflicted():
                return (name, type(entry).__name__)
            case None:
                return (name, None)
        _kept[id(entry)] = entry
        return (name, id(entry))

    def value(self, value: object) -> Hashable:
        """Return the shape of a value on the parser's stack."""
        if isinstance(value, nodes.Node):
            number = getattr(value, "node_id", -1)
            if number < 0:
                return self._find_node(value)
            if number not in self._nodes:
                self._nodes[number] = self._find_node(value)
            return self._nodes[number]
        if isinstance(value, Token):
            text = str(value)
            return (value.type, self.name(text) if value.type == "NAME" else _unquoted(text))
        if isinstance(value, Tree):
            return (value.data, *map(self.value, value.children))
        if isinstance(value, (list, tuple)):
            return (type(value).__name__, *map(self.value, value))
        return (type(value).__name__, value) if isinstance(value, (str, int, float, type(None))) else repr(value)

    def _distinct(self, values: Sequence[object]) -> Hashable:
        """Return the shapes of the elements of a display: it does not matter how many of one shape there are.

        Of variables it does if they differ, since each may hold what another one holds.
        """
        shapes = [self.value(value) for value in values]
        if self.tells_names_apart and not all(isinstance(value, (Token, nodes.Constant)) for value in values):
            return tuple(shapes)
        return tuple(dict.fromkeys(shapes))

    def _find_node(self, node: nodes.Node) -> Hashable:
        match node:
            case nodes.Name():
                return ("Name", self.name(node.id))
            case nodes.ListExpr(items=items) | nodes.SetExpr(items=items) | nodes.DictExpr(items=items):
                return (type(node).__name__, self._distinct(items))
            case nodes.Apply(callee=nodes.Attribute(name=name)) if name in CHANGING:
                pass
            case nodes.Apply(callee=nodes.Name(id="isinstance")):
                pass
            case nodes.Unary(op="not") | nodes.Unary(operand=nodes.Constant()):
                pass
            case (
                nodes.Apply() | nodes.Call() | nodes.Binary() | nodes.Compare() | nodes.FString() | nodes.Slice()
                | nodes.Index() | nodes.Attribute() | nodes.Unary()
            ):  # fmt: skip
                type_ = self._type_of(node)
                if type_ is not None and not _may_be_narrowed(type_):
                    kind = type(node).__name__ if isinstance(node, (nodes.Index, nodes.Attribute)) else ""
                    path = path_of(node) if self.tells_names_apart or self._facts else ""
                    return ("value", kind, type_, path)
        return (type(node).__name__, *map(self.value, node._parts().values()))

    @deep_recursion
    def _type_of(self, node: nodes.Expr) -> Type | None:
        """Return the type of an expression; None if it is not known, or more than the type matters."""
        checker = self.environment.checker()
        try:
            type_ = checker.infer(node)
        except TooManyProblems:
            return None
        if checker.problems or checker.unknown or isinstance(type_, (Unknown, FunctionType)) or "?" in str(type_):
            return None
        return type_


def _record(record: RecordType) -> Hashable:
    """Return the shape of a record: its fields, and which of them have defaults."""
    return str(record.fields), tuple(record.defaults)


def _is_in_display(stack: Stack) -> bool:
    """Return whether the value on top of a stack is the further elements of a display that is being written."""
    first = stack.below
    bracket = first.below if first is not None and isinstance(stack.value, Tree) else None
    if bracket is None or not isinstance(bracket.value, Token) or bracket.value.type not in ("LSQB", "LBRACE"):
        return False
    return bracket.below is None or not isinstance(bracket.below.value, nodes.Node)  # else it is an index


def _unquoted(lexeme: str) -> str:
    """Return a lexeme, with double quotes around it if it is a string: both kinds mean the same."""
    return f'"{lexeme[1:-1]}"' if lexeme[:1] == "'" else lexeme


def _may_be_narrowed(type_: Type) -> bool:
    """Return whether a test may tell more of a value than its type."""
    return isinstance(type_, (OptionalType, RecordType))
