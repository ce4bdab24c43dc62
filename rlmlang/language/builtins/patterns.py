"""Python's regular expressions, matched in linear time by RE2.

RE2 knows other classes of characters than Python (`\\w`, `\\s`, `\\b`, case), and has no `$` before a last line end. So
the pattern is read by Python's own parser, and every set of characters in it is worked out by Python for the characters
that occur. Characters that all sets treat alike become one: the text is translated, a byte for each character, and the
pattern is written anew for these. What RE2 cannot match in linear time, or would match otherwise, is E307.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import lru_cache
from re import _constants as kinds
from re import _parser as parser
from typing import Any

from attrs import define, field, frozen

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import most_elements
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import MatchValue

MAX_PATTERN = 1_000
"""The most characters of a regular expression."""

MAX_GROUPS = 100
"""The most brackets of a regular expression, which nest in one another."""

PATTERN_MEMORY = 1 << 20
"""The most bytes of a compiled expression. Up to 128 of them are kept."""

COMPILING, COMPILING_PART = 500, 40
"""Steps of compiling an expression, and for each part of what comes out."""

FLAGS = re.I | re.M | re.S | re.X | re.A | re.U

_SIMPLE = "RE2 matches in linear time: it has no look-around, back-references or possessive repetition"
_CATEGORIES = {
    kinds.CATEGORY_DIGIT: r"\d",
    kinds.CATEGORY_NOT_DIGIT: r"\D",
    kinds.CATEGORY_SPACE: r"\s",
    kinds.CATEGORY_NOT_SPACE: r"\S",
    kinds.CATEGORY_WORD: r"\w",
    kinds.CATEGORY_NOT_WORD: r"\W",
}
_ASCII = "".join(map(chr, range(128)))
_EMPTY_HAS_NO_EDGES = re.search(r"\B", "") is None
_NEVER = r"[^\x00-\xff]"
_LINE_END = "\xff"
"""The character that stands for line ends that are not the last, where that matters."""


def _refused(reason: str, hint: str = _SIMPLE) -> RunError:
    return RunError.of("E307", reason, hint=hint)


@frozen(eq=False)
class Part:
    """A part of a pattern, ready to be written for RE2.

    `kind` is `set` (`value` is the number of the set of characters), `text` (`value` is RE2's), `end` (the `$` that may
    stand before a last line end), `group` (capturing if `value`), `either`, `all`, or `repeat` (`value` is the suffix).
    """

    kind: str
    value: Any = None
    parts: tuple[Part, ...] = ()


@frozen(eq=False)
class Alphabet:
    """Which character stands for which.

    Characters have a signature: which sets they are in, and whether they are letters or a line end. All of one
    signature have the same character to stand for them.
    """

    table: dict[int, str]
    standing: dict[tuple[bool, ...], str]


@define(eq=False)
class Pattern:
    """A pattern as Python's parser reads it, and what its characters are."""

    root: Part
    sets: list[re.Pattern[str]]
    groups: int
    names: dict[str, int]
    letter: re.Pattern[str]
    has_edges: bool
    """Whether `\\b` or `\\B` occurs, so that letters must stay letters."""
    has_end: bool
    """Whether `$` occurs that means the end of the text only, or before a line end there."""
    has_lines: bool
    """Whether `^` or `$` occurs that means the start or end of each line."""
    may_prefer_nothing: bool
    """Whether it may match the empty text although it could match more."""
    looks_far: bool
    """Whether a search may look far beyond the end of what it finds."""
    ascii: Alphabet = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.ascii = self._extended(Alphabet({}, {}), _ASCII)

    def _extended(self, alphabet: Alphabet, characters: str) -> Alphabet:
        """Return an alphabet with more characters. Raises RunError E307."""
        table, standing = dict(alphabet.table), dict(alphabet.standing)
        members = [set(each.findall(characters)) for each in self.sets]
        letters = set(self.letter.findall(characters)) if self.has_edges else set()
        for char in characters:
            signature = (*(char in each for each in members), char in letters, char == "\n")
            if signature not in standing:
                standing[signature] = char if char < "\x80" else self._unused(char in letters, standing)
            table[ord(char)] = standing[signature]
        return Alphabet(table, standing)

    def _unused(self, letter: bool, standing: dict[tuple[bool, ...], str]) -> str:
        used = {*standing.values(), "\n", _LINE_END}
        for code in range(256):
            char = chr(code)
            is_letter = char < "\x80" and (char.isalnum() or char == "_")
            if char not in used and (not self.has_edges or is_letter == letter):
                return char
        raise _refused("too many different characters in a regular expression", "match fewer at a time")

    def prepared(self, text: str) -> tuple[bytes, str]:
        """Return the text with what stands for its characters, and the pattern for RE2. Raises RunError E307."""
        alphabet = self.ascii
        if not text.isascii():
            alphabet = self._extended(alphabet, "".join(sorted(char for char in set(text) if char > "\x7f")))
        out = text.translate(alphabet.table)
        has_last = self.has_end and text.endswith("\n")
        if has_last:
            if self.has_lines:
                raise _refused(
                    "`$` of the text and of each line, in a text with a line end at its end", "write `\\\\Z`"
                )
            out = out[:-1].replace("\n", _LINE_END) + "\n"
        classes: list[str] = []
        for number in range(len(self.sets)):
            chars = [char for signature, char in alphabet.standing.items() if signature[number]]
            if has_last and "\n" in chars:
                chars.append(_LINE_END)
            classes.append("[" + "".join(f"\\x{ord(char):02x}" for char in chars) + "]" if chars else _NEVER)
        pattern = _written(self.root, classes, "(?m:$)" if has_last else r"\z")
        if not text and _EMPTY_HAS_NO_EDGES:
            pattern = pattern.replace(r"\B", _NEVER)
        return out.encode("latin-1"), pattern


