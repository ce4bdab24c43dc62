"""A recogniser for the grammars of xgrammar and llama.cpp, that knows nothing of how they are made.

It tells at which places a text that starts by a rule may end, by trying everything, with a memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Ends = frozenset[int]
Match = Callable[[str, int], Ends]

_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|\[(?:[^\]\\\n]|\\.)*\]|\{(\d+)(,?)(\d*)\}|[A-Za-z][A-Za-z0-9-]*|::=|[()|*+?]|(\n)'
)


class Ebnf:
    """A grammar. Raises ValueError if it is none, or if a rule begins with itself."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, Match] = {}
        self.named: set[str] = set()
        self._memory: dict[tuple[str, int], Ends | None] = {}
        for line in text.splitlines():
            tokens = self._tokens(line)
            name, mark = next(tokens), next(tokens)
            if mark != "::=" or name in self.rules:
                raise ValueError(f"not a rule, or one again: {line}")
            self.rules[name] = self._alternatives(tokens, top=True)
        if missing := self.named - set(self.rules) or {"root"} - set(self.rules):
            raise ValueError(f"rules that are not there: {missing}")

    def accepts(self, text: str) -> bool:
        self._memory.clear()
        return len(text) in self._rule("root", text, 0)

    def _rule(self, name: str, text: str, at: int) -> Ends:
        key = name, at
        if key not in self._memory:
            self._memory[key] = None
            self._memory[key] = self.rules[name](text, at)
        found = self._memory[key]
        if found is None:
            raise ValueError(f"{name} begins with itself")
        return found

    # Reading

    def _tokens(self, line: str) -> Iterator[str]:
        at = 0
        while at < len(line):
            match = _TOKEN.match(line, at) if line[at] != " " else None
            if match is None and line[at] != " ":
                raise ValueError(f"at {at}: {line}")
            if match is not None:
                yield match[0]
            at = match.end() if match else at + 1

    def _alternatives(self, tokens: Iterator[str], top: bool = False) -> Match:
        options: list[list[Match]] = [[]]
        for token in tokens:
            if token == ")":
                if top:
                    raise ValueError("`)` closes nothing")
                return _either([_sequence(option) for option in options])
            if token == "|":
                options.append([])
            elif token in "*+?" or token[0] == "{":
                options[-1].append(_repeated(options[-1].pop(), token))
            elif token == "(":
                options[-1].append(self._alternatives(tokens))
            elif token[0] == '"':
                options[-1].append(_string(_unescaped(token[1:-1])))
            elif token[0] == "[":
                options[-1].append(_class(token))
            else:
                self.named.add(token)
                options[-1].append(lambda text, at, name=token: self._rule(name, text, at))  # type: ignore[misc]
        if not top:
            raise ValueError("`(` is never closed")
        return _either([_sequence(option) for option in options])


def _unescaped(text: str) -> str:
    """Raises ValueError for an escape that not both engines know."""
    if not re.fullmatch(r'([^\\]|\\(n|u[0-9a-f]{4}|[\\"]))*', text):
        raise ValueError(text)
    return text.encode("latin-1", "backslashreplace").decode("unicode_escape")


def _class(token: str) -> Match:
    _unescaped(token)
    pattern = re.compile(token)
    return lambda text, at: frozenset((at + 1,)) if pattern.match(text, at) else frozenset()


def _string(expected: str) -> Match:
    return lambda text, at: frozenset((at + len(expected),)) if text.startswith(expected, at) else frozenset()


def _either(options: list[Match]) -> Match:
    return lambda text, at: frozenset().union(*(option(text, at) for option in options))


def _sequence(items: list[Match]) -> Match:
    def match(text: str, at: int) -> Ends:
        ends = frozenset((at,))
        for item in items:
            ends = frozenset().union(*(item(text, end) for end in ends))
            if not ends:
                break
        return ends

    return match


def _repeated(item: Match, mark: str) -> Match:
    bounds = re.fullmatch(r"\{(\d+)(,?)(\d*)\}", mark)
    if bounds:
        least = int(bounds[1])
        most = int(bounds[3]) if bounds[3] else None if bounds[2] else least
    else:
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[mark]

    def match(text: str, at: int) -> Ends:
        found: set[int] = {at} if least == 0 else set()
        ends, turn = frozenset((at,)), 0
        while ends and (most is None or turn < most):
            ends = frozenset().union(*(item(text, end) for end in ends))
            turn += 1
            if turn >= least:
                ends -= found
                found |= ends
        return frozenset(found)

    return match
