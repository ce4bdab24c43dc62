"""The state of a line that is being written: the parser's stack, the open brackets, and the last lexemes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self, TypeVar

from attrs import evolve, frozen
from lark import Tree

from rlmlang.decode.partial import Environment
from rlmlang.decode.recognizer import OpenFString, Stack, tables
from rlmlang.language import nodes
from rlmlang.language.builtins import BUILTINS, METHODS, STATIC, Builtin
from rlmlang.language.check.scope import ModuleEntry
from rlmlang.language.types import Type

LINE, BODY = "\n", "\n    "
"""Line ends as lexemes: before a line of the same block, and before the first line of the block that a line opens."""


@frozen(eq=False)
class BracketFrame:
    """An open bracket, and what is being written in it."""

    bracket: str
    kind: str
    """`call`, `group`, `list`, `dict` (a set, too), `index`, `type` or `params`."""
    below: BracketFrame | None
    depth: int
    opened: int
    """The number of lexemes before it."""
    callee: str | None = None
    """The name before the bracket of a call, if there is one."""
    method: bool = False
    module: str = ""
    """The module that the function before the bracket is of, if it is written with it: `math.sqrt(`."""
    commas: int = 0
    keywords: frozenset[str] = frozenset()
    filled: bool = False
    """Whether something is written after the bracket or the last comma."""
    starred: bool = False
    """Whether an argument is written with `*`, of which it is not known how many parameters it is given to."""
    lambda_commas: int = 0
    """The commas between parameters of lambdas that are arguments."""


T = TypeVar("T", bound="LineState")


class LineState:
    """A line as far as it is written. States do not change."""

    __slots__ = ("_steps", "closing", "environment", "frame", "inside", "last", "leans", "size", "stack", "words")

    def __init__(
        self,
        environment: Environment,
        stack: Stack,
        frame: BracketFrame | None = None,
        last: str = "",
        size: int = 0,
        words: tuple[str, ...] = (),
        inside: OpenFString | None = None,
        leans: bool = False,
    ) -> None:
        self.environment = environment
        self.stack = stack
        self.inside = inside
        """The f-string whose hole is being written."""
        self.frame = frame
        self.last = last
        self.size = size
        self.words = words
        """The first two lexemes."""
        self.leans = leans
        """Whether the last lexeme is a sign before an operand, as in `-x` and `*xs`."""
        self.closing: tuple[str, ...] = ()
        """Lexemes that end the line, and the block that it opens; none at its start."""
        self._steps: dict[str, LineState | None] = {}

    def further(self, lexemes: Iterable[str]) -> LineState | None:
        """Return the state after some more lexemes, or None if the grammar does not allow them."""
        at: LineState | None = self
        for lexeme in lexemes:
            at = at.next(lexeme) if at is not None else None
        return at

    def next(self, lexeme: str) -> LineState | None:
        """Return the state after one more lexeme, which is kept, or None if the grammar does not allow it."""
        try:
            return self._steps[lexeme]
        except KeyError:
            found = self._steps[lexeme] = self._grown(LineState, lexeme)
            return found

    def step(self, lexeme: str) -> Self | None:
        """Return the state after one more lexeme, or None if the grammar does not allow it."""
        return self._grown(type(self), lexeme)

    def _grown(self, kind: type[T], lexeme: str) -> T | None:
        found = tables().step(self.stack, self.inside, lexeme)
        if found is None:
            return None
        words = self.words if len(self.words) == 2 else (*self.words, lexeme)
        frame = framed(self, lexeme, found[1])
        is_rest = lexeme == "*" and self.frame is not None and self.frame.kind == "params"
        leans = is_rest or (lexeme in _LEANING and self.takes_operand)
        return kind(self.environment, found[0], frame, lexeme, self.size + 1, words, found[1], leans)

    @property
    def goal(self) -> Type | None:
        """Return the type that the value of the line must have, if one is required."""
        if self.words[:1] == ("return",):
            return self.environment.body.declared
        return self.environment.expected if self.environment.is_outside else None

    @property
    def takes_operand(self) -> bool:
        """Return whether an operand may follow."""
        return tables().takes(self.stack, "FSTRING")

    @property
    def takes_name_of_typing(self) -> bool:
        """Return whether a name of `typing` follows its name and a dot."""
        module = getattr(self.stack.below and self.stack.below.value, "value", None)
        return self.last == "." and f"{module}." in self.environment.typing

    @property
    def takes_type(self) -> bool:
        """Return whether a type may follow."""
        return tables().takes(self.stack, "NONE") and not self.takes_operand


_LEANING = ("-", "+", "~", "*")


def tests_types(frame: BracketFrame | None) -> bool:
    """Return whether the types that `isinstance` tests for are being written."""
    if frame is not None and frame.kind == "group":
        frame = frame.below
    return frame is not None and frame.callee == "isinstance" and frame.commas > 0


def outermost(state: LineState) -> BracketFrame | None:
    """Return the outermost open bracket."""
    frame = state.frame
    while frame is not None and frame.below is not None:
        frame = frame.below
    return frame


def framed(state: LineState, lexeme: str, inside: OpenFString | None) -> BracketFrame | None:
    """Return the innermost open bracket after a lexeme."""
    frame = state.frame
    if (inside is None) != (state.inside is None):
        if inside is None:
            return frame.below if frame is not None else None
        if frame is not None and not frame.filled:
            frame = evolve(frame, filled=True)
        return BracketFrame(lexeme, "fstring", frame, 1 if frame is None else frame.depth + 1, state.size)
    match tables().terminal(lexeme):
        case "LPAR" | "LSQB" | "LBRACE":
            if frame is not None and not frame.filled:
                frame = evolve(frame, filled=True)
            return _opened(state, frame, lexeme)
        case "RPAR" | "RSQB" | "RBRACE":
            return frame.below if frame is not None else None
        case "COMMA" if frame is not None and _separates(state, frame):
            return evolve(frame, commas=frame.commas + 1, filled=False)
        case "COMMA" if frame is not None and frame.kind == "call" and is_lambda(state.stack):
            return evolve(frame, lambda_commas=frame.lambda_commas + 1)
        case "EQUAL" if frame is not None and frame.kind == "call":
            return evolve(frame, keywords=frame.keywords | {state.last})
        case "STAR" if frame is not None and frame.kind == "call" and state.takes_operand:
            return evolve(frame, filled=True, starred=True)
    if frame is not None and not frame.filled:
        frame = evolve(frame, filled=True)
    return frame


def _separates(state: LineState, frame: BracketFrame) -> bool:
    """Return whether a comma here separates elements, and not the names of a lambda or a `for`."""
    return frame.kind in ("type", "params") or tables().takes(state.stack, tables().fixed["and"])


def _opened(state: LineState, frame: BracketFrame | None, bracket: str) -> BracketFrame:
    depth = 1 if frame is None else frame.depth + 1
    operand = state.takes_operand
    before = state.stack.below
    if bracket == "{":
        return BracketFrame(bracket, "dict", frame, depth, state.size)
    if bracket == "[":
        if state.last == "CALL" or in_type(state):
            return BracketFrame(bracket, "type", frame, depth, state.size, callee=state.last)
        return BracketFrame(bracket, "list" if operand else "index", frame, depth, state.size)
    if operand or not (state.last.isidentifier() or state.last in (")", "]")):
        return BracketFrame(bracket, "group", frame, depth, state.size)
    if state.words[:1] == ("def",) and state.size == 2:
        return BracketFrame(bracket, "params", frame, depth, state.size)
    name = state.last if state.last.isidentifier() and state.last != "CALL" else None
    method = before is not None and str(before.value) == "." if name else False
    module = module_of(state, before.below) if method and before is not None else ""
    return BracketFrame(
        bracket, "call", frame, depth, state.size, callee=name, method=method and not module, module=module
    )


def module_of(state: LineState, stack: Stack | None) -> str:
    """Return the name of the module that is on top of a stack; empty if something else is."""
    value = stack.value if stack is not None else None
    name = value.id if isinstance(value, nodes.Name) else value if getattr(value, "type", "") == "NAME" else None
    entry = state.environment.entries.get(str(name))
    return entry.name if isinstance(entry, ModuleEntry) else ""


def static_methods(state: LineState, stack: Stack | None) -> dict[str, Builtin]:
    """Return what can be applied by the name of the type that is on top of a stack; none if something else is."""
    value = stack.value if stack is not None else None
    name = value.id if isinstance(value, nodes.Name) else str(value) if getattr(value, "type", "") == "NAME" else ""
    if name not in BUILTINS or name in state.environment.entries:
        return {}
    of_values = {key: method for key, method in METHODS.get(name, {}).items() if not method.changes}
    return {**STATIC.get(name, {}), **of_values}


def in_type(state: LineState) -> bool:
    """Return whether a `[` here begins type arguments."""
    if state.frame is not None and state.frame.kind == "type":
        return True
    stack = state.stack
    return getattr(stack.value, "type", "") == "NAME" and not any(
        tables().takes(stack, each) for each in ("LPAR", "IN")
    )


def is_lambda(stack: Stack | None) -> bool:
    """Return whether the top of a stack belongs to the parameters of a lambda."""
    below = stack.below if stack is not None else None
    for _ in range(3):
        if below is None or str(below.value) == ":":
            return False
        if isinstance(below.value, str) and str(below.value) == "lambda":
            return True
        below = below.below
    return False


def names_in(state: LineState) -> list[str]:
    """Return the names that the statement so far contains, some of which it may have bound."""
    names: dict[str, None] = {}
    for each in _parts(state):
        if isinstance(each, nodes.Name):
            names[each.id] = None
        elif getattr(each, "type", None) == "NAME":
            names[str(each)] = None
    return list(names)


def fields_in(state: LineState) -> list[tuple[str, str]]:
    """Return the attributes of names that the statement so far contains, each with its name."""
    found = (each for each in _parts(state) if isinstance(each, nodes.Attribute))
    return list(dict.fromkeys((each.value.id, each.name) for each in found if isinstance(each.value, nodes.Name)))


def constants_in(state: LineState) -> set[str]:
    """Return the string constants that the statement so far contains."""
    constants = (each.value for each in _parts(state) if isinstance(each, (nodes.TypeLiteral, nodes.Constant)))
    return {value for value in constants if isinstance(value, str)}


def _parts(state: LineState) -> Iterator[object]:
    """Yield the nodes and tokens of the statement so far."""
    for top in (state.stack, state.inside.below if state.inside is not None else None):
        stack = top
        while stack is not None:
            todo = [stack.value]
            while todo:
                each = todo.pop()
                if isinstance(each, (list, tuple)):
                    todo.extend(each)
                elif isinstance(each, Tree):
                    todo.extend(each.children)
                else:
                    yield each
                    if isinstance(each, nodes.Node):
                        todo.extend(each._parts().values())
            stack = stack.below


def path_before(state: LineState) -> list[str]:
    """Return the operand before the last lexeme if it is a variable or an element of one; else nothing."""
    match state.stack.below.value if state.stack.below is not None else None:
        case nodes.Name(id=name):
            return [name]
        case nodes.Index(value=nodes.Name(id=name), index=nodes.Name(id=index)):
            return [name, "[", index, "]"]
        case nodes.Index(value=nodes.Name(id=name), index=nodes.Constant(value=int() as index)) if index >= 0:
            return [name, "[", str(index), "]"]
        case nodes.Index(value=nodes.Name(id=name), index=nodes.Unary(op="-", operand=nodes.Constant(value=index))):
            return [name, "[", "-", str(index), "]"]
    return []
