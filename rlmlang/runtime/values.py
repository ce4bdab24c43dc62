"""Values while a program runs: plain Python values, sets with an order of their own, and records.

`str int float bool None list dict tuple` are Python's own, and so are counters and dicts with defaults. A value changes
only in place of a variable that owns it.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from heapq import nsmallest
from math import isinf
from typing import Any

from rlmlang.errors import RunError
from rlmlang.language.types import RecordType

DICTS = frozenset({dict, Counter, defaultdict})
"""The classes of dicts."""

Value = Any
"""A value of the language. Python has no narrower type for it that would not need a copy."""

MAX_INT_BITS = 13_000  # decision 12
"""Integers stay below 2**13000 (about 3,900 digits), so that `str` of one always works."""


class RecordValue:
    """An instance of a `class`: its type and its field values, in the declared order."""

    __slots__ = ("type", "values")

    def __init__(self, type_: RecordType, values: tuple[Value, ...]) -> None:
        self.type = type_
        self.values = values

    def get(self, name: str) -> Value:
        for (field, _), value in zip(self.type.fields, self.values):
            if field == name:
                return value
        raise KeyError(name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordValue) and self.type == other.type and self.values == other.values

    def __hash__(self) -> int:
        return hash((self.type.name, self.values))

    def __repr__(self) -> str:
        """Return the text that a Python dataclass would have, since it is `str` of a record."""
        pairs = (f"{name}={value!r}" for (name, _), value in zip(self.type.fields, self.values))
        return f"{self.type.name}({', '.join(pairs)})"


class SetValue(set[Value]):
    """A set: Python's own, but that the order of its elements is the same in every process (decision 8).

    Python orders texts by hashes that differ from process to process. Here they are in their own order, which is one
    of those that Python could have; so are tuples that hold texts. Other elements are in Python's order, which
    depends on the elements and on how the set came about. Operators therefore make a set just as Python's do.
    """

    __slots__ = ()

    def unordered(self) -> Iterator[Value]:
        """Return the elements in the order of the table, which is not to be seen."""
        return super().__iter__()

    def has_texts(self) -> bool:
        """Return whether texts, whose order Python does not fix, are among the elements or in them."""
        for first in super().__iter__():
            return isinstance(first, str) or (isinstance(first, tuple) and any(map(_has_text, super().__iter__())))
        return False

    def __iter__(self) -> Iterator[Value]:
        return iter(sorted(super().__iter__())) if self.has_texts() else super().__iter__()

    def __repr__(self) -> str:
        return f"{{{', '.join(map(repr, self))}}}" if self else "set()"

    def copy(self) -> SetValue:
        made = SetValue()
        made.update(self)
        return made

    def pop(self) -> Value:
        """Remove and return the first element. A set of texts is searched for it."""
        if not self.has_texts():
            return super().pop()
        first = min(super().__iter__())
        self.remove(first)
        return first

    def __or__(self, other: SetValue) -> SetValue:  # type: ignore[override]
        made = self.copy()
        made.update(other)
        return made

    def __and__(self, other: SetValue) -> SetValue:  # type: ignore[override]
        smaller, larger = (self, other) if len(other) > len(self) else (other, self)
        return SetValue(x for x in smaller.unordered() if x in larger)

    def __sub__(self, other: Collection[Value]) -> SetValue:
        if len(self) >> 2 > len(other):
            made = self.copy()
            made.difference_update(other)
            return made
        return SetValue(x for x in self.unordered() if x not in other)

    def __xor__(self, other: SetValue) -> SetValue:  # type: ignore[override]
        made = other.copy()
        made.symmetric_difference_update(self)
        return made


def _has_text(value: Value) -> bool:
    return isinstance(value, str) or (isinstance(value, tuple) and any(map(_has_text, value)))


def set_of(items: Collection[Value], constants: bool) -> SetValue:
    """Return the set that a display of these elements makes; `constants` says that all of them are constants.

    From three constants on, Python's compiler makes a set of them, that set again when it looks for equal constants,
    and the program copies it; the order of the elements is another then.
    """
    if not constants or len(items) < 3:
        return SetValue(items)
    made = SetValue()
    made.update(frozenset(tuple(frozenset(items))))
    return made


def key_text(key: Value) -> str:
    """Return the text of a key of a dict in JSON: a text itself, of anything else its JSON."""
    return key if isinstance(key, str) else canonical(key)


class PatternValue:
    """A regular expression that `re.compile` has read."""

    __slots__ = ("flags", "text")

    def __init__(self, text: str, flags: int) -> None:
        self.text = text
        self.flags = flags

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PatternValue) and (self.text, self.flags) == (other.text, other.flags)

    def __hash__(self) -> int:
        return hash((self.text, self.flags))

    def __repr__(self) -> str:
        """Return the text that Python has for it."""
        return repr(re.compile(self.text, self.flags))


class MatchValue:
    """What a regular expression found: the text, and the span of the whole and of each group in it."""

    __slots__ = ("names", "spans", "text")

    def __init__(self, text: str, spans: tuple[tuple[int, int], ...], names: dict[str, int]) -> None:
        self.text = text
        self.spans = spans
        self.names = names

    def group(self, number: int) -> str | None:
        """Return the text of a group, or of all that was found for 0; None if the group did not take part."""
        start, end = self.spans[number]
        return None if start < 0 else self.text[start:end]

    def __repr__(self) -> str:
        """Return the text that Python has for it."""
        return f"<re.Match object; span={self.spans[0]}, match={self.group(0)!r:.50}>"


def to_json(value: Value) -> Any:
    """Return the value as JSON data: tuples and sets as arrays, these sorted, and records as objects in field order."""
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key_text(key): to_json(item) for key, item in value.items()}
    if isinstance(value, SetValue):
        return [to_json(item) for item in sorted(value.unordered())]
    if isinstance(value, RecordValue):
        return {name: to_json(item) for (name, _), item in zip(value.type.fields, value.values)}
    if isinstance(value, PatternValue):
        return value.text
    return value.group(0) if isinstance(value, MatchValue) else value


def _as_data(value: object) -> Value:
    """Return what the JSON of a record, a set or a match is made of."""
    if isinstance(value, SetValue):
        return sorted(value.unordered())
    if isinstance(value, (MatchValue, PatternValue)):
        return to_json(value)
    assert isinstance(value, RecordValue)
    return {name: item for (name, _), item in zip(value.type.fields, value.values)}


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_as_data, allow_nan=False)


def canonical(value: Value) -> str:
    """Return the canonical JSON text of a value: no spaces, sets sorted, dicts and fields in their own order.

    Raises RunError E306 if a number in it is infinite.
    """
    try:
        try:
            return _encoder.encode(value)
        except TypeError:  # a tuple is a key
            return _encoder.encode(to_json(value))
    except ValueError:
        raise infinite() from None


def infinite() -> RunError:
    """Return the error of an infinite number that would leave a program (E306)."""
    return RunError.of("E306", "JSON has no infinite number", hint="test it first: `if x != float('inf'):`")


def has_infinity(value: Value) -> bool:
    """Return whether a number in a value is infinite."""
    rest = [value]
    while rest:
        match rest.pop():
            case float() as number if isinf(number):
                return True
            case list() | tuple() as items:
                rest += items
            case dict() as items:
                rest += items
                rest += items.values()
            case SetValue() as items:
                rest += items.unordered()
            case RecordValue(values=items):
                rest += items
    return False


class Mismatch(ValueError):
    """Data that is not of the expected type: the message says where and why, and the hint what to give instead."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class ObjectData(dict[str, Any]):
    """The fields of an object of a Python class, as data on its way to a value."""

    def __init__(self, fields: dict[str, Any], class_name: str) -> None:
        super().__init__(fields)
        self.class_name = class_name


