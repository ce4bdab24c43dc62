"""Values while a program runs: plain Python values and records.

`str int float bool None list dict tuple` are Python's own and are never mutated.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DictType,
    ListType,
    LiteralType,
    OptionalType,
    RecordType,
    TupleType,
    Type,
    same_constant,
)  # fmt: skip

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


def to_json(value: Value) -> Any:
    """Return the value as JSON data: tuples as arrays, records as objects in field order."""
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, RecordValue):
        return {name: to_json(item) for (name, _), item in zip(value.type.fields, value.values)}
    return value


def _record_fields(value: object) -> dict[str, Value]:
    assert isinstance(value, RecordValue)
    return {name: item for (name, _), item in zip(value.type.fields, value.values)}


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_record_fields)


def canonical(value: Value) -> str:
    """Return the canonical JSON text of a value: no spaces, dicts and fields in their own order."""
    return _encoder.encode(value)


class Mismatch(ValueError):
    """JSON data that is not of the expected type; the message says where and why."""


def from_json(data: Any, type_: Type, where: str = "the value") -> Value:
    """Return JSON data as a value of the type. Raises Mismatch."""
    match type_:
        case OptionalType():
            return None if data is None else from_json(data, type_.item, where)
        case LiteralType():
            if any(same_constant(data, value) for value in type_.values):
                return data
            raise Mismatch(f"{where} is {_shown(data)}, not one of {_shown(list(type_.values))}")
        case ListType():
            if isinstance(data, list):
                return [from_json(item, type_.item, f"{where}[{i}]") for i, item in enumerate(data)]
        case DictType():
            if isinstance(data, dict):
                for key in data:
                    if not isinstance(key, str):
                        raise Mismatch(f"{where} has the key {key!r:.60}, which is not str")
                return {key: from_json(item, type_.value, f"{where}[{key!r}]") for key, item in data.items()}
        case TupleType():
            if isinstance(data, list) and len(data) == len(type_.items):
                pairs = enumerate(zip(data, type_.items))
                return tuple(from_json(item, item_type, f"{where}[{i}]") for i, (item, item_type) in pairs)
        case RecordType():
            if isinstance(data, dict):
                return _record_from_json(data, type_, where)
        case _ if type_ == FLOAT:
            if isinstance(data, float):
                if not math.isfinite(data):
                    raise Mismatch(f"{where} is {data}, which is no number of the language")
                return data
            if isinstance(data, int) and not isinstance(data, bool):
                return from_json(data, INT, where)
        case _ if type_ == INT:
            if isinstance(data, int) and not isinstance(data, bool):
                if data.bit_length() > MAX_INT_BITS:
                    raise Mismatch(f"{where} is an integer of more than {MAX_INT_BITS:,} bits")
                return data
        case _ if type_ == STR:
            if isinstance(data, str):
                return data
        case _ if type_ == BOOL:
            if isinstance(data, bool):
                return data
        case _ if type_ == NONE:
            if data is None:
                return None
    raise Mismatch(f"{where} is {_shown(data)}, not {type_}")


def _record_from_json(data: dict[str, Any], type_: RecordType, where: str) -> RecordValue:
    expected = dict(type_.fields)
    for name in data:
        if name not in expected:
            raise Mismatch(f"{where} has a field {name!r}, which {type_} does not have")
    for name in expected:
        if name not in data:
            raise Mismatch(f"{where} lacks the field {name!r} of {type_}")
    return RecordValue(type_, tuple(from_json(data[n], t, f"{where}.{n}") for n, t in type_.fields))


def _shown(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"


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
