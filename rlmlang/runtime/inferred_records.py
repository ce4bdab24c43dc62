"""Records for inputs that no program declares: a table of texts and numbers has a type only as a list of records."""

from __future__ import annotations

from collections.abc import Sequence
from keyword import iskeyword
from typing import Any

from rlmlang.language.types import NEVER, DictType, ListType, OptionalType, RecordType, TupleType, Type, join, optional
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.value_types import declarable, declarable_type, type_of
from rlmlang.runtime.values import Mismatch, ObjectData, RecordValue

KnownRecords = dict[str, RecordType]
"""The records that objects of classes of their names may be."""


def typed_data(data: Any, name: str, taken: set[str], known: KnownRecords | None = None) -> tuple[Any, Type]:
    """Return the data of an input, and the type that a program can declare for it.

    Objects and named tuples are records with the name of their class, and dicts whose values have no common type are
    records that are named after the input; `taken` are the names of records that there are, to which theirs are added,
    and those in `known` are taken again for objects that fit. Fields that some of them lack are None. Raises Mismatch.
    """
    try:
        return data, declarable_type(data)
    except Mismatch:
        type_ = _common_type([data], name, taken, {} if known is None else known)
        return completed(data, type_), type_


def _common_type(values: list[Any], name: str, taken: set[str], known: KnownRecords) -> Type:
    """Return the type of which all of some data are. Raises Mismatch."""
    there = [value for value in values if value is not None]
    try:
        type_ = _joined(there)
    except Mismatch:
        kinds = {type(value) for value in there}
        if kinds == {dict} and all(map(_is_object, parts := [part for value in there for part in value.values()])):
            keys = _common_type([key for value in there for key in value], name, taken, known)
            type_ = DictType(keys, _common_type(parts, name, taken, known))
        elif kinds <= {dict, ObjectData}:
            type_ = _record(there, name, taken, known)
        elif len(kinds) == 1 and _is_object(there[0]):
            objects = [ObjectData(value._asdict(), type(value).__name__) for value in there]
            type_ = _record(objects, name, taken, known)
        elif kinds == {list}:
            type_ = ListType(_common_type([item for value in there for item in value], name, taken, known))
        elif kinds == {tuple} and len({len(value) for value in there}) == 1:
            type_ = TupleType(tuple(_common_type(list(items), name, taken, known) for items in zip(*there)))
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


def _record(values: Sequence[dict[Any, Any]], name: str, taken: set[str], known: KnownRecords) -> RecordType:
    """Return the record whose fields are the keys of some dicts. Raises Mismatch for keys that are no names."""
    keys = dict.fromkeys(key for value in values for key in value)
    for key in keys:
        if not (isinstance(key, str) and key.isidentifier() and key.isascii()) or iskeyword(key) or key[0] == "_":
            message = f"it has the key {key!r:.60}, which is no name of a field, and values of several types"
            raise Mismatch(message, "rename it, or give values of one type")
    classes = {value.class_name if isinstance(value, ObjectData) else "" for value in values}
    own = classes.pop() if len(classes) == 1 else ""
    if own in known and all(_fits(value, known[own]) for value in values):
        return known[own]
    class_name = _unused(own, taken) if own.isidentifier() and own.isascii() else record_name(name, taken)
    taken.add(class_name)
    fields = [(key, _common_type([value.get(key) for value in values], key, taken, known)) for key in keys]
    record = RecordType(class_name, tuple(fields))
    if own:
        known.setdefault(own, record)
    return record


def _fits(data: dict[Any, Any], record: RecordType) -> bool:
    try:
        from_json(data, record)
    except Mismatch:
        return False
    return True


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
