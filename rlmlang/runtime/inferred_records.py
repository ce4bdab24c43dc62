"""Records for inputs that no program declares: a table of texts and numbers has a type only as a list of records."""

from __future__ import annotations

from keyword import iskeyword
from typing import Any

from rlmlang.language.types import NEVER, DictType, ListType, OptionalType, RecordType, TupleType, Type, join, optional
from rlmlang.runtime.value_types import declarable, declarable_type, type_of
from rlmlang.runtime.values import Mismatch, ObjectData, RecordValue


def typed_data(data: Any, name: str, taken: set[str]) -> tuple[Any, Type]:
    """Return the data of an input, and the type that a program can declare for it.

    Objects and named tuples are records with the name of their class, and dicts whose values have no common type are
    records that are named after the input; `taken` are the names of records that there are, to which theirs are added.
    Fields that some of them lack are None. Raises Mismatch.
    """
    try:
        return data, declarable_type(data)
    except Mismatch:
        type_ = _common_type([data], name, taken)
        return completed(data, type_), type_


def _common_type(values: list[Any], name: str, taken: set[str]) -> Type:
    """Return the type of which all of some data are. Raises Mismatch."""
    there = [value for value in values if value is not None]
    try:
        type_ = _joined(there)
    except Mismatch:
        kinds = {type(value) for value in there}
        if kinds == {dict} and all(map(_is_object, parts := [part for value in there for part in value.values()])):
            keys = _common_type([key for value in there for key in value], name, taken)
            type_ = DictType(keys, _common_type(parts, name, taken))
        elif kinds <= {dict, ObjectData}:
            type_ = _record(there, name, taken)
        elif len(kinds) == 1 and _is_object(there[0]):
            type_ = _record([ObjectData(value._asdict(), type(value).__name__) for value in there], name, taken)
        elif kinds == {list}:
            type_ = ListType(_common_type([item for value in there for item in value], name, taken))
        elif kinds == {tuple} and len({len(value) for value in there}) == 1:
            type_ = TupleType(tuple(_common_type(list(items), name, taken) for items in zip(*there)))
        else:
            raise
    return type_ if len(there) == len(values) else optional(type_)


def _is_object(value: Any) -> bool:
    """Return whether data was an object with fields, or is a named tuple."""
    return isinstance(value, ObjectData) or hasattr(value, "_asdict")


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
    classes = {value.class_name if isinstance(value, ObjectData) else "" for value in values}
    own = classes.pop() if len(classes) == 1 else ""
    class_name = _unused(own, taken) if own.isidentifier() and own.isascii() else record_name(name, taken)
    taken.add(class_name)
    fields = [(key, _common_type([value.get(key) for value in values], key, taken)) for key in keys]
    return RecordType(class_name, tuple(fields))


def record_name(name: str, taken: set[str]) -> str:
    """Return a name for records of the input or field of a name: `Review` for `reviews`, and none that is taken."""
    return _unused("".join(part.capitalize() for part in name.removesuffix("s").split("_")) or "Row", taken)


def _unused(base: str, taken: set[str]) -> str:
    """Return a name, with a number behind it if it is taken."""
    found, number = base, 1
    while found in taken:
        number += 1
        found = f"{base}{number}"
    return found


def completed(data: Any, type_: Type) -> Any:
    """Return data of a type with None for the fields of records that are left out."""
    match type_:
        case OptionalType(item=item):
            return None if data is None else completed(data, item)
        case ListType(item=item):
            return [completed(each, item) for each in data]
        case DictType(value=of):
            return {key: completed(part, of) for key, part in data.items()}
        case TupleType(items=items):
            return tuple(map(completed, data, items))
        case RecordType(fields=fields) if not isinstance(data, RecordValue):
            data = data if isinstance(data, dict) else data._asdict()
            return {name: completed(data.get(name), of) for name, of in fields}
    return data
