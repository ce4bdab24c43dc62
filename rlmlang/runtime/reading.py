"""Read JSON data, of inputs, answers and stored values, as values of types."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
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
    OpenTupleType,
    OptionalType,
    RecordType,
    SetType,
    TupleType,
    Type,
    base_of,
    same_constant,
)  # fmt: skip
from rlmlang.runtime.strict_json import parse_json
from rlmlang.runtime.values import MAX_INT_BITS, Mismatch, RecordValue, SetValue, Value, to_json


def from_json(data: Any, type_: Type, where: str = "the value") -> Value:
    """Return JSON data as a value of the type. Raises Mismatch."""
    if isinstance(data, RecordValue) and isinstance(type_, (DictType, RecordType)):
        data = {name: value for (name, _), value in zip(data.type.fields, data.values)}
    match type_:
        case OptionalType():
            return None if data is None else from_json(data, type_.item, where)
        case LiteralType():
            if any(same_constant(data, value) for value in type_.values):
                return data
            raise Mismatch(f"{where} is {_shown(data)}, not one of {_shown(list(type_.values))}")
        case ListType():
            if isinstance(data, (list, tuple)):
                return [from_json(item, type_.item, f"{where}[{i}]") for i, item in enumerate(data)]
            if isinstance(data, SetValue):
                raise Mismatch(f"{where} is a set, not {type_}", "give sorted(value), or declare a set")
        case SetType():
            if isinstance(data, SetValue):
                items = data.unordered()  # those of Python need not have an order
                return SetValue(from_json(to_json(item), type_.item, f"an element of {where}") for item in items)
            if isinstance(data, (list, tuple)):
                return SetValue(from_json(item, type_.item, f"{where}[{i}]") for i, item in enumerate(data))
        case DictType():
            if isinstance(data, dict):
                values = (from_json(item, type_.value, f"{where}[{key!r}]") for key, item in data.items())
                found = dict(zip([_key(key, type_.key, where) for key in data], values))
                if len(found) < len(data):
                    raise Mismatch(f"{where} has a key twice")
                return found
        case TupleType():
            if isinstance(data, (list, tuple)) and len(data) == len(type_.items):
                pairs = enumerate(zip(data, type_.items))
                return tuple(from_json(item, item_type, f"{where}[{i}]") for i, (item, item_type) in pairs)
        case OpenTupleType():
            if isinstance(data, (list, tuple)):
                return tuple(from_json(item, type_.item, f"{where}[{i}]") for i, item in enumerate(data))
        case RecordType():
            if isinstance(data, tuple) and hasattr(data, "_asdict"):
                return _record_from_json(data._asdict(), type_, where)
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


def _key(key: Any, type_: Type, where: str) -> Value:
    """Return a key of an object, which is text, as a key of a dict. Keys of Python data may be there already."""
    if not isinstance(key, str):
        if base_of(type_) == STR:
            hint = f"make its keys text, or declare dict[{type(key).__name__}, …]"
            raise Mismatch(f"{where} has the key {key!r:.60}, which is not str", hint)
        data = to_json(key)
    elif base_of(type_) == STR:
        data = key
    else:
        try:
            data = parse_json(key)
        except Mismatch:
            raise Mismatch(f"{where} has the key {_shown(key)}, which is not {type_}") from None
    return from_json(data, type_, f"a key of {where}")


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
    if isinstance(data, SetValue):
        return "a set"
    text = json.dumps(to_json(data), ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"


DefaultOf = Callable[[Any], Value]
"""Gives the value of the expression that is the default of a field."""


def with_left_out(data: Any, type_: Type, default_of: DefaultOf | None = None) -> Any:
    """Return data in which records have the fields that were left out and may be None.

    With `default_of` they also have those that have defaults.
    """
    return _completed(data, type_, default_of) if _may_lack(type_, set()) else data


def _may_lack(type_: Type, known: set[RecordType]) -> bool:
    """Return whether a record with a field that may be left out is in a type, but for those that are known."""
    match type_:
        case OptionalType(item=item) | ListType(item=item) | OpenTupleType(item=item) | DictType(value=item):
            return _may_lack(item, known)
        case TupleType(items=items):
            return any(_may_lack(item, known) for item in items)
        case RecordType(fields=fields) if type_ not in known:
            known.add(type_)  # written out, a type can be exponentially long
            return bool(type_.defaults) or any(_is_optional(field) or _may_lack(field, known) for _, field in fields)
    return False


def _is_optional(field: Type) -> bool:
    return isinstance(field, OptionalType) or field == NONE


def _completed(data: Any, type_: Type, default_of: DefaultOf | None) -> Any:
    match type_:
        case OptionalType():
            return _completed(data, type_.item, default_of)
        case ListType() | OpenTupleType() if isinstance(data, list | tuple):
            return [_completed(item, type_.item, default_of) for item in data]
        case TupleType() if isinstance(data, list | tuple) and len(data) == len(type_.items):
            return [_completed(item, item_type, default_of) for item, item_type in zip(data, type_.items)]
        case DictType() if isinstance(data, dict):
            return {key: _completed(item, type_.value, default_of) for key, item in data.items()}
        case RecordType() if isinstance(data, dict):
            fields = dict(type_.fields)
            made: dict[str, Any] = dict.fromkeys(name for name, field in type_.fields if _is_optional(field))
            if default_of is not None:
                made |= {name: default_of(default) for name, default in type_.defaults.items() if name not in data}
            given = data.items()
            return made | {
                name: _completed(of, fields[name], default_of) if name in fields else of for name, of in given
            }
    return data