def preview(value: Value, width: int = 80) -> str:
    """Return the value as program text, truncated to `width` characters. It never looks at more than it shows."""
    return _truncated(_preview(value, width), width)


def excerpt(value: Value, width: int) -> str:
    """Return the value as program text of about `width` characters, with `…` for what is left out.

    Every quote and bracket is closed, so that its end can be recognized.
    """
    return _preview(value, width)


def _truncated(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _preview(value: Value, width: int) -> str:
    if isinstance(value, str):
        return json.dumps(value[:width], ensure_ascii=False) + ("…" if len(value) > width else "")
    if isinstance(value, (list, tuple)):
        opening, closing = "[]" if isinstance(value, list) else "()"
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return opening + _parts((("", item) for item in value), width) + comma + closing
    if isinstance(value, SetValue):
        first = nsmallest(width // 3 + 2, value.unordered())
        return "{" + _parts((("", item) for item in first), width) + "}" if value else "set()"
    if isinstance(value, dict):
        return "{" + _parts(((f"{_preview(k, width)}: ", v) for k, v in value.items()), width) + "}"
    if isinstance(value, RecordValue):
        pairs = zip(value.type.fields, value.values)
        return f"{value.type}(" + _parts(((f"{name}=", item) for (name, _), item in pairs), width) + ")"
    return repr(value)


def _parts(parts: Iterator[tuple[str, Value]], width: int) -> str:
    shown: list[str] = []
    used = 0
    for label, item in parts:
        if used > width:
            shown.append("…")
            break
        shown.append(label + _preview(item, width - used))
        used += len(shown[-1]) + 2
    return ", ".join(shown)
