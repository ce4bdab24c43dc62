"""Python annotations as types of the language: `list[str]`, `Literal["yes", "no"]`, `int | None`, a dataclass, a date.

A class of fields is a record, with what it says about its fields. An enumeration is the `Literal` of its values; dates,
paths and the like are the text or the number that their objects are read as. (Decision 119.)
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, MutableMapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum, Flag
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from attrs import NOTHING

from rlmlang.errors import UsageError
from rlmlang.language import nodes
from rlmlang.language.literal_text import string_text
from rlmlang.language.parse.layout import show_hidden
from rlmlang.language.source import Source, Span
from rlmlang.language.types import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DictType,
    ListType,
    OpenTupleType,
    RecordType,
    SetType,
    TupleType,
    Type,
    hashable,
    literal,
    optional,
)
from rlmlang.runtime.python_values import data_of, loaded
from rlmlang.runtime.reading import from_json
from rlmlang.runtime.values import Mismatch

_PLAIN: dict[object, Type] = {str: STR, int: INT, float: FLOAT, bool: BOOL, NoneType: NONE, None: NONE}

_LISTS = (list, Sequence, Iterable, Collection)
_SETS = (set, frozenset, Set)
_DICTS = (dict, Mapping, MutableMapping)

_FORMS: Sequence[tuple[str, str, Type, str]] = (
    ("datetime", "datetime", STR, "a date and time such as 2026-07-31T09:30:00"),  # it is a date too
    ("datetime", "date", STR, "a date such as 2026-07-31"),
    ("datetime", "time", STR, "a time such as 09:30:00"),
    ("datetime", "timedelta", FLOAT, "in seconds"),
    ("uuid", "UUID", STR, "a UUID"),
    ("os", "PathLike", STR, "a path"),
)
"""Classes whose objects are one text or number in a program: module and name, the type, and its form in words."""

_HINT = (
    "types are str, int, float, bool, list[…], set[…], dict[…, …], tuple[…], Literal[…], … | None, enumerations, "
    "dates, and dataclasses and the like with fields of these types"
)
_HINTS: Mapping[str, str] = {
    "Decimal": "write float, or str to keep every digit",
    "Fraction": "write float, or str to keep every digit",
    "bytes": "write str, and decode the bytes",
    "list": "write what its elements are, such as list[str]",
    "set": "write what its elements are, such as set[str]",
    "tuple": "write what its elements are, such as tuple[str, int]",
    "dict": "write what its keys and values are, such as dict[str, int]",
    "DataFrame": "write a list of a class of fields, such as list[Row], or list[dict[str, str]]",
}
"""What to write instead, by the names of classes that are no types of the language."""


def type_text(annotation: Any) -> str:
    """Return the text of a type, which is given as text or as a Python type. Raises UsageError E607."""
    return annotation if isinstance(annotation, str) else str(type_of_annotation(annotation))


def type_of_annotation(annotation: Any) -> Type:
    """Return the type that a Python type is, a record for a class of fields. Raises UsageError E607."""
    return _type(annotation, ())


def has_objects(annotation: Any) -> bool:
    """Return whether what fits an annotation is, or holds, objects of classes that no program has."""
    bare = _bare(annotation)
    return (
        field_names(bare) is not None
        or (isinstance(bare, type) and (issubclass(bare, Enum) or _of_one_datum(bare) is not None))
        or isinstance(bare, Enum)  # in a Literal
        or get_origin(bare) is frozenset
        or any(map(has_objects, get_args(bare)))
    )


def field_names(kind: Any) -> Iterable[str] | None:
    """Return the names of the fields of a dataclass, an attrs or pydantic class, a named tuple or a `TypedDict`."""
    if not isinstance(kind, type):
        return None
    if isinstance(declared := getattr(kind, "model_fields", None), dict):
        return declared
    if isinstance(attributes := getattr(kind, "__attrs_attrs__", None), tuple):
        return [each.name for each in attributes]
    if is_dataclass(kind):
        return [each.name for each in fields(kind)]
    if is_typeddict(kind):
        return list(kind.__annotations__)
    return getattr(kind, "_fields", None) if issubclass(kind, tuple) else None


def optional_names(kind: Any) -> set[str]:
    """Return the names of the fields of a `TypedDict` that may be left out."""
    found = set()
    for name, type_ in get_type_hints(kind, include_extras=True).items():
        # Python knows neither mark where annotations are texts, and takes the field for what `total` says.
        marked = get_origin(type_) in (Required, NotRequired)
        if get_origin(type_) is NotRequired or (not marked and name not in kind.__required_keys__):
            found.add(name)
    return found


def meaning(annotation: Any) -> str:
    """Return what a model should know of data of an annotation beside their type, on one line; empty for nothing."""
    return _on_one_line(dict.fromkeys(_meanings(annotation)))


# Types ---------------------------------------------------------------------------


def _type(annotation: Any, around: tuple[type, ...]) -> Type:
    annotation = _bare(annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is None and isinstance(annotation, Hashable) and annotation in _PLAIN:
        return _PLAIN[annotation]
    if origin is Literal and all(type(value) in (str, int, bool) for value in _values(args)):
        return literal(_values(args))
    if origin in _LISTS and args:
        return ListType(_type(args[0], around))
    if origin in (*_SETS, *_DICTS) and args and hashable(key := _type(args[0], around)):
        return SetType(key) if origin in _SETS else DictType(key, _type(args[1], around))
    if origin is tuple and len(args) == 2 and args[1] is ...:
        return OpenTupleType(_type(args[0], around))
    if origin is tuple and args:
        return TupleType(tuple(_type(each, around) for each in args))
    if origin in (Union, UnionType) and len(args) == 2 and NoneType in args:
        return optional(_type(args[0] if args[1] is NoneType else args[1], around))
    if (names := field_names(annotation)) is not None:
        return _record(annotation, names, around)
    if (form := _form(annotation)) is not None:
        return form[0]
    name = getattr(annotation, "__name__", "")
    raise UsageError.of("E607", f"{annotation!r} is not a type of the language", hint=_HINTS.get(name, _HINT))


def _bare(annotation: Any) -> Any:
    """Return an annotation without what is written around its type, and without other names of the type."""
    while True:
        if get_origin(annotation) in (Annotated, Required, NotRequired):
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":  # of `type Name = …`, from Python 3.12 on
            annotation = annotation.__value__
        else:
            return annotation


def _values(constants: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(each.value if isinstance(each, Enum) else each for each in constants)


def _record(kind: type, names: Iterable[str], around: tuple[type, ...]) -> RecordType:
    """Return the record that a class of fields is, within others. Raises UsageError E607."""
    if kind in around:
        raise UsageError.of("E607", f"{kind!r} is a part of itself, which no record is")
    try:
        types = get_type_hints(kind, include_extras=True)
    except Exception as error:
        raise UsageError.of("E607", f"the annotations of {kind!r} cannot be read: {error}") from error
    if missing := [name for name in names if name not in types]:
        raise UsageError.of("E607", f"the field `{missing[0]}` of {kind!r} has no type")
    says = {"": _docstring(kind)}
    says |= {name: _on_one_line((*_said_of_field(kind, name), *_meanings(types[name]))) for name in names}
    may_lack = optional_names(kind) if is_typeddict(kind) else ()
    made = tuple(
        (name, optional(of) if name in may_lack else of)
        for name in names
        for of in (_type(types[name], (*around, kind)),)
    )
    defaults = {name: node for name, of in made if (node := _default(kind, name, of)) is not None}
    return RecordType(kind.__name__, made, {name: text for name, text in says.items() if text}, defaults)


def _default(kind: Any, name: str, type_: Type) -> nodes.Constant | None:
    """Return the default of a field as programs write it; None for what is no constant there, and for none."""
    try:
        value = from_json(data_of(_given_default(kind, name), name), type_)
    except Mismatch:
        return None
    if not isinstance(value, str | int | float | NoneType):
        return None
    source = Source(string_text(value) if isinstance(value, str) else repr(value), "<default>")
    return nodes.Constant(value, span=Span(source, 0, len(source.text)))


def _given_default(kind: Any, name: str) -> object:
    """Return what a class of fields says that a field is by itself; an object that is no data for nothing."""
    if is_dataclass(kind):
        return kind.__dataclass_fields__[name].default
    if isinstance(declared := getattr(kind, "model_fields", None), dict):
        return declared[name].default
    if isinstance(attributes := getattr(kind, "__attrs_attrs__", None), tuple):
        given = next(each.default for each in attributes if each.name == name)
        return type if given is NOTHING else given  # which is an enumeration's member
    return getattr(kind, "_field_defaults", {}).get(name, type)


def _form(kind: Any) -> tuple[Type, str] | None:
    """Return the type of the data that objects of a class are in a program, and their form in words.

    None for a class whose objects are no text or number. Raises UsageError E607 for an enumeration of other values.
    """
    if not isinstance(kind, type):
        return None
    return _enumeration(kind) if issubclass(kind, Enum) else _of_one_datum(kind)


def _of_one_datum(kind: type) -> tuple[Type, str] | None:
    found = (form for form in _FORMS if issubclass(kind, loaded(form[0], form[1])))
    return next(((type_, words) for _, _, type_, words in found), None)


def _enumeration(kind: type[Enum]) -> tuple[Type, str]:
    values = _values(kind)
    if issubclass(kind, Flag):  # whose values may be added
        return INT, ", ".join(f"{each.name} is {each.value}" for each in kind)
    if not values or len({type(value) for value in values}) > 1 or type(values[0]) not in (str, int, bool):
        message = f"the values of {kind!r} are not all texts or all whole numbers"
        raise UsageError.of("E607", message, hint="give its members values of one type, such as RED = 'red'")
    return literal(values), "" if type(values[0]) is str else ", ".join(f"{each.value} is {each.name}" for each in kind)


# What models are told ------------------------------------------------------------


def _meanings(annotation: Any) -> Iterator[str]:
    """Yield what is said of an annotation beside its type: words in `Annotated`, and the forms of dates."""
    if get_origin(annotation) is Annotated:
        for each in get_args(annotation)[1:]:
            words = each if isinstance(each, str) else getattr(each, "documentation", getattr(each, "description", ""))
            yield words if isinstance(words, str) else ""
    bare = _bare(annotation)
    if field_names(bare) is None:
        yield (_form(bare) or ("", ""))[1]
        for each in get_args(bare):
            if get_origin(bare) is not Literal:
                yield from _meanings(each)


def _docstring(kind: type) -> str:
    """Return the docstring of a class on one line; empty for one that Python has made of its fields."""
    text = vars(kind).get("__doc__") or ""
    return "" if text.startswith(f"{kind.__name__}(") else _on_one_line((text,))


def _said_of_field(kind: type, name: str) -> Iterator[str]:
    """Yield what a class says about one of its fields: by pydantic's `description`, or in the field's metadata."""
    for place in ("model_fields", "__pydantic_fields__", "__dataclass_fields__"):
        about = getattr(kind, place, {}).get(name)
        yield getattr(about, "description", None) or getattr(about, "doc", None) or ""
        yield _in_metadata(about)
    yield _in_metadata(next((each for each in getattr(kind, "__attrs_attrs__", ()) if each.name == name), None))


def _in_metadata(about: Any) -> str:
    found = getattr(about, "metadata", None)
    words = found.get("description", "") if isinstance(found, Mapping) else ""
    return words if isinstance(words, str) else ""


def _on_one_line(texts: Iterable[str]) -> str:
    lines = (show_hidden(" ".join(text.split())) for text in texts)
    return "; ".join(dict.fromkeys(line for line in lines if line))
