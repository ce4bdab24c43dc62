"""Built-in functions for text: cutting, finding, counting, choosing. All take linear time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import chain, islice
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.builtins.common import (
    ELEMENTS,
    SIZE,
    SORTING,
    dropped_length,
    line_count,
    most_elements,
    taken_length,
    up_to_length,
)
from rlmlang.language.builtins.segments import sentence_ends, spaces, whole, words_of
from rlmlang.language.builtins.table import builtin
from rlmlang.runtime.meter import Meter
from rlmlang.runtime.values import RecordValue

MAX_PATTERN = 1_000
"""The most characters of a regular expression."""

PATTERN_MEMORY = 1 << 20
"""The most bytes of a compiled expression. The library keeps up to 128 of them."""


def _at_least(least: int, **given: int) -> None:
    for name, n in given.items():
        if n < least:
            raise RunError.of("E308", f"`{name}` is {n}; it must be at least {least}")


def _charge(meter: Meter, xs: Any, count: int) -> None:
    """Charge for a text or list of `count` characters or elements, whichever `xs` is, before it is made."""
    (meter.text if isinstance(xs, str) else meter.items)(count)


# Cutting into pieces -------------------------------------------------------------

_GAP = re.compile(r"(?:\r?\n|\r)\s*[\r\n]|\u2029")


@builtin(
    "chunk(text: str, size: int, overlap: int = 0) -> list[str]",
    "chunk(xs: list[T], size: int, overlap: int = 0) -> list[list[T]]",
    doc="pieces of at most `size`, each starting with the last `overlap` of the one before; text is cut in the "
    "second half of a piece after the last paragraph, else sentence, else word there, and never within a character",
    examples=[
        'chunk("One. Two three.", 12) == ["One. Two ", "three."]',
        '"".join(chunk("a b c d", 3)) == "a b c d"',
        "chunk([1, 2, 3], 2) == [[1, 2], [3]]",
        "chunk([1, 2, 3], 2, 1) == [[1, 2], [2, 3]]",
    ],
    cost="1 step an element, 17 a piece of text, 8 a mark that may end a sentence, 1 for 5 characters",
)
def _chunk(meter: Meter, xs: Any, size: int, overlap: int = 0) -> list[Any]:
    _at_least(1, size=size)
    _at_least(0, overlap=overlap)
    if overlap >= size:
        raise RunError.of("E308", f"`overlap` is {overlap}; it must be less than `size`, which is {size}")
    out: list[Any] = []
    start = end = 0
    while end < len(xs):
        end = min(start + size, len(xs))
        if isinstance(xs, str) and end < len(xs):
            meter.charge(16 + (end - start) // 8)
            end = _cut(meter, xs, start + max(overlap, size // 2), end)
        meter.charge(1)
        _charge(meter, xs, end - start)
        out.append(xs[start:end])
        start = end - overlap
    meter.items(len(out))
    return out


def _cut(meter: Meter, text: str, low: int, high: int) -> int:
    """Return the best place after `low` to cut a text, else `high`."""
    ends = (
        (match.end() for match in _GAP.finditer(text, low, high)),
        sentence_ends(meter, text, low, high),
        spaces(text, low, high),
    )
    best = next((last for last in (max(each, default=0) for each in ends) if last), high)
    return whole(text, low, best)


@builtin(
    "window(text: str, n: int, step: int = 1) -> list[str]",
    "window(xs: list[T], n: int, step: int = 1) -> list[list[T]]",
    doc="all runs of `n` neighbours, one starting every `step`",
    examples=["window([1, 2, 3], 2) == [[1, 2], [2, 3]]", 'window("abcd", 2, 2) == ["ab", "cd"]'],
    cost="for each run 1 step an element, or 1 for 16 characters",
    moves=2,
)
def _window(meter: Meter, xs: Any, n: int, step: int = 1) -> list[Any]:
    _at_least(1, n=n, step=step)
    starts = range(0, len(xs) - n + 1, step)
    meter.items(len(starts))
    meter.charge(len(starts) * (n // 16 if isinstance(xs, str) else n))
    return [xs[i : i + n] for i in starts]


@builtin(
    "take(text: str, n: int) -> str",
    "take(xs: list[T], n: int) -> list[T]",
    doc="the first `n`, or all if there are fewer",
    examples=["take([1, 2, 3], 2) == [1, 2]", 'take("abc", 5) == "abc"'],
    cost=SIZE,
    moves=1,
    bounds=taken_length,
)
def _take(meter: Meter, xs: Any, n: int) -> Any:
    _at_least(0, n=n)
    _charge(meter, xs, min(n, len(xs)))
    return xs[:n]


@builtin(
    "drop(text: str, n: int) -> str",
    "drop(xs: list[T], n: int) -> list[T]",
    doc="all but the first `n`",
    examples=["drop([1, 2, 3], 2) == [3]", 'drop("abc", 5) == ""'],
    cost=SIZE,
    moves=1,
    bounds=dropped_length,
)
def _drop(meter: Meter, xs: Any, n: int) -> Any:
    _at_least(0, n=n)
    _charge(meter, xs, max(0, len(xs) - n))
    return xs[n:]


@builtin(
    "flatten(xs: list[list[T]]) -> list[T]",
    doc="the elements of the lists, one list after another",
    examples=["flatten([[1], [2, 3]]) == [1, 2, 3]"],
    cost=ELEMENTS,
)
def _flatten(meter: Meter, xs: list[list[Any]]) -> list[Any]:
    meter.charge(len(xs))
    meter.items(sum(map(len, xs)))
    return [x for part in xs for x in part]


# Lines, words, sentences, paragraphs ---------------------------------------------


@builtin(
    "lines(text: str) -> list[str]",
    doc="the lines without their line ends, as `splitlines` gives them",
    examples=['lines("a\\n\\nb\\n") == ["a", "", "b"]', 'lines("") == []'],
    cost=SIZE,
)
def _lines(meter: Meter, text: str) -> list[str]:
    meter.text(len(text))
    meter.items(line_count(text))
    return text.splitlines()


@builtin(
    "words(text: str) -> list[str]",
    doc="the words, by Unicode's rules: letters and digits with their marks, and what joins them, as in can't, 3.14 "
    "and well-known; each Chinese character, and each run of Thai, is one",
    examples=[
        'words("Don\'t panic, well-known E2E: 3.14!") == ["Don\'t", "panic", "well-known", "E2E", "3.14"]',
        'words("हिन्दी शब्द।") == ["हिन्दी", "शब्द"]',
    ],
    cost="1 step an element, 1 for 3 characters",
)
def _words(meter: Meter, text: str) -> list[str]:
    meter.text(len(text))
    meter.charge(len(text) // 4)
    found = list(islice(words_of(text), most_elements(meter) + 1))
    meter.items(len(found))
    return found


@builtin(
    "sentences(text: str) -> list[str]",
    doc="the sentences, stripped, by Unicode's rules: they end at . ! ? … before white space, at 。 । ؟ and the like, "
    "at blank lines, and before items of lists; not at a full stop before a small letter, or after an abbreviation or "
    "initial",
    examples=[
        'sentences("Dr. Li came, e.g. today. Is it? Yes!") == ["Dr. Li came, e.g. today.", "Is it?", "Yes!"]',
        "sentences('\"Go.\" He went.\\n\\nend') == ['\"Go.\"', 'He went.', 'end']",
        'sentences("यह है। वह गया।") == ["यह है।", "वह गया।"]',
    ],
    cost="1 step an element, 8 a mark that may end one, 1 for 16 characters",
)
def _sentences(meter: Meter, text: str) -> list[str]:
    return _stripped(meter, text, sentence_ends(meter, text))


_BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


@builtin(
    "paragraphs(text: str) -> list[str]",
    doc="the paragraphs, stripped: the parts between blank lines",
    examples=['paragraphs("a\\nb\\n \\nc\\n") == ["a\\nb", "c"]'],
    cost=SIZE,
)
def _paragraphs(meter: Meter, text: str) -> list[str]:
    return _stripped(meter, text, (match.end() for match in _BLANK_LINES.finditer(text)))


def _stripped(meter: Meter, text: str, ends: Iterable[int]) -> list[str]:
    """Return the parts up to each end, without white space around them, and without empty ones."""
    meter.text(len(text))
    bounds = chain(islice(ends, most_elements(meter)), [len(text)])
    out: list[str] = []
    start = 0
    for end in bounds:
        part = text[start:end].strip()
        if part:
            out.append(part)
        start = end
    meter.items(len(out))
    return out


# Finding -------------------------------------------------------------------------


@builtin(
    "grep(pattern: str, text: str) -> list[str]",
    "grep(pattern: str, lines: list[str]) -> list[str]",
    doc="the lines in which a regular expression matches somewhere (RE2 syntax)",
    examples=['grep("^b", "a\\nb\\nbc") == ["b", "bc"]', 'grep(r"(?i)\\bX\\b", ["x y", "xy"]) == ["x y"]'],
    cost="a step for each part of the compiled expression, as many again for 64 characters, and 1 a line",
)
def _grep(meter: Meter, pattern: str, text: str | list[str]) -> list[str]:
    search, size = _compiled(pattern)
    meter.charge(50 + size)
    lines = _lines(meter, text) if isinstance(text, str) else text
    meter.items(len(lines))
    found: list[str] = []
    for line in lines:
        meter.charge(len(line) * size // 64)
        if search(line.encode("utf-8", "surrogatepass")) is not None:
            found.append(line)
    return found


def _compiled(pattern: str) -> tuple[Any, int]:
    """Return the search function of a pattern for UTF-8, and the size of its compiled program. Raises RunError E307."""
    if len(pattern) > MAX_PATTERN:
        raise RunError.of("E307", f"a regular expression of {len(pattern):,} characters; the limit is {MAX_PATTERN:,}")
    compiled = _compile(pattern)
    if isinstance(compiled, str):
        raise RunError.of(
            "E307",
            f"invalid regular expression: {_placed(pattern, compiled)}",
            hint="RE2 has no look-around and no back-references; write `\\` before a literal . ( ) [ ] { } * + ? |",
        )
    return compiled.search, compiled.programsize


def _compile(pattern: str) -> Any:
    """Return the compiled expression, or the message of the library that refuses it."""
    import re2  # imported here, since loading it takes longer than checking a small program

    options = re2.Options()  # decision 16
    options.log_errors = False
    options.never_capture = True
    options.max_mem = PATTERN_MEMORY
    try:
        return re2.compile(pattern.encode("utf-8", "surrogatepass"), options)
    except re2.error as error:
        reason: bytes = error.args[0]
        return reason.decode("utf-8", "replace")


def _placed(pattern: str, message: str) -> str:
    """Return the message of the library about a pattern with the place, which the library leaves out."""
    reason, _, part = message.partition(": ")
    at = pattern.find(part)
    while at > 0 and (at - len(pattern[:at].rstrip("\\"))) % 2:  # after a backslash it means itself
        at = pattern.find(part, at + 1)
    if reason == "unexpected )":
        at = next(i for i in range(len(pattern)) if str(_compile(pattern[: i + 1])).startswith(reason))
    elif reason == "missing )":
        at = len(pattern)
    return f"{reason} at character {at + 1}" if part and at >= 0 else reason


# Counting and choosing -----------------------------------------------------------

_SMALL = 1 << 60


def _keys(meter: Meter, values: list[Any]) -> list[Any]:
    """Return a hashable key for each value, so that keys are equal exactly where the values are.

    The key of a number from 2**60 on is a text: Python hashes numbers without a secret, so that
    many could be chosen to collide.
    """
    meter.walk(values)
    return [x if _hashes_well(x) else _as_text(meter, x) for x in values]


def _hashes_well(x: Any) -> bool:
    return isinstance(x, (str, type(None))) or (isinstance(x, (int, float)) and -_SMALL < x < _SMALL)


def _as_text(meter: Meter, value: Any) -> str:
    meter.charge(8)
    return _encoder.encode(_plain(value))


_encoder = json.JSONEncoder(sort_keys=True)


def _plain(value: Any) -> Any:
    """Return JSON data whose text, with keys sorted, is the same exactly for equal values."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, RecordValue):
        return [_plain(item) for item in value.values]
    return value


