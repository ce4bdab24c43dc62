"""The parser of the grammar as a persistent stack, so that any number of continuations can be tried.

The tables are Lark's own, those that programs are parsed with; here they are driven token by
token on a linked stack that is shared by all continuations of a prefix. Nodes are made as in
`parser.tree`, without what only error messages need.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from attrs import frozen
from lark import Token, Tree
from lark.parsers.lalr_analysis import Shift

from rlmlang.decode.placeholders import PLACEHOLDER_NAME
from rlmlang.errors import ProgramError
from rlmlang.language import nodes
from rlmlang.language.parse import literals
from rlmlang.language.parse.layout import MAX_DEPTH
from rlmlang.language.parse.tables import RESERVED, load
from rlmlang.language.parse.tree import Builder, T
from rlmlang.language.source import Source


@frozen(eq=False)
class Stack:
    """A state of the parser, the value that led to it, and what lies below."""

    state: int
    value: Any = None
    below: Stack | None = None
    depth: int = 0
    """How deep the tree of the value is, at most."""


@frozen(eq=False)
class OpenFString:
    """An f-string with an open hole."""

    below: Stack
    """The parser before the f-string."""
    text: str
    """What is written of it."""

    @property
    def quote(self) -> str:
        return self.text[1]


_START = re.compile(r"""f"(?:[^"\\\n{}]|\\[^\n{}]|\{\{|\}\})*\{|f'(?:[^'\\\n{}]|\\[^\n{}]|\{\{|\}\})*\{""")
_MIDDLE = {
    quote: re.compile(rf"(?:!r)?(?::[^{{}}\"'\\\n#]*)?\}}(?:[^{quote}\\\n{{}}]|\\[^\n{{}}]|\{{\{{|\}}\}})*[{quote}{{]")
    for quote in "\"'"
}
"""The pieces that an f-string is written in: up to the first hole, and from the end of one to the
start of the next or to the end."""


class _Builder(Builder):
    """Makes nodes only: how deep a tree is, its `Stack` knows, and nobody is shown a place in it."""

    def __init__(self, parse_hole: Callable[[str, int], nodes.Expr]) -> None:
        super().__init__(Source(""))
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
    """A rule at whose end the parser is."""

    origin: str
    length: int
    make: Callable[[list[Any]], Any]
    silent: bool
    """Whether it makes nothing: its one child is its value."""


class ParseTables:
    """What Lark knows of the grammar, and the lexemes of each terminal."""

    def __init__(self) -> None:
        self.builder = _Builder(self._hole)
        lark: Any = load(self.builder)
        parser = lark.parser.parser.parser
        table = parser.parse_table
        reductions = {rule: _reduction(rule, parser.callbacks[rule]) for rule in parser.callbacks}
        self._actions: list[dict[str, int | _Reduction]] = [{} for _ in table.states]
        """By state and symbol: the state that a shift leads to, or what is reduced."""
        for state, actions in table.states.items():
            for symbol, (kind, target) in actions.items():
                self._actions[state][symbol] = target if kind is Shift else reductions[target]
        self._chains: dict[tuple[int, int, str], tuple[int, int | _Reduction | None]] = {}
        self._starts = table.start_states
        self._ends = table.end_states
        patterns = {each.name: each.pattern for each in lark.terminals}
        plain = {pattern.value: name for name, pattern in patterns.items() if pattern.type == "str"}
        self.fixed: dict[str, str] = {re.sub(r"\\(.)", r"\1", text): name for text, name in plain.items()}
        """The terminal of each lexeme that is written in one way only."""
        self._whole = [
            (name, re.compile(patterns[name].to_regexp()))
            for name in ("LONG_STRING", "RAW_STRING", "FSTRING", "STRING", "FLOAT", "INT", "NAME")
        ]
        name, pattern = self._whole[-1]
        self._whole[-1] = (name, re.compile(f"{PLACEHOLDER_NAME.pattern}|{pattern.pattern}"))
        signs = sorted((text for text in self.fixed if not text[0].isalpha()), key=len, reverse=True)
        self._signs = re.compile("|".join(map(re.escape, signs)))

    def start(self, rule: Literal["start", "expr"]) -> Stack:
        return Stack(self._starts[rule])

    def terminal(self, lexeme: str) -> str | None:
        """The terminal that a whole lexeme belongs to; a line end is `_NL`, with four spaces behind it `_IN`."""
        if lexeme[0] == "\n":
            return "_IN" if lexeme.endswith(" ") else "_NL"
        if (fixed := self.fixed.get(lexeme)) is not None:
            return fixed
        for name, pattern in self._whole:
            if pattern.fullmatch(lexeme):
                return None if lexeme in RESERVED else name
        return None

    def lexeme(self, text: str, at: int = 0) -> str | None:
        """The longest lexeme that stands at a place in a text."""
        if text.startswith('"""', at):
            match = self._whole[0][1].match(text, at)
            return match[0] if match else None
        found = ""
        for _, pattern in self._whole[1:]:
            if (match := pattern.match(text, at)) and len(match[0]) > len(found):
                found = match[0]
        return found or self.sign(text, at)

    def sign(self, text: str, at: int = 0) -> str | None:
        """The longest sign, such as `**` or `[`, that stands at a place in a text."""
        match = self._signs.match(text, at)
        return match[0] if match else None

    def shift(self, stack: Stack, terminal: str, lexeme: str) -> Stack | None:
        """The stack with one more token on it, or None if it cannot follow."""
        try:
            while True:
                below = stack.below
                state, action = self._next(stack.state, below.state if below is not None else -1, terminal)
                if action is None:
                    return None
                if state != stack.state:
                    stack = Stack(state, stack.value, below, stack.depth)
                if isinstance(action, int):
                    return Stack(action, Token(terminal, lexeme, start_pos=0, end_pos=len(lexeme)), stack)
                stack = self._reduce(stack, action)
        except ProgramError:
            return None

    def takes(self, stack: Stack, terminal: str) -> bool:
        """Whether a token of the terminal can follow. Makes no nodes."""
        ends = self._ends.values()
        states: list[int] = []
        """Above `stack`, those that reductions have led to."""
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
        """The state once everything is reduced that makes nothing, and what is to be done there.

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
        """The parser after one more lexeme, or None if it cannot follow. The holes of f-strings are
        parsed like everything else; their pieces count as lexemes."""
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
        if terminal is None or not self.takes(stack, terminal):  # most lexemes cannot follow, which is told quickly
            return None
        return self.shift(stack, terminal, lexeme)

    def escapes_right(self, text: str) -> bool:
        """Whether each `\\` in the inside of a string is part of an escape."""
        try:
            literals.unescape(text)
        except literals.Malformed:
            return False
        return True

    def finish(self, stack: Stack, rule: Literal["start", "expr"]) -> Any:
        """What has been parsed, if it is whole: a list of statements, or an expression; else None."""
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
            # Lark extends what `*` and `+` have gathered in place; other continuations still need it.
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
        """The expression in a hole of an f-string. Raises ProgramError."""
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
    """Of the tree below a value, itself included."""
    if isinstance(value, (list, tuple)):
        return max(map(_depth, value), default=0)
    return 1 + _depth(tuple(value._parts().values())) if isinstance(value, nodes.Node) else 0


def _reduction(rule: Any, make: Callable[[list[Any]], Any]) -> _Reduction:
    alone = len(rule.expansion) == 1 and not rule.expansion[0].is_term and not any(rule.options.empty_indices)
    return _Reduction(rule.origin.name, len(rule.expansion), make, alone and rule.options.expand1 and not rule.alias)


_TOUCHING = re.compile(r"[\w.][\w.\"']|[-+*/%<>=!:|][-+*/%<>=!:|]|\"\"|''")


def fits_hole(lexeme: str, quote: str) -> bool:
    """Whether a lexeme may stand in a hole of an f-string of these quotes, as of Python 3.11."""
    return quote not in lexeme and re.search(r"[{}\\#\n]", lexeme) is None


def join(text: str, lexeme: str) -> str:
    """A text with a lexeme behind it, and a space between if they would run into each other."""
    if re.match(r"\.\d", lexeme) and text[-1:].isalnum():
        return f"{text} {lexeme}"  # a number, not an attribute
    if not text or not lexeme or text[-1] in "({[.\n" or lexeme[0] in ")]},(":
        return text + lexeme
    return f"{text} {lexeme}" if _TOUCHING.fullmatch(text[-1] + lexeme[0]) else text + lexeme


@cache
def tables() -> ParseTables:
    return ParseTables()
