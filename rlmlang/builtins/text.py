"""Built-ins for text work: cutting, finding, counting, choosing."""

from __future__ import annotations

import re
from typing import Any

from rlmlang.builtins.table import builtin
from rlmlang.errors import RunError
from rlmlang.values import Meter, canonical

MAX_PATTERN = 1_000
"""Characters of a regular expression."""


def _positive(name: str, n: int) -> None:
    if n < 1:
        raise RunError.of("E308", f"`{name}` is {n}; it must be at least 1")


# Cutting -------------------------------------------------------------------------

_BREAKS = (re.compile(r"\n\s*\n"), re.compile(r"[.!?]['\")\]]*\s"), re.compile(r"\s"))
"""Where text is cut: after a paragraph, else a sentence, else a word."""


@builtin(
    "chunk(text: str, size: int, overlap: int = 0) -> list[str]",
    "chunk(xs: list[T], size: int, overlap: int = 0) -> list[list[T]]",
    doc="pieces of at most `size`, text cut after paragraphs, sentences or words where possible",
    examples=[
        'chunk("one two", 4) == ["one ", "two"]',
        "chunk([1, 2, 3], 2) == [[1, 2], [3]]",
        "chunk([1, 2, 3], 2, 1) == [[1, 2], [2, 3]]",
        '"".join(chunk("a b c d", 3)) == "a b c d"',
    ],
)
def _chunk(meter: Meter, xs: Any, size: int, overlap: int = 0) -> list[Any]:
    _positive("size", size)
    if not 0 <= overlap < size:
        raise RunError.of("E308", f"`overlap` is {overlap}; it must be from 0 to below `size`, {size}")
    pieces = -(-len(xs) // (size - overlap))
    meter.items(pieces)
    if isinstance(xs, str):
        meter.charge(1 + len(xs) // 8 + pieces * (overlap // 16 + 1))
    else:
        meter.items(len(xs) + pieces * overlap)
    out: list[Any] = []
    start = 0
    while start < len(xs):
        end = min(start + size, len(xs))
        if isinstance(xs, str) and end < len(xs):
            end = _cut(xs, start + max(overlap, size // 2), end)
        out.append(xs[start:end])
        if end == len(xs):
            break
        start = end - overlap
    meter.charge(len(out))
    return out


def _cut(text: str, low: int, high: int) -> int:
    """The best place to cut in the second half of a piece, else its end."""
    for pattern in _BREAKS:
        best = 0
        for match in pattern.finditer(text, low, high):
            best = match.end()
        if best:
            return best
    return high


@builtin(
    "lines(text: str) -> list[str]",
    doc="the lines, without their line ends",
    examples=['lines("a\\nb\\n") == ["a", "b"]', 'lines("") == []'],
)
def _lines(meter: Meter, text: str) -> list[str]:
    meter.items(text.count("\n") + 1)
    meter.text(len(text))
    return text.splitlines()


_WORD = re.compile(r"\w+(?:['’\-]\w+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])['\")\]]*\s+(?=[\"'(\[]*[A-Z0-9])|\n\s*\n")
_PARAGRAPH_END = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")


@builtin(
    "words(text: str) -> list[str]",
    doc="the words, without punctuation",
    examples=['words("Don\'t panic, now.") == ["Don\'t", "panic", "now"]'],
)
def _words(meter: Meter, text: str) -> list[str]:
    meter.items(1 + len(text) // 2)
    return _WORD.findall(text)


@builtin(
    "sentences(text: str) -> list[str]",
    doc="the sentences: cut after . ! ? before a capital, and at blank lines",
    examples=['sentences("It is. Is it? Yes!") == ["It is.", "Is it?", "Yes!"]'],
)
def _sentences(meter: Meter, text: str) -> list[str]:
    meter.text(2 * len(text))
    parts = (part.strip() for part in _SENTENCE_END.split(text))
    return [part for part in parts if part]


@builtin(
    "paragraphs(text: str) -> list[str]",
    doc="the paragraphs: cut at blank lines",
    examples=['paragraphs("a\\nb\\n\\nc\\n") == ["a\\nb", "c"]'],
)
def _paragraphs(meter: Meter, text: str) -> list[str]:
    meter.text(2 * len(text))
    parts = (part.strip() for part in _PARAGRAPH_END.split(text))
    return [part for part in parts if part]


@builtin(
    "window(text: str, n: int, step: int = 1) -> list[str]",
    "window(xs: list[T], n: int, step: int = 1) -> list[list[T]]",
    doc="the runs of `n` neighbours, a new one every `step`",
    examples=["window([1, 2, 3], 2) == [[1, 2], [2, 3]]", 'window("abcd", 2, 2) == ["ab", "cd"]'],
    cost="n for each run",
)
def _window(meter: Meter, xs: Any, n: int, step: int = 1) -> list[Any]:
    _positive("n", n)
    _positive("step", step)
    count = max(0, (len(xs) - n) // step + 1)
    meter.items(count)
    meter.charge(count * (n // 16 + 1 if isinstance(xs, str) else n))
    return [xs[i * step : i * step + n] for i in range(count)]


@builtin(
    "take(text: str, n: int) -> str",
    "take(xs: list[T], n: int) -> list[T]",
    doc="the first `n`, or all if there are fewer",
    examples=["take([1, 2, 3], 2) == [1, 2]", 'take("abc", 5) == "abc"'],
)
def _take(meter: Meter, xs: Any, n: int) -> Any:
    _charge_part(meter, xs, max(0, min(n, len(xs))))
    return xs[: max(0, n)]


@builtin(
    "drop(text: str, n: int) -> str",
    "drop(xs: list[T], n: int) -> list[T]",
    doc="all but the first `n`",
    examples=["drop([1, 2, 3], 2) == [3]", 'drop("abc", 1) == "bc"'],
)
def _drop(meter: Meter, xs: Any, n: int) -> Any:
    _charge_part(meter, xs, max(0, len(xs) - max(0, n)))
    return xs[max(0, n) :]


def _charge_part(meter: Meter, xs: Any, count: int) -> None:
    if isinstance(xs, str):
        meter.text(count)
    else:
        meter.items(count)


@builtin(
    "flatten(xs: list[list[T]]) -> list[T]",
    doc="the elements of the lists, one list after another",
    examples=["flatten([[1], [2, 3]]) == [1, 2, 3]"],
)
def _flatten(meter: Meter, xs: list[list[Any]]) -> list[Any]:
    meter.items(sum(map(len, xs)) + len(xs))
    return [x for part in xs for x in part]


# Finding -------------------------------------------------------------------------


@builtin(
    "grep(pattern: str, text: str) -> list[str]",
    "grep(pattern: str, lines: list[str]) -> list[str]",
    doc="the lines that match a regular expression (RE2: linear time, no back-references)",
    examples=['grep("^b", "a\\nb\\nbc") == ["b", "bc"]', 'grep("(?i)X", ["x", "y"]) == ["x"]'],
)
def _grep(meter: Meter, pattern: str, text: str | list[str]) -> list[str]:
    if len(pattern) > MAX_PATTERN:
        raise RunError.of("E307", f"a pattern of {len(pattern):,} characters; the limit is {MAX_PATTERN:,}")
    lines = _lines(meter, text) if isinstance(text, str) else text
    meter.charge(sum(1 + len(line) // 4 for line in lines))
    found = _compile(pattern)
    return [line for line in lines if found.search(_encodable(line))]


def _compile(pattern: str) -> Any:
    import re2  # imported where it is used: it takes longer to load than a small program to check

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    try:
        return re2.compile(_encodable(pattern), options)
    except re2.error as error:
        reason = error.args[0]
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise RunError.of(
            "E307",
            f"the regular expression is not accepted: {reason}",
            hint="back-references and look-around are left out; write `\\` before . ( ) [ ] * + ? to mean themselves",
        ) from None


def _encodable(text: str) -> str:
    """Text without lone surrogates, which RE2 cannot take."""
    return text.encode("utf-8", "replace").decode("utf-8")


# Counting and choosing -----------------------------------------------------------


def _keys(meter: Meter, xs: Any) -> list[Any]:
    """A hashable stand-in for each element, equal where the elements are."""
    values = list(xs)
    meter.items(len(values))
    meter.walk(*values)
    return [x if isinstance(x, (str, int, float)) else canonical(x) for x in values]


@builtin(
    "counts(xs: Iterable[str]) -> dict[str, int]",
    doc="how often each text occurs, the most frequent first",
    examples=['counts(["b", "a", "b"]) == {"b": 2, "a": 1}', 'list(counts(["x", "y"])) == ["x", "y"]'],
)
def _counts(meter: Meter, xs: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for x in _keys(meter, xs):
        found[x] = found.get(x, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))


@builtin(
    "vote(xs: Iterable[T]) -> T",
    doc="the most frequent element, of equally frequent ones the first",
    examples=['vote(["b", "a", "a"]) == "a"', "vote([2, 1]) == 2"],
)
def _vote(meter: Meter, xs: Any) -> Any:
    values, keys = list(xs), _keys(meter, xs)
    if not values:
        raise RunError.of("E305", "`vote` of nothing", hint="test `if xs` first")
    found: dict[Any, int] = {}
    for key in keys:
        found[key] = found.get(key, 0) + 1
    best = max(found.values())
    return next(value for value, key in zip(values, keys) if found[key] == best)


@builtin(
    "unique(xs: Iterable[T]) -> list[T]",
    doc="the elements without repetition, each where it first stands",
    examples=['unique(["b", "a", "b"]) == ["b", "a"]', "unique([[1], [1]]) == [[1]]"],
)
def _unique(meter: Meter, xs: Any) -> list[Any]:
    seen: set[Any] = set()
    out: list[Any] = []
    for value, key in zip(list(xs), _keys(meter, xs)):
        if key not in seen:
            seen.add(key)
            out.append(value)
    return out
