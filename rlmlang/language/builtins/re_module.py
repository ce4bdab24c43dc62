"""The module `re`: its functions, the methods of a compiled pattern, and what a match tells."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any

from attrs import evolve

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import ONE, TEXT, quoted_number
from rlmlang.language.builtins.patterns import Pattern, PatternSearch, group_count, read_pattern
from rlmlang.language.builtins.table import MODULES, Builtin, builtin, constant, method, of_syntax
from rlmlang.language.hidden_names import MATCHES, SUBSTITUTED
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import MatchValue, PatternValue

MATCHING = "50 steps, and a step for each part of the compiled expression for 64 characters"

for _name, _doc in (
    ("IGNORECASE", "letters match without regard to case"),
    ("MULTILINE", "`^` and `$` match at each line"),
    ("DOTALL", "`.` matches line ends too"),
    ("VERBOSE", "white space and comments in the pattern mean nothing"),
    ("ASCII", "`\\w`, `\\d`, `\\s` and `\\b` know ASCII only"),
):
    for _alias in (_name, "S" if _name == "DOTALL" else "X" if _name == "VERBOSE" else _name[0]):
        constant("re", _alias, int(getattr(re, _name)), f"a flag: {_doc}")


# What is found -------------------------------------------------------------------


def _optional_text(found: MatchValue, number: int) -> str:
    """Return the text of a group that may not have taken part, of which Python says None."""
    text = found.group(number)
    if text is None:
        hint = "test whether the expression matched with the group, or write the group so that it always takes part"
        raise RunError.of("E304", f"group {number} did not take part in the match", hint=hint)
    return text


def _first(how: str) -> Callable[..., MatchValue | None]:
    def code(meter: Meter, pattern: str | PatternValue, string: str, flags: int = 0) -> MatchValue | None:
        return PatternSearch(meter, *_parts(pattern, flags), string).first(how)

    return code


def _parts(pattern: str | PatternValue, flags: int) -> tuple[str, int]:
    """Return the text and the flags of a pattern."""
    if isinstance(pattern, PatternValue):
        return pattern.text, pattern.flags
    return pattern, flags


def _finditer(meter: Meter, pattern: str | PatternValue, string: str, flags: int = 0) -> list[MatchValue]:
    found = list(PatternSearch(meter, *_parts(pattern, flags), string).all())
    meter.items(len(found))
    return found


def _findall(meter: Meter, pattern: str | PatternValue, string: str, flags: int = 0) -> list[str]:
    search = PatternSearch(meter, *_parts(pattern, flags), string)
    if search.pattern.groups > 1:
        raise RunError.of(
            "E308",
            f"an expression with {search.pattern.groups} groups, for which `findall` gives tuples",
            hint='write the expression itself into `re.findall("…", …)`, or use `finditer` and `group`',
        )
    number = search.pattern.groups
    texts = [each.group(number) or "" for each in search.all()]
    meter.items(len(texts))
    return texts


def _findall_groups(meter: Meter, pattern: str, string: str, flags: int = 0) -> list[tuple[str, ...]]:
    search = PatternSearch(meter, pattern, flags, string)
    numbers = range(1, search.pattern.groups + 1)
    rows = [tuple(each.group(number) or "" for number in numbers) for each in search.all()]
    meter.items(len(rows) * len(numbers))
    return rows


def _split(meter: Meter, pattern: str | PatternValue, string: str, maxsplit: int = 0, flags: int = 0) -> list[str]:
    search = PatternSearch(meter, *_parts(pattern, flags), string)
    parts: list[str] = []
    end = 0
    if maxsplit >= 0:
        for number, found in enumerate(search.all()):
            if number == maxsplit != 0:
                break
            start, stop = found.spans[0]
            parts.append(string[end:start])
            parts += [_optional_text(found, group) for group in range(1, search.pattern.groups + 1)]
            end = stop
    parts.append(string[end:])
    meter.items(len(parts))
    meter.charge(len(string) // 16)
    return parts


def _sub(meter: Meter, pattern: str | PatternValue, repl: str, string: str, count: int = 0, flags: int = 0) -> str:
    search = PatternSearch(meter, *_parts(pattern, flags), string)
    template = _template(repl, search.pattern)
    meter.charge(1 + len(repl) // 16)
    parts: list[str] = []
    end = size = 0
    if count >= 0:
        for number, found in enumerate(search.all()):
            if number == count != 0:
                break
            start, stop = found.spans[0]
            parts.append(string[end:start])
            parts += [each if isinstance(each, str) else found.group(each) or "" for each in template]
            size += sum(map(len, parts[-len(template) :]))
            meter.charge(len(template))
            meter.text(size)
            end = stop
    parts.append(string[end:])
    meter.text(sum(map(len, parts)))
    return "".join(parts)


@of_syntax(
    "",
    MATCHES,
    "matches(pattern: str, string: str, count: int = 0, flags: int = 0) -> list[Match]",
    "matches(pattern: Pattern, string: str, count: int = 0) -> list[Match]",
    cost=MATCHING,
)
def _matches(
    meter: Meter, pattern: str | PatternValue, string: str, count: int = 0, flags: int = 0
) -> list[MatchValue]:
    search = PatternSearch(meter, *_parts(pattern, flags), string)
    found = list(islice(search.all(), count or None)) if count >= 0 else []
    meter.items(len(found))
    return found


@of_syntax(
    "",
    SUBSTITUTED,
    "substituted(repl: Callable[[Match], str], matches: Iterable[Match], string: str) -> str",
    cost=TEXT,
)
def _substituted(meter: Meter, texts: list[str], matches: list[MatchValue], string: str) -> str:
    parts: list[str] = []
    end = 0
    for text, found in zip(texts, matches):
        start, stop = found.spans[0]
        parts += [string[end:start], text]
        end = stop
    parts.append(string[end:])
    meter.items(len(parts))
    meter.text(sum(map(len, parts)))
    return "".join(parts)


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "f": "\f", "v": "\v", "b": "\b", "\\": "\\"}
_REFERENCE = re.compile(r"\\(?:g<([^>]*)>|([1-9][0-9]?)|(.?))", re.DOTALL)
_OCTAL = re.compile(r"\\[0-7]{3}")


def _template(repl: str, pattern: Pattern) -> list[str | int]:
    """Return the parts of what is put in: texts, and numbers of groups. Raises RunError E307."""
    parts: list[str | int] = []
    end = 0
    for found in _REFERENCE.finditer(repl):
        parts.append(repl[end : found.start()])
        end = found.end()
        name, digits, char = found.groups()
        if _OCTAL.match(found[0] + repl[end:]):
            raise RunError.of("E307", "an octal escape in what is put in", hint="write the character itself")
        if char is not None:
            if char not in _ESCAPES and ((char.isascii() and char.isalnum()) or not char):
                raise RunError.of("E307", f"`\\{char}` in what is put in is no escape", hint="write `\\\\` for `\\`")
            parts.append(_ESCAPES.get(char, f"\\{char}"))
            continue
        wanted = digits if name is None else name
        number = pattern.names.get(wanted, int(wanted) if wanted.isdecimal() and len(wanted) < 100 else -1)
        if not 0 <= number <= pattern.groups:
            raise RunError.of("E307", f"there is no group `{wanted:.40}` in the regular expression")
        parts.append(number)
    parts.append(repl[end:])
    return parts


def _of_compiled(example: str) -> str:
    """Return an example of a function as one of the method of a compiled pattern."""
    return re.sub(r're\.(\w+)\((r?"[^"]*"), ', r"re.compile(\2).\1(", example)


_FLAGS = ", flags: int = 0"
_MATCHES: tuple[tuple[str, str, str, str, Any, list[str]], ...] = (
    (
        "search", "string: str", "Match | None", "the first place where it matches; None if there is none",
        _first("search"), ['re.search("b+", "abbc") is not None', 're.search("x", "abc") is None'],
    ),
    (
        "match", "string: str", "Match | None", "what it matches at the start; None if it does not",
        _first("match"), ['re.match("a", "abc") is not None', 're.match("b", "abc") is None'],
    ),
    (
        "fullmatch", "string: str", "Match | None", "the match if it matches the whole text; None if it does not",
        _first("fullmatch"), ['re.fullmatch("[a-c]+", "abc") is not None', 're.fullmatch("a", "abc") is None'],
    ),
    (
        "findall", "string: str", "list[str]",
        "all texts that it matches, or of its group; tuples if the expression is written here and has several groups",
        _findall, [r're.findall(r"\d+", "1, 22") == ["1", "22"]', r're.findall(r"(\w)=", "a=b=") == ["a", "b"]'],
    ),
    (
        "finditer", "string: str", "list[Match]", "all matches, as a list", _finditer,
        [r'[m.start() for m in re.finditer("a", "banana")] == [1, 3, 5]'],
    ),
    (
        "split", "string: str, maxsplit: int = 0", "list[str]",
        "the parts between the places where it matches, and the texts of its groups; at most `maxsplit` cuts", _split,
        [r're.split(r",\s*", "a, b,c") == ["a", "b", "c"]', 're.split("(-)", "a-b") == ["a", "-", "b"]'],
    ),
    (
        "sub", "repl: str, string: str, count: int = 0", "str",
        "with `repl` at all places where it matches, or the first `count`; `\\1` in it becomes the text of a group",
        _sub, ['re.sub("[aeiou]", "*", "banana") == "b*n*n*"', r're.sub(r"(\w)(\w)", r"\2\1", "abcd") == "badc"'],
    ),
)  # fmt: skip

for _name, _params, _result, _doc, _code, _examples in _MATCHES:
    builtin(
        f"{_name}(pattern: str, {_params}{_FLAGS}) -> {_result}",
        f"{_name}(pattern: Pattern, {_params}) -> {_result}",
        doc=_doc,
        examples=_examples,
        cost=MATCHING,
        module="re",
    )(_code)
    method(
        "Pattern",
        f"{_name}(self: Pattern, {_params}) -> {_result}",
        doc=_doc,
        examples=[_of_compiled(text) for text in _examples],
        cost=MATCHING,
    )(_code)


_FINDALL_GROUPS = Builtin(
    "findall",
    (f"findall(pattern: str, string: str{_FLAGS}) -> list[tuple[str, ...]]",),
    "the texts of the groups at all places where it matches",
    (r're.findall(r"(\w)=(\d)", "a=1, b=2") == [("a", "1"), ("b", "2")]',),
    MATCHING,
    _findall_groups,
    module="re",
)
_row = MODULES["re"]["findall"]
assert isinstance(_row, Builtin)
MODULES["re"]["findall"] = evolve(_row, variant=lambda text: _FINDALL_GROUPS if group_count(text) > 1 else None)


@builtin(
    f"compile(pattern: str{_FLAGS}) -> Pattern",
    doc="the regular expression, with the functions of this module as methods",
    examples=['re.compile("b+").sub("", "abbc") == "ac"'],
    cost=ONE,
    module="re",
)
def _compile(meter: Meter, pattern: str, flags: int = 0) -> PatternValue:
    meter.charge(1 + len(pattern))
    read_pattern(pattern, flags)
    return PatternValue(pattern, flags)


@builtin(
    "escape(pattern: str) -> str",
    doc="the text as a regular expression that matches it",
    examples=[r're.escape("a.b") == "a\\.b"'],
    cost=TEXT,
    module="re",
)
def _escape(meter: Meter, pattern: str) -> str:
    meter.text(2 * len(pattern))
    return re.escape(pattern)


# The methods of a match ----------------------------------------------------------


def _number(self: MatchValue, group: int | str) -> int:
    """Return the number of a group. Raises RunError E301."""
    number = self.names.get(group, -1) if isinstance(group, str) else group
    if not 0 <= number < len(self.spans):
        shown = repr(group)[:60] if isinstance(group, str) else quoted_number(group)
        raise RunError.of("E301", f"there is no group {shown} in the regular expression")
    return number


@method(
    "Match",
    "group(self: Match) -> str",
    "group(self: Match, group: int) -> str",
    "group(self: Match, group: str) -> str",
    "group(self: Match, group: int, *more: int) -> tuple[str, ...]",
    doc="the text that was found, or of a group by number or name; an error if the group did not take part",
    examples=[
        r'[m.group(2) for m in re.finditer(r"(\w)=(\d)", "a=1")] == ["1"]',
        r'[m.group("k") for m in re.finditer(r"(?P<k>\w)=\d", "a=1")] == ["a"]',
    ],
    cost=TEXT,
)
def _group(meter: Meter, self: MatchValue, *groups: Any) -> str | tuple[str, ...]:
    texts = tuple(_optional_text(self, _number(self, group)) for group in groups or (0,))
    meter.text(sum(map(len, texts)))
    return texts if len(texts) > 1 else texts[0]


@method(
    "Match",
    "groups(self: Match) -> tuple[str, ...]",
    "groups(self: Match, default: str) -> tuple[str, ...]",
    doc="the texts of all groups, with `default` for those that did not take part, else an error",
    examples=[r'[m.groups() for m in re.finditer(r"(\w)=(\d)", "a=1")] == [("a", "1")]'],
    cost=TEXT,
)
def _groups(meter: Meter, self: MatchValue, default: str | None = None) -> tuple[str, ...]:
    meter.items(len(self.spans))
    texts = []
    for number in range(1, len(self.spans)):
        text = self.group(number)
        texts.append(_optional_text(self, number) if default is None else default if text is None else text)
    meter.text(sum(map(len, texts)))
    return tuple(texts)


@method(
    "Match",
    "groupdict(self: Match) -> dict[str, str]",
    doc="the texts of the groups that have names, by name; an error if one did not take part",
    examples=[r'[m.groupdict() for m in re.finditer(r"(?P<k>\w)=", "a=1")] == [{"k": "a"}]'],
    cost=TEXT,
)
def _groupdict(meter: Meter, self: MatchValue) -> dict[str, str]:
    meter.items(2 * len(self.names))
    texts = {name: _optional_text(self, number) for name, number in self.names.items()}
    meter.text(sum(map(len, texts.values())))
    return texts


def _place(name: str, pick: Callable[[tuple[int, int]], Any]) -> Callable[..., Any]:
    def code(meter: Meter, self: MatchValue, group: int | str = 0) -> Any:
        meter.charge(1)
        return pick(self.spans[_number(self, group)])

    return code


for _name, _result, _doc, _pick, _value in (
    ("start", "int", "where it starts", lambda span: span[0], "1"),
    ("end", "int", "where it ends", lambda span: span[1], "2"),
    ("span", "tuple[int, int]", "the pair of where it starts and ends", lambda span: span, "(1, 2)"),
):
    method(
        "Match",
        f"{_name}(self: Match, group: int = 0) -> {_result}",
        f"{_name}(self: Match, group: str) -> {_result}",
        doc=f"{_doc}, or a group does; -1 if that did not take part",
        examples=[f'[m.{_name}() for m in re.finditer("b", "abc")] == [{_value}]'],
        cost=ONE,
    )(_place(_name, _pick))
