"""From Lark's notation to the one that xgrammar (EBNF) and llama.cpp (GBNF) both read.

It has no terminals and skips nothing, so what a lexer does is written into the rules: where a
space may stand, where one must, and that a reserved word is no name. Its engines read with every
alternative in hand at once. So no rule begins with itself, and alternatives that begin alike are
joined, or each open bracket would double their work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypeAlias

from attrs import define, evolve, field, frozen

from rlmlang.errors import ModelError
from rlmlang.language.parse.tables import RESERVED

Item: TypeAlias = "str | Group"
"""A symbol, which is `"a string"`, `[a class]` of characters or the name of a rule; or a group."""
Alternatives: TypeAlias = tuple[tuple[Item, ...], ...]
Rules: TypeAlias = dict[str, Alternatives]


@frozen
class Group:
    options: Alternatives
    mark: str = ""
    """How often it stands there, as in regular expressions."""


def ebnf_from_lark(text: str) -> str:
    """The grammar in the other notation; `%ignore / +/` becomes one space or none, and one between words.

    Raises ModelError E400 for what cannot be written, and for a rule that is used and not there.
    """
    writer = _EbnfWriter(_read(text))
    return writer.text(_START) + 'ws ::= " "?\n' if "%ignore / +/" in text else writer.text(_INSIDE)


# Reading -------------------------------------------------------------------------

_RULE = re.compile(r"^(\w+):(.*\n(?:[ ]+.*\n)*)", re.MULTILINE)
_LARK = re.compile(r'"(?:\\.|[^"\\])*"|/(?:\\.|[^/\\])+/|\w+|[()\[\]|*+?]')
_REGEX = re.compile(r"(?P<class>\[\^?(?:\\.|[^\]\\])+\])|(?P<mark>[()|*+?]|\{\d+(?:,\d*)?\})|\\?.", re.DOTALL)
_CHARACTER = re.compile(r"\\x(?P<code>[0-9a-f]{2})|\\?(?P<char>.)", re.DOTALL)
_NAME = re.compile(r"(\[[^\]]+\])(\[[^\]]+\])([*?])")
_WORD = [char for char in map(chr, range(128)) if char.isalnum() or char == "_"]


def _read(text: str) -> Rules:
    rules = {name: _options(iter(_LARK.findall(body)), "[", "]") for name, body in _RULE.findall(text)}
    rules = {
        name: _terminal(options) if name.isupper() else _unrolled(name, options) for name, options in rules.items()
    }
    strings = {name: Group(options) for name, options in rules.items() if _only_strings(name, options)}
    return {
        name: _whole(_joined(_with(options, strings), rules)) for name, options in rules.items() if name not in strings
    }


def _only_strings(name: str, options: Alternatives) -> bool:
    return name != "start" and not name.isupper() and all(str(item)[0] == '"' for option in options for item in option)


def _with(options: Alternatives, groups: dict[str, Group]) -> Alternatives:
    """With groups in the place of their names."""
    return tuple(
        tuple(
            evolve(item, options=_with(item.options, groups)) if isinstance(item, Group) else groups.get(item, item)
            for item in option
        )
        for option in options
    )


def _options(symbols: Iterator[str], maybe: str = "", end: str = "") -> Alternatives:
    """The alternatives up to a closing bracket. What stands between `maybe` and `end` may be left out."""
    options: list[tuple[Item, ...]] = []
    items: list[Item] = []
    for symbol in symbols:
        if symbol in (")", end):
            break
        if symbol in ("(", maybe):
            items.append(Group(_options(symbols, maybe, end), "?" if symbol == maybe else ""))
        elif symbol == "|":
            options.append(tuple(items))
            items = []
        elif symbol[0] in "*+?{":
            last = items.pop()
            items.append(evolve(last, mark=symbol) if isinstance(last, Group) and not last.mark else _one(last, symbol))
        else:
            items.append(_quoted(json.loads(symbol)) if symbol[0] == '"' and maybe else symbol)
    return (*options, tuple(items))


def _one(item: Item, mark: str) -> Group:
    return Group(((item,),), mark)


def _terminal(options: Alternatives) -> Alternatives:
    """A terminal without regular expressions."""
    symbols = [str(option[0]) for option in options]
    patterns = [symbol[1:-1] for symbol in symbols if symbol[0] == "/"]
    words = {json.loads(symbol) for symbol in symbols if symbol[0] == '"'}
    name = _NAME.fullmatch(patterns[0]) if len(patterns) == 1 else None
    if name:
        first, rest = ({char for char in _WORD if re.match(name[i], char)} for i in (1, 2))
        return _Words(words, frozenset(first), frozenset(rest), name[3]).options()
    return (*_Words(words).options(), *(option for pattern in patterns for option in _pattern(pattern)))


def _pattern(pattern: str) -> Alternatives:
    symbols = []
    for match in _REGEX.finditer(pattern):
        symbol = match[0]
        if match["class"]:
            symbol = _class(symbol[1:-1])
        elif not match["mark"]:
            if symbol in ".^$" or (symbol[0] == "\\" and symbol[1].isalnum() and symbol != "\\n"):
                raise ModelError.of("E400", f"{symbol} in the pattern {pattern} cannot be written in this dialect")
            symbol = _quoted("\n" if symbol == "\\n" else symbol[-1])
        symbols.append(symbol)
    return _options(iter(symbols))


def _class(inside: str) -> str:
    """A class of characters, from how regular expressions write it."""
    negated = inside[0] == "^"
    parts = [
        chr(int(match["code"], 16)) if match["code"] else "\n" if match[0] == "\\n" else match["char"]
        for match in _CHARACTER.finditer(inside, negated)
    ]
    written = [
        "-" if char == "-" and 0 < i < len(parts) - 1 else _escaped(char, "[]^-") for i, char in enumerate(parts)
    ]
    return f"[{'^' * negated}{''.join(written)}]"


def _quoted(text: str) -> str:
    return '"' + _escaped(text).replace('"', '\\"') + '"'


def _escaped(text: str, special: str = "") -> str:
    """Escapes of four digits mean the same to both engines; those of two do not."""
    return "".join(
        {"\n": "\\n", "\\": "\\\\"}.get(char) or (f"\\u{ord(char):04x}" if char in special or ord(char) < 32 else char)
        for char in text
    )


@frozen
class _Words:
    """Words and names as a tree of their letters: each text is read in one way."""

    words: set[str]
    first: frozenset[str] = frozenset()
    """What a name may begin with."""
    rest: frozenset[str] = frozenset()
    """What it may go on with."""
    most: str = ""
    """How often: `*` or `?`."""

    def options(self, start: str = "", free: bool = True) -> Alternatives:
        """How words and, where `free`, names that start so may go on."""
        follow = frozenset[str]()
        if free:
            follow = self.first if not start else self.rest if self.most == "*" or len(start) == 1 else follow
        told = self.words | RESERVED if follow else self.words
        heads = sorted({word[len(start)] for word in told if word.startswith(start) and word != start})
        found: list[tuple[Item, ...]] = []
        for head in heads:
            if further := self.options(start + head, head in follow):
                found.append(_then(_quoted(head), further))
        if others := follow - set(heads):
            symbol = _of(others)
            more = self.most == "*" or not start
            found.append((symbol, _one(_of(self.rest), self.most)) if more else (symbol,))
        if start in self.words or (free and start and self.first and start not in RESERVED):
            found.append(())
        return tuple(found)


def _of(chars: Iterable[str]) -> str:
    """The class of some letters and digits."""
    runs = [
        [char for _, char in run] for _, run in groupby(enumerate(sorted(chars)), lambda pair: ord(pair[1]) - pair[0])
    ]
    return f"[{''.join(run[0] if len(run) == 1 else f'{run[0]}-{run[-1]}' for run in runs)}]"


# Rearranging ---------------------------------------------------------------------


def _unrolled(name: str, options: Alternatives) -> Alternatives:
    """`a: b | a c` as `a: b c*`."""
    tails = tuple(option[1:] for option in options if option[0] == name)
    bases = tuple(option for option in options if option[0] != name)
    return ((Group(bases), Group(tails, "*")),) if tails else options


def _joined(options: Alternatives, rules: Rules) -> Alternatives:
    """Alternatives that begin alike as one that branches later. (An empty one among them: it may end here.)"""
    if len(options) > 1:
        options = _inlined(tuple(opened for option in options for opened in _opened(option)), rules)
    alike: dict[Item | None, list[tuple[Item, ...]]] = {}
    for option in options:
        alike.setdefault(option[0] if option else None, []).append(option[1:])
    found: list[tuple[Item, ...]] = []
    for first, rests in alike.items():
        if isinstance(first, Group):
            first = evolve(first, options=_whole(_joined(first.options, rules)))
        found.append(() if first is None else _then(first, _joined(tuple(rests), rules)))
    return tuple(found)


def _then(first: Item, options: Alternatives) -> tuple[Item, ...]:
    return (first, *options[0]) if len(options) == 1 else (first, *_whole(options, grouped=True)[0])


def _whole(options: Alternatives, grouped: bool = False) -> Alternatives:
    """Without an empty alternative."""
    filled = tuple(option for option in options if option)
    if len(filled) == len(options) and not grouped:
        return options
    return ((Group(filled, "?" if len(filled) < len(options) else ""),),)


def _opened(option: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    """Without a group at the start that only brackets alternatives, or may be left out."""
    head = option[0] if option else ""
    if not isinstance(head, Group) or head.mark not in ("", "?"):
        yield option
        return
    for inner in (*head.options, ()) if head.mark else head.options:
        yield from _opened((*inner, *option[1:]))


def _inlined(options: Alternatives, rules: Rules) -> Alternatives:
    """With the alternatives of a rule in its place, where one of them begins like another of the options."""
    heads = {option[0] for option in options if option}
    for i, option in enumerate(options):
        inner = rules.get(str(option[0]), ()) if option else ()
        if any(each[0] in heads for each in inner if each):
            return _inlined((*options[:i], *((*each, *option[1:]) for each in inner), *options[i + 1 :]), rules)
    return options


# Writing -------------------------------------------------------------------------

_INSIDE, _START, _PLAIN, _WORD_BEFORE = range(4)
"""Where a symbol stands: inside of a lexeme or at the start of a line, where there are no spaces;
behind a lexeme, where one may stand; behind a word, where one must, if another word follows."""


@define
class _EbnfWriter:
    rules: Rules
    ends: dict[str, int] = field(factory=dict)
    """By rule or lexeme, the place behind it."""
    todo: list[tuple[str, int]] = field(factory=list)
    """Rules that were named, and the places where they stand."""

    def text(self, place: int) -> str:
        """The whole grammar, which begins at a place."""
        before: dict[str, int] | None = None
        while self.ends != before:
            before = dict(self.ends)
            for name, options in self.rules.items():
                if not name.isupper():
                    self.ends[name] = self.options(options, _START)[1]
        lines: dict[str, str] = {}
        self.todo = [("start", place)]
        while self.todo:
            name, place = self.todo.pop()
            head = _head(name, place)
            if head not in lines:
                lines[head] = f"{head} ::= {self.options(self.rules[name], place)[0]}\n"
        return "".join(lines.values())

    def options(self, options: Alternatives, place: int) -> tuple[str, int]:
        """The text of alternatives at a place, and the place behind them."""
        if place == _WORD_BEFORE and not self.begin(options):
            place = _PLAIN
        loops = any(isinstance(option[0], Group) and option[0].mark in ("*", "+") for option in options)
        shared = place == _PLAIN and len(options) > 1 and not loops
        found = [self.sequence(option, _START if shared else place) for option in options]
        text = " | ".join(text for text, _ in found)
        return f"ws ({text})" if shared else text, max(end for _, end in found)

    def sequence(self, items: tuple[Item, ...], place: int) -> tuple[str, int]:
        parts = [""]
        for i, item in enumerate(items):
            if isinstance(item, Group):
                apart = self.apart(item, items[i + 1 :], place)
                text, place = self.group(apart or item, place)
                parts.append(text)
                if apart:
                    break
                continue
            space, text, place = self.symbol(item, place)
            for part in (space, text):
                if part[:1] == parts[-1][-1:] == '"':
                    parts[-1] = parts[-1][:-1] + part[1:]
                elif part:
                    parts.append(part)
        return " ".join(parts[1:]), place

    def apart(self, group: Group, rest: tuple[Item, ...], place: int) -> Group | None:
        """The group with what follows it, where a word follows, and behind some alternatives it needs a space."""
        if group.mark or not rest or not self.begin((rest,)):
            return None
        alike: dict[int, Alternatives] = {}
        for option in group.options:
            end = self.sequence(option, place)[1]
            alike[end] = (*alike.get(end, ()), option)
        return Group(tuple((Group(same), *rest) for same in alike.values())) if len(alike) > 1 else None

    def group(self, group: Group, place: int) -> tuple[str, int]:
        text, end = self.options(group.options, place)
        if group.mark not in ("", "?") and end > place:  # the next turn stands elsewhere
            text, end = self.options(group.options, end)
        if " " in text:
            text = f"({text})"
        return text + group.mark, end if group.mark in ("", "+") else max(place, end)

    def symbol(self, symbol: str, place: int) -> tuple[str, str, int]:
        """The space before it, the symbol, and the place behind it."""
        if place == _WORD_BEFORE and not self.begin(((symbol,),)):
            place = _PLAIN
        lexeme = symbol[0] in '"[' or symbol.isupper()
        space = "" if place in (_INSIDE, _START) else "ws" if place == _PLAIN else '" "' if lexeme else ""
        inside = _INSIDE if lexeme else _START if place == _PLAIN else place
        if symbol[0] not in '"[':
            if symbol not in self.rules:
                raise ModelError.of("E400", f"the grammar uses `{symbol}`, which it does not have")
            self.todo.append((symbol, inside))
        if lexeme and symbol not in self.ends:
            self.ends[symbol] = self.behind(symbol)
        end = place if place == _INSIDE else self.ends.get(symbol, _START)
        return space, symbol if symbol[0] in '"[' else _head(symbol, inside), end

    def behind(self, lexeme: str) -> int:
        if any(first.startswith('"\\n') for first in self.edges(((lexeme,),), 1)):
            return _START
        return _WORD_BEFORE if any(_wordy(last, -2) for last in self.edges(((lexeme,),), -1)) else _PLAIN

    def begin(self, options: Alternatives) -> bool:
        """Whether one of the alternatives begins with a word."""
        return any(_wordy(first, 1) for first in self.edges(options, 1))

    def edges(self, options: Alternatives, step: int) -> Iterator[str]:
        """The strings and classes at one end: 1 for the start, -1."""
        for option in options:
            for item in option[::step]:
                if isinstance(item, Group):
                    yield from self.edges(item.options, step)
                    if item.mark[:1] in ("?", "*") and item.mark:
                        continue
                elif item[0] in '"[':
                    yield item
                else:
                    yield from self.edges(self.rules.get(item, ()), step)
                break


def _head(name: str, place: int) -> str:
    head = "root" if name == "start" else name.strip("_").replace("_", "-")
    return f"{head}-w" if place == _WORD_BEFORE else head


def _wordy(symbol: str, at: int) -> bool:
    """Whether a string, at one of its ends, or a class has characters of words."""
    return symbol[at] in _WORD if symbol[0] == '"' else any(re.match(symbol, char) for char in _WORD)
