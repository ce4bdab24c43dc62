"""The structure of a type as data, for the keys of calls and the records of runs."""

from __future__ import annotations

from typing import Any

from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NEVER,
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
)


def structure_of(type_: Type) -> object:
    """Return the structure of a type as JSON data, with the fields of its records and what is said about them."""
    match type_:
        case ListType():
            return ["list", structure_of(type_.item)]
        case SetType():
            return ["set", structure_of(type_.item)]
        case DictType(key=key, value=value):
            return ["dict", structure_of(value)] if key == STR else ["dict", structure_of(key), structure_of(value)]
        case TupleType():
            return ["tuple", *map(structure_of, type_.items)]
        case OpenTupleType():
            return ["tuple", structure_of(type_.item), "..."]
        case OptionalType():
            return ["optional", structure_of(type_.item)]
        case LiteralType():
            return ["literal", *type_.values]
        case RecordType():
            says = type_.descriptions
            named = [type_.name, says[""]] if "" in says else type_.name
            parts = ([name, structure_of(each), *([says[name]] if name in says else [])] for name, each in type_.fields)
            return ["record", named, *parts]
    return str(type_)


def type_of_structure(structure: Any) -> Type:
    """Return the type that has a structure."""
    match structure:
        case str():
            return _NAMED[structure]
        case ["list", item]:
            return ListType(type_of_structure(item))
        case ["set", item]:
            return SetType(type_of_structure(item))
        case ["dict", value]:
            return DictType(STR, type_of_structure(value))
        case ["dict", key, value]:
            return DictType(type_of_structure(key), type_of_structure(value))
        case ["tuple", item, "..."]:
            return OpenTupleType(type_of_structure(item))
        case ["tuple", *items]:
            return TupleType(tuple(map(type_of_structure, items)))
        case ["optional", item]:
            return OptionalType(type_of_structure(item))
        case ["literal", *values]:
            return LiteralType(tuple(values))
        case ["record", named, *parts]:
            name, *about = named if isinstance(named, list) else [named]
            says = {"": about[0]} if about else {}
            says |= {part[0]: part[2] for part in parts if len(part) > 2}
            return RecordType(name, tuple((part[0], type_of_structure(part[1])) for part in parts), says)
    raise AssertionError(structure)


_NAMED: dict[str, Type] = {str(each): each for each in (STR, INT, FLOAT, BOOL, NONE, NEVER)}
