"""The grammar's parser as a persistent stack, so that any number of continuations can be tried (decision 47).

The tables are Lark's own, the ones that programs are parsed with. Here they are driven token by token, on a linked
stack that all continuations of a prefix share. Nodes are made as in `language.parse.tree`, without what only error
messages need.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import count
from typing import Any, Literal

from attrs import evolve, frozen
from lark import Token, Tree
from lark.parsers.lalr_analysis import Shift

from rlmlang.decode.placeholders import PLACEHOLDER_NAME
from rlmlang.errors import ProgramError
from rlmlang.language import nodes
from rlmlang.language.parse.layout import MAX_DEPTH
from rlmlang.language.parse.tables import RESERVED, load
from rlmlang.language.parse.tree import Builder
from rlmlang.language.parse.tree_expressions import T
from rlmlang.language.source import Source, Span


class Stack:
    """A state of the parser, the value that led to it, and the stack below. What follows is found once and kept."""

    __slots__ = ("below", "depth", "state", "steps", "takes", "value")

    def __init__(self, state: int, value: Any = None, below: Stack | None = None, depth: int = 0) -> None:
        self.state = state
        self.value = value
        self.below = below
        self.depth = depth
        """The depth of the value's tree, at most."""
        self.takes: dict[str, bool] = {}
        self.steps: dict[str, tuple[Stack, OpenFString | None] | None] = {}


@frozen(eq=False)
class OpenFString:
    """An f-string with an unfinished hole."""

    below: Stack
    """The parser before the f-string."""
    text: str
    """The text of the f-string so far."""

    @property
    def quote(self) -> str:
        return self.text[1]


_START = re.compile(r"""f"(?:[^"\\\n{}]|\\[^\n{}]|\{\{|\}\})*\{|f'(?:[^'\\\n{}]|\\[^\n{}]|\{\{|\}\})*\{""")
_MIDDLE = {
    quote: re.compile(rf"(?:!r)?(?::[^{{}}\"'\\\n#]*)?\}}(?:[^{quote}\\\n{{}}]|\\[^\n{{}}]|\{{\{{|\}}\}})*[{quote}{{]")
    for quote in "\"'"
}
"""The pieces of an f-string: up to the first hole, and from the end of a hole to the next one or to the end."""


AUGMENTED = tuple(f"{operator}=" for operator in ["+", "-", "*", "**", "/", "//", "%", "<<", ">>", "&", "^", "|"])
"""The lexemes of augmented assignments."""


FIRST_ID = 10**9
"""The first number of an expression made here: those of parsed programs are smaller."""


_NOWHERE = Source("")
_places = count(FIRST_ID)
"""The places of lexemes and statements, by which the checker tells apart what is alike. They grow with the text."""


class _Builder(Builder):
    """Makes nodes alone: `Stack` knows how deep a tree is, and no message points into it."""

    def __init__(self, parse_hole: Callable[[str, int], nodes.Expr]) -> None:
        super().__init__(Source(""), FIRST_ID)
        self._parse_hole = parse_hole

    def parse_hole(self, text: str, offset: int) -> nodes.Expr:
        return self._parse_hole(text, offset)

    def node(self, made: T, children: list[Any]) -> T:
        return made

    def group(self, items: list[Any]) -> Any:
        return items[1]

    def apart(self, number: Token) -> None:
        pass


@frozen(eq=False)
class _Reduction:
    """The reduction of a rule."""

    origin: str
    length: int
    make: Callable[[list[Any]], Any]
    silent: bool
    """Whether it makes no node: its only child is its value."""


