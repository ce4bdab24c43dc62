"""The methods of `str`: those of Python that change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import ELEMENTS, SIZE, TEXT, line_count, most_elements, quoted
from rlmlang.language.builtins.table import method, static_method
from rlmlang.runtime.formatting import formatted
from rlmlang.runtime.meter import Meter


def _read(meter: Meter, text: str) -> None:
    """Charge for reading a text."""
    meter.charge(1 + len(text) // 16)


def _read_ends(meter: Meter, ends: str | tuple[str, ...]) -> None:
    """Charge for comparing with a text, or with each of several."""
    for end in (ends,) if isinstance(ends, str) else ends:
        _read(meter, end)


# str: tests ----------------------------------------------------------------------


def _test(name: str) -> Callable[[Meter, str], bool]:
    holds: Callable[[str], bool] = getattr(str, name)

    def code(meter: Meter, self: str) -> bool:
        _read(meter, self)
        return holds(self)

    return code


for _name, _doc, _yes, _no in (
    ("isalnum", "whether there are only letters and digits, at least one", "ab1", "a b"),
    ("isalpha", "whether there are only letters, at least one", "ab", "a1"),
    ("isascii", "whether there are only ASCII characters, or none", "a~1", "é"),
    ("isdecimal", "whether there are only decimal digits, at least one", "12", "²"),
    ("isdigit", "whether there are only digits, raised ones too, at least one", "12", "1.2"),
    ("isidentifier", "whether it has the form of a name", "a_1", "1a"),
    ("islower", "whether all cased letters are small, at least one", "ab1", "aB"),
    ("isnumeric", "whether there are only numeric characters, fractions too, at least one", "½", "1.5"),
    ("isprintable", "whether there are only characters that `repr` shows as they are, or none", "a b", "a\n"),
    ("isspace", "whether there is only white space, at least one", " \n", ""),
    ("istitle", "whether each run of letters starts with a capital and has no other, at least one", "A Bc", "A bC"),
    ("isupper", "whether all cased letters are capitals, at least one", "AB1", "aB"),
):
    method(
        "str",
        f"{_name}(self: str) -> bool",
        doc=_doc,
        examples=[f"{json.dumps(_yes)}.{_name}()", f"not {json.dumps(_no)}.{_name}()"],
        cost=TEXT,
    )(_test(_name))


# str: letters --------------------------------------------------------------------


def _mapping(name: str) -> Callable[[Meter, str], str]:
    work: Callable[[str], str] = getattr(str, name)

    def code(meter: Meter, self: str) -> str:
        meter.text(len(self))
        result = work(self)
        if len(result) > len(self):  # some letters become up to three
            meter.text(len(result))
        return result

    return code


for _name, _doc, _before, _after in (
    ("capitalize", "with a capital first letter, and small ones after it", "aB c", "Ab c"),
    ("casefold", "with small letters, for comparing texts without regard to case", "Straße", "strasse"),
    ("lower", "with small letters", "aBc", "abc"),
    ("swapcase", "with capitals made small, and small letters made capitals", "aBc", "AbC"),
    ("title", "with a capital at the start of each run of letters, and small ones after it", "a bC", "A Bc"),
    ("upper", "with capital letters", "aBc", "ABC"),
):
    method(
        "str",
        f"{_name}(self: str) -> str",
        doc=_doc,
        examples=[f"{json.dumps(_before, ensure_ascii=False)}.{_name}() == {json.dumps(_after)}"],
        cost=TEXT,
    )(_mapping(_name))


# str: ends -----------------------------------------------------------------------


def _stripping(name: str) -> Callable[..., str]:
    work: Callable[[str, str | None], str] = getattr(str, name)

    def code(meter: Meter, self: str, chars: str | None = None) -> str:
        meter.text(len(self))
        meter.charge(len(self) * len(chars or "") // 64)  # each character may be compared with all of `chars`
        return work(self, chars)

    return code


for _name, _where, _after in (("strip", "both ends", "a"), ("lstrip", "the start", "a-"), ("rstrip", "the end", "-a")):
    method(
        "str",
        f"{_name}(self: str, chars: str | None = None) -> str",
        doc=f"without white space, or without the characters in `chars`, at {_where}",
        examples=[f'"-a-".{_name}("-") == "{_after}"', f'" a ".{_name}() == " a ".{_name}(" ")'],
        cost=TEXT,
    )(_stripping(_name))


@method(
    "str",
    "removeprefix(self: str, prefix: str) -> str",
    doc="without `prefix`, if it starts with it",
    examples=['"- a".removeprefix("- ") == "a"', '"a".removeprefix("- ") == "a"'],
    cost=TEXT,
)
def _removeprefix(meter: Meter, self: str, prefix: str) -> str:
    meter.text(len(self))
    return self.removeprefix(prefix)


@method(
    "str",
    "removesuffix(self: str, suffix: str) -> str",
    doc="without `suffix`, if it ends with it",
    examples=['"a.txt".removesuffix(".txt") == "a"'],
    cost=TEXT,
)
def _removesuffix(meter: Meter, self: str, suffix: str) -> str:
    meter.text(len(self))
    return self.removesuffix(suffix)


_RANGE = ", start: int | None = None, end: int | None = None"


@method(
    "str",
    f"startswith(self: str, prefix: str{_RANGE}) -> bool",
    f"startswith(self: str, prefix: tuple[str, ...]{_RANGE}) -> bool",
    doc="whether it, or its slice from `start` to `end`, starts with `prefix`, or with one of them",
    examples=['"abc".startswith("ab")', '"abc".startswith("b", 1)', '"abc".startswith(("x", "ab"))'],
    cost=TEXT,
)
def _startswith(meter: Meter, self: str, prefix: Any, start: int | None = None, end: int | None = None) -> bool:
    _read_ends(meter, prefix)
    return self.startswith(prefix, start, end)


@method(
    "str",
    f"endswith(self: str, suffix: str{_RANGE}) -> bool",
    f"endswith(self: str, suffix: tuple[str, ...]{_RANGE}) -> bool",
    doc="whether it, or its slice from `start` to `end`, ends with `suffix`, or with one of them",
    examples=['"abc".endswith("bc")', '"abc".endswith("b", 0, 2)', '"abc".endswith(("x", "bc"))'],
    cost=TEXT,
)
def _endswith(meter: Meter, self: str, suffix: Any, start: int | None = None, end: int | None = None) -> bool:
    _read_ends(meter, suffix)
    return self.endswith(suffix, start, end)


# str: finding --------------------------------------------------------------------


def _search(meter: Meter, text: str, part: str, backward: bool) -> None:
    """Charge for a search. Python searches forward in linear time, but not backward."""
    _read(meter, text)
    if backward:
        meter.charge(len(text) * min(len(part), len(text)) // 64)


def _finding(name: str, backward: bool) -> Callable[..., int]:
    work: Callable[..., int] = getattr(str, name)

    def code(meter: Meter, self: str, sub: str, start: int | None = None, end: int | None = None) -> int:
        _search(meter, self, sub, backward)
        return work(self, sub, start, end)

    return code


for _name, _which, _at in (("find", "first", 1), ("rfind", "last", 3)):
    method(
        "str",
        f"{_name}(self: str, sub: str{_RANGE}) -> int",
        doc=f"where `sub` {_which} occurs, between `start` and `end`; -1 if nowhere",
        examples=[f'"abcbc".{_name}("bc") == {_at}', f'"abc".{_name}("x") == -1'],
        cost=TEXT,
    )(_finding(_name, _name == "rfind"))

method(
    "str",
    f"count(self: str, sub: str{_RANGE}) -> int",
    doc="how often `sub` occurs without overlap, between `start` and `end`",
    examples=['"banana".count("an") == 2', '"aaa".count("aa") == 1'],
    cost=TEXT,
)(_finding("count", False))


def _locating(name: str) -> Callable[..., int]:
    find = _finding(name, name == "rfind")

    def code(meter: Meter, self: str, sub: str, start: int | None = None, end: int | None = None) -> int:
        found = find(meter, self, sub, start, end)
        if found < 0:
            raise RunError.of("E304", f"{quoted(sub)} does not occur in the text", hint=f"`{name}` returns -1 instead")
        return found

    return code


for _name, _which, _at in (("index", "first", 1), ("rindex", "last", 3)):
    method(
        "str",
        f"{_name}(self: str, sub: str{_RANGE}) -> int",
        doc=f"where `sub` {_which} occurs, between `start` and `end`; an error if nowhere",
        examples=[f'"abcbc".{_name}("bc") == {_at}'],
        cost=TEXT,
    )(_locating(_name.replace("index", "find")))


# str: parts ----------------------------------------------------------------------


def _separator(sep: str) -> None:
    if not sep:
        raise RunError.of("E308", "the separator is empty", hint="`list(text)` returns the characters of a text")


def _splitting(name: str) -> Callable[..., list[str]]:
    work: Callable[[str, str | None, int], list[str]] = getattr(str, name)

    def code(meter: Meter, self: str, sep: str | None = None, maxsplit: int = -1) -> list[str]:
        limit = most_elements(meter)
        if sep is not None:
            _separator(sep)
            _search(meter, self, sep, name == "rsplit")
        meter.text(len(self))
        parts = work(self, sep, limit if maxsplit < 0 else min(maxsplit, limit))
        meter.items(len(parts))
        return parts

    return code


for _name, _from, _two in (("split", "start", '["a", "b c"]'), ("rsplit", "end", '["a b", "c"]')):
    method(
        "str",
        f"{_name}(self: str, sep: str | None = None, maxsplit: int = -1) -> list[str]",
        doc=f"the parts between separators, or between runs of white space; at most `maxsplit` cuts, from the {_from}",
        examples=[
            f'"a b c".{_name}(" ", 1) == {_two}',
            f'" a  b ".{_name}() == ["a", "b"]',
            f'"a,,b".{_name}(",") == ["a", "", "b"]',
        ],
        cost=SIZE,
    )(_splitting(_name))


@method(
    "str",
    "splitlines(self: str, keepends: bool = False) -> list[str]",
    doc="the lines, with their line ends if `keepends`",
    examples=['"a\\nb\\n".splitlines() == ["a", "b"]', '"a\\nb".splitlines(True) == ["a\\n", "b"]'],
    cost=SIZE,
)
def _splitlines(meter: Meter, self: str, keepends: bool = False) -> list[str]:
    meter.text(len(self))
    meter.items(line_count(self))
    return self.splitlines(keepends)


def _partitioning(name: str) -> Callable[[Meter, str, str], tuple[str, str, str]]:
    work: Callable[[str, str], tuple[str, str, str]] = getattr(str, name)

    def code(meter: Meter, self: str, sep: str) -> tuple[str, str, str]:
        _separator(sep)
        _search(meter, self, sep, name == "rpartition")
        meter.text(len(self))
        return work(self, sep)

    return code


for _name, _which, _parts, _whole in (
    ("partition", "first", '("a", "=", "b=c")', "it, and twice nothing"),
    ("rpartition", "last", '("a=b", "=", "c")', "twice nothing, and it"),
):
    method(
        "str",
        f"{_name}(self: str, sep: str) -> tuple[str, str, str]",
        doc=f"what is before the {_which} `sep`, `sep`, and what is after it; {_whole} if there is none",
        examples=[f'"a=b=c".{_name}("=") == {_parts}'],
        cost=TEXT,
    )(_partitioning(_name))


# str: making ---------------------------------------------------------------------


@method(
    "str",
    "join(self: str, parts: Iterable[str]) -> str",
    doc="the parts as one text, with this text between them",
    examples=['", ".join(["a", "b"]) == "a, b"', '"".join([]) == ""'],
    cost=SIZE,
)
def _join(meter: Meter, self: str, parts: Any) -> str:
    meter.charge(len(parts))
    meter.text(sum(map(len, parts)) + len(self) * max(0, len(parts) - 1))
    return self.join(parts)


@method(
    "str",
    "replace(self: str, old: str, new: str, count: int = -1) -> str",
    doc="with `new` for each `old`, or for the first `count` of them",
    examples=['"banana".replace("an", "o") == "booa"', '"aaa".replace("a", "b", 2) == "bba"'],
    cost=TEXT,
)
def _replace(meter: Meter, self: str, old: str, new: str, count: int = -1) -> str:
    _read(meter, self)
    found = self.count(old)
    times = found if count < 0 else min(count, found)
    meter.text(len(self) + times * (len(new) - len(old)))
    meter.charge(times)
    return self.replace(old, new, times)


def _padding(name: str) -> Callable[..., str]:
    work: Callable[[str, int, str], str] = getattr(str, name)

    def code(meter: Meter, self: str, width: int, fillchar: str = " ") -> str:
        if len(fillchar) != 1:
            raise RunError.of("E308", f"`fillchar` is {quoted(fillchar)}; it must be one character")
        width = max(width, len(self))
        meter.text(width)
        return work(self, width, fillchar)

    return code


for _name, _where, _result in (
    ("center", "on both sides", "-a-"),
    ("ljust", "at its end", "a--"),
    ("rjust", "at its start", "--a"),
):
    method(
        "str",
        f'{_name}(self: str, width: int, fillchar: str = " ") -> str',
        doc=f"filled up {_where} to `width` characters",
        examples=[f'"a".{_name}(3, "-") == "{_result}"', f'"abc".{_name}(2) == "abc"'],
        cost=TEXT,
    )(_padding(_name))


@method(
    "str",
    "zfill(self: str, width: int) -> str",
    doc="filled up with zeros to `width` characters, after a sign if there is one",
    examples=['"7".zfill(3) == "007"', '"-7".zfill(3) == "-07"'],
    cost=TEXT,
)
def _zfill(meter: Meter, self: str, width: int) -> str:
    width = max(width, len(self))
    meter.text(width)
    return self.zfill(width)


@method(
    "str",
    "expandtabs(self: str, tabsize: int = 8) -> str",
    doc="with spaces for tabs, up to the next column that is a multiple of `tabsize`",
    examples=['"a\\tb".expandtabs(4) == "a   b"'],
    cost=TEXT,
)
def _expandtabs(meter: Meter, self: str, tabsize: int = 8) -> str:
    tabs = self.count("\t")
    tabsize = max(0, tabsize) if tabs else 0
    meter.text(len(self) + tabs * tabsize)
    return self.expandtabs(tabsize)


@method(
    "str",
    "format(self: str, *args: Any, **fields: Any) -> str",
    doc="with values for the fields in it: `{}` in order, `{0}` by number, `{name}` by name, each with `!r` and a "
    "format as in f-strings",
    examples=['"{} of {:.1f}".format(1, 2.5) == "1 of 2.5"', '"{b}{a!r}".format(a="x", b=1) == "1\'x\'"'],
    cost=SIZE,
)
def _format(meter: Meter, self: str, *args: Any, **fields: Any) -> str:
    return formatted(meter, self, args, fields)


# Tables of characters ------------------------------------------------------------------


@static_method(
    "str",
    "maketrans(x: str, y: str) -> dict[int, int]",
    "maketrans(x: str, y: str, z: str) -> dict[int, int | None]",
    "maketrans(x: dict[str, str]) -> dict[int, str]",
    doc="a table for `translate`: the characters of `x` become those of `y`, and those of `z` are removed",
    examples=[
        'str.maketrans("ab", "xy") == {97: 120, 98: 121}',
        'str.maketrans({"a": "bc"}) == {97: "bc"}',
    ],
    cost=ELEMENTS,
)
def _maketrans(meter: Meter, x: Any, y: str = "", z: str = "") -> dict[int, Any]:
    meter.items(2 * (len(x) + len(z)))
    if isinstance(x, dict):
        if any(len(key) != 1 for key in x):
            raise RunError.of("E308", "each key of the table must be one character")
        return str.maketrans(x)
    if len(x) != len(y):
        raise RunError.of("E308", f"the texts must have the same length, not {len(x):,} and {len(y):,}")
    return str.maketrans(x, y, z)


@method(
    "str",
    "translate(self: str, table: dict[int, int]) -> str",
    "translate(self: str, table: dict[int, int | None]) -> str",
    "translate(self: str, table: dict[int, str]) -> str",
    "translate(self: str, table: dict[int, str | None]) -> str",
    doc="the text with each character replaced as a table of `str.maketrans` says",
    examples=['"banana".translate(str.maketrans("an", "AN")) == "bANANA"', '"a-b".translate({45: None}) == "ab"'],
    cost="1 step a character",
)
def _translate(meter: Meter, self: str, table: dict[int, Any]) -> str:
    most = max((len(each) for each in table.values() if isinstance(each, str)), default=1)
    meter.charge(1 + len(self) + len(table))
    meter.text(len(self) * max(1, most))
    try:
        return self.translate(table)
    except (ValueError, OverflowError):
        raise RunError.of("E308", "a number in the table is no character") from None