def _listed(meter: Meter, xs: Any) -> list[Any]:
    meter.items(len(xs))
    return list(xs)


@builtin(
    "counts(xs: Iterable[str]) -> dict[str, int]",
    doc="how often each text occurs: the most frequent first, of equally frequent ones the one seen first",
    examples=['counts(["b", "a", "b"]) == {"b": 2, "a": 1}', 'list(counts(["y", "x", "x"])) == ["x", "y"]'],
    cost=SORTING,
)
def _counts(meter: Meter, xs: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for x in _listed(meter, xs):
        meter.charge(1 + len(x) // 16)
        found[x] = found.get(x, 0) + 1
    meter.charge(len(found) * len(found).bit_length())
    return dict(sorted(found.items(), key=lambda item: -item[1]))


@builtin(
    "vote(xs: Iterable[T]) -> T",
    doc="the most frequent element, of equally frequent ones the one seen first",
    examples=['vote(["b", "a", "a"]) == "a"', "vote([2, 1]) == 2", "vote([[1], [2], [2]]) == [2]"],
    cost=SIZE,
)
def _vote(meter: Meter, xs: Any) -> Any:
    values = _listed(meter, xs)
    if not values:
        raise RunError.of("E305", "`vote` of an empty sequence", hint="write `vote(xs) if xs else …`")
    found: dict[Any, list[int]] = {}
    for i, key in enumerate(_keys(meter, values)):
        found.setdefault(key, []).append(i)
    return values[max(found.values(), key=len)[0]]


@builtin(
    "unique(xs: Iterable[T]) -> list[T]",
    doc="the elements without repetition, each where it is seen first",
    examples=['unique(["b", "a", "b"]) == ["b", "a"]', "unique([[1], [1]]) == [[1]]"],
    cost=SIZE,
    bounds=up_to_length,
)
def _unique(meter: Meter, xs: Any) -> list[Any]:
    values = _listed(meter, xs)
    first: dict[Any, Any] = {}
    for key, value in zip(_keys(meter, values), values):
        first.setdefault(key, value)
    return list(first.values())