def _written(part: Part, classes: list[str], end: str) -> str:
    """Return a part of a pattern for RE2."""
    inner = [_written(each, classes, end) for each in part.parts]
    match part.kind:
        case "set":
            return classes[int(part.value)]
        case "text":
            return str(part.value)
        case "end":
            return end
        case "group":
            return f"({'' if part.value else '?:'}{inner[0]})"
        case "either":
            return f"(?:{'|'.join(inner)})"
        case "repeat":
            return f"(?:{inner[0]}){part.value}"
    return "".join(inner)


# Reading a pattern ---------------------------------------------------------------


class _Reader:
    """Translates what Python's parser gives into parts."""

    def __init__(self, flags: int) -> None:
        self.flags = flags
        self.sets: dict[tuple[str, int], int] = {}
        self.found: set[str] = set()

    def sequence(self, items: Any, flags: int) -> Part:
        return Part("all", None, tuple(self.item(kind, value, flags) for kind, value in items))

    def item(self, kind: Any, value: Any, flags: int) -> Part:
        match kind:
            case kinds.LITERAL:
                return self.set(_escaped(value), flags)
            case kinds.NOT_LITERAL:
                return self.set(f"^{_escaped(value)}", flags)
            case kinds.ANY:
                return self.set(None, flags)
            case kinds.IN:
                return self.set("".join(map(_member, value)), flags)
            case kinds.BRANCH:
                alternatives = value[1]
                if any(each.getwidth()[0] == 0 for each in alternatives[:-1]):
                    self.found.add("nothing")
                if any(_unbounded(each) for each in alternatives):
                    self.found.add("far")
                return Part("either", None, tuple(self.sequence(each, flags) for each in alternatives))
            case kinds.SUBPATTERN:
                group, added, removed, inner = value
                part = self.sequence(inner, (flags | added) & ~removed)
                return Part("group", group is not None, (part,))
            case kinds.MAX_REPEAT | kinds.MIN_REPEAT:
                return self.repeat(value, kind is kinds.MIN_REPEAT, flags)
            case kinds.AT:
                return self.place(value, flags)
        raise _refused(f"`{str(kind).lower()}` in a regular expression")

    def set(self, members: str | None, flags: int) -> Part:
        """Return a set of characters, written as Python's class, or `.` for None."""
        text = "." if members is None else f"[{members}]"
        key = text, flags & int(re.I | re.A | re.S)
        return Part("set", self.sets.setdefault(key, len(self.sets)))

    def repeat(self, value: Any, lazy: bool, flags: int) -> Part:
        low, high, inner = value
        if low > MAX_PATTERN or (high is not kinds.MAXREPEAT and high > MAX_PATTERN):
            raise _refused(f"a repetition of more than {MAX_PATTERN:,}", "write fewer")
        if inner.getwidth()[0] == 0 and _has_groups(inner):
            raise _refused("a group that may match nothing in a repetition", "write `(?:…)`, or `+` for `*` inside")
        outside, self.found = self.found, set()
        repeated = self.sequence(inner, flags)
        if inner.getwidth()[0] == 0 and "nothing" in self.found:
            raise _refused("a repetition of what may match nothing where it could match more")
        self.found |= outside
        if lazy and low == 0:
            self.found.add("nothing")
        if low == 0 and _unbounded(inner):
            self.found.add("far")
        upper = "" if high is kinds.MAXREPEAT else str(int(high))
        suffix = f"{{{int(low)}}}" if upper == str(int(low)) else f"{{{int(low)},{upper}}}"
        return Part("repeat", suffix + "?" * lazy, (repeated,))

    def place(self, value: Any, flags: int) -> Part:
        match value:
            case kinds.AT_BEGINNING if flags & re.M:
                self.found.add("lines")
                return Part("text", "(?m:^)")
            case kinds.AT_END if flags & re.M:
                self.found.add("lines")
                return Part("text", "(?m:$)")
            case kinds.AT_BEGINNING | kinds.AT_BEGINNING_STRING:
                return Part("text", r"\A")
            case kinds.AT_END:
                self.found.add("end")
                return Part("end")
            case kinds.AT_END_STRING:
                return Part("text", r"\z")
        self.found.add("edges")
        return Part("text", r"\b" if value is kinds.AT_BOUNDARY else r"\B")


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"


