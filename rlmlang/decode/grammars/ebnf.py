"""Convert a grammar from Lark's notation to the one that xgrammar (EBNF) and llama.cpp (GBNF) both read.

That notation has no terminals and skips nothing, so the work of a lexer is put into the rules: where a space may be,
where one must be, and that a reserved word is not a name. Its engines follow every alternative at once. So no rule
begins with itself, and alternatives that begin alike are joined, or each open bracket would double their work.
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
    """Alternatives in parentheses."""

    options: Alternatives
    mark: str = ""
    """How often the group is repeated: `?`, `*` and such, as in regular expressions."""


def ebnf_from_lark(text: str) -> str:
    """Return a grammar in the other notation; `%ignore / +/` becomes an optional space, and one between words.

    Raises ModelError E400 for a pattern that cannot be converted, and for a rule that is used and not defined.
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
    """Return alternatives with groups in place of their names."""
    return tuple(
        tuple(
            evolve(item, options=_with(item.options, groups)) if isinstance(item, Group) else groups.get(item, item)
            for item in option
        )
        for option in options
    )


def _options(symbols: Iterator[str], maybe: str = "", end: str = "") -> Alternatives:
    """Read the alternatives up to a closing bracket. What is between `maybe` and `end` is optional."""
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
    """Return the alternatives of a terminal, without regular expressions."""
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
    """Return a class of characters from the inside of one in a regular expression."""
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
    """Escape a text with four digits, which mean the same to both engines; two digits do not."""
    return "".join(
        {"\n": "\\n", "\\": "\\\\"}.get(char) or (f"\\u{ord(char):04x}" if char in special or ord(char) < 32 else char)
        for char in text
    )


@frozen
class _Words:
    """Words and names as a tree of their letters, so that there is one way to read each text."""

    words: set[str]
    first: frozenset[str] = frozenset()
    """The characters that a name may begin with."""
    rest: frozenset[str] = frozenset()
    """The characters that a name may continue with."""
    most: str = ""
    """How often they may be repeated: `*` or `?`."""

    def options(self, start: str = "", free: bool = True) -> Alternatives:
        """Return how words with this start may continue and, if `free`, names."""
        follow = frozenset[str]()
        if free:
            follow = self.first if not start else self.rest if self.most == "*" or len(start) == 1 else follow
        known = self.words | RESERVED if follow else self.words
        heads = sorted({word[len(start)] for word in known if word.startswith(start) and word != start})
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
    """Return the class of some letters and digits."""
    runs = [
        [char for _, char in run] for _, run in groupby(enumerate(sorted(chars)), lambda pair: ord(pair[1]) - pair[0])
    ]
    return f"[{''.join(run[0] if len(run) == 1 else f'{run[0]}-{run[-1]}' for run in runs)}]"


# Rearranging ---------------------------------------------------------------------


def _unrolled(name: str, options: Alternatives) -> Alternatives:
    """Return `a: b | a c` as `a: b c*`."""
    tails = tuple(option[1:] for option in options if option[0] == name)
    bases = tuple(option for option in options if option[0] != name)
    return ((Group(bases), Group(tails, "*")),) if tails else options


def _joined(options: Alternatives, rules: Rules) -> Alternatives:
    """Join alternatives that begin alike. An empty one says that the option may end here."""
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
    """Return alternatives without an empty one: the others become optional."""
    filled = tuple(option for option in options if option)
    if len(filled) == len(options) and not grouped:
        return options
    return ((Group(filled, "?" if len(filled) < len(options) else ""),),)


def _opened(option: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    """Yield an option without a group at its start, once for each of the group's alternatives."""
    head = option[0] if option else ""
    if not isinstance(head, Group) or head.mark not in ("", "?"):
        yield option
        return
    for inner in (*head.options, ()) if head.mark else head.options:
        yield from _opened((*inner, *option[1:]))


def _inlined(options: Alternatives, rules: Rules) -> Alternatives:
    """Put the alternatives of a rule in its place, if one of them begins like another option."""
    heads = {option[0] for option in options if option}
    for i, option in enumerate(options):
        inner = rules.get(str(option[0]), ()) if option else ()
        if any(each[0] in heads for each in inner if each):
            return _inlined((*options[:i], *((*each, *option[1:]) for each in inner), *options[i + 1 :]), rules)
    return options


# Writing -------------------------------------------------------------------------

_INSIDE, _START, _PLAIN, _WORD_BEFORE = range(4)
"""The place of a symbol: inside a lexeme or at the start of a line, where there are no spaces; after a lexeme, where a
space is optional; after a word, where it is required if another word follows."""


@define
class _EbnfWriter:
    """Writes rules for the places where they are used, with the spaces that each place needs."""

    rules: Rules
    ends: dict[str, int] = field(factory=dict)
    """By rule or lexeme, the place after it."""
    todo: list[tuple[str, int]] = field(factory=list)
    """Rules that were used, each with a place where it is."""

    def text(self, place: int) -> str:
        """Write the whole grammar, which begins at a place."""
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
        """Return the text of alternatives at a place, and the place after them."""
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
        """Return a group with what follows it, if that is a word and needs a space after some of the alternatives."""
        if group.mark or not rest or not self.begin((rest,)):
            return None
        alike: dict[int, Alternatives] = {}
        for option in group.options:
            end = self.sequence(option, place)[1]
            alike[end] = (*alike.get(end, ()), option)
        return Group(tuple((Group(same), *rest) for same in alike.values())) if len(alike) > 1 else None

    def group(self, group: Group, place: int) -> tuple[str, int]:
        text, end = self.options(group.options, place)
        if group.mark not in ("", "?") and end > place:  # the next repetition is at another place
            text, end = self.options(group.options, end)
        if " " in text:
            text = f"({text})"
        return text + group.mark, end if group.mark in ("", "+") else max(place, end)

    def symbol(self, symbol: str, place: int) -> tuple[str, str, int]:
        """Return the space before a symbol, the symbol, and the place after it."""
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
            self.ends[symbol] = self.after(symbol)
        end = place if place == _INSIDE else self.ends.get(symbol, _START)
        return space, symbol if symbol[0] in '"[' else _head(symbol, inside), end

    def after(self, lexeme: str) -> int:
        if any(first.startswith('"\\n') for first in self.edges(((lexeme,),), 1)):
            return _START
        return _WORD_BEFORE if any(_wordy(last, -2) for last in self.edges(((lexeme,),), -1)) else _PLAIN

    def begin(self, options: Alternatives) -> bool:
        """Return whether one of the alternatives begins with a word."""
        return any(_wordy(first, 1) for first in self.edges(options, 1))

    def edges(self, options: Alternatives, step: int) -> Iterator[str]:
        """Yield the strings and classes at one end: 1 for the start, -1 for the end."""
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
    """Return whether a string has, at an end, or a class contains a character of words."""
    return symbol[at] in _WORD if symbol[0] == '"' else any(re.match(symbol, char) for char in _WORD)
