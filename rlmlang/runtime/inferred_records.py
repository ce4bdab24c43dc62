"""Records for inputs that no program declares: a table of texts and numbers has a type only as a list of records."""

from __future__ import annotations

from keyword import iskeyword
from typing import Any

from rlmlang.language.types import NEVER, ListType, OptionalType, RecordType, TupleType, Type, join, optional
from rlmlang.runtime.value_types import declarable, declarable_type, type_of
from rlmlang.runtime.values import Mismatch


def typed_data(data: Any, name: str, taken: set[str]) -> tuple[Any, Type]:
    """Return the data of an input, and the type that a program can declare for it.

    Dicts whose values have no common type are records, named after the input; `taken` are the names of records that
    there are, to which theirs are added. Fields that some of them lack are None. Raises Mismatch.
    """
    try:
        return data, declarable_type(data)
    except Mismatch:
        type_ = _common_type([data], name, taken)
        return _completed(data, type_), type_


def _common_type(values: list[Any], name: str, taken: set[str]) -> Type:
    """Return the type of which all of some data are. Raises Mismatch."""
    there = [value for value in values if value is not None]
    try:
        type_ = _joined(there)
    except Mismatch:
        kinds = {type(value) for value in there}
        if kinds == {dict}:
            type_ = _record(there, name, taken)
        elif kinds == {list}:
            type_ = ListType(_common_type([item for value in there for item in value], name, taken))
        elif kinds == {tuple} and len({len(value) for value in there}) == 1:
            type_ = TupleType(tuple(_common_type(list(items), name, taken) for items in zip(*there)))
        else:
            raise
    return type_ if len(there) == len(values) else optional(type_)


def _joined(values: list[Any]) -> Type:
    common: Type = NEVER
    for value in values:
        joined = join(common, of := type_of(value))
        if joined is None:
            raise Mismatch(f"it mixes {common} and {of}")
        common = joined
    return declarable(common)


def _record(values: list[dict[Any, Any]], name: str, taken: set[str]) -> RecordType:
    """Return the record whose fields are the keys of some dicts. Raises Mismatch for keys that are no names."""
    keys = dict.fromkeys(key for value in values for key in value)
    for key in keys:
        if not (isinstance(key, str) and key.isidentifier() and key.isascii()) or iskeyword(key) or key[0] == "_":
            message = f"it has the key {key!r:.60}, which is no name of a field, and values of several types"
            raise Mismatch(message, "rename it, or give values of one type")
    class_name = record_name(name, taken)
    taken.add(class_name)
    fields = [(key, _common_type([value.get(key) for value in values], key, taken)) for key in keys]
    return RecordType(class_name, tuple(fields))


def record_name(name: str, taken: set[str]) -> str:
    """Return a name for records of the input or field of a name: `Review` for `reviews`, and none that is taken."""
    found = base = "".join(part.capitalize() for part in name.removesuffix("s").split("_")) or "Row"
    number = 1
    while found in taken:
        number += 1
        found = f"{base}{number}"
    return found


def _completed(data: Any, type_: Type) -> Any:
    """Return data of a type with None for the fields of records that are left out."""
    match type_:
        case OptionalType(item=item):
            return None if data is None else _completed(data, item)
        case ListType(item=item):
            return [_completed(each, item) for each in data]
        case TupleType(items=items):
            return tuple(map(_completed, data, items))
        case RecordType(fields=fields):
            return {name: _completed(data.get(name), of) for name, of in fields}
    return data