class ParseTables:
    """Lark's parse tables for the grammar, and the lexemes of each terminal."""

    def __init__(self) -> None:
        self.builder = _Builder(self._hole)
        lark: Any = load(self.builder)
        parser = lark.parser.parser.parser
        table = parser.parse_table
        reductions = {rule: _reduction(rule, parser.callbacks[rule]) for rule in parser.callbacks}
        self._actions: list[dict[str, int | _Reduction]] = [{} for _ in table.states]
        """By state and symbol, the state that a shift leads to, or a reduction."""
        for state, actions in table.states.items():
            for symbol, (kind, target) in actions.items():
                self._actions[state][symbol] = target if kind is Shift else reductions[target]
        self._chains: dict[tuple[int, int, str], tuple[int, int | _Reduction | None]] = {}
        self._starts = table.start_states
        self._ends = table.end_states
        patterns = {each.name: each.pattern for each in lark.terminals}
        plain = {pattern.value: name for name, pattern in patterns.items() if pattern.type == "str"}
        self.fixed: dict[str, str] = {re.sub(r"\\(.)", r"\1", text): name for text, name in plain.items()}
        """By lexeme, the terminals that have only one lexeme."""
        self._whole = [
            (name, re.compile(patterns[name].to_regexp()))
            for name in ("LONG_STRING", "RAW_STRING", "FSTRING", "STRING", "FLOAT", "INT", "NAME")
        ]
        name, pattern = self._whole[-1]
        self._whole[-1] = (name, re.compile(f"{PLACEHOLDER_NAME.pattern}|{pattern.pattern}"))
        signs = {*(text for text in self.fixed if not text[0].isalpha()), *AUGMENTED}
        self.signs = tuple(sorted(signs, key=len, reverse=True))
        """Operators, brackets and the like, the longest first."""
        self._signs = re.compile("|".join(map(re.escape, self.signs)))

    def start(self, rule: Literal["start", "expr"]) -> Stack:
        return Stack(self._starts[rule])

    def terminal(self, lexeme: str) -> str | None:
        """Return the terminal of a whole lexeme; a line end is one of its own for each level of indentation."""
        if lexeme[0] == "\n":
            return f"_NL{len(lexeme) // 4}"
        if lexeme in AUGMENTED:
            return "AUGMENTED"
        if (fixed := self.fixed.get(lexeme)) is not None:
            return fixed
        for name, pattern in self._whole:
            if pattern.fullmatch(lexeme):
                return None if lexeme in RESERVED else name
        return None

    def lexeme(self, text: str, at: int = 0) -> str | None:
        """Return the longest lexeme at an offset of a text, or None."""
        if text.startswith('"""', at):
            match = self._whole[0][1].match(text, at)
            return match[0] if match else None
        found = ""
        for _, pattern in self._whole[1:]:
            if (match := pattern.match(text, at)) and len(match[0]) > len(found):
                found = match[0]
        return found or self.sign(text, at)

    def sign(self, text: str, at: int = 0) -> str | None:
        """Return the longest operator or bracket, such as `**` or `[`, at an offset of a text, or None."""
        match = self._signs.match(text, at)
        return match[0] if match else None

    def shift(self, stack: Stack, terminal: str, lexeme: str) -> Stack | None:
        """Return the stack after one more token, or None if the token cannot follow."""
        try:
            while True:
                below = stack.below
                state, action = self._next(stack.state, below.state if below is not None else -1, terminal)
                if action is None:
                    return None
                if state != stack.state:
                    stack = Stack(state, stack.value, below, stack.depth)
                if isinstance(action, int):
                    place = next(_places)
                    return Stack(action, Token(terminal, lexeme, start_pos=place, end_pos=place), stack)
                stack = self._reduce(stack, action)
        except ProgramError:
            return None

    def takes(self, stack: Stack, terminal: str) -> bool:
        """Return whether a token of the terminal can follow. No nodes are made."""
        known = stack.takes.get(terminal)
        if known is None:
            known = stack.takes[terminal] = self._takes(stack, terminal)
        return known

    def _takes(self, stack: Stack, terminal: str) -> bool:
        ends = self._ends.values()
        states: list[int] = []
        """The states above `stack` that reductions have led to."""
        while True:
            top = states[-1] if states else stack.state
            if len(states) > 1:
                under = states[-2]
            elif states:
                under = stack.state
            else:
                under = stack.below.state if stack.below is not None else -1
            state, action = self._next(top, under, terminal)
            if terminal == "$END" and state in ends:
                return True
            if action is None:
                return False
            if isinstance(action, int):
                return True
            pops = action.length
            if pops <= len(states):
                del states[len(states) - pops :]
            else:
                for _ in range(pops - len(states)):
                    assert stack.below is not None
                    stack = stack.below
                states = []
            goto = self._actions[states[-1] if states else stack.state][action.origin]
            assert isinstance(goto, int)
            states.append(goto)

    def _next(self, state: int, below: int, terminal: str) -> tuple[int, int | _Reduction | None]:
        """Return the state after all reductions that make no node, and the action there.

        Between an operand and the rule of expressions lie a dozen such reductions.
        """
        key = (state, below, terminal)
        known = self._chains.get(key)
        if known is None:
            action = self._actions[state].get(terminal)
            while isinstance(action, _Reduction) and action.silent and state not in self._ends.values():
                goto = self._actions[below][action.origin]
                assert isinstance(goto, int)
                state = goto
                action = self._actions[state].get(terminal)
            known = self._chains[key] = (state, action)
        return known

    def step(self, stack: Stack, inside: OpenFString | None, lexeme: str) -> tuple[Stack, OpenFString | None] | None:
        """Return the stack and f-string after one more lexeme, or None if it cannot follow.

        Holes of f-strings are parsed like everything else; the pieces around them count as lexemes.
        """
        try:
            return stack.steps[lexeme]
        except KeyError:
            found = stack.steps[lexeme] = self._step(stack, inside, lexeme)
            return found

    def _step(self, stack: Stack, inside: OpenFString | None, lexeme: str) -> tuple[Stack, OpenFString | None] | None:
        if inside is None:
            if _START.fullmatch(lexeme):
                return (self.start("expr"), OpenFString(stack, lexeme)) if self.takes(stack, "FSTRING") else None
            grown = self._shifted(stack, lexeme)
            return None if grown is None else (grown, None)
        if _MIDDLE[inside.quote].fullmatch(lexeme):
            if not self.takes(stack, "$END"):
                return None
            text = inside.text + lexeme
            if lexeme[-1] == "{":
                return self.start("expr"), OpenFString(inside.below, text)
            grown = self.shift(inside.below, "FSTRING", text)
            return None if grown is None else (grown, None)
        if not fits_hole(lexeme, inside.quote):
            return None
        grown = self._shifted(stack, lexeme)
        return None if grown is None else (grown, OpenFString(inside.below, join(inside.text, lexeme)))

    def _shifted(self, stack: Stack, lexeme: str) -> Stack | None:
        terminal = self.terminal(lexeme)
        if terminal is None or not self.takes(stack, terminal):  # quick, and true of most lexemes
            return None
        if lexeme == "." and getattr(stack.value, "type", "") in ("INT", "FLOAT"):
            return None  # it would be read as a part of the number
        return self.shift(stack, terminal, lexeme)

    def finish(self, stack: Stack, rule: Literal["start", "expr"]) -> Any:
        """Return what has been parsed if it is complete, a list of statements or an expression; else None."""
        try:
            while stack.state != self._ends[rule]:
                action = self._actions[stack.state].get("$END")
                if not isinstance(action, _Reduction):
                    return None
                stack = self._reduce(stack, action)
        except ProgramError:
            return None
        return stack.value

    def _reduce(self, stack: Stack, reduction: _Reduction) -> Stack:
        values: list[Any] = []
        depth = 0
        for _ in range(reduction.length):
            assert stack.below is not None
            value = stack.value
            depth = max(depth, stack.depth)
            # Lark extends the lists of `*` and `+` in place, but other continuations still need them.
            values.append(Tree(value.data, value.children.copy()) if isinstance(value, Tree) else value)
            stack = stack.below
        values.reverse()
        state = self._actions[stack.state][reduction.origin]
        assert isinstance(state, int)
        value = reduction.make(values)
        if isinstance(value, nodes.FString):
            depth = _depth(value)
        elif isinstance(value, nodes.Node):
            depth += 1
        if depth > MAX_DEPTH:
            raise ProgramError.of("E103", f"expressions nest more than {MAX_DEPTH} deep")
        return Stack(state, value, stack, depth)

    def _hole(self, text: str, offset: int) -> nodes.Expr:
        """Parse the expression in a hole of an f-string. Raises ProgramError E100."""
        stack: Stack | None = self.start("expr")
        at = 0
        while at < len(text):
            if text[at] == " ":
                at += 1
                continue
            lexeme = self.lexeme(text, at)
            terminal = None if lexeme is None else self.terminal(lexeme)
            stack = None if terminal is None or stack is None else self.shift(stack, terminal, lexeme or "")
            if stack is None:
                raise ProgramError.of("E100", "not an expression", self.builder.span(0, 0))
            at += len(lexeme or "")
        found: nodes.Expr | None = self.finish(stack, "expr") if stack is not None else None
        if found is None:
            raise ProgramError.of("E100", "not an expression", self.builder.span(0, 0))
        return found


