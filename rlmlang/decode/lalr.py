"""The parser of the grammar as a persistent stack, so that any number of continuations can be tried.

The tables are Lark's own, those that programs are parsed with; here they are driven token by
token on a linked stack that is shared by all continuations of a prefix. Nodes are made as in
`parser.tree`, without what only error messages need.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Literal

from attrs import frozen
from lark import Token, Tree
from lark.parsers.lalr_analysis import Shift

from rlmlang import ast
from rlmlang.errors import ProgramError
from rlmlang.parser import literals
from rlmlang.parser.tables import RESERVED, load
from rlmlang.parser.tree import Builder, T


@frozen(eq=False)
class Stack:
    """A state of the parser, the value that led to it, and what lies below."""

    state: int
    value: Any = None
    below: Stack | None = None


@frozen(eq=False)
class FString:
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
    """Makes nodes only: how deep a tree is, is bounded otherwise, and nobody is shown a place in it."""

    def node(self, made: T, children: list[Any]) -> T:
        return made

    def group(self, items: list[Any]) -> Any:
        return items[1]

    def apart(self, number: Token) -> None:
        pass


class Tables:
    """What Lark knows of the grammar, and the lexemes of each terminal."""

    def __init__(self) -> None:
        self.builder = _Builder(self._hole)
        lark: Any = load(self.builder)
        parser = lark.parser.parser.parser
        self._states = parser.parse_table.states
        self._callbacks = parser.callbacks
        self._starts = parser.parse_table.start_states
        self._ends = parser.parse_table.end_states
        patterns = {each.name: each.pattern for each in lark.terminals}
        plain = {pattern.value: name for name, pattern in patterns.items() if pattern.type == "str"}
        self.fixed: dict[str, str] = {re.sub(r"\\(.)", r"\1", text): name for text, name in plain.items()}
        """The terminal of each lexeme that is written in one way only."""
        self._whole = [
            (name, re.compile(patterns[name].to_regexp()))
            for name in ("LONG_STRING", "RAW_STRING", "FSTRING", "STRING", "FLOAT", "INT", "NAME")
        ]
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
        if not found and (match := self._signs.match(text, at)):
            found = match[0]
        return found or None

    def shift(self, stack: Stack, terminal: str, lexeme: str) -> Stack | None:
        """The stack with one more token on it, or None if it cannot follow."""
        token = Token(terminal, lexeme, start_pos=0, end_pos=len(lexeme))
        try:
            while True:
                action = self._states[stack.state].get(terminal)
                if action is None:
                    return None
                if action[0] is Shift:
                    return Stack(action[1], token, stack)
                stack = self._reduce(stack, action[1])
        except ProgramError:
            return None

    def takes(self, stack: Stack, terminal: str) -> bool:
        """Whether a token of the terminal can follow. Makes no nodes."""
        states: list[int] = [stack.state]
        below = stack.below
        while True:
            if terminal == "$END" and states[-1] in self._ends.values():
                return True
            action = self._states[states[-1]].get(terminal)
            if action is None:
                return False
            if action[0] is Shift:
                return True
            rule = action[1]
            for _ in range(len(rule.expansion)):
                states.pop()
                if not states:
                    assert below is not None
                    states.append(below.state)
                    below = below.below
            states.append(self._states[states[-1]][rule.origin.name][1])

    def step(self, stack: Stack, inside: FString | None, lexeme: str) -> tuple[Stack, FString | None] | None:
        """The parser after one more lexeme, or None if it cannot follow. The holes of f-strings are
        parsed like everything else; their pieces count as lexemes."""
        if inside is None:
            if _START.fullmatch(lexeme):
                return (self.start("expr"), FString(stack, lexeme)) if self.takes(stack, "FSTRING") else None
            grown = self._shifted(stack, lexeme)
            return None if grown is None else (grown, None)
        if _MIDDLE[inside.quote].fullmatch(lexeme):
            if not self.takes(stack, "$END"):
                return None
            text = inside.text + lexeme
            if lexeme[-1] == "{":
                return self.start("expr"), FString(inside.below, text)
            grown = self.shift(inside.below, "FSTRING", text)
            return None if grown is None else (grown, None)
        if any(char in lexeme for char in ("{", "}", "\\", "\n", "#", inside.quote)):
            return None
        grown = self._shifted(stack, lexeme)
        return None if grown is None else (grown, FString(inside.below, join(inside.text, lexeme)))

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
                action = self._states[stack.state].get("$END")
                if action is None or action[0] is Shift:
                    return None
                stack = self._reduce(stack, action[1])
        except ProgramError:
            return None
        return stack.value

    def _reduce(self, stack: Stack, rule: Any) -> Stack:
        values: list[Any] = []
        for _ in range(len(rule.expansion)):
            assert stack.below is not None
            value = stack.value
            # Lark extends what `*` and `+` have gathered in place; other continuations still need it.
            values.append(Tree(value.data, value.children.copy()) if isinstance(value, Tree) else value)
            stack = stack.below
        values.reverse()
        value = self._callbacks[rule](values)
        return Stack(self._states[stack.state][rule.origin.name][1], value, stack)

    def _hole(self, text: str, offset: int) -> ast.Expr:
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
        found: ast.Expr | None = self.finish(stack, "expr") if stack is not None else None
        if found is None:
            raise ProgramError.of("E100", "not an expression", self.builder.span(0, 0))
        return found


_TOUCHING = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.\"']|[-+*/%<>=!:|][-+*/%<>=!:|]|\"\"|''")


def join(text: str, lexeme: str) -> str:
    """A text with a lexeme behind it, and a space between if they would run into each other."""
    if not text or not lexeme or text[-1] in "({[.\n" or lexeme[0] in ")]},(":
        return text + lexeme
    return f"{text} {lexeme}" if _TOUCHING.fullmatch(text[-1] + lexeme[0]) else text + lexeme


@cache
def tables() -> Tables:
    return Tables()
