"""The structure of a type as data, for the keys of calls."""

from __future__ import annotations

from rlmlang.language.types import (
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