def _depth(value: object) -> int:
    """Return the depth of the tree below a value, itself included."""
    if isinstance(value, (list, tuple)):
        return max(map(_depth, value), default=0)
    return 1 + _depth(tuple(value._parts().values())) if isinstance(value, nodes.Node) else 0


def _reduction(rule: Any, make: Callable[[list[Any]], Any]) -> _Reduction:
    alone = len(rule.expansion) == 1 and not rule.expansion[0].is_term and not any(rule.options.empty_indices)
    return _Reduction(rule.origin.name, len(rule.expansion), make, alone and rule.options.expand1 and not rule.alias)


_TOUCHING = re.compile(r"[\w.][\w.\"']|[-+*/%<>=!:|][-+*/%<>=!:|]|\"\"|''")


def fits_hole(lexeme: str, quote: str) -> bool:
    """Return whether Python 3.11 allows a lexeme in a hole of an f-string with these quotes."""
    return quote not in lexeme and re.search(r"[{}\\#\n]", lexeme) is None


def join(text: str, lexeme: str) -> str:
    """Return a text with one more lexeme, and a space before it if they would run into each other."""
    if re.match(r"\.\d", lexeme) and text[-1:].isalnum():
        return f"{text} {lexeme}"  # a number, not an attribute
    if not text or not lexeme or text[-1] in "({[.\n" or lexeme[0] in ")]},(":
        return text + lexeme
    return f"{text} {lexeme}" if _TOUCHING.fullmatch(text[-1] + lexeme[0]) else text + lexeme