def _member(item: tuple[Any, Any]) -> str:
    kind, value = item
    match kind:
        case kinds.NEGATE:
            return "^"
        case kinds.RANGE:
            return f"{_escaped(value[0])}-{_escaped(value[1])}"
        case kinds.CATEGORY:
            return _CATEGORIES[value]
    return _escaped(value)


def _unbounded(items: Any) -> bool:
    return bool(items.getwidth()[1] >= kinds.MAXREPEAT)


def _has_groups(items: Any) -> bool:
    """Return whether a part of a pattern captures anything."""
    for kind, value in items:
        match kind:
            case kinds.SUBPATTERN:
                if value[0] is not None or _has_groups(value[3]):
                    return True
            case kinds.BRANCH:
                if any(map(_has_groups, value[1])):
                    return True
            case kinds.MAX_REPEAT | kinds.MIN_REPEAT:
                if _has_groups(value[2]):
                    return True
    return False


@lru_cache(maxsize=128)
def read_pattern(text: str, flags: int = 0) -> Pattern:
    """Return what a pattern means. Raises RunError E307."""
    if len(text) > MAX_PATTERN:
        raise _refused(f"a regular expression of {len(text):,} characters; the limit is {MAX_PATTERN:,}", "split it")
    if text.count("(") > MAX_GROUPS:
        raise _refused(f"a regular expression with more than {MAX_GROUPS} groups", "split it")
    if flags & ~int(FLAGS):
        raise RunError.of("E308", f"`flags` is {flags}, which is no sum of flags of `re`")
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            parsed = parser.parse(text, flags)
        all_flags = parsed.state.flags
        reader = _Reader(all_flags)
        root = reader.sequence(parsed, all_flags)
    except (re.error, OverflowError, ValueError) as error:
        place = f" at character {error.pos + 1}" if isinstance(error, re.error) and error.pos is not None else ""
        reason = error.msg if isinstance(error, re.error) else str(error)
        hint = "write `\\` before a literal . ( ) [ ] { } * + ? |"
        raise _refused(f"invalid regular expression: {reason}{place}", hint) from None
    return Pattern(
        root,
        [re.compile(members, each) for members, each in reader.sets],
        parsed.state.groups - 1,
        dict(parsed.state.groupdict),
        re.compile(r"\w", all_flags & re.A),
        "edges" in reader.found,
        "end" in reader.found,
        "lines" in reader.found,
        "nothing" in reader.found and parsed.getwidth()[0] == 0,
        "far" in reader.found,
    )


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> Any:
    """Return the pattern for bytes compiled by RE2. Raises RunError E307."""
    import re2  # imported here, since loading it takes longer than checking a small program

    options = re2.Options()  # decision 16
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = PATTERN_MEMORY
    try:
        return re2.compile(pattern.encode("latin-1"), options)
    except re2.error as error:
        reason: bytes = error.args[0]
        raise _refused(f"the regular expression cannot be compiled: {reason.decode('utf-8', 'replace')}") from None


# Matching ------------------------------------------------------------------------


class PatternSearch:
    """A pattern and a text that it is looked for in. All methods charge the meter, and raise RunError E307."""

    def __init__(self, meter: Meter, pattern: str, flags: int, text: str) -> None:
        self.meter = meter
        self.text = text
        meter.charge(50 + len(pattern) + len(text) // 8)
        self.pattern = read_pattern(pattern, flags)
        self.bytes, written = self.pattern.prepared(text)
        self.compiled = _compiled(written)
        self.size: int = self.compiled.programsize
        meter.pattern((pattern, flags, written), COMPILING + COMPILING_PART * self.size)

    def first(self, how: str) -> MatchValue | None:
        """Return what `search`, `match` or `fullmatch` finds."""
        self.meter.charge(len(self.text) * self.size // 64)
        found = getattr(self.compiled, how)(self.bytes)
        return None if found is None else self._match(found)

    def all(self) -> Iterator[MatchValue]:
        """Yield what is found one after another, as `finditer` does."""
        if self.pattern.may_prefer_nothing:
            raise _refused("a regular expression that may match nothing where it could match more", "write `+` for `*`")
        start, size = 0, len(self.text)
        self.meter.charge(size * self.size // 64)
        for _ in range(most_elements(self.meter) + 1):
            found = self.compiled.search(self.bytes, start)
            self.meter.charge(8 + ((size - start) // 1024 if self.pattern.looks_far else 0))
            if found is None:
                return
            yield self._match(found)
            low, high = found.span()
            start = high if low < high else high + 1
            if start > size:
                return

    def _match(self, found: Any) -> MatchValue:
        spans = tuple(found.span(group) for group in range(self.pattern.groups + 1))
        self.meter.charge(len(spans))
        return MatchValue(self.text, spans, self.pattern.names)


def group_count(pattern: str) -> int:
    """Return how many groups a pattern has; 0 if it is malformed."""
    try:
        return read_pattern(pattern).groups
    except RunError:
        return 0