def finished(stack: Stack, inside: OpenFString | None, closing: Sequence[str]) -> nodes.Statement | None:
    """Return the statement that a line is with some more lexemes, or None if they do not end it.

    It may be in a body, so that an annotated name is no input. A body is not on the line of its head. Each has a
    place of its own, by which the checker tells them apart.
    """
    at: tuple[Stack, OpenFString | None] | None = (stack, inside)
    before = ""
    for lexeme in closing:
        if before == ":" and lexeme[0] != "\n" and at is not None and tables().takes(at[0], "_NL1"):
            return None
        before = lexeme
        at = tables().step(at[0], at[1], lexeme) if at is not None else None
    found = tables().finish(at[0], "start") if at is not None and at[1] is None else None
    statement: nodes.Statement | None = found[-1] if found else None
    if statement is None:
        return None
    place = next(_places)
    span = Span(_NOWHERE, place, place)
    if isinstance(statement, nodes.Input):
        return nodes.AnnotatedAssign(statement.name, statement.type, statement.default, span=span)
    return evolve(statement, span=span)


@cache
def tables() -> ParseTables:
    """Return the parse tables, which are read once."""
    return ParseTables()


@cache
def _known_stack(*lexemes: str) -> Stack:
    stack: Stack | None = tables().start("start")
    for lexeme in lexemes:
        found = tables().step(stack, None, lexeme) if stack is not None else None
        stack = found[0] if found is not None else None
    assert stack is not None, lexemes
    return stack


def stack_after(*lexemes: str) -> Stack:
    """Return the parser's stack after some lexemes, on which no other line is being written."""
    known = _known_stack(*lexemes)
    return Stack(known.state, known.value, known.below, known.depth)
